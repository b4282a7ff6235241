"""The schema of ``conf/compare.yaml`` and ``conf/landcover/``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, StrictInt

from cropland.config.commands import Command
from cropland.config.groups import Paths, Tracking
from cropland.config.schema import Closed, FilePath, Name, Positive, require
from cropland.config.sources import Source


@dataclass(frozen=True)
class LandCover(Closed):
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
    """Return a list of paths, also of one path."""
    return (value,) if isinstance(value, str) else value


@dataclass(frozen=True)
class Compare(Command):
    """All of ``conf/compare.yaml`` but the country; each of `raster` is a file, a folder or a pattern."""

    landcover: LandCover
    source: Source
    tracking: Tracking
    paths: Paths
    raster: Annotated[tuple[FilePath, ...], BeforeValidator(_as_list)]
    band: Positive | None
    alias: str

    def __post_init__(self) -> None:
        require(
            len(self.raster) > 0 and all(self.raster),
            "raster is empty; name a file, a folder or a pattern",
        )
        require(
            len(set(self.raster)) == len(self.raster), "raster names a map twice; leave one out"
        )
