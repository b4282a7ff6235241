"""Plain containers of OmegaConf's: a composed configuration, and single files of ``conf/``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from yaml import YAMLError

from cropland.errors import ConfigError, nearest, no_value


def resolved(composed: DictConfig) -> dict[str, Any]:
    """Return a composed configuration as plain containers, without Hydra's own node.

    Raises
    ------
    ConfigError
        A value that is missing, or that refers to one that is not there.
    """
    values = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    try:
        return mapping(OmegaConf.to_container(values, resolve=True, throw_on_missing=True))
    except MissingMandatoryValue as error:
        raise ConfigError(no_value(str(error.full_key))) from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key or 'configuration'}: {error.msg}") from error


def mapping(container: object) -> dict[str, Any]:
    """Return a container as a mapping with text keys.

    Raises
    ------
    ConfigError
        It is no mapping.
    """
    if not isinstance(container, dict):
        raise ConfigError(f"expected keys with values in the configuration, got {container!r}")
    return {str(key): value for key, value in container.items()}


def read_file(path: Path) -> dict[str, Any]:
    """Read a file of ``conf/``, its values as they are written.

    Raises
    ------
    ConfigError
        It cannot be read, or has no keys.
    """
    if not path.is_file():
        raise ConfigError(f"{path} is no file; remove it, or put a YAML file in its place")
    try:
        container = OmegaConf.to_container(OmegaConf.load(path))
    except (OSError, ValueError, YAMLError, OmegaConfBaseException) as error:
        raise ConfigError(f"{path} cannot be read as YAML: {error}; correct it") from error
    if not isinstance(container, dict):
        raise ConfigError(f"{path} must hold keys with values, as in span: 24, got {container!r}")
    return mapping(container)


def read_group_file(group: str, name: str, folders: Sequence[Path]) -> dict[str, Any]:
    """Read a file of a group, from the first configuration folder that has it.

    Raises
    ------
    ConfigError
        No folder has it.
    """
    for folder in folders:
        path = folder / group / f"{name}.yaml"
        if path.is_file():
            return read_file(path)
    known = {path.stem for folder in folders for path in folder.glob(f"{group}/*.yaml")}
    raise ConfigError(f"validation.candidates: unknown {group} {name!r}; {nearest(name, known)}")
