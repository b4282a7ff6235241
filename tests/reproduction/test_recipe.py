from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestClassifier

from cropland.errors import ConfigError, DataError
from cropland.reproduction import recipe
from cropland.reproduction.export_tables import COLUMNS, read_exports
from cropland.reproduction.recipe import Season

Exports = Mapping[str, pd.DataFrame]
Study = tuple[Exports, list[Season], pd.DataFrame, pd.DataFrame]
JUNE = Season("a", "2020-06-01", "2020-06-11")


def literal_features(
    exports: Exports, seasons: Sequence[Season], ids: pd.Series, columns: Sequence[str]
) -> dict[str, pd.DataFrame]:
    """The recipe in plain pandas: for each country a row a point, by ID."""
    tables = []
    for season in seasons:
        table = exports[season.country]
        table = table[(table["Timestamp"] >= season.start) & (table["Timestamp"] <= season.end)]
        tables.append(table[table["ID"].isin(ids)].assign(country=season.country))
    rows = pd.concat(tables)
    names = [name for name in columns if name != "SCL"]
    if "SCL" in columns:
        for scene in rows["SCL"].unique():
            rows[f"SCL_{scene}"] = (rows["SCL"] == scene).astype("uint8")
            names.append(f"SCL_{scene}")
    first, last = rows["Timestamp"].min(), rows["Timestamp"].max()
    days = pd.date_range(first, last, freq="D", normalize=True)
    rows = rows.sort_values(["ID", "Timestamp"])
    rows["day"] = pd.to_datetime(rows["Timestamp"], format="ISO8601").dt.normalize()
    rows = rows.drop_duplicates(["ID", "day"])
    found = {}
    for country, group in rows.groupby("country"):
        wide = group.set_index(["day", "ID"])[names].astype("float32").unstack("ID")
        daily = wide.reindex(days).interpolate(method="linear", limit_direction="both")
        kept = daily.iloc[::5].to_numpy().reshape(len(days[::5]), len(names), -1)
        points = sorted(group["ID"].unique())
        found[str(country)] = pd.DataFrame(
            kept.transpose(2, 0, 1).reshape(len(points), -1), index=points
        )
    return found


def literal_predictions(found: dict[str, pd.DataFrame], labelled: pd.DataFrame) -> dict[str, int]:
    """The class of every point that is not labelled, by one forest a country."""
    labels = labelled.set_index("ID")["Target"]
    classes: dict[str, int] = {}
    for table in found.values():
        learnt = table.index.isin(labels.index)
        forest = RandomForestClassifier(n_estimators=100, max_depth=10, random_state=2023)
        forest.fit(table[learnt], labels.loc[table.index[learnt]])
        classes.update(zip(table.index[~learnt], forest.predict(table[~learnt]), strict=True))
    return classes


def awkward(country: str, start: str, days: int, scenes: list[int], seed: int) -> pd.DataFrame:
    """20 points of one country with all that exports have: unsorted, twice a day, with gaps."""
    random = np.random.default_rng(seed)
    size = 20 * 25
    # Random days round a point's few, so that many days have several rows and some rows are the same.
    seconds = random.choice(random.integers(0, days * 86400, size // 2), size)
    times = np.datetime64(start, "s") + seconds.astype("timedelta64[s]")
    table = pd.DataFrame(random.integers(1, 9000, (size, 4)), columns=["B2", "B3", "B4", "B8"])
    table["NDVI"] = ((table["B8"] - table["B4"]) / (table["B8"] + table["B4"])).round(5)
    table["SCL"] = random.choice(scenes, size)
    points = random.integers(0, 20, size)
    table["ID"] = [f"{country}_{point:02d}" for point in points]
    table["Lat"], table["Lon"] = 10 + points / 7, 20 + points / 3
    table["Timestamp"] = pd.Series(times).dt.strftime("%Y-%m-%d %H:%M:%S").to_numpy()
    table.loc[random.random(size) < 0.1, "NDVI"] = np.nan
    table["B3"] = table["B3"].where(random.random(size) > 0.1)
    table.loc[table["ID"] == f"{country}_03", "NDVI"] = np.nan
    return pd.concat([table, table.sample(30, random_state=seed)], ignore_index=True)


@pytest.fixture(scope="module")
def study() -> Study:
    """Three countries of their own dates and scene classes, 12 points labelled and 8 not in each."""
    exports = {
        "Iran": awkward("i", "2019-01-01", 200, [9, 4, 8], 1),
        "Sudan": awkward("s", "2019-03-10", 240, [5, 11, 4], 2),
        "Afghanistan": awkward("a", "2019-11-02", 190, [4, 3, 5, 7], 3),
    }
    exports["Iran"]["Timestamp"] += ".125"
    exports["Sudan"].loc[:40, "Timestamp"] = "2019-09-30 07:00:00"
    exports["Afghanistan"].loc[exports["Afghanistan"]["ID"] == "a_19", "Timestamp"] = "2018-01-01"
    stranger = exports["Iran"].iloc[[0]].assign(ID="x", SCL=2, Timestamp="2019-02-01 00:00:00.500")
    exports["Iran"] = pd.concat([stranger, exports["Iran"]], ignore_index=True)
    seasons = [
        Season("Sudan", "2019-04-01", "2019-09-30"),
        Season("Afghanistan", "2019-12-01", "2020-04-30"),
        Season("Iran", "2019-02-01", "2019-06-30"),
    ]
    ids = [f"{country}_{point:02d}" for point in range(20) for country in "sai"]
    table = pd.DataFrame({"ID": ids}).sample(frac=1, random_state=4)
    number = table["ID"].str[2:].astype(int)
    labelled = table[number < 12].assign(Target=number % 2)
    return exports, seasons, labelled, table[number >= 12]


def known(study: Study) -> pd.Series:
    return pd.concat([study[2]["ID"], study[3]["ID"]])


@pytest.mark.parametrize("columns", [COLUMNS, ("B3", "NDVI"), ("SCL",)], ids=", ".join)
def test_features_are_bit_by_bit_those_of_plain_pandas(
    study: Study, columns: tuple[str, ...]
) -> None:
    exports, seasons, _, _ = study
    expected = literal_features(exports, seasons, known(study), columns)
    found = list(recipe.features(exports, seasons, known(study), columns=columns))
    assert [points.country for points in found] == ["Sudan", "Afghanistan", "Iran"]
    for points in found:
        table = expected[points.country]
        assert list(points.ids) == list(table.index)
        assert points.values.dtype == np.float32
        np.testing.assert_array_equal(
            points.values.view(np.uint32), table.to_numpy().view(np.uint32)
        )


def test_classes_are_those_of_plain_pandas(study: Study) -> None:
    exports, seasons, labelled, unlabelled = study
    expected = literal_predictions(
        literal_features(exports, seasons, known(study), COLUMNS), labelled
    )
    assert 0 < sum(expected.values()) < len(expected) == 23  # a_19 has no row in its season
    found = recipe.predictions(exports, seasons, labelled, unlabelled)
    assert dict(found.dropna().to_numpy()) == expected


def test_trees_are_ten_deep() -> None:
    # Random labels along one feature: as many levels as there are make a difference.
    rows = pd.DataFrame({"ID": [f"{point:03d}" for point in range(600)], "B4": np.arange(600)})
    exports = {"a": rows.assign(Timestamp="2020-06-02 08:00:00")}
    labelled = rows[::2].assign(Target=np.random.default_rng(5).integers(0, 2, 300))
    found = recipe.predictions(exports, [JUNE], labelled, rows[1::2], columns=["B4"])
    plain = literal_features(exports, [JUNE], rows["ID"], ["B4"])
    assert dict(found.to_numpy()) == literal_predictions(plain, labelled)


def test_threads_do_not_change_a_forest(study: Study) -> None:
    one, two = (recipe.predictions(*study, n_jobs=threads) for threads in (1, 2))
    pd.testing.assert_frame_equal(one, two)


def test_a_row_a_point_in_the_order_asked_and_nothing_without_observations(study: Study) -> None:
    exports, seasons, labelled, unlabelled = study
    asked = pd.concat([unlabelled[::-1], pd.DataFrame({"ID": ["nowhere"]})])
    found = recipe.predictions(exports, seasons, labelled, asked, trees=5)
    assert list(found["ID"]) == list(asked["ID"])
    assert found["Target"].dtype == "Int64"
    assert set(found.loc[found["Target"].isna(), "ID"]) == {"a_19", "nowhere"}
    assert found["Target"].dropna().isin([0, 1]).all()


def test_progress_names_each_country_that_is_done(study: Study) -> None:
    told: list[str] = []
    recipe.predictions(*study, trees=5, progress=told.append)
    assert told == ["Sudan", "Afghanistan", "Iran"]


def test_the_order_of_columns_is_part_of_the_answer(study: Study) -> None:
    exports, seasons, _, _ = study
    one, other = (
        next(iter(recipe.features(exports, seasons, known(study), columns=columns))).values
        for columns in (("B2", "B8"), ("B8", "B2"))
    )
    np.testing.assert_array_equal(one[:, 0::2], other[:, 1::2])


def export(*rows: tuple[str, str, float], scenes: Sequence[float] = ()) -> pd.DataFrame:
    """A small export of (ID, Timestamp, B4) rows."""
    table = pd.DataFrame(rows, columns=["ID", "Timestamp", "B4"])
    return table.assign(SCL=list(scenes)) if len(scenes) else table


def values(
    exports: Exports, *seasons: Season, ids: str = "pqrs", columns: Sequence[str] = ("B4",)
) -> dict[str, list[list[float]]]:
    """Features as lists, by country."""
    found = recipe.features(exports, seasons, pd.Series(list(ids)), columns=columns)
    return {points.country: points.values.tolist() for points in found}


def test_the_end_date_falls_out_since_texts_are_compared() -> None:
    rows = [("p", "2020-06-01 00:00:00", 1.0), ("p", "2020-06-10 23:59:59", 2.0)]
    without = values({"a": export(*rows)}, JUNE)
    assert values({"a": export(*rows, ("p", "2020-06-11 00:00:00", 9.0))}, JUNE) == without
    assert values({"a": export(*rows, ("p", "2020-06-11 00:00:00.001", 9.0))}, JUNE) == without
    # A date without a time is not after itself.
    assert values({"a": export(*rows, ("p", "2020-06-11", 9.0))}, JUNE)["a"][0][2] == 9.0


def test_all_countries_share_one_grid_and_values_are_held_outside_observations() -> None:
    exports = {
        "a": export(("p", "2020-06-01 08:00:00", 10.0), ("p", "2020-06-09 07:00:00", 50.0)),
        "b": export(("q", "2020-06-13 23:00:00", 7.0), ("q", "2020-06-21 01:00:00", 15.0)),
    }
    found = values(exports, JUNE, Season("b", "2020-06-01", "2020-07-01"))
    # Every fifth day from the 1st to the 21st.
    assert found == {"a": [[10, 35, 50, 50, 50]], "b": [[7, 7, 7, 10, 15]]}


def test_scene_classes_stand_behind_the_others_in_the_order_in_which_they_appear() -> None:
    exports = {
        "b": export(("q", "2020-06-02", 5.0), ("q", "2020-06-01", 5.0), scenes=[4, 11]),
        "a": export(("p", "2020-06-02", 3.0), ("p", "2020-06-01", 3.0), scenes=[8, 4]),
    }
    found = values(exports, JUNE, Season("b", "2020-06-01", "2020-06-11"), columns=["SCL", "B4"])
    # B4, then classes 8 and 4 of the first season's file, then 11: rows as they stand, not by date.
    assert found == {"a": [[3, 0, 1, 0]], "b": [[5, 0, 0, 1]]}


def test_a_missing_scene_class_is_a_column_of_zeros() -> None:
    rows = export(("p", "2020-06-01", 3.0), ("p", "2020-06-02", 3.0), scenes=[np.nan, 4])
    assert values({"a": rows}, JUNE, columns=["SCL"]) == {"a": [[0, 0]]}


def test_the_first_row_of_a_day_by_time_then_by_file_counts() -> None:
    rows = [
        ("p", "2020-06-01 09:00:00", 1.0),
        ("p", "2020-06-01 08:00:00", 2.0),
        ("p", "2020-06-01 08:00:00", 3.0),
    ]
    assert values({"a": export(*rows)}, JUNE) == {"a": [[2]]}


def test_a_missing_value_is_passed_over_in_its_column_and_still_takes_its_day() -> None:
    rows = [
        ("p", "2020-06-01 08:00:00", 1.0),
        ("p", "2020-06-06 08:00:00", np.nan),
        ("p", "2020-06-06 09:00:00", 99.0),
        ("p", "2020-06-09 08:00:00", 9.0),
    ]
    found = values({"a": export(*rows).assign(B8=2.0)}, JUNE, columns=["B4", "B8"])
    assert found == {"a": [[1, 2, 6, 2]]}


def test_points_are_sorted_and_strangers_decide_nothing() -> None:
    rows = [("q", "2020-06-03", 2.0), ("p", "2020-06-07", 1.0), ("z", "2020-06-01", 5.0)]
    exports = {"a": export(*rows, scenes=[4, 5, 8])}
    assert values(exports, JUNE, columns=["B4", "SCL"]) == {"a": [[1, 0, 1], [2, 1, 0]]}


def test_files_are_read_as_they_stand_and_put_one_after_the_other(
    study: Study, tmp_path: Path
) -> None:
    exports, seasons, _, _ = study
    paths: dict[str, Path | list[Path]] = {}
    for country, table in exports.items():
        paths[country] = tmp_path / f"{country}.csv"
        table.assign(B12=1).to_csv(tmp_path / f"{country}.csv", index=False)
    halves = [tmp_path / "first.csv", tmp_path / "second.csv"]
    exports["Iran"][:99].to_csv(halves[0], index=False)
    exports["Iran"][99:].to_csv(halves[1], index=False)
    read = read_exports(paths | {"Iran": halves})
    assert set(read["Sudan"]) == {"ID", "Timestamp", *COLUMNS}
    for found, expected in zip(
        recipe.features(read, seasons, known(study)),
        recipe.features(exports, seasons, known(study)),
        strict=True,
    ):
        np.testing.assert_array_equal(found.values, expected.values)


def test_timestamps_must_be_text() -> None:
    rows = export(("p", "2020-06-01", 1.0))
    rows["Timestamp"] = pd.to_datetime(rows["Timestamp"])
    with pytest.raises(DataError, match=r"export of a has Timestamp Timestamp\('2020-06-01 00:00"):
        values({"a": rows}, JUNE)


def test_a_season_without_rows_says_what_the_export_covers() -> None:
    rows = export(("p", "2019-01-02 08:00:00", 1.0), ("p", "2020-06-11 08:00:00", 1.0))
    message = "from 2020-06-01 to before 2020-06-11.*covers 2019-01-02 08:00:00 to 2020-06-11 08:00"
    with pytest.raises(DataError, match=message):
        values({"a": rows}, JUNE)


def test_a_point_belongs_to_one_country_and_a_country_has_one_season() -> None:
    rows = export(("p", "2020-06-02", 1.0))
    with pytest.raises(DataError, match="ID p is in the exports of a and b"):
        values({"a": rows, "b": rows}, JUNE, Season("b", JUNE.start, JUNE.end))
    with pytest.raises(DataError, match="expected an export and one season of a"):
        values({"a": rows}, JUNE, JUNE)
    with pytest.raises(DataError, match="exports are of b"):
        values({"b": rows}, JUNE)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ({"z": 0}, "0 and 1 among the points of a .* found no labelled point"),
        ({"p": 1, "q": 1, "z": 0}, "among the points of a .* found only 1"),
        ({"p": 1, "q": 2}, "Target .*2.* in line 3; write 1 for cropland"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(targets: dict[str, int], message: str) -> None:
    rows = export(*((point, "2020-06-02", 1.0) for point in "pqr"))
    labelled = pd.DataFrame({"ID": list(targets), "Target": list(targets.values())})
    with pytest.raises(DataError, match=message):
        recipe.predictions(
            {"a": rows}, [JUNE], labelled, pd.DataFrame({"ID": ["r"]}), columns=["B4"]
        )


def test_a_point_is_labelled_once() -> None:
    labelled = pd.DataFrame({"ID": ["p", "p"], "Target": [0, 1]})
    with pytest.raises(DataError, match="ID 'p' in line 3; keep each ID once"):
        recipe.predictions({}, [], labelled, labelled)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("20200601", "2020-06-30", "start must be a date like 2020-06-30, got '20200601'"),
        ("2020-06-01", "2020-06-31", "end must be a date"),
        ("2020-06-02", "2020-06-01", "season of a must not end"),
    ],
)
def test_a_season_is_two_dates_that_compare_as_texts(start: str, end: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Season("a", start, end)


def test_the_real_points_get_the_classes_of_plain_pandas(challenge: Path) -> None:
    seasons = [
        Season("Sudan", "2019-07-01", "2020-06-30"),
        Season("Afghanistan", "2021-04-01", "2022-04-30"),
        Season("Iran", "2019-07-01", "2020-06-30"),
    ]
    name = "COPERNICUS_S2_SR_HARMONIZED"
    paths = {s.country: challenge / f"{name}_{s.country}_{s.start}_{s.end}.csv" for s in seasons}
    labelled, unlabelled = (pd.read_csv(challenge / name) for name in ("Train.csv", "Test.csv"))
    columns = COLUMNS[:-1]  # there is no SCL
    exports = read_exports(paths, columns=columns)
    found = recipe.predictions(exports, seasons, labelled, unlabelled, columns=columns)
    plain = {country: pd.read_csv(path) for country, path in paths.items()}
    ids = pd.concat([labelled["ID"], unlabelled["ID"]])
    expected = literal_predictions(literal_features(plain, seasons, ids, columns), labelled)
    assert len(found) == 1800 and found["Target"].isna().sum() == 1
    assert dict(found.dropna().to_numpy()) == expected
