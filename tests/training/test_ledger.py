from __future__ import annotations

import doctest
import io
import json
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from cropland.errors import CroplandError
from cropland.training import ledger as progress
from cropland.training.ledger import Ledger, Watch
from cropland.training.outcome import Outcome


def outcome(span: int = 12, status: Any = "finished", **found: Any) -> Outcome:
    return Outcome(
        country="iran",
        span=span,
        period=0,
        bands="ndvi",
        series="raw",
        features="flat",
        model="forest",
        training="own",
        validation="kfold",
        window_end="2020-06-30",
        uses_future=False,
        status=status,
        **found,
    )


def test_the_examples_of_the_docstrings_hold() -> None:
    assert doctest.testmod(progress).failed == 0


def test_a_ledger_gives_back_what_was_written(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "run")
    assert ledger.read() == []
    written = [outcome(4, accuracy=0.5, message="a\nb"), outcome(8, "failed")]
    for each in written:
        ledger.append(each)
    first, second = ledger.read()
    assert first == Outcome(**json.loads(json.dumps(vars(written[0])))) or math.isnan(
        first.accuracy_se
    )
    assert (first.accuracy, first.message, second.status) == (0.5, "a\nb", "failed")


def test_lines_of_many_writers_stay_whole(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda span: Ledger(tmp_path).append(outcome(span)), range(200)))
    assert sorted(each.span for each in Ledger(tmp_path).read()) == list(range(200))


def test_a_file_system_without_locks_is_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr("fcntl.flock", flock)
    Ledger(tmp_path).append(outcome(4))
    assert [each.span for each in Ledger(tmp_path).read()] == [4]


def test_a_line_that_has_no_room_leaves_none_by_halves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger = Ledger(tmp_path)
    ledger.append(outcome(4))
    before = ledger.path.read_bytes()

    class Full(io.FileIO):
        def write(self, line: Any) -> int:
            if len(line) < 100:
                raise OSError(28, "No space left on device")
            return super().write(line[:-50])

    with monkeypatch.context() as patched, pytest.raises(CroplandError, match="No space left"):
        patched.setattr(Path, "open", lambda path, *_, **__: Full(path, "ab"))
        ledger.append(outcome(8))
    assert ledger.path.read_bytes() == before
    ledger.append(outcome(12))
    assert [each.span for each in ledger.read()] == [4, 12]


def test_a_watch_of_a_damaged_ledger_ends_with_its_error(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.path.write_text("{}\n")
    with (
        pytest.raises(CroplandError, match="has a line that is damaged"),
        Watch(ledger, 1, Console(file=io.StringIO())) as watch,
    ):
        watch._thread.join(10)


def test_a_line_that_is_half_written_is_left_for_later(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.append(outcome())
    with ledger.path.open("a") as stream:
        stream.write('{"country": "ir')
    assert len(ledger.read()) == 1


def test_what_is_skipped_or_failed_is_named_and_a_note_is_said_once(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    said = io.StringIO()
    with Watch(ledger, 4, Console(file=said, width=200, force_terminal=False)):
        ledger.append(outcome(4, message="1 points have no observation"))
        ledger.append(outcome(8, message="1 points have no observation"))
        ledger.append(outcome(12, "outside", message="window [x] is outside"))
        ledger.append(outcome(16, "failed", message="ValueError: no"))
    text = said.getvalue()
    assert text.count("no observation") == 1
    assert "skipped iran span=12 period=0 bands=ndvi: window [x] is outside" in text
    assert "failed iran span=16 period=0 bands=ndvi: ValueError: no" in text


def test_what_is_already_there_is_counted_in_one_line(tmp_path: Path) -> None:
    ledger, said = Ledger(tmp_path), io.StringIO()
    ledger.begin(outcome(span, "already there") for span in (4, 8, 12))
    with Watch(ledger, 4, Console(file=said, width=200, force_terminal=False)):
        ledger.append(outcome(16))
    line = "3 of 4 candidates are already there: skipped; force=true runs them again\n"
    assert said.getvalue() == line
    with Watch(ledger, None, Console(file=(said := io.StringIO()), width=200), per_trial=1):
        ledger.append(outcome(20, "already there"))
    assert "\n1 candidate is already there: skipped" in said.getvalue()


def test_what_a_sweep_varies_is_in_its_messages(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    said = io.StringIO()
    varied = ["bands", "model", "features.statistics"]
    with Watch(ledger, 1, Console(file=said, width=200, force_terminal=False), varied):
        ledger.append(outcome(4, "failed", message="no", settings={"features.statistics": "[min]"}))
    assert (
        "failed iran span=4 period=0 bands=ndvi model=forest statistics=[min]: no"
        in said.getvalue()
    )


def test_a_ledger_of_before_settings_is_read(tmp_path: Path) -> None:
    values = vars(outcome()) | {"message": "an old one"}
    del values["settings"]
    (tmp_path / "outcomes.jsonl").write_text(json.dumps(values) + "\n")
    (found,) = Ledger(tmp_path).read()
    assert (found.message, dict(found.settings)) == ("an old one", {})


def test_the_key_of_an_outcome_outlives_its_ledger(tmp_path: Path) -> None:
    settings = {
        "model.max_depth": None,
        "model.C": 0.5,
        "series.clear": True,
        "bands.names": "[B4]",
    }
    written = outcome(settings=settings)
    Ledger(tmp_path).append(written)
    (found,) = Ledger(tmp_path).read()
    assert found.key == written.key != outcome(settings=settings | {"model.C": 1.0}).key
