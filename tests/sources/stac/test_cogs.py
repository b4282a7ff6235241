from __future__ import annotations

import pickle
import threading
import warnings
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import rasterio
from planetary_computer.sas import SASToken
from pyproj import Transformer
from rasterio.errors import NotGeoreferencedWarning
from standins.stac import Fault, StacStandin
from standins.stac_calls import (
    cogs_of,
    large,
    patient,
)

from cropland.errors import DataError
from cropland.sources.retries import Attempts, GivenUp, Stopped
from cropland.sources.stac import signing
from cropland.sources.stac.cogs import Cogs
from cropland.sources.stac.ranges import RangedFile
from cropland.sources.stac.signing import Signer


def test_whichever_read_fails_a_cog_is_read_rightly_or_not_at_all(
    standin: StacStandin, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    give, left = RangedFile._bytes, [-1]

    def fail_in_turn(file: RangedFile, first: int, size: int) -> bytes:
        left[0] -= 1
        if left[0] == -1:
            raise GivenUp("a fault")
        return give(file, first, size)

    monkeypatch.setattr(RangedFile, "_bytes", fail_in_turn)
    cogs, lonlat = cogs_of(standin.url, Attempts(tries=1)), table[["Lon", "Lat"]].to_numpy()
    href = f"{standin.url}/cogs/{standin.items[0]['id']}/B2.tif"
    whole = cogs.at(href, lonlat)
    reads = -1 - left[0]
    assert reads > 10
    for number in range(reads):
        left[0] = number
        with pytest.raises(GivenUp, match="a fault"):
            cogs.at(href, lonlat)
    np.testing.assert_array_equal(cogs.at(href, lonlat), whole)


def test_a_range_that_fails_is_asked_again_alone(standin: StacStandin) -> None:
    href, lonlat = large(standin)
    attempts = patient()
    whole = cogs_of(standin.url, attempts).at(href, lonlat)
    assert (whole > 0).all()
    requests_sent = len(standin.asked(".tif"))
    assert attempts.answers == requests_sent > 60
    # More failures than a request has tries, each of another request.
    standin.faults += [Fault("/B2.tif", 500, skip=skip) for skip in range(1, 11)]
    np.testing.assert_array_equal(cogs_of(standin.url, attempts).at(href, lonlat), whole)
    assert attempts.retries == 10
    assert len(standin.asked(".tif")) == 2 * requests_sent + 10


def test_work_that_is_called_off_stops_within_a_cog(
    standin: StacStandin, table: pd.DataFrame
) -> None:
    attempts = Attempts(first_seconds=60.0)
    standin.faults.append(Fault("/B2.tif", 503, times=None))
    threading.Timer(0.2, attempts.stop.set).start()
    with pytest.raises(Stopped):
        cogs_of(standin.url, attempts).at(
            f"{standin.url}/cogs/{standin.items[0]['id']}/B2.tif", table[["Lon", "Lat"]].to_numpy()
        )


def test_short_ranges_give_the_same_pixels(standin: StacStandin) -> None:
    href, lonlat = large(standin)
    whole = cogs_of(standin.url).at(href, lonlat)
    standin.faults.append(Fault("/B2.tif", "short", times=40))
    np.testing.assert_array_equal(cogs_of(standin.url).at(href, lonlat), whole)
    assert standin.faults[0].times == 0


def test_a_signature_that_expires_amid_a_read_is_made_anew(
    standin: StacStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def token(*_: Any) -> SASToken:
        made.append(f"token{len(made)}")
        return SASToken(token=made[-1], expiry=datetime.now(UTC) + timedelta(hours=1))

    monkeypatch.setattr(signing, "BLOB_STORAGE_DOMAIN", "")
    monkeypatch.setattr(Signer, "_token", token)
    href, lonlat = large(standin)
    whole = cogs_of(standin.url).at(href, lonlat)
    cogs = cogs_of(standin.url, sign=True)
    standin.faults += [Fault("/B2.tif", 403, skip=5), Fault("/B2.tif", 403, skip=30)]
    np.testing.assert_array_equal(cogs.at(href, lonlat), whole)
    assert made == ["token0", "token1", "token2"]
    standin.faults = [Fault("/B2.tif", 403, times=None)]
    with pytest.raises(DataError, match="is refused"):
        cogs.at(href, lonlat)
    assert len(made) == 4


def test_cogs_are_read_in_another_process_too(standin: StacStandin, table: pd.DataFrame) -> None:
    there: Cogs = pickle.loads(pickle.dumps(cogs_of(standin.url)))
    href = f"{standin.url}/cogs/{standin.items[0]['id']}/B2.tif"
    standin.faults.append(Fault("/B2.tif", 503))
    assert (there.at(href, table[["Lon", "Lat"]].to_numpy()) > 0).any()


def written(path: Path, **changes: Any) -> str:
    """Write an image of 64 × 64 pixels of 10 m, all 1234; give its path."""
    options: dict[str, Any] = {
        "driver": "GTiff",
        "count": 1,
        "dtype": "uint16",
        "crs": "EPSG:32635",
    }
    options |= {"transform": rasterio.Affine(10, 0, 300_000, 0, -10, 1_200_000)} | changes
    values = np.full((options["count"], 64, 64), 1234)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", height=64, width=64, **options) as made:
            made.write(values.astype(options["dtype"]))
    return str(path)


PLACE = np.array([Transformer.from_crs(32635, 4326, always_xy=True).transform(300_100, 1_199_900)])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"crs": None}, "has no CRS; expected a georeferenced image"),
        ({"transform": rasterio.Affine.identity()}, "a CRS, but no place in it"),
        ({"count": 3}, "has 3 bands; expected one"),
        ({"dtype": "complex64"}, "holds complex64; expected digital numbers"),
    ],
)
@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_file_that_is_no_image_of_one_band_is_named(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    path = written(tmp_path / "B04.tif", **changes)
    with pytest.raises(DataError, match=said) as caught:
        cogs_of(tmp_path).at(path, PLACE)
    assert path in str(caught.value)


def test_a_file_that_declares_another_scale_is_named(tmp_path: Path) -> None:
    path = written(tmp_path / "B04.tif")
    with rasterio.open(path, "r+") as made:
        made.scales, made.offsets = (0.0000275,), (-0.2,)
    with pytest.raises(DataError, match="with the scale 2.75e-05 and the offset -0.2; expected"):
        cogs_of(tmp_path).at(path, PLACE)


@pytest.mark.parametrize("driver", ["GTiff", "JP2OpenJPEG"])
def test_a_sidecar_in_a_folder_says_where_an_image_lies(tmp_path: Path, driver: str) -> None:
    own = {"GeoJP2": "NO", "GMLJP2": "NO", "REVERSIBLE": "YES", "QUALITY": "100"}
    options = own if driver == "JP2OpenJPEG" else {"PROFILE": "BASELINE"}
    path = written(tmp_path / "B04.jp2", driver=driver, **options)
    assert (tmp_path / "B04.jp2.aux.xml").exists()
    assert cogs_of(tmp_path).at(path, PLACE).tolist() == [1234]
    assert cogs_of(tmp_path).at(Path(path).as_uri(), PLACE).tolist() == [1234]


@pytest.mark.parametrize(
    "href",
    [
        "gs://bucket/B04.tif",
        "abfs://container/B04.tif",
        "ftp://host/B04.tif",
        "/vsicurl/https://host/B04.tif",
        "B04.tif",
    ],
)
def test_an_address_of_another_kind_is_never_taken_for_a_missing_file(href: str) -> None:
    with pytest.raises(DataError, match="is not a valid address; expected https://"):
        cogs_of("https://host/v1").at(href, PLACE)


@pytest.mark.parametrize(
    ("status", "code"), [(409, "PublicAccessNotPermitted"), (403, "AuthenticationFailed")]
)
def test_azure_without_a_signature_is_answered_with_how_to_sign(
    standin: StacStandin, status: int, code: str
) -> None:
    standin.faults.append(Fault("/B2.tif", status, None, code=code))
    href, lonlat = large(standin)
    with pytest.raises(DataError, match=rf"HTTP {status} {code}\); .*source\.sign=true"):
        cogs_of(standin.url).at(href, lonlat)
