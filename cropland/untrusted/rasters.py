"""Rasters, GeoTIFF and JPEG 2000, on disk or read through a stream.

In: a raster that somebody made, with what lies beside it. Promised of one that is open: one of two drivers
reads it, chosen by its first bytes; neither it, nor what lies beside it, nor its CRS leads to another file or
host; a block has a bounded size in memory.

What lies beside a raster came with it: ``.aux.xml`` and world files say where it lies if it does not itself,
and ``.aux.xml`` names bands that have no name; what it says otherwise of their values is an error; ``.ovr``
and ``.msk`` are read if they are TIFFs.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from os.path import lexists
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import rasterio
from rasterio.enums import Interleaving
from rasterio.errors import NotGeoreferencedWarning

from cropland.errors import DataError
from cropland.untrusted.projections import check_crs

BLOCK_BYTES = 128 << 20
"""Decoded bytes of the largest block."""
LONGEST_SIDE = 5_000_000
MOST_BANDS = 1_000
MOST_OVERVIEWS = 32
_TIFF, _JP2 = "GTiff", "JP2OpenJPEG"
_DRIVERS = {
    **dict.fromkeys((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"), _TIFF),
    **dict.fromkeys((b"\0\0\0\x0c", b"\xff\x4f\xff\x51"), _JP2),
}
"""Drivers by the first bytes of a file."""
_OPTIONS = {"GDAL_GEOREF_SOURCES": "INTERNAL,PAM,WORLDFILE", "GDAL_VRT_ENABLE_PYTHON": "NO"}
_ON_DISK = {"GDAL_DISABLE_READDIR_ON_OPEN": "TRUE", **_OPTIONS}
"""What lies beside a raster is looked for by name: its folder may be large."""
_WITHOUT_SIDECAR = {"GDAL_PAM_ENABLED": "NO", **_ON_DISK}
_ALONE = {"GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR", **_OPTIONS}
_ERDAS = (".aux", ".AUX")
_RASTERS_BESIDE = (".ovr", ".OVR", ".msk", ".MSK", *_ERDAS)
"""Endings of files that GDAL opens as rasters, by whatever driver."""


@contextmanager
def open_raster(
    path: Path,
    remedy: str,
    *,
    in_folder: bool = False,
    overviews: bool = False,
    cache_mb: int | None = None,
) -> Iterator[Any]:
    """Open a raster on disk.

    Parameters
    ----------
    path : Path
        The file.
    remedy : str
        What to do where it cannot be read: the end of the message.
    in_folder : bool
        Whether no link may lead out of its folder, as that is what its user has named. A file that its user
        has named may be a link to anywhere.
    overviews : bool
        Whether it will be read at a lower resolution, so that its overviews are checked too.
    cache_mb : int, optional
        GDAL's memory for blocks, in MB.

    Yields
    ------
    rasterio.DatasetReader
        Open for reading.

    Raises
    ------
    DataError
        It is no regular file, neither GeoTIFF nor JPEG 2000, names other files, or is too large in some way.
    RasterioError
        GDAL cannot read it.
    """
    driver = _driver_of(path, remedy, in_folder)
    beside = f"remove it, as it is read with {path.name}"
    for name in _rasters_beside(path):
        if _driver_of(name, beside, in_folder) != _TIFF:
            raise DataError(f"{name} is not a TIFF, as overviews and masks are; {beside}")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            with open_raster(name, beside, in_folder=in_folder, overviews=overviews):
                pass
    where = {"fp": path.absolute(), "driver": driver}
    sidecar = path.with_name(f"{path.name}.aux.xml")
    values = _values_by_itself(where, path, remedy) if lexists(sidecar) else None
    with _opened(where, _ON_DISK, str(path), remedy, overviews, cache_mb) as source:
        if values is not None:
            _check_sidecar(source, values, sidecar)
        yield source


@contextmanager
def open_stream(
    stream: Any, name: str, remedy: str, *, overviews: bool = False, cache_mb: int | None = None
) -> Iterator[Any]:
    """Open a raster through an object with `read` and `seek`; nothing lies beside it.

    Parameters
    ----------
    stream : file-like
        It is read by one thread, and closed several times.
    name : str
        What it is, for messages.
    remedy, overviews, cache_mb
        As for `open_raster`, as are errors.
    """
    alias = f"{uuid4().hex}.tif"  # several threads may read files of one name

    def opener(path: Any, *_: Any, **__: Any) -> Any:
        if not str(path).endswith(alias):
            raise FileNotFoundError(path)
        stream.seek(0)
        return stream

    driver = _DRIVERS.get(stream.read(4))
    if driver is None:
        raise _no_raster(name, remedy)
    where = {"fp": alias, "opener": opener, "driver": driver}
    with _opened(where, _ALONE, name, remedy, overviews, cache_mb) as source:
        yield source


@contextmanager
def _opened(
    where: dict[str, Any],
    options: dict[str, str],
    name: str,
    remedy: str,
    overviews: bool,
    cache_mb: int | None,
) -> Iterator[Any]:
    """Open a raster with options of GDAL, and check it."""
    where["sharing"] = False
    cache = {} if cache_mb is None else {"GDAL_CACHEMAX": cache_mb}
    with rasterio.Env(**options, **cache):
        if overviews:
            _check_overviews(where, name, remedy)
        with rasterio.open(**where) as source:
            _check(source, name, remedy)
            try:
                yield source
            except MemoryError as error:
                raise DataError(f"{name} takes more memory than there is; {remedy}") from error


def _values_by_itself(where: dict[str, Any], path: Path, remedy: str) -> dict[str, list[str]]:
    """Return what a raster says of its values without what lies beside it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with _opened(where, _WITHOUT_SIDECAR, str(path), remedy, False, None) as source:
            return _values_of(source)


def _values_of(source: Any) -> dict[str, list[str]]:
    """Return what an open dataset says of the values of each band, as text: NaN is not NaN."""
    marks = source.get_tag_item("NODATA_VALUES")
    stored = {
        "no-data value": zip(
            source.nodatavals, source.mask_flag_enums, repeat(marks), strict=False
        ),
        "scale": source.scales,
        "offset": source.offsets,
        "name": [name or "" for name in source.descriptions],
    }
    return {what: list(map(str, values)) for what, values in stored.items()}


def _check_sidecar(source: Any, itself: dict[str, list[str]], sidecar: Path) -> None:
    """Check that values mean what they mean without a sidecar; it may name bands that have no name."""
    for what, values in _values_of(source).items():
        for band, (value, before) in enumerate(zip(values, itself[what], strict=True), start=1):
            if value != before and before != "":
                raise DataError(
                    f"{sidecar} gives band {band} another {what} than the raster itself has; remove "
                    "it, or write what it says into the raster, as gdal_translate does to a GeoTIFF"
                )


def _driver_of(path: Path, remedy: str, in_folder: bool) -> str:
    """Return the driver that reads a file, by its first bytes."""
    if in_folder and path.is_symlink() and not path.resolve().is_relative_to(path.parent.resolve()):
        raise DataError(
            f"{path} is a link that leads out of its folder; copy the file, or {remedy}"
        )
    if not path.is_file():
        raise DataError(f"{path} is not a regular file; {remedy}")
    try:
        with path.open("rb") as stream:
            driver = _DRIVERS.get(stream.read(4))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}; {remedy}") from error
    if driver is None:
        raise _no_raster(str(path), remedy)
    return driver


def _no_raster(name: str, remedy: str) -> DataError:
    return DataError(f"{name} cannot be read: it is neither GeoTIFF nor JPEG 2000; {remedy}")


def _rasters_beside(path: Path) -> Iterator[Path]:
    """Find files beside a raster that GDAL would open as rasters."""
    names = [f"{path}{ending}" for ending in _RASTERS_BESIDE]
    names += [f"{path.with_suffix(ending)}" for ending in _ERDAS]
    return (Path(name) for name in names if lexists(name) and name.lower() != str(path).lower())


def _check_overviews(where: dict[str, Any], name: str, remedy: str) -> None:
    """Check the blocks of the overviews of a raster, one after another: a stream is opened once at a time."""
    with rasterio.open(**where) as source:
        _check(source, name, remedy)  # before overviews are looked for
        n_overviews = max(len(source.overviews(band)) for band in source.indexes)
    if n_overviews > MOST_OVERVIEWS:
        raise DataError(f"{name} has more than {MOST_OVERVIEWS} overviews; {remedy}")
    for level in range(n_overviews):
        with rasterio.open(overview_level=level, **where) as source:
            _check_blocks(source, f"an overview of {name}", remedy)


def _check(source: Any, name: str, remedy: str) -> None:
    """Check what an open dataset says of itself, without reading a pixel."""
    if source.get_tag_item("OVERVIEW_FILE", "OVERVIEWS") is not None:
        raise DataError(f"{name} names another file as its overviews; {remedy}")
    if source.count > MOST_BANDS or max(source.shape) > LONGEST_SIDE:
        height, width = source.shape
        raise DataError(
            f"{name} has {source.count} bands of {height} × {width} pixels, expected at most {MOST_BANDS} "
            f"and sides of {LONGEST_SIDE}; {remedy}"
        )
    _check_blocks(source, name, remedy)
    if source.crs is not None:
        check_crs(source.crs.to_wkt(), name, remedy)


def _check_blocks(source: Any, name: str, remedy: str) -> None:
    """Check that the blocks of an open dataset are small enough to be decoded; all bands may be in one."""
    together = source.count > 1 and source.interleaving != Interleaving.band
    for (height, width), kind in zip(source.block_shapes, source.dtypes, strict=True):
        number = 16 if kind.startswith("complex") else np.dtype(kind).itemsize
        size = height * width * number * (source.count if together else 1)
        if size > BLOCK_BYTES:
            raise DataError(
                f"{name} has blocks of {height} × {width} pixels, {size >> 20} MB in memory, expected at "
                f"most {BLOCK_BYTES >> 20}; {remedy}, with tiles of 512 × 512"
            )
