"""Columns of tables that users wrote."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cropland.support import columns


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (["a", "b", "c"], columns.BadValue("'b'", 1, " and 1 more")),
        (["a", None, "c"], columns.BadValue("empty", 1, " and 1 more")),
        ([1, 2, 3], columns.BadValue("'2'", 1, " and 1 more")),
        ([0.5, np.nan, 1.5], columns.BadValue("empty", 1, " and 1 more")),
        (["a", "\ud800", "c"], columns.BadValue(r"'\x00'", 1, " and 1 more")),
    ],
)
def test_the_first_bad_value_is_shown_with_its_row(
    values: list[object], expected: columns.BadValue
) -> None:
    bad = [False, True, True]
    assert columns.first_bad(pd.Series(values, dtype=object), bad) == expected


def test_a_bad_value_alone_is_followed_by_none_and_good_columns_have_none() -> None:
    column = pd.Series(["a", "b"], index=[7, 9])
    bad = columns.first_bad(column, column == "b")
    assert bad is not None
    assert (bad.row, bad.more) == (1, "")
    assert columns.first_bad(column, column == "c") is None


def test_text_stays_as_it_is_and_what_is_missing_becomes_nan() -> None:
    column = pd.Series(["a", None, "7"], index=[3, 5, 7], name="site", dtype="str")
    text = columns.as_text(column)
    assert text.tolist() == ["a", "nan", "7"]
    assert (text.index.tolist(), text.name) == ([3, 5, 7], "site")
    assert columns.as_text(pd.Series([True, 7, 7.5], dtype=object)).tolist() == ["True", "7", "7.5"]
