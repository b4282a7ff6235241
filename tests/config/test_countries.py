from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from cropland.config import countries
from cropland.config.countries import Choice
from cropland.errors import ConfigError

IRAN: dict[str, Any] = {
    "name": "iran",
    "title": "Iran",
    "box": {"south": 32.0, "north": 32.5, "west": 48.1, "east": 48.6},
    "reference": {"start": "2019-07-01", "end": "2020-06-30"},
}


def test_a_country_is_what_its_file_says() -> None:
    made = countries.country(IRAN | {"chosen": {"span": 96, "period": 9}})
    assert made.reference.last == date(2020, 6, 30)
    assert str(made.box) == "lat 32.0…32.5, lon 48.1…48.6"
    assert made.chosen == Choice(96, 9)
    assert countries.country(IRAN).chosen is None


def test_windows_of_single_countries_are_filled() -> None:
    asked = {"iran": {"span": 96, "period": 0}, "sudan": {"span": 4, "period": "2021-03-31"}}
    assert countries.choices(asked) == {"iran": Choice(96, 0), "sudan": Choice(4, "2021-03-31")}


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ({"span": 9, "peroid": 0}, "unknown key 'windows.iran.peroid'; did you mean 'windows.iran"),
        ({"span": 9}, "windows.iran.period has no value"),
        ({"span": 0, "period": 0}, "span must be a whole number of weeks, 1 or more, got 0"),
        ({"span": "9", "period": 0}, "windows.iran.span must be a whole number, got '9'"),
        ({"span": 9, "period": "0"}, "must be a date like 2020-06-30, got '0'"),
        ({"span": 9, "period": 1.5}, "windows.iran.period"),
        (9, "windows.iran"),
    ],
)
def test_a_window_that_is_none_is_answered_in_one_line(window: Any, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        countries.choices({"iran": window})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
