"""Estimators: a scikit-learn classifier made of its configuration."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, Protocol, cast

from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate

from cropland.errors import ConfigError, nearest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cropland.config import Model

ALLOWED = "sklearn."
"""What a `_target_` must start with: a configuration must not be able to run just any code."""


class Classifier(Protocol):
    """What is used of a scikit-learn classifier."""

    classes_: NDArray[np.int64]

    def fit(self, x: NDArray[np.float32], y: NDArray[np.int8]) -> Classifier:
        """Learn from samples and their labels."""

    def predict_proba(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Give the probability of each class for each sample."""


def build(model: Model, seed: int) -> Classifier:
    """Make an unfitted classifier, behind a scaler where the model asks for one.

    Parameters
    ----------
    model : Model
        Class and parameters; nested ``_target_`` entries are instantiated too.
    seed : int
        Becomes ``random_state`` where the class takes one and the configuration gives none.

    Raises
    ------
    ConfigError
        Not a scikit-learn class, not a classifier with probabilities, or a parameter that it lacks.
    """
    kind = _class_of(model)
    parameters = inspect.signature(kind).parameters
    unknown = [name for name in model.parameters if name not in parameters]
    if unknown:
        raise ConfigError(
            f"model.{unknown[0]}: {model.target} has no such parameter; {nearest(unknown[0], parameters)}"
        )
    chosen = dict(model.parameters)
    if "random_state" in parameters:
        chosen.setdefault("random_state", seed)
    try:
        classifier = instantiate({"_target_": model.target, **chosen})
    except InstantiationException as error:
        raise ConfigError(f"model={model.name} cannot be made: {error}") from error
    if not hasattr(classifier, "predict_proba"):
        raise ConfigError(
            f"{model.target} gives no probabilities; choose another classifier, or put it into "
            f"sklearn.calibration.CalibratedClassifierCV as conf/model/svm.yaml does"
        )
    return cast("Classifier", _scaled(classifier) if model.scale else classifier)


def _scaled(classifier: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), classifier)


def _class_of(model: Model) -> type:
    for target in _targets({"_target_": model.target, **model.parameters}):
        if not target.startswith(ALLOWED):
            raise ConfigError(f"model: expected a class of scikit-learn, got _target_ {target!r}")
    try:
        kind = get_class(model.target)
    except Exception as error:  # whatever importing the named module raises
        raise ConfigError(f"model._target_ {model.target!r} cannot be found: {error}") from error
    from sklearn.base import ClassifierMixin

    if not issubclass(kind, ClassifierMixin):
        raise ConfigError(f"model: expected a classifier, but {model.target} is none")
    return kind


def _targets(parameters: Any) -> list[str]:
    """Collect every ``_target_``, however deeply nested."""
    if isinstance(parameters, dict):
        own = [str(parameters["_target_"])] if "_target_" in parameters else []
        return own + [target for value in parameters.values() for target in _targets(value)]
    if isinstance(parameters, list):
        return [target for value in parameters for target in _targets(value)]
    return []
