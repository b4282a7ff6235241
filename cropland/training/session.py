"""A sweep under way, as the process that the user started knows it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from cropland.config.groups import Configuration
    from cropland.observations.archive import Archive
    from cropland.tracking.store import Store
    from cropland.training.candidate import Candidate, Outcome
    from cropland.training.ledger import Ledger


@dataclass(frozen=True)
class Session:
    """A sweep under way.

    Attributes
    ----------
    store : Store
        Where it is tracked.
    parent_run : str
        Id of its parent run.
    name : str
        Name of that run.
    words : list of str
        The overrides that the user gave.
    candidates : list of Candidate
        All that it is to score.
    archives : mapping of str to Archive
        Archive of each country.
    ledger : Ledger
        What has become of its candidates.
    console : Console
        Where it speaks while it runs.
    watching : ExitStack
        What shows its progress, to be closed.
    """

    store: Store
    parent_run: str
    name: str
    words: list[str]
    candidates: list[Candidate]
    archives: Mapping[str, Archive]
    ledger: Ledger
    console: Console
    watching: ExitStack

    @property
    def configuration(self) -> Configuration:
        """What all candidates have in common: source, tracking, study, promotion."""
        return self.candidates[0].configuration

    def outcomes(self) -> list[Outcome]:
        """Say what became of its candidates, in the order in which these were asked for."""
        order = {each.key: number for number, each in enumerate(self.candidates)}
        return sorted(self.ledger.read(), key=lambda outcome: order.get(outcome.key, len(order)))
