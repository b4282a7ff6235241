"""Reproduction: the original solution of the challenge, to the letter (``study=submission``).

In: exports and points files. Out: a CSV of ``ID,Target``, and a run. It has a path of its own from
exports to classes, and shares nothing with `cropland.features` and `cropland.learning`.
"""
