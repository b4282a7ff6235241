"""Configurations of a sweep's jobs, composed once for each choice of groups.

Hydra composes a job from its files anew, some 50 ms each time and twice a job. Jobs of one sweep mostly
differ in values: these are put into a copy of what was composed for the same groups, by Hydra's own function.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf

from cropland.config.hydra_internals import apply_overrides, overrides_dirname

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

_LAST: list[Templates] = []


class Templates:
    """What a sweep's jobs are composed of.

    Parameters
    ----------
    loader : ConfigLoader
        Hydra's, which reads the files.
    sweep : DictConfig
        The composed configuration of the sweep itself.
    """

    def __init__(self, loader: ConfigLoader, sweep: DictConfig) -> None:
        self._loader = loader
        self.sweep = sweep
        self._parser = OverridesParser.create(config_loader=loader)
        self._groups = frozenset(loader.list_groups(""))
        self._parsed: dict[str, Override] = {}
        self._composed: dict[tuple[str, ...], bytes] = {}

    @classmethod
    def of(cls, loader: ConfigLoader, sweep: DictConfig) -> Templates:
        """Return the templates of a sweep, those that were made before where it is the same one."""
        if not (_LAST and _LAST[0].sweep is sweep):
            _LAST[:] = [cls(loader, sweep)]
        return _LAST[0]

    def composed(self, overrides: Sequence[str]) -> DictConfig:
        """Compose a job: what Hydra's own loader gives for these overrides, hydra's node included.

        Raises
        ------
        HydraException
            An override that does not fit the configuration.
        """
        made = self.template([word for word in overrides if not self.is_value(word)])
        given = [self.parsed(word) for word in overrides if self.is_value(word)]
        apply_overrides(given, made)
        own = [self.parsed(word) for word in overrides if not self.parsed(word).is_hydra_override()]
        made.hydra.overrides.task = [override.input_line for override in own]
        made.hydra.job.override_dirname = overrides_dirname(own, made)
        return made

    def template(self, groups: Sequence[str]) -> DictConfig:
        """Compose a choice of groups, or copy what was composed for the same before."""
        key = tuple(groups)
        if key not in self._composed:
            made = self._loader.load_sweep_config(self.sweep, list(groups))
            self._composed[key] = pickle.dumps(made)  # copies five times faster than deepcopy
        copied: DictConfig = pickle.loads(self._composed[key])
        OmegaConf.copy_cache(from_config=self.sweep, to_config=copied)  # all jobs have one ${now:…}
        return copied

    def parsed(self, word: str) -> Override:
        """Parse an override, each word once."""
        if word not in self._parsed:
            (self._parsed[word],) = self._parser.parse_overrides([word])
        return self._parsed[word]

    def is_value(self, word: str) -> bool:
        """Return whether an override sets a value of the configuration, not the file of a group."""
        key = word.partition("=")[0].lstrip("+~")
        return not (key in self._groups or "/" in key or "@" in key or key.startswith("hydra."))
