from __future__ import annotations

import pandas as pd
import pytest
from standins.toy_model import learnt, toy_archive, toy_request

from cropland.models.fitted import Fitted
from cropland.observations.archive import Archive


@pytest.fixture(scope="session")
def opened(toy_points: pd.DataFrame, toy_rows: pd.DataFrame) -> Archive:
    """The toy archive, in memory."""
    return toy_archive(toy_points, toy_rows)


@pytest.fixture(scope="session")
def observations(toy_points: pd.DataFrame, toy_rows: pd.DataFrame) -> pd.DataFrame:
    """The same observations as a user sends them."""
    return toy_request(toy_points, toy_rows)


@pytest.fixture(scope="session")
def fitted(opened: Archive) -> Fitted:
    """A model of the toy country."""
    return learnt(opened)
