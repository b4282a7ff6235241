"""The schema of each command, a file a script, named as its file at the top of ``conf/``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import fields
from typing import Any

from cropland.config.schema import Closed, given_keys, require
from cropland.errors import unknown_key
from cropland.support.words import SEARCH_PATH

WHERE = ("source", "paths.", "tracking", SEARCH_PATH)
"""Overrides that say where a command works, not what it does."""
ONCE = "tracking.moved"
"""One of them that is for one command, not for the next."""


def repeated(words: Iterable[str]) -> list[str]:
    """Return the overrides that the next command needs too: those that say where it works."""
    return [word for word in words if says_where(word) and not word.lstrip("+").startswith(ONCE)]


def says_where(word: str) -> bool:
    """Return whether an override says where a command works, also one that adds a key with ``+``."""
    return word.lstrip("+").startswith(WHERE)


class Command(Closed):
    """A command that is no sweep: a frozen dataclass of all of its file in ``conf/`` but the country."""

    def check_given(self: Any, words: Iterable[str]) -> None:
        """Refuse overrides that the command has no use for.

        What ``conf/local.yaml`` has for other commands is passed over; what is given by hand, as in
        ``+span=24``, is not.

        Raises
        ------
        ConfigError
            One is given.
        """
        known = ["country", *(entry.name for entry in fields(self))]
        for key in given_keys(words):
            require(re.split("[.@/]", key, maxsplit=1)[0] in known, unknown_key(key, known))
