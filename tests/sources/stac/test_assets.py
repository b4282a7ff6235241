from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pystac
import pytest

from cropland.sources.stac.assets import asset_of


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
