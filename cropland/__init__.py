"""Cropland: from labelled points to a validated cropland model of any country.

=================  =======================================================================
what there is       `Country`, `Box`, `Reference`, `read_country`, `Window`
points, archive     `read_points`, `read_exports`, `simulate`, `open_archive`, `Archive`
series, features    `make_series`, `make_features`
cross-validation    `cross_validate`, `Validation`, `Scores`, `calibrate`
sweeps              `compose`, `score`
runs, models        `runs`, `load_champion`, `Fitted`
errors              `CroplandError`, the parent of all errors that a user can fix
=================  =======================================================================

All of it works in a notebook: no arguments are read, nothing is printed; `score` alone writes, archives and
runs. What is not named
here may change without notice. ``docs/python.md`` shows how the parts go together; ``toyland`` in the
examples is a country of 80 points that was made up.
"""

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cropland.config.countries import Box, Country, Reference, read_country
    from cropland.config.groups import Validation
    from cropland.errors import CroplandError
    from cropland.features.matrix import make_features
    from cropland.features.series import make_series
    from cropland.features.window import Window
    from cropland.learning.calibration import calibrate
    from cropland.learning.cross_validation import Scores, cross_validate
    from cropland.models.champion import load_champion
    from cropland.models.fitted import Fitted
    from cropland.observations.archive import Archive, open_archive
    from cropland.observations.points import read_points
    from cropland.sources.exports.source import read_exports
    from cropland.sources.opening import simulate
    from cropland.tracking.runs import runs
    from cropland.training.from_python import compose, score

logging.getLogger(__name__).addHandler(logging.NullHandler())  # who wants records chooses where to
_MODULES = {
    "config.countries": ("Box", "Country", "Reference", "read_country"),
    "config.groups": ("Validation",),
    "errors": ("CroplandError",),
    "features.matrix": ("make_features",),
    "features.series": ("make_series",),
    "features.window": ("Window",),
    "learning.calibration": ("calibrate",),
    "learning.cross_validation": ("Scores", "cross_validate"),
    "models.champion": ("load_champion",),
    "models.fitted": ("Fitted",),
    "observations.archive": ("Archive", "open_archive"),
    "observations.points": ("read_points",),
    "sources.exports.source": ("read_exports",),
    "sources.opening": ("simulate",),
    "tracking.runs": ("runs",),
    "training.from_python": ("compose", "score"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}

__all__ = [
    "Archive",
    "Box",
    "Country",
    "CroplandError",
    "Fitted",
    "Reference",
    "Scores",
    "Validation",
    "Window",
    "calibrate",
    "compose",
    "cross_validate",
    "load_champion",
    "make_features",
    "make_series",
    "open_archive",
    "read_country",
    "read_exports",
    "read_points",
    "runs",
    "score",
    "simulate",
]


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
