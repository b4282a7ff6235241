"""The schema of ``conf/model/``: a classifier and its parameters."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import StrictBool

from cropland.config.schema import Closed, Name, require

FAST = ("sklearnex.ensemble.RandomForestClassifier", "sklearnex.ensemble.ExtraTreesClassifier")
"""Classes of scikit-learn-intelex that stand in for scikit-learn's of the same names."""
OWN = "sklearn."
"""What the name of a class that needs no leave starts with."""
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


def _targets(parameters: Any) -> list[str]:
    """Collect every ``_target_``."""
    if isinstance(parameters, dict):
        own = [str(parameters["_target_"])] if "_target_" in parameters else []
        return own + [target for value in parameters.values() for target in _targets(value)]
    if isinstance(parameters, list):
        return [target for value in parameters for target in _targets(value)]
    return []
