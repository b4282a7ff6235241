"""Fixtures that several files share, and the mark of tests that start processes."""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from standins import configuration
from standins import toyland as toy
from standins.clusters import two_workers
from standins.once import make_once
from standins.shell import QUICK, ROOT, Shell, Warm, screen

from cropland.config.countries import Country
from cropland.observations import archive

_CHILDREN = pytest.StashKey[set[multiprocessing.process.BaseProcess]]()
CHALLENGE = ROOT.parent / "shared" / "data" / "challenge"
STARTING = ("warm", "scheduler", "postgres", "tracker")
"""Fixtures that start processes: a test that uses one has the mark."""
STARTS = ("subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system")
"""What Python's audit calls the start of a process."""
PROBES = ("git", "lscpu", "uname")
"""Programs that libraries ask once about the checkout and the processor: they end at once."""
_started: list[str] = []
"""What the test under way has started."""


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if event in STARTS and not set(PROBES) & {*arguments[:1]}:
        _started.append(f"{event} {arguments[:1]}")


sys.addaudithook(_audit)
for _name in ("TRACKING_URI", "REGISTRY_URI", "EXPERIMENT_NAME"):
    os.environ.pop(f"MLFLOW_{_name}", None)  # of the one who runs the tests


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark tests that start processes by their fixtures, and let every worker begin with such files.

    Workers get equal shares, one after the other, and who is done takes from the end of another's: what is
    left at the end must be quick.
    """
    for item in items:
        if set(STARTING) & set(getattr(item, "fixturenames", ())):
            item.add_marker("processes")
    workers = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    slow = [item for item in items if item.get_closest_marker("processes")]
    quick = iter([item for item in items if not item.get_closest_marker("processes")])
    files = list(dict.fromkeys(item.path for item in slow))
    shares: list[pytest.Item] = []
    for worker in range(workers):
        shares += [item for item in slow if files.index(item.path) % workers == worker]
        shares += islice(quick, max((worker + 1) * len(items) // workers - len(shares), 0))
    items[:] = [*shares, *quick]


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Forget what earlier tests have started."""
    _started.clear()
    item.stash[_CHILDREN] = set(multiprocessing.active_children())


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Fail a test that has started a process without the mark."""
    yield
    children = set(multiprocessing.active_children()) - item.stash[_CHILDREN]
    starts = [*_started, *map(str, children)]
    if starts and not item.get_closest_marker("processes"):
        raise AssertionError(f"it starts {starts[0]}: mark it with pytest.mark.processes")


@pytest.fixture(scope="session")
def composed() -> Callable[..., dict[str, Any]]:
    """Returns what Hydra would compose of ``conf/``, with dotted keys (``a__b``) changed."""
    return configuration.compose


@pytest.fixture(scope="session")
def toyland() -> Country:
    """The toy country."""
    return toy.TOYLAND


@pytest.fixture(scope="session")
def toy_points() -> pd.DataFrame:
    """Its points."""
    return toy.points()


@pytest.fixture(scope="session")
def toy_rows(toy_points: pd.DataFrame) -> pd.DataFrame:
    """Their observations."""
    return toy.observations(toy_points)


@pytest.fixture
def toy_archive(
    tmp_path: Path, toy_points: pd.DataFrame, toy_rows: pd.DataFrame
) -> archive.Archive:
    """The toy observations in an archive."""
    return toy.write_archive(tmp_path / "toyland.zarr", toy_points, toy_rows)


@pytest.fixture
def exports(tmp_path: Path, toy_points: pd.DataFrame, toy_rows: pd.DataFrame) -> Path:
    """The toy observations as exports with their points files."""
    return toy.write_exports(tmp_path / "exports", toy_points, toy_rows)


@pytest.fixture(scope="session")
def challenge() -> Path:
    """The real data beside the project, or a skip that says that it is not there."""
    if not CHALLENGE.is_dir():
        pytest.skip(f"no real data at {CHALLENGE}")
    return CHALLENGE


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A folder of the run, which all its workers share."""
    own = tmp_path_factory.getbasetemp()
    return own if worker_id == "master" else own.parent


@pytest.fixture(scope="session")
def empty_store(shared: Path) -> Path:
    """An MLflow database without runs: to make one costs each command a second and a half."""

    def make(folder: Path) -> None:
        from mlflow import MlflowClient

        MlflowClient(f"sqlite:///{folder}/mlflow.db").search_experiments()

    return make_once(shared, "store", make) / "mlflow.db"


@pytest.fixture(scope="session")
def warm() -> Iterator[Warm]:
    """The warm Python of this worker."""
    python = Warm()
    yield python
    python.close()


@pytest.fixture
def shell(tmp_path: Path, exports: Path, empty_store: Path, warm: Warm) -> Shell:
    """A folder to give commands in, on the toy country."""
    return Shell.make(tmp_path / "work", exports, warm, empty_store)


@pytest.fixture(scope="session")
def swept(
    shared: Path, toy_points: pd.DataFrame, toy_rows: pd.DataFrame, empty_store: Path, warm: Warm
) -> Shell:
    """Two candidates of the toy country, and a worse one with other folds. Work on a copy of it."""

    def make(folder: Path) -> None:
        exports = toy.write_exports(folder / "exports", toy_points, toy_rows)
        made = Shell.make(folder / "work", exports, warm, empty_store)
        small = ("-m", *made.here, "n_jobs=1", "validation.folds=3", "bands=ndvi", "model=knn")
        screen(made.run(*small, "span=12,24"))
        screen(made.run(*small, "span=12", "seed=5"))

    folder = make_once(shared, "swept", make)
    return Shell(folder / "work", folder / "exports", warm)


@pytest.fixture(scope="session")
def iran(shared: Path, empty_store: Path, warm: Warm) -> Shell:
    """A champion of the simulated Iran, quick to make. Work on a copy of it."""

    def make(folder: Path) -> None:
        made = Shell.make(folder / "work", folder, warm, empty_store)
        screen(made.run("country=iran", *QUICK, "n_jobs=1", "promote=true"))

    return Shell(make_once(shared, "iran", make) / "work", shared, warm)


@pytest.fixture(scope="session")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a cluster of this worker's: two workers in processes of their own."""
    with two_workers(tmp_path_factory.mktemp("cluster")) as address:
        yield address
