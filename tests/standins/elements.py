"""What expressions of Earth Engine speak of: images, features, collections, and the granules behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry import mapping

from standins.granules import BANDS, Granule, Granules

COLLECTION = "COPERNICUS/S2_SR_HARMONIZED"
MOST_PIXEL_BYTES = 50_331_648

Geometry = shapely.Geometry


class Refused(Exception):
    """What the service answers instead: a message and a status of HTTP."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Band:
    """A band of an image: where it comes from, its type, what masked pixels become, and its least value."""

    name: str
    source: str
    kind: str
    fill: float | None = None
    everywhere: bool = False
    least: float = 0


@dataclass(eq=False, slots=True)
class Feature:
    """A geometry with properties; one that is None is absent."""

    geometry: Geometry | None
    properties: dict[str, Any]

    def having(self, properties: dict[str, Any]) -> Feature:
        """Return the same with other properties."""
        return Feature(self.geometry, properties)


@dataclass(eq=False, slots=True)
class Image:
    """A granule, some of its bands, and its properties; pixels are read when they are asked for."""

    granule: Granule
    bands: tuple[Band, ...]
    properties: dict[str, Any]
    geometry: Geometry

    def having(self, properties: dict[str, Any]) -> Image:
        """Return the same with other properties."""
        return Image(self.granule, self.bands, properties, self.geometry)


Element = Feature | Image


@dataclass(frozen=True, eq=False)
class Collection:
    """Images, features, or collections of them."""

    items: list[Any]


@dataclass(frozen=True)
class Days:
    """Milliseconds since 1970-01-01, the end not included."""

    start: float
    end: float


@dataclass(frozen=True)
class Contains:
    """A filter by date; a class of its own, since the days decide how large a request is."""

    days: Days
    name: str

    def __call__(self, element: Element) -> bool:
        moment = element.properties.get(self.name)
        return moment is not None and self.days.start <= moment < self.days.end


Filter = Callable[[Any], bool]


class Catalogue:
    """The granules as Earth Engine's images.

    Attributes
    ----------
    darker
        What is taken from all reflectance, down to 0: a value that is seen all the same.
    """

    def __init__(self, granules: Granules) -> None:
        self.granules = granules
        self.darker = 0
        bands = tuple(Band(b, b, "uint8" if b == "SCL" else "uint16") for b in BANDS)
        self.images = {
            granule.name: Image(
                granule,
                bands,
                {
                    "system:index": granule.name,
                    "system:id": f"{COLLECTION}/{granule.name}",
                    "system:time_start": int(granule.time.astype("datetime64[ms]").astype(int)),
                    "MGRS_TILE": granule.tile,
                },
                shapely.Polygon(granules.footprint(granule)),
            )
            for granule in granules.granules
        }

    def pixels(self, image: Image, grid: Mapping[str, Any]) -> NDArray[Any]:
        """Read an image on a grid as the service writes NPY: a structured array, shape ``(y, x)``."""
        affine, size = grid["affineTransform"], grid["dimensions"]
        across, up = int(size["width"]), int(size["height"])
        kind = np.dtype([(band.name, band.kind) for band in image.bands])
        asked = across * up * kind.itemsize
        if asked > MOST_PIXEL_BYTES:
            raise Refused(
                f"Total request size ({asked} bytes) must be less than or equal to {MOST_PIXEL_BYTES} bytes."
            )
        names = ("scaleX", "shearX", "translateX", "shearY", "scaleY", "translateY")
        numbers = tuple(float(affine.get(name, 0)) for name in names)
        epsg = epsg_of(grid["crsCode"])
        pixels = np.zeros((up, across), kind)
        for band in image.bands:
            values = self.granules.image(image.granule, band.source, epsg, numbers, (up, across))
            pixels[band.name] = np.where(values == 0, band.fill or 0, self.shown(band, values))
        return pixels

    def shown(self, band: Band, values: Any) -> Any:
        """Return what a band shows where it is not masked, as it is given where the granule is."""
        darker = 0 if band.source == "SCL" else self.darker
        if not darker and band.least <= 1:
            return values
        return np.maximum(np.asarray(values, int) - darker, band.least).tolist()


def epsg_of(code: str) -> int:
    """Read a code like ``EPSG:32639``."""
    authority, _, number = str(code).partition(":")
    if authority != "EPSG" or not number.isdigit():
        raise Refused(f"Projection: The CRS of a map projection could not be parsed: '{code}'.")
    return int(number)


def as_json(value: Any) -> Any:
    """Write a result as ``value:compute`` does."""
    if isinstance(value, Collection):
        return {"type": "FeatureCollection", "features": [as_json(each) for each in value.items]}
    if isinstance(value, Feature):
        properties = {name: each for name, each in value.properties.items() if each is not None}
        geometry = None if value.geometry is None else mapping(value.geometry)
        return {"type": "Feature", "geometry": geometry, "properties": properties}
    if isinstance(value, Image):
        bands = [{"id": band.name, "data_type": {"type": "PixelType"}} for band in value.bands]
        return {"type": "Image", "bands": bands, "properties": value.properties}
    if isinstance(value, Geometry):
        return mapping(value)
    if isinstance(value, Mapping):
        return {name: as_json(each) for name, each in value.items()}
    return [as_json(each) for each in value] if isinstance(value, list) else value
