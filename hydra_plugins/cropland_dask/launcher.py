"""``hydra/launcher=dask``: the jobs of a sweep on a Dask cluster, or in this process where they are few.

Jobs are composed here, from templates, and sent to workers that keep what they have loaded. Callbacks run
here too: ``on_job_start`` before a job is sent, ``on_job_end`` as soon as its result is back. A job that
fails, fails alone. What a worker was running when it died runs again elsewhere, once.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, configure_log, run_job, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

from cropland.config.job_templates import Templates, hydra_config, set_output_folder
from cropland.errors import ConfigError

_TARGET = "hydra_plugins.cropland_dask.launcher.DaskLauncher"


@dataclass
class DaskLauncherConf:
    """The schema of ``hydra.launcher``.

    Attributes
    ----------
    scheduler : str, optional
        Address of a running cluster, such as ``tls://10.0.0.1:8786``; a local one is started without it.
    workers : int, optional
        Processes of the local cluster; one a core without it.
    from_jobs : int
        Fewer jobs than this run in this process, where no `scheduler` is named: a cluster takes seconds.
    """

    _target_: str = _TARGET
    scheduler: str | None = None
    workers: int | None = None
    from_jobs: int = 20


ConfigStore.instance().store(
    group="hydra/launcher", name="dask", node=DaskLauncherConf, provider="cropland"
)


class DaskLauncher(Launcher):
    """See the top of this module."""

    returns_here = True
    """Results come back to this process, and its callbacks hear of them."""

    def __init__(self, scheduler: str | None, workers: int | None, from_jobs: int) -> None:
        self.scheduler = scheduler
        self.workers = workers or os.cpu_count() or 1
        self.from_jobs = from_jobs
        self.config: DictConfig
        self.context: HydraContext
        self.task_function: TaskFunction

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Store what Hydra hands over."""
        self.context, self.task_function, self.config = hydra_context, task_function, config

    @classmethod
    def prepare(cls, config: DictConfig, jobs: int, modules: Sequence[str] = ()) -> None:
        """Get ready for a number of jobs while the sweep is still being checked: workers start meanwhile.

        Parameters
        ----------
        config : DictConfig
            ``hydra.launcher``.
        jobs : int
            How many there are.
        modules : sequence of str
            What jobs will need: local workers start with it.

        Raises
        ------
        ConfigError
            The scheduler that was named does not answer.
        """
        chosen = {str(key): value for key, value in config.items() if key != "_target_"}
        launcher = cls(**chosen)
        if launcher._is_cluster_for(jobs):
            from cropland.support import dask_cluster  # heavy imports

            with _answering():
                modules = [f"{__package__}._cluster", *modules]
                dask_cluster.prepare(launcher.scheduler, modules, launcher.workers)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        """Run jobs; return their results in the order of the jobs."""
        setup_globals()
        configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
        Path(str(self.config.hydra.sweep.dir)).mkdir(parents=True, exist_ok=True)
        if not self._is_cluster_for(len(job_overrides)):
            ended = [
                self._run_here(list(overrides), number)
                for number, overrides in enumerate(job_overrides, initial_job_idx)
            ]
            configure_log(self.config.hydra.hydra_logging, self.config.hydra.verbose)
            return ended
        return self._run_there(job_overrides, initial_job_idx)

    def _is_cluster_for(self, jobs: int) -> bool:
        return self.scheduler is not None or (jobs >= self.from_jobs and self.workers > 1)

    def _composed(self, overrides: Sequence[str], number: int) -> DictConfig:
        """Compose a job and number it, as Hydra does."""
        return Templates.of(self.context.config_loader, self.config).composed(overrides, number)

    def _run_here(self, overrides: list[str], number: int) -> JobReturn:
        """Run a job in this process."""
        ended = run_job(
            hydra_context=self.context,
            task_function=self.task_function,
            config=self._composed(overrides, number),
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
        return _without_configurations(ended)

    def _start(self, config: DictConfig) -> None:
        """Call the callbacks of a job that is sent, as where Hydra runs it."""
        with hydra_config(config):
            set_output_folder(config, config.hydra.sweep.dir, config.hydra.sweep.subdir)
            self.context.callbacks.on_job_start(config=config, task_function=self.task_function)

    def _run_there(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> list[JobReturn]:
        """Run jobs on a cluster; only as many are composed at once as it can take."""
        from cropland.support import dask_cluster  # heavy imports
        from hydra_plugins.cropland_dask import _cluster

        ended: list[JobReturn | None] = [None] * len(job_overrides)
        sent: dict[int, DictConfig] = {}

        def jobs() -> Iterator[tuple[int, DictConfig]]:
            for number, overrides in enumerate(job_overrides):
                sent[number] = self._composed(overrides, initial_job_idx + number)
                self._start(sent[number])
                yield number, sent[number]

        with _answering(), dask_cluster.opened(self.scheduler, self.workers) as client:
            for number, result in _cluster.results(client, self.task_function, jobs()):
                config = sent.pop(number)
                result.overrides = list(job_overrides[number])
                result.hydra_cfg = config
                result.cfg = OmegaConf.masked_copy(
                    config, [str(key) for key in config if key != "hydra"]
                )
                with hydra_config(config):
                    self.context.callbacks.on_job_end(config=config, job_return=result)
                ended[number] = _without_configurations(result)
        return [result for result in ended if result is not None]


@contextmanager
def _answering() -> Iterator[None]:
    """Raise as an error of the configuration that a cluster cannot be reached."""
    try:
        yield
    except ConnectionError as error:
        raise ConfigError(f"hydra.launcher.scheduler: {error}") from error


def _without_configurations(ended: JobReturn) -> JobReturn:
    """Drop what nobody asks for after a job's end: a megabyte a job."""
    ended.cfg = ended.hydra_cfg = None
    return ended
