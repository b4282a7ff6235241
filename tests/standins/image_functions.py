"""Functions of Earth Engine on images, as in `standins.functions`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from standins.elements import COLLECTION, Band, Collection, Feature, Image, Refused, epsg_of
from standins.functions import named
from standins.granules import PIXEL_METRES

if TYPE_CHECKING:
    from standins.expressions import Evaluator


@named("Image.load")
def _load(self: Evaluator, id: str, **_: Any) -> Image:
    folder, _, name = id.rpartition("/")
    if folder != COLLECTION or name not in self.catalogue.images:
        raise Refused(
            f"Image.load: Image asset '{id}' not found (does not exist or caller does not have access).",
            404,
        )
    return self.catalogue.images[name]


@named("Image.constant")
def _constant(_: Evaluator, value: float | list[float]) -> float | list[float]:
    """Return the numbers: `unmask` and `max` alone take such an image here."""
    return value


@named("Image.select")
def _select(
    _: Evaluator, input: Image, bandSelectors: Sequence[str], newNames: Sequence[str] | None = None
) -> Image:
    known = {band.name: band for band in input.bands}
    for name in bandSelectors:
        if name not in known:
            raise Refused(
                f"Image.select: Band pattern '{name}' did not match any bands. Available bands: "
                f"[{', '.join(known)}]"
            )
    named = zip(bandSelectors, newNames or bandSelectors, strict=True)
    chosen = (known[old] if old == new else replace(known[old], name=new) for old, new in named)
    return replace(input, bands=tuple(chosen))


@named("Image.rename")
def _rename(_: Evaluator, input: Image, names: Sequence[str]) -> Image:
    named = zip(input.bands, names, strict=True)
    return replace(input, bands=tuple(replace(band, name=name) for band, name in named))


@named("Image.addBands")
def _add_bands(
    _: Evaluator,
    dstImg: Image,
    srcImg: Image,
    names: Sequence[str] | None = None,
    overwrite: bool = False,
) -> Image:
    if dstImg.granule != srcImg.granule:
        raise Refused("Image.addBands: the stand-in adds bands of the same image only")
    added = {band.name: band for band in srcImg.bands if names is None or band.name in names}
    there = {band.name: band for band in dstImg.bands}
    bands = {**there, **added} if overwrite else {**added, **there}
    order = [*there, *(name for name in added if name not in there)]
    return replace(dstImg, bands=tuple(bands[name] for name in order))


@named("Image.bandNames")
def _band_names(_: Evaluator, image: Image) -> list[str]:
    return [band.name for band in image.bands]


@named("Image.id")
def _id(_: Evaluator, element: Image) -> str:
    return str(element.properties["system:id"])


@named("Image.unmask")
def _unmask(
    _: Evaluator, input: Image, value: float | None = None, sameFootprint: bool = True
) -> Image:
    fill = 0 if value is None else value
    return replace(input, bands=_unmasked(input.bands, fill, not sameFootprint))


@lru_cache
def _unmasked(bands: tuple[Band, ...], fill: float, everywhere: bool) -> tuple[Band, ...]:
    return tuple(
        band if band.everywhere else replace(band, fill=fill, everywhere=everywhere)
        for band in bands
    )


@named("Image.max")
def _max(_: Evaluator, image1: Image, image2: float | list[float]) -> Image:
    """Raise all bands to a number, or each to its own."""
    least = tuple(image2) if isinstance(image2, list) else (image2,) * len(image1.bands)
    return replace(image1, bands=_raised(image1.bands, least))


@lru_cache
def _raised(bands: tuple[Band, ...], least: tuple[float, ...]) -> tuple[Band, ...]:
    return tuple(
        replace(
            band,
            least=max(band.least, number),
            fill=None if band.fill is None else max(band.fill, number),
        )
        for band, number in zip(bands, least, strict=True)
    )


def _cast(kind: str) -> Callable[..., Image]:
    def cast(_: Evaluator, value: Image) -> Image:
        return replace(value, bands=tuple(replace(band, kind=kind) for band in value.bands))

    return cast


for _name, _kind in (
    ("Uint8", "uint8"),
    ("Byte", "uint8"),
    ("Uint16", "uint16"),
    ("Int16", "int16"),
    ("Short", "int16"),
    ("Int32", "int32"),
    ("Uint32", "uint32"),
    ("Int", "int32"),
    ("Float", "float32"),
    ("Double", "float64"),
):
    named(f"Image.to{_name}", f"Image.{_name.lower()}")(_cast(_kind))


@named("Reducer.first", "Reducer.firstNonNull")
def _first(_: Evaluator) -> str:
    return "first"


@named("Image.reduceRegions")
def _reduce_regions(
    self: Evaluator,
    image: Image,
    collection: Collection,
    reducer: str,
    scale: float | None = None,
    crs: str | None = None,
    **_: Any,
) -> Collection:
    metres = float(scale or PIXEL_METRES[image.bands[0].source])
    epsg = None if crs is None else epsg_of(crs)
    numbers = self.sampled(image, collection, epsg, metres)
    columns = [
        _masked(image, collection, band, column, self.catalogue.shown(band, column))
        for band, column in zip(image.bands, numbers, strict=True)
    ]
    names = [band.name for band in image.bands] if len(image.bands) > 1 else [reducer]
    reduced = []
    for feature, row in zip(collection.items, zip(*columns, strict=True), strict=True):
        properties = dict(zip(names, row, strict=True))
        if None in row:
            properties = {name: value for name, value in properties.items() if value is not None}
        reduced.append(Feature(feature.geometry, feature.properties | properties))
    return Collection(reduced)


def _masked(
    image: Image,
    points: Collection,
    band: Band,
    column: Sequence[int],
    shown: Sequence[float],
) -> Sequence[float | None]:
    """Put None for what is masked, and what `unmask` asks for in its place."""
    if band.fill is None:
        return [new if value else None for value, new in zip(column, shown, strict=True)]
    if band.everywhere:
        if shown is column and not band.fill:
            return column
        return [new if value else band.fill for value, new in zip(column, shown, strict=True)]
    return [
        new if value else (band.fill if image.geometry.intersects(point.geometry) else None)
        for value, new, point in zip(column, shown, points.items, strict=True)
    ]
