"""Promotion: the best candidate of a country becomes its registered model.

Select → compare with the champion → fit on every labelled point → log the model with its card and its
diagnostics → register → name it champion. Nothing is registered before the model is logged whole, and each
step goes on from what an interrupted one has left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from cropland.errors import DataError
from cropland.learning import choice
from cropland.learning.statistics import Comparison
from cropland.models import champion_comparison, competition, registration, registry
from cropland.sources import opening
from cropland.support import logs
from cropland.tracking.records import IDENTITY

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from cropland.config.commands.promote import Promote
    from cropland.config.countries import Country
    from cropland.models.competition import Result
    from cropland.tracking.store import Store

log = logging.getLogger(__name__)


class Decision(Enum):
    """What a promotion did with the champion."""

    SAME = auto()
    """What was selected is the champion already."""
    KEPT = auto()
    """What was selected is not clearly better than the champion, or cannot be compared with it."""
    RESTORED = auto()
    """An earlier version of what was selected is the champion again."""
    REGISTERED = auto()
    """A new version of what was selected is the champion."""


@dataclass(frozen=True, eq=False)
class Promoted:
    """The result of a country's promotion.

    Attributes
    ----------
    country, name : str
        The country, and its registered model.
    result : Result
        The competition.
    decision : Decision
        What was done with the champion.
    version : str
        The version that is the champion now.
    before : str, optional
        The version that was the champion before, None without one.
    against : Comparison or str, optional
        How what was selected compares with the champion before, or why it cannot be compared.
    in_blocks : float, optional
        The accuracy of what was selected where whole blocks are left out, where it is known.
    """

    country: str
    name: str
    result: Result
    decision: Decision
    version: str
    before: str | None
    against: Comparison | str | None
    in_blocks: float | None

    @property
    def is_champion(self) -> bool:
        """Whether what was selected is the champion now."""
        return self.decision is not Decision.KEPT


def promote(
    command: Promote, country: Country, store: Store, say: Callable[[str], None]
) -> Promoted:
    """Promote the best candidate of a country.

    Parameters
    ----------
    command : Promote
        How to select.
    country : Country
        The country of the candidates.
    store : Store
        Where they are tracked, and where the model is registered.
    say : callable
        Called with a line for each step.

    Raises
    ------
    DataError
        There is no candidate that may be selected, or the champion's files are not as they were written and
        it is not to be replaced by force.
    """
    say = _logged(say)
    archive = opening.archive_of(
        command.source,
        command.paths,
        country,
        before_filling=lambda: say(f"{country.name}: making its archive"),
    )
    for note in archive.notes:
        say(f"{country.name}: {note}")
    name = registry.model_name(command.source.name, country.name)
    with logs.timed(log, f"{country.name}: selected a candidate"):
        result = competition.compete(command, country, archive, store, say)
    champion = registry.version_of(store.client, name, registry.CHAMPION)
    against = None
    if champion and not command.force:
        champion_comparison.check_files(champion, store)
    if champion and (command.force or not _is_of(champion, result)):
        against = champion_comparison.compare_with(champion, result.selected, command, store)
    decision, version = _decided(command, result, name, champion, against, store)
    if version is None:
        with logs.timed(log, f"{country.name}: fitted and registered"):
            version = registration.registered(command, name, result, against, store, say)
    if decision in (Decision.RESTORED, Decision.REGISTERED):
        registry.crown(store.client, version)
    log.info("%s: version %s of %s, %s", country.name, version.version, name, decision.name)
    return Promoted(
        country=country.name,
        name=name,
        result=result,
        decision=decision,
        version=str(version.version),
        before=str(champion.version) if champion else None,
        against=against,
        in_blocks=_accuracy_in_blocks(version, store)
        if decision is not Decision.KEPT
        else _scored_in_blocks(command, result),
    )


def _logged(say: Callable[[str], None]) -> Callable[[str], None]:
    """Return a function that logs a line and passes it on."""

    def log_and_say(line: str) -> None:
        log.info("%s", line)
        say(line)

    return log_and_say


def _decided(
    command: Promote,
    result: Result,
    name: str,
    champion: ModelVersion | None,
    against: Comparison | str | None,
    store: Store,
) -> tuple[Decision, ModelVersion | None]:
    """Decide which version is to be the champion; None stands for one that is to be made."""
    is_same = champion is not None and _is_of(champion, result)
    if is_same and not command.force:
        return Decision.SAME, champion
    if champion and not command.force and not is_better(against):
        return Decision.KEPT, champion
    identity = result.selected.identity
    earlier = None if is_same else registry.made_before(store.client, name, identity)
    return (Decision.RESTORED if earlier else Decision.REGISTERED), earlier


def is_better(against: Comparison | str | None) -> bool:
    """Return whether what was selected is better than the champion by more than one paired standard error."""
    return isinstance(against, Comparison) and (
        against.difference > max(against.standard_error, choice.TOLERANCE)
    )


def _is_of(version: ModelVersion, result: Result) -> bool:
    """Return whether a version was made of what was selected."""
    return version.tags.get(IDENTITY) == result.selected.identity


def _scored_in_blocks(command: Promote, result: Result) -> float | None:
    """Return the accuracy of what was selected in spatial blocks, where there are enough."""
    found = registration.in_blocks(result.selected, command)
    return None if isinstance(found, str) else found.scores.accuracy


def _accuracy_in_blocks(version: ModelVersion, store: Store) -> float | None:
    """Return the accuracy in spatial blocks that the run of a version has kept, where there is one."""
    try:
        accuracy = store.run(str(version.run_id)).metrics.get("accuracy_blocks")
    except DataError:
        return None
    return accuracy if accuracy is not None and 0 <= accuracy <= 1 else None
