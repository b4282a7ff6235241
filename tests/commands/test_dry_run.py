"""``dry_run=true``: the plan is printed, the checks are those of the command, nothing is written."""

from __future__ import annotations

import hashlib
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from standins.shell import Shell, refusal, screen

from cropland.commands import dry_run
from cropland.commands.estimates import size, time_of
from cropland.tracking.records import TrackedRun
from cropland.tracking.store import Store

SWEEP = ("-m", "span=12,24,36", "bands=ndvi", "model=knn", "validation.folds=3", "n_jobs=1")
SMALL = ("country=iran", "box=[48.300,32.200,48.304,32.2037]", "chunk=16")


def written(folder: Path) -> dict[str, str]:
    """Every file of a folder with a hash of it; of a database with one of its rows."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.name.endswith(("-shm", "-wal")) or "conf" in path.parts:
            continue
        if path.suffix == ".db":
            with closing(sqlite3.connect(path)) as database:
                content = "\n".join(database.iterdump()).encode()
        else:
            content = path.read_bytes() if path.is_file() else b""
        found[str(path.relative_to(folder))] = hashlib.md5(content).hexdigest()
    return found


def planned(shell: Shell, *words: str, script: str = "train") -> str:
    """The plan of a command, which has written nothing."""
    before = written(shell.folder)
    text = screen(shell.run(*words, "dry_run=true", script=script))
    assert written(shell.folder) == before
    assert "dry run: nothing is written\n" in text
    return text


def test_a_sweep_in_a_new_folder_has_no_time_yet(shell: Shell) -> None:
    text = planned(shell, *shell.here, *SWEEP)
    assert "3 candidates of toyland: 3 would be scored\n" in text
    assert re.search(r"toyland: 80 points, .*; its archive would be made first, \d+ kB\n", text)
    assert "time, disk: unknown, no candidate of these countries and models has finished" in text


def test_a_sweep_counts_what_is_scored_already_and_takes_times_of_runs(mine: Shell) -> None:
    text = planned(mine, *mine.here, *SWEEP, "promote=true")
    assert "3 candidates of toyland: 1 would be scored, 2 scored already" in text
    assert re.search(
        r"time: about \d+ s of computing, which workers share \(medians of 3 fin", text
    )
    assert re.search(r"disk: about [\d.]+ kB of runs \([\d.]+ kB each\)\n", text)
    assert "then: the best candidate of each country is promoted" in text
    assert "1 candidate of toyland: 0 would be scored" in planned(
        mine, *mine.here, *SWEEP[2:], "span=12"
    )


@pytest.mark.parametrize(
    ("words", "script"),
    [
        (["span=abc"], "train"),
        (["span=500"], "train"),
        (["bands=scl", "model.n_neighbors=x"], "train"),
        (["-m", "span=12,24", "study=bands", "study.by=[x]"], "train"),
        (["seed=7"], "promote"),
        (["validation=nested"], "promote"),
        ([], "predict"),
        (["points=x.csv"], "predict"),
        (["box=[1,2,3,4]"], "map"),
    ],
)
def test_a_refusal_is_that_of_the_command(mine: Shell, words: list[str], script: str) -> None:
    words = [*(mine.here if script != "map" else ["country=iran"]), *words]
    before = written(mine.folder)
    planned_refusal = refusal(mine.run(*words, "dry_run=true", script=script))
    assert written(mine.folder) == before
    assert planned_refusal == refusal(mine.run(*words, script=script))


def test_a_promotion_names_candidates_and_champion(mine: Shell) -> None:
    text = planned(mine, *mine.here, "validation.folds=3", script="promote")
    assert re.search(r"toyland: 2 candidates, the best toyland (12|24)w .* \(0\.\d+\)", text)
    assert (
        "rule best: 2 finalists, scored again in 5 repeats; cropland-toyland: no champion yet"
        in text
    )
    assert "time: unknown, no promotion has finished in this experiment yet" in text


def test_predictions_and_maps_name_versions_points_tiles_and_files(
    iran: Shell, tmp_path: Path
) -> None:
    home = iran.copy(tmp_path / "home")
    text = planned(home, "country=iran", "source.points=100", script="predict")
    assert "iran: 100 points by cropland-simulated-iran version 1\n" in text
    assert "files: predictions.csv (about 10 kB); and one run in MLflow\n" in text
    text = planned(home, *SMALL, script="map")
    assert re.search(r"grid: [\d,]+ pixels of 10 m in 9 tiles", text)
    assert "no map of this country has finished yet" in text
    assert re.search(r"files: \d+ files in maps/iran, as class.tif", text)
    assert "champion is version 1" in planned(
        home, "country=iran", "source.points=100", "validation.folds=2", script="promote"
    )
    assert not (home.folder / "maps").exists()


def test_times_are_medians_of_finished_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    class Runs(Store):
        def seconds_of(self, condition: str) -> list[float]:
            known = {"map": [8.0, 10.0, 30.0], "prediction": [0.2, 0.4]}
            return next((known[kind] for kind in known if f"'{kind}'" in condition), [])

    store = Runs(None, "1", "cropland")  # type: ignore[arg-type]
    assert time_of(store, "map", 3) == "time: about 30 s (finished runs took 10 s, median of 3)"
    assert (
        time_of(store, "prediction")
        == "time: under 1 s after the start (median of 2 finished runs)"
    )
    assert time_of(store, "promotion").startswith("time: unknown, no promotion has finished")
    assert (size(0), size(1500), size(2.5e9)) == ("0 bytes", "1.5 kB", "2.5 GB")


def test_the_time_of_a_pixel_is_of_one_run_and_its_own_pixels() -> None:
    def run(seconds: float | None, pixels: float) -> TrackedRun:
        return TrackedRun("1", "map", {}, {}, {"n_pixels": pixels}, "", seconds)

    class Maps(Store):
        def newest_finished(self, condition: str, most: int = 50) -> list[TrackedRun]:
            return [run(None, 500), run(100.0, 1000), run(30.0, 0), run(8.0, 40)]

    store = Maps(None, "1", "cropland")  # type: ignore[arg-type]
    assert dry_run.seconds_per_pixel(store, "iran", "simulated") == [0.1, 0.2]


def test_dry_run_is_one_value_and_not_of_every_command(shell: Shell) -> None:
    assert "dry_run cannot be swept; give it one value" in refusal(
        shell.run("-m", "dry_run=true,false")
    )
    line = refusal(shell.run("map=x", "dry_run=true", script="assess"))
    assert "unknown key 'dry_run'" in line
