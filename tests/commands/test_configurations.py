"""Configurations that come back: what runs keep of theirs, and saved ones that run as they are."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import yaml
from standins.runs import artifacts, candidates, runs
from standins.shell import Shell, refusal, screen
from standins.toyland import TOYLAND

SMALL = ("span=12", "bands=ndvi")


def sweeps(shell: Shell) -> list[Path]:
    """Return the artifacts of parent runs, the newest first."""
    found = runs(shell.database)
    return [artifacts(run) for run in found if "mlflow.parentRunId" not in run.data.tags]


def test_a_sweep_keeps_what_was_composed_and_what_was_typed(shell: Shell) -> None:
    screen(shell.run("-m", *shell.toy, *SMALL, "seed=3,4"))
    (folder,) = sweeps(shell)
    assert yaml.safe_load((folder / "overrides.yaml").read_text()) == [
        *(word.replace("model.", "model.estimator.") for word in shell.toy),
        *(*SMALL, "seed=3,4"),
        *("hydra.launcher.from_jobs=10000", "hydra.mode=MULTIRUN"),
    ]
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert (config["span"], config["seed"]) == (12, 2023)
    assert config["country"]["name"] == "toyland"
    assert "hydra" not in config


def test_a_candidate_s_configuration_runs_as_it_is(shell: Shell) -> None:
    screen(shell.run(*shell.toy, *SMALL, "model.max_depth=3"))
    (run,) = candidates(shell.database)
    again = ("--config-dir", str(artifacts(run)), "--config-name", "config")
    said = screen(shell.run(*again))
    assert "candidates: 1 already there" in said
    said = screen(shell.run(*again, "-m", "span=12,24"))
    assert "candidates: 1 already there, 1 finished" in said
    assert len(candidates(shell.database)) == 2
    line = refusal(shell.run(*again, "model=svm"))
    assert "model is a group of which this configuration chooses no file" in line


def test_what_cfg_shows_runs_as_it_is(shell: Shell) -> None:
    shown = shell.run("--cfg", "job", *shell.toy, *SMALL)
    assert shown.returncode == 0, shown.stderr
    (shell.folder / "mine.yaml").write_text(shown.stdout)
    mine = ("--config-dir", ".", "--config-name", "mine")
    assert "candidates: 1 finished" in screen(shell.run(*mine))
    (folder,) = sweeps(shell)
    assert yaml.safe_load((folder / "config.yaml").read_text()) == yaml.safe_load(shown.stdout)
    assert "candidates: 1 finished, 1 already there" in screen(
        shell.run(*mine, "-m", "seed=1,2023")
    )
    assert len(list(shell.folder.glob("mlruns/runs/*/outcomes.jsonl"))) == 2
    assert not (shell.folder / "outputs").exists()


def test_a_configuration_without_what_tracks_jobs_is_refused(shell: Shell) -> None:
    shown = shell.run("--cfg", "job", *shell.toy)
    (shell.folder / "mine.yaml").write_text(f"defaults: [_self_]\n{shown.stdout}")
    line = refusal(shell.run("--config-dir", ".", "--config-name", "mine", "hydra/launcher=basic"))
    assert "mine has a list of defaults without what tracks jobs; begin it with" in line
    assert candidates(shell.database) == []


def test_a_candidate_is_made_again_to_its_identity(shell: Shell) -> None:
    screen(shell.run(*shell.toy, *SMALL, "model.max_depth=3", "force=true"))
    (run,) = candidates(shell.database)
    id_ = run.info.run_id
    elsewhere = replace(shell, country=replace(TOYLAND, name="farland", title="Farland"))
    (shell.folder / "conf" / "country" / "toyland.yaml").unlink()
    said = screen(elsewhere.run(f"run={id_[:9]}"))
    assert "candidates: 1 already there" in said and "this is not run" not in said
    shown = screen(elsewhere.run(f"run={id_}", "--cfg", "job"))
    assert "max_depth: 3" in shown and "name: toyland" in shown and "force: false" in shown
    said = screen(elsewhere.run("-m", f"run={id_}", "span=12,24", "model=knn"))
    assert f"this is not run {id_[:8]} again: model knn (was forest)" in said
    assert "candidates: 2 finished" in said
    forced = screen(elsewhere.run(f"run={id_}", "force=true"))
    assert "candidates: 1 finished" in forced
    identities = [each.data.tags["identity"] for each in candidates(shell.database)]
    assert len(identities) == 4 and identities.count(run.data.tags["identity"]) == 2


def test_a_sweep_is_made_again_by_its_words(shell: Shell) -> None:
    screen(shell.run("-m", *shell.toy, "span=12,24", "bands=ndvi"))
    (parent,) = [run for run in runs(shell.database) if "command" in run.data.tags]
    said = screen(shell.run(f"run={parent.info.run_id[:8]}"))
    assert "candidates: 2 already there" in said
    said = screen(shell.run(f"run={parent.info.run_id}", "bands=ndvi,green_nir", "span=12"))
    assert "candidates: 1 already there, 1 finished" in said


def test_a_run_that_is_not_there_is_one_line(shell: Shell) -> None:
    line = refusal(shell.run("run=0123456789"))
    assert line == (
        "cropland: run 0123456789 is not in sqlite:///mlruns/mlflow.db; give tracking.uri=… of the store "
        "that has it"
    )
