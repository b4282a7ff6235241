"""Learning: classifiers, cross-validation, and the choice among candidates.

In: a matrix of features, labels. Out: `cross_validation.Scores`, a choice and its bias-corrected
estimate. Works in memory only, and knows neither countries nor MLflow.
"""
