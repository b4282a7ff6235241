"""Commands: the schema of the files at the top of ``conf/``, filled from what Hydra composes."""

from cropland.config import Configuration
from cropland.config.commands.assess import Assess
from cropland.config.commands.compare import Compare, LandCover
from cropland.config.commands.map import Dask, Map
from cropland.config.commands.models import Download, Predict, Promote
from cropland.config.filling import command, configuration

WHERE = ("source", "paths.", "tracking")
"""Overrides that say where a command works, not what it does."""

__all__ = [
    "WHERE",
    "Assess",
    "Compare",
    "Configuration",
    "Dask",
    "Download",
    "LandCover",
    "Map",
    "Predict",
    "Promote",
    "command",
    "configuration",
]
