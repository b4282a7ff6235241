"""A stand-in of Earth Engine with a landscape in two zones, and a web server that answers badly."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import ee
import numpy as np
import pandas as pd
import pytest
from standins.earthengine import (
    EarthEngineStandin,
)
from standins.earthengine_calls import (
    FIRST,
    LAST,
    Answers,
    Quiet,
    patient,
    source_of,
)
from standins.granules import Granules

from cropland.config.countries import Box, Country, Reference
from cropland.sources.earthengine.service import EarthEngineService
from cropland.sources.simulation.profile import Profile


@pytest.fixture(autouse=True)
def catalogue_of_deprecated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the client a request to Google, as its own tests do."""
    monkeypatch.setattr(ee.deprecation, "_FetchDataCatalogStac", dict)


@pytest.fixture
def server() -> Iterator[Any]:
    running: Any = Quiet(("127.0.0.1", 0), Answers)
    running.connections, running.paths, running.done, running.status = 0, [], threading.Event(), 200
    running.url = f"http://127.0.0.1:{running.server_address[1]}"
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    yield running
    running.done.set()
    running.shutdown()
    running.server_close()


@pytest.fixture(scope="session")
def granules() -> Granules:
    """Of a box in two zones: tiles on both sides of 24° east."""
    reference = Reference("2022-01-01", "2022-12-31")
    return Granules(
        Country("edge", "Edge", Box(10.0, 10.1, 23.95, 24.15), reference), Profile(), FIRST, LAST
    )


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    """Twelve places on both sides of the zones' edge."""
    random = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "ID": [f"P{number:02}" for number in range(12)],
            "Lon": random.uniform(23.95, 24.15, 12).round(7),
            "Lat": random.uniform(10.0, 10.1, 12).round(7),
        }
    )


@pytest.fixture
def standin(granules: Granules) -> Iterator[EarthEngineStandin]:
    with EarthEngineStandin(granules) as running:
        yield running


@pytest.fixture
def service(standin: EarthEngineStandin) -> EarthEngineService:
    return EarthEngineService.connect(source_of(standin.url), patient())
