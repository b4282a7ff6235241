"""Cubes as a folder of GeoTIFFs: a file an image with band descriptions, or a file a band of an image."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio.errors import NotGeoreferencedWarning, RasterioError
from rasterio.windows import Window

from cropland.errors import DataError
from cropland.observations.bands import sensor_band_of
from cropland.sources.cubes import file_names
from cropland.sources.cubes.contract import (
    CubeReader,
    check_grid,
    check_plain,
    grid_in_words,
    in_order,
    same_grid,
)
from cropland.sources.cubes.numbers import zero_no_data
from cropland.untrusted.rasters import open_raster

SUFFIXES = (".tif", ".tiff")
_REMEDY = "write it again, or remove it"


@dataclass(frozen=True)
class StoredBand:
    """A band of a file: its number, from 1, type and the value that is no data."""

    path: Path
    number: int
    dtype: np.dtype[Any]
    no_data: float | None


@dataclass(frozen=True, eq=False)
class GeoTiffFolder(CubeReader):
    """The files of a folder, image by image.

    Attributes
    ----------
    images : tuple of mapping of str to StoredBand
        For each image, its layer by band.
    """

    images: tuple[Mapping[str, StoredBand], ...]

    def read(
        self, bands: Sequence[str], images: slice, rows: slice, columns: slice
    ) -> dict[str, NDArray[Any]]:
        """Read a part, each file once."""
        in_time_range = self.images[images]
        window = Window.from_slices(rows, columns)
        shape = (len(in_time_range), rows.stop - rows.start, columns.stop - columns.start)
        values = {
            band: np.empty(
                shape, np.result_type(np.uint8, *(layers[band].dtype for layers in in_time_range))
            )
            for band in bands
        }
        for image, layers in enumerate(in_time_range):
            for path in dict.fromkeys(layers[band].path for band in bands):
                inside = [band for band in bands if layers[band].path == path]
                with open_raster(path, _REMEDY, in_folder=True) as source:
                    numbers = [layers[band].number for band in inside]
                    stored = source.read(numbers, window=window)
                for band, layer in zip(inside, stored, strict=True):
                    values[band][image] = zero_no_data(band, layer, layers[band].no_data)
        return values


def files_of(folder: Path) -> tuple[Path, ...]:
    """Find the GeoTIFFs of a folder, by name."""
    return tuple(
        sorted(
            path
            for path in folder.iterdir()
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
        )
    )


def open_folder(folder: Path, files: tuple[Path, ...]) -> GeoTiffFolder:
    """Read the headers of all files.

    Raises
    ------
    DataError
        A file is broken, on another grid, or named by no time; an image lacks a band that others have.
    """
    when = {path: file_names.moment(path) for path in files}  # before any file is opened
    headers = _headers(files)
    grid, block = headers[0].grid, headers[0].block
    images: dict[str, dict[str, StoredBand]] = {}
    times: dict[str, datetime] = {}
    for path, header in zip(files, headers, strict=True):
        times.setdefault(header.image, when[path])
        _add(images.setdefault(header.image, {}), header.layers)
    every_name = sorted(images)  # those of one time stay in the order of their names
    every_moment = np.array([times[name] for name in every_name], "datetime64[s]")
    positions, notes = file_names.newest_images(every_name, every_moment)
    names, moments = [every_name[at] for at in positions], every_moment[positions]
    _check_complete({name: images[name] for name in names}, folder)
    in_time = tuple(images[name] for name in names)
    every = tuple(file for header in headers for file in header.files)
    return GeoTiffFolder(
        grid, block, in_order(in_time[0]), moments, np.array(names), every, notes, in_time
    )


@dataclass(frozen=True, eq=False)
class _Header:
    """What is known of a file: grid, sides of a block, its image and bands, its sidecars and itself."""

    grid: GeoBox
    block: tuple[int, int]
    image: str
    layers: dict[str, StoredBand]
    files: tuple[Path, ...]


def _headers(files: Sequence[Path]) -> list[_Header]:
    """Read the headers of files, which must be on one grid."""
    headers: list[_Header] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)  # `check_grid` says it
        for path in files:
            headers.append(_header(path))
            grid, first = headers[-1].grid, headers[0].grid
            if len(headers) == 1:
                check_grid(grid, path)
            elif not same_grid(grid, first):
                raise DataError(
                    f"{path} is on another grid than {files[0].name}: {grid_in_words(grid)} and not "
                    f"{grid_in_words(first)}; warp it to the same one, as with gdalwarp -t_srs, -te and -tr"
                )
    return headers


def _header(path: Path) -> _Header:
    try:
        with open_raster(path, _REMEDY, in_folder=True) as source:
            height, width = source.block_shapes[0]
            image, named = _bands(source, path)
            return _Header(
                grid=GeoBox.from_rio(source),
                block=(int(height), int(width)),
                image=image,
                layers=_layers(source, path, named),
                files=tuple(path.with_name(Path(file).name) for file in source.files),
            )
    except RasterioError as error:
        raise DataError(
            f"{path} cannot be read ({error}); expected a GeoTIFF: {_REMEDY}"
        ) from error


def _bands(source: Any, path: Path) -> tuple[str, list[str | None]]:
    """Return the image that a file is of, and its bands by its descriptions, else by its name."""
    described = [sensor_band_of(text or "") for text in source.descriptions]
    image, named = file_names.image_and_band(path.stem, by_colour=not any(described))
    if not any(described) and source.count == 1:
        described = [named]
    if source.count == 1 and named is not None and described != [named]:
        raise DataError(
            f"{path} is {described[0]} by its description and {named} by its name; fix one of them"
        )
    if not any(described):
        raise DataError(
            f"{path} does not say which Sentinel-2 band it is: expected descriptions of its {source.count} "
            f"bands (B2, B02 or blue, SCL), or one band and its name in that of the file, as in …_B04.tif"
        )
    return image, described


def _layers(source: Any, path: Path, named: Sequence[str | None]) -> dict[str, StoredBand]:
    """Return how a file stores its bands."""
    layers: dict[str, StoredBand] = {}
    for at, band in enumerate(named):
        if band is None:
            continue
        check_plain(f"{band} of {path}", source.scales[at], source.offsets[at])
        kind = source.dtypes[at]
        if "complex" in kind:
            raise DataError(
                f"{band} of {path} is stored as {kind}; expected numbers: write it as uint16"
            )
        layer = StoredBand(path, at + 1, np.dtype(kind), source.nodatavals[at])
        _add(layers, {band: layer})
    return layers


def _add(image: dict[str, StoredBand], layers: Mapping[str, StoredBand]) -> None:
    """Add layers to an image."""
    for band, layer in layers.items():
        if band in image:
            raise DataError(
                f"{layer.path} gives {band} of an image that has it from {image[band].path.name}; keep one"
            )
        image[band] = layer


def _check_complete(images: Mapping[str, Mapping[str, StoredBand]], folder: Path) -> None:
    every = {band for layers in images.values() for band in layers}
    for name, layers in images.items():
        lacking = in_order(every - set(layers))
        if lacking:
            raise DataError(
                f"the image {name} in {folder} has no {', '.join(lacking)}, which others have; add it, "
                "or remove the image"
            )
