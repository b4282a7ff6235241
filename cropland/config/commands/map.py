"""The schema of ``conf/map.yaml``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, StrictBool, StrictInt

from cropland.config.commands import Command
from cropland.config.countries import iso_date
from cropland.config.groups import Paths, Tracking
from cropland.config.schema import Closed, FilePath, Positive, Text, given_keys, require
from cropland.config.sources import Source

_OF_POINTS = ("source.points", "source.margin_days")
"""Settings of the simulation that decide which points there are, and no image."""
_SIDE, _SIDE_SIMULATED = 500, 250
"""Rows and columns of a tile: the simulation makes its images in blocks of 250, whatever the tile."""


@dataclass(frozen=True)
class Dask(Closed):
    """Where a map is computed; see `cropland.support.dask_cluster`.

    Attributes
    ----------
    scheduler : str, optional
        Address of a running cluster; a local one is started without it.
    workers : int, optional
        Processes of the local cluster; one a core without it.
    """

    scheduler: str | None
    workers: Positive | None

    def __post_init__(self) -> None:
        require(
            self.scheduler is None or self.workers is None,
            "dask.workers are those of this machine; a cluster at dask.scheduler has its own: leave one out",
        )


@dataclass(frozen=True)
class Map(Command):
    """All of ``conf/map.yaml`` but the country; the file says what each is."""

    source: Source
    tracking: Tracking
    paths: Paths
    dask: Dask
    output: FilePath
    box: tuple[float, ...] | None
    geometry: FilePath | None
    cube: FilePath | None
    resolution: Annotated[StrictInt, Field(ge=1, le=10_000)] | None
    chunk: Annotated[StrictInt, Field(ge=16, le=4_000)] | None
    most_pixels: Positive
    tries: Positive
    exact: StrictBool
    force: StrictBool
    reference_end: Text | None
    alias: str
    dry_run: StrictBool = False

    def __post_init__(self) -> None:
        if self.reference_end is not None:
            iso_date(self.reference_end, "reference_end")
        require(
            self.box is None or len(self.box) == len(("west", "south", "east", "north")),
            f"box needs four numbers, [west, south, east, north], got {list(self.box or ())}",
        )
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

    @property
    def tile_side(self) -> int:
        """Rows and columns of a tile, pixels."""
        return self.chunk or (_SIDE_SIMULATED if self.source.name == "simulated" else _SIDE)

    def check_given(self, words: Iterable[str]) -> None:
        """Raise an error for settings that decide no image.

        Raises
        ------
        ConfigError
            One is given.
        """
        words = list(words)
        super().check_given(words)
        for key in given_keys(words):
            require(
                key not in _OF_POINTS,
                f"{key} has no effect on a map, which draws no points; leave it out",
            )
