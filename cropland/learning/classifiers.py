"""Estimators: a classifier made of its configuration, of scikit-learn's classes or such as a user allows.

Nothing else is called, whatever a configuration says: a ``_target_`` must be a class that was defined in
scikit-learn, or is allowed, and an estimator, a kernel or a splitter.
"""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING, Any, Protocol, cast

from cropland.config.model import FAST
from cropland.errors import ConfigError, nearest
from cropland.learning import fast_forest

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cropland.config.model import Model


class Classifier(Protocol):
    """What is used of a scikit-learn classifier."""

    classes_: NDArray[np.int64]

    def fit(self, x: NDArray[np.float32], y: NDArray[np.int8]) -> Classifier:
        """Learn from samples and their labels."""

    def predict_proba(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the probability of each class for each sample."""


def build(model: Model, seed: int) -> Classifier:
    """Make an unfitted classifier, behind a scaler where the model asks for one.

    Parameters
    ----------
    model : Model
        Class and parameters; nested ``_target_`` entries are made too.
    seed : int
        Becomes ``random_state`` where the class takes one and the configuration gives none.

    Raises
    ------
    ConfigError
        A class that is neither scikit-learn's nor allowed, not a classifier with probabilities, or a
        parameter that it lacks.
    """
    from sklearn.base import ClassifierMixin

    for target in model.targets:  # all of them, before the first is made
        _located(target, model)
    kind = _located(model.target, model)
    if not issubclass(kind, ClassifierMixin):
        raise ConfigError(f"model: expected a classifier, but {model.target} is none")
    chosen = dict(model.parameters)
    if "random_state" in inspect.signature(kind).parameters:
        chosen.setdefault("random_state", seed)
    if model.target in FAST:
        chosen.setdefault("n_jobs", 1)
    classifier = _made({"_target_": model.target, **chosen}, model, "model")
    if not hasattr(classifier, "predict_proba"):
        raise ConfigError(
            f"{model.target} gives no probabilities; choose another classifier, or put it into "
            f"sklearn.calibration.CalibratedClassifierCV as conf/model/svm.yaml does"
        )
    if model.fast:
        fast_forest.use_one_thread()
    return cast("Classifier", _scaled(classifier) if model.scale else classifier)


def _scaled(classifier: Any) -> Any:
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), classifier)


def _made(value: Any, model: Model, where: str) -> Any:
    """Make an object of a mapping with a ``_target_``, inner ones first; other values stay what they are."""
    if isinstance(value, list):
        return [_made(each, model, where) for each in value]
    if not isinstance(value, dict):
        return value
    for key, each in value.items():
        if str(key).rpartition("__")[2] == "memory" and each is not None:
            raise ConfigError(f"{where}.{key}: no folder is written to for a model; leave it out")
    given = {
        key: _made(each, model, f"{where}.{key}")
        for key, each in value.items()
        if key != "_target_"
    }
    if "_target_" not in value:
        return given
    target = str(value["_target_"])
    kind = _located(target, model)
    _check_parameters(kind, given, where, target)
    try:
        made = kind(**given)
        # scikit-learn looks at values only when it fits: too late for a sweep.
        getattr(made, "_validate_params", lambda: None)()
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {target} cannot be made: {error}") from error
    return made


def _check_parameters(kind: type, given: dict[Any, Any], where: str, target: str) -> None:
    """Check that a class takes the parameters that it is given."""
    parameters = inspect.signature(kind).parameters
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return
    unknown = [str(name) for name in given if name not in parameters]
    if unknown:
        raise ConfigError(
            f"{where}.{unknown[0]}: {target} has no such parameter; {nearest(unknown[0], parameters)}"
        )


def _located(target: str, model: Model) -> type:
    """Return a class that may be made.

    Modules are imported by the name that the target gives them: what a module has imported for its own use
    cannot be reached through it.
    """
    allowed = model.allowed_by(target)
    module, _, name = target.rpartition(".")
    try:
        kind = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever importing the named module raises
        raise ConfigError(f"model._target_ {target!r} cannot be found: {error}") from error
    if not isinstance(kind, type) or (
        allowed.endswith(".") and not f"{kind.__module__}.".startswith(allowed)
    ):
        raise ConfigError(
            f"model: expected a class of {allowed.rstrip('.')}, but _target_ {target!r} is none"
        )
    if not _is_part_of_models(kind):
        raise ConfigError(
            f"model: expected an estimator, a kernel or a splitter, but _target_ {target!r} is none"
        )
    return kind


def _is_part_of_models(kind: type) -> bool:
    from sklearn.base import BaseEstimator

    if issubclass(kind, BaseEstimator):
        return True
    from sklearn.gaussian_process.kernels import Kernel
    from sklearn.model_selection import BaseCrossValidator, BaseShuffleSplit

    return issubclass(kind, (Kernel, BaseCrossValidator, BaseShuffleSplit))
