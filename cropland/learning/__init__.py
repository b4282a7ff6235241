"""Learning: a matrix and labels become scores, and of many candidates one is chosen.

In: a matrix of features with labels, a classifier's configuration, how it is validated. Out: `Scores`, the
position of a choice, estimates with their intervals. Memory only: arrays in, numbers out.

``classifiers``, ``fast_forest`` → ``cross_validation`` and ``nested`` (by ``probability``) → ``statistics`` →
``choice``.
"""
