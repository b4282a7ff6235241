"""Reproduction: ``study=submission``, the original solution to the letter.

In: exports or archives, and points files. Out: the class of every unlabelled point, and a run that says how
they were made. It shares nothing with `cropland.features` and `cropland.learning`: what is better there
would change the answer. May touch the file of predictions and, by `cropland.tracking`, the store.

``recipe`` (the original program) ← ``study`` (its data, checks and run) → ``figure``.
"""
