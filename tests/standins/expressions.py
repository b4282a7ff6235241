"""Evaluates the expressions that Earth Engine's client posts, over the granules of the simulated landscape.

An expression is a graph of function calls. It is compiled into closures first, what depends on no argument is
computed once. Of Earth Engine's functions those are here that a client of points and images needs, with the
argument names of its catalogue; any other is an `Refused` that names it.

What is known of the service and kept here: a masked value is absent from a feature's properties; a reducer of
one output names it by the band, but ``first`` where the image has one band; the end of a date range is not
included; points are read on the pixel grid of ``crs`` and ``scale``, by default the image's own.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import Transformer
from shapely.geometry import mapping, shape
from standins.granules import BANDS, PIXEL_METRES, Granule, Granules

COLLECTION = "COPERNICUS/S2_SR_HARMONIZED"
MOST_PIXEL_BYTES = 50_331_648
_DAY_MILLISECONDS = 86_400_000

Environment = dict[str, Any]
Closure = Callable[[Environment], Any]
Geometry = shapely.Geometry


class Refused(Exception):
    """What the service answers instead: a message and a status of HTTP."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Band:
    """A band of an image: where it comes from, what masked pixels become, and its type."""

    name: str
    source: str
    kind: str
    fill: float | None = None
    everywhere: bool = False


@dataclass(frozen=True, eq=False)
class Feature:
    """A geometry with properties; one that is None is absent."""

    geometry: Geometry | None
    properties: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Image:
    """A granule, some of its bands, and its properties; pixels are read when they are asked for."""

    granule: Granule
    bands: tuple[Band, ...]
    properties: dict[str, Any]
    geometry: Geometry


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
    """A filter by date; told apart, since the days decide how large a request is."""

    days: Days
    name: str

    def __call__(self, element: Element) -> bool:
        moment = element.properties.get(self.name)
        return moment is not None and self.days.start <= moment < self.days.end


Filter = Callable[[Any], bool]


class Catalogue:
    """The granules as Earth Engine's images."""

    def __init__(self, granules: Granules) -> None:
        self.granules = granules
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
        epsg = _epsg(grid["crsCode"])
        pixels = np.zeros((up, across), kind)
        for band in image.bands:
            values = self.granules.image(image.granule, band.source, epsg, numbers, (up, across))
            pixels[band.name] = np.where(values == 0, band.fill or 0, values)
        return pixels


@dataclass
class Evaluator:
    """Evaluates one expression.

    Attributes
    ----------
    most_point_days
        Points × days above which the computation "times out".
    """

    catalogue: Catalogue
    most_point_days: float | None = None
    _days: float = 0.0
    _values: Mapping[str, Any] = field(default_factory=dict)
    _closures: dict[str, tuple[Closure, frozenset[str]]] = field(default_factory=dict)
    _samples: dict[Any, Any] = field(default_factory=dict)

    def run(self, expression: Mapping[str, Any]) -> Any:
        """Evaluate.

        Raises
        ------
        Refused
            As the service would, or for a function that is not here.
        """
        self._values = expression["values"]
        closure, free = self._compiled({"valueReference": expression["result"]})
        if free:
            raise Refused(f"Invalid argument references: {', '.join(sorted(free))}.")
        return closure({})

    def _compiled(self, node: Mapping[str, Any]) -> tuple[Closure, frozenset[str]]:
        """Give a closure and the names of the arguments that it needs."""
        ((kind, content),) = node.items()
        match kind:
            case "constantValue":
                return (lambda _: content), frozenset()
            case "integerValue":
                return (lambda _, number=int(content): number), frozenset()
            case "argumentReference":
                return operator.itemgetter(content), frozenset([content])
            case "valueReference":
                if content not in self._closures:
                    self._closures[content] = self._compiled(self._values[content])
                return self._closures[content]
            case "arrayValue":
                closures, free = self._all_compiled(content["values"])
                return _once(lambda env: [each(env) for each in closures], free), free
            case "dictionaryValue":
                closures, free = self._all_compiled(content["values"].values())
                pairs = list(zip(content["values"], closures, strict=True))
                return _once(lambda env: {name: each(env) for name, each in pairs}, free), free
            case "functionDefinitionValue":
                return self._definition(content)
            case "functionInvocationValue":
                return self._invocation(content)
        raise Refused(f"the stand-in knows no node {kind!r}")

    def _all_compiled(
        self, nodes: Iterable[Mapping[str, Any]]
    ) -> tuple[list[Closure], frozenset[str]]:
        compiled = [self._compiled(node) for node in nodes]
        return [each for each, _ in compiled], frozenset().union(*(free for _, free in compiled))

    def _definition(self, content: Mapping[str, Any]) -> tuple[Closure, frozenset[str]]:
        names = content.get("argumentNames", [])
        body, free = self._compiled({"valueReference": content["body"]})

        def defined(env: Environment) -> Callable[..., Any]:
            return lambda *values: body(env | dict(zip(names, values, strict=True)))

        return defined, free.difference(names)

    def _invocation(self, content: Mapping[str, Any]) -> tuple[Closure, frozenset[str]]:
        name = content.get("functionName", "of a value")
        if name not in _FUNCTIONS:
            raise Refused(f"the stand-in has no function {name}; tests/standins/expressions.py")
        function = _FUNCTIONS[name]
        arguments = content.get("arguments", {})
        closures, free = self._all_compiled(arguments.values())
        pairs = list(zip(arguments, closures, strict=True))

        def invoked(env: Environment) -> Any:
            try:
                return function(self, **{key: each(env) for key, each in pairs})
            except TypeError as error:
                raise Refused(f"{name}: {error}") from error

        return _once(invoked, free), free

    def date_filtered(self, days: Days) -> None:
        """Remember how many days were chosen."""
        self._days = (days.end - days.start) / _DAY_MILLISECONDS

    def sampled(
        self, image: Image, points: Collection, epsg: int | None, metres: float
    ) -> list[list[int]]:
        """Give an image's values at points by band: 0 where it is masked."""
        key = (id(points), epsg or image.granule.epsg, metres)
        if key not in self._samples:
            lonlat = np.array([[each.geometry.x, each.geometry.y] for each in points.items])
            if self.most_point_days and len(lonlat) * self._days > self.most_point_days:
                raise Refused("Computation timed out.")
            # The native pixel of a granule's own grid needs no detour.
            plain = epsg is None and metres == min(PIXEL_METRES.values())
            read = lonlat if plain else _snapped(lonlat, key[1], metres)
            values = self.catalogue.granules.at(read)
            self._samples[key] = {band: values[band].T.tolist() for band in values}
        rows = self._samples[key]
        return [rows[band.source][image.granule.number] for band in image.bands]


def _once(closure: Closure, free: frozenset[str]) -> Closure:
    """Keep the value of what depends on nothing."""
    if free:
        return closure
    kept: list[Any] = []

    def known(env: Environment) -> Any:
        if not kept:
            kept.append(closure(env))
        return kept[0]

    return known


def _snapped(lonlat: NDArray[np.float64], epsg: int, metres: float) -> NDArray[np.float64]:
    """Give the centres of the pixels of a grid that places fall in."""
    size = metres / 111_319.49 if epsg == 4326 else metres
    to_grid = Transformer.from_crs(4326, epsg, always_xy=True)
    x, y = to_grid.transform(lonlat[:, 0], lonlat[:, 1])
    x, y = ((np.floor(each / size) + 0.5) * size for each in (x, y))
    return np.stack(to_grid.transform(x, y, direction="INVERSE"), axis=1)


def _epsg(code: str) -> int:
    authority, _, number = str(code).partition(":")
    if authority != "EPSG" or not number.isdigit():
        raise Refused(f"Projection: The CRS of a map projection could not be parsed: '{code}'.")
    return int(number)


def _milliseconds(moment: Any) -> float:
    if isinstance(moment, str):
        try:
            read = datetime.fromisoformat(moment)
        except ValueError:
            raise Refused(f"Date: Bad date/time '{moment}'.") from None
        return read.replace(tzinfo=read.tzinfo or UTC).timestamp() * 1000
    return float(moment)


_FUNCTIONS: dict[str, Callable[..., Any]] = {}


def _named(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    def keep(function: Callable[..., Any]) -> Callable[..., Any]:
        _FUNCTIONS.update(dict.fromkeys(names, function))
        return function

    return keep


# Geometries, dates and projections


@_named("GeometryConstructors.Point", "GeometryConstructors.MultiPoint")
def _points(_: Evaluator, coordinates: list[Any], **__: Any) -> Geometry:
    flat = not isinstance(coordinates[0], list)
    return shapely.Point(coordinates) if flat else shapely.MultiPoint(coordinates)


@_named("GeometryConstructors.Polygon")
def _polygon(_: Evaluator, coordinates: list[Any], **__: Any) -> Geometry:
    return shapely.Polygon(coordinates[0], coordinates[1:])


@_named("GeometryConstructors.Rectangle")
def _rectangle(_: Evaluator, coordinates: list[Any], **__: Any) -> Geometry:
    return shapely.box(*np.ravel(coordinates)[[0, 1, -2, -1]])


@_named("GeometryConstructors.BBox")
def _bbox(_: Evaluator, west: float, south: float, east: float, north: float) -> Geometry:
    return shapely.box(west, south, east, north)


@_named("GeometryConstructors.MultiGeometry")
def _multi(_: Evaluator, geometries: list[Geometry], **__: Any) -> Geometry:
    return shapely.union_all(geometries)


@_named("Geometry.bounds")
def _bounds(_: Evaluator, geometry: Geometry, **__: Any) -> Geometry:
    return shapely.box(*geometry.bounds)


@_named("Collection.geometry")
def _outline(_: Evaluator, collection: Collection, **__: Any) -> Geometry:
    return shapely.union_all([each.geometry for each in collection.items])


@_named("Feature.geometry", "Element.geometry", "Image.geometry")
def _geometry(_: Evaluator, feature: Element, **__: Any) -> Geometry | None:
    return feature.geometry


@_named("Date")
def _date(_: Evaluator, value: Any, **__: Any) -> float:
    return _milliseconds(value)


@_named("Date.millis")
def _millis(_: Evaluator, date: float) -> int:
    return int(date)


@_named("Image.date")
def _image_date(_: Evaluator, image: Image) -> float:
    return float(image.properties["system:time_start"])


@_named("DateRange")
def _days(_: Evaluator, start: Any, end: Any = None, **__: Any) -> Days:
    first = _milliseconds(start)
    return Days(first, first + 1 if end is None else _milliseconds(end))


@_named("Projection")
def _projection(_: Evaluator, crs: str, **__: Any) -> str:
    return crs


@_named("Image.projection")
def _own_projection(_: Evaluator, image: Image) -> str:
    return f"EPSG:{image.granule.epsg}"


# Filters


@_named("Filter.dateRangeContains")
def _contains(_: Evaluator, leftValue: Days, rightField: str) -> Filter:
    return Contains(leftValue, rightField)


@_named("Filter.intersects")
def _intersects(_: Evaluator, rightValue: Any, leftField: str = ".all", **__: Any) -> Filter:
    around = rightValue.geometry if isinstance(rightValue, Feature) else rightValue
    shapely.prepare(around)
    return lambda each: each.geometry is not None and bool(around.intersects(each.geometry))


@_named("Filter.notNull")
def _not_null(_: Evaluator, properties: list[str]) -> Filter:
    return lambda each: all(each.properties.get(name) is not None for name in properties)


@_named("Filter.and")
def _and(_: Evaluator, filters: list[Filter]) -> Filter:
    return lambda each: all(one(each) for one in filters)


@_named("Filter.or")
def _or(_: Evaluator, filters: list[Filter]) -> Filter:
    return lambda each: any(one(each) for one in filters)


@_named("Filter.not")
def _not(_: Evaluator, filter: Filter) -> Filter:
    return lambda each: not filter(each)


@_named("Filter.inList")
def _in_list(
    _: Evaluator,
    leftField: str = "",
    rightValue: Sequence[Any] = (),
    leftValue: Any = None,
    rightField: str = "",
) -> Filter:
    if rightField:
        return lambda each: leftValue in (each.properties.get(rightField) or ())
    return lambda each: each.properties.get(leftField) in rightValue


@_named("Filter.listContains")
def _list_contains(_: Evaluator, leftValue: Sequence[Any], rightField: str) -> Filter:
    return lambda each: each.properties.get(rightField) in leftValue


def _comparison(holds: Callable[[Any, Any], bool]) -> Callable[..., Filter]:
    def compare(
        _: Evaluator, leftField: str, rightValue: Any = None, rightField: str | None = None
    ) -> Filter:
        def passes(each: Element) -> bool:
            left = each.properties.get(leftField)
            right = rightValue if rightField is None else each.properties.get(rightField)
            return left is not None and right is not None and holds(left, right)

        return passes

    return compare


for _names, _holds in (
    (("Filter.eq", "Filter.equals"), operator.eq),
    (("Filter.neq", "Filter.notEquals"), operator.ne),
    (("Filter.lt", "Filter.lessThan"), operator.lt),
    (("Filter.lte", "Filter.lessThanOrEquals"), operator.le),
    (("Filter.gt", "Filter.greaterThan"), operator.gt),
    (("Filter.gte", "Filter.greaterThanOrEquals"), operator.ge),
    (("Filter.stringStartsWith",), str.startswith),
    (("Filter.stringEndsWith",), str.endswith),
    (("Filter.stringContains",), operator.contains),
):
    _named(*_names)(_comparison(_holds))


# Collections


@_named("ImageCollection.load")
def _load_all(self: Evaluator, id: str, **_: Any) -> Collection:
    if id != COLLECTION:
        raise Refused(
            f"ImageCollection.load: ImageCollection asset '{id}' not found (does not exist or caller does "
            f"not have access).",
            404,
        )
    return Collection(list(self.catalogue.images.values()))


@_named("Collection")
def _collection(_: Evaluator, features: Any) -> Collection:
    return features if isinstance(features, Collection) else Collection(list(features))


@_named("ImageCollection.fromImages")
def _from_images(_: Evaluator, images: list[Image]) -> Collection:
    return Collection(list(images))


@_named("Collection.filter")
def _filter(self: Evaluator, collection: Collection, filter: Filter) -> Collection:
    if isinstance(filter, Contains):
        self.date_filtered(filter.days)
    return Collection([each for each in collection.items if filter(each)])


@_named("Collection.map", "List.map")
def _map(
    _: Evaluator,
    baseAlgorithm: Callable[[Any], Any],
    collection: Collection | None = None,
    list: Sequence[Any] = (),
    dropNulls: bool = False,
) -> Any:
    items = collection.items if collection else list
    made = [each for each in map(baseAlgorithm, items) if not (dropNulls and each is None)]
    return Collection(made) if collection else made


@_named("Collection.flatten")
def _flatten(_: Evaluator, collection: Collection) -> Collection:
    return Collection([each for inner in collection.items for each in inner.items])


@_named("Collection.merge", "ImageCollection.merge")
def _merge(_: Evaluator, collection1: Collection, collection2: Collection) -> Collection:
    return Collection([*collection1.items, *collection2.items])


@_named("Collection.size", "List.size")
def _size(_: Evaluator, collection: Collection | None = None, list: Sequence[Any] = ()) -> int:
    return len(collection.items if collection else list)


@_named("Collection.limit")
def _limit(
    _: Evaluator,
    collection: Collection,
    limit: int | None = None,
    key: str | None = None,
    ascending: bool = True,
) -> Collection:
    items = collection.items
    if key is not None:
        items = sorted(items, key=lambda each: each.properties[key], reverse=not ascending)
    return Collection(items[:limit])


@_named("Collection.first")
def _first_of(_: Evaluator, collection: Collection) -> Any:
    return collection.items[0] if collection.items else None


@_named("Collection.toList")
def _to_list(_: Evaluator, collection: Collection, count: int, offset: int = 0) -> list[Any]:
    return collection.items[offset : offset + count]


@_named("List.get")
def _list_get(_: Evaluator, list: Sequence[Any], index: int) -> Any:
    return list[index]


@_named("AggregateFeatureCollection.array")
def _aggregate(_: Evaluator, collection: Collection, property: str) -> list[Any]:
    found = (each.properties.get(property) for each in collection.items)
    return [value for value in found if value is not None]


# Features and dictionaries


@_named("Feature")
def _feature(
    _: Evaluator, geometry: Geometry | None = None, metadata: dict[str, Any] | None = None, **__: Any
) -> Feature:
    return Feature(geometry, dict(metadata or {}))


@_named("Element.get", "Element.getNumber", "Element.getString")
def _get(_: Evaluator, object: Element, property: str) -> Any:
    return object.properties.get(property)


@_named("Element.set")
def _set(_: Evaluator, object: Element, key: str, value: Any = None) -> Element:
    return replace(object, properties={**object.properties, key: value})


@_named("Element.setMulti")
def _set_multi(_: Evaluator, object: Element, properties: dict[str, Any]) -> Element:
    return replace(object, properties={**object.properties, **properties})


@_named("Element.copyProperties", "Image.copyProperties")
def _copy(
    _: Evaluator,
    destination: Element,
    source: Element,
    properties: Sequence[str] | None = None,
    exclude: Sequence[str] = (),
) -> Element:
    kept = {
        name: value
        for name, value in source.properties.items()
        if (name in properties if properties else not name.startswith("system:"))
        and name not in exclude
    }
    return replace(destination, properties={**destination.properties, **kept})


@_named("Element.toDictionary")
def _to_dictionary(
    _: Evaluator, element: Element, properties: Sequence[str] | None = None
) -> dict[str, Any]:
    known = element.properties
    if properties is None:
        return {name: value for name, value in known.items() if not name.startswith("system:")}
    return {name: known[name] for name in properties if name in known}


@_named("Feature.select")
def _select_properties(
    _: Evaluator,
    input: Feature,
    propertySelectors: Sequence[str],
    newProperties: Sequence[str] | None = None,
    retainGeometry: bool = True,
) -> Feature:
    named = zip(propertySelectors, newProperties or propertySelectors, strict=True)
    kept = {new: input.properties[old] for old, new in named if old in input.properties}
    return Feature(input.geometry if retainGeometry else None, kept)


@_named("Feature.setGeometry")
def _set_geometry(_: Evaluator, feature: Feature, geometry: Geometry | None = None) -> Feature:
    return replace(feature, geometry=geometry)


@_named("Dictionary.get")
def _dictionary_get(
    _: Evaluator, dictionary: dict[str, Any], key: str, defaultValue: Any = None
) -> Any:
    return dictionary.get(key, defaultValue)


@_named("Dictionary.set")
def _dictionary_set(_: Evaluator, dictionary: dict[str, Any], key: str, value: Any) -> Any:
    return {**dictionary, key: value}


@_named("Dictionary.combine")
def _combine(
    _: Evaluator, first: dict[str, Any], second: dict[str, Any], overwrite: bool = True
) -> dict[str, Any]:
    return {**first, **second} if overwrite else {**second, **first}


# Images


@_named("Image.load")
def _load(self: Evaluator, id: str, **_: Any) -> Image:
    folder, _, name = id.rpartition("/")
    if folder != COLLECTION or name not in self.catalogue.images:
        raise Refused(
            f"Image.load: Image asset '{id}' not found (does not exist or caller does not have access).",
            404,
        )
    return self.catalogue.images[name]


@_named("Image.select")
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
    return replace(input, bands=tuple(replace(known[old], name=new) for old, new in named))


@_named("Image.rename")
def _rename(_: Evaluator, input: Image, names: Sequence[str]) -> Image:
    named = zip(input.bands, names, strict=True)
    return replace(input, bands=tuple(replace(band, name=name) for band, name in named))


@_named("Image.addBands")
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


@_named("Image.bandNames")
def _band_names(_: Evaluator, image: Image) -> list[str]:
    return [band.name for band in image.bands]


@_named("Image.id")
def _id(_: Evaluator, element: Image) -> str:
    return str(element.properties["system:id"])


@_named("Image.unmask")
def _unmask(
    _: Evaluator, input: Image, value: float | None = None, sameFootprint: bool = True
) -> Image:
    fill = 0 if value is None else value
    return replace(
        input,
        bands=tuple(
            band if band.everywhere else replace(band, fill=fill, everywhere=not sameFootprint)
            for band in input.bands
        ),
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
    _named(f"Image.to{_name}", f"Image.{_name.lower()}")(_cast(_kind))


@_named("Reducer.first", "Reducer.firstNonNull")
def _first(_: Evaluator) -> str:
    return "first"


@_named("Image.reduceRegions")
def _reduce_regions(
    self: Evaluator,
    image: Image,
    collection: Collection,
    reducer: str,
    scale: float | None = None,
    crs: str | None = None,
    **_: Any,
) -> Collection:
    bands = image.bands
    metres = float(scale or PIXEL_METRES[bands[0].source])
    columns = self.sampled(image, collection, None if crs is None else _epsg(crs), metres)
    if any(band.fill is not None for band in bands):
        points = [each.geometry for each in collection.items]
        columns = [_filled(image, *each, points) for each in zip(bands, columns, strict=True)]
    names = [band.name for band in bands] if len(bands) > 1 else [reducer]
    reduced = []
    for feature, row in zip(collection.items, zip(*columns, strict=True), strict=True):
        properties = dict(feature.properties)
        # 0 is how granules say masked; filled values are numbers of their own.
        properties.update(
            (name, value.real)
            for name, value in zip(names, row, strict=True)
            if value or isinstance(value, _Filled)
        )
        reduced.append(Feature(feature.geometry, properties))
    return Collection(reduced)
