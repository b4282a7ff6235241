from __future__ import annotations

import pickle
import threading
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import planetary_computer
import pytest
from standins.stac import Fault, StacStandin
from standins.stac_calls import (
    large,
    patient,
)

from cropland.errors import DataError
from cropland.sources.retries import Attempts, GivenUp, Stopped
from cropland.sources.stac.cogs import Cogs
from cropland.sources.stac.ranges import RangedFile


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
    cogs, lonlat = Cogs(Attempts(tries=1), 5.0), table[["Lon", "Lat"]].to_numpy()
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
    whole = Cogs(attempts, 5.0).at(href, lonlat)
    assert (whole > 0).all()
    requests_sent = len(standin.asked(".tif"))
    assert attempts.answers == requests_sent > 60
    # More failures than a request has tries, each of another request.
    standin.faults += [Fault("/B2.tif", 500, skip=skip) for skip in range(1, 11)]
    np.testing.assert_array_equal(Cogs(attempts, 5.0).at(href, lonlat), whole)
    assert attempts.retries == 10
    assert len(standin.asked(".tif")) == 2 * requests_sent + 10


def test_work_that_is_called_off_stops_within_a_cog(
    standin: StacStandin, table: pd.DataFrame
) -> None:
    attempts = Attempts(first_seconds=60.0)
    standin.faults.append(Fault("/B2.tif", 503, times=None))
    threading.Timer(0.2, attempts.stop.set).start()
    with pytest.raises(Stopped):
        Cogs(attempts, 5.0).at(
            f"{standin.url}/cogs/{standin.items[0]['id']}/B2.tif", table[["Lon", "Lat"]].to_numpy()
        )


def test_short_ranges_give_the_same_pixels(standin: StacStandin) -> None:
    href, lonlat = large(standin)
    whole = Cogs(patient(), 5.0).at(href, lonlat)
    standin.faults.append(Fault("/B2.tif", "short", times=40))
    np.testing.assert_array_equal(Cogs(patient(), 5.0).at(href, lonlat), whole)
    assert standin.faults[0].times == 0


def test_a_signature_that_expires_amid_a_read_is_made_anew(
    standin: StacStandin, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache: dict[str, Any] = {}
    monkeypatch.setattr(planetary_computer.sas, "TOKEN_CACHE", cache)
    made: list[str] = []

    def sign(href: str) -> str:
        if "host" not in cache:
            made.append(f"token{len(made)}")
            cache["host"] = SimpleNamespace(token=made[-1])
        return f"{href}?{cache['host'].token}"

    monkeypatch.setattr(planetary_computer, "sign_url", sign)
    href, lonlat = large(standin)
    whole = Cogs(patient(), 5.0).at(href, lonlat)
    cogs = Cogs(patient(), 5.0, sign=True)
    standin.faults += [Fault("/B2.tif", 403, skip=5), Fault("/B2.tif", 403, skip=30)]
    np.testing.assert_array_equal(cogs.at(href, lonlat), whole)
    assert made == ["token0", "token1", "token2"]
    standin.faults = [Fault("/B2.tif", 403, times=None)]
    with pytest.raises(DataError, match="is refused"):
        cogs.at(href, lonlat)
    assert len(made) == 4


def test_cogs_are_read_in_another_process_too(standin: StacStandin, table: pd.DataFrame) -> None:
    there: Cogs = pickle.loads(pickle.dumps(Cogs(patient(), 5.0)))
    href = f"{standin.url}/cogs/{standin.items[0]['id']}/B2.tif"
    standin.faults.append(Fault("/B2.tif", 503))
    assert (there.at(href, table[["Lon", "Lat"]].to_numpy()) > 0).any()
