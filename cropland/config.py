"""The schema of ``conf/``: frozen dataclasses, filled and checked before any work starts.

The schema is closed. `load` turns plain containers, as Hydra composes them, into these classes;
an unknown key, a value of the wrong type or a broken rule is a `ConfigError` of one line.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, get_args, get_type_hints

from pydantic import StrictBool, StrictInt

from cropland.errors import ConfigError, nearest
from cropland.schema import CLOSED, filled, require

EVERY_COUNTRY = "all"
Rule = Literal["one_standard_error", "best"]
"""How one of several candidates is chosen, see `cropland.selection`."""


def iso_date(text: str, name: str) -> date:
    """Read a date written as ``YYYY-MM-DD``; `name` says in the error where it stood."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"{name} must be a date like 2020-06-30, got {text!r}") from None


@dataclass(frozen=True)
class Box:
    """A rectangle of longitude and latitude, degrees, edges included."""

    __pydantic_config__ = CLOSED

    south: float
    north: float
    west: float
    east: float

    def __post_init__(self) -> None:
        require(
            -90 <= self.south < self.north <= 90 and -180 <= self.west < self.east <= 180,
            "a country's box needs -90 <= south < north <= 90 and -180 <= west < east <= 180, got "
            f"south {self.south}, north {self.north}, west {self.west}, east {self.east}",
        )

    def __str__(self) -> str:
        return f"lat {self.south}…{self.north}, lon {self.west}…{self.east}"


@dataclass(frozen=True)
class Reference:
    """The season that a country's labels speak of: ISO dates, both included."""

    __pydantic_config__ = CLOSED

    start: str
    end: str

    def __post_init__(self) -> None:
        require(
            self.first <= self.last,
            f"a country's reference must not end ({self.end}) before it starts ({self.start})",
        )

    @property
    def first(self) -> date:
        """First day."""
        return iso_date(self.start, "reference.start")

    @property
    def last(self) -> date:
        """Last day."""
        return iso_date(self.end, "reference.end")


@dataclass(frozen=True)
class Choice:
    """A window as it is asked for: span in weeks, period in months or as the date of its end."""

    __pydantic_config__ = CLOSED

    span: StrictInt
    period: StrictInt | str

    def __post_init__(self) -> None:
        require(self.span >= 1, f"span must be a whole number of weeks, 1 or more, got {self.span}")
        if isinstance(self.period, str):
            iso_date(self.period, "period, where it is not a whole number of months,")


@dataclass(frozen=True)
class Country:
    """An area with its own box, reference season and model; `chosen` is a window known to be good."""

    __pydantic_config__ = CLOSED

    name: str
    title: str
    box: Box
    reference: Reference
    chosen: Choice | None = None

    def __post_init__(self) -> None:
        # Names become file and model names: nothing in them may leave the folders they belong to.
        require(
            self.name.isidentifier() and self.name != EVERY_COUNTRY,
            f"a country's name must be letters, digits and underscores and not "
            f"{EVERY_COUNTRY!r}, got {self.name!r}",
        )


@dataclass(frozen=True)
class Bands:
    """A named band set; the names are checked against Sentinel-2 and spyndex in `cropland.bands`."""

    __pydantic_config__ = CLOSED

    name: str
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        require(len(self.names) > 0, "bands.names is empty; name at least one, e.g. [B4,B8]")
        twice = sorted({n for n in self.names if self.names.count(n) > 1})
        require(not twice, f"bands.names has {', '.join(twice)} more than once")


@dataclass(frozen=True)
class Series:
    """How observations become a series: what is dropped and how far the grid's steps are apart."""

    __pydantic_config__ = CLOSED

    name: str
    clear: StrictBool
    step_days: StrictInt

    def __post_init__(self) -> None:
        require(self.step_days >= 1, f"series.step_days must be 1 or more, got {self.step_days}")


@dataclass(frozen=True)
class Features:
    """What is made of an aligned series: each day of each band, statistics over time, or both."""

    __pydantic_config__ = CLOSED

    name: str
    flat: StrictBool
    statistics: tuple[Literal["min", "max", "median", "std", "amplitude"], ...]

    def __post_init__(self) -> None:
        require(self.flat or len(self.statistics) > 0, "features: neither flat nor any statistics")


@dataclass(frozen=True)
class Model:
    """A scikit-learn classifier: the class, its own parameters, and whether features are scaled."""

    __pydantic_config__ = CLOSED

    name: str
    target: str
    scale: StrictBool
    parameters: dict[str, Any]


@dataclass(frozen=True)
class Validation:
    """How a candidate is scored: ``kfold``, ``repeated``, spatial ``blocks`` or ``nested``.

    With `inner` folds and the `candidates` to choose from (values by key of the configuration), the choice is
    made anew inside each fold, by `rule`.
    """

    __pydantic_config__ = CLOSED

    name: str
    folds: StrictInt
    repeats: StrictInt = 1
    block_km: float | None = None
    inner: StrictInt | None = None
    rule: Rule = "one_standard_error"
    candidates: dict[str, list[Any]] | None = None

    def __post_init__(self) -> None:
        require(self.folds >= 2, f"validation.folds must be 2 or more, got {self.folds}")
        require(self.repeats >= 1, f"validation.repeats must be 1 or more, got {self.repeats}")
        require(
            self.block_km is None or self.block_km > 0,
            f"validation.block_km must be above 0, got {self.block_km}",
        )
        require(
            (self.inner is None) == (self.candidates is None),
            "validation.inner and validation.candidates belong together, as in validation=nested",
        )
        require(
            self.inner is None or self.inner >= 2,
            f"validation.inner must be 2 or more folds, got {self.inner}",
        )


@dataclass(frozen=True)
class Files:
    """Exports in the layout of the original study, with their points files beside them."""

    __pydantic_config__ = CLOSED

    name: Literal["files"]
    prefix: str
    labelled: str
    unlabelled: str


@dataclass(frozen=True)
class Simulated:
    """The simulated landscape; countries without a profile get the default one."""

    __pydantic_config__ = CLOSED

    name: Literal["simulated"]
    margin_days: StrictInt
    points: StrictInt
    profiles: dict[str, dict[str, Any]]

    def __post_init__(self) -> None:
        require(self.points >= 2, f"source.points must be 2 or more, got {self.points}")
        require(self.margin_days >= 0, f"source.margin_days must be >= 0, got {self.margin_days}")


Source = Files | Simulated
"""Where observations come from; told apart by their names."""


@dataclass(frozen=True)
class Study:
    """A sweep with a question, ending in the figure and table that answer it.

    Attributes
    ----------
    title : str
        The question.
    figure : str
        How the answer is drawn.
    by : tuple of str
        What tells the variants of a comparison apart.
    baseline : str, optional
        The variant that the others are compared with, its words joined by `` · ``.
    window : str, optional
        ``chosen``: each country at the window that ``study=time_range`` chose for it.
    """

    __pydantic_config__ = CLOSED

    name: str
    title: str
    figure: Literal["time_range", "comparison", "past_only", "submission"]
    by: tuple[str, ...] = ()
    baseline: str | None = None
    window: Literal["chosen"] | None = None


@dataclass(frozen=True)
class Promotion:
    """How the best candidate is chosen, and whether it may replace a champion that scores higher."""

    __pydantic_config__ = CLOSED

    rule: Rule
    future: Literal["allow", "forbid"]
    finalists: StrictInt
    bootstraps: StrictInt
    block_km: float
    figures: StrictBool

    def __post_init__(self) -> None:
        require(
            self.finalists >= 1,
            f"promotion.finalists must be 1 or more, got {self.finalists}",
        )
        require(
            self.bootstraps >= 100,
            f"promotion.bootstraps must be 100 or more, got {self.bootstraps}",
        )
        require(self.block_km > 0, f"promotion.block_km must be above 0, got {self.block_km}")


@dataclass(frozen=True)
class Tracking:
    """The MLflow store, and the folder of its artifacts where no server decides on it."""

    __pydantic_config__ = CLOSED

    name: str
    uri: str
    artifacts: str | None = None


@dataclass(frozen=True)
class Paths:
    """Folders, relative to where the command is given."""

    __pydantic_config__ = CLOSED

    data: str
    archive: str
    runs: str


@dataclass(frozen=True)
class Configuration:
    """All of ``conf/train.yaml`` but the country: with one, it makes a candidate."""

    __pydantic_config__ = CLOSED

    span: StrictInt
    period: StrictInt | str
    bands: Bands
    series: Series
    features: Features
    model: Model
    training: Literal["own", "pooled", "others"]
    validation: Validation
    source: Source
    tracking: Tracking
    paths: Paths
    seed: StrictInt
    n_jobs: StrictInt
    force: StrictBool
    promotion: Promotion
    promote: StrictBool = False
    study: Study | None = None
    output: str | None = None
    parent_run: str | None = None

    def __post_init__(self) -> None:
        Choice(self.span, self.period)
        require(
            self.n_jobs == -1 or self.n_jobs >= 1,
            f"n_jobs must be -1 (all cores) or 1 and more, got {self.n_jobs}",
        )
        require(0 <= self.seed < 2**32, f"seed must be between 0 and 2**32 - 1, got {self.seed}")


@dataclass(frozen=True)
class Promote:
    """All of ``conf/promote.yaml`` but the country."""

    __pydantic_config__ = CLOSED

    validation: Validation
    source: Source
    tracking: Tracking
    paths: Paths
    promotion: Promotion
    seed: StrictInt
    n_jobs: StrictInt
    force: StrictBool


@dataclass(frozen=True)
class Predict:
    """All of ``conf/predict.yaml`` but the country."""

    __pydantic_config__ = CLOSED

    source: Source
    tracking: Tracking
    paths: Paths
    output: str
    points: str | None
    probabilities: StrictBool
    missing: Literal["empty", "majority"]
    reference_end: str | None
    alias: str

    def __post_init__(self) -> None:
        if self.reference_end is not None:
            iso_date(self.reference_end, "reference_end")


def configuration(composed: Mapping[str, Any]) -> Configuration:
    """Fill and check the schema of ``conf/train.yaml``.

    Parameters
    ----------
    composed : mapping
        Plain containers: the groups and values of ``conf/train.yaml`` without `country`.

    Returns
    -------
    Configuration
        The checked configuration.

    Raises
    ------
    ConfigError
        Unknown key, value of the wrong type, or a rule between values that does not hold.
    """
    made: Configuration = command(Configuration, composed)
    return made


def command(schema: type[Any], composed: Mapping[str, Any]) -> Any:
    """Fill and check the schema of a command's configuration.

    Keys that only ``conf/train.yaml`` has are passed over: ``conf/local.yaml`` serves all commands.

    Raises
    ------
    ConfigError
        As `configuration` does.
    """
    own, elsewhere = get_type_hints(schema), get_type_hints(Configuration)
    values = {key: value for key, value in composed.items() if key in own or key not in elsewhere}
    if "model" in own:
        values["model"] = _model(values.get("model", {}))
    source = dict(values.get("source", {})).get("name")
    kinds = {get_args(get_type_hints(kind)["name"])[0]: kind for kind in get_args(Source)}
    require(source in kinds, f"unknown source.name {source!r}; {nearest(str(source), kinds)}")
    values["source"] = filled(kinds[source], values["source"], "source.")
    return filled(schema, values)


def choices(values: Mapping[str, Any]) -> dict[str, Choice]:
    """Fill and check windows of single countries, by the country's name."""
    return {name: filled(Choice, value, f"windows.{name}.") for name, value in values.items()}


def country(values: Mapping[str, Any]) -> Country:
    """Fill and check the schema of one file of ``conf/country/``."""
    made: Country = filled(Country, values, "country.")
    return made


def _model(values: Mapping[str, Any]) -> dict[str, Any]:
    """Part the house's own keys of a model file from the parameters of its class."""
    own = {"name": "name", "scale": "scale", "_target_": "target"}
    return {
        **{name: values[key] for key, name in own.items() if key in values},
        "parameters": {key: value for key, value in values.items() if key not in own},
    }
