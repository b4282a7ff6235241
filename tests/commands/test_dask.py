"""``hydra/launcher=dask`` on a real scheduler, with workers in processes of their own."""

from __future__ import annotations

import gc
import importlib.util
import logging
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import psutil
import pytest
from distributed import Client, LocalCluster
from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, run_job
from hydra.types import HydraContext, RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from standins.runs import results, runs
from standins.shell import Shell

from cropland.commands import train_jobs
from cropland.errors import ConfigError
from cropland.support import dask_cluster
from hydra_plugins.cropland_dask import _cluster
from hydra_plugins.cropland_dask.launcher import DaskLauncher


class Heard:
    """Callbacks that remember which jobs started and ended here."""

    def __init__(self) -> None:
        self.started: list[int] = []
        self.ended: list[int] = []
        self.seen: list[JobReturn] = []

    def on_job_start(self, config: DictConfig, **_: Any) -> None:
        self.started.append(config.number)

    def on_job_end(self, config: DictConfig, job_return: JobReturn, **_: Any) -> None:
        assert job_return.cfg is not None and "hydra" not in job_return.cfg
        self.ended.append(config.number)


Launch = Callable[..., Sequence[JobReturn]]


@pytest.fixture
def launch(tmp_path: Path) -> Launch:
    """Runs a task for numbers from 0 on, as Hydra would for an application of somebody else's."""
    conf = tmp_path / "conf"
    conf.mkdir()
    (conf / "app.yaml").write_text(
        "defaults: [{override hydra/launcher: dask}, _self_]\n"
        f"number: 0\nfolder: {tmp_path}\nhydra: {{sweep: {{dir: {tmp_path}/sweep}}}}\n"
    )

    def launched(
        task: Callable[[DictConfig], Any], jobs: int, *words: str, heard: Heard | None = None
    ) -> Sequence[JobReturn]:
        with initialize_config_dir(str(conf), version_base="1.3"):
            loader = GlobalHydra.instance().config_loader()
            config = loader.load_configuration("app", list(words), run_mode=RunMode.MULTIRUN)
            callbacks = Callbacks()
            callbacks.callbacks = [heard] if heard else []
            context = HydraContext(config_loader=loader, callbacks=callbacks)
            launcher = Plugins.instance().instantiate_launcher(
                hydra_context=context, task_function=task, config=config
            )
            return launcher.launch([[f"number={number}"] for number in range(jobs)], 0)

    return launched


def test_results_are_in_order_and_callbacks_hear_of_each_job_here(
    launch: Launch, scheduler: str
) -> None:
    def task(config: DictConfig) -> tuple[int, int, str]:
        for _ in range(600 if config.number == 0 else 0):  # until three of the others have ended
            if len(list(Path(config.folder).glob("*.ended"))) >= 3:
                break
            time.sleep(0.1)
        (Path(config.folder) / f"{config.number}.ended").touch()
        from hydra.core.hydra_config import HydraConfig

        return config.number, os.getpid(), HydraConfig.get().overrides.task[0]

    heard = Heard()
    done = launch(task, 8, f"hydra.launcher.scheduler={scheduler}", heard=heard)
    assert [each.return_value[0] for each in done] == list(range(8))
    assert [each.return_value[2] for each in done] == [f"number={n}" for n in range(8)]
    assert {each.return_value[1] for each in done}.isdisjoint({os.getpid()})
    assert sorted(heard.ended) == heard.started == list(range(8))
    assert heard.ended != heard.started  # the others did not wait for job 0


class Ran:
    """A task that remembers what it finds."""

    def __init__(self) -> None:
        self.found: list[object] = []

    def __call__(self, config: DictConfig) -> float:
        hydra = HydraConfig.get()
        assert OmegaConf.is_readonly(hydra)
        self.found = [
            *(
                OmegaConf.to_container(config, resolve=True),
                OmegaConf.to_container(hydra, resolve=True),
            ),
            *(Path.cwd(), os.environ.get("PLACE"), logging.getLogger().level),
        ]
        logging.getLogger("task").warning("here")
        if config.number == 9:
            raise ZeroDivisionError("nine")
        return float(config.number)


@pytest.mark.parametrize(
    "words",
    [
        ["number=2", "+own=${number}", "+job=${hydra:job.num}"],
        ["hydra.job.chdir=true", "+hydra.job.env_set.PLACE=field", "hydra.verbose=true"],
        ["hydra.output_subdir=null", "hydra.sweep.subdir=${hydra.job.override_dirname}"],
        ["number=9"],
    ],
)
def test_a_worker_runs_a_job_as_hydra_does(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.yaml").write_text("number: 1\nhydra: {sweep: {dir: sweep}}\n")
    monkeypatch.chdir(tmp_path)
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", root.handlers)
    monkeypatch.setattr(root, "level", root.level)
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        config = loader.load_configuration("app", words, run_mode=RunMode.MULTIRUN)
    with open_dict(config):
        config.hydra.job.id = config.hydra.job.num = 3
        config.hydra.runtime.cwd = str(tmp_path)
    pickled, seen = pickle.dumps(config), []
    for run in ("Hydra's own", "a worker's"):
        task = Ran()
        if run == "a worker's":
            result = _cluster.run_job(task, pickled)
        else:
            keys = ("hydra.sweep.dir", "hydra.sweep.subdir")
            result = run_job(task, pickle.loads(pickled), *keys, HydraContext(loader, Callbacks()))
        files = {
            path.relative_to(tmp_path): re.sub(r"\d\d:\d\d,\d+", "", path.read_text())
            for path in sorted(tmp_path.rglob("*.*"))
            if path.is_file()
        }
        shutil.rmtree(tmp_path / "sweep")
        seen.append((task.found, result.status, repr(result._return_value), files))
    assert seen[0] == seen[1]
    assert Path.cwd() == tmp_path and "PLACE" not in os.environ


def test_a_failing_job_fails_alone(launch: Launch, scheduler: str) -> None:
    class Odd(Exception):  # cannot be unpickled: it is not made of its arguments
        def __init__(self, number: int, other: int) -> None:
            super().__init__(f"{number} and {other}")

    def task(config: DictConfig) -> int:
        if config.number == 1:
            raise Odd(1, 2)
        if config.number == 2:
            sys.exit("enough")
        return config.number * 2

    done = launch(task, 4, f"hydra.launcher.scheduler={scheduler}")
    assert [each.status for each in done] == [
        *(JobStatus.COMPLETED, JobStatus.FAILED, JobStatus.FAILED, JobStatus.COMPLETED)
    ]
    assert (done[0].return_value, done[3].return_value) == (0, 6)
    with pytest.raises(Exception, match="1 and 2"):
        _ = done[1].return_value
    with pytest.raises(RuntimeError, match="enough"):
        _ = done[2].return_value


def test_jobs_of_a_killed_worker_run_again_once(
    launch: Launch, scheduler: str, tmp_path: Path
) -> None:
    def task(config: DictConfig) -> str:
        with (Path(config.folder) / f"{config.number}.txt").open("a") as stream:
            stream.write("x")
        times = len((Path(config.folder) / f"{config.number}.txt").read_text())
        if config.number == 1 and times == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        if config.number == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        return "x" * times

    done = launch(task, 6, f"hydra.launcher.scheduler={scheduler}")
    assert [each.status == JobStatus.COMPLETED for each in done] == [n != 3 for n in range(6)]
    with pytest.raises(RuntimeError, match="worker died while it ran this job"):
        _ = done[3].return_value
    # Twice, or once more where a worker died before its word that it had begun was out, or where job 1
    # waited on the worker that job 3 killed.
    assert done[1].return_value in ("xx", "xxx")
    assert (tmp_path / "3.txt").read_text() in ("xx", "xxx")


def test_the_configuration_of_a_job_that_has_ended_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(_cluster, "_run", lambda *_: JobReturn(status=JobStatus.COMPLETED))
    jobs = [(number, OmegaConf.create({"number": number})) for number in range(5)]
    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        ended = _cluster.results(client, print, jobs)
        assert len(list(islice(ended, len(jobs)))) == len(jobs)
        kept = [thing for thing in gc.get_objects() if type(thing) is _cluster._Job]
        assert len(kept) <= 1  # the last one, at which the generator stands


def test_workers_keep_what_they_have_loaded(launch: Launch, scheduler: str) -> None:
    kept: list[int] = []

    def task(config: DictConfig) -> tuple[int, int]:
        kept.append(config.number)
        return os.getpid(), len(kept)

    done = [each.return_value for each in launch(task, 6, f"hydra.launcher.scheduler={scheduler}")]
    for worker in {process for process, _ in done}:
        counts = sorted(count for process, count in done if process == worker)
        assert counts == list(range(1, len(counts) + 1))


def test_few_jobs_run_in_this_process(launch: Launch) -> None:
    def task(config: DictConfig) -> int:
        return os.getpid()

    done = launch(task, 3, "hydra.launcher.from_jobs=4")
    assert {each.return_value for each in done} == {os.getpid()}


def test_a_scheduler_that_does_not_answer_is_said(
    launch: Launch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "SECONDS_TO_ANSWER", 0.3)
    with pytest.raises(ConfigError, match=r"no Dask scheduler answers at .*127\.0\.0\.1:9 "):
        launch(print, 1, "hydra.launcher.scheduler=tcp://127.0.0.1:9")


def test_a_sweep_whose_scheduler_cannot_be_joined_ends_in_one_line(shell: Shell) -> None:
    done = shell.run(*shell.toy, "-m", "span=12,24", "hydra.launcher.scheduler=tls://127.0.0.1:9")
    assert done.returncode == 1
    assert done.stderr.startswith("cropland: hydra.launcher.scheduler: no Dask scheduler answers")
    assert done.stderr.count("\n") == 1


SWEEP = ("-m", "span=12,24", "bands=ndvi,green_nir")
CLUSTER = ("hydra/launcher=dask", "hydra.launcher.from_jobs=1", "hydra.launcher.workers=2")


def test_a_sweep_gives_the_numbers_of_the_basic_launcher(
    shell: Shell, tmp_path: Path, scheduler: str
) -> None:
    basic = shell.run(*shell.toy, *SWEEP, "hydra/launcher=basic", "hydra/sweeper=basic")
    assert basic.returncode == 0, basic.stderr
    expected = results(shell.database)
    assert len(expected) == 4
    running = (f"hydra.launcher.scheduler={scheduler}",)
    for name, words in {"local": CLUSTER, "running": running}.items():
        elsewhere = replace(shell, folder=tmp_path / name)
        elsewhere.folder.mkdir()
        dask = elsewhere.run(*shell.toy, *SWEEP, *words)
        assert dask.returncode == 0, dask.stderr
        assert "4 finished" in dask.stdout
        assert "distributed" not in dask.stderr
        assert results(elsewhere.database) == expected


def test_what_workers_are_forked_with_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared: list[str] = []
    monkeypatch.setattr(dask_cluster, "prepare", lambda _, modules, __: prepared.extend(modules))
    DaskLauncher.prepare(
        OmegaConf.create({"scheduler": None, "workers": 2, "from_jobs": 1}),
        2,
        train_jobs.modules_of([]),
    )
    assert all(importlib.util.find_spec(name) for name in prepared)  # another one is ignored
    assert {
        f"{DaskLauncher.__module__.rpartition('.')[0]}._cluster",
        "cropland.observations.archive_store",
    } <= {*prepared}


def test_a_sweep_that_is_refused_ends_in_one_line_with_its_cluster(shell: Shell) -> None:
    with shell.started(*shell.toy, "-m", "span=900,901", *CLUSTER) as process:
        _, errors = process.communicate(timeout=600)
    assert process.returncode == 1, errors
    assert errors.splitlines()[-1].startswith("cropland: "), errors
    assert "Traceback" not in errors


def test_a_failing_candidate_fails_alone_on_a_cluster(shell: Shell, scheduler: str) -> None:
    where = [word for word in shell.toy if not word.startswith("model")]
    words = ("-m", "span=12", "bands=ndvi", "model=knn", "model.n_neighbors=3,500,5")
    done = shell.run(*where, *words, f"hydra.launcher.scheduler={scheduler}")
    assert done.returncode == 1
    assert "2 finished, 1 failed" in done.stdout
    assert "Traceback" not in done.stderr


def workers_of(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The workers of a sweep: children of the process that forks for it, once they work."""
    for _ in range(3000):
        below = psutil.Process(process.pid).children(recursive=True)
        found = [each for each in below if each.ppid() != process.pid]
        if len(found) >= 2 and all(sum(each.cpu_times()[:2]) > 0.05 for each in found):
            return found
        time.sleep(0.1)
    raise AssertionError("no workers")


LONG = ("-m", "span=range(4,18,2)", "bands=ndvi", "seed=1,2", "model.n_estimators=40", *CLUSTER)


def test_a_sweep_outlives_its_workers(shell: Shell) -> None:
    with shell.started(*shell.toy, *LONG) as process:
        shell.wait_for(2)
        workers_of(process)[0].kill()
        said, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert "14 finished" in said
    assert len(results(shell.database)) == 14


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_a_sweep_on_a_cluster_that_is_stopped_leaves_nobody_behind(
    shell: Shell, how: signal.Signals
) -> None:
    with shell.started(*shell.toy, *LONG) as process:
        shell.wait_for(2)
        below = psutil.Process(process.pid).children(recursive=True)
        os.killpg(process.pid, how) if how == signal.SIGINT else process.send_signal(how)
        _, said = process.communicate(timeout=600)
    assert "Traceback" not in said
    _, alive = psutil.wait_procs(below, timeout=120)
    assert not alive
    if how == signal.SIGINT:  # the terminal's Ctrl-C, which all processes of a command get
        assert process.returncode == 128 + how, said
        assert "Run the same command again" in said
        assert not [run for run in runs(shell.database) if run.info.status == "RUNNING"]
    else:  # who has been killed could close nothing: the same command goes on
        again = shell.run(*shell.toy, *LONG)
        assert again.returncode == 0, again.stderr
        assert len(results(shell.database)) == 14
