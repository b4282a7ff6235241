"""Imagery: the images of a grid, from any source, in memory.

The cube of ``source=files`` is a file or folder of the user's; the other sources make theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.config.sources import Fetched, Files, Simulated
from cropland.errors import ConfigError, DataError
from cropland.features.pixel_series import Images
from cropland.maps.extent import degrees
from cropland.observations.bands import SCENE_CLASS
from cropland.sources.cubes import cube as cubefiles
from cropland.sources.cubes import sample
from cropland.sources.download import source as fetched
from cropland.sources.retries import Attempts
from cropland.sources.service import NoImage
from cropland.sources.simulation import source as simulated
from cropland.support.fingerprint import fingerprint

if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox

    from cropland.config.countries import Country
    from cropland.config.groups import Paths
    from cropland.config.sources import Source
    from cropland.sources.service import Service

_CONNECTED: dict[str, Service] = {}


@dataclass(frozen=True)
class Imagery:
    """Where the images of a map come from: plain values, which workers are sent.

    Attributes
    ----------
    source : Source
        The source.
    paths : Paths
        Its folders.
    country : Country
        Whose land it is, where the source is simulated.
    file : str, optional
        The cube, where the source is files.
    first, last : date
        Days whose images are used, both included.
    bands : tuple of str
        The bands that the model needs.
    season_end : date, optional
        End of the season; that of the country's reference, where it is left out.
    processes : int
        How many read at once: they share the requests that a service allows.
    """

    source: Source
    paths: Paths
    country: Country
    file: str | None
    first: date
    last: date
    bands: tuple[str, ...]
    season_end: date | None = None
    processes: int = 1

    @property
    def cube(self) -> cubefiles.Cube:
        """The cube that is on disk.

        Raises
        ------
        DataError
            It cannot be read.
        """
        assert isinstance(self.source, Files)  # the other sources make theirs
        return replace(
            open_cube(Path(str(self.file))),
            scale=self.source.scale,
            remove_offset=self.source.remove_offset,
        )

    @property
    def mark(self) -> str:
        """Hash of what decides the images."""
        decisive: Sequence[object]
        if isinstance(self.source, Fetched):
            decisive = sorted(fetched.provenance(self.source).items())
        elif isinstance(self.source, Simulated):
            decisive = simulated.image_inputs(self.source, self.country)
        else:
            cube = self.cube
            decisive = [cube.mark, cube.scale, cube.remove_offset]
        return fingerprint(*decisive, self.first, self.last, self._bands_read)

    def check(self, grids: Sequence[GeoBox]) -> tuple[str, ...]:
        """Check, before any work, that there are images with all bands of some of the grids, one is enough.

        Returns
        -------
        tuple of str
            Notes on unusual numbers of a cube on disk.

        Raises
        ------
        CroplandError
            There are none, or the source cannot be reached; or a cube has numbers that cannot be.
        """
        if self.file is not None:
            return self._check_cube(grids)
        if isinstance(self.source, Fetched):
            lacking = [name for name in self.bands if name not in self.source.bands]
            if lacking:
                raise ConfigError(
                    f"source.bands lacks {', '.join(lacking)}, which the model of {self.country.name} needs; "
                    f"add it"
                )
        for number, grid in enumerate(grids, start=1):
            try:
                self._cube(grid)
            except NoImage:
                if number == len(grids):
                    raise
            else:
                break
        return ()

    def _check_cube(self, grids: Sequence[GeoBox]) -> tuple[str, ...]:
        cube, days = self.cube, (self.first, self.last)
        cube.require(self._bands_read)
        if not cube.days(*days):
            raise DataError(
                f"{self.file} has no image from {self.first} to {self.last}, only of {cube.first} … "
                f"{cube.last}; give a cube of these days, or another reference_end"
            )
        return sample.check(cube, grids, *days, self._bands_read)

    def truth(self, lon: NDArray[np.float64], lat: NDArray[np.float64]) -> NDArray[np.bool_] | None:
        """Return where there is cropland, which is known of a simulated landscape only."""
        if not isinstance(self.source, Simulated):
            return None
        return simulated.truth(self.source, self.country, lon, lat, self.season_end)

    def of(
        self,
        grid: GeoBox,
        inside: NDArray[np.bool_],
        report: Callable[[float], None] = lambda share: None,  # noqa: ARG005
    ) -> Images | None:
        """Read the images of those pixels that lie `inside`, shape (row, column); None where there is none.

        Parameters
        ----------
        report : callable
            Called with the share that has been read, 0 to 1.

        Raises
        ------
        DataError
            Something cannot be read.
        """
        try:
            loaded = self._cube(grid).compute(callbacks=[_counter(report)], **self._scheduler)
        except NoImage:
            return None
        lon, lat = degrees(grid)
        everything = bool(inside.all())
        return Images(
            loaded["time"].to_numpy(),
            {
                name: np.ascontiguousarray(
                    loaded[name].to_numpy().reshape(len(loaded["time"]), -1)
                    if everything
                    else loaded[name].to_numpy()[:, inside]
                )
                for name in self._bands_read
            },
            lat[inside],
            lon[inside],
            loaded.attrs.get("n_fill_values", 0),
        )

    @property
    def _bands_read(self) -> tuple[str, ...]:
        """The bands that are read: ``SCL`` too where there is one, since it shows which image saw a pixel."""
        if self.file is not None:
            has_scene_class = SCENE_CLASS in self.cube.bands
        else:
            has_scene_class = (
                not isinstance(self.source, Fetched) or SCENE_CLASS in self.source.bands
            )
        return tuple(dict.fromkeys((*self.bands, SCENE_CLASS))) if has_scene_class else self.bands

    @property
    def _scheduler(self) -> dict[str, object]:
        """Settings of Dask: many requests of a service at once, else one thread a worker."""
        if isinstance(self.source, Fetched):
            return {"scheduler": "threads", "num_workers": self._requests}
        return {"scheduler": "synchronous"}

    @property
    def _requests(self) -> int:
        """How many requests this process may make at once."""
        assert isinstance(self.source, Fetched)
        return max(1, self.source.workers // self.processes)

    def _cube(self, grid: GeoBox) -> xr.Dataset:
        days = self.first, self.last
        if self.file is not None:
            return self.cube.part(grid, *days, self._bands_read)
        if isinstance(self.source, Simulated):
            return simulated.cube(
                self.source, self.paths, self.country, grid, *days, self._bands_read
            )
        assert isinstance(self.source, Fetched)  # files have a cube
        return _connected(self.source, self._requests).cube(grid, *days, self._bands_read)


@lru_cache(maxsize=1)
def open_cube(path: Path) -> cubefiles.Cube:
    """Open a cube on disk, once a process; its path is absolute.

    Raises
    ------
    DataError
        It cannot be read.
    """
    return cubefiles.open_cube(path)


def _counter(report: Callable[[float], None]) -> tuple[Callable[..., None] | None, ...]:
    """Return a callback of Dask that reports the share of tasks that are done."""

    def task_done(
        _key: object, _result: object, _graph: object, state: Any, _worker: object
    ) -> None:
        waiting = len(state["waiting"]) + len(state["ready"]) + len(state["running"])
        finished = len(state["finished"])
        report(finished / (finished + waiting))

    return None, None, None, task_done, None


def _connected(source: fetched.Source, requests: int) -> Service:
    """Connect to a service, once a process."""
    key = repr(source)
    if key not in _CONNECTED:
        attempts = Attempts(requests, source.tries, source.wait_seconds)
        _CONNECTED[key] = fetched.connect(source, attempts)
    return _CONNECTED[key]
