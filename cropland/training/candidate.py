"""A candidate: one country × one configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from cropland.config import filling
from cropland.errors import DataError
from cropland.features.harmonics import check_weeks
from cropland.features.matrix import labelled
from cropland.features.recipe import Recipe, classes_of
from cropland.features.window import Window
from cropland.learning.folds import check_blocks, firsts, independent_units
from cropland.observations import point_counts, point_notes, points
from cropland.observations.band_values import MISSING_SCENE_CLASS
from cropland.observations.bands import SCENE_CLASS, UNCLEAR_CLASSES, BandSet
from cropland.support import yaml_text
from cropland.support.words import some
from cropland.training.identity import identity, settings_fingerprint
from cropland.training.outcome import KEY, Outcome, Status
from cropland.training.variation import DERIVED, GROUPS, assignments, scalar, shortened

if TYPE_CHECKING:
    import xarray as xr

    from cropland.config.countries import Country
    from cropland.config.groups import Configuration
    from cropland.observations.archive import Archive
    from cropland.observations.point_counts import PointCounts

_DAYS_OF_A_MONTH = 365.25 / 12
CONFIG, CONFIG_EXTRA = "config.yaml", "config_extra.yaml"
"""Artifacts of its run: its configuration, and what of it stands in other files of ``conf/``."""
_DEFAULTS = {"series": "raw", "features": "flat", "validation": "kfold"}
"""Names that a candidate's own name leaves out."""
_NAMED = frozenset((*KEY, "source"))
"""Settings that its name has by itself, or that a sweep has one of."""
_LONGEST_NAME = 400


@dataclass(frozen=True)
class Candidate:
    """One country × one configuration.

    Attributes
    ----------
    configuration : Configuration
        How it is made.
    country : Country
        Whose points it is scored on.
    other_countries : tuple of Country
        Those that it is trained on too, where ``training`` is not ``own``.
    shown : tuple of str
        Settings that its name and its params show beside the usual ones: what its sweep varies, and what
        was given by its key.
    """

    configuration: Configuration
    country: Country
    other_countries: tuple[Country, ...] = ()
    shown: tuple[str, ...] = ()

    @cached_property
    def window(self) -> Window:
        """Its window."""
        return Window.of(self.country.reference, self.configuration.span, self.configuration.period)

    @cached_property
    def band_set(self) -> BandSet:
        """Its band set."""
        return BandSet.of(self.configuration.bands.names)

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """All that it is made by."""
        return (self.configuration,)

    @property
    def choices(self) -> tuple[Candidate, ...]:
        """The candidates that are scored for it: itself."""
        return (self,)

    @property
    def name(self) -> str:
        """Its name on screen and in MLflow, e.g. ``iran 48w +0m ndvi forest max_depth=4``."""
        period = self.configuration.period
        months = period if isinstance(period, str) else f"{period:+d}m"
        return self.name_of(
            *(f"{self.configuration.span}w", months),
            *(self.configuration.bands.name, self.configuration.model.name),
        )

    def name_of(self, *words: str) -> str:
        """Return a name of words and of the groups that are not the default."""
        names = {group: getattr(self.configuration, group).name for group in _DEFAULTS}
        unusual = [name for group, name in names.items() if name != _DEFAULTS[group]]
        if self.configuration.training != "own":
            unusual.append(self.configuration.training)
        settings, shown = self.settings(), {*self.shown} - _NAMED
        others = assignments(settings, [key for key in settings if key in shown])
        return shortened(" ".join([self.country.name, *words, *unusual, *others]), _LONGEST_NAME)

    @property
    def key(self) -> tuple[object, ...]:
        """The key of its outcome, see `Outcome.key`."""
        return self.outcome("finished").key

    @cached_property
    def fingerprint(self) -> str:
        """Hash of its settings, which distinguishes it from the other candidates of a sweep."""
        return settings_fingerprint(self.configurations, (self.country, *self.other_countries))

    def identity(self, archive: Archive, other_archives: Sequence[Archive] = ()) -> str:
        """Return a hash of all that decides its scores, see `training.identity`."""
        lands = (self.country, *self.other_countries)
        return identity(self.configurations, lands, (archive, *other_archives))

    def within(self, archive: Archive) -> Candidate:
        """Return what of it can be scored on an archive: all of it.

        Raises
        ------
        WindowError
            Its window is outside, or too short for its features.
        """
        if self.configuration.features.harmonics:
            check_weeks(self.configuration.span)
        self.window.check_inside(archive)
        return self

    def recipe(self, archive: Archive) -> Recipe:
        """Return all that makes its features of observations."""
        end = self.country.reference.last
        return Recipe(
            reference_end=end.isoformat(),
            span=self.configuration.span,
            end_offset_days=(self.window.last - end).days,
            bands=self.configuration.bands.names,
            series=self.configuration.series,
            features=self.configuration.features,
            classes=classes_of(archive, self.band_set),
        )

    def check(self, archive: Archive) -> None:
        """Check, before any work, that its archive has what it needs, its window aside.

        Raises
        ------
        CroplandError
            A band is missing, labels cannot be learnt, or there are fewer points or blocks than folds.
        """
        for choice in self.choices:
            archive.require(choice.band_set.measured(archive.stored))
            if choice.configuration.series.clear:
                _check_clear(archive, choice.configuration.series.name)
        known = point_counts.observed(archive)
        counts, lacking = point_counts.given_counts(archive), "no observation"
        if known.sizes["point"] < labelled(archive.points).sizes["point"]:
            lacking += f": {point_notes.unobserved_names(archive)}"
        self.check_labels(known, counts, lacking)
        check_blocks(known, self.configuration.validation, self.country.name)

    def check_labels(
        self, samples: xr.Dataset | xr.DataArray, counts: PointCounts, lacking: str
    ) -> None:
        """Check that labels can be learnt and validated; of samples on one pixel one counts.

        Raises
        ------
        DataError
            They cannot; the message says what became of the other labelled points.
        """
        validation = self.configuration.validation
        targets = samples["Target"].to_numpy()
        if validation.block_km is None:
            targets = targets[firsts(independent_units(samples, validation))]
        why = counts.of_samples(samples).losses(self.country.name, lacking)
        points.check_labels(targets, self.country, validation.folds, why=why)

    def params(self) -> dict[str, object]:
        """Return what MLflow keeps as params, the model's own with the prefix ``model.``."""
        return self.common_params()

    def window_tags(self) -> dict[str, str]:
        """Return the first and the last day of its window, as its run's tags have them."""
        return {
            "window_start": self.window.first.isoformat(),
            "window_end": self.window.last.isoformat(),
        }

    def window_metrics(self) -> dict[str, float]:
        """Return what its run's metrics say of its window: its span as a number, for queries."""
        return {"span_weeks": self.configuration.span}

    @property
    def months(self) -> int:
        """Months from the end of the reference season to the end of its window, rounded."""
        days = (self.window.last - self.country.reference.last).days
        return round(days / _DAYS_OF_A_MONTH)

    def common_params(self) -> dict[str, object]:
        """Return the params that have one value, whatever is chosen from."""
        chosen = self.configuration
        groups = {group: getattr(chosen, group).name for group in (*GROUPS, "source")}
        validation = {
            key: value
            for key, value in asdict(chosen.validation).items()
            if key not in ("name", "candidates") and value is not None
        }
        return {
            "country": self.country.name,
            "span": chosen.span,
            "period": chosen.period,
            **groups,
            "training": chosen.training,
            "seed": chosen.seed,
            **({} if chosen.model.name != "custom" else {"model._target_": chosen.model.target}),
            **dict(_flat(chosen.model.parameters, "model.")),
            **dict(_flat(validation, "validation.")),
            **{key: v for key, v in self._settings_of_files().items() if key in self.shown},
        }

    def settings(self) -> dict[str, Any]:
        """Return all its settings, flat, as JSON holds them: its params and what they leave out."""
        settings = {**self.params(), **self._settings_of_files()}
        return {key: scalar(value) for key, value in settings.items() if key not in DERIVED}

    def _settings_of_files(self) -> dict[str, object]:
        """Return the settings that the name of their group's file stands for in most sweeps."""
        chosen = self.configuration
        of_files = {
            f"{group}.{key}": value
            for group in ("bands", "series", "features")
            for key, value in vars(getattr(chosen, group)).items()
            if key != "name"
        }
        return of_files | {"model.scale": chosen.model.scale, "model._target_": chosen.model.target}

    @property
    def config_files(self) -> dict[str, str]:
        """Its configuration for the run's artifacts, by file name; see `training.candidates.from_yaml`."""
        extra = self._extra()
        files = {CONFIG: self.as_yaml()}
        return files | {CONFIG_EXTRA: yaml_text.dump(extra)} if extra else files

    def as_yaml(self) -> str:
        """Return its resolved configuration in the form of ``conf/``, which ``train`` runs as it is."""
        return yaml_text.dump(
            {"country": asdict(self.country), **filling.values_of(self.configuration)}
        )

    def _extra(self) -> dict[str, Any]:
        """Return what ``conf/`` has in other files: the countries and alternatives beside its own."""
        parts = {
            "other_countries": [asdict(country) for country in self.other_countries],
            "alternatives": [filling.values_of(other) for other in self.configurations[1:]],
        }
        return {name: part for name, part in parts.items() if part}

    def outcome(self, status: Status, **scores: Any) -> Outcome:
        """Return its outcome."""
        return Outcome(
            **self.known_outcome(), uses_future=self.window.uses_future, status=status, **scores
        )

    def known_outcome(self) -> dict[str, Any]:
        """Return the fields of its outcome that are known beforehand."""
        return {
            "country": self.country.name,
            "span": self.configuration.span,
            "period": self.configuration.period,
            "training": self.configuration.training,
            "window_end": self.window.last.isoformat(),
            **{group: getattr(self.configuration, group).name for group in GROUPS},
            "settings": {key: v for key, v in self.settings().items() if key not in KEY},
        }


def _check_clear(archive: Archive, series: str) -> None:
    """Check that some observation is of clear ground."""
    archive.require([SCENE_CLASS])
    classes = archive.scene_classes
    if classes and not set(classes) - {*UNCLEAR_CLASSES, MISSING_SCENE_CLASS}:
        raise DataError(
            f"series={series} leaves no observation of {archive.country}: SCL is {some(classes)} in all of "
            f"them, none of which is clear ground; use series=raw, or observations with another SCL"
        )


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Yield the values of nested mappings by dotted keys."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}".removesuffix("._target_"), value
