from __future__ import annotations

import io

import numpy as np
import pandas as pd
import xarray as xr

from cropland.training import out_of_fold as predictions


def out_of_fold() -> xr.Dataset:
    """Four points in two repeats: always right, never, half of the time, always; IDs are not numbers."""
    label = np.array([[1, 1], [1, 1], [0, 1], [0, 0]], dtype=np.int8)
    return xr.Dataset(
        {
            "probability": (("sample", "repeat"), label * 0.5 + 0.25),
            "label": (("sample", "repeat"), label),
            "fold": (("sample", "repeat"), np.array([[0, 2], [1, 3], [0, 3], [1, 2]])),
        },
        coords={
            "ID": ("sample", ["007", "b", "c", "1e5"]),
            "Target": ("sample", np.array([1, 0, 1, 0], dtype=np.int8)),
        },
    )


def test_what_was_right_comes_back_from_the_file() -> None:
    found = predictions.right(predictions.as_csv(out_of_fold()))
    assert found.to_dict() == {"007": 1.0, "b": 0.0, "c": 0.5, "1e5": 1.0}
    pd.testing.assert_series_equal(
        found.sort_index(), predictions.right_of(out_of_fold()).sort_index(), check_names=False
    )


def test_a_line_is_a_sample_in_a_repeat() -> None:
    table = pd.read_csv(io.StringIO(predictions.as_csv(out_of_fold())), dtype={"ID": str})
    assert len(table) == 4 * 2
    line = table.set_index(["ID", "repeat"]).loc[("c", 1)]
    assert line.to_dict() == {"Target": 1, "fold": 3, "probability": 0.75, "label": 1}


def test_a_confusion_matrix_counts_samples_and_repeats() -> None:
    out_of_fold = xr.Dataset(
        {"label": (("sample", "repeat"), np.array([[1, 1], [1, 0], [0, 0], [1, 0], [0, 0]]))},
        coords={"Target": ("sample", np.array([1, 1, 0, 0, 0]))},
    )
    found = predictions.confusion(out_of_fold)
    assert found.loc["cropland"].tolist() == [3, 1]
    assert found.loc["other"].tolist() == [1, 5]
    header = "truth,predicted cropland,predicted other"
    assert found.to_csv().splitlines() == [header, "cropland,3,1", "other,1,5"]
