"""Candidates: one country × one configuration, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, cached_property
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Literal

from cropland.config import countries
from cropland.config.groups import Configuration
from cropland.config.schema import filled
from cropland.errors import WindowError
from cropland.features import matrix as features
from cropland.features.recipe import Recipe, classes_of
from cropland.features.window import Window
from cropland.learning import classifiers
from cropland.learning import cross_validation as validation
from cropland.observations import bands, points
from cropland.observations.bands import BandSet
from cropland.support import yaml_text
from cropland.support.fingerprint import fingerprint, fingerprint_of

if TYPE_CHECKING:
    from cropland.config.countries import Country
    from cropland.config.groups import Validation
    from cropland.config.jobs import Job
    from cropland.observations.archive import Archive

Status = Literal["finished", "already there", "outside", "failed"]
_DECIDE_NOTHING = frozenset(
    (
        *("tracking", "paths", "n_jobs", "force", "parent_run", "hand_over"),
        "source",  # what it decides is in the archive's fingerprint
        *("promotion", "promote", "study", "output"),
    )
)
_CODE = ("observations", "features", "learning", "training/candidate_data.py")
_KEY = (
    *("country", "span", "period", "bands", "series"),
    *("features", "model", "training", "validation"),
)
_NUMERICS = ("numpy", "scikit-learn", "spyndex")


@dataclass(frozen=True)
class Outcome:
    """What became of a candidate: plain values, so that a worker can hand it over.

    Attributes
    ----------
    country, span, period, bands, series, features, model, training, validation : str or int
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
    fit_seconds : float
        Mean time to fit and predict one fold.
    features_mb : float
        Size of its matrix of features, 10⁶ bytes.
    uses_future : bool
        Whether its window ends after the reference season.
    message : str
        Why it was skipped or failed; or what else to know of it.
    """

    country: str
    span: int
    period: str
    bands: str
    series: str
    features: str
    model: str
    training: str
    validation: str
    window_end: str
    uses_future: bool
    status: Status
    run_id: str = ""
    accuracy: float = float("nan")
    accuracy_se: float = float("nan")
    n_features: int = 0
    fit_seconds: float = float("nan")
    features_mb: float = float("nan")
    message: str = ""

    @property
    def key(self) -> tuple[object, ...]:
        """What tells it from other outcomes of a sweep."""
        return tuple(getattr(self, name) for name in _KEY)


@dataclass(frozen=True)
class Candidate:
    """One country × one configuration.

    Attributes
    ----------
    configuration : Configuration
        How it is made.
    country : Country
        Whose points it is scored on.
    teachers : tuple of Country
        Other countries whose labels it learns from, where ``training`` is not ``own``.
    alternatives : tuple of Configuration
        What is chosen from inside each fold, where the validation is nested.
    """

    configuration: Configuration
    country: Country
    teachers: tuple[Country, ...] = ()
    alternatives: tuple[Configuration, ...] = ()

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
        groups = {"series": "raw", "features": "flat", "validation": "kfold"}
        extra = [
            getattr(chosen, group).name
            for group, default in groups.items()
            if getattr(chosen, group).name != default
        ]
        if chosen.training != "own":
            extra.append(chosen.training)
        words = [self.country.name, f"{chosen.span}w", period, chosen.bands.name, chosen.model.name]
        if self.alternatives:
            words = [self.country.name, f"{len(self.alternatives)} alternatives"]
        return " ".join([*words, *extra])

    @property
    def choices(self) -> tuple[Candidate, ...]:
        """The candidates that a nested validation chooses from; itself, where it is not nested."""
        if not self.alternatives:
            return (self,)
        return tuple(
            replace(self, configuration=alternative, alternatives=())
            for alternative in self.alternatives
        )

    @property
    def key(self) -> tuple[object, ...]:
        """The key that its outcome will have."""
        return self.outcome("outside").key

    def within(self, archive: Archive) -> Candidate:
        """Leave out the alternatives whose window is outside an archive.

        Raises
        ------
        WindowError
            Its window, or that of every alternative, is outside.
        """
        outside, inside = [], []
        for choice in self.choices:
            try:
                choice.window.check_inside(archive)
                inside.append(choice.configuration)
            except WindowError as error:
                outside.append(error)
        if not inside:
            raise outside[0]
        return replace(self, alternatives=tuple(inside)) if self.alternatives else self

    def recipe(self, archive: Archive) -> Recipe:
        """Give all that makes its features of observations."""
        chosen, end = self.configuration, self.country.reference.last
        return Recipe(
            reference_end=end.isoformat(),
            span=chosen.span,
            end_offset_days=(self.window.last - end).days,
            bands=chosen.bands.names,
            series=chosen.series,
            features=chosen.features,
            classes=classes_of(archive, self.band_set),
        )

    def identity(self, archive: Archive, teachers: Sequence[Archive] = ()) -> str:
        """Hash all that decides its scores: settings, data, the code of the feature path, versions."""
        return fingerprint(
            _deciding(self.configuration),
            self.country.land,
            archive.fingerprint,
            _code(),
            *(_deciding(alternative) for alternative in self.alternatives),
            *(each.land for each in self.teachers),
            *(other.fingerprint for other in teachers),
            *self._fast(),
        )

    def _fast(self) -> tuple[str, ...]:
        """Give the version of scikit-learn-intelex, where a class of it is used."""
        used = any(choice.configuration.model.fast for choice in self.choices)
        return (classifiers.fast_version(),) if used else ()

    @cached_property
    def mark(self) -> str:
        """Hash of its settings: what tells it from the other candidates of a sweep, data and code aside."""
        return fingerprint(
            _deciding(self.configuration),
            self.country.land,
            *(_deciding(alternative) for alternative in self.alternatives),
            *(each.land for each in self.teachers),
        )

    def params(self) -> dict[str, object]:
        """Give what MLflow keeps as params, the model's own with the prefix ``model.``."""
        chosen = self.configuration
        groups = {
            group: getattr(chosen, group).name
            for group in ("bands", "series", "features", "model", "validation", "source")
        }
        params = {
            "country": self.country.name,
            "span": chosen.span,
            "period": chosen.period,
            **groups,
            "training": chosen.training,
            "seed": chosen.seed,
            **({} if chosen.model.name != "custom" else {"model._target_": chosen.model.target}),
            **dict(_flat(chosen.model.parameters, "model.")),
            **dict(_flat(_own(asdict(chosen.validation)), "validation.")),
        }
        if not self.alternatives:
            return params | {"window_start": self.window.first, "window_end": self.window.last}
        # What is chosen anew in each fold has no one value.
        listed = (chosen.validation.candidates or {}).items()
        varied = {str(key): ",".join(map(str, values)) for key, values in listed}
        return params | varied | {"n_alternatives": len(self.alternatives)}

    def as_yaml(self) -> str:
        """Write the resolved configuration with its country, for the run's artifacts."""
        resolved = {
            "country": asdict(self.country),
            "teachers": [asdict(country) for country in self.teachers],
            "alternatives": [asdict(alternative) for alternative in self.alternatives],
            **asdict(self.configuration),
        }
        return yaml_text.dump(resolved)

    def outcome(self, status: Status, **found: Any) -> Outcome:
        """Say what became of it; what is chosen anew in each fold has no value of its own."""
        chosen, nested = self.configuration, bool(self.alternatives)
        varied = chosen.validation.candidates or {}
        names: dict[str, Any] = {
            group: "–" if group in varied else getattr(chosen, group).name
            for group in ("bands", "series", "features", "model", "validation")
        }
        if nested:
            names["bands"] = "nested choice"
        return Outcome(
            country=self.country.name,
            span=0 if nested else chosen.span,
            period="" if nested else str(chosen.period),
            window_end="" if nested else self.window.last.isoformat(),
            uses_future=self.window.uses_future,
            training=chosen.training,
            status=status,
            **names,
            **found,
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
                archive.require([bands.SCENE_CLASS])
        labelled = features.labelled(archive.points)
        folds = self.configuration.validation.folds
        points.check_labels(labelled["Target"].to_numpy(), self.country, folds)
        validation.check(labelled, self.configuration.validation, self.country.name)


def from_yaml(text: str, **here: Any) -> Candidate:
    """Make again the candidate that wrote its configuration with `Candidate.as_yaml`.

    Parameters
    ----------
    text : str
        The artifact ``config.yaml`` of its run.
    **here
        Fields of the configuration that belong to this place and time: paths, tracking, cores.
    """
    values = yaml_text.load(text)
    return Candidate(
        country=countries.country(values.pop("country")),
        teachers=tuple(countries.country(each) for each in values.pop("teachers")),
        alternatives=tuple(filled(Configuration, each) for each in values.pop("alternatives")),
        configuration=replace(filled(Configuration, values), **here),
    )


def of_job(job: Job) -> list[Candidate]:
    """Give the candidates of a job, one a country."""
    return [
        Candidate(
            configuration=job.configuration_of(country.name),
            country=country,
            teachers=job.other_countries(country.name),
            alternatives=job.alternatives_of(country.name),
        )
        for country in job.countries
    ]


def comparison(archive: Archive, country: Country, validation: Validation, seed: int) -> str:
    """Hash what must be equal for scores to be compared: data, folds, and the code that made them."""
    return fingerprint(archive.fingerprint, country.land, validation, seed, _code())


def _deciding(configuration: Configuration) -> dict[str, Any]:
    """Give the settings that decide scores."""
    values = asdict(configuration)
    del values["model"]["allow"]  # what else might have been made decides nothing
    return {key: value for key, value in values.items() if key not in _DECIDE_NOTHING}


@cache
def _code() -> str:
    """Hash the code of the feature path and the versions of what it computes with."""
    versions = [(name, version(name)) for name in _NUMERICS]
    return fingerprint(fingerprint_of(*_CODE), versions)


def _own(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in values.items()
        if key not in ("name", "candidates") and value is not None
    }


def _flat(values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Give nested mappings as dotted keys."""
    for key, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}".removesuffix("._target_"), value


def words_of(params: Mapping[str, object]) -> list[str]:
    """Write what decides a candidate's folds as words for the command line; `params` as a run has them."""
    keys = ("validation", "validation.folds", "validation.repeats", "validation.block_km", "seed")
    return [
        f"{key}={params[key]}"
        for key in keys
        if params.get(key) is not None and (key, str(params[key])) != ("validation.repeats", "1")
    ]
