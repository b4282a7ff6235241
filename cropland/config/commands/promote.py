"""The schema of ``conf/promote.yaml``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from pydantic import StrictBool

from cropland.config.commands import Command
from cropland.config.groups import (
    Configuration,
    Paths,
    Promotion,
    Tracking,
    Validation,
)
from cropland.config.schema import Cores, Seed
from cropland.config.sources import Source
from cropland.errors import ConfigError


@dataclass(frozen=True)
class Promote(Command):
    """All of ``conf/promote.yaml`` but the country."""

    validation: Validation
    source: Source
    tracking: Tracking
    paths: Paths
    promotion: Promotion
    seed: Seed
    n_jobs: Cores
    force: StrictBool
    dry_run: StrictBool = False

    @classmethod
    def of(cls, configurations: Sequence[Configuration]) -> Promote:
        """Return the command that promotes the best of a sweep's configurations.

        Raises
        ------
        ConfigError
            The sweep is nested, or its configurations differ in what must be equal to compare them.
        """
        common = configurations[0]
        if common.validation.candidates:
            raise ConfigError(
                "promote=true and validation=nested do not go together: a nested validation scores the "
                "selection, not a candidate; sweep by validation=kfold and promote that"
            )
        for name in ("validation", "seed"):
            found = {repr(getattr(each, name)) for each in configurations}
            if len(found) > 1:
                raise ConfigError(
                    f"promote=true needs one {name}, the sweep has {len(found)}; leave it out, and run "
                    "promote with the one to compare by"
                )
        names = [field.name for field in fields(cls) if hasattr(common, field.name)]
        own = {name: getattr(common, name) for name in names}
        return cls(**own | {"force": False})  # of a sweep, force says to score candidates again
