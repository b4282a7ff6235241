"""``country=[iran,sudan]``: several countries in one job.

Hydra merges the files that a list chooses into one node, in which the last one's values win. So the node
becomes the names, ``iran+sudan``, and the files are read one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict

from cropland.config.countries import EVERY_COUNTRY
from cropland.config.jobs import JOINT, country_values
from cropland.config.plain_values import overrides_of
from cropland.config.schema import require

if TYPE_CHECKING:
    from pathlib import Path

_GROUP = "country/"


def listed_names(composed: DictConfig, hydra: DictConfig) -> list[str]:
    """Return the countries of a list that was chosen; none where one file was, or no file.

    Parameters
    ----------
    composed : DictConfig
        What Hydra composed.
    hydra : DictConfig
        Hydra's own node.

    Raises
    ------
    ConfigError
        A list that has ``all`` among others.
    """
    is_of_file = "country" in hydra.runtime.choices or "country" not in composed
    # Where Hydra has not composed, as in a worker of Dask, lists are names already.
    if is_of_file or not GlobalHydra.instance().is_initialized():
        return []
    words = [*overrides_of(hydra, "hydra"), *overrides_of(hydra)]
    mode = hydra.mode or RunMode.RUN
    loader = GlobalHydra.instance().config_loader()
    defaults = loader.compute_defaults_list(hydra.job.config_name, words, mode).defaults
    names = [
        str(entry.config_path).removeprefix(_GROUP)
        for entry in defaults
        if str(entry.config_path).startswith(_GROUP) and not str(entry.parent).startswith(_GROUP)
    ]
    require(
        EVERY_COUNTRY not in names or len(names) == 1,
        f"country=[{','.join(names)}]: {EVERY_COUNTRY} is every country; leave out the others",
    )
    return [] if names == [EVERY_COUNTRY] else names


def keep_names(composed: DictConfig, names: Sequence[str], folders: Sequence[Path]) -> None:
    """Replace the merged values of several countries by their names.

    Raises
    ------
    ConfigError
        A value was set, which would be that of each of them.
    """
    joint = JOINT.join(dict.fromkeys(names))
    if JOINT not in joint or composed.country.get("name") == joint:
        return
    files = [country_values(name, folders) for name in names]
    merged = OmegaConf.to_container(OmegaConf.merge(*files))
    require(
        OmegaConf.to_container(composed.country) == merged,
        f"country.… is a value of one country, and country=[{','.join(names)}] are several: set it in the "
        f"country's file, or give that country alone",
    )
    with open_dict(composed):
        composed.country = {"name": joint}
