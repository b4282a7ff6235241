"""Every command of the README runs as it is written."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = "\n".join(re.findall(r"```bash\n(.*?)```", README, re.DOTALL))
COMMANDS = [line.partition(" #")[0].strip() for line in BLOCKS.splitlines() if line.strip()]
QUICK = ("source.points=30", "model.n_estimators=2", "validation.folds=2")


def test_the_readme_has_commands_of_two_kinds_only() -> None:
    assert len(COMMANDS) >= 9
    assert all(command.startswith(("make ", "python scripts/")) for command in COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if c.startswith("make ")])
def test_a_make_command_is_a_target(command: str) -> None:
    target = command.removeprefix("make ")
    planned = subprocess.run(
        ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert planned.returncode == 0, planned.stderr
    assert f"\n{target}:" in (ROOT / "Makefile").read_text()


@pytest.mark.parametrize("command", [c for c in COMMANDS if "train.py" in c and "FOLDER" not in c])
def test_a_python_command_runs(shell: Any, command: str) -> None:
    _, _, *words = shlex.split(command)
    # The same command, on few points and with a small forest.
    done = shell.run(*words, *QUICK)
    assert done.returncode == 0, done.stderr
    assert "Best candidate of each country" in done.stdout


def test_the_command_for_own_data_runs_on_real_exports(shell: Any, challenge: Path) -> None:
    (command,) = [c for c in COMMANDS if "FOLDER" in c]
    _, _, *words = shlex.split(command.replace("FOLDER", str(challenge)))
    done = shell.run(*words, *QUICK[1:])
    assert done.returncode == 0, done.stderr
    assert "iran" in done.stdout


def test_the_make_sweep_is_the_one_of_the_readme() -> None:
    sweep = "scripts/train.py -m country=all 'span=range(24,97,24)'"
    assert sweep in README and sweep in (ROOT / "Makefile").read_text()


def test_links_and_pictures_are_there() -> None:
    for target in re.findall(r"\]\(((?!http)[^)]+)\)", README):
        assert (ROOT / target).exists(), target
