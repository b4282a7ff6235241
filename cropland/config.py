"""The schema of ``conf/``: frozen dataclasses, filled and checked before any work starts.

The schema is closed: an unknown key, a value of the wrong type or a broken rule is a `ConfigError` of one
line.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import StrictBool, StrictInt

from cropland.countries import Choice
from cropland.schema import CLOSED, FilePath, Name, at_most, require

Rule = Literal["one_standard_error", "best"]
"""How one of several candidates is chosen, see `cropland.selection`."""

FAST = ("sklearnex.ensemble.RandomForestClassifier", "sklearnex.ensemble.ExtraTreesClassifier")
"""Classes of scikit-learn-intelex that stand in for scikit-learn's of the same names."""
OWN = "sklearn."
"""What the name of a class that needs no leave starts with."""
_PUBLIC = re.compile(r"[A-Za-z]\w*(\.[A-Za-z]\w*)+", re.ASCII)
_NOT_FOR_USE = frozenset(("conftest", "externals", "tests"))
_FAST_ONLY = ("max_bins", "min_bin_size")
_ALLOWED = re.compile(r"(?!__)[^\W\d]\w*(\.(?!__)[^\W\d]\w*)*\.?", re.ASCII)


@dataclass(frozen=True)
class Bands:
    """A named band set; the names are checked against Sentinel-2 and spyndex in `cropland.bands`."""

    __pydantic_config__ = CLOSED

    name: Name
    names: tuple[str, ...]

    def __post_init__(self) -> None:
        require(len(self.names) > 0, "bands.names is empty; name at least one, e.g. [B4,B8]")
        twice = sorted({n for n in self.names if self.names.count(n) > 1})
        require(not twice, f"bands.names has {', '.join(twice)} more than once")


@dataclass(frozen=True)
class Series:
    """How observations become a series: what is dropped and how far the grid's steps are apart."""

    __pydantic_config__ = CLOSED

    name: Name
    clear: StrictBool
    step_days: StrictInt

    def __post_init__(self) -> None:
        require(self.step_days >= 1, f"series.step_days must be 1 or more, got {self.step_days}")
        at_most(366, series__step_days=self.step_days)


@dataclass(frozen=True)
class Features:
    """What is made of an aligned series: each day of each band, statistics over time, or both."""

    __pydantic_config__ = CLOSED

    name: Name
    flat: StrictBool
    statistics: tuple[Literal["min", "max", "median", "std", "amplitude"], ...]

    def __post_init__(self) -> None:
        require(self.flat or len(self.statistics) > 0, "features: neither flat nor any statistics")


@dataclass(frozen=True)
class Model:
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

    __pydantic_config__ = CLOSED

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

    @property
    def foreign(self) -> list[str]:
        """Those of its classes that are not scikit-learn's, nor a fast twin of one."""
        return [each for each in self.targets if not each.startswith(OWN) and each not in FAST]

    def allowed_by(self, target: str) -> str:
        """Give what allows a class to be made: its own full name, or the prefix that it starts with.

        Raises
        ------
        ConfigError
            It is neither scikit-learn's nor allowed; `cropland.estimator` looks further once it is imported.
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

    @property
    def plain(self) -> Model:
        """The same of scikit-learn's own classes: ``forest_fast`` becomes ``forest``."""
        if not self.fast:
            return self
        made = _plain({"_target_": self.target, **self.parameters})
        name, target = self.name.removesuffix("_fast"), made.pop("_target_")
        return replace(self, name=name, target=target, parameters=made)


def _targets(parameters: Any) -> list[str]:
    """Collect every ``_target_``."""
    if isinstance(parameters, dict):
        own = [str(parameters["_target_"])] if "_target_" in parameters else []
        return own + [target for value in parameters.values() for target in _targets(value)]
    if isinstance(parameters, list):
        return [target for value in parameters for target in _targets(value)]
    return []


def _plain(value: Any) -> Any:
    """Put scikit-learn's own class in the place of each fast one, without what only that one takes."""
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if not isinstance(value, dict):
        return value
    made = {key: _plain(each) for key, each in value.items()}
    if made.get("_target_") not in FAST:
        return made
    own = {key: each for key, each in made.items() if key not in _FAST_ONLY}
    return own | {"_target_": own["_target_"].replace("sklearnex.", "sklearn.", 1)}


@dataclass(frozen=True)
class Validation:
    """How a candidate is scored: ``kfold``, ``repeated``, spatial ``blocks`` or ``nested``.

    With `inner` folds and the `candidates` to choose from (values by key of the configuration), the choice is
    made anew inside each fold, by `rule`.
    """

    __pydantic_config__ = CLOSED

    name: Name
    folds: StrictInt
    repeats: StrictInt = 1
    block_km: float | None = None
    inner: StrictInt | None = None
    rule: Rule = "one_standard_error"
    candidates: dict[str, list[Any]] | None = None

    def __post_init__(self) -> None:
        require(self.folds >= 2, f"validation.folds must be 2 or more, got {self.folds}")
        require(self.repeats >= 1, f"validation.repeats must be 1 or more, got {self.repeats}")
        at_most(1_000, validation__repeats=self.repeats)
        require(
            self.block_km is None or self.block_km > 0,
            f"validation.block_km must be above 0, got {self.block_km}",
        )
        at_most(MOST_KM, validation__block_km=self.block_km or 0)
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
    labelled: FilePath
    unlabelled: FilePath


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
        at_most(10_000_000, source__points=self.points)
        at_most(3_660, source__margin_days=self.margin_days)


MOST_KM = 20_038
"""Half the equator."""
MOST_MARGIN_DAYS = 36_525
"""A century: all that any satellite has seen."""


@dataclass(frozen=True)
class Fetched:
    """What sources have in common that ``scripts/download.py`` fetches.

    Attributes
    ----------
    bands : tuple of str
        Bands to fetch, ``SCL`` among them.
    margin_days : int
        Days before and after the reference season.
    labelled, unlabelled : str
        Points files in ``paths.data``; the second may be missing.
    workers : int
        Most requests under way.
    tries : int
        Attempts of a request before it is given up.
    wait_seconds : float
        The wait after a first failure; it doubles from there.
    timeout_seconds : float
        How long an answer may take.
    """

    __pydantic_config__ = CLOSED

    bands: tuple[str, ...]
    margin_days: StrictInt
    labelled: FilePath
    unlabelled: FilePath
    workers: StrictInt
    tries: StrictInt
    wait_seconds: float
    timeout_seconds: float

    def __post_init__(self) -> None:
        require(
            "SCL" in self.bands and len(set(self.bands)) == len(self.bands) > 1,
            f"source.bands needs SCL and at least one band, each once, got {list(self.bands)}",
        )
        require(
            0 <= self.margin_days <= MOST_MARGIN_DAYS,
            f"source.margin_days must be between 0 and {MOST_MARGIN_DAYS}, got {self.margin_days}",
        )
        for name in ("workers", "tries", "timeout_seconds", "wait_seconds"):
            require(
                getattr(self, name) > 0, f"source.{name} must be above 0, got {getattr(self, name)}"
            )
        at_most(1_000, source__workers=self.workers, source__tries=self.tries)
        at_most(3_600, source__wait_seconds=self.wait_seconds)
        at_most(86_400, source__timeout_seconds=self.timeout_seconds)


@dataclass(frozen=True)
class EarthEngine(Fetched):
    """Google Earth Engine; a Cloud project that is registered for it is needed to download.

    Attributes
    ----------
    project : str, optional
        The Cloud project that requests are counted for.
    collection : str
        Harmonised surface reflectance.
    endpoint : str
        Address of the service; credentials are sent to Google's hosts only.
    points_per_request : int
        Most points of a request, 25 by default.
    """

    __pydantic_config__ = CLOSED

    name: Literal["earthengine"]
    project: str | None
    collection: str
    endpoint: str
    points_per_request: StrictInt

    def __post_init__(self) -> None:
        super().__post_init__()
        require(
            self.points_per_request >= 1,
            f"source.points_per_request must be 1 or more, got {self.points_per_request}",
        )


@dataclass(frozen=True)
class Catalog:
    """A STAC catalogue that has a name: its address, its collection, and whether its links want signing."""

    __pydantic_config__ = CLOSED

    url: str
    collection: str
    sign: StrictBool


@dataclass(frozen=True)
class Stac(Fetched):
    """A SpatioTemporal Asset Catalog of Sentinel-2 L2A, open to all.

    Attributes
    ----------
    catalog : str
        A name in `catalogs`, the address of an API, or a folder of items.
    collection : str, optional
        In place of the catalogue's own; needed with an address.
    leave_out : tuple of str
        Items that are passed over, by id: such as cannot be read.
    sign : bool, optional
        Whether links are signed by Planetary Computer's service; as the catalogue needs, where left out.
    catalogs : mapping of str to Catalog
        Those that have a name.
    """

    __pydantic_config__ = CLOSED

    name: Literal["stac"]
    catalog: str
    collection: str | None
    leave_out: tuple[str, ...]
    sign: StrictBool | None
    catalogs: dict[str, Catalog]

    @property
    def chosen(self) -> Catalog:
        """The catalogue that is asked."""
        known = self.catalogs.get(self.catalog)
        address = known.url if known else self.catalog.rstrip("/")
        if not address.startswith(("http://", "https://")):
            address = str(Path(address).absolute())  # one folder, however it is written
        collection = self.collection or (known.collection if known else "sentinel-2-l2a")
        sign = self.sign if self.sign is not None else bool(known and known.sign)
        return Catalog(address, collection, sign)


Source = Files | Simulated | EarthEngine | Stac
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

    name: Name
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
        at_most(MOST_KM, promotion__block_km=self.block_km)
        at_most(1_000_000, promotion__bootstraps=self.bootstraps)


@dataclass(frozen=True)
class Tracking:
    """The MLflow store, and the folder of its artifacts where no server decides on it.

    Attributes
    ----------
    name : str
        ``local`` or ``server``.
    uri : str
        Address of a server, or of a database: ``sqlite:///…``, ``postgresql+psycopg://…``.
    artifacts : str, optional
        Folder of the artifacts; needed with a database.
    """

    __pydantic_config__ = CLOSED

    name: Name
    uri: str
    artifacts: FilePath | None = None

    def __post_init__(self) -> None:
        require(
            self.uri.strip() != "", "tracking.uri is empty; give an address, or take tracking=local"
        )
        scheme = self.uri.partition("://")[0]
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


@dataclass(frozen=True)
class Paths:
    """Folders, relative to where the command is given."""

    __pydantic_config__ = CLOSED

    data: FilePath
    archive: FilePath
    runs: FilePath
    downloads: FilePath = "data/downloads"


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
    output: FilePath | None = None
    parent_run: str | None = None
    hand_over: StrictBool = False

    def __post_init__(self) -> None:
        Choice(self.span, self.period)
        for target in self.model.targets:
            self.model.allowed_by(target)
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
    at_most(1_024, n_jobs=n_jobs)
    require(0 <= seed < 2**32, f"seed must be between 0 and 2**32 - 1, got {seed}")
