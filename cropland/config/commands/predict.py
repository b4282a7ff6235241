"""The schema of ``conf/predict.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import StrictBool

from cropland.config.commands import Command
from cropland.config.countries import iso_date
from cropland.config.groups import Paths, Tracking
from cropland.config.schema import FilePath, Text, require
from cropland.config.sources import Source
from cropland.errors import ConfigError
from cropland.support.point_output import format_error


@dataclass(frozen=True)
class Predict(Command):
    """All of ``conf/predict.yaml`` but the country."""

    source: Source
    tracking: Tracking
    paths: Paths
    output: FilePath
    page: FilePath | None
    points: FilePath | None
    columns: Literal["all", "submission"]
    missing: Literal["empty", "majority"]
    reference_end: Text | None
    alias: str
    force: StrictBool
    dry_run: StrictBool = False

    def __post_init__(self) -> None:
        if self.reference_end is not None:
            iso_date(self.reference_end, "reference_end")
        require(not (error := format_error(self.output)), error)
        if self.columns == "submission" and Path(self.output).suffix.lower() != ".csv":
            raise ConfigError(
                f"columns=submission is ID,Target as CSV, and output is {self.output}; end its name in .csv, "
                f"or leave columns out"
            )
        if self.page is not None and Path(self.page) == Path(self.output):
            raise ConfigError(
                f"output and page are one file, {self.page}; set page to another, as in page=points.html"
            )
        require(
            self.page is None or Path(self.page).suffix.lower() in (".html", ".htm"),
            f"page is an HTML file, got {self.page}; end its name in .html",
        )
