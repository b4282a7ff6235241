"""Land cover: the class that a raster has at points, and whether that class is cropland.

A map is a file or many tiles, of any CRS. Only the blocks that points fall in are read, never all of it.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from glob import glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import rasterio
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.errors import NotGeoreferencedWarning, RasterioError

from cropland.errors import DataError
from cropland.sources.grid import pixels, read_pixels
from cropland.support.reading import is_file
from cropland.support.words import some
from cropland.untrusted.rasters import open_raster

if TYPE_CHECKING:
    from cropland.config.commands.compare import LandCover

OTHER, CROPLAND, NO_CLASS = 0, 1, -1
"""The meaning of a map's class at a point; the last where the map has none."""
_SUFFIXES = (".tif", ".tiff", ".jp2")
_CACHE_MB = 256
"""Not a share of the memory."""
_REMEDY = "give a GeoTIFF, and of a virtual raster (.vrt) its tiles"


@dataclass(frozen=True, eq=False)
class PointClasses:
    """The classes of a map at some points.

    Attributes
    ----------
    classes : ndarray of int64, shape (point,)
        The class of the pixel that each point falls in; 0 where there is none.
    inside : ndarray of bool, shape (point,)
        Whether the point lies in any file of the map.
    known : ndarray of bool, shape (point,)
        Whether there is a class, and not no data.
    contradictions : dict of int to str
        By point: the class there and the other one of another file, in words with both files.
    """

    classes: NDArray[np.int64]
    inside: NDArray[np.bool_]
    known: NDArray[np.bool_]
    contradictions: dict[int, str]


@dataclass(frozen=True)
class Raster:
    """A map whose files can be read.

    Attributes
    ----------
    given : str
        How the user named it.
    files : tuple of Path
        Its files, by name; where they overlap, the first that has a class at a point is used.
    band : int
        Which band holds the classes, from 1.
    """

    given: str
    files: tuple[Path, ...]
    band: int

    @classmethod
    def of(cls, given: str, band: int | None) -> Raster:
        """Find the files of a map and check each without reading a pixel.

        Parameters
        ----------
        given : str
            A file, a folder of tiles, or a pattern with ``*``, ``?`` or ``**``.
        band : int, optional
            Which band; needed where files have several.

        Raises
        ------
        DataError
            There is no such file, or one that is no raster, has no CRS, or has other bands.
        """
        files = _files(given)
        for path in files:
            with _open(path, given) as source:
                _check(path, source, band)
        return cls(given, files, band or 1)

    def at(
        self, lon: NDArray[np.float64], lat: NDArray[np.float64], missing: Sequence[int]
    ) -> PointClasses:
        """Read the class at points in degrees (WGS 84).

        Parameters
        ----------
        lon, lat : ndarray of float, shape (point,)
            The points.
        missing : sequence of int
            Values without a meaning, beside what a file itself declares as no data: another file counts.

        Raises
        ------
        DataError
            A file that cannot be read, or whose values are no whole numbers.
        """
        classes = np.zeros(len(lon), np.int64)
        inside, known = np.zeros(len(lon), bool), np.zeros(len(lon), bool)
        used_file = np.zeros(len(lon), np.int64)
        contradictions: dict[int, str] = {}
        for number, path in enumerate(self.files):
            with _open(path, self.given) as source:
                grid = GeoBox(source.shape, source.transform, source.crs.to_wkt())
                rows, columns, in_file = pixels(grid, lon, lat)
                inside |= in_file
                values, has_class = _read_classes(
                    path, source, self.band, rows[in_file], columns[in_file]
                )
                has_class &= ~np.isin(values, missing)
            points, values = np.flatnonzero(in_file)[has_class], values[has_class]
            for point, value in zip(points, values, strict=True):
                if known[point] and value != classes[point]:
                    first = f"{classes[point]} in {self.files[used_file[point]]}"
                    contradictions.setdefault(int(point), f"{first}, {value} in {path}")
            new = ~known[points]
            classes[points[new]], used_file[points[new]] = values[new], number
            known[points] = True
        return PointClasses(classes, inside, known, contradictions)


def classify(sampled: PointClasses, landcover: LandCover) -> NDArray[np.int8]:
    """Return whether each point's class is cropland: `CROPLAND`, `OTHER`, or `NO_CLASS` without one.

    Raises
    ------
    DataError
        Classes that the product is not known to have.
    """
    known = sampled.known
    cropland = known & np.isin(sampled.classes, landcover.cropland)
    other = known & np.isin(sampled.classes, landcover.other)
    values, counts = np.unique(sampled.classes[known & ~cropland & ~other], return_counts=True)
    if len(values):
        unknown = some(f"{value} ({count} ×)" for value, count in zip(values, counts, strict=True))
        lists = (landcover.cropland, landcover.other)
        cropland_so_far, other_so_far = (",".join([*map(str, each), "…"]) for each in lists)
        raise DataError(
            f"landcover={landcover.name} does not say whether these classes at labelled points are cropland: "
            f"{unknown}; use the preset of the product, or put each into landcover.cropland="
            f"[{cropland_so_far}] or landcover.other=[{other_so_far}]"
        )
    meaning = np.select([cropland, other], [CROPLAND, OTHER], NO_CLASS)
    return np.asarray(meaning, np.int8)


def _files(given: str) -> tuple[Path, ...]:
    path = Path(given)
    if is_file(path):
        return (path,)
    if path.is_dir():
        names = [
            tile
            for tile in path.iterdir()
            # macOS leaves hidden files of the same names on disks of others.
            if tile.suffix.lower() in _SUFFIXES and not tile.name.startswith(".")
        ]
        hint = f"there is none ({', '.join(_SUFFIXES)}) in this folder"
    else:
        names = [Path(name) for name in glob(given, recursive=True)]  # noqa: PTH207 - takes absolute ones
        hint = "there is none"
    files = tuple(sorted(filter(is_file, names)))
    if not files:
        raise DataError(
            f"expected a land-cover raster at {given}, {hint}; set raster to a file, a folder of tiles or a "
            f"pattern in quotes, as in 'raster=tiles/*_Map.tif'"
        )
    return files


@contextmanager
def _open(path: Path, given: str) -> Iterator[Any]:
    """Open a raster; what goes wrong while it is open becomes one line."""
    in_folder = path != Path(given)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)  # which `_check` words
            with open_raster(path, _REMEDY, in_folder=in_folder, cache_mb=_CACHE_MB) as source:
                yield source
    except RasterioError as error:
        cause = error.__cause__ or error  # GDAL's own word, which names the file
        raise DataError(
            f"{path} cannot be read as a raster: {cause}; fetch or write it again"
        ) from error


def _check(path: Path, source: Any, band: int | None) -> None:
    """Raise an error for a raster without a place on Earth, or with no clear band of classes."""
    transform = source.transform
    if source.crs is None or transform.is_degenerate or transform == rasterio.Affine.identity():
        lacks = "coordinate reference system" if source.crs is None else "place on the Earth"
        raise DataError(
            f"{path} has no {lacks}, so no point can be found in it; give it one, as in gdal_edit.py -a_srs "
            f"EPSG:4326 -a_ullr WEST NORTH EAST SOUTH"
        )
    if band is None and source.count > 1:
        names = some(
            f"{number} {name or ''}".strip()
            for number, name in enumerate(source.descriptions, start=1)
        )
        raise DataError(
            f"{path} has {source.count} bands ({names}); say which one holds the classes, as in band=1"
        )
    if band is not None and band > source.count:
        raise DataError(f"{path} has no band {band}, it has {source.count}; correct band")
    if source.dtypes[(band or 1) - 1].startswith("complex"):
        raise DataError(
            f"{path} holds complex numbers, expected classes, which are whole numbers; {_remedy(source)}"
        )
    _check_projection(source.crs.to_wkt())


def _remedy(source: Any) -> str:
    """Return what to do where a band holds no classes."""
    several = "name the band of classes, as in band=1"
    return several if source.count > 1 else "give a raster of classes"


def _check_projection(crs: str) -> None:
    """Raise an error for a CRS that longitude and latitude cannot be turned into."""
    try:
        Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    except ProjError as error:
        raise DataError(
            f"longitude and latitude cannot be turned into the CRS of the raster, {crs[:100]}: {error}; "
            f"write it again in another one"
        ) from error


def _read_classes(
    path: Path, source: Any, band: int, rows: NDArray[np.int64], columns: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Read the classes of pixels, and whether there are data."""
    read = read_pixels(source, rows, columns, band=band, masked=True)
    values = np.ma.getdata(read).astype(np.float64)
    known = ~np.ma.getmaskarray(read) & np.isfinite(values)
    classes = np.rint(np.where(known, values, 0)).astype(np.int64)
    fractions = known & (classes != values)
    if fractions.any():
        raise DataError(
            f"{path} holds {some(np.unique(values[fractions]), show=3)} at the points, expected "
            f"classes, which are whole numbers; {_remedy(source)}"
        )
    return classes, known
