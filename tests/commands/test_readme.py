"""Every command of the README runs as it is written."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest
from standins.servers import Tracker
from standins.shell import Shell

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = "\n".join(re.findall(r"```bash\n(.*?)```", README, re.DOTALL))
COMMANDS = [line.partition(" #")[0].strip() for line in BLOCKS.splitlines() if line.strip()]
HERE = [command for command in COMMANDS if not re.search("FOLDER|HOST", command)]
"""Those that ask for nothing of their user's."""
SAMPLES = "source.points=30"
QUICK = {
    "train": ("model.n_estimators=2", "validation.folds=2"),
    "promote": ("validation.folds=2", "promotion.bootstraps=100", "promotion.figures=false"),
    "predict": (),
}


def run(shell: Shell, command: str, *more: str) -> str:
    """Run a command of the README with a small forest; give what it says."""
    _, path, *words = shlex.split(command)
    script = Path(path).stem
    done = shell.run(*words, *QUICK[script], *more, script=script)
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


def test_the_readme_has_commands_of_two_kinds_only() -> None:
    assert len(COMMANDS) >= 9
    assert all(command.startswith(("make ", "python scripts/")) for command in COMMANDS)


@pytest.mark.processes
@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_a_make_command_is_a_target(command: str) -> None:
    _, target, *variables = shlex.split(command)
    planned = subprocess.run(
        ["make", "--dry-run", target, *variables],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert planned.returncode == 0, planned.stderr
    assert f"\n{target}:" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("command", [c for c in HERE if "train.py" in c])
def test_a_command_that_trains_runs(shell: Shell, command: str) -> None:
    # Where the command leaves the country open, the default is tried without anything else only.
    is_open = "country=" not in command and not command.endswith("train.py")
    said = run(shell, command, SAMPLES, *(["country=iran"] if is_open else []))
    assert re.search(r"candidates: \d+ finished", said)
    assert "failed" not in said
    assert ("Which bands?" if "study=bands" in command else "Best candidate of each") in said
    assert "(SIMULATED data)" in said


def test_the_commands_for_a_cluster_and_for_a_server_run(
    shell: Shell, scheduler: str, empty_store: Path, tmp_path: Path
) -> None:
    cluster, server = (command for command in COMMANDS if "HOST" in command)
    small = (SAMPLES, "country=iran")
    said = run(shell, cluster.replace("tls://HOST:8786", scheduler), *small)
    assert "candidates: 2 finished" in said
    (tmp_path / "server").mkdir()
    shutil.copy(empty_store, tmp_path / "server" / "server.db")
    with Tracker(tmp_path / "server") as tracker:
        said = run(shell, server.replace("http://HOST:5000", tracker.uri), *small)
    assert "candidates: 2 finished" in said


def test_the_commands_from_training_to_predictions_run_one_after_the_other(shell: Shell) -> None:
    promote, predict = (
        command
        for command in COMMANDS
        if re.search("promote|predict", command) and "FOLDER" not in command
    )
    run(shell, "python scripts/train.py", SAMPLES, "country=iran", "bands=ndvi")
    promoted = run(shell, promote, SAMPLES, "country=iran")
    assert "Selected candidate of each country (SIMULATED data)" in promoted
    run(shell, predict, SAMPLES, "country=iran")
    predicted = pd.read_csv(shell.folder / "submission.csv")
    assert list(predicted.columns)[:2] == ["ID", "Target"]
    assert len(predicted) == 30
    assert set(predicted["Target"]) <= {0, 1}


def test_the_commands_for_own_data_run_on_real_exports(shell: Shell, challenge: Path) -> None:
    own = [c.replace("FOLDER", str(challenge)) for c in COMMANDS if "source=files" in c]
    assert [Path(shlex.split(c)[1]).stem for c in own] == ["train", "promote", "predict"]
    said = [run(shell, command) for command in own]
    assert "iran" in said[0]
    assert len(pd.read_csv(shell.folder / "submission.csv")) >= 500


def test_the_make_sweep_is_the_one_of_the_readme() -> None:
    sweep = "scripts/train.py -m country=all 'span=range(24,97,24)'"
    assert sweep in README and sweep in (ROOT / "Makefile").read_text()
