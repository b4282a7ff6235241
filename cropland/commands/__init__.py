"""Commands: the schema of the files at the top of ``conf/``, filled from what Hydra composes."""

from cropland.commands.assess import Assess
from cropland.commands.filling import command, configuration
from cropland.commands.landcover import Compare, LandCover
from cropland.commands.maps import Dask, Map
from cropland.commands.models import Download, Predict, Promote
from cropland.config import Configuration

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
