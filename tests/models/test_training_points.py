from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from cropland.errors import DataError
from cropland.models import training_points

POINTS = xr.Dataset(
    {
        "Lat": ("point", [10.0, 10.1, 10.2, 10.3]),
        "Lon": ("point", [20.0, 20.1, 20.2, 20.3]),
        "Target": ("point", np.array([1, 0, -1, 1], np.int8)),
    },
    coords={"ID": ("point", ["a", "b", "unlabelled", "unseen"])},
)
OUT_OF_FOLD = xr.Dataset(
    {"probability": (("sample", "repeat"), [[0.9, 0.7], [0.6, 0.8]])},
    coords={"ID": ("sample", ["a", "b"])},
)


def test_training_points_come_back_with_the_mean_of_their_predictions() -> None:
    text = training_points.as_csv(OUT_OF_FOLD, POINTS, {"b"})
    expected = pd.DataFrame(
        {
            "ID": ["a", "b", "unseen"],
            "Lat": [10.0, 10.1, 10.3],
            "Lon": [20.0, 20.1, 20.3],
            "Target": [1.0, 0.0, 1.0],
            "probability": [0.8, 0.7, np.nan],
            "to_look_at": [False, True, False],
            "label": [1.0, 1.0, np.nan],
        }
    )
    pd.testing.assert_frame_equal(training_points.read(text), expected, check_dtype=False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ID,Lat\na,1\n", "training_points.csv cannot be read: Usecols"),
        (
            "ID,Lat,Lon,Target,probability,to_look_at\na,x,2,1,,0\n",
            "cannot be read: could not conv",
        ),
        ("ID,Lat,Lon,Target,probability,to_look_at\na,91,2,1,,0\n", "numbers of Lat that are out"),
    ],
)
def test_a_file_that_is_no_list_of_points_is_refused(text: str, said: str) -> None:
    with pytest.raises(DataError, match=said):
        training_points.read(text)
