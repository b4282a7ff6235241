"""The schema of ``conf/``: frozen dataclasses, filled and checked before any work starts.

The schema is closed: an unknown key, a value of the wrong type or a broken rule is a `ConfigError` of one
line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from pydantic import StrictBool, StrictInt

from cropland.countries import Choice
from cropland.schema import CLOSED, require

Rule = Literal["one_standard_error", "best"]
"""How one of several candidates is chosen, see `cropland.selection`."""


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
            self.finalists >= 2,
            f"promotion.finalists must be 2 or more, the best and the simplest, got {self.finalists}",
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
            self.training == "own" or self.validation.candidates is None,
            f"a nested validation learns from a country's own labels; leave out training={self.training}",
        )
        check_seed_and_cores(self.seed, self.n_jobs)


def check_seed_and_cores(seed: int, n_jobs: int) -> None:
    """Check what every command that fits models has.

    Raises
    ------
    ConfigError
        A seed or a number of cores that is none.
    """
    require(
        n_jobs == -1 or n_jobs >= 1, f"n_jobs must be -1 (all cores) or 1 and more, got {n_jobs}"
    )
    require(0 <= seed < 2**32, f"seed must be between 0 and 2**32 - 1, got {seed}")
