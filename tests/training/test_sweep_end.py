"""What a sweep says last."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from cropland.config import filling
from cropland.config.groups import Configuration, Validation
from cropland.tracking import opening
from cropland.tracking.sqlite_file import LOCAL
from cropland.training.sweep_end import _countries, _folds, abandon, where


@pytest.mark.parametrize(
    ("validation", "seed", "words"),
    [
        (Validation("kfold", 5), 2023, []),
        (Validation("kfold", 2), 2023, ["validation=kfold", "validation.folds=2", "seed=2023"]),
        (Validation("kfold", 5), 7, ["validation=kfold", "validation.folds=5", "seed=7"]),
        (
            Validation("blocks", 5, block_km=2.5),
            2023,
            ["validation=blocks", "validation.folds=5", "validation.block_km=2.5", "seed=2023"],
        ),
    ],
)
def test_the_next_command_names_the_folds_that_were_scored_by(
    composed: Callable[..., dict[str, Any]], validation: Validation, seed: int, words: list[str]
) -> None:
    chosen = replace(filling.command(Configuration, composed()), validation=validation, seed=seed)
    assert _folds(chosen) == words


@pytest.mark.parametrize(
    ("finished", "line"),
    [(1, "1 candidate finished in this run is kept"), (2, "2 candidates finished in this run are")],
)
def test_a_sweep_that_is_stopped_counts_what_it_has(
    monkeypatch: pytest.MonkeyPatch, finished: int, line: str
) -> None:
    monkeypatch.setattr(opening, "check_answers", lambda uri: None)
    said: list[str] = []
    session: Any = MagicMock()
    session.console.print = said.append
    session.ledger.read.return_value = [SimpleNamespace(status="finished")] * finished
    abandon(session, "interrupted")
    assert said[0].startswith(f"interrupted; {line}")


@pytest.mark.parametrize(
    ("option", "words", "expected"),
    [
        ([], ["span=22,23"], []),
        ([], ["country=all"], ["country=all"]),
        (["--config-name", "saved"], ["span=22,23"], None),
        ([], ["run=01234567", "span=22,23"], None),
        ([], ["experiment=mine", "paths.data=/x"], None),
    ],
)
def test_the_next_command_has_what_a_file_has_chosen(
    composed: Callable[..., dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    option: list[str],
    words: list[str],
    expected: list[str] | None,
) -> None:
    monkeypatch.setattr("sys.argv", ["cropland train", *option])
    chosen = filling.command(Configuration, composed(paths__data="/x", source__points=30))
    tracking = replace(chosen.tracking, uri=LOCAL, experiment="mine", moved=True)
    of_iran = SimpleNamespace(country=SimpleNamespace(name="iran"))
    session: Any = SimpleNamespace(
        words=words,
        candidates=[of_iran, of_iran],
        configuration=replace(chosen, tracking=tracking),
    )
    if expected is None:
        expected = ["paths.data=/x", "source.points=30", "tracking.experiment=mine", "country=iran"]
    found = [*where(session), *_countries(session)]
    assert sorted(found) == sorted(expected)
