"""The schema of ``conf/predict.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import StrictBool

from cropland.config.commands import Command
from cropland.config.countries import iso_date
from cropland.config.groups import Paths, Tracking
from cropland.config.schema import FilePath
from cropland.config.sources import Source


@dataclass(frozen=True)
class Predict(Command):
    """All of ``conf/predict.yaml`` but the country."""

    source: Source
    tracking: Tracking
    paths: Paths
    output: FilePath
    points: FilePath | None
    probabilities: StrictBool
    missing: Literal["empty", "majority"]
    reference_end: str | None
    alias: str

    def __post_init__(self) -> None:
        if self.reference_end is not None:
            iso_date(self.reference_end, "reference_end")
