"""``hydra/sweeper=lean``: Hydra's basic sweeper, which composes each job once instead of twice."""

from collections.abc import Sequence
from dataclasses import dataclass

from hydra.core.config_store import ConfigStore

from cropland.config.hydra_internals import basic_sweeper
from cropland.config.job_templates import Templates


@dataclass
class LeanSweeperConf:
    """The schema of ``hydra.sweeper``: that of the basic one."""

    _target_: str = "hydra_plugins.cropland_dask.sweeper.LeanSweeper"
    max_batch_size: int | None = None
    params: dict[str, str] | None = None


ConfigStore.instance().store(
    group="hydra/sweeper", name="lean", node=LeanSweeperConf, provider="cropland"
)


class LeanSweeper(basic_sweeper()):  # type: ignore[misc]
    """Splits a sweep into jobs as the basic sweeper does; each distinct override is checked once."""

    def validate_batch_is_legal(self, batch: Sequence[Sequence[str]]) -> None:
        """Compose every choice of groups with every value that a job gives it, each word once.

        Raises
        ------
        HydraException
            An override that does not fit the configuration.
        """
        assert self.hydra_context is not None and self.config is not None
        templates = Templates.of(self.hydra_context.config_loader, self.config)
        checked: set[tuple[tuple[str, ...], str]] = set()
        for overrides in batch:
            groups = tuple(word for word in overrides if not templates.is_value(word))
            new = {(groups, word) for word in overrides} - checked
            if new:
                templates.composed(overrides)
                checked |= new
