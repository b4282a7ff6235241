"""Commands: the schema of the files at the top of ``conf/``, filled from what Hydra composes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args, get_type_hints

from pydantic import BeforeValidator, StrictBool, StrictInt

from cropland import addresses
from cropland.config import (
    Configuration,
    Model,
    Paths,
    Promotion,
    Source,
    Tracking,
    Validation,
    check_seed_and_cores,
)
from cropland.countries import iso_date
from cropland.errors import nearest
from cropland.schema import CLOSED, FilePath, Name, filled, require

WHERE = ("source", "paths.", "tracking")
"""Overrides that say where a command works, not what it does."""
MOST_METRES = 10_000
SMALLEST_TILE, LARGEST_TILE = 16, 4_000
_OF_MODEL = ("allow", "fast")
"""Keys beside the group `model` that say which of its classes may be made."""


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

    def __post_init__(self) -> None:
        check_seed_and_cores(self.seed, self.n_jobs)


@dataclass(frozen=True)
class Predict:
    """All of ``conf/predict.yaml`` but the country."""

    __pydantic_config__ = CLOSED

    source: Source
    tracking: Tracking
    paths: Paths
    output: FilePath
    points: FilePath | None
    probabilities: StrictBool
    missing: Literal["empty", "majority"]
    reference_end: str | None
    alias: str

    def __post_init__(self) -> None:
        if self.reference_end is not None:
            iso_date(self.reference_end, "reference_end")


@dataclass(frozen=True)
class Download:
    """All of ``conf/download.yaml`` but the country."""

    __pydantic_config__ = CLOSED

    source: Source
    paths: Paths
    points: FilePath | None
    dry_run: StrictBool
    doctor: StrictBool


@dataclass(frozen=True)
class LandCover:
    """What the classes of a land-cover product mean.

    Attributes
    ----------
    name : str
        What the product is called.
    cropland, other : tuple of int
        Classes that are cropland, and classes that are not; one that is in neither is refused where it is
        met.
    missing : tuple of int
        Values that say nothing, beside what a file itself declares as no data.
    """

    __pydantic_config__ = CLOSED

    name: Name
    cropland: tuple[StrictInt, ...]
    other: tuple[StrictInt, ...]
    missing: tuple[StrictInt, ...]

    def __post_init__(self) -> None:
        require(len(self.cropland) > 0, "landcover.cropland is empty; list its classes, as in [40]")
        listed = [*self.cropland, *self.other, *self.missing]
        twice = sorted({value for value in listed if listed.count(value) > 1})
        require(
            not twice,
            f"landcover has {', '.join(map(str, twice))} twice; let each class stand once in one of "
            f"landcover.cropland, landcover.other and landcover.missing",
        )


def _as_list(value: object) -> object:
    """Take one path for a list of one."""
    return (value,) if isinstance(value, str) else value


@dataclass(frozen=True)
class Compare:
    """All of ``conf/compare.yaml`` but the country; each of `raster` is a file, a folder or a pattern."""

    __pydantic_config__ = CLOSED

    landcover: LandCover
    source: Source
    tracking: Tracking
    paths: Paths
    raster: Annotated[tuple[FilePath, ...], BeforeValidator(_as_list)]
    band: StrictInt | None
    alias: str

    def __post_init__(self) -> None:
        require(
            len(self.raster) > 0 and all(self.raster),
            "raster is empty; name a file, a folder or a pattern",
        )
        require(
            len(set(self.raster)) == len(self.raster), "raster names a map twice; leave one out"
        )
        require(
            self.band is None or self.band >= 1,
            f"band counts from 1, got {self.band}; see gdalinfo",
        )


@dataclass(frozen=True)
class Dask:
    """Where a map is computed; see `cropland.clusters`.

    Attributes
    ----------
    scheduler : str, optional
        Address of a running cluster; a local one is started without it.
    workers : int, optional
        Processes of the local cluster; one a core without it.
    """

    __pydantic_config__ = CLOSED

    scheduler: str | None
    workers: StrictInt | None

    def __post_init__(self) -> None:
        require(
            self.scheduler is None or self.workers is None,
            "dask.workers are those of this machine; a cluster at dask.scheduler has its own: leave one out",
        )
        require(
            self.workers is None or self.workers >= 1,
            f"dask.workers must be 1 or more, or null for one a core, got {self.workers}",
        )


@dataclass(frozen=True)
class Map:
    """All of ``conf/map.yaml`` but the country; the file says what each is."""

    __pydantic_config__ = CLOSED

    source: Source
    tracking: Tracking
    paths: Paths
    dask: Dask
    output: FilePath
    box: tuple[float, float, float, float] | None
    geometry: FilePath | None
    cube: FilePath | None
    resolution: StrictInt | None
    chunk: StrictInt
    tries: StrictInt
    exact: StrictBool
    force: StrictBool
    reference_end: str | None
    alias: str

    def __post_init__(self) -> None:
        if self.reference_end is not None:
            iso_date(self.reference_end, "reference_end")
        require(
            self.box is None or self.geometry is None,
            "box and geometry are both given; leave one of them out",
        )
        if self.source.name == "files":
            require(
                self.cube is not None,
                "source=files maps a cube; give it: cube=PATH, a Zarr or NetCDF file or a folder of GeoTIFFs",
            )
        require(
            self.cube is None or self.source.name == "files",
            f"cube is for source=files; source={self.source.name} has its own images",
        )
        require(
            self.cube is None or self.resolution is None,
            "a cube has its own resolution; leave resolution out",
        )
        require(
            self.resolution is None or 1 <= self.resolution <= MOST_METRES,
            f"resolution must be 1 to {MOST_METRES} metres a pixel, got {self.resolution}",
        )
        require(
            SMALLEST_TILE <= self.chunk <= LARGEST_TILE,
            f"chunk must be {SMALLEST_TILE} to {LARGEST_TILE} pixels a side, got {self.chunk}",
        )
        require(self.tries >= 1, f"tries must be 1 or more, got {self.tries}")


@dataclass(frozen=True)
class UsersAccuracy:
    """What is conjectured of a map: the share of what is mapped as each class that is of it."""

    __pydantic_config__ = CLOSED

    cropland: float
    other: float

    def __post_init__(self) -> None:
        for name in ("cropland", "other"):
            value = getattr(self, name)
            require(
                0 < value < 1,
                f"users_accuracy.{name} must lie between 0 and 1, got {value}; conjecture one such as 0.9",
            )


@dataclass(frozen=True)
class Assess:
    """All of ``conf/assess.yaml`` but the country; the file says what each is."""

    __pydantic_config__ = CLOSED

    source: Source
    tracking: Tracking
    map: FilePath
    labels: FilePath | None
    design: FilePath | None
    next: StrictInt | None
    sample_size: StrictInt | None
    users_accuracy: UsersAccuracy
    standard_error: float
    allocation: Literal["proportional", "equal"]
    minimum: StrictInt
    candidates: StrictInt
    min_distance: StrictInt
    seed: StrictInt
    force: StrictBool

    def __post_init__(self) -> None:
        require(
            self.labels is None or self.next is None,
            "labels and next are both given; leave one of them out",
        )
        require(
            0 < self.standard_error < 1,
            f"standard_error must lie between 0 and 1, got {self.standard_error}; give one such as 0.01",
        )
        floors = {"next": 1, "sample_size": 4, "minimum": 2, "min_distance": 0, "seed": 0}
        for name, least in floors.items():
            value = getattr(self, name)
            require(value is None or value >= least, f"{name} must be {least} or more, got {value}")
        require(
            self.candidates >= (self.next or 1),
            f"candidates must be at least as many as are chosen of them, {self.next or 1}, got "
            f"{self.candidates}",
        )

    @property
    def task(self) -> Literal["draw", "estimate", "choose"]:
        """What is to be done."""
        if self.labels is not None:
            return "estimate"
        return "draw" if self.next is None else "choose"

    def check_given(self, words: Iterable[str]) -> None:
        """Refuse overrides that the task has no use for.

        Raises
        ------
        ConfigError
            It is given one.
        """
        given = {re.split("[.=@]", word.lstrip("+~"), maxsplit=1)[0] for word in words}
        for key in sorted(given):
            tasks = _TASKS_OF.get(key, (self.task,))
            require(
                self.task in tasks,
                f"{key} is given to {' or '.join(_IN_WORDS[task] for task in tasks)}, and this is to "
                f"{_IN_WORDS[self.task]}; leave it out",
            )
        spare = sorted(given & {"standard_error", "users_accuracy"})
        require(
            not spare or self.sample_size is None,
            f"sample_size says how many units are drawn, so {' and '.join(spare)} would not be used; leave "
            f"one out",
        )


_IN_WORDS = {
    "draw": "draw a sample",
    "estimate": "estimate from labels",
    "choose": "choose what to label next",
}
_TASKS_OF: dict[str, tuple[str, ...]] = {
    "labels": ("estimate",),
    "design": ("estimate",),
    "tracking": ("estimate",),
    "next": ("choose",),
    "candidates": ("choose",),
    "min_distance": ("choose",),
    "sample_size": ("draw",),
    "users_accuracy": ("draw",),
    "standard_error": ("draw",),
    "allocation": ("draw",),
    "minimum": ("draw",),
    "seed": ("draw", "choose"),
    "force": ("draw", "choose"),
}
"""Which of the tasks of `Assess` a key is for; of other keys it is all."""


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

    Keys that only ``conf/train.yaml`` has are passed over: ``conf/local.yaml`` serves all commands. No value
    may hold a secret, see `cropland.addresses`.

    Raises
    ------
    ConfigError
        As `configuration` does.
    """
    addresses.check(dict(composed), "")
    own, elsewhere = get_type_hints(schema), get_type_hints(Configuration)
    passed_over = {*elsewhere, *_OF_MODEL} - set(own)
    values = {key: value for key, value in composed.items() if key not in passed_over}
    for key in ("model", "source"):
        there = values.get(key, {})
        require(isinstance(there, dict), f"{key} must be a group of keys, got {there!r}")
    if "model" in own:
        given = {key: composed[key] for key in _OF_MODEL if key in composed}
        values["model"] = _model(values.get("model", {}), **given)
    if isinstance(values.get("validation"), dict):
        values["validation"] = _validation(values["validation"])
    source = values.get("source", {}).get("name")
    kinds = {get_args(get_type_hints(kind)["name"])[0]: kind for kind in get_args(Source)}
    require(str(source) in kinds, f"unknown source.name {source!r}; {nearest(str(source), kinds)}")
    values["source"] = filled(kinds[source], values["source"], "source.")
    return filled(schema, values)


def _model(values: Mapping[str, Any], allow: object = (), *, fast: bool = True) -> Model:
    """Part the house's own keys of a model file from the parameters of its class.

    Without `fast`, scikit-learn's own classes take the place of those of scikit-learn-intelex.
    """
    own = {"name": "name", "scale": "scale", "_target_": "target"}
    require(
        isinstance(allow, (list, tuple)) and all(isinstance(each, str) for each in allow),
        f"allow must be a list of names, as in allow=[lightgbm.LGBMClassifier], got {allow!r}",
    )
    given = {
        **{name: values[key] for key, name in own.items() if key in values},
        "parameters": {key: value for key, value in values.items() if key not in own},
        "allow": allow,
    }
    made: Model = filled(Model, given, "model.")
    return made if fast else made.plain


def _validation(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a nested validation does not vary."""
    varied = values.get("candidates")
    if not isinstance(varied, dict):
        return dict(values)
    return {**values, "candidates": {key: v for key, v in varied.items() if v is not None}}
