"""Small known data that the tests make claims about."""

from __future__ import annotations

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from mlflow import MlflowClient

from cropland.config.countries import Box, Country, Reference
from cropland.observations import archive

ROOT = Path(__file__).parents[1]
CHALLENGE = ROOT.parent / "shared" / "data" / "challenge"
BANDS = ("B2", "B3", "B4", "B8")
GROUPS = {
    "bands": "visible_nir_ndvi",
    "series": "raw",
    "features": "flat",
    "model": "forest",
    "validation": "kfold",
    "source": "simulated",
    "tracking": "local",
    "promotion": "default",
    "paths": "default",
}


@pytest.fixture(scope="session")
def composed() -> Callable[..., dict[str, Any]]:
    """Gives what Hydra would compose of conf/, with dotted keys (``a__b``) changed."""

    def compose(**changes: Any) -> dict[str, Any]:
        values: dict[str, Any] = {
            group: yaml.safe_load((ROOT / "conf" / group / f"{name}.yaml").read_text())
            for group, name in GROUPS.items()
        }
        values |= {"span": 48, "period": 0, "training": "own"}
        values |= {"seed": 2023, "n_jobs": -1, "force": False}
        for key, value in changes.items():
            inner = values
            *outer, last = key.split("__")
            for name in outer:
                inner = inner[name]
            inner[last] = value
        return values

    return compose


@pytest.fixture(scope="session")
def toyland() -> Country:
    """A country whose reference season is the year 2020."""
    return Country(
        name="toyland",
        title="Toyland",
        box=Box(south=10.0, north=10.4, west=20.0, east=20.4),
        reference=Reference(start="2020-01-01", end="2020-12-31"),
    )


@pytest.fixture(scope="session")
def toy_points() -> pd.DataFrame:
    """60 labelled points, half of them cropland, and 20 unlabelled ones."""
    random = np.random.default_rng(7)
    targets = np.array([0, 1] * 30 + [-1] * 20, dtype=np.int8)
    return pd.DataFrame(
        {
            "ID": [f"P{number:03d}" for number in range(80)],
            "Lat": random.uniform(10.0, 10.4, 80).round(5),
            "Lon": random.uniform(20.0, 20.4, 80).round(5),
            "Target": targets,
        }
    )


@pytest.fixture(scope="session")
def toy_rows(toy_points: pd.DataFrame) -> pd.DataFrame:
    """Observations of 2019 and 2020, 30 to 60 a point: cropland greens in July, the rest never does."""
    random = np.random.default_rng(11)
    tables = []
    for number, point in toy_points.iterrows():
        count = int(random.integers(30, 60))
        seconds = np.sort(random.integers(0, 731 * 86400, count))
        times = np.datetime64("2019-01-01") + seconds.astype("timedelta64[s]")
        season = np.exp(-(((seconds / 86400 % 365) - 200) ** 2) / 1500)
        green = season * (point["Target"] == 1 or (point["Target"] < 0 and number % 2))
        noise = random.normal(0, 120, (count, 4))
        values = np.stack(
            [900 - 200 * green, 1100 - 100 * green, 1500 - 700 * green, 2000 + 2500 * green]
        )
        table = pd.DataFrame(np.round(values.T + noise).astype(int), columns=list(BANDS))
        table["SCL"] = random.choice([4, 5, 9], count, p=[0.4, 0.5, 0.1])
        table.insert(0, "ID", point["ID"])
        table["time"] = times
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


@pytest.fixture
def toy_archive(
    tmp_path: Path, toy_points: pd.DataFrame, toy_rows: pd.DataFrame
) -> archive.Archive:
    """The toy observations in an archive."""
    path = tmp_path / "toyland.zarr"
    dataset = archive.ragged(toy_points, toy_rows).assign_attrs(
        time_coverage_start="2019-01-01", time_coverage_end="2020-12-31"
    )
    archive.write(dataset, path, {"source": "files", "country": "toyland", "fingerprint": "f00"})
    return archive.open_archive(path)


@pytest.fixture
def exports(tmp_path: Path, toy_points: pd.DataFrame, toy_rows: pd.DataFrame) -> Path:
    """The toy observations as exports with their points files."""
    folder = tmp_path / "exports"
    folder.mkdir()
    labelled = toy_points["Target"] >= 0
    toy_points[labelled].to_csv(folder / "Train.csv", index=False)
    toy_points[~labelled].drop(columns="Target").to_csv(folder / "Test.csv", index=False)
    rows = toy_rows.merge(toy_points[["ID", "Lat", "Lon"]], on="ID").rename(
        columns={"time": "Timestamp"}
    )
    rows.to_csv(
        folder / "COPERNICUS_S2_SR_HARMONIZED_Toyland_2019-01-01_2020-12-31.csv", index=False
    )
    return folder


class Warm:
    """A Python in which everything is imported (``standins/warm.py``); it starts with the first command."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None

    def run(
        self, words: list[str], cwd: Path, environment: dict[str, str], seconds: int = 120
    ) -> tuple[int, str, str]:
        """Run a command, waiting so long at most; give its exit code and what it said."""
        if self._process is None:
            warm = [sys.executable, str(ROOT / "tests" / "standins" / "warm.py")]
            pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
            self._process = subprocess.Popen(warm, text=True, cwd=ROOT, **pipes)  # type: ignore[call-overload]
        process = self._process
        assert process is not None and process.stdin is not None and process.stdout is not None
        with tempfile.TemporaryDirectory() as folder:
            out, err = Path(folder, "out"), Path(folder, "err")
            asked = {"script": words[0], "words": words[1:], "cwd": str(cwd)}
            asked |= {"environment": environment, "out": str(out), "err": str(err)}
            process.stdin.write(json.dumps(asked) + "\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], seconds)
            answer = process.stdout.readline() if ready else ""
            if not answer:
                self.close()
                pytest.fail(f"no answer from {words}: {err.read_text()}")
            return int(answer), out.read_text(), err.read_text()

    def close(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """The warm Python of this worker."""
    made = Warm()
    yield made
    made.close()


@dataclass(frozen=True)
class Shell:
    """Runs the project's commands in a folder of their own, on the toy country."""

    folder: Path
    exports: Path
    warm: Warm

    def words(self, *overrides: str, script: str = "train") -> list[str]:
        """Give the command for some overrides."""
        conf = self.folder / "conf" / "country"
        conf.mkdir(parents=True, exist_ok=True)
        (conf / "toyland.yaml").write_text(
            "name: toyland\ntitle: Toyland\n"
            "box: {south: 10.0, north: 10.4, west: 20.0, east: 20.4}\n"
            "reference: {start: 2020-01-01, end: 2020-12-31}\n"
        )
        path = str(ROOT / "scripts" / f"{script}.py")
        # argparse, which Hydra reads with, wants its options before the overrides.
        options = [word for word in overrides if word == "-m"]
        words = [word for word in overrides if word != "-m"]
        if script == "train" and not any(re.match(r"hydra[/.]launcher", word) for word in words):
            # A cluster is what tests of clusters ask for; it would cost each study seconds.
            words.append("hydra.launcher.from_jobs=10000")
        return [sys.executable, path, "--config-dir", str(conf.parent), *options, *words]

    @property
    def toy(self) -> list[str]:
        """Overrides that choose the toy country and a small quick model."""
        return [
            "source=files",
            f"paths.data={self.exports}",
            "country=toyland",
            "model.n_estimators=10",
            "validation.folds=3",
            "n_jobs=1",
        ]

    def run(
        self, *overrides: str, script: str = "train", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run ``scripts/train.py``, or another script, to its end."""
        _, *words = self.words(*overrides, script=script)
        said = self.warm.run(words, self.folder, self.environment(**variables))
        return subprocess.CompletedProcess(words, *said)

    @contextmanager
    def started(self, *overrides: str, **variables: str) -> Iterator[subprocess.Popen[str]]:
        """Start a sweep in a process group of its own, which ends with the block."""
        process = subprocess.Popen(
            self.words(*self.toy, *overrides),
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
        """Wait until so many candidates are in the ledger of the sweep under way."""
        for _ in range(1200):  # a minute: a busy machine starts workers slowly
            ledgers = list(self.folder.glob("mlruns/runs/*/outcomes.jsonl"))
            if ledgers and len(ledgers[0].read_text().splitlines()) >= count:
                return
            time.sleep(0.05)
        raise AssertionError("the sweep did not get going")

    def environment(self, **variables: str) -> dict[str, str]:
        """Give the environment without what would change answers or keep imports slow."""
        unwanted = ("HYDRA_FULL_ERROR", "PYTHONDONTWRITEBYTECODE")
        clean = {key: value for key, value in os.environ.items() if key not in unwanted}
        return clean | {"COLUMNS": "200"} | variables


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database without runs: to make one costs each command a second and a half."""
    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    MlflowClient(f"sqlite:///{path}").search_experiments()
    return path


@pytest.fixture
def shell(tmp_path: Path, exports: Path, empty_store: Path, warm: Warm) -> Shell:
    """A folder to give commands in."""
    folder = tmp_path / "work"
    (folder / "mlruns").mkdir(parents=True)
    shutil.copy(empty_store, folder / "mlruns" / "mlflow.db")
    return Shell(folder, exports, warm)


@pytest.fixture(scope="session")
def challenge() -> Path:
    """The real data beside the project, or a skip that says it is not there."""
    if not CHALLENGE.is_dir():
        pytest.skip(f"no real data at {CHALLENGE}")
    return CHALLENGE
