from __future__ import annotations

from datetime import date
from itertools import pairwise
from typing import Any, ClassVar

import numpy as np
import pytest
import xarray as xr
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from cropland.config.groups import Validation
from cropland.errors import DataError
from cropland.learning import cross_validation, learning_curve
from cropland.models import importance, profiles

END = date(2020, 6, 30)
KFOLD = Validation("kfold", 4)
COUNT = 160
TARGET = (np.arange(COUNT) % 2).astype(np.int8)
FOREST = RandomForestClassifier(10, random_state=1)


def matrix(columns: dict[str, np.ndarray]) -> xr.DataArray:
    """Balanced samples with the given features."""
    random = np.random.default_rng(8)
    return xr.DataArray(
        np.stack(list(columns.values()), axis=1).astype(np.float32),
        dims=("sample", "feature"),
        coords={
            "ID": ("sample", [f"P{n}" for n in range(COUNT)]),
            "Target": ("sample", TARGET),
            "Lat": ("sample", random.uniform(10, 10.4, COUNT)),
            "Lon": ("sample", random.uniform(20, 20.4, COUNT)),
            "feature": list(columns),
        },
    )


def planted(signal: float = 2.5) -> xr.DataArray:
    """Noise, but for B8 in November: there both days tell the classes apart by `signal` s.d."""
    random = np.random.default_rng(5)
    names = [f"{band}_d{day}" for day in range(-260, -140, 15) for band in ("B4", "B8", "NDVI")]
    columns = {name: random.normal(size=COUNT) for name in names}
    for day in (-230, -215):  # 2019-11-13 and -28
        columns[f"B8_d{day}"] += signal * TARGET
    return matrix(columns)


def measured(features: xr.DataArray, classifier: Any = FOREST, **changes: Any) -> xr.Dataset:
    given = {"validation": KFOLD, "reference_end": END, "seed": 5} | changes
    return importance.measure(classifier, features, **given)


def test_a_planted_band_and_month_matters_most_and_noise_hardly() -> None:
    found = measured(planted())
    cells = found["importance"].stack(group=("band", "when"))
    assert cells["group"][int(cells.argmax("group"))].item() == ("B8", "2019-11")
    assert cells.max() > 0.3
    assert abs(cells.drop_sel(group=("B8", "2019-11"))).max() < 0.03
    assert found["importance_band"].idxmax() == "B8"
    assert found["importance_when"].idxmax() == "2019-11"
    assert abs(found["importance_band"].sel(band=["B4", "NDVI"])).max() < 0.04


def test_what_a_model_does_not_look_at_costs_nothing() -> None:
    stump = DecisionTreeClassifier(max_depth=1, random_state=1)
    found = measured(planted(signal=50).drop_sel(feature="B8_d-215"), stump)
    assert found["importance"].sel(band="B8", when="2019-11") > 0.4
    others = found["importance"].drop_sel(when="2019-11")
    assert (others == 0).all() and (found["importance_se"].drop_sel(when="2019-11") == 0).all()
    assert (found["importance_band"].drop_sel(band="B8") == 0).all()


def test_bands_that_stand_in_for_each_other_matter_only_together() -> None:
    same = 2.0 * TARGET - 1
    found = measured(matrix({f"{name}_d-10": same for name in "ABC"}), LogisticRegression())
    # Two of three outvote the one that is permuted; with all three gone half of the points are wrong.
    assert (found["importance"] == 0).all()
    assert found["importance_when"].item() == pytest.approx(0.5, abs=0.06)
    assert found["importance_se_when"].item() == pytest.approx(
        np.sqrt(0.25 / 3 / COUNT), rel=0.2
    )  # a coin a point, the mean of three permutations


def test_features_are_grouped_by_calendar_month_statistic_harmonic_and_static() -> None:
    names = ["B4_d+1", "B4_d-31", "SCL_4_d-10", "SCL_4_max", "B4_max", "B4_day_of_max", "Lon"]
    names += ["B4_cos1", "B4_amplitude2", "SCL_4_sin1", "B4_amplitude1", "B4_residual"]
    random = np.random.default_rng(1)
    found = measured(matrix({name: random.normal(size=COUNT) for name in names}))
    assert found["band"].values.tolist() == ["B4", "SCL_4", "Lon"]
    over_time = ["max", "day_of_max", "harmonic 1", "harmonic 2", "residual"]
    expected = ["2020-05", "2020-06", "2020-07", *over_time, "static"]
    assert found["when"].values.tolist() == expected
    there = found["importance"].notnull().values.astype(int).tolist()
    assert there == [
        [1, 0, 1, 1, 1, 1, 1, 1, 0],
        [0, 1, 0, 1, 0, 1, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0, 1],
    ]


@pytest.mark.parametrize(
    "chosen", [KFOLD, Validation("repeated", 3, 2), Validation("blocks", 4, block_km=10.0)]
)
def test_importance_is_the_same_however_many_threads_and_chunks(
    chosen: Validation, monkeypatch: pytest.MonkeyPatch
) -> None:
    forest = RandomForestClassifier(3, random_state=1)
    given = {"classifier": forest, "validation": chosen, "repeats": 2}
    one, two = (measured(planted(), n_jobs=jobs, **given) for jobs in (1, 2))
    monkeypatch.setattr(importance, "_CHUNK_BYTES", 1)
    assert one.identical(two) and one.identical(measured(planted(), **given))
    assert not one.equals(measured(planted(), seed=6, **given))
    scores = cross_validation.cross_validate(forest, planted(), chosen, seed=5)
    assert one.attrs["accuracy"] == pytest.approx(scores.accuracy)


def test_impurity_is_summed_by_the_same_groups_where_a_model_has_it() -> None:
    found = measured(planted(), make_pipeline(StandardScaler(), FOREST), repeats=1)
    assert found["impurity_band"].sum() == pytest.approx(1)
    np.testing.assert_allclose(found["impurity"].sum("when"), found["impurity_band"])
    np.testing.assert_allclose(found["impurity"].sum("band"), found["impurity_when"])
    assert found["impurity_when"].idxmax() == "2019-11"
    assert "impurity" not in measured(planted(), KNeighborsClassifier(), repeats=1)


@pytest.mark.parametrize("chosen", [KFOLD, Validation("blocks", 4, block_km=10.0)])
def test_with_all_labels_a_learning_curve_ends_at_the_cross_validated_accuracy(
    chosen: Validation,
) -> None:
    curve = learning_curve.learning_curve(FOREST, planted(1.0), chosen, seed=5)
    scores = cross_validation.cross_validate(FOREST, planted(1.0), chosen, seed=5)
    assert curve["accuracy"].iloc[-1] == pytest.approx(scores.accuracy)
    assert curve["accuracy_se"].iloc[-1] == pytest.approx(scores.accuracy_se)


def test_more_labels_help_where_there_is_something_to_learn() -> None:
    classifier = GaussianNB()
    curve = learning_curve.learning_curve(classifier, planted(1.0), KFOLD, seed=5)
    assert curve["n_labels"].tolist() == [15, 30, 60, 120]
    assert curve["accuracy"].iloc[-1] > curve["accuracy"].iloc[0] + 0.08
    again = learning_curve.learning_curve(classifier, planted(1.0), KFOLD, seed=5, n_jobs=2)
    assert curve.equals(again)


class Witness(DummyClassifier):
    """Remembers what it was given to learn."""

    seen: ClassVar[list[tuple[set[float], float]]] = []

    def fit(self, x: Any, y: Any) -> Any:
        self.seen.append((set(x[:, 0].tolist()), float(np.mean(y))))
        return super().fit(x, y)


def test_subsets_of_labels_are_nested_and_keep_the_share_of_each_class() -> None:
    Witness.seen.clear()
    learning_curve.learning_curve(Witness(), planted(), KFOLD, seed=5)
    by_size = [Witness.seen[start : start + 4] for start in (0, 4, 8, 12)]
    for subsets in zip(*by_size, strict=True):
        assert all(few < more for (few, _), (more, _) in pairwise(subsets))
        assert [len(seen) for seen, _ in subsets] == [15, 30, 60, 120]
        assert all(share == pytest.approx(0.5, abs=0.051) for _, share in subsets)


def aligned() -> xr.Dataset:
    """Five points of cropland, one of other, one unobserved, one unlabelled; two dates."""
    first = np.array([0, 10, 20, 30, 40, 7, np.nan, 999], dtype=np.float32)
    values = np.stack([first, first + 100], axis=1)[:, :, None]
    return xr.Dataset(
        {"values": (("point", "time", "band"), values)},
        coords={
            "Target": ("point", np.array([1, 1, 1, 1, 1, 0, 0, -1], dtype=np.int8)),
            "time": np.array(["2020-01-01", "2020-01-06"], dtype="datetime64[s]"),
            "band": ["B4"],
        },
    )


def test_profiles_are_the_quantiles_of_each_class_on_each_date() -> None:
    found = profiles.profiles(aligned(), "B4")
    assert found["class"].tolist() == ["cropland", "cropland", "other", "other"]
    assert found["n"].tolist() == [5, 5, 1, 1]
    columns = ["q05", "q25", "median", "q75", "q95"]
    expected = [[2, 10, 20, 30, 38], [102, 110, 120, 130, 138], [7] * 5, [107] * 5]
    np.testing.assert_allclose(found[columns], expected)
    assert found["time"].dt.strftime("%d").tolist() == ["01", "06", "01", "06"]


def test_a_profile_of_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="no labelled point has a value of B4"):
        profiles.profiles(aligned().isel(point=[6, 7]), "B4")
