"""Configurations of a sweep's jobs, composed once for each choice of groups.

Hydra composes a job from its files anew, some 50 ms each time and twice a job. Jobs of one sweep mostly
differ in values: these are put into a copy of what was composed for the same groups, by Hydra's own function.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import OmegaConf, open_dict

from cropland.config.country_list import keep_names, listed_names
from cropland.config.hydra_internals import apply_overrides, overrides_dirname
from cropland.config.plain_values import overrides_of

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

_LAST: list[Templates] = []


@contextmanager
def hydra_config(config: DictConfig) -> Iterator[None]:
    """Make ``${hydra:…}`` read the node of a composed configuration, as it does while a job runs."""
    singleton = HydraConfig.instance()
    before = singleton.cfg
    singleton.cfg = config  # type: ignore[assignment]
    try:
        yield
    finally:
        singleton.cfg = before


def folders_of(hydra: DictConfig) -> list[Path]:
    """Return the configuration folders, in the order in which Hydra looks into them."""
    sources = hydra.runtime.config_sources
    return [Path(source.path) for source in sources if source.schema == "file"]


def set_output_folder(config: DictConfig, *parts: object) -> None:
    """Set ``hydra.runtime.output_dir`` by its parts, as Hydra does when it runs a job."""
    config.hydra.runtime.output_dir = str(Path(*map(str, parts)).absolute())


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
        self._groups = frozenset(self.options("", ObjectType.GROUP))
        self._parsed: dict[str, Override] = {}
        self._composed: dict[tuple[str, ...], tuple[bytes, list[str]]] = {}

    def options(self, group: str, kind: ObjectType = ObjectType.CONFIG) -> list[str]:
        """Return the files or groups in a group, those of ``hydra.searchpath`` included."""
        words = overrides_of(self.sweep.hydra, "hydra")
        return self._loader.get_group_options(
            group, kind, config_name=self.sweep.hydra.job.config_name, overrides=words
        )

    @cached_property
    def folder(self) -> str:
        """The folder of the sweep, which its jobs share; a ``${now:…}`` in it has one time for all."""
        with hydra_config(self.sweep):
            return str(self.sweep.hydra.sweep.dir)

    @classmethod
    def of(cls, loader: ConfigLoader, sweep: DictConfig) -> Templates:
        """Return the templates of a sweep, those that were made before where it is the same one."""
        if not (_LAST and _LAST[0].sweep is sweep):
            _LAST[:] = [cls(loader, sweep)]
        return _LAST[0]

    def composed(self, overrides: Sequence[str], number: int | None = None) -> DictConfig:
        """Compose a job: what Hydra's own loader gives for these overrides, hydra's node included.

        Parameters
        ----------
        overrides : sequence of str
            Those of the job.
        number : int, optional
            Which of the sweep's jobs it is.

        Raises
        ------
        HydraException
            An override that does not fit the configuration.
        """
        made, countries = self._template([word for word in overrides if not self.is_value(word)])
        given = [self.parsed(word) for word in overrides if self.is_value(word)]
        apply_overrides(given, made)
        parsed = map(self.parsed, overrides)
        task = [override for override in parsed if not override.is_hydra_override()]
        made.hydra.overrides.task = [override.input_line for override in task]
        made.hydra.job.override_dirname = overrides_dirname(task, made)
        if number is not None:
            made.hydra.job.id = made.hydra.job.num = number
        keep_names(made, countries, folders_of(made.hydra))
        return made

    def _template(self, groups: Sequence[str]) -> tuple[DictConfig, list[str]]:
        """Compose a choice of groups, or copy what was composed before; with the countries of a list."""
        key = tuple(groups)
        if key not in self._composed:
            made = self._loader.load_sweep_config(self.sweep, list(groups))
            names = listed_names(made, made.hydra)
            if "country" in made:
                with open_dict(made):  # so that nobody looks for them again
                    made.hydra.runtime.choices.setdefault("country", f"[{','.join(names)}]")
            # It copies five times faster than deepcopy.
            self._composed[key] = pickle.dumps(made), names
        pickled, names = self._composed[key]
        copied: DictConfig = pickle.loads(pickled)
        OmegaConf.copy_cache(from_config=self.sweep, to_config=copied)  # all jobs have one ${now:…}
        return copied, names

    def parsed(self, word: str) -> Override:
        """Parse an override, each word once."""
        if word not in self._parsed:
            (self._parsed[word],) = self._parser.parse_overrides([word])
        return self._parsed[word]

    def is_value(self, word: str) -> bool:
        """Return whether an override sets a value of the configuration, not the file of a group."""
        key = word.partition("=")[0].lstrip("+~")
        return not (key in self._groups or "/" in key or "@" in key or key.startswith("hydra."))
