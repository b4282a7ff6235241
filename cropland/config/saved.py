"""Configurations that were saved: what ``--cfg job`` printed and ``config.yaml`` of a run.

They hold every value, and neither a list of defaults nor Hydra's own node.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import OmegaConf

from cropland.config.hydra_internals import parsed_arguments
from cropland.config.mode import without_mode
from cropland.config.plain_values import overrides_of, read_file
from cropland.config.search_path import SHIPPED
from cropland.errors import ConfigError
from cropland.support import yaml_text

if TYPE_CHECKING:
    from omegaconf import DictConfig

HYDRA = "+hydra/saved=default"
"""Adds Hydra's own node, with launcher, sweeper, callback and run folder."""
OVERRIDES = "overrides.yaml"
"""A list of overrides, as in Hydra's own file of this name, with those of Hydra behind them."""
_CALLBACK = "cropland.commands.train.SweepCallback"


def files_of(composed: DictConfig) -> dict[str, str]:
    """Return what the run of a sweep keeps of its configuration, by file name.

    ``config.yaml`` is as ``--cfg job`` shows it: unresolved, without Hydra's own node; ``overrides.yaml`` has
    the user's words.
    """
    keys = [str(key) for key in composed if key != "hydra"]
    words = [*without_mode(overrides_of(composed.hydra)), *overrides_of(composed.hydra, "hydra")]
    unsaid = (HYDRA, "hydra.mode=RUN")
    return {
        "config.yaml": OmegaConf.to_yaml(OmegaConf.masked_copy(composed, keys)),
        OVERRIDES: yaml_text.dump([word for word in words if word not in unsaid]),
    }


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
