"""Calls of a STAC catalogue that several tests make: settings, patience, rows and what they should be."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from pyproj import Transformer

from cropland.config.countries import Box
from cropland.config.sources import Catalog, Stac
from cropland.sources.retries import Attempts
from cropland.sources.service import Seen
from cropland.sources.stac.cogs import Cogs
from cropland.sources.stac.service import StacService
from cropland.sources.stac.transport import RangeTransport
from cropland.untrusted.addresses import Links
from standins.stac import COLLECTION, StacStandin

FIRST, LAST = date(2022, 1, 6), date(2022, 2, 14)
BANDS = ("B2", "B4", "B8A", "SCL")
AREA = Box(10.047, 10.053, 24.102, 24.108)
"""Beside the edge of zones 34 and 35, where two tiles overlap."""
INNER = Box(10.0490, 10.0515, 24.1035, 24.1065)


def source_of(catalog: str, **changes: Any) -> Stac:
    values: dict[str, Any] = {
        "name": "stac",
        "catalog": catalog,
        "collection": COLLECTION,
        "leave_out": (),
        "sign": None,
        "catalogs": {"known": Catalog("http://127.0.0.1:1/v1", COLLECTION, False)},
        "bands": BANDS,
        "margin_days": 0,
        "labelled": "Train.csv",
        "unlabelled": "Test.csv",
        "workers": 4,
        "tries": 4,
        "wait_seconds": 0.01,
        "timeout_seconds": 5.0,
    }
    return Stac(**values | changes)


def patient() -> Attempts:
    return Attempts(workers=4, tries=4, first_seconds=0.01, most_seconds=0.05)


def service_of(catalog: str, **changes: Any) -> StacService:
    return StacService.connect(source_of(catalog, **changes), patient())


def cogs_of(origin: object, attempts: Attempts | None = None, **options: Any) -> Cogs:
    """Return a reader of the COGs that a catalogue at an address or in a folder has."""
    links = Links(str(origin))
    return Cogs(RangeTransport(attempts or patient(), 5.0, links, **options))


def seen_of(
    service: StacService, table: pd.DataFrame, first: date = FIRST, last: date = LAST
) -> Seen:
    return service.points(table[["Lon", "Lat"]].to_numpy(), first, last, BANDS)


def rows_of(seen: Seen, table: pd.DataFrame) -> pd.DataFrame:
    columns = {"ID": table["ID"].to_numpy()[seen.place], "time": seen.time, "granule": seen.granule}
    rows = pd.DataFrame(columns | dict(seen.values))
    return rows.astype({"granule": object}).sort_values(
        ["ID", "time", "granule"], ignore_index=True
    )


def assert_rows(seen: Seen, table: pd.DataFrame, expected: pd.DataFrame) -> None:
    expected = expected.sort_values(["ID", "time", "granule"], ignore_index=True)
    pd.testing.assert_frame_equal(rows_of(seen, table), expected, check_dtype=False)
    assert {band: values.dtype for band, values in seen.values.items()} == {
        band: np.dtype("uint8" if band == "SCL" else "uint16") for band in BANDS
    }


def clear(truth: pd.DataFrame) -> str:
    """Name the clearest granule from after the change of baselines."""
    late = truth[truth["time"] >= "2022-01-26"]
    return str(late.groupby("granule")["B2"].max().idxmin())


def large(standin: StacStandin) -> tuple[str, np.ndarray[Any, Any]]:
    """Serve a COG of 64 blocks of noise; give its address, and a place in each block."""
    path = standin.folder / "cogs" / "large" / "B2.tif"
    affine = rasterio.Affine(10, 0, 300_000, 0, -10, 1_200_000)
    if not path.exists():
        path.parent.mkdir(parents=True)
        noise = np.random.default_rng(7).integers(1, 9999, (1024, 1024), np.uint16)
        options = {"crs": "EPSG:32635", "transform": affine, "compress": "deflate"}
        options |= {"driver": "COG", "count": 1, "dtype": "uint16", "blocksize": 128}
        with rasterio.open(path, "w", height=1024, width=1024, **options) as made:
            made.write(noise, 1)
    middles = np.stack(np.meshgrid(*[np.arange(64.5, 1024, 128)] * 2), -1).reshape(-1, 2).T
    places = Transformer.from_crs(32635, 4326, always_xy=True).transform(*(affine @ middles))
    return f"{standin.url}/cogs/large/B2.tif", np.stack(places, 1)
