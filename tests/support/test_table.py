"""Tables are whole on terminals of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from cropland.support import terminal
from cropland.support.table import MarkdownText, Table

NAME = "sudan 72w +0m visible_nir_ndvi forest"
TABLE = Table(
    ["country", "points", "accuracy ± s.e.", "95 %", "window end", "name"],
    [
        ["iran", "500", "0.962 ± 0.009", "0.962 (0.942…0.979)", "2020-06-30 (+0 months)", NAME],
        ["sudan", "500", "0.9 ± 0.010", "–", "2020-06-30 (-3 months)", "[red]x[/]"],
    ],
    title="Best",
    settings=("points", "window end"),
)


def printed(what: object, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(what)
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("width", [35, 60, 80, 200])
def test_a_table_fits_and_cuts_no_word_date_or_number(width: int) -> None:
    text = printed(TABLE, width)
    assert all(len(line.rstrip()) <= width for line in text.splitlines())
    whole = ("0.962 ± 0.009", "(0.942…0.979)", "2020-06-30", "visible_nir_ndvi", "[red]x[/]")
    assert all(part in text for part in whole)
    assert "\nall: points 500\n" in text


def test_names_wrap_at_blanks_and_numbers_stand_at_the_right() -> None:
    lines = printed(TABLE, 80).splitlines()
    assert lines[0].strip() == "Best"
    first = next(line for line in lines if line.startswith("iran"))
    assert first.index("0.962 ± 0.009") + 2 == next(
        line.index("0.9 ± 0.010") for line in lines if line.startswith("sudan")
    )
    assert not any("visible_nir_ndvi forest" in line for line in lines)
    assert NAME in printed(TABLE, 200)


def test_too_narrow_a_terminal_shows_records() -> None:
    lines = printed(Table(["country", "score"], [["iran", "0.962 ± 0.009"]]), 18).splitlines()
    assert [line.rstrip() for line in lines] == ["iran", "  score:", "  0.962 ± 0.009"]


def test_tables_of_markdown_fit_too() -> None:
    text = printed(MarkdownText("**Which?**\n\n| a | b |\n| --- | --- |\n| 1 | x y |\n"), 10)
    assert "Which?" in text and "x y" in text and "**" not in text


@pytest.mark.parametrize(("columns", "width"), [("60", 60), ("", 100), ("x", 100)])
def test_a_pipe_is_as_wide_as_columns_says(
    monkeypatch: pytest.MonkeyPatch, columns: str, width: int
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    assert terminal.tables().width == width
