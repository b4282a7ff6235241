"""Functions of Earth Engine, those of images apart: its names, and its names for their arguments.

The first argument is the evaluator that calls.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from standins.elements import (
    COLLECTION,
    Collection,
    Contains,
    Days,
    Element,
    Feature,
    Filter,
    Geometry,
    Image,
    Refused,
)

if TYPE_CHECKING:
    from standins.expressions import Evaluator

FUNCTIONS: dict[str, Callable[..., Any]] = {}


def named(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function under Earth Engine's names for it."""

    def keep(function: Callable[..., Any]) -> Callable[..., Any]:
        FUNCTIONS.update(dict.fromkeys(names, function))
        return function

    return keep


def _milliseconds(moment: Any) -> float:
    if isinstance(moment, str):
        try:
            read = datetime.fromisoformat(moment)
        except ValueError:
            raise Refused(f"Date: Bad date/time '{moment}'.") from None
        return read.replace(tzinfo=read.tzinfo or UTC).timestamp() * 1000
    return float(moment)


# Geometries, dates and projections


@named("GeometryConstructors.Point", "GeometryConstructors.MultiPoint")
def _points(_: Evaluator, coordinates: list[Any], **__: Any) -> Geometry:
    flat = not isinstance(coordinates[0], list)
    return shapely.Point(coordinates) if flat else shapely.MultiPoint(coordinates)


@named("GeometryConstructors.Polygon")
def _polygon(_: Evaluator, coordinates: list[Any], **__: Any) -> Geometry:
    return shapely.Polygon(coordinates[0], coordinates[1:])


@named("GeometryConstructors.Rectangle")
def _rectangle(_: Evaluator, coordinates: list[Any], **__: Any) -> Geometry:
    return shapely.box(*np.ravel(coordinates)[[0, 1, -2, -1]])


@named("GeometryConstructors.BBox")
def _bbox(_: Evaluator, west: float, south: float, east: float, north: float) -> Geometry:
    return shapely.box(west, south, east, north)


@named("GeometryConstructors.MultiGeometry")
def _multi(_: Evaluator, geometries: list[Geometry], **__: Any) -> Geometry:
    return shapely.union_all(geometries)


@named("Geometry.bounds")
def _bounds(_: Evaluator, geometry: Geometry, **__: Any) -> Geometry:
    return shapely.box(*geometry.bounds)


@named("Collection.geometry")
def _outline(_: Evaluator, collection: Collection, **__: Any) -> Geometry:
    return shapely.union_all([each.geometry for each in collection.items])


@named("Feature.geometry", "Element.geometry", "Image.geometry")
def _geometry(_: Evaluator, feature: Element, **__: Any) -> Geometry | None:
    return feature.geometry


@named("Date")
def _date(_: Evaluator, value: Any, **__: Any) -> float:
    return _milliseconds(value)


@named("Date.millis")
def _millis(_: Evaluator, date: float) -> int:
    return int(date)


@named("Image.date")
def _image_date(_: Evaluator, image: Image) -> float:
    return float(image.properties["system:time_start"])


@named("DateRange")
def _days(_: Evaluator, start: Any, end: Any = None, **__: Any) -> Days:
    first = _milliseconds(start)
    return Days(first, first + 1 if end is None else _milliseconds(end))


@named("Projection")
def _projection(_: Evaluator, crs: str, **__: Any) -> str:
    return crs


@named("Image.projection")
def _own_projection(_: Evaluator, image: Image) -> str:
    return f"EPSG:{image.granule.epsg}"


# Filters


@named("Filter.dateRangeContains")
def _contains(_: Evaluator, leftValue: Days, rightField: str) -> Filter:
    return Contains(leftValue, rightField)


@named("Filter.intersects")
def _intersects(_: Evaluator, rightValue: Any, leftField: str = ".all", **__: Any) -> Filter:
    around = rightValue.geometry if isinstance(rightValue, Feature) else rightValue
    shapely.prepare(around)
    return lambda each: each.geometry is not None and bool(around.intersects(each.geometry))


@named("Filter.notNull")
def _not_null(_: Evaluator, properties: list[str]) -> Filter:
    return lambda each: all(each.properties.get(name) is not None for name in properties)


@named("Filter.and")
def _and(_: Evaluator, filters: list[Filter]) -> Filter:
    return lambda each: all(one(each) for one in filters)


@named("Filter.or")
def _or(_: Evaluator, filters: list[Filter]) -> Filter:
    return lambda each: any(one(each) for one in filters)


@named("Filter.not")
def _not(_: Evaluator, filter: Filter) -> Filter:
    return lambda each: not filter(each)


@named("Filter.inList")
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


@named("Filter.listContains")
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
    named(*_names)(_comparison(_holds))


# Collections


@named("ImageCollection.load")
def _load_all(self: Evaluator, id: str, **_: Any) -> Collection:
    if id != COLLECTION:
        raise Refused(
            f"ImageCollection.load: ImageCollection asset '{id}' not found (does not exist or caller does "
            f"not have access).",
            404,
        )
    return Collection(list(self.catalogue.images.values()))


@named("Collection")
def _collection(_: Evaluator, features: Any) -> Collection:
    return features if isinstance(features, Collection) else Collection(list(features))


@named("ImageCollection.fromImages")
def _from_images(_: Evaluator, images: list[Image]) -> Collection:
    return Collection(list(images))


@named("Collection.filter")
def _filter(self: Evaluator, collection: Collection, filter: Filter) -> Collection:
    if isinstance(filter, Contains):
        self.date_filtered(filter.days)
    return Collection([each for each in collection.items if filter(each)])


@named("Collection.map", "List.map")
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


@named("Collection.flatten")
def _flatten(_: Evaluator, collection: Collection) -> Collection:
    return Collection([each for inner in collection.items for each in inner.items])


@named("Collection.merge", "ImageCollection.merge")
def _merge(_: Evaluator, collection1: Collection, collection2: Collection) -> Collection:
    return Collection([*collection1.items, *collection2.items])


@named("Collection.size", "List.size")
def _size(_: Evaluator, collection: Collection | None = None, list: Sequence[Any] = ()) -> int:
    return len(collection.items if collection else list)


@named("Collection.limit")
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


@named("Collection.first")
def _first_of(_: Evaluator, collection: Collection) -> Any:
    return collection.items[0] if collection.items else None


@named("Collection.toList")
def _to_list(_: Evaluator, collection: Collection, count: int, offset: int = 0) -> list[Any]:
    return collection.items[offset : offset + count]


@named("List.get")
def _list_get(_: Evaluator, list: Sequence[Any], index: int) -> Any:
    return list[index]


@named("AggregateFeatureCollection.array")
def _aggregate(_: Evaluator, collection: Collection, property: str) -> list[Any]:
    found = (each.properties.get(property) for each in collection.items)
    return [value for value in found if value is not None]


# Features and dictionaries


@named("Feature")
def _feature(
    _: Evaluator,
    geometry: Geometry | None = None,
    metadata: dict[str, Any] | None = None,
    **__: Any,
) -> Feature:
    return Feature(geometry, dict(metadata or {}))


@named("Element.get", "Element.getNumber", "Element.getString")
def _get(_: Evaluator, object: Element, property: str) -> Any:
    return object.properties.get(property)


@named("Element.set")
def _set(_: Evaluator, object: Element, key: str, value: Any = None) -> Element:
    return object.having({**object.properties, key: value})


@named("Element.setMulti")
def _set_multi(_: Evaluator, object: Element, properties: dict[str, Any]) -> Element:
    return object.having({**object.properties, **properties})


@named("Element.copyProperties", "Image.copyProperties")
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
    return destination.having({**destination.properties, **kept})


@named("Element.toDictionary")
def _to_dictionary(
    _: Evaluator, element: Element, properties: Sequence[str] | None = None
) -> dict[str, Any]:
    known = element.properties
    if properties is None:
        return {name: value for name, value in known.items() if not name.startswith("system:")}
    return {name: known[name] for name in properties if name in known}


@named("Feature.select")
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


@named("Feature.setGeometry")
def _set_geometry(_: Evaluator, feature: Feature, geometry: Geometry | None = None) -> Feature:
    return Feature(geometry, feature.properties)


@named("Dictionary.get")
def _dictionary_get(
    _: Evaluator, dictionary: dict[str, Any], key: str, defaultValue: Any = None
) -> Any:
    return dictionary.get(key, defaultValue)


@named("Dictionary.set")
def _dictionary_set(_: Evaluator, dictionary: dict[str, Any], key: str, value: Any) -> Any:
    return {**dictionary, key: value}


@named("Dictionary.combine")
def _combine(
    _: Evaluator, first: dict[str, Any], second: dict[str, Any], overwrite: bool = True
) -> dict[str, Any]:
    return {**first, **second} if overwrite else {**second, **first}
