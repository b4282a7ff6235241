from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pystac
import pytest

from cropland.sources.stac.assets import asset_of, href_of


@pytest.mark.parametrize(
    ("keys", "band", "key"),
    [
        (["nir", "nir08", "nir09"], "B8", "nir"),
        (["nir", "nir08", "nir09"], "B8A", "nir08"),
        (["rededge1", "rededge2", "rededge3"], "B7", "rededge3"),
        (["B08", "B8A", "B11"], "B8", "B08"),
        (["B08", "B8A", "B11"], "B8A", "B8A"),
        (["B02_20m", "B02_10m", "B02_60m"], "B2", "B02_10m"),
        (["SCL_60m", "SCL_20m"], "SCL", "SCL_20m"),
        (["B2", "B8"], "B2", "B2"),
        (["blue-jp2", "visual"], "B2", None),
    ],
)
def test_bands_are_found_by_the_keys_of_each_catalogue(
    keys: list[str], band: str, key: str | None
) -> None:
    item = SimpleNamespace(assets={each: pystac.Asset(each) for each in keys})
    found = asset_of(item, band)  # type: ignore[arg-type]
    assert (found and found.href) == key


@pytest.mark.parametrize(
    "told",
    [
        {"eo:bands": [{"name": "x", "common_name": "nir08"}]},
        {"bands": [{"eo:common_name": "nir08"}]},
        {"bands": [{"name": "B8A"}]},
    ],
)
def test_bands_are_found_by_what_assets_say(told: dict[str, Any]) -> None:
    three = {key: value * 3 for key, value in told.items()}
    assets = {
        "preview": pystac.Asset("preview", extra_fields=three),
        "thumb": pystac.Asset("thumb", roles=["thumbnail"], extra_fields=told),
        "jp2": pystac.Asset("jp2", media_type="image/jp2", extra_fields=told),
        "image": pystac.Asset("image", media_type=pystac.MediaType.COG, extra_fields=told),
    }
    found = asset_of(SimpleNamespace(assets=assets), "B8A")  # type: ignore[arg-type]
    assert found is not None
    assert found.href == "image"


WEB = {"href": "https://download/B02.jp2"}


@pytest.mark.parametrize(
    ("alternate", "href"),
    [
        ({"https": WEB}, "https://download/B02.jp2"),
        ({"https": WEB | {"auth:refs": []}}, "https://download/B02.jp2"),
        # Who has keys of the storage has no token of that site.
        ({"https": WEB | {"auth:refs": ["oidc"]}}, "s3://eodata/B02.jp2"),
        ({"other": {"href": "s3://mirror/B02.jp2"}}, "s3://eodata/B02.jp2"),
        ({"https": None}, "s3://eodata/B02.jp2"),
        (None, "s3://eodata/B02.jp2"),
    ],
)
def test_an_open_address_on_the_web_goes_before_an_object_storage(
    alternate: dict[str, Any] | None, href: str
) -> None:
    fields = {} if alternate is None else {"alternate": alternate}
    assets = {"B02_10m": pystac.Asset("s3://eodata/B02.jp2", extra_fields=fields)}
    assert href_of(SimpleNamespace(assets=assets), "B2") == href  # type: ignore[arg-type]


def test_an_item_of_the_copernicus_data_space_is_read() -> None:
    # STAC 1.1: names of bands with their resolution, and what a band is in `bands`.
    sizes = {"B02": 10, "B05": 20, "B8A": 20, "B12": 20, "SCL": 20}
    assets = {
        f"{name}_{metres}m": {
            "href": f"s3://eodata/{name}_{metres}m.jp2",
            "bands": [{"name": name}],
            "proj:code": "EPSG:32639",
        }
        for name, native in sizes.items()
        for metres in (10, 20, 60)
        if metres >= native
    }
    content = {
        "type": "Feature",
        "stac_version": "1.1.0",
        "id": "S2A_MSIL2A_20260628T115421_N0512_R023_T29UNU_20260628T194416",
        "geometry": None,
        "properties": {"datetime": "2026-06-28T11:54:21Z", "processing:version": "05.12"},
        "links": [],
        "assets": assets,
    }
    item = pystac.Item.from_dict(content)
    found = {band: href_of(item, band) for band in ("B2", "B5", "B8A", "B12", "SCL", "B4")}
    assert found == {
        "B2": "s3://eodata/B02_10m.jp2",
        "B5": "s3://eodata/B05_20m.jp2",
        "B8A": "s3://eodata/B8A_20m.jp2",
        "B12": "s3://eodata/B12_20m.jp2",
        "SCL": "s3://eodata/SCL_20m.jp2",
        "B4": None,
    }
