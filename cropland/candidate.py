"""Candidates: one country × one configuration, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cache, cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml

from cropland import archive as archives
from cropland import bands, estimator, features, points, series, validation
from cropland import window as windows
from cropland.bands import BandSet
from cropland.window import Window

if TYPE_CHECKING:
    from cropland.archive import Archive
    from cropland.config import Configuration, Country

Status = Literal["finished", "already there", "outside", "failed"]
_DECIDE_NOTHING = frozenset(("tracking", "paths", "n_jobs", "force", "parent_run"))
_FEATURE_PATH = (archives, bands, windows, series, features, validation, estimator)
_NUMERICS = ("numpy", "scikit-learn", "spyndex")
_DUMPER = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # ten times faster where libyaml is there


@dataclass(frozen=True)
class Outcome:
    """What became of a candidate: plain values, so that a worker can hand it over.

    Attributes
    ----------
    country, span, period, bands, series, model, validation : str or int
        What it was.
    window_end : str
        Last day of its window.
    status : str
        ``finished``, ``already there``, ``outside`` its archive, or ``failed``.
    run_id : str
        Its MLflow run, empty where there is none.
    accuracy, accuracy_se : float
        Its score and the standard error, NaN where there is none.
    n_features : int
        Features of its matrix.
    message : str
        Why it was skipped or failed; or what else to know of it.
    """

    country: str
    span: int
    period: str
    bands: str
    series: str
    model: str
    validation: str
    window_end: str
    status: Status
    run_id: str = ""
    accuracy: float = float("nan")
    accuracy_se: float = float("nan")
    n_features: int = 0
    message: str = ""


@dataclass(frozen=True)
class Candidate:
    """One country × one configuration."""

    configuration: Configuration
    country: Country

    @cached_property
    def window(self) -> Window:
        """Its window."""
        return Window.of(self.country.reference, self.configuration.span, self.configuration.period)

    @cached_property
    def band_set(self) -> BandSet:
        """Its band set."""
        return BandSet.of(self.configuration.bands.names)

    @property
    def name(self) -> str:
        """What it is called on screen and in MLflow, e.g. ``iran 48w +0m ndvi forest``."""
        chosen = self.configuration
        period = chosen.period if isinstance(chosen.period, str) else f"{chosen.period:+d}m"
        plain = {"series": "raw", "validation": "kfold"}
        extra = [
            getattr(chosen, group).name
            for group, default in plain.items()
            if getattr(chosen, group).name != default
        ]
        words = [self.country.name, f"{chosen.span}w", period, chosen.bands.name, chosen.model.name]
        return " ".join([*words, *extra])

    def identity(self, archive: Archive) -> str:
        """Hash all that decides its scores: settings, data, the code of the feature path, versions."""
        settings = {
            key: value
            for key, value in asdict(self.configuration).items()
            if key not in _DECIDE_NOTHING
        }
        return archives.fingerprint(settings, self.country, archive.fingerprint, _code())

    def params(self) -> dict[str, object]:
        """Give what MLflow keeps as params, the model's own with the prefix ``model.``."""
        chosen = self.configuration
        groups = {
            group: getattr(chosen, group).name
            for group in ("bands", "series", "model", "validation", "source")
        }
        return {
            "country": self.country.name,
            "span": chosen.span,
            "period": chosen.period,
            **groups,
            "seed": chosen.seed,
            "window_start": self.window.first,
            "window_end": self.window.last,
            **dict(_flat(chosen.model.parameters, "model.")),
            **dict(_flat(_own(asdict(chosen.validation)), "validation.")),
        }

    def as_yaml(self) -> str:
        """Write the resolved configuration with its country, for the run's artifacts."""
        resolved = {"country": asdict(self.country), **asdict(self.configuration)}
        text: str = yaml.dump(resolved, Dumper=_DUMPER, sort_keys=False, allow_unicode=True)
        return text

    def outcome(self, status: Status, **found: Any) -> Outcome:
        """Say what became of it."""
        chosen = self.configuration
        return Outcome(
            country=self.country.name,
            span=chosen.span,
            period=str(chosen.period),
            bands=chosen.bands.name,
            series=chosen.series.name,
            model=chosen.model.name,
            validation=chosen.validation.name,
            window_end=self.window.last.isoformat(),
            status=status,
            **found,
        )

    def check(self, archive: Archive) -> None:
        """Check, before any work, that its archive has what it needs, its window aside.

        Raises
        ------
        CroplandError
            A band is missing, labels cannot be learnt, or there are fewer points or blocks than folds.
        """
        archive.require(self.band_set.measured(archive.stored))
        if self.configuration.series.clear:
            archive.require([bands.SCENE_CLASS])
        labelled = features.labelled(archive.points)
        folds = self.configuration.validation.folds
        points.check_labels(labelled["Target"].to_numpy(), self.country, folds)
        validation.check(labelled, self.configuration.validation, self.country.name)


@cache
def _code() -> str:
    """Hash the code of the feature path and the versions of what it computes with."""
    code = [Path(module.__file__) for module in _FEATURE_PATH if module.__file__]
    return archives.fingerprint(*((name, version(name)) for name in _NUMERICS), *code)


def _own(values: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in values.items() if key != "name" and value is not None}


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Give nested mappings as dotted keys."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}".removesuffix("._target_"), value
