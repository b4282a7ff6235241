"""What is known of candidates before a sweep runs: which are there already, which are outside their archive.

The process that the user started finds out and writes it beside the ledger; whatever runs a job reads it
there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.errors import WindowError
from cropland.support.writing import write_whole
from cropland.training import scoring

if TYPE_CHECKING:
    from cropland.observations.archive import Archive
    from cropland.tracking.store import Store
    from cropland.training.candidate import Candidate, Outcome

FILE = "settled.txt"
"""One mark of a candidate a line."""


def settled(
    candidates: Sequence[Candidate], archives: Mapping[str, Archive], store: Store
) -> dict[str, Outcome]:
    """Give the outcomes of the candidates that need not be run, by their marks."""
    outcomes: dict[str, Outcome] = {}
    inside: dict[str, Candidate] = {}
    for each in candidates:
        try:
            inside[each.mark] = each.within(archives[each.country.name])
        except WindowError as error:
            outcomes[each.mark] = each.outcome("outside", message=str(error))
    return outcomes | scoring.already_there(inside, archives, store)


def write(folder: Path, marks: Mapping[str, object]) -> None:
    """Keep marks for the jobs of a sweep."""
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / FILE, "".join(f"{mark}\n" for mark in marks))


@lru_cache(maxsize=1)
def read(folder: Path) -> frozenset[str]:
    """Read the marks of a sweep; there are none where its folder cannot be seen from here."""
    path = folder / FILE
    return frozenset(path.read_text(encoding="utf-8").split()) if path.is_file() else frozenset()
