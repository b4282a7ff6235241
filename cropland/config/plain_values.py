"""Plain containers of OmegaConf's: a composed configuration, and single files of ``conf/``."""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import MissingMandatoryValue, OmegaConfBaseException
from yaml import YAMLError

from cropland.errors import ConfigError, nearest, no_value

_KEY = re.compile(r"\$\{([\w.]+)\}")
_RESOLVER = re.compile(r"\$\{[\w.]+:")
_PLAIN = re.compile(r"[^\s#$][^\n#$]*")
"""Text without what has a meaning of its own in YAML or OmegaConf, on one line."""


def resolved(composed: DictConfig, texts: Collection[str] = ()) -> dict[str, Any]:
    """Return a composed configuration as plain containers, without Hydra's own node.

    What a resolver gives as text, as ``${oc.env:SPAN}`` does, is read as in a file: ``"48"`` is a number.

    Parameters
    ----------
    composed : DictConfig
        What Hydra composed.
    texts : collection of str
        Dotted keys whose values are texts whatever they look like.

    Raises
    ------
    ConfigError
        A value that is missing, or that refers to one that is not there.
    """
    values = composed
    if "hydra" in composed:  # in a job it is not, and a copy takes milliseconds
        values = OmegaConf.masked_copy(composed, [str(key) for key in composed if key != "hydra"])
    try:
        plain = mapping(OmegaConf.to_container(values, resolve=True, throw_on_missing=True))
    except MissingMandatoryValue as error:
        raise ConfigError(no_value(str(error.full_key))) from error
    except OmegaConfBaseException as error:
        raise ConfigError(f"{error.full_key or 'configuration'}: {error.msg}") from error
    as_written = mapping(OmegaConf.to_container(values))
    for place in _resolver_places(as_written, as_written):
        if not any(key in texts for key in itertools.accumulate(place, "{}.{}".format)):
            _read_text(plain, place)
    return plain


def _resolver_places(
    values: object, root: Mapping[str, Any], place: tuple[str | int, ...] = ()
) -> Iterator[tuple[str | int, ...]]:
    """Yield where values stand that a resolver gives, also by way of another key."""
    if isinstance(values, dict):
        for key, value in values.items():
            yield from _resolver_places(value, root, (*place, key))
    elif isinstance(values, list):
        for number, value in enumerate(values):
            yield from _resolver_places(value, root, (*place, number))
    elif isinstance(values, str) and "${" in values and _has_resolver(values, root):
        yield place


def _has_resolver(text: str, root: Mapping[str, Any]) -> bool:
    """Return whether a resolver is in a value, or in the one that it refers to."""
    while key := _KEY.fullmatch(text):
        found: object = root
        for name in key[1].split("."):
            found = found.get(name) if isinstance(found, dict) else None
        if not isinstance(found, str):
            return False
        text = found
    return _RESOLVER.search(text) is not None


def _read_text(values: Any, place: tuple[str | int, ...]) -> None:
    """Read a text as a file of ``conf/`` would be: a number, true, false, null or a list; others stay."""
    *outer, last = place
    for key in outer:
        values = values[key]
    text = values[last]
    if not isinstance(text, str) or not _PLAIN.fullmatch(text):
        return
    with suppress(YAMLError, ValueError, OmegaConfBaseException):
        found = mapping(OmegaConf.to_container(OmegaConf.create(f"value: {text}")))["value"]
        if not isinstance(found, (dict, str)):
            values[last] = found


def overrides_of(hydra: DictConfig, kind: str = "task") -> list[str]:
    """Return the overrides of a configuration as they were given, ``${…}`` in them included.

    Parameters
    ----------
    hydra : DictConfig
        Hydra's own node.
    kind : str
        ``task``, or ``hydra`` for those of Hydra itself.
    """
    words = OmegaConf.to_container(hydra.overrides[kind], resolve=False)
    return [str(word) for word in words] if isinstance(words, list) else []


def sweep_words(hydra: DictConfig) -> list[str]:
    """Return the overrides of a sweep: ``hydra.sweeper.params``, then the words of the command line."""
    params = hydra.sweeper.get("params") or {}
    return [*(f"{key}={value}" for key, value in params.items()), *overrides_of(hydra)]


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
        raise ConfigError(f"{path} is not a file; remove it, or put a YAML file in its place")
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
