"""The schema of each command, a file a script, named as its file at the top of ``conf/``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any, ClassVar

from omegaconf import OmegaConf

from cropland.config.mode import PRINTING
from cropland.config.plain_values import mapping, read_file
from cropland.config.schema import Closed, given_keys, require
from cropland.errors import unknown_key
from cropland.support.words import SEARCH_PATH

if TYPE_CHECKING:
    from cropland.config.groups import Configuration

WHERE = ("source", "paths.", "tracking", SEARCH_PATH)
"""Overrides that say where a command works, not what it does."""
ONCE = "tracking.moved"
"""One of them that is for one command, not for the next."""


def repeated(words: Iterable[str]) -> list[str]:
    """Return the overrides that the next command needs too: those that say where it works."""
    return [word for word in words if says_where(word) and not word.lstrip("+").startswith(ONCE)]


def places(configuration: Configuration) -> list[str]:
    """Return overrides for where a configuration works, of what differs from the project's own files."""
    from cropland.config.search_path import SHIPPED  # imports Hydra, which a notebook does not need

    source = configuration.source.name
    words = [f"source={source}"] if source != "simulated" else []
    for group, name in (("source", source), ("paths", "default"), ("tracking", "local")):
        path = SHIPPED / group / f"{name}.yaml"
        file = OmegaConf.create(read_file(path) if path.is_file() else {})
        shipped = mapping(OmegaConf.to_container(file, resolve=True))
        values = asdict(getattr(configuration, group))
        usual = {
            key: value
            for key, value in shipped.items()
            if isinstance(values.get(key), str | int | float)
        }
        words += [
            f"{group}.{key}={_text(values[key])}"
            for key, value in usual.items()
            if value != values[key] and f"{group}.{key}" != ONCE
        ]
    return words


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def says_where(word: str) -> bool:
    """Return whether an override says where a command works, also one that adds a key with ``+``."""
    return word.lstrip("+").startswith(WHERE)


class Command(Closed):
    """A command that is no sweep: a frozen dataclass of all of its file in ``conf/`` but the country."""

    HAS_COUNTRY: ClassVar[bool] = True
    """Whether it is for countries that there are."""

    def check_given(self: Any, words: Iterable[str]) -> None:
        """Raise an error for overrides that the command has no use for.

        What ``conf/local.yaml`` has for other commands is ignored; what is given by hand, as in
        ``+span=24``, is not.

        Raises
        ------
        ConfigError
            One is given.
        """
        known = [*PRINTING, *(entry.name for entry in fields(self))]
        known += ["country"] if self.HAS_COUNTRY else []
        for key in given_keys(words):
            require(re.split("[.@/]", key, maxsplit=1)[0] in known, unknown_key(key, known))
