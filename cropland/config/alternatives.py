"""What a nested validation chooses from: every combination of the values that it varies."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from cropland.config import filling
from cropland.config.groups import Configuration
from cropland.config.plain_values import read_group_file, resolved
from cropland.config.schema import text_keys
from cropland.errors import ConfigError, unknown_key

_VARIED = ("span", "period", "bands", "series", "features", "model")
"""What can be varied."""


def alternatives(
    outer: Configuration, values: Mapping[str, Any], folders: Sequence[Path]
) -> Iterator[Configuration]:
    """Compose every combination that a nested validation chooses from.

    Parameters
    ----------
    outer : Configuration
        The configuration with the nested validation; of another there is none.
    values : mapping
        The same as plain containers.
    folders : sequence of Path
        Configuration folders, in the order in which a file is looked for.

    Raises
    ------
    ConfigError
        A key that cannot be varied, without a value, or of a group that has settings of its own.
    """
    varied = outer.validation.candidates
    if varied is None:
        return
    validation = values["validation"]
    kept = {key: validation[key] for key in ("folds", "block_km") if key in validation}
    inner = {**kept, "name": "inner", "folds": outer.validation.inner}
    _check_varied(varied, values, folders)
    texts = text_keys(Configuration)
    for combination in itertools.product(*map(dict.fromkeys, varied.values())):
        alternative = copy.deepcopy({**values, "validation": inner})
        for key, value in zip(varied, combination, strict=True):
            if isinstance(values[key], dict):  # a group: the whole file takes its place
                alternative[key] = read_group_file(key, str(value), folders)
            else:
                alternative[key] = value
        yield filling.command(Configuration, resolved(OmegaConf.create(alternative), texts))


def _check_varied(
    varied: Mapping[str, list[Any]], values: Mapping[str, Any], folders: Sequence[Path]
) -> None:
    """Raise an error for what cannot be varied, and settings that would not reach what is varied."""
    for key, wanted in varied.items():
        where = f"validation.candidates.{key}"
        if key not in _VARIED:
            raise ConfigError(f"{where}: {unknown_key(key, _VARIED)}")
        if not wanted:
            raise ConfigError(
                f"{where} is empty; list its values, or give null for the configured one"
            )
        group = values[key]
        if isinstance(group, dict) and group != read_group_file(key, str(group["name"]), folders):
            raise ConfigError(
                f"{where} uses whole files of conf/{key}/: settings such as {key}.…=… would not apply "
                "to them; leave these out, or add a file of your own there"
            )
