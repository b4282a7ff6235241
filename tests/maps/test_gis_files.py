"""Styles, attribute tables and the STAC item beside the layers of a map."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pystac
import pytest
from maps.landscapes import HEIGHT, WIDTH, grid, landscape
from pystac.extensions.classification import ClassificationExtension
from pystac.extensions.projection import ProjectionExtension
from pystac.validation import validate_dict

from cropland.maps import gis_files
from cropland.maps.assemble import PixelCounts
from cropland.maps.layers import LAYERS
from cropland.untrusted.rasters import open_raster

TAGS = {
    "COUNTRY": "Toy & <land>",
    "KEY": "0123456789abcdef",
    "MODEL": "cropland-toyland version 1",
    "NOTE": "Simulated data: not valid for any real country",
    "WINDOW": "2019-07-01 to 2020-06-30",
}
OTHERS = {"quicklook.png": ("image/png", "overview")}


@pytest.fixture
def counts() -> PixelCounts:
    drawn = landscape(HEIGHT, WIDTH)
    pixels = {value: int((drawn["class"] == value).sum()) for value in (0, 1, 2, 255)}
    return PixelCounts(pixels=pixels, dissimilar=int((drawn["applicability"] == 0).sum()))


@pytest.fixture
def folder(layers: dict[str, Path], counts: PixelCounts, tmp_path: Path) -> Path:
    chosen = [LAYERS[name] for name in layers]
    gis_files.write(tmp_path, chosen, grid(HEIGHT, WIDTH), counts, TAGS, OTHERS)
    return tmp_path


def test_a_layer_of_classes_has_names_colours_and_counts(
    folder: Path, layers: dict[str, Path]
) -> None:
    for name, labels in (
        ("class", {0: "other", 1: "cropland", 2: "too few observations"}),
        ("applicability", {0: "outside", 1: "inside"}),
    ):
        style = ElementTree.parse(folder / f"{name}.qml")
        entries = [entry.attrib for entry in style.iter("paletteEntry")]
        assert {int(entry["value"]): entry["label"] for entry in entries} == labels
        colours = {value: colour for value, (_, colour) in LAYERS[name].classes.items()}
        assert {int(e["value"]): e["color"] for e in entries} == {
            value: colour.lower() for value, colour in colours.items()
        }
        table = ElementTree.parse(folder / f"{name}.tif.aux.xml")
        assert [c.text for c in table.iter("Category")] == [labels[n] for n in sorted(labels)]
        rows = [[cell.text for cell in row.iter("F")] for row in table.iter("Row")]
        with open_raster(layers[name], "") as source:  # the table changes nothing of its values
            values, numbers = np.unique(source.read(1), return_counts=True)
            assert source.nodata == 255
        known = dict(zip(values.tolist(), numbers.tolist(), strict=True))
        assert {int(row[0] or 0): (int(row[1] or 0), row[2]) for row in rows} == {
            value: (known.get(value, 0), label) for value, label in labels.items()
        }


def test_a_layer_of_numbers_has_a_ramp_over_its_scale(folder: Path) -> None:
    for name, ends in (
        ("probability", ["0 %", "100 %"]),
        ("probability_exact", ["0", "1"]),
        ("observations", ["0 days", "29 days"]),
    ):
        items = [item.attrib for item in ElementTree.parse(folder / f"{name}.qml").iter("item")]
        assert [items[0]["label"], items[-1]["label"]] == ends
        values = [float(item["value"]) for item in items]
        assert values == sorted(values) and len({item["color"] for item in items}) == len(items)
        assert not (folder / f"{name}.tif.aux.xml").exists()


def test_the_item_is_one_of_stac(folder: Path, layers: dict[str, Path]) -> None:
    item = pystac.Item.from_file(str(folder / "item.json"))
    core = pystac.STACObjectType.ITEM, pystac.get_stac_version()
    assert validate_dict(item.to_dict(), *core, extensions=[])  # schemas that pystac brings
    assert item.id == "cropland-0123456789ab"
    assert item.common_metadata.start_datetime.isoformat() == "2019-07-01T00:00:00+00:00"
    assert item.common_metadata.end_datetime.isoformat() == "2020-06-30T23:59:59+00:00"
    assert item.properties["description"].endswith(
        "Simulated data: not valid for any real country."
    )
    projection = ProjectionExtension.ext(item)
    with open_raster(layers["class"], "") as source:
        assert projection.code == "EPSG:32639" == str(source.crs)
        assert projection.shape == list(source.shape)
        assert projection.transform == list(source.transform)[:6]
    west, south, east, north = item.bbox
    assert 53.1 < west < east < 53.2 and 32.5 < south < north < 32.6
    assert set(item.assets) == {*layers, "overview"}
    for name, asset in item.assets.items():
        assert asset.href.startswith("./")
        assert Path(asset.get_absolute_href() or "").parent == folder
        if name in layers:
            assert asset.media_type == pystac.MediaType.COG and layers[name].name in asset.href
    classes = ClassificationExtension.ext(item.assets["class"]).classes
    assert [(each.value, each.title) for each in classes] == [
        *((1, "cropland"), (0, "other"), (2, "too few observations"))
    ]
    assert item.assets["dissimilarity"].extra_fields["bands"][0]["nodata"] == "nan"
    text = (folder / "item.json").read_text()
    assert "/tmp" not in text and str(folder) not in text


def test_files_are_written_again_alike(
    folder: Path, layers: dict[str, Path], counts: PixelCounts
) -> None:
    names = {path.name for path in folder.iterdir()} - {path.name for path in layers.values()}
    assert names <= set(gis_files.names_of())
    before = {name: (folder / name).read_bytes() for name in names}
    chosen = [LAYERS[name] for name in layers]
    gis_files.write(folder, chosen, grid(HEIGHT, WIDTH), counts, TAGS, OTHERS)
    assert {name: (folder / name).read_bytes() for name in names} == before
