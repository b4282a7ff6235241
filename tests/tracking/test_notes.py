from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from mlflow import MlflowClient

from cropland.tracking import experiments, notes
from cropland.tracking.notes import Champion

IRAN = Champion(
    "south_iran", "cropland-south_iran", "3", 0.9434, date(2026, 11, 28), "South iran, 72 weeks"
)


def test_champions_come_first_each_with_a_link_to_its_version() -> None:
    first, listed, *_ = notes.of_experiment([IRAN], simulated=True).split("\n\n")
    assert first == (
        "**Champions** (bias-corrected accuracy): "
        "[South Iran 0.943](#/models/cropland-south_iran/versions/3). "
        "**Simulated data: not valid for any real country.**"
    )
    assert listed == (
        "- [`cropland-south_iran` version 3](#/models/cropland-south_iran/versions/3), 2026-11-28. "
        "South iran, 72 weeks"
    )
    assert notes.of_experiment([], simulated=False).startswith(
        "No champion is listed yet: `cropland promote`"
    )


def test_the_champions_of_many_countries_fit_the_description() -> None:
    many = [replace(IRAN, country=f"c{number}", summary="x" * 180) for number in range(60)]
    first, listed, *_ = (note := notes.of_experiment(many, simulated=False)).split("\n\n")
    assert first.endswith(" · 52 others below.") and first.count("](#") == 8
    assert listed.endswith("- [48 others in the model registry](#/models)")
    assert len(note) < 5000  # what older databases keep of it


def test_a_description_is_kept_current_unless_a_user_has_written_one(
    tmp_path: Path, empty_store: Path
) -> None:
    shutil.copy(empty_store, tmp_path / "m.db")
    client = MlflowClient(f"sqlite:///{tmp_path}/m.db")
    number = client.create_experiment("cropland", tags=notes.tags(experiments.note_of("cropland")))

    def description() -> str:
        return client.get_experiment(number).tags["mlflow.note.content"]

    for champion in (IRAN, replace(IRAN, version="4")):
        experiments.describe(client, "cropland", [champion])
        assert champion.page in description()
    client.set_experiment_tag(number, "mlflow.note.content", "Ask Ada.")
    experiments.describe(client, "cropland", [IRAN])
    assert description() == "Ask Ada."


@pytest.mark.parametrize(
    ("line", "spaced"),
    [
        ("| a b | c |", "| a b&emsp; | c&emsp; |"),
        ("| 2020-06-30 | 1 ± 2 |", "| 2020\u201106\u201130&emsp; | 1&nbsp;±&nbsp;2&emsp; |"),
        ("| 48 weeks | 95 % |", "| 48&nbsp;weeks&emsp; | 95&nbsp;%&emsp; |"),
        ("| (0.94…0.97) |", "| (0.94\u2060…\u20600.97)&emsp; |"),
        ("| `a 2020-06-30` | b |", "| `a 2020-06-30`&emsp; | b&emsp; |"),
        ("| a |  | c |", "| a&emsp; |  | c&emsp; |"),
        ("| --- | ---: |", "| --- | ---: |"),
        ("text | of a line |", "text | of a line |"),
    ],
)
def test_columns_of_a_table_have_space_between_them(line: str, spaced: str) -> None:
    assert notes.spaced(line) == spaced
