"""Models of several members: what they say together, of points, of requests and of pixels."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from standins.toy_model import average

from cropland.features.pixel_series import Images
from cropland.features.recipe import Recipe
from cropland.models.fitted import Fitted
from cropland.observations import archive, point_blocks


@pytest.fixture(scope="module")
def mean(opened: archive.Archive) -> Fitted:
    """A calibrated mean of four members."""
    return average(opened)


def as_images(opened: archive.Archive) -> Images:
    """The observations of an archive as images of which each saw but some points."""
    rows = opened.dataset
    times, image = np.unique(rows["time"].to_numpy(), return_inverse=True)
    pixel = np.repeat(np.arange(rows.sizes["point"]), rows["row_size"].to_numpy())
    values: dict[str, Any] = {}
    for name in ("B2", "B3", "B4", "B8", "SCL"):
        kind = np.uint8 if name == "SCL" else np.uint16
        values[name] = np.zeros((len(times), rows.sizes["point"]), kind)
        values[name][image, pixel] = opened.values(name)
    lat, lon = (opened.points[name].to_numpy() for name in ("Lat", "Lon"))
    return Images(times, values, lat, lon)


def test_points_requests_and_pixels_say_the_same(
    mean: Fitted, opened: archive.Archive, observations: pd.DataFrame
) -> None:
    points = mean.predict_archive(opened)
    pd.testing.assert_frame_equal(mean.predict(observations), points)
    pixels = mean.predict_images(as_images(opened))
    np.testing.assert_allclose(pixels.probability, points["probability"], rtol=0, atol=1e-6)
    assert (pixels.probability > 0.5).tolist() == points["label"].tolist()
    assert pixels.n_observations.tolist() == points["n_observations"].tolist()
    assert pixels.cannot_tell.tolist() == points["cannot_tell"].tolist()
    inside = pixels.dissimilarity <= mean.threshold
    assert inside.tolist() == points["inside_applicability"].tolist()
    # Of each there are some: else nothing would be compared.
    for name in ("label", "cannot_tell", "inside_applicability"):
        assert points[name].nunique() == 2, name


def test_a_model_is_the_calibrated_mean_of_its_members(
    mean: Fitted, opened: archive.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    singles = [replace(mean, members=(m,), calibration=None, sets=None) for m in mean.members]
    tables = [single.predict_archive(opened) for single in singles]
    raw = np.mean([table["probability"] for table in tables], axis=0)
    made: list[Recipe] = []
    samples = Recipe.samples
    monkeypatch.setattr(Recipe, "samples", lambda *a: made.append(a[0]) or samples(*a))
    table = mean.predict_archive(opened)
    assert len(made) == 3  # features of two members are the same
    expected = expit(1.5 * logit(raw.clip(0.01, 0.99)))
    np.testing.assert_allclose(table["probability"], expected, rtol=1e-12)
    unsure = (expected >= 0.3) & (1 - expected >= 0.2)
    assert table["cannot_tell"].tolist() == unsure.tolist()
    fewest = np.min([single["n_observations"] for single in tables], axis=0)
    assert table["n_observations"].tolist() == fewest.tolist()
    votes = np.sum([single["inside_applicability"].astype(int) for single in tables], axis=0)
    inside = table["inside_applicability"].to_numpy(bool)
    assert inside[votes >= 3].all() and not inside[votes <= 1].any()
    assert mean.threshold == 1
    assert singles[0].threshold == mean.members[0].applicability.threshold  # type: ignore[union-attr]


def test_a_model_asks_for_what_all_its_members_need(mean: Fitted) -> None:
    assert mean.columns == ("ID", "Timestamp", "B4", "B8", "B2", "SCL", "Lon")
    assert mean.needed(["NDVI"]) == ("B4", "B8", "NDVI", "B2", "SCL")
    assert str(mean.window()) == "2020-03-12 … 2020-12-17"
    assert [str(window.first) for window in mean.windows()] == [
        "2020-03-12",
        "2020-05-21",
        "2020-07-30",
    ]


def test_a_point_that_one_member_cannot_tell_has_no_label_and_the_reason_names_the_window(
    mean: Fitted, opened: archive.Archive, observations: pd.DataFrame
) -> None:
    third = mean.members[2]
    careful = replace(third, recipe=replace(third.recipe, min_observations=3))
    strict = replace(mean, members=(*mean.members[:2], careful, mean.members[3]))
    expected = strict.predict_archive(opened)
    late = (observations["ID"] == "P001") & (observations["Timestamp"] >= "2020-07-30")
    own = observations[late & (observations["Timestamp"] < "2020-12-18")]
    table = strict.predict(observations.drop(index=own.index[2:]))
    assert table.loc[1, ["probability", "label", "cannot_tell"]].isna().all()
    assert table["n_observations"][1] <= 2
    assert table["reason"][1] == (
        "2 of at least 3 observations in the window 2020-07-30 … 2020-12-17"
    )
    pd.testing.assert_frame_equal(table.drop(index=1), expected.drop(index=1))


def test_an_archive_that_is_too_large_for_memory_is_predicted_by_blocks(
    mean: Fitted, opened: archive.Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, parts = mean.predict_archive(opened), list[int]()
    part = archive.Archive.part
    monkeypatch.setattr(archive.Archive, "part", lambda *a: parts.append(a[1]) or part(*a))
    monkeypatch.setattr(point_blocks, "MOST_BYTES", 200_000)
    monkeypatch.setattr(point_blocks, "_MOST_POINTS", 33)
    pd.testing.assert_frame_equal(mean.predict_archive(opened), expected)
    assert min(parts) == 0 and len(parts) > 1
    assert len(parts) == len(set(parts))  # each is read once, for all members
