"""Reproduction: ``study=submission``, the original solution to the letter.

In: exports or archives, and points files. Out: the class of every unlabelled point, and a run that says how
they were made. It shares nothing with `cropland.features` and `cropland.learning`: what is better there
would change the answer. May touch the file of predictions and, by `cropland.tracking`, the store.

``export_tables`` (read as the original does) → ``recipe`` (the original program) ← ``study`` (data, checks,
run) → ``figure``.
"""
