"""Files beside the layers of a map, by which a GIS opens them named and styled, and a catalogue finds them.

``LAYER.qml`` is read by QGIS, ``LAYER.tif.aux.xml`` by GDAL (names of classes and an attribute table),
``item.json`` by what reads STAC. None of them is needed to read a layer. They are not checked as the layers
are: QGIS writes to the first when somebody saves a style, and to the second when it counts values.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from cropland.maps.layers import CLASS, CROPLAND, LAYERS, OTHER, TOO_FEW, opaque, ramp_colours
from cropland.maps.pictures import pictures
from cropland.sources.grid import box_of
from cropland.support.writing import write_whole

if TYPE_CHECKING:
    from odc.geo.geobox import GeoBox
    from pystac import Item

    from cropland.maps.assemble import PixelCounts
    from cropland.maps.layers import Layer

ITEM = "item.json"
_REDUCED = 512
"""Longest side of the picture of a layer whose largest value is the end of its scale."""
_STOPS = 11
"""Colours of a style that are written; those between are interpolated."""
_DOCTYPE = "<!DOCTYPE qgis PUBLIC 'http://mrcc.com/qgis.dtd' 'SYSTEM'>\n"
_COLUMNS = (
    *(("Value", 0, 5), ("Count", 1, 1), ("Class", 2, 2)),
    *(("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8), ("Alpha", 0, 9)),
)
"""Columns of an attribute table: name, type (whole number, number, text) and use, by GDAL's codes."""
_DAY = "%Y-%m-%d"


def names_of(layers: Iterable[str] = LAYERS) -> list[str]:
    """Return the names of the files that layers can have beside them, and of the item."""
    return [f"{name}{ending}" for name in layers for ending in (".qml", ".tif.aux.xml")] + [ITEM]


def write(
    folder: Path,
    layers: Sequence[Layer],
    grid: GeoBox,
    counts: PixelCounts,
    tags: Mapping[str, str],
    others: Mapping[str, tuple[str, str]],
) -> None:
    """Write a style and, of classes, an attribute table beside each layer, and the STAC item of the map.

    Parameters
    ----------
    folder : Path
        Of the map; its layers are there.
    layers : sequence of Layer
        Its layers.
    grid : GeoBox
        Of all of them.
    counts : PixelCounts
        What its pixels add up to.
    tags : mapping of str to str
        The metadata of its files.
    others : mapping of str to (str, str)
        Further files of the map, by name: media type and role.

    Raises
    ------
    DataError
        A layer cannot be read, or a file cannot be written.
    """
    paths = {layer.name: folder / f"{layer.name}.tif" for layer in layers}
    for picture in pictures(paths, _REDUCED):
        style = style_of(picture.layer, picture.low, picture.high)
        write_whole(folder / f"{picture.layer.name}.qml", style)
    numbers = class_counts(counts)
    for layer in layers:
        if layer.classes:
            write_whole(folder / f"{layer.name}.tif.aux.xml", table_of(layer, numbers[layer.name]))
    item = item_of(layers, grid, tags, others)
    write_whole(folder / ITEM, json.dumps(item, indent=2, ensure_ascii=False) + "\n")


def class_counts(counts: PixelCounts) -> dict[str, dict[int, int]]:
    """Return the pixels of each class, by layer and value."""
    return {
        CLASS.name: {value: counts.pixels[value] for value in (OTHER, CROPLAND, TOO_FEW)},
        "applicability": {1: counts.known - counts.dissimilar, 0: counts.dissimilar},
    }


def style_of(layer: Layer, low: float, high: float) -> str:
    """Return a style of QGIS: classes with their names and colours, or a ramp of colours.

    Parameters
    ----------
    layer : Layer
        Whose.
    low, high : float
        The ends of the scale of numbers.
    """
    root = ElementTree.Element("qgis", version="3.22", styleCategories="Symbology")
    pipe = ElementTree.SubElement(root, "pipe")
    shown = {"band": "1", "opacity": "1", "alphaBand": "-1"}
    if layer.classes:
        renderer = ElementTree.SubElement(pipe, "rasterrenderer", shown | {"type": "paletted"})
        palette = ElementTree.SubElement(renderer, "colorPalette")
        for code, (name, colour) in layer.classes.items():
            entry = {"value": str(code), "color": colour.lower(), "label": name, "alpha": "255"}
            ElementTree.SubElement(palette, "paletteEntry", entry)
    else:
        kind = {"type": "singlebandpseudocolor"}
        ends = {"classificationMin": f"{low:g}", "classificationMax": f"{high:g}"}
        renderer = ElementTree.SubElement(pipe, "rasterrenderer", shown | kind | ends)
        shader = ElementTree.SubElement(
            ElementTree.SubElement(renderer, "rastershader"),
            "colorrampshader",
            {"colorRampType": "INTERPOLATED", "classificationMode": "1", "clip": "0"}
            | {"minimumValue": f"{low:g}", "maximumValue": f"{high:g}"},
        )
        for number, (red, green, blue, _) in enumerate(ramp_colours(layer.ramp, _STOPS)):
            value = f"{low + (high - low) * number / (_STOPS - 1):.6g}"
            label = f"{value} {layer.unit}".strip()
            item = {"value": value, "label": label, "color": f"#{red:02x}{green:02x}{blue:02x}"}
            ElementTree.SubElement(shader, "item", item | {"alpha": "255"})
    return _DOCTYPE + _xml(root)


def table_of(layer: Layer, counts: Mapping[int, int]) -> str:
    """Return the names of a layer's classes and an attribute table, as GDAL keeps them beside a file.

    Parameters
    ----------
    layer : Layer
        With classes.
    counts : mapping of int to int
        Pixels of each class by its value.
    """
    root = ElementTree.Element("PAMDataset")
    band = ElementTree.SubElement(root, "PAMRasterBand", band="1")
    names = ElementTree.SubElement(band, "CategoryNames")
    for value in range(max(layer.classes) + 1):
        ElementTree.SubElement(names, "Category").text = layer.classes.get(value, ("", ""))[0]
    table = ElementTree.SubElement(band, "GDALRasterAttributeTable", tableType="thematic")
    for index, (name, kind, use) in enumerate(_COLUMNS):
        field = ElementTree.SubElement(table, "FieldDefn", index=str(index))
        for key, text in (("Name", name), ("Type", kind), ("Usage", use)):
            ElementTree.SubElement(field, key).text = str(text)
    for index, (value, (name, colour)) in enumerate(sorted(layer.classes.items())):
        row = ElementTree.SubElement(table, "Row", index=str(index))
        for cell in (value, counts[value], name, *opaque(colour)):
            ElementTree.SubElement(row, "F").text = str(cell)
    return _xml(root)


def item_of(
    layers: Sequence[Layer],
    grid: GeoBox,
    tags: Mapping[str, str],
    others: Mapping[str, tuple[str, str]],
) -> dict[str, Any]:
    """Return the STAC item of a map, whose files are named relative to it.

    Its time is the window of the images. The parameters are those of `write`.
    """
    import pystac
    from pystac.extensions.classification import ClassificationExtension

    start, end = (
        datetime.strptime(day, _DAY).replace(tzinfo=UTC) for day in tags["WINDOW"].split(" to ")
    )
    box = box_of(grid)
    outline = grid.extent.to_crs("EPSG:4326", wrapdateline=True)
    note = f" {tags['NOTE']}." if "NOTE" in tags else ""
    item = pystac.Item(
        id=f"cropland-{tags['KEY'][:12]}",
        geometry=json.loads(json.dumps(outline.json)),
        bbox=[box.west, box.south, box.east, box.north],
        datetime=None,
        start_datetime=start,
        end_datetime=end.replace(hour=23, minute=59, second=59),
        properties={
            "title": f"Cropland of {tags['COUNTRY']}",
            "description": f"Mapped by {tags['MODEL']}, from images of {tags['WINDOW']}.{note}",
            **{f"cropland:{key.lower()}": text for key, text in sorted(tags.items())},
        },
    )
    for layer in layers:
        item.add_asset(layer.name, _asset(layer))
        if layer.classes:
            described = ClassificationExtension.ext(item.assets[layer.name], add_if_missing=True)
            described.apply(classes=_classes(layer))
    for name, (media, role) in others.items():
        item.add_asset(role, pystac.Asset(f"./{name}", media_type=media, roles=[role]))
    _add_grid(item, grid)
    return item.to_dict(include_self_link=False)


def _add_grid(item: Item, grid: GeoBox) -> None:
    """Add the CRS, shape and transform of a grid to an item."""
    from pystac.extensions.projection import ProjectionExtension

    crs = grid.crs
    assert crs is not None  # a map has one
    code = crs.to_epsg()
    ProjectionExtension.ext(item, add_if_missing=True).apply(
        code=f"EPSG:{code}" if code else None,
        wkt2=None if code else crs.to_wkt(),
        shape=list(grid.shape),
        transform=list(grid.affine)[:6],
    )


def _asset(layer: Layer) -> Any:
    """Return a layer as an asset of an item, with what the values of its band are."""
    import pystac

    band: dict[str, Any] = {"name": layer.name, "data_type": layer.dtype}
    band["nodata"] = "nan" if math.isnan(layer.nodata) else layer.nodata
    if layer.unit:
        band["unit"] = layer.unit
    return pystac.Asset(
        f"./{layer.name}.tif",
        title=layer.description,
        media_type=pystac.MediaType.COG,
        roles=["data"],
        extra_fields={"bands": [band]},
    )


def _classes(layer: Layer) -> list[Any]:
    """Return the classes of a layer as an item names them."""
    from pystac.extensions.classification import Classification

    return [
        Classification.create(
            value, name=name.replace(" ", "-"), title=name, color_hint=colour[1:].upper()
        )
        for value, (name, colour) in layer.classes.items()
    ]


def _xml(root: ElementTree.Element) -> str:
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode") + "\n"
