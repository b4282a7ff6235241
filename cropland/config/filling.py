"""Filling the schema of a command from what Hydra composes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any, TypeVar, get_args, get_type_hints

from cropland.config import secrets
from cropland.config.groups import Configuration
from cropland.config.mode import KEYS
from cropland.config.model import model
from cropland.config.schema import filled, require
from cropland.config.sources import Source
from cropland.errors import nearest, no_value

T = TypeVar("T")
_OF_MODEL = ("allow",)
"""Keys beside the group `model` that say which of its classes may be made."""


def command(schema: type[T], composed: Mapping[str, Any]) -> T:
    """Fill and check the schema of a command's configuration, given as plain containers without `country`.

    Keys that only ``conf/train.yaml`` has are ignored: ``conf/local.yaml`` serves all commands. So are
    those of `cropland.config.mode`, which decide no result. No value may hold a secret, see
    `cropland.config.secrets`.

    Raises
    ------
    ConfigError
        Unknown key, value of the wrong type, or a rule between values that does not hold.
    """
    secrets.check(dict(composed), "")
    own, elsewhere = _hints(schema), _hints(Configuration)  # type: ignore[arg-type]
    passed_over = {*elsewhere, *_OF_MODEL, *KEYS} - set(own)
    values = {key: value for key, value in composed.items() if key not in passed_over}
    for key in ("model", "source"):
        require(key in values or key not in own, no_value(key))
        there = values.get(key, {})
        require(isinstance(there, dict), f"{key} must be a group of keys, got {there!r}")
    if "model" in own:
        given = {key: composed[key] for key in _OF_MODEL if key in composed}
        values["model"] = model(values.get("model", {}), **given)
    if isinstance(values.get("validation"), dict):
        values["validation"] = _validation(values["validation"])
    if "source" not in own:
        return filled(schema, values)
    source = values.get("source", {}).get("name")
    kinds = {get_args(_hints(kind)["name"])[0]: kind for kind in get_args(Source)}
    require(str(source) in kinds, f"unknown source.name {source!r}; {nearest(str(source), kinds)}")
    values["source"] = filled(kinds[source], values["source"], "source.")
    return filled(schema, values)


def values_of(configuration: Configuration) -> dict[str, Any]:
    """Return a configuration as plain containers in the form of ``conf/``, of which `command` makes it."""
    model = configuration.model
    return asdict(configuration) | {"model": model.file, "allow": list(model.allow)}


@cache
def _hints(schema: type[object]) -> dict[str, Any]:
    """Return the types of a schema's fields, worked out once: every job of a sweep asks for them."""
    return get_type_hints(schema)


def _validation(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a nested validation does not vary."""
    varied = values.get("candidates")
    if not isinstance(varied, dict):
        return dict(values)
    return {**values, "candidates": {key: v for key, v in varied.items() if v is not None}}
