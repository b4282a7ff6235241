from __future__ import annotations

from pathlib import Path
from typing import Any

import pystac
import pytest
from standins.stac import StacStandin
from standins.stac_calls import (
    service_of,
)

from cropland.errors import DataError


@pytest.mark.parametrize(
    ("catalog", "changes", "message"),
    [
        (
            "{url}",
            {"collection": "sentinel-2-c1"},
            "no collection .* did you mean 'sentinel-2-c1-l2a'",
        ),
        ("{url}/cogs", {}, "answers HTTP 404"),
        ("{url}/collections", {}, "answers, but not as a STAC API"),
        ("known", {}, "nothing answers at http://127.0.0.1:1/v1"),
        ("earth_serch", {}, "must be a name in source.catalogs, .* got '.*earth_serch'"),
        ("{empty}", {}, "has no item"),
        ("{folder}", {"collection": "other"}, "set source.collection to one of sentinel-2-c1-l2a"),
        ("{broken}", {}, "no STAC catalogue that can be read"),
    ],
)
def test_what_is_no_catalogue_is_answered_in_one_line(
    standin: StacStandin, tmp_path: Path, catalog: str, changes: dict[str, Any], message: str
) -> None:
    folders = {name: tmp_path / name for name in ("empty", "folder", "broken")}
    for path in folders.values():
        path.mkdir()
    item = pystac.Item.from_dict(standin.items[0])
    item.save_object(False, str(folders["folder"] / "item.json"))
    (folders["broken"] / "item.json").write_text("{")
    with pytest.raises(DataError, match=message) as caught:
        service_of(catalog.format(url=standin.url, **folders), **changes)
    assert "\n" not in str(caught.value)
