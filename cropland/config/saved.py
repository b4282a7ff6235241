"""Configurations that were saved: what ``--cfg job`` printed and ``config.yaml`` of a run.

They hold every value, and neither a list of defaults nor Hydra's own node.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.config.hydra_internals import parsed_arguments
from cropland.config.plain_values import read_file
from cropland.config.search_path import SHIPPED
from cropland.errors import ConfigError

if TYPE_CHECKING:
    from omegaconf import DictConfig

HYDRA = "+hydra/saved=default"
"""Adds Hydra's own node, with launcher, sweeper, callback and run folder."""
_CALLBACK = "cropland.commands.train.SweepCallback"


def with_hydra(words: Sequence[str]) -> list[str]:
    """Return the words of ``train``, with Hydra's own node where ``--config-name`` names a saved file.

    Raises
    ------
    ConfigError
        The file cannot be read.
    """
    arguments, _ = parsed_arguments(words)
    if arguments.config_name is None:
        return list(words)
    file = f"{arguments.config_name.removesuffix('.yaml')}.yaml"
    folders = [Path(place) for place in ("conf", arguments.config_path or SHIPPED)]
    folders += [Path(arguments.config_dir)] if arguments.config_dir else []
    path = next((folder / file for folder in folders if (folder / file).is_file()), None)
    is_saved = path is not None and not {"defaults", "hydra"} & set(read_file(path))
    return [*words, HYDRA] if is_saved else list(words)


def check_hydra(hydra: DictConfig) -> None:
    """Check that Hydra's own node has the callback that surrounds jobs and tracks them.

    Raises
    ------
    ConfigError
        It has not.
    """
    if _CALLBACK not in [callback._target_ for callback in hydra.callbacks.values()]:
        raise ConfigError(
            f"{hydra.job.config_name} has a list of defaults without what tracks jobs; begin it with "
            f"- hydra: default, as conf/train.yaml does, or extend that: defaults: [train, _self_]"
        )
