"""The schema of the other groups of ``conf/``, and of a whole configuration."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictInt

from cropland.config.countries import Choice
from cropland.config.model import Model, short_key
from cropland.config.schema import Closed, Cores, FilePath, Name, Seed, StoreAddress, Text, require
from cropland.config.sources import Source

RuleOfOne = Literal["best", "one_standard_error"]
Rule = Literal[RuleOfOne, "average"]
"""What is chosen of several candidates, see `cropland.learning.choice`."""
CalibrationKind = Literal["auto", "none", "sigmoid"]
"""Whether probabilities are calibrated, see `cropland.learning.calibration`."""
MOST_MEMBERS = 20
"""Of a model that is the mean of several candidates."""
Kilometres = Annotated[float, Field(gt=0, le=20_038)]
"""The side of a spatial block: at most half the equator."""


@dataclass(frozen=True)
class Bands(Closed):
    """A named set of bands, spectral indices and static columns."""

    name: Name
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        require(len(self.names) > 0, "bands.names is empty; name at least one, e.g. [B4,B8]")
        twice = sorted({n for n in self.names if self.names.count(n) > 1})
        require(not twice, f"bands.names has {', '.join(twice)} more than once")


@dataclass(frozen=True)
class Series(Closed):
    """How observations become a series: what is dropped and how far the grid's steps are apart."""

    name: Name
    clear: StrictBool
    step_days: Annotated[StrictInt, Field(ge=1, le=366)]


@dataclass(frozen=True)
class Features(Closed):
    """What is made of an aligned series: each day of each band, statistics over time, harmonics.

    `harmonics` is the order of those that are fitted, 0 for none, see `cropland.features.harmonics`.
    """

    name: Name
    flat: StrictBool
    statistics: tuple[Literal["min", "max", "median", "std", "amplitude"], ...]
    harmonics: Literal[0, 2] = 0

    def __post_init__(self) -> None:
        require(
            self.flat or len(self.statistics) > 0 or self.harmonics > 0,
            "features: neither flat nor any statistics or harmonics",
        )


@dataclass(frozen=True)
class Validation(Closed):
    """How a candidate is scored: ``kfold``, ``repeated``, spatial ``blocks`` or ``nested``.

    With `inner` folds and the `candidates` to choose from (values by key of the configuration), the choice is
    made anew inside each fold, by `rule`.
    """

    name: Name
    folds: StrictInt
    repeats: Annotated[StrictInt, Field(le=1_000)] = 1
    block_km: Kilometres | None = None
    inner: Annotated[StrictInt, Field(ge=2)] | None = None
    rule: Rule = "best"
    candidates: dict[str, list[Any]] | None = None

    def __post_init__(self) -> None:
        # Notebooks make one without the schema.
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


@dataclass(frozen=True)
class Study(Closed):
    """A sweep with a question, ending in the figure and table that answer it.

    Attributes
    ----------
    title : str
        The question.
    figure : str
        How the answer is drawn.
    by : tuple of str
        Settings that tell the variants of a comparison apart, by their short keys: any that can be swept.
    baseline : str, optional
        The variant that the others are compared with, its words joined by `` · ``.
    window : str, optional
        ``chosen``: each country at the window that ``study=time_range`` chose for it.
    """

    name: Name = "unnamed"
    title: str = ""
    figure: Literal["time_range", "comparison", "families", "past_only", "submission"] = (
        "comparison"
    )
    by: tuple[str, ...] = ()
    baseline: str | None = None
    window: Literal["chosen"] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "by", tuple(map(short_key, self.by)))
        require(
            self.figure not in ("comparison", "families") or bool(self.by),
            f"study {self.name} compares nothing; name what was swept in study.by, as in "
            f"study.by=[model.max_depth]",
        )


@dataclass(frozen=True)
class Promotion(Closed):
    """How a country's model is selected from its candidates.

    Attributes
    ----------
    rule : Rule
        How to choose.
    future : str
        ``forbid``: only windows that end within the reference season.
    finalists, repeats : int
        How many are scored again before the choice, and in how many repeats of the folds.
    bootstraps : int
        Of the estimate that is corrected for the choice.
    block_km : float
        Side of the spatial blocks that are left out beside the random folds.
    figures : bool
        Whether diagnostic figures are drawn.
    members : int
        Of how many candidates ``rule=average`` takes the mean probability.
    calibration : str
        ``sigmoid`` (Platt), ``none``, or ``auto``: ``sigmoid`` where that lowers the Brier score out of fold.
    confidence : float
        Of the sets by which a model says that it cannot tell, see `cropland.learning.calibration`.
    """

    rule: Rule
    future: Literal["allow", "forbid"]
    finalists: Annotated[StrictInt, Field(ge=2)]  # the best and the simplest
    bootstraps: Annotated[StrictInt, Field(ge=100, le=1_000_000)]
    block_km: Kilometres
    figures: StrictBool
    members: Annotated[StrictInt, Field(ge=2, le=MOST_MEMBERS)] = 5
    repeats: Annotated[StrictInt, Field(ge=1, le=100)] = 5
    calibration: CalibrationKind = "auto"
    confidence: Annotated[float, Field(ge=0.5, lt=1)] = 0.95


OWN_TAGS = (
    *("archive", "candidate", "closed", "command", "comparison", "country", "git_dirty", "host"),
    *("identity", "kind", "process", "study", "uses_future", "window_end", "window_start"),
)
_OWN_TAG = re.compile(rf"(mlflow|checksum|chosen)\..*|{'|'.join(OWN_TAGS)}", re.DOTALL)
"""Tags that runs have by themselves."""
_TAG = re.compile(r"[/\w.\- :]{1,250}")
"""What MLflow takes as the name of a tag."""
SIMULATED_SUFFIX = "-simulated"


@dataclass(frozen=True)
class Tracking(Closed):
    """The MLflow store, and the folder of its artifacts where no server decides on it.

    Attributes
    ----------
    name : str
        ``local`` or ``server``.
    uri : str
        Address of a server, or of a database: ``sqlite:///…``, ``postgresql+psycopg://…``.
    artifacts : str, optional
        Folder of the artifacts; needed with a database, left to a server.
    moved : bool
        Whether the folder of an SQLite database was moved or copied: its runs are made to name `artifacts`.
    experiment : str, optional
        Experiment of runs on real data; those on simulated data go to that name with ``-simulated``.
    tags : dict of str to str, optional
        Tags that every run is given.
    """

    name: Name
    uri: StoreAddress
    artifacts: FilePath | None = None
    moved: StrictBool = False
    experiment: str | None = None
    tags: dict[str, Text] | None = field(default=None, hash=False)

    def __post_init__(self) -> None:
        self._check_experiment()
        self._check_tags()
        require(
            self.uri.strip() != "",
            "tracking.uri is empty; give the address of a server, as in tracking.uri=http://HOST:5000 or by "
            "MLFLOW_TRACKING_URI, or use tracking=local",
        )
        scheme, separator, _ = self.uri.partition("://")
        require(
            bool(separator) or self.uri == "databricks",
            f"tracking.uri must be an address such as http://localhost:5000 or sqlite:///mlruns/mlflow.db, "
            f"got {self.uri!r}",
        )
        require(
            scheme not in ("postgresql", "postgres", "postgresql+psycopg2"),
            "tracking.uri: expected postgresql+psycopg://USER@HOST/DATABASE for PostgreSQL (psycopg is what "
            f"cropland[server] installs), got {scheme}://…",
        )
        require(
            self.artifacts is not None or not scheme.startswith(("sqlite", "postgresql")),
            "tracking.uri names a database, which keeps no artifacts; give their folder too, as in "
            "tracking.artifacts=mlruns/artifacts",
        )
        require(
            not self.moved or scheme.startswith("sqlite"),
            "tracking.moved=true is for an SQLite database, whose runs name absolute paths; leave it out",
        )

    @property
    def folder(self) -> str | None:
        """Folder of the artifacts; None where a server decides on it."""
        of_server = self.name == "local" and not self.uri.startswith(("sqlite", "postgresql"))
        return None if of_server else self.artifacts

    def _check_experiment(self) -> None:
        name = self.experiment
        require(
            name is None
            or (name.isprintable() and 0 < len(name.strip()) <= 200 and name not in (".", "..")),
            "tracking.experiment (or MLFLOW_EXPERIMENT_NAME) must be a name of at most 200 printable "
            "characters, "
            f"got {name!r}",
        )
        require(
            name is None or not name.endswith(SIMULATED_SUFFIX),
            f"tracking.experiment={name} (or MLFLOW_EXPERIMENT_NAME) ends as experiments of simulated data "
            f"do; leave out {SIMULATED_SUFFIX}",
        )

    def _check_tags(self) -> None:
        for name, value in (self.tags or {}).items():
            require(
                _OWN_TAG.fullmatch(name) is None,
                f"tracking.tags: {name} is a tag that runs have by themselves; give yours another name",
            )
            require(
                _TAG.fullmatch(name) is not None and len(value) <= 5000,
                "tracking.tags: expected names of letters, digits and any of /_.-: and at most 5,000 "
                f"characters in a value, got {name!r:.50}",
            )


DATA = "data"
"""``paths.data`` where nobody gives another."""


@dataclass(frozen=True)
class Paths(Closed):
    """Folders, relative to where the command is given."""

    data: FilePath
    archive: FilePath
    runs: FilePath
    downloads: FilePath = "data/downloads"


@dataclass(frozen=True)
class Configuration(Closed):
    """All of ``conf/train.yaml`` but the country: with one, it makes a candidate."""

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
    seed: Seed
    n_jobs: Cores
    force: StrictBool
    promotion: Promotion
    promote: StrictBool = False
    study: Study | None = None
    output: FilePath | None = None

    def __post_init__(self) -> None:
        Choice(self.span, self.period)
        for target in self.model.targets:
            self.model.allowed_by(target)
        require(
            self.training == "own" or self.validation.candidates is None,
            f"a nested validation learns from a country's own labels; leave out training={self.training}",
        )
