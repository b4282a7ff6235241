"""A cube of four images."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from standins.cube_files import (
    COLUMNS,
    NAMES,
    ROWS,
    TIMES,
    TRANSFORM,
)


@pytest.fixture
def cube() -> xr.Dataset:
    """Gives four images of 6 × 8 pixels, two of them of one day; every value of a band is another."""
    shape = (len(TIMES), ROWS, COLUMNS)
    number = np.arange(np.prod(shape)).reshape(shape)
    values = {"B2": number.astype(np.uint16), "B4": (number + 30_000).astype(np.uint16)}
    values["SCL"] = (number % 12).astype(np.uint8)
    made = xr.Dataset(
        {band: (("time", "y", "x"), each) for band, each in values.items()},
        {
            "time": TIMES,
            "granule": ("time", list(NAMES)),
            "y": TRANSFORM.f - 5.0 - 10 * np.arange(ROWS),
            "x": TRANSFORM.c + 5.0 + 10 * np.arange(COLUMNS),
        },
    )
    assigned: xr.Dataset = made.odc.assign_crs("EPSG:32639")
    return assigned
