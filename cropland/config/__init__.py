"""The schema of ``conf/``: frozen dataclasses, filled and checked before any work starts.

The schema is closed: an unknown key, a value of the wrong type or a broken rule is a `ConfigError` of one
line.
"""

from cropland.config.groups import (
    Bands,
    Configuration,
    Features,
    Paths,
    Promotion,
    Rule,
    Series,
    Study,
    Tracking,
    Validation,
    check_seed_and_cores,
)
from cropland.config.model import FAST, Model
from cropland.config.sources import Catalog, EarthEngine, Fetched, Files, Simulated, Source, Stac

__all__ = [
    "FAST",
    "Bands",
    "Catalog",
    "Configuration",
    "EarthEngine",
    "Features",
    "Fetched",
    "Files",
    "Model",
    "Paths",
    "Promotion",
    "Rule",
    "Series",
    "Simulated",
    "Source",
    "Stac",
    "Study",
    "Tracking",
    "Validation",
    "check_seed_and_cores",
]
