"""What every format of image cubes gives, and what is asked of its grid and files."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.observations.bands import SCENE_CLASS, STANDARD_NAMES

if TYPE_CHECKING:
    from odc.geo.crs import CRS
    from odc.geo.geobox import GeoBox

_SQUARE = 1e-6
"""Relative: coordinates are floats, so that sides are never quite equal."""
_DIGITAL_SCALE = 1 / 10_000
"""What makes reflectance of digital numbers."""


@dataclass(frozen=True, eq=False)
class CubeReader(ABC):
    """The values of a cube, wherever they are; it can be pickled.

    Attributes
    ----------
    grid : GeoBox
        Pixels, north up.
    block : tuple of int
        Rows and columns that are stored together; 1 where a side has no chunks.
    bands : tuple of str
        In the order of `cropland.observations.bands.STANDARD_NAMES`, ``SCL`` last.
    times : ndarray of datetime64[s], shape (image,)
        Moment of each image, ascending.
    granules : ndarray of str, shape (image,)
        Name of each image.
    files : tuple of Path
        Files that change when the cube does.
    notes : tuple of str
        What is to be said of images that are there more than once.
    """

    grid: GeoBox
    block: tuple[int, int]
    bands: tuple[str, ...]
    times: NDArray[np.datetime64]
    granules: NDArray[np.str_]
    files: tuple[Path, ...]
    notes: tuple[str, ...]

    @abstractmethod
    def read(
        self, bands: Sequence[str], images: slice, rows: slice, columns: slice
    ) -> Mapping[str, NDArray[Any]]:
        """Read a part by band, shape ``(image, y, x)``, as stored but that no data is 0 (or NaN).

        Slices lie within the cube. Any error of a library may come out.
        """


def in_order(bands: Iterable[str]) -> tuple[str, ...]:
    """Sort bands into the order of `cropland.observations.bands.STANDARD_NAMES`, ``SCL`` last."""
    return tuple(sorted(bands, key=[*STANDARD_NAMES, SCENE_CLASS].index))


def check_plain(where: str, scale: float, offset: float) -> None:
    """Check that what is stored are the digital numbers themselves.

    Raises
    ------
    DataError
        They are scaled in another way than from digital numbers to reflectance.
    """
    scaled = np.isclose([scale, scale], [1, _DIGITAL_SCALE], rtol=1e-6).any()
    if not scaled or offset != 0:
        raise DataError(
            f"{where} is stored with the scale {scale:g} and the offset {offset:g}; expected digital numbers "
            f"as they are (reflectance × 10,000, harmonised): apply both and write it again"
        )


def check_grid(grid: GeoBox, where: Path) -> GeoBox:
    """Check that a grid is one of square metres, north up.

    Raises
    ------
    DataError
        It has no CRS or one in degrees or feet, or its pixels are rotated, mirrored or not square.
    """
    warp = "warp it to its UTM zone, as with gdalwarp -t_srs EPSG:32639 or rio warp --dst-crs"
    if grid.crs is None:
        raise DataError(
            f"{where} has no CRS; write it, as with ds.odc.assign_crs('EPSG:32639') "
            "after import odc.geo.xr, or rio edit-info --crs"
        )
    try:
        grid.crs.proj.to_cf()  # as datasets that are made of the cube say it
    except KeyError as error:
        raise DataError(f"{where} has a CRS without {error}; {warp}") from error
    units = grid.crs.units if grid.crs.projected or grid.crs.geographic else ("no map projection",)
    if not grid.crs.projected or set(units) != {"metre"}:
        raise DataError(
            f"{where} has its grid in {units[0]} ({_crs_name(grid.crs)}); expected a projected grid in "
            f"metres, such as UTM: {warp}"
        )
    if grid.transform.is_identity:
        raise DataError(
            f"{where} has no georeference, only rows and columns; put its sidecar (.tfw, .aux.xml) beside "
            f"it, or write its corners, as with gdal_translate -a_ullr"
        )
    across, skew, _, turn, down, _ = grid.transform[:6]
    if not np.isfinite(grid.transform[:6]).all():
        raise DataError(f"{where} has a grid of numbers that are not finite; write it again")
    if max(abs(skew), abs(turn)) > _SQUARE * abs(across):
        raise DataError(f"{where} has a rotated grid; expected rows from west to east: {warp}")
    if across <= 0 or down >= 0:
        raise DataError(
            f"{where} has a mirrored grid; expected north up, east to the right: {warp}"
        )
    if abs(across + down) > _SQUARE * across:
        raise DataError(
            f"{where} has pixels of {across:g} × {-down:g} m; expected square ones: warp it with "
            f"gdalwarp -tr {across:g} {across:g}"
        )
    return grid


def same_grid(grid: GeoBox, first: GeoBox) -> bool:
    """Return whether two grids are the same, to a millionth of a pixel."""
    if grid.shape != first.shape or grid.crs != first.crs:
        return False
    apart = np.subtract(grid.transform[:6], first.transform[:6])
    return bool(np.abs(apart).max() <= _SQUARE * abs(first.transform[0]))


def grid_in_words(grid: GeoBox) -> str:
    """Return what a grid is, in a few words."""
    rows, columns = grid.shape
    transform = grid.transform
    return (
        f"{rows} × {columns} pixels of {transform.a:g} m from x {transform.c:.10g}, y {transform.f:.10g} in "
        f"{_crs_name(grid.crs)}"
    )


def _crs_name(crs: CRS | None) -> str:
    """Name a CRS by its EPSG code, else by its name: its own text may be a page of WKT."""
    if crs is None:
        return "no CRS"
    return crs.proj.name if crs.epsg is None else f"EPSG:{crs.epsg}"


def mark_of(files: Iterable[Path], root: Path) -> str:
    """Hash names, sizes and times of change of files, wherever their folder is."""
    digest = hashlib.blake2b(digest_size=16)
    for file in sorted(files):
        status = file.stat()
        name = "" if file == root else file.relative_to(root).as_posix()
        digest.update(repr((name, status.st_size, status.st_mtime_ns)).encode())
    return digest.hexdigest()
