"""The schema of ``conf/download.yaml``."""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import StrictBool

from cropland.config.commands import Command
from cropland.config.groups import Paths
from cropland.config.schema import FilePath
from cropland.config.sources import Source


@dataclass(frozen=True)
class Download(Command):
    """All of ``conf/download.yaml`` but the country."""

    source: Source
    paths: Paths
    points: FilePath | None
    dry_run: StrictBool
    doctor: StrictBool
