"""The schema of ``conf/model/``: a classifier and its parameters.

A file holds ``name``, ``scale`` and ``estimator``, a class with its parameters as `hydra.utils.instantiate`
takes it. Keys below ``estimator`` have short forms: ``model.max_depth`` for ``model.estimator.max_depth``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import StrictBool

from cropland.config.schema import Closed, Name, filled, require
from cropland.errors import no_value

FAST = ("sklearnex.ensemble.RandomForestClassifier", "sklearnex.ensemble.ExtraTreesClassifier")
"""Classes of scikit-learn-intelex that stand in for scikit-learn's of the same names."""
OWN = "sklearn."
"""What the name of a class that needs no leave starts with."""
_KEYS = ("name", "scale", "estimator")
"""Keys of a file of ``conf/model/``."""
_SHORT = re.compile(rf"\A([+~]*)model\.(?!(?:{'|'.join(_KEYS)})(?!\w))")
_FULL = re.compile(r"\A([+~]*)model\.estimator\.")
_PUBLIC = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+", re.ASCII)
_NOT_FOR_USE = frozenset(("conftest", "externals", "tests"))
_ALLOWED = re.compile(r"(?!__)[^\W\d]\w*(\.(?!__)[^\W\d]\w*)*\.?", re.ASCII)


@dataclass(frozen=True)
class Model(Closed):
    """A classifier: the class, its own parameters, and whether features are scaled.

    Attributes
    ----------
    name : str
        What it is called.
    target : str
        Full name of its class.
    scale : bool
        Whether features are scaled before it.
    parameters : mapping
        Its own; a mapping with a ``_target_`` becomes an object of that class.
    allow : tuple of str
        Classes that may be made beside scikit-learn's: full names, or prefixes that end with a dot.
    """

    name: Name
    target: str
    scale: StrictBool
    parameters: dict[str, Any]
    allow: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for each in self.allow:
            require(
                _ALLOWED.fullmatch(each) is not None and "." in each,
                f"allow: expected a class such as lightgbm.LGBMClassifier or a package such as lightgbm. "
                f"(with its dot), got {each!r}",
            )

    @property
    def targets(self) -> list[str]:
        """Its class and every one that its parameters name, however deeply nested."""
        return _targets({"_target_": self.target, **self.parameters})

    @property
    def file(self) -> dict[str, Any]:
        """Its values as a file of ``conf/model/`` has them."""
        estimator = {"_target_": self.target, **self.parameters}
        return {"name": self.name, "scale": self.scale, "estimator": estimator}

    @property
    def fast(self) -> bool:
        """Whether a class of scikit-learn-intelex is among them."""
        return any(target in FAST for target in self.targets)

    def allowed_by(self, target: str) -> str:
        """Return what allows a class to be made: its own full name, or the prefix that it starts with.

        Raises
        ------
        ConfigError
            It is neither scikit-learn's nor allowed; `learning.classifiers` looks further, once imported.
        """
        if target in (*FAST, *self.allow):
            return target
        prefixes = [each for each in (OWN, *self.allow) if each.endswith(".")]
        found = [each for each in prefixes if target.startswith(each)]
        public = _PUBLIC.fullmatch(target) and not _NOT_FOR_USE & set(target.split("."))
        require(
            bool(found and public),
            f"model: expected a class of scikit-learn, got _target_ {target!r}; a class of another "
            f"package that you trust is allowed by name, as in allow=[lightgbm.LGBMClassifier]",
        )
        return found[0]


def full_key(word: str) -> str:
    """Return a key, or a setting that begins with one, as ``conf/`` has it: below ``model.estimator``.

    What begins with ``model.estimator`` is a full key already, also where the class has a parameter
    ``estimator``.
    """
    return _SHORT.sub(r"\1model.estimator.", word)


def short_key(word: str) -> str:
    """Return a key, or a setting that begins with one, without ``estimator``: the name of a run's param."""
    return _FULL.sub(r"\1model.", word)


def with_estimator(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values of a model with those of its class below ``estimator``, wherever they stood."""
    own = {key: value for key, value in values.items() if key in _KEYS}
    others = {key: value for key, value in values.items() if key not in _KEYS}
    estimator = own.get("estimator", {})
    if not others or not isinstance(estimator, dict):
        return dict(values)
    return {**own, "estimator": {**estimator, **others}}


def model(values: Mapping[str, Any], allow: object = ()) -> Model:
    """Return the model of a file of ``conf/model/``.

    Raises
    ------
    ConfigError
        An unknown or missing key, or a value of the wrong type.
    """
    require(
        isinstance(allow, (list, tuple)) and all(isinstance(each, str) for each in allow),
        f"allow must be a list of names, as in allow=[lightgbm.LGBMClassifier], got {allow!r}",
    )
    for key in values:
        require(
            key in _KEYS,
            f"model.{key}: expected only {', '.join(_KEYS)} in a model; its class and parameters stand "
            f"below estimator, as in estimator: {{_target_: sklearn.svm.SVC, C: 10}}",
        )
    given, estimator = dict(values), values.get("estimator", {})
    given.pop("estimator", None)
    require(
        isinstance(estimator, dict), f"model.estimator must be a group of keys, got {estimator!r}"
    )
    require("_target_" in estimator, no_value("model.estimator._target_"))
    target = estimator["_target_"]
    require(
        isinstance(target, str),
        f"model.estimator._target_ must be the name of a class, got {target!r}",
    )
    parameters = {key: value for key, value in estimator.items() if key != "_target_"}
    given |= {"target": target, "parameters": parameters, "allow": allow}
    return filled(Model, given, "model.")


def _targets(parameters: Any) -> list[str]:
    """Collect every ``_target_``."""
    if isinstance(parameters, dict):
        own = [str(parameters["_target_"])] if "_target_" in parameters else []
        return own + [target for value in parameters.values() for target in _targets(value)]
    if isinstance(parameters, list):
        return [target for value in parameters for target in _targets(value)]
    return []
