"""The schema of ``conf/compare.yaml`` and ``conf/landcover/``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import BeforeValidator, StrictInt

from cropland.config.commands import Command
from cropland.config.groups import Paths, Tracking
from cropland.config.schema import Closed, FilePath, Name, Positive, given_keys, require
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
    """All of ``conf/compare.yaml`` but the country; each of `raster` is a file, a folder or a pattern.

    With `map` and `against`, folders of two maps, these are compared and nothing else.
    """

    landcover: LandCover
    source: Source
    tracking: Tracking
    paths: Paths
    raster: Annotated[tuple[FilePath, ...], BeforeValidator(_as_list)]
    band: Positive | None
    alias: str
    map: FilePath | None = None
    against: FilePath | None = None

    def __post_init__(self) -> None:
        require(
            (self.map is None) == (self.against is None),
            "expected the folders of two maps, got one; give map=FOLDER and against=FOLDER",
        )
        if self.map is not None:
            require(not self.raster, "raster and map are both given; leave one of them out")
            return
        require(
            len(self.raster) > 0 and all(self.raster),
            "raster is empty; name a file, a folder or a pattern, or two maps: map=FOLDER against=FOLDER",
        )
        require(
            len(self.landcover.cropland) > 0,
            "landcover.cropland is empty; list its classes, as in landcover.cropland=[40]",
        )
        require(
            len(set(self.raster)) == len(self.raster), "raster names a map twice; leave one out"
        )

    def check_given(self, words: Iterable[str]) -> None:
        """Raise an error for overrides that a comparison of two maps has no use for.

        Raises
        ------
        ConfigError
            One is given.
        """
        words = list(words)
        super().check_given(words)
        if self.map is None:
            return
        for key in given_keys(words):
            require(
                re.split("[.@/]", key, maxsplit=1)[0] not in _OF_RASTERS,
                f"{key} has no effect on the comparison of two maps; leave it out",
            )


_OF_RASTERS = ("country", "landcover", "source", "tracking", "paths", "band", "alias")
