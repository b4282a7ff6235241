"""Image cubes that a user has on disk, by the contract of `cropland.sources.service.Service.cube`.

A cube is one of

- a Zarr store (a folder, version 2 or 3) or a NetCDF file (``.nc``): a variable a band, or one variable with
  a dimension ``band`` whose coordinate names them; dimensions ``time``, ``y`` and ``x`` in any order;
- a folder of GeoTIFFs on one grid, times in the names of the files: a file an image with band descriptions,
  or a file a band with its name in that of the file (``S2_20210401T070619_B04.tif``).

Bands have any name that `observations.bands.band_of` knows, ``B2``, ``B02`` or ``blue``; what is no band is
left alone. Values are digital numbers (reflectance × 10,000, harmonised), of any type, or become so by
`Cube.scale` and `Cube.remove_offset`. No data is 0, NaN, what a file declares so, what is below 0 or above
32,766, and a chunk that is not stored.

How fast a part is read is decided by the chunks of the store. For tiles of all images, write all or many
images and about 250 × 250 pixels to a chunk, as in ``(time=73, y=250, x=250)``, and take tiles whose sides
are multiples of `Cube.block`: a core then reads 500 MB/s (Zarr's default, Zstandard) to 900 MB/s (Blosc with
LZ4). Chunks of a whole image are read several times over, once for each tile, at 150 MB/s. NetCDF gives
40 MB/s with zlib alone and 250 MB/s with its shuffle filter, tiled and deflated GeoTIFFs about 90 MB/s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from odc.geo.xr import xr_coords
from rasterio.errors import RasterioError

from cropland.errors import DataError
from cropland.observations.bands import SCENE_CLASS
from cropland.observations.baseline_offset import without_offset
from cropland.sources.cubes import geotiff_folder, xarray_store
from cropland.sources.cubes.contract import grid_in_words, mark_of, same_grid
from cropland.sources.cubes.gaps import lacking
from cropland.sources.cubes.numbers import digital_numbers
from cropland.sources.service import NoImage
from cropland.untrusted.codecs import DAMAGED

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox

    from cropland.sources.cubes.contract import CubeReader

_NETCDF = (".nc", ".nc4")
_BROKEN = (*DAMAGED, RasterioError)
"""What libraries raise of files that they cannot read."""


@dataclass(frozen=True, eq=False)
class Cube:
    """An open cube; pickled, it takes some kilobytes and no file is read again.

    Attributes
    ----------
    path : Path
        Where it is.
    mark : str
        Hash of names, sizes and times of change of its files, wherever they are; of a Zarr store, of its
        metadata: values that are written into it later do not change it.
    reader : CubeReader
        Its values.
    scale : float
        What makes digital numbers of its bands: 10,000 for reflectance.
    remove_offset : bool
        Take 1000 off the images from 2022-01-25 on: the offset of processing baseline 04.00.
    """

    path: Path
    mark: str
    reader: CubeReader
    scale: float = 1.0
    remove_offset: bool = False

    @property
    def grid(self) -> GeoBox:
        """Its pixels: a projected grid in metres, north up."""
        return self.reader.grid

    @property
    def block(self) -> tuple[int, int]:
        """Rows and columns stored together: tiles of multiples of it read nothing twice."""
        return self.reader.block

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands that it holds."""
        return self.reader.bands

    @property
    def times(self) -> NDArray[np.datetime64]:
        """Moment of each image, shape ``(image,)``, datetime64[s], ascending."""
        return self.reader.times

    @property
    def first(self) -> date:
        """Day of its first image."""
        return _day(self.times[0])

    @property
    def last(self) -> date:
        """Day of its last image."""
        return _day(self.times[-1])

    def require(self, bands: Iterable[str]) -> None:
        """Check that it holds bands.

        Raises
        ------
        DataError
            Names the bands that are missing and lists those that are there.
        """
        missing = [band for band in bands if band not in self.bands]
        if missing:
            of_clouds = missing == [SCENE_CLASS]
            other = "series=raw and bands without SCL" if of_clouds else "other bands"
            raise DataError(
                f"the cube {self.path} has no {', '.join(missing)}; it has {', '.join(self.bands)}: add the "
                f"missing to it, or use a model of {other}"
            )

    def days(self, first: date, last: date) -> tuple[date, ...]:
        """Return the days that have an image, from `first` to `last`, both included, in UTC."""
        days = self.times[self._images(first, last)].astype("datetime64[D]")
        return tuple(np.unique(days).tolist())

    def part(self, grid: GeoBox, first: date, last: date, bands: Sequence[str]) -> xr.Dataset:
        """Read the images of some of its pixels into memory.

        Parameters
        ----------
        grid : GeoBox
            A part of the cube's own grid.
        first, last : date
            Days, both included, in UTC.
        bands : sequence of str
            Bands to read.

        Returns
        -------
        xarray.Dataset
            As `sources.service.Service.cube` gives it, in memory; a band with fractions is float32, as
            `cropland.observations.archive` has it. The attribute ``n_fill_values`` counts values that are no
            data as they are below 0 or above 32,766.

        Raises
        ------
        NoImage
            There is none in these days.
        DataError
            No such band or pixels, a file that is broken or incomplete, or values that a band cannot have.
        """
        self.require(bands)
        images = self._images(first, last)
        if images.start >= images.stop:
            raise NoImage(
                f"the cube {self.path} has no image from {first} to {last}; its images are from {self.first} "
                f"to {self.last}: choose days among them"
            )
        stored = self._stored(bands, images, grid)
        times, names = self.times[images], self.reader.granules[images]
        variables: dict[Any, Any] = {}
        n_fill_values = 0
        for band in bands:
            values, n_fill = digital_numbers(
                band, stored[band], f"the cube {self.path}", names.tolist(), self.scale
            )
            if self.remove_offset and band != SCENE_CLASS:
                values = without_offset(values, times)
            variables[band] = ("time", "y", "x"), values
            n_fill_values += n_fill
        coords: dict[Any, Any] = {
            "time": times,
            "granule": ("time", names),
            **xr_coords(grid),
        }
        return xr.Dataset(variables, coords, {"n_fill_values": n_fill_values})

    def _stored(
        self, bands: Sequence[str], images: slice, grid: GeoBox
    ) -> Mapping[str, NDArray[Any]]:
        rows, columns = self._window(grid)
        try:
            stored = self.reader.read(bands, images, rows, columns)
        except MemoryError as error:
            raise DataError(
                f"the cube {self.path} takes more memory than there is in rows {rows.start} to {rows.stop}, "
                f"columns {columns.start} to {columns.stop}; write it again with smaller chunks, or "
                "use a smaller area or fewer images at once"
            ) from error
        except _BROKEN as error:
            cause = (
                error.__cause__ or error
            )  # where rasterio keeps GDAL's word, which names the file
            raise DataError(
                f"the cube {self.path} cannot be read in rows {rows.start} to {rows.stop}, columns "
                f"{columns.start} to {columns.stop} ({cause}); it is broken there: write it again"
            ) from error
        gap = lacking(stored, self.block, (rows.start, columns.start))
        if gap is not None:
            band, rows, columns = gap
            raise DataError(
                f"the cube {self.path} has no data for {band} in rows {rows.start} to {rows.stop}, columns "
                f"{columns.start} to {columns.stop}, where other bands have; a chunk of it is missing? write "
                f"it again"
            )
        return stored

    def _images(self, first: date, last: date) -> slice:
        """Return the positions of the images of some days."""
        days = self.times.astype("datetime64[D]")
        start = int(np.searchsorted(days, np.datetime64(first, "D"), side="left"))
        return slice(start, int(np.searchsorted(days, np.datetime64(last, "D"), side="right")))

    def _window(self, grid: GeoBox) -> tuple[slice, slice]:
        """Return the rows and columns of a part of the grid."""
        transform: Any = self.grid.wld2pix  # which has no types
        column, row = map(round, transform(grid.transform.c, grid.transform.f))
        height, width = grid.shape
        rows, columns = slice(row, row + height), slice(column, column + width)
        if min(row, column) < 0 or not same_grid(self.grid[rows, columns], grid):
            raise DataError(
                f"expected a part of the grid of the cube {self.path}, {grid_in_words(self.grid)}; got "
                f"{grid_in_words(grid)}"
            )
        return rows, columns


def open_cube(path: Path) -> Cube:
    """Open a cube, of whatever format: its metadata and no values.

    Raises
    ------
    DataError
        There is none, or it breaks the contract.
    """
    reader = _reader_of(path)
    if not len(reader.times):
        raise DataError(f"the cube {path} has no image; expected at least one time step")
    return Cube(path, mark_of(reader.files, path), reader)


def _day(time: np.datetime64) -> date:
    day: date = time.astype("datetime64[D]").item()
    return day


def _reader_of(path: Path) -> CubeReader:
    if not path.exists():
        raise DataError(
            f"there is no cube at {path}; give the path of a Zarr store, NetCDF or folder"
        )
    if path.is_dir():
        if xarray_store.is_zarr(path):
            return xarray_store.open_store(path)
        files = geotiff_folder.files_of(path)
        if files:
            return geotiff_folder.open_folder(path, files)
    elif path.suffix.lower() in _NETCDF:
        return xarray_store.open_store(path)
    raise DataError(
        f"{path} is not a cube: expected a Zarr store (a folder with zarr.json or .zgroup), a NetCDF "
        "file (.nc) "
        f"or a folder with GeoTIFFs (.tif)"
    )
