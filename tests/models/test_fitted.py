from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest
from standins.toy_model import FLAT, learnt, with_member

from cropland.config.groups import Features, Series
from cropland.errors import DataError
from cropland.features.recipe import Recipe
from cropland.models.applicability import Applicability
from cropland.models.fitted import Fitted
from cropland.models.member import measured_columns
from cropland.observations import archive

STATISTICS = Features("statistics", False, ("min", "median", "std"))
HARMONICS = Features("harmonics", False, (), harmonics=2)


def by_id(table: pd.DataFrame) -> pd.DataFrame:
    return table.sort_values("ID", ignore_index=True)


def shifted(observations: pd.DataFrame, days: float) -> pd.DataFrame:
    times = pd.to_datetime(observations["Timestamp"]) + pd.Timedelta(days, unit="D")
    return observations.assign(Timestamp=times.astype(str))


@pytest.mark.parametrize("clear", [False, True], ids=["raw", "clear"])
@pytest.mark.parametrize("features", [FLAT, STATISTICS, HARMONICS], ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    "names", [("B2", "Lon", "Lat", "SCL"), ("NDVI", "EVI"), ("Lat",)], ids="-".join
)
def test_raw_observations_give_what_the_classifier_says_of_the_archive(
    opened: archive.Archive,
    observations: pd.DataFrame,
    names: tuple[str, ...],
    features: Features,
    clear: bool,
) -> None:
    fitted = learnt(opened, names, features=features, clear=clear)
    (member,) = fitted.members
    samples = member.recipe.samples(opened)
    assert not samples.unobserved
    expected = member.classifier.predict_proba(samples.matrix.to_numpy())[:, 1]
    table = fitted.predict(observations)
    np.testing.assert_array_equal(table["probability"], expected)
    assert table["ID"].tolist() == opened.points["ID"].to_numpy().tolist()
    assert table["label"].tolist() == (expected > 0.5).tolist()
    assert table["n_observations"].tolist() == samples.n_observations.tolist()
    kinds = {"probability": "float64", "label": "Int64", "n_observations": "int64"}
    kinds |= {"inside_applicability": "boolean", "cannot_tell": "boolean", "reason": "str"}
    assert list(table) == ["ID", *kinds]
    assert table.dtypes.astype(str)[list(kinds)].to_dict() == kinds


def test_it_tells_cropland_from_the_rest(fitted: Fitted, observations: pd.DataFrame) -> None:
    unlabelled = fitted.predict(observations)[60:]
    grown = [number % 2 for number in range(60, 80)]
    assert (unlabelled["label"] == grown).mean() > 0.8


def test_only_what_is_measured_is_asked_for(opened: archive.Archive) -> None:
    assert learnt(opened).columns == ("ID", "Timestamp", "B4", "B8")
    assert learnt(opened, ("B2",), clear=True).measured == ("B2", "SCL")
    assert learnt(opened, ("B2", "SCL", "Lon"), clear=True).columns[2:] == ("B2", "SCL", "Lon")
    recipe = Recipe("2020-12-31", 4, 0, ("NDVI", "B4"), Series("raw", False, 5), FLAT)
    assert measured_columns(recipe, ("NDVI", "B4", "B8")) == ("B4", "B8")
    assert measured_columns(recipe, ("NDVI", "B4")) == ("NDVI", "B4")


def with_ndvi(opened: archive.Archive) -> archive.Archive:
    """The same archive, of exports that carry NDVI, rounded as exports round it."""
    ndvi = opened.values("NDVI").round(2)
    return archive.Archive(opened.dataset.assign(NDVI=("observation", ndvi)))


@pytest.mark.parametrize("names", [("B4", "B8", "NDVI"), ("NDVI",)], ids="-".join)
def test_a_model_of_exports_with_an_index_asks_for_bands_and_takes_the_index_where_it_is_given(
    opened: archive.Archive, observations: pd.DataFrame, names: tuple[str, ...]
) -> None:
    exported = with_ndvi(opened)
    fitted = learnt(exported, names)
    assert fitted.columns == ("ID", "Timestamp", "B4", "B8")
    ndvi = pd.Series(exported.values("NDVI"), observations.index)
    given = fitted.predict(observations.assign(NDVI=ndvi))
    pd.testing.assert_frame_equal(given, fitted.predict_archive(exported))
    computed = fitted.predict(observations)
    pd.testing.assert_frame_equal(computed, fitted.predict_archive(opened))
    assert (given["probability"] != computed["probability"]).any()
    with pytest.raises(DataError, match=r"lack B8; the model of toyland needs .* B4, B8"):
        fitted.predict(observations.drop(columns="B8"))
    # A model that was registered when models still asked for the index.
    earlier = with_member(fitted, measured=(*names,))
    pd.testing.assert_frame_equal(earlier.predict(observations), computed)


def test_rows_in_any_order_and_of_any_type_say_the_same(
    fitted: Fitted, observations: pd.DataFrame
) -> None:
    expected = by_id(fitted.predict(observations))
    mixed = observations.sample(frac=1, random_state=3).drop(columns=["Lat", "Lon", "B2"])
    mixed = mixed.assign(
        B4=mixed["B4"].astype(np.uint16),
        B8=mixed["B8"].astype(object),
        Timestamp=pd.to_datetime(mixed["Timestamp"]),
        notes="unknown columns are ignored",
    )
    table = fitted.predict(mixed)
    assert table["ID"].tolist() == mixed["ID"].unique().tolist()
    pd.testing.assert_frame_equal(by_id(table), expected)
    for kind in ("float32", "Int64", "str"):
        pd.testing.assert_frame_equal(fitted.predict(observations.astype({"B4": kind})), expected)


def test_times_are_utc_and_may_say_so(fitted: Fitted, observations: pd.DataFrame) -> None:
    expected = fitted.predict(observations)
    told = observations.assign(Timestamp=observations["Timestamp"].str.replace(" ", "T") + "Z")
    pd.testing.assert_frame_equal(fitted.predict(told), expected)
    local = shifted(observations, 0.375)["Timestamp"].str.replace(" ", "T") + "+09:00"
    pd.testing.assert_frame_equal(fitted.predict(observations.assign(Timestamp=local)), expected)
    aware = observations.assign(Timestamp=pd.to_datetime(observations["Timestamp"], utc=True))
    pd.testing.assert_frame_equal(fitted.predict(aware), expected)


def test_points_in_chunks_say_the_same(fitted: Fitted, observations: pd.DataFrame) -> None:
    chunks = [table for _, table in observations.groupby(observations["ID"].str[-1])]
    tables = pd.concat([fitted.predict(chunk) for chunk in chunks])
    pd.testing.assert_frame_equal(by_id(tables), fitted.predict(observations))


def test_scene_classes_that_a_request_lacks_keep_their_features(
    opened: archive.Archive, observations: pd.DataFrame
) -> None:
    fitted = learnt(opened, ("B8", "SCL"))
    assert fitted.recipes[0].classes == (4, 5, 9)
    bare = observations[observations["SCL"] == 5]
    assert fitted.predict(bare)["probability"].notna().all()
    without = with_member(fitted, classes=(5,))
    with pytest.raises(DataError, match=r"was fitted on 228 features, the observations give 114"):
        without.predict(bare)


def test_another_season_is_told_by_its_own_observations(
    fitted: Fitted, observations: pd.DataFrame
) -> None:
    earlier = fitted.predict(observations, reference_end=date(2019, 12, 31))
    in_2019 = observations[observations["Timestamp"] < "2020"]
    pd.testing.assert_frame_equal(
        fitted.predict(in_2019, reference_end=date(2019, 12, 31)), earlier
    )
    pd.testing.assert_frame_equal(fitted.predict(shifted(in_2019, 366)), earlier)
    assert (earlier["n_observations"] != fitted.predict(observations)["n_observations"]).any()
    with pytest.raises(DataError, match="reference_end 0001-01-01 leaves the calendar"):
        fitted.predict(observations, reference_end=date(1, 1, 1))


def test_a_point_that_was_not_observed_has_no_label(
    fitted: Fitted, observations: pd.DataFrame
) -> None:
    expected = fitted.predict(observations)
    missed = observations.copy()
    missed.loc[missed["ID"] == "P003", "Timestamp"] = "2015-07-01"
    missed.loc[missed["ID"] == "P005", "B4"] = 0  # no data
    table = fitted.predict(missed)
    bare = table["ID"].isin(["P003", "P005"])
    assert table.loc[bare, "probability"].isna().all() and table.loc[bare, "label"].isna().all()
    assert table["n_observations"][3] == 0
    assert table["n_observations"][5] == 0 < expected["n_observations"][5]
    assert set(table.loc[bare, "reason"]) == {"not observed in all bands in the window"}
    assert (table.loc[~bare, "reason"] == "").all()
    pd.testing.assert_frame_equal(table[~bare], expected[~bare])
    nothing = fitted.predict(observations, reference_end=date(2000, 12, 31))
    assert nothing["label"].isna().all() and (nothing["n_observations"] == 0).all()


def in_window(observations: pd.DataFrame, name: str, days: int) -> pd.DataFrame:
    """All observations, but so few of one point."""
    times = pd.to_datetime(observations["Timestamp"])
    own = (observations["ID"] == name) & times.between("2020-03-12", "2020-12-17")
    spare = observations[own].drop_duplicates("Timestamp").index[days:]
    return observations.drop(index=spare)


def test_one_observation_of_a_year_is_no_evidence(
    fitted: Fitted, observations: pd.DataFrame
) -> None:
    careful = with_member(fitted, min_observations=5)
    expected = fitted.predict(observations)
    assert expected["n_observations"].min() >= 5
    thin = careful.predict(in_window(observations, "P001", 1)).set_index("ID")
    assert thin.loc["P001", "n_observations"] == 1
    assert pd.isna(thin.loc["P001", "probability"]) and pd.isna(thin.loc["P001", "label"])
    assert thin.loc["P001", "reason"] == "1 of at least 5 observations in the window"
    assert fitted.predict(in_window(observations, "P001", 1))["label"].notna().all()  # of before
    four, five = (in_window(observations, "P001", days) for days in (4, 5))
    assert careful.predict(four)["reason"][1] == "4 of at least 5 observations in the window"
    pd.testing.assert_frame_equal(careful.predict(five), fitted.predict(five))
    others = thin.drop(index="P001").reset_index()
    pd.testing.assert_frame_equal(others, expected.drop(index=1).reset_index(drop=True))


@pytest.mark.parametrize("half", ["first", "second"])
def test_half_of_a_window_is_no_evidence_for_the_other(
    fitted: Fitted, observations: pd.DataFrame, half: str
) -> None:
    careful = with_member(fitted, max_gap_days=100)
    expected = careful.predict(observations)
    assert pd.notna(expected["label"][1])
    days = pd.to_datetime(observations["Timestamp"]).dt.normalize()
    seen = days < "2020-08-01" if half == "first" else days > "2020-08-01"
    rows = observations[seen | (observations["ID"] != "P001")]
    table = careful.predict(rows)
    assert table["n_observations"][1] > 5
    assert pd.isna(table["probability"][1]) and pd.isna(table["label"][1])
    there = days[seen & (observations["ID"] == "P001")]
    first, last = pd.Timestamp("2020-03-12"), pd.Timestamp("2020-12-17")
    gap = last - there.max() if half == "first" else there.min() - first
    assert table["reason"][1] == (
        f"a day of the window is {gap.days} days from the nearest observation (at most 100)"
    )
    pd.testing.assert_frame_equal(table.drop(index=1), expected.drop(index=1))
    assert fitted.predict(rows)["label"].notna().all()  # of before


def test_a_season_that_is_observed_half_has_no_label(
    fitted: Fitted, observations: pd.DataFrame
) -> None:
    careful = with_member(fitted, max_gap_days=100)
    beyond = careful.predict(observations, reference_end=date(2021, 6, 30))
    assert (beyond["n_observations"] > 0).all() and beyond["label"].isna().all()
    assert beyond["reason"].str.startswith("a day of the window is ").all()


def test_points_unlike_those_of_the_training_are_outside_its_applicability(
    fitted: Fitted, opened: archive.Archive, observations: pd.DataFrame
) -> None:
    assert fitted.predict(observations)["inside_applicability"].isna().all()
    x = fitted.recipes[0].samples(opened).matrix.to_numpy()[:60]
    area = Applicability.of(x, np.ones(x.shape[1]), np.arange(60) % 5)
    known = with_member(fitted, applicability=area)
    strange = observations.copy()
    strange.loc[strange["ID"] == "P002", ["B4", "B8"]] = 10_000
    strange = strange[strange["ID"] != "P004"]
    later = pd.DataFrame({"ID": ["P004"], "Timestamp": ["2015-01-01"], "B4": [900], "B8": [2000]})
    found = known.predict(pd.concat([strange, later])).set_index("ID")["inside_applicability"]
    assert not found.loc["P002"]
    assert pd.isna(found.loc["P004"])
    assert found.drop(["P002", "P004"])[:58].mean() > 0.9


def put(column: str, value: object, row: int = 2) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def changed(table: pd.DataFrame) -> pd.DataFrame:
        values = table[column].astype(object)
        values.iloc[row] = value
        return table.assign(**{column: values})

    return changed


BAD: dict[str, tuple[Callable[[pd.DataFrame], pd.DataFrame], str]] = {
    "missing column": (
        lambda table: table.drop(columns=["B2", "Lon"]),
        "the observations lack B2, Lon; the model of toyland needs the columns "
        "ID, Timestamp, B2, SCL, Lon, Lat",
    ),
    "empty": (lambda table: table[:0], "the table of observations is empty; give at least one row"),
    "no ID": (put("ID", None), "ID is empty in row 3; expected the ID of a point"),
    "blank ID": (put("ID", " "), "ID is ' ' in row 3; expected the ID of a point"),
    "date": (
        put("Timestamp", "2020-13-01"),
        "Timestamp is '2020-13-01' in row 3; expected a date like 2019-07-16 or 2019-07-16 08:05:11",
    ),
    "no date": (put("Timestamp", None), "Timestamp is empty in row 3; expected a date"),
    "dates as numbers": (
        lambda table: table.assign(Timestamp=1593561600),
        "Timestamp is '1593561600' in row 1 and 3 more; expected a date",
    ),
    "text": (put("B2", "cloud"), "B2 is 'cloud' in row 3; expected a number or nothing"),
    "infinity": (put("B2", np.inf), "B2 is 'inf' in row 3; expected a number or nothing"),
    "reflectance": (
        lambda table: table.assign(B2=table["B2"] / 10_000),
        "the request (row 1 and 3 more) has reflectance for B2, values from 0.",
    ),
    "reflectance as text in one row": (
        put("B2", "0.0834"),
        "the request (row 3) has reflectance for B2, values from 0.0834 to 0.0834; expected digital "
        "numbers, reflectance × 10,000: multiply by 10000, and send it again",
    ),
    "reflectance in one band": (
        lambda table: table.assign(B2=table["B2"] / 10_000, SCL=4).rename(columns={"B2": "blue"}),
        "(row 1 and 3 more) has reflectance for B2",
    ),
    "a band twice": (
        lambda table: table.assign(blue=table["B2"]),
        "the observations have the column B2 more than once, as B2 and blue; keep one",
    ),
    "scene class": (put("SCL", 12), "SCL is '12' in row 3; expected a scene class, 0 to 11"),
    "no place": (put("Lat", None), "Lat is empty in row 3; expected degrees in every row"),
    "off the globe": (put("Lat", 91), "Lat is '91' in row 3; expected decimal degrees (WGS 84)"),
    "two places": (
        put("Lon", 21.0),
        "ID P000 has Lon 20.0 and, in row 3, 21.0; give each place an ID of its own",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_observations_are_answered_in_one_line(
    opened: archive.Archive, observations: pd.DataFrame, name: str
) -> None:
    fitted = learnt(opened, ("B2", "SCL", "Lon", "Lat"))
    change, message = BAD[name]
    table = observations[:4].assign(Lat=10.0, Lon=20.0)
    assert len(fitted.predict(table)) == 1
    with pytest.raises(DataError, match=re.escape(message)) as raised:
        fitted.predict(change(table))
    assert "\n" not in str(raised.value)


SPELLINGS = {"B4": "B04", "B8": "nir", "NDVI": "ndvi", "SCL": "scl"}


def test_bands_may_have_any_of_their_names(
    opened: archive.Archive, observations: pd.DataFrame
) -> None:
    fitted = learnt(opened, ("B4", "B8", "NDVI", "SCL"))
    table = fitted.predict(observations.rename(columns=SPELLINGS))
    pd.testing.assert_frame_equal(table, fitted.predict(observations))


def test_fill_values_of_a_request_are_no_data(fitted: Fitted, observations: pd.DataFrame) -> None:
    third = np.arange(len(observations)) % 3 == 0
    expected = fitted.predict(observations.assign(B4=observations["B4"].mask(third)))
    for fill in (-9999, 65_535, -999):
        filled = observations.assign(B4=observations["B4"].mask(third, fill))
        pd.testing.assert_frame_equal(fitted.predict(filled), expected)


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (10_000, "NDVI that its bands do not give: values from"),
        (-1, "other values than B4, B8 give"),
    ],
)
def test_an_index_that_its_bands_do_not_give_is_said(
    opened: archive.Archive,
    fitted: Fitted,
    observations: pd.DataFrame,
    factor: float,
    said: str,
) -> None:
    sent = observations.assign(NDVI=opened.values("NDVI") * factor)
    with pytest.raises(DataError, match=said):
        fitted.predict(sent)


def test_a_request_without_any_scene_class_is_said_where_clear_observations_are_used(
    opened: archive.Archive, observations: pd.DataFrame
) -> None:
    fitted = learnt(opened, ("B4", "B8"), clear=True)
    with pytest.raises(DataError, match=r"SCL is empty in every row; the model of toyland uses"):
        fitted.predict(observations.assign(SCL=np.nan))
    cloudy = observations["ID"] == "P001"
    expected = fitted.predict(observations[~cloudy])
    table = fitted.predict(observations.assign(SCL=observations["SCL"].mask(cloudy)))
    pd.testing.assert_frame_equal(table[table["ID"] != "P001"].reset_index(drop=True), expected)
    assert table.set_index("ID").loc["P001", "n_observations"] == 0


def test_two_places_of_an_id_are_seen_where_places_are_not_needed_too(
    fitted: Fitted, observations: pd.DataFrame
) -> None:
    rounded = observations.assign(Lat=observations["Lat"] + np.resize([0, 5e-5], len(observations)))
    pd.testing.assert_frame_equal(fitted.predict(rounded), fitted.predict(observations))
    with pytest.raises(DataError, match="ID P000 has Lat 10.25004 and, in row 2, 10.25104"):
        fitted.predict(put("Lat", 10.25104, 1)(observations))


def test_numbers_that_may_be_of_another_unit_are_said_beside_the_label(
    fitted: Fitted, observations: pd.DataFrame
) -> None:
    assert set(fitted.predict(observations)["reason"]) == {""}
    bands = [name for name in ("B4", "B8") if name in observations]
    percent = observations.copy()
    percent[bands] /= 100
    table = fitted.predict(percent)
    assert table["label"].notna().all()
    assert (
        table["reason"].str.match(r"doubtful: the point has .* check that these are no per").all()
    )
    one = observations.copy()
    one[bands] = percent[bands].where(one["ID"] == "P003", one[bands])
    doubtful = fitted.predict(one).set_index("ID")["reason"]
    assert doubtful["P003"].startswith("doubtful: the point has ")
    assert set(doubtful.drop("P003")) == {""}


def test_numbers_of_a_whole_request_may_be_doubtful_where_no_point_is(
    fitted: Fitted, observations: pd.DataFrame
) -> None:
    # One point in ten is dark in fractions of digits; its own row says so of itself, the request of all.
    bands = [name for name in ("B4", "B8") if name in observations]
    some = observations.copy()
    some[bands] = (some[bands] // 100 + 0.5).where(some["ID"].str.endswith("3"), some[bands])
    reasons = fitted.predict(some).set_index("ID")["reason"]
    assert reasons["P004"].startswith("doubtful: the request has unusually small values of B4")
    assert reasons["P003"].startswith("doubtful: the point has ")


def test_a_reason_for_no_label_comes_before_a_doubt(
    fitted: Fitted, observations: pd.DataFrame
) -> None:
    late = observations["ID"] != "P003"
    rows = observations[late | (observations["Timestamp"] < "2020")].copy()
    for name in ("B4", "B8"):
        rows[name] = rows[name].where(rows["ID"] != "P003", rows[name] / 100)
    reason = fitted.predict(rows).set_index("ID").loc["P003", "reason"]
    assert reason.startswith("not observed in all bands in the window; doubtful: the point has ")
