"""The jobs of a sweep on a Dask cluster: sent as it has room for them, their results as they come."""

from __future__ import annotations

import gc
import logging
import os
import pickle
import uuid
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, chdir
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import cloudpickle
from distributed import as_completed, get_worker
from distributed.scheduler import KilledWorker
from hydra import version
from hydra.core.utils import (
    JobReturn,
    JobRuntime,
    JobStatus,
    configure_log,
    env_override,
    setup_globals,
)
from omegaconf import OmegaConf, open_dict, read_write

from cropland.config.hydra_internals import error_of, failed_job
from cropland.config.job_templates import hydra_config, set_output_folder

if TYPE_CHECKING:
    from distributed import Client, Future
    from hydra.types import TaskFunction
    from omegaconf import DictConfig

_AHEAD = 2
"""Jobs a core that are composed and sent before a result is back: none waits for the next one."""
_RUNS = 2
"""How often a job may be begun: once more where its worker has died."""
_SENDS = 10
"""How often it may be sent: mostly it only waits for a worker that others bring down; but where a worker dies
before its word is out that it has begun, there must be an end."""
log = logging.getLogger(__name__)


@dataclass
class _Job:
    """A job on its way: what is sent, how often it was sent, and how often a worker began it."""

    number: int
    config: bytes
    sent: int = 0
    begun: int = 0

    @property
    def may_run_again(self) -> bool:
        """Whether it has not brought down two workers; it may only have waited for one that died."""
        return self.begun < _RUNS and self.sent < _SENDS


def results(
    client: Client, task_function: TaskFunction, jobs: Iterable[tuple[int, DictConfig]]
) -> Iterator[tuple[int, JobReturn]]:
    """Run jobs; yield the number and the result of each as it ends.

    Jobs are taken from `jobs` as the cluster has room for them.
    """
    function, topic = cloudpickle.dumps(task_function), f"jobs-{uuid.uuid4().hex}"
    waiting = (_Job(number, pickle.dumps(config)) for number, config in jobs)
    under_way = as_completed(loop=client.loop)
    by_future: dict[Future[JobReturn], _Job] = {}
    by_number: dict[int, _Job] = {}

    def begun(event: tuple[float, int]) -> None:
        if event[1] in by_number:
            by_number[event[1]].begun += 1

    def send(job: _Job | None) -> None:
        if job is not None:
            job.sent += 1
            future = client.submit(_run, function, job.config, (topic, job.number), pure=False)
            by_future[future] = by_number[job.number] = job
            under_way.add(future)

    client.subscribe_topic(topic, begun)
    for _ in range(_AHEAD * max(1, sum(client.nthreads().values()))):
        send(next(waiting, None))
    for future in under_way:
        job = by_future.pop(future)
        error = future.exception()
        if isinstance(error, KilledWorker) and job.may_run_again:
            log.warning("a worker has died; its job #%d runs again elsewhere", job.number)
            send(job)
            continue
        del by_number[job.number]  # with its configuration
        send(next(waiting, None))
        yield job.number, failed_job(_lost(error)) if error else future.result()


def _lost(error: BaseException) -> BaseException:
    """Return the error of a job whose result did not come back, in words where its workers died."""
    if isinstance(error, KilledWorker):
        return RuntimeError(
            "the worker died while it ran this job, and so did the next one: too little memory for it?"
        )
    return error


def _run(function: bytes, config: bytes, name: tuple[str, int]) -> JobReturn:
    """Run a job in a worker."""
    topic, number = name
    get_worker().log_event(topic, number)
    setup_globals()
    try:
        return _picklable(run_job(_loaded(function), config))
    except SystemExit as error:
        return failed_job(RuntimeError(str(error)))


def run_job(task_function: TaskFunction, pickled: bytes) -> JobReturn:
    """Run a job as Hydra's ``run_job`` does, in the folder where the command was given.

    Callbacks are for the process that launched it, and so is its configuration. Hydra copies that five times,
    for 20 ms; to unpickle it twice takes two.
    """
    config: DictConfig = pickle.loads(pickled)
    handed: DictConfig = pickle.loads(pickled)
    with read_write(handed), open_dict(handed):
        del handed["hydra"]
    version.setbase(config.hydra.runtime.version_base)
    JobRuntime.instance().set("name", config.hydra.job.name)
    if Path(config.hydra.runtime.cwd).is_dir():  # not on a machine that shares no files
        os.chdir(config.hydra.runtime.cwd)
    with hydra_config(config), ExitStack() as stack:
        with read_write(config.hydra), open_dict(config.hydra):
            set_output_folder(config, config.hydra.sweep.dir, config.hydra.sweep.subdir)
        OmegaConf.set_readonly(config.hydra, True)
        job, folder = config.hydra.job, Path(config.hydra.runtime.output_dir)
        folder.mkdir(parents=True, exist_ok=True)
        if job.chdir or (job.chdir is None and not version.base_at_least("1.2")):
            stack.enter_context(chdir(folder))
        configure_log(config.hydra.job_logging, config.hydra.verbose)
        if config.hydra.output_subdir is not None:
            _save(config, handed, folder / str(config.hydra.output_subdir))
        stack.enter_context(env_override(job.env_set))
        result = JobReturn(status=JobStatus.COMPLETED)
        try:
            result.return_value = task_function(handed)
        except Exception as error:  # whatever a task raises is its result
            return failed_job(error)
        finally:
            for handler in logging.getLogger().handlers:
                handler.flush()
        return result


def _save(config: DictConfig, handed: DictConfig, folder: Path) -> None:
    """Save the configuration of a job as Hydra does."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, node in {
        "config": handed,
        "hydra": OmegaConf.masked_copy(config, "hydra"),
        "overrides": config.hydra.overrides.task,
    }.items():
        (folder / f"{name}.yaml").write_text(OmegaConf.to_yaml(node), encoding="utf-8")


@lru_cache(maxsize=4)
def _loaded(function: bytes) -> TaskFunction:
    """Load a task function once, so that what its module keeps is kept."""
    loaded: TaskFunction = cloudpickle.loads(function)
    gc.freeze()  # what has been imported is no garbage, and need not be looked through for some
    return loaded


def _picklable(result: JobReturn) -> JobReturn:
    """Return a result whose error can travel: in words where it cannot."""
    error = error_of(result)
    if error is not None:
        try:
            pickle.loads(pickle.dumps(error))
        except Exception:  # whatever its own class does
            return failed_job(RuntimeError(f"{type(error).__name__}: {error}"))
    return result
