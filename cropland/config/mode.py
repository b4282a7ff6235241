"""Keys that decide how much a command prints, and whether it only plans; no result depends on them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import StrictBool

from cropland.config.schema import Closed, filled, given_keys, require

PRINTING = ("verbose", "quiet")
"""Keys of every command."""
KEYS = (*PRINTING, "dry_run")


@dataclass(frozen=True)
class Mode(Closed):
    """How much a command prints, and whether it only prints what it would do.

    Attributes
    ----------
    verbose : bool
        Print what is read and written, and how long each step takes.
    quiet : bool
        Print errors, warnings and the result only.
    dry_run : bool
        Check everything, print what would be done, and write nothing.
    """

    verbose: StrictBool = False
    quiet: StrictBool = False
    dry_run: StrictBool = False

    def __post_init__(self) -> None:
        require(
            not (self.verbose and self.quiet),
            "verbose=true and quiet=true are both given; leave one of them out",
        )

    @property
    def amount(self) -> dict[str, bool]:
        """How much is printed: the arguments of `cropland.support.terminal.set_amount`."""
        return {"verbose": self.verbose, "quiet": self.quiet}

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Mode:
        """Return the mode of a composed configuration, which may lack its keys.

        Raises
        ------
        ConfigError
            A value that is neither true nor false, or verbose and quiet together.
        """
        return filled(cls, {key: values[key] for key in KEYS if key in values})


def without_mode(words: Iterable[str]) -> list[str]:
    """Return the overrides of a command that decide its results."""
    return [word for word in words if given_keys([word])[0] not in KEYS]
