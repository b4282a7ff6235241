from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pystac
import pytest

from cropland.errors import DataError
from cropland.sources.stac.products import check_product, newer_products

ESA = "S2A_MSIL2A_20220103T071209_N{}_R020_T39SUV_{}"


def item_of(name: str, time: str = "2022-01-03T07:12:09Z", **properties: Any) -> pystac.Item:
    at = datetime.fromisoformat(time).astimezone(UTC)
    return pystac.Item(name, None, None, at, {"platform": "sentinel-2a"} | properties)


@pytest.mark.parametrize(
    ("name", "properties"),
    [
        ("S2A_MSIL1C_20220103T071209_N0301_R020_T39SUV_20220103T085811", {}),
        ("S2A_39SUV_20220103_0_L1C", {"s2:product_type": "S2MSI1C"}),
        ("S2A_39SUV_20220103", {"processing:level": "L1C"}),
        ("S2A_39SUV_20220103", {"product:type": "S2MSI1C", "processing:level": "L1"}),
        ("x", {"s2:product_uri": "S2A_MSIL1C_20220103T071209_N0301_R020_T39SUV_1.SAFE"}),
    ],
)
def test_reflectance_at_the_top_of_the_atmosphere_is_refused(
    name: str, properties: dict[str, Any]
) -> None:
    with pytest.raises(DataError, match=r"is L1C.*expected L2A.*source\.collection"):
        check_product(item_of(name, **properties), ["B2", "SCL"])


@pytest.mark.parametrize(
    "properties",
    [
        {},
        {"s2:product_type": "S2MSI2A"},
        {"processing:level": "L2A"},
        {"processing:level": "L2", "product:type": "S2MSI2A"},
    ],
)
def test_surface_reflectance_is_taken(properties: dict[str, Any]) -> None:
    check_product(item_of(ESA.format("0301", "20220103T085811"), **properties), ["B2", "SCL"])


@pytest.mark.parametrize(
    ("fields", "fine"),
    [
        ({"raster:bands": [{"scale": 0.0001, "offset": -0.1}]}, True),
        ({"raster:scale": 0.0001, "raster:offset": 0}, True),
        ({"bands": [{"name": "B02", "raster:scale": 0.0001}]}, True),
        ({}, True),
        ({"raster:bands": [{"scale": 0.0000275, "offset": -0.2}]}, False),
        ({"raster:scale": 0.0000275, "raster:offset": -0.2}, False),
        ({"bands": [{"name": "B02", "raster:scale": 0.001}]}, False),
        ({"raster:bands": [{"scale": 0.0001, "offset": -0.2}]}, False),
    ],
)
def test_a_scale_that_is_not_that_of_digital_numbers_is_refused(
    fields: dict[str, Any], fine: bool
) -> None:
    item = item_of("x")
    item.add_asset("B02", pystac.Asset("https://host/B02.tif", extra_fields=fields))
    if fine:
        check_product(item, ["B2"])
        return
    with pytest.raises(DataError, match=r"B2 is declared with the scale .*expected digital numb"):
        check_product(item, ["B2"])


def test_of_two_processings_the_newer_is_told_whatever_their_order() -> None:
    old, new = (ESA.format("0301", "20220103T085811"), ESA.format("0510", "20230601T101010"))
    tile = {"grid:code": "MGRS-39SUV"}
    assert newer_products([item_of(old, **tile), item_of(new, **tile)]) == [[1], []]
    assert newer_products([item_of(new, **tile), item_of(old, **tile)]) == [[], [0]]


def test_of_one_baseline_the_later_processed_is_newer() -> None:
    names = [f"S2A_39SUV_20220103_{number}_L2A" for number in range(3)]
    days = ["2022-01-04", "2022-09-04", "2022-03-04"]
    items = [
        item_of(name, created=f"{day}T00:00:00Z") for name, day in zip(names, days, strict=True)
    ]
    assert newer_products(items) == [[1, 2], [], [1]]


@pytest.mark.parametrize(
    "other",
    [
        item_of("b", **{"grid:code": "MGRS-39SUA"}),
        item_of("b", "2022-01-03T07:12:23Z", **{"grid:code": "MGRS-39SUV"}),
        item_of("b", **{"grid:code": "MGRS-39SUV", "platform": "sentinel-2b"}),
        item_of("b"),
    ],
    ids=["tile", "second", "satellite", "unknown"],
)
def test_images_of_another_tile_moment_or_satellite_are_no_products_of_one(
    other: pystac.Item,
) -> None:
    assert newer_products([item_of("a", **{"grid:code": "MGRS-39SUV"}), other]) == [[], []]
