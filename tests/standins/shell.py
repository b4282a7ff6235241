"""The project's commands, given in a folder of their own: run to the end, or started in the background."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import pytest

from cropland.config.countries import Country
from cropland.tracking.sqlite_file import replace_locations
from standins.toyland import TOYLAND, write_country

ROOT = Path(__file__).parents[2]
QUICK = (
    *("source.points=100", "span=12", "model.n_estimators=10", "validation.folds=2"),
    *("promotion.figures=false", "promotion.bootstraps=100"),
)
"""Words that train and promote on the simulation in two seconds."""
Done = subprocess.CompletedProcess[str]
"""A command that has ended: its exit code and what it printed."""


class Warm:
    """A Python in which everything is imported (``warm.py``); it starts with the first command."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, words: list[str], cwd: Path, environment: dict[str, str], seconds: int = 300
    ) -> Done:
        """Run a script with its words; fail where it has not ended after so many seconds."""
        if self._process is None:
            self._process = subprocess.Popen(
                [sys.executable, str(ROOT / "tests" / "standins" / "warm.py")],
                cwd=ROOT,
                text=True,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            request = {"script": words[0], "words": words[1:], "cwd": str(cwd)}
            request |= {"environment": environment, "out": str(out), "err": str(err)}
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], seconds)
            answer = process.stdout.readline() if ready else ""
            if not answer:
                self.close()
                pytest.fail(f"no answer from {words}: {err.read_text()}")
            return Done(words, int(answer), out.read_text(), err.read_text())

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@dataclass(frozen=True)
class Shell:
    """A folder in which commands are given.

    Attributes
    ----------
    folder : Path
        The folder.
    exports : Path
        Exports of its country.
    warm : Warm
        What runs the commands.
    country : Country
        The country that the configuration has beside the project's own.
    """

    folder: Path
    exports: Path
    warm: Warm
    country: Country = TOYLAND

    @classmethod
    def make(cls, folder: Path, exports: Path, warm: Warm, store: Path) -> Self:
        """Make the folder, with a copy of a store."""
        (folder / "mlruns").mkdir(parents=True)
        shutil.copy(store, folder / "mlruns" / "mlflow.db")
        return cls(folder, exports, warm)

    def copy(self, folder: Path) -> Self:
        """Return another folder with its archives, its runs and their files."""
        (folder / "mlruns").mkdir(parents=True)
        if (self.folder / "data").exists():
            shutil.copytree(self.folder / "data", folder / "data")
        with (
            closing(sqlite3.connect(self.folder / "mlruns" / "mlflow.db")) as database,
            closing(sqlite3.connect(folder / "mlruns" / "mlflow.db")) as copy,
        ):
            database.backup(copy)  # whole, whatever its journal still holds
        old, new = (each / "mlruns" / "artifacts" for each in (self.folder, folder))
        if old.exists():
            shutil.copytree(old, new)
        replace_locations(f"sqlite:///{folder}/mlruns/mlflow.db", old.as_uri(), new.as_uri())
        return replace(self, folder=folder)

    @property
    def database(self) -> str:
        """The address of its store."""
        return f"sqlite:///{self.folder}/mlruns/mlflow.db"

    @property
    def here(self) -> list[str]:
        """Words that choose its country and the country's exports."""
        return ["source=files", f"paths.data={self.exports}", f"country={self.country.name}"]

    @property
    def toy(self) -> list[str]:
        """The same, and a small quick model."""
        return [*self.here, "model.n_estimators=10", "validation.folds=3", "n_jobs=1"]

    def words(self, *overrides: str, script: str = "train") -> list[str]:
        """Return the command of a script for some overrides, with its country in its configuration."""
        conf = self.folder / "conf"
        write_country(self.country, conf)
        words = list(overrides)
        if script == "train" and not any(re.match(r"hydra[/.]launcher", word) for word in words):
            # A cluster is what tests of clusters ask for; it would cost each study seconds.
            words.append("hydra.launcher.from_jobs=10000")
        path = str(ROOT / "scripts" / f"{script}.py")
        return [sys.executable, path, "--config-dir", str(conf), *words]

    def run(
        self, *overrides: str, script: str = "train", seconds: int = 300, **variables: str
    ) -> Done:
        """Run a script to its end."""
        _, *words = self.words(*overrides, script=script)
        return self.warm.run(words, self.folder, self.environment(**variables), seconds)

    def run_program(self, text: str, *words: str) -> Done:
        """Run a Python program to its end."""
        program = self.folder / "program.py"
        program.write_text(text)
        return self.warm.run([str(program), *words], self.folder, self.environment())

    @contextmanager
    def started(
        self, *overrides: str, script: str = "train", **variables: str
    ) -> Iterator[subprocess.Popen[str]]:
        """Start a script in a process group of its own, which ends with the block."""
        process = subprocess.Popen(
            self.words(*overrides, script=script),
            cwd=self.folder,
            env=self.environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            yield process
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()

    def wait_for(self, count: int) -> None:
        """Wait until so many candidates are in the ledgers of its sweeps."""
        for _ in range(6000):  # five minutes: a busy machine starts workers slowly
            if len(self.outcomes()) >= count:
                return
            time.sleep(0.05)
        raise AssertionError("the sweep did not get going")

    def outcomes(self) -> list[str]:
        """Return the lines of its ledgers, one a candidate."""
        ledgers = self.folder.glob("mlruns/runs/*/outcomes.jsonl")
        return [line for path in ledgers for line in path.read_text().splitlines()]

    def environment(self, **variables: str) -> dict[str, str]:
        """Return the environment without what would change answers or keep imports slow."""
        unwanted = ("HYDRA_FULL_ERROR", "PYTHONDONTWRITEBYTECODE")
        clean = {key: value for key, value in os.environ.items() if key not in unwanted}
        return clean | {"COLUMNS": "200"} | variables


def screen(done: Done, code: int = 0) -> str:
    """Return all that a command printed; check that it ended with a code, and without a traceback."""
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def refusal(done: Done) -> str:
    """Return the one line in which a command refused to work; check that it printed nothing else."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stdout == ""
    lines = [line for line in done.stderr.splitlines() if not line.startswith("making the archive")]
    assert len(lines) == 1, done.stderr
    assert lines[0].startswith("cropland: ")
    return lines[0]
