from __future__ import annotations

import doctest
import re
from datetime import date, timedelta
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

import cropland
from cropland.config.countries import Country, Reference
from cropland.errors import ConfigError, WindowError
from cropland.features import window
from cropland.features.window import Window
from cropland.observations import archive

YEAR = Reference("2019-07-01", "2020-06-30")
MONTH = Reference("2022-04-01", "2022-04-30")


def test_the_examples_of_the_docstrings_hold(toyland: Country) -> None:
    names = {"cropland": cropland, "toyland": toyland}
    assert doctest.testmod(window, extraglobs=names).failed == 0


@pytest.mark.parametrize(
    ("reference", "period", "first", "last", "future"),
    [
        (YEAR, 9, "2019-05-29", "2021-03-31", True),
        (MONTH, 12, "2021-06-27", "2023-04-30", True),
        (YEAR, 0, "2018-08-28", "2020-06-30", False),
    ],
    ids=["Sudan", "Afghanistan", "Iran"],
)
def test_the_windows_of_the_original_study(
    reference: Reference, period: int, first: str, last: str, future: bool
) -> None:
    found = Window.of(reference, 96, period)
    assert (found.first.isoformat(), found.last.isoformat()) == (first, last)
    assert found.uses_future is future


def test_a_window_may_end_on_a_date() -> None:
    assert Window.of(YEAR, 4, "2020-02-29").first == date(2020, 2, 1)


@given(day=st.dates(date(1990, 1, 1), date(2060, 1, 1)), months=st.integers(-300, 300))
def test_months_are_counted_by_the_calendar(day: date, months: int) -> None:
    moved = window.months_after(day, months)
    assert (moved.year * 12 + moved.month) - (day.year * 12 + day.month) == months
    assert moved.day <= max(day.day, 31) and abs(moved.day - day.day) <= 3


def test_a_window_that_leaves_the_calendar_is_answered() -> None:
    with pytest.raises(ConfigError, match="leaves the calendar"):
        Window.of(YEAR, 10**6, 0)
    with pytest.raises(ConfigError, match="leaves the calendar"):
        Window.of(YEAR, 4, 10**6)


def test_a_window_outside_its_archive_is_answered_with_both_ranges(
    toy_archive: archive.Archive,
) -> None:
    year = Reference("2020-01-01", "2020-12-31")
    Window.of(year, 104, 0).check_inside(toy_archive)
    message = r"window 2018-12-26 … 2020-12-30 .* \(2019-01-01 … 2020-12-31\)"
    with pytest.raises(WindowError, match=message):
        Window.of(year, 105, "2020-12-30").check_inside(toy_archive)
    with pytest.raises(WindowError):
        Window.of(year, 4, 1).check_inside(toy_archive)


@pytest.mark.parametrize("reference", [YEAR, MONTH], ids=["Iran, Sudan", "Afghanistan"])
def test_the_windows_of_the_search_lie_inside_an_archive_with_a_year_beside_the_season(
    reference: Reference,
) -> None:
    path = Path(__file__).parents[2] / "conf" / "hparams_search" / "window_and_model.yaml"
    params = yaml.safe_load(path.read_text())["hydra"]["sweeper"]["params"]
    spans, periods = (
        range(*map(int, re.findall(r"\d+", params[key]))) for key in ("span", "period")
    )
    windows = [Window.of(reference, span, period) for span in spans for period in periods]
    assert len(windows) == 143
    year = timedelta(days=365)
    assert min(found.first for found in windows) >= date.fromisoformat(reference.start) - year
    assert max(found.last for found in windows) <= reference.last + year
