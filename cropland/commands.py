"""Commands: the schema of the files at the top of ``conf/``, filled from what Hydra composes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_type_hints

from pydantic import StrictBool, StrictInt

from cropland.config import (
    Configuration,
    Paths,
    Promotion,
    Source,
    Tracking,
    Validation,
    check_seed_and_cores,
)
from cropland.countries import iso_date
from cropland.errors import nearest
from cropland.schema import CLOSED, filled, require

WHERE = ("source", "paths.", "tracking")
"""Overrides that say where a command works, not what it does."""


@dataclass(frozen=True)
class Promote:
    """All of ``conf/promote.yaml`` but the country."""

    __pydantic_config__ = CLOSED

    validation: Validation
    source: Source
    tracking: Tracking
    paths: Paths
    promotion: Promotion
    seed: StrictInt
    n_jobs: StrictInt
    force: StrictBool

    def __post_init__(self) -> None:
        check_seed_and_cores(self.seed, self.n_jobs)


@dataclass(frozen=True)
class Predict:
    """All of ``conf/predict.yaml`` but the country."""

    __pydantic_config__ = CLOSED

    source: Source
    tracking: Tracking
    paths: Paths
    output: str
    points: str | None
    probabilities: StrictBool
    missing: Literal["empty", "majority"]
    reference_end: str | None
    alias: str

    def __post_init__(self) -> None:
        if self.reference_end is not None:
            iso_date(self.reference_end, "reference_end")


@dataclass(frozen=True)
class Download:
    """All of ``conf/download.yaml`` but the country."""

    __pydantic_config__ = CLOSED

    source: Source
    paths: Paths
    points: str | None
    dry_run: StrictBool
    doctor: StrictBool


def configuration(composed: Mapping[str, Any]) -> Configuration:
    """Fill and check the schema of ``conf/train.yaml``.

    Parameters
    ----------
    composed : mapping
        Plain containers: the groups and values of ``conf/train.yaml`` without `country`.

    Returns
    -------
    Configuration
        The checked configuration.

    Raises
    ------
    ConfigError
        Unknown key, value of the wrong type, or a rule between values that does not hold.
    """
    made: Configuration = command(Configuration, composed)
    return made


def command(schema: type[Any], composed: Mapping[str, Any]) -> Any:
    """Fill and check the schema of a command's configuration.

    Keys that only ``conf/train.yaml`` has are passed over: ``conf/local.yaml`` serves all commands.

    Raises
    ------
    ConfigError
        As `configuration` does.
    """
    own, elsewhere = get_type_hints(schema), get_type_hints(Configuration)
    values = {key: value for key, value in composed.items() if key in own or key not in elsewhere}
    if "model" in own:
        values["model"] = _model(values.get("model", {}))
    if isinstance(values.get("validation"), dict):
        values["validation"] = _validation(values["validation"])
    source = dict(values.get("source", {})).get("name")
    kinds = {get_args(get_type_hints(kind)["name"])[0]: kind for kind in get_args(Source)}
    require(source in kinds, f"unknown source.name {source!r}; {nearest(str(source), kinds)}")
    values["source"] = filled(kinds[source], values["source"], "source.")
    return filled(schema, values)


def _model(values: Mapping[str, Any]) -> dict[str, Any]:
    """Part the house's own keys of a model file from the parameters of its class."""
    own = {"name": "name", "scale": "scale", "_target_": "target"}
    return {
        **{name: values[key] for key, name in own.items() if key in values},
        "parameters": {key: value for key, value in values.items() if key not in own},
    }


def _validation(values: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what a nested validation does not vary."""
    varied = values.get("candidates")
    if not isinstance(varied, dict):
        return dict(values)
    return {**values, "candidates": {key: v for key, v in varied.items() if v is not None}}
