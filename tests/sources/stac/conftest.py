"""A stand-in of a STAC API with a landscape in two zones."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from standins.granules import Granules
from standins.stac import StacStandin
from standins.stac_calls import (
    AREA,
    BANDS,
    FIRST,
    LAST,
)

from cropland.config.countries import Box, Country, Reference
from cropland.sources.simulation.profile import Profile


@pytest.fixture(scope="session")
def granules() -> Granules:
    reference = Reference("2022-01-01", "2022-12-31")
    edge = Country("edge", "Edge", Box(10.0, 10.1, 23.95, 24.15), reference)
    return Granules(edge, Profile(), FIRST, LAST)


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    """Nine places, in no order."""
    random = np.random.default_rng(5)
    return pd.DataFrame(
        {
            "ID": [f"P{number}" for number in range(9)],
            "Lon": random.uniform(24.1025, 24.1075, 9).round(7),
            "Lat": random.uniform(10.0475, 10.0525, 9).round(7),
        }
    )


@pytest.fixture(scope="session")
def truth(granules: Granules, table: pd.DataFrame) -> pd.DataFrame:
    return granules.observations(table)[["ID", "time", "granule", *BANDS]]


@pytest.fixture(scope="session")
def cogs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Takes up COGs that several tests ask for."""
    return tmp_path_factory.mktemp("cogs")


@pytest.fixture
def standin(granules: Granules, cogs: Path) -> Iterator[StacStandin]:
    with StacStandin(granules, AREA, cogs, BANDS) as served:
        yield served
