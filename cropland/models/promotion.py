"""Promotion: the best candidate of a country becomes its registered model.

Select → compare with the champion → fit on every labelled point → log the model with its card and its
diagnostics → register → name it champion. Nothing is registered before the model is logged whole, and each
step goes on from what an interrupted one has left.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

from cropland.config.groups import Validation
from cropland.errors import DataError
from cropland.learning import choice
from cropland.learning.statistics import Comparison
from cropland.models import champion_comparison, competition, fitting, mlflow_model, registry
from cropland.models.card import CardFacts, card
from cropland.models.diagnostics import diagnostic_files
from cropland.models.version_files import CHECKSUM_OF_RECIPE
from cropland.observations.point_counts import given_counts
from cropland.sources import opening
from cropland.support import signals
from cropland.tracking.experiments import SIMULATED
from cropland.tracking.provenance import code_tags
from cropland.tracking.records import ARCHIVE, COMPARISON, COUNTRY, IDENTITY, KIND
from cropland.training import out_of_fold

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from cropland.config.commands.promote import Promote
    from cropland.config.countries import Country
    from cropland.learning.cross_validation import Scores
    from cropland.models.competition import Result
    from cropland.tracking.records import Record
    from cropland.tracking.store import Store
    from cropland.training.candidate_data import CandidateData

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
        version = _registered(command, name, result, against, store, say)
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


def _registered(
    command: Promote,
    name: str,
    result: Result,
    against: Comparison | str | None,
    store: Store,
    say: Callable[[str], None],
) -> ModelVersion:
    """Fit the selected candidate, log the model with its card and diagnostics, and register it."""
    selected = result.selected
    material, candidate = selected.material, selected.material.candidate
    country = candidate.country.name
    say(f"{country}: fitting {candidate.name} on every labelled point")
    tags = {"candidate": selected.run.run_id, ARCHIVE: material.archive.fingerprint}
    of_run = {KIND: "promotion", COUNTRY: country, **candidate.window_tags(), **tags}
    with store.running(f"promote {country}", of_run | code_tags(), None) as record:
        fitted = fitting.fit(material, _facts_of_model(result), selected.scores)
        counts, in_blocks = fitting.label_counts(material), _in_blocks(material, command)
        facts = CardFacts(name, fitted, result, in_blocks, counts, against)
        text = card(facts, command)
        _record(record, facts, text)
        if command.promotion.figures:
            say(f"{country}: drawing diagnostic figures")
            simulated = name.startswith(SIMULATED)
            record.files |= diagnostic_files(
                material, selected.scores, fitted, command.validation, simulated=simulated
            )
        logged = mlflow_model.log(
            fitted,
            run_id=record.run_id,
            tracking_uri=command.tracking.uri,
            input_example=fitting.example(material, fitted),
            description=text,
        )
    signals.check()
    tags |= {key: selected.run.tags[key] for key in (IDENTITY, COMPARISON)}
    tags[CHECKSUM_OF_RECIPE] = logged.checksum
    # Another process may have promoted the same candidate meanwhile.
    other = None if command.force else registry.made_before(store.client, name, tags[IDENTITY])
    return other or registry.register(store.client, name, logged.uri, record.run_id, text, tags)


def _facts_of_model(result: Result) -> dict[str, object]:
    """Return what the model itself keeps of its scores."""
    scores = result.selected.scores
    return {
        "accuracy": scores.accuracy,
        "accuracy_corrected": result.estimate.value,
        "majority": int(scores.out_of_fold["Target"].to_numpy().mean() >= 0.5),
    }


def _in_blocks(material: CandidateData, command: Promote) -> Scores | str:
    """Score the selected candidate with whole spatial blocks left out; or return why that cannot be done."""
    blocks = Validation(
        name="blocks", folds=command.validation.folds, block_km=command.promotion.block_km
    )
    try:
        return material.scores(blocks)
    except (DataError, ValueError) as error:
        return str(error)


def _record(record: Record, facts: CardFacts, text: str) -> None:
    """Fill the record of a promotion's run."""
    result, scores = facts.result, facts.result.selected.scores
    material = result.selected.material
    record.params |= material.candidate.params()
    record.steps = {"accuracy": material.candidate.months}
    record.metrics |= {
        "accuracy": scores.accuracy,
        "accuracy_se": scores.accuracy_se,
        "accuracy_corrected": result.estimate.value,
        "accuracy_corrected_low": result.estimate.low,
        "accuracy_corrected_high": result.estimate.high,
        "n_candidates": result.n_tried,
        **material.candidate.window_metrics(),
    }
    if not isinstance(facts.in_blocks, str):
        record.metrics |= {
            "accuracy_blocks": facts.in_blocks.accuracy,
            "accuracy_blocks_se": facts.in_blocks.accuracy_se,
        }
    record.metrics |= material.archive.counts
    record.metrics |= given_counts(material.archive).of_samples(material.labelled).metrics()
    record.metrics |= asdict(material.evidence)
    record.note = text
    record.files |= {
        "card.md": text,
        **material.candidate.config_files,
        "candidates.csv": result.table.to_csv(),
        out_of_fold.FILE: out_of_fold.as_csv(scores.out_of_fold),
    }
