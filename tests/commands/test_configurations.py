"""Configurations that come back: what runs keep of theirs, and saved ones that run as they are."""

from __future__ import annotations

from pathlib import Path

import yaml
from standins.runs import artifacts, candidates, runs
from standins.shell import Shell, refusal, screen

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
    assert "model is a group, and this configuration holds the values of one of its files" in line


def test_what_cfg_shows_runs_as_it_is(shell: Shell) -> None:
    shown = shell.run("--cfg", "job", *shell.toy, *SMALL)
    assert shown.returncode == 0, shown.stderr
    (shell.folder / "mine.yaml").write_text(shown.stdout)
    mine = ("--config-dir", ".", "--config-name", "mine")
    assert "candidates: 1 finished" in screen(shell.run(*mine))
    (folder,) = sweeps(shell)
    assert yaml.safe_load((folder / "config.yaml").read_text()) == yaml.safe_load(shown.stdout)
    assert "candidates: 1 already there, 1 finished" in screen(
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
