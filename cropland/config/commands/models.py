"""The schema of the commands about models: promote, predict, download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import StrictBool, StrictInt

from cropland.config import Paths, Promotion, Source, Tracking, Validation, check_seed_and_cores
from cropland.config.countries import iso_date
from cropland.config.schema import CLOSED, FilePath


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
    output: FilePath
    points: FilePath | None
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
    points: FilePath | None
    dry_run: StrictBool
    doctor: StrictBool
