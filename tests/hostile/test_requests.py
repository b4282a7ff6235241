"""Requests: whatever JSON brings, a prediction or a line with status 400."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hostile.claims import BRIEFLY, TEXTS, check_line, quickly
from hypothesis import given
from hypothesis import strategies as st
from standins.toy_model import learnt, toy_archive

from cropland.models import serving
from cropland.models.serving import CroplandModel, RequestError

ROW = {"ID": "a", "Timestamp": "2020-06-01", "B4": 1000, "B8": 3000, "SCL": 4}
JSON = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**20), 10**20),
    st.floats(),
    TEXTS,
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
)


@pytest.fixture(scope="module")
def served(toy_points: pd.DataFrame, toy_rows: pd.DataFrame) -> CroplandModel:
    """What MLflow serves, without the server."""
    made = CroplandModel()
    made.fitted = learnt(toy_archive(toy_points, toy_rows), ("B4", "B8", "NDVI", "SCL"))
    return made


def answer(served: CroplandModel, rows: pd.DataFrame, **params: Any) -> pd.DataFrame | str:
    """The prediction, in JSON and back, or the line that says why there is none."""
    with quickly():
        try:
            table = served.predict(None, rows, params)
        except RequestError as error:
            said = json.loads(error.serialize_as_json())["message"]
            assert error.get_http_status_code() == 400
            check_line(said.removeprefix("INVALID_PARAMETER_VALUE: "))
            return str(said)
        json.dumps(table.to_dict("list"), allow_nan=False)
        return table


def rows(**changed: Any) -> pd.DataFrame:
    """A good row, and one with something changed."""
    return pd.DataFrame(
        {k: pd.Series([v, changed.get(k, v)], dtype=object) for k, v in ROW.items()}
    )


@BRIEFLY
@given(column=st.sampled_from([*ROW, "Lat", "Lon"]), value=JSON)
def test_whatever_a_cell_holds(served: CroplandModel, column: str, value: Any) -> None:
    sent = rows(**{column: value})
    if column not in ROW:
        sent[column] = pd.Series([1.0, value], dtype=object)
    said = answer(served, sent)
    if isinstance(said, str):
        assert column in said or "ID a has" in said
    else:
        assert said["ID"].tolist() == list(dict.fromkeys(["a", str(sent["ID"][1])]))
        assert said["label"].isin([0, 1, None]).all()


@BRIEFLY
@given(columns=st.dictionaries(st.one_of(st.sampled_from(list(ROW)), TEXTS), JSON, max_size=6))
def test_whatever_the_columns(served: CroplandModel, columns: dict[str, Any]) -> None:
    answer(served, pd.DataFrame({k: pd.Series([v], dtype=object) for k, v in columns.items()}))


@BRIEFLY
@given(end=JSON)
def test_whatever_the_season(served: CroplandModel, end: Any) -> None:
    answer(served, rows(), reference_end=end)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ID": "\ud800"}, "expected an ID of at most 200"),
        ({"ID": "a\0"}, "expected an ID of at most 200"),
        ({"ID": "a\nb"}, "expected an ID of at most 200"),
        ({"ID": "x" * 201}, "expected an ID of at most 200"),
        ({"Timestamp": "now"}, "Timestamp is 'now' in row 2"),
        ({"Timestamp": "today"}, "Timestamp is 'today' in row 2"),
        ({"Timestamp": "2020"}, "Timestamp is '2020' in row 2"),
        ({"Timestamp": 1577836800}, "Timestamp is '1577836800' in row 2"),
        ({"B4": True}, "B4 is 'True' in row 2; expected a number"),
        ({"B4": 10**400}, "expected a number"),
        ({"B4": "\ud800"}, "expected a number"),
        ({"B4": [1]}, "B4 is '[1]' in row 2"),
        ({"SCL": 12}, "expected a scene class, 0 to 11"),
        ({"SCL": 4242}, "SCL is '4242' in row 2; expected a scene class, 0 to 11"),
    ],
    ids=str,
)
def test_what_cannot_be_is_said(served: CroplandModel, changed: dict[str, Any], said: str) -> None:
    assert said in str(answer(served, rows(**changed)))


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([2**53, 2**53 + 1, 1.5], "ID is '1.5' in row 3"),
        ([1.0, 2.0, 3.0], "ID is '1.0' in row 1 and 2 more"),
        (["a", 1.0, 2], "ID is '1.0' in row 2"),
        (["a", True, 1], "ID is 'True' in row 2"),
        ([True, False, True], "ID is 'True' in row 1 and 2 more"),
        (["a", "b", ["c"]], r"""ID is "['c']" in row 3"""),
        (["a", {"b": 1}, "c"], """ID is "{'b': 1}" in row 2"""),
    ],
    ids=str,
)
def test_an_id_is_a_text_or_a_whole_number(
    served: CroplandModel, ids: list[Any], said: str
) -> None:
    sent = pd.DataFrame([{**ROW, "ID": name} for name in ids])
    assert f"{said}; expected a text or a whole number" in str(answer(served, sent))


@pytest.mark.parametrize("ids", [[2**53, 2**53 + 1, 2**63], [1, "1a", 2**70], [1, 2, -3]], ids=str)
def test_whole_numbers_are_ids(served: CroplandModel, ids: list[Any]) -> None:
    said = answer(served, pd.DataFrame([{**ROW, "ID": name} for name in ids]))
    assert isinstance(said, pd.DataFrame) and said["ID"].tolist() == [str(name) for name in ids]


def test_whole_numbers_beside_an_empty_id_are_not_blamed(served: CroplandModel) -> None:
    sent = pd.DataFrame([{**ROW, "ID": name} for name in (1, None, 3)])
    assert "ID is empty in row 2; expected the ID of a point" in str(answer(served, sent))


@pytest.mark.parametrize(
    "name", ["../../x", "/etc/passwd", "=cmd()", "[red]", "🌾", "\u202ea", "CON", "nan"]
)
def test_an_id_comes_back_as_it_was_sent(served: CroplandModel, name: str) -> None:
    said = answer(served, rows(ID=name))
    assert isinstance(said, pd.DataFrame) and said["ID"].tolist() == ["a", name]


@pytest.mark.parametrize("moment", ["0001-01-01", "1900-01-01", "2100-01-01", "9999-12-31"])
def test_a_moment_far_away_is_one_that_is_not_looked_at(served: CroplandModel, moment: str) -> None:
    said = answer(served, rows(Timestamp=moment))
    assert isinstance(said, pd.DataFrame) and said["n_observations"].tolist() == [1]


@pytest.mark.parametrize("end", [5, True, [], {}, "x", "2020-12-31T00:00", "\ud800"], ids=str)
def test_a_season_that_is_none_is_said(served: CroplandModel, end: Any) -> None:
    assert "reference_end must be a date" in str(answer(served, rows(), reference_end=end))
    assert "leaves the calendar" in str(answer(served, rows(), reference_end="0001-01-01"))


def test_a_request_of_too_many_rows_is_sent_in_parts(
    served: CroplandModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving, "MOST_ROWS", 1)
    assert "has 2 rows, expected at most 1; send it in parts" in str(answer(served, rows()))


def test_a_column_that_is_there_twice_is_said(served: CroplandModel) -> None:
    twice = pd.DataFrame([[*ROW.values(), 5]], columns=[*ROW, "B4"])
    assert "the column B4 more than once" in str(answer(served, twice))


def test_a_hundred_thousand_columns_are_left_aside(served: CroplandModel) -> None:
    wide = pd.DataFrame(np.zeros((1, 100_000)), columns=[f"c{n}" for n in range(100_000)])
    assert isinstance(answer(served, wide.assign(**ROW)), pd.DataFrame)
    assert "the observations lack ID" in str(answer(served, wide))
