"""``hydra/sweeper=optuna``: jobs that Optuna chooses, by the results of those before."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import MISSING, DictConfig, OmegaConf

from cropland.config import secrets
from cropland.config.job_templates import Templates
from cropland.config.schema import require
from cropland.config.search_space import SearchSpace

if TYPE_CHECKING:
    from hydra.plugins.launcher import Launcher

_TARGET = "hydra_plugins.cropland_search.sweeper.OptunaSweeper"
_DIRECTIONS = ("maximize", "minimize")


@dataclass
class OptunaSweeperConf:
    """The schema of ``hydra.sweeper``.

    Attributes
    ----------
    sampler : mapping
        One of ``optuna.samplers``: its class as ``_target_``, and its parameters.
    direction : str
        ``maximize`` or ``minimize``.
    n_trials : int
        How many different points are tried; those that `storage` has of the study are among them.
    n_jobs : int
        How many are launched together, before any of their results is reported to Optuna.
    max_failure_rate : float
        The share of trials launched together that may be without a result; above it the search ends.
    storage : str, optional
        A database that keeps the study, such as ``sqlite:///searches.db``.
    study_name : str, optional
        Name of the study in it.
    params : mapping of str to str, optional
        What is searched, by key, in the words of the command line.
    """

    _target_: str = _TARGET
    _recursive_: bool = False
    defaults: list[Any] = field(default_factory=lambda: [{"sampler": "tpe"}])
    sampler: Any = MISSING
    direction: str = "maximize"
    n_trials: int = 20
    n_jobs: int = 1
    max_failure_rate: float = 1.0
    storage: str | None = None
    study_name: str | None = None
    params: dict[str, str] | None = None


SEED = 2023
SAMPLERS = {
    "tpe": {"_target_": "optuna.samplers.TPESampler", "seed": SEED},
    "random": {"_target_": "optuna.samplers.RandomSampler", "seed": SEED},
}
ConfigStore.instance().store(
    group="hydra/sweeper", name="optuna", node=OptunaSweeperConf, provider="cropland"
)
for name, node in SAMPLERS.items():
    ConfigStore.instance().store(
        group="hydra/sweeper/sampler",
        name=name,
        node=OmegaConf.create(node, flags={"struct": False}),  # its class knows its parameters
        provider="cropland",
    )


class OptunaSweeper(Sweeper):
    """See the top of this module."""

    def __init__(
        self, **_: Any
    ) -> None:  # they are in the configuration, where `check` has read them
        self.launcher: Launcher
        self.config: DictConfig
        self.hydra_context: HydraContext

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Store what Hydra hands over."""
        self.hydra_context, self.config = hydra_context, config
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    @classmethod
    def check(cls, config: DictConfig) -> None:
        """Check ``hydra.sweeper`` before any work.

        Raises
        ------
        ConfigError
            Optuna is not installed; a value that cannot be; a storage that holds a secret or is another's; a
            sampler that there is not, or that does not take a parameter.
        """
        require(
            find_spec("optuna") is not None,
            "hydra/sweeper=optuna needs Optuna, which is not installed: pip install 'optuna>=5,<6', or "
            "pip install '.[search]' in a checkout",
        )
        require(
            config.direction in _DIRECTIONS,
            f"hydra.sweeper.direction must be maximize or minimize, got {config.direction!r}",
        )
        for key in ("n_trials", "n_jobs"):
            require(config[key] >= 1, f"hydra.sweeper.{key} must be 1 or more, got {config[key]}")
        rate = config.max_failure_rate
        require(0 <= rate <= 1, f"hydra.sweeper.max_failure_rate must be 0 to 1, got {rate}")
        secrets.check(config.storage, "hydra.sweeper.storage")
        require(
            config.storage is None or config.study_name is not None,
            "hydra.sweeper.storage stores a search by name, so that the same command can continue it; "
            "set one: hydra.sweeper.study_name=NAME",
        )
        from hydra_plugins.cropland_search import _study  # heavy imports

        _study.sampler_of(config)
        if config.storage is not None:
            _study.check_database(config.storage)

    @classmethod
    def samples(cls, templates: Templates) -> list[list[str]]:
        """Return the words of some jobs, for checks before the first: each value is in one of them.

        Raises
        ------
        HydraException, ConfigError
            See `sweep`.
        """
        cls.check(templates.sweep.hydra.sweeper)
        return list(SearchSpace.of(templates).samples())

    @classmethod
    def stored(cls, templates: Templates) -> list[list[str]]:
        """Return the words of the jobs whose results the search has already: they are not launched again.

        Raises
        ------
        HydraException, ConfigError
            See `sweep`.
        """
        from hydra_plugins.cropland_search import _search  # heavy imports

        settings = templates.sweep.hydra.sweeper
        return _search.stored_trials(settings, SearchSpace.of(templates))

    def sweep(self, arguments: Sequence[str]) -> None:  # noqa: ARG002 (the configuration has them)
        """Search, and write the best into ``optimization_results.yaml`` of the sweep's folder.

        Raises
        ------
        ConfigError
            See `check`; words that cannot be searched; a storage that cannot be used.
        """
        from hydra_plugins.cropland_search import _search  # heavy imports

        settings = self.config.hydra.sweeper
        self.check(settings)
        space = SearchSpace.of(Templates.of(self.hydra_context.config_loader, self.config))
        folder = Path(str(self.config.hydra.sweep.dir))
        _search.run(settings, space, self.launcher, folder)
