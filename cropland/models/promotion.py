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
from cropland.models import champion_comparison, competition, registry
from cropland.models.registration import registered
from cropland.sources import opening
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
    """The selected candidate is the champion already."""
    KEPT = auto()
    """The champion is more accurate than the selected candidate."""
    RESTORED = auto()
    """An earlier version of the selected candidate is the champion again."""
    REGISTERED = auto()
    """A new version of the selected candidate is the champion."""


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
        How the selected candidate compares with the champion before, or why it cannot be compared.
    in_blocks : float, optional
        The accuracy of the selected candidate where whole blocks are left out, where it is known.
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
        """Whether the selected candidate is the champion now."""
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
    result = competition.compete(command, country, archive, store, say)
    champion = registry.version_of(store.client, name, registry.CHAMPION)
    against = None
    if champion and not command.force:
        champion_comparison.check_files(champion, store)
    if champion and (command.force or not _is_of(champion, result)):
        against = champion_comparison.compare_with(champion, result.selected, command, store)
    decision, version = _decided(command, result, name, champion, against, store)
    if version is None:
        version = registered(command, name, result, against, store, say)
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
        in_blocks=None if decision is Decision.KEPT else _accuracy_in_blocks(version, store),
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
    is_better = isinstance(against, Comparison) and against.difference < -choice.TOLERANCE
    if is_better and not command.force:
        return Decision.KEPT, champion
    identity = result.selected.run.tags[IDENTITY]
    earlier = None if is_same else registry.made_before(store.client, name, identity)
    return (Decision.RESTORED if earlier else Decision.REGISTERED), earlier


def _is_of(version: ModelVersion, result: Result) -> bool:
    """Return whether a version was made of the selected candidate."""
    return version.tags.get(IDENTITY) == result.selected.run.tags[IDENTITY]


def _accuracy_in_blocks(version: ModelVersion, store: Store) -> float | None:
    """Return the accuracy in spatial blocks that the run of a version has kept, where there is one."""
    try:
        accuracy = store.run(str(version.run_id)).metrics.get("accuracy_blocks")
    except DataError:
        return None
    return accuracy if accuracy is not None and 0 <= accuracy <= 1 else None
