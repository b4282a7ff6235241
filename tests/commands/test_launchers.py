"""Folders of jobs, and callbacks of the user's own, whatever launches the jobs of a sweep."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from standins.shell import Shell, screen

SMALL = (
    *("country=iran", "source.points=30", "bands=ndvi", "model.n_estimators=2"),
    *("validation.folds=2", "n_jobs=1"),
)
LAUNCHERS = {
    "lean": ("hydra.launcher.from_jobs=10",),
    "dask": ("hydra.launcher.from_jobs=1", "hydra.launcher.workers=2"),
    "basic": ("hydra/launcher=basic", "hydra/sweeper=basic"),
    "joblib": ("hydra/launcher=joblib", "hydra.launcher.n_jobs=2"),
    "submitit": ("hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5"),
}
CALLBACK = "+hydra.callbacks.mine._target_=hydra.experimental.callbacks.PickleJobInfoCallback"


@pytest.mark.parametrize("launcher", LAUNCHERS)
def test_jobs_may_have_folders_of_their_own_and_results_are_all_shown(
    shell: Shell, launcher: str
) -> None:
    words = (*SMALL, "span=4,8", *LAUNCHERS[launcher], CALLBACK)
    folders = ("hydra.sweep.dir=sweeps/one", "hydra.sweep.subdir=${hydra.job.override_dirname}")
    done = shell.run("-m", *words, *folders, "hydra.job.chdir=true", "hydra.output_subdir=.hydra")
    text = screen(done)
    assert "candidates: 2 finished" in text
    assert "files: sweeps/one" in text
    sweep = shell.folder / "sweeps" / "one"
    assert len((sweep / "outcomes.jsonl").read_text().splitlines()) == 2
    for span in (4, 8):
        job = ["bands=ndvi", "country=iran", "model.estimator.n_estimators=2", "n_jobs=1"]
        job += ["source.points=30", f"span={span}", "validation.folds=2"]
        kept = sweep / ",".join(job) / ".hydra"
        assert sorted(yaml.safe_load((kept / "overrides.yaml").read_text())) == job
        assert (kept / "config.pickle").exists()
    assert databases(shell) == [Path("mlruns/mlflow.db")]  # paths are those of the command's folder


def test_a_single_run_may_have_a_folder_of_its_own(shell: Shell) -> None:
    folders = ("hydra.run.dir=runs/one", "hydra.job.chdir=true", "hydra.output_subdir=.hydra")
    for outcome in ("1 finished", "1 already there"):
        text = screen(shell.run(*SMALL, "span=4", *folders))
        assert f"candidates: {outcome}" in text
        assert len((shell.folder / "runs" / "one" / "outcomes.jsonl").read_text().splitlines()) == 1
    assert (shell.folder / "runs" / "one" / ".hydra" / "config.yaml").exists()
    assert databases(shell) == [Path("mlruns/mlflow.db")]


def databases(shell: Shell) -> list[Path]:
    return [path.relative_to(shell.folder) for path in shell.folder.rglob("*.db")]
