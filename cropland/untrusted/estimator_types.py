"""The types that the classifiers of models are made of, by their full names: no function, no method.

In: nothing. Out: the list by which `estimators` reads a file. A type that is not listed is not imported. What
is listed runs nothing of others when it is made.
"""

from __future__ import annotations

_ESTIMATORS = frozenset(
    (
        "sklearn.calibration.CalibratedClassifierCV",
        "sklearn.discriminant_analysis.LinearDiscriminantAnalysis",
        "sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis",
        "sklearn.ensemble._forest.ExtraTreesClassifier",
        "sklearn.ensemble._forest.RandomForestClassifier",
        "sklearn.ensemble._hist_gradient_boosting.gradient_boosting.HistGradientBoostingClassifier",
        "sklearn.ensemble._weight_boosting.AdaBoostClassifier",
        "sklearn.linear_model._logistic.LogisticRegression",
        "sklearn.naive_bayes.GaussianNB",
        "sklearn.neighbors._classification.KNeighborsClassifier",
        "sklearn.neural_network._multilayer_perceptron.MLPClassifier",
        "sklearn.pipeline.Pipeline",
        "sklearn.preprocessing._data.StandardScaler",
        "sklearn.svm._classes.LinearSVC",
        "sklearn.svm._classes.SVC",
        "sklearn.tree._classes.DecisionTreeClassifier",
        "sklearn.tree._classes.ExtraTreeClassifier",
    )
)
_PARTS = frozenset(
    (
        "sklearn._loss.link.Interval",
        "sklearn._loss.link.LogitLink",
        "sklearn._loss.loss.HalfBinomialLoss",
        "sklearn.calibration._CalibratedClassifier",
        "sklearn.calibration._SigmoidCalibration",
        "sklearn.ensemble._hist_gradient_boosting.binning._BinMapper",
        "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
        "sklearn.metrics._dist_metrics.EuclideanDistance64",
        "sklearn.metrics._dist_metrics.ManhattanDistance64",
        "sklearn.neighbors._ball_tree.BallTree",
        "sklearn.neighbors._kd_tree.KDTree",
        "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
        "sklearn.neural_network._stochastic_optimizers.SGDOptimizer",
        "sklearn.preprocessing._label.LabelBinarizer",
        "sklearn.preprocessing._label.LabelEncoder",
    )
)
"""What estimators are made of."""
_NUMBERS = ("bool", "bool_", "float32", "float64", "int8", "int32", "int64", "ndarray", "uint64")
TYPES = {
    "DictNode": frozenset(("builtins.dict",)),
    "JsonNode": frozenset(("builtins.str",)),
    "ListNode": frozenset(("builtins.list",)),
    "LossNode": frozenset(("sklearn._loss._loss.CyHalfBinomialLoss",)),
    "NdArrayNode": frozenset(f"numpy.{name}" for name in _NUMBERS),
    "ObjectNode": _ESTIMATORS | _PARTS,
    "RandomGeneratorNode": frozenset(("numpy.random._generator.Generator",)),
    "RandomStateNode": frozenset(("numpy.random.mtrand.RandomState",)),
    "TreeNode": frozenset(("sklearn.tree._tree.Tree",)),
    "TupleNode": frozenset(("builtins.tuple",)),
    "TypeNode": frozenset(("builtins.int", "builtins.str")),
}
"""What a file may hold: the types by the kind of their entry in skops' schema."""


def is_listed(target: str) -> bool:
    """Return whether a registered model may hold a class, by the name that a configuration gives it."""
    return target in {_public(name) for name in _ESTIMATORS}


def _public(name: str) -> str:
    """Return the name by which users import a class: that of its first public package."""
    *modules, short = name.split(".")
    public = next((at for at, part in enumerate(modules) if part.startswith("_")), len(modules))
    return ".".join([*modules[:public], short])
