"""Promotion: the best candidate of a country becomes its registered model.

Choose → compare with the champion that is there → refit on every labelled point → log the model and its
portrait → register → name it champion. Nothing is registered before the model is logged whole, and each step
finds what an interrupted one has left.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version as installed
from typing import TYPE_CHECKING, TypeGuard

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.config.groups import Validation
from cropland.errors import CroplandError, DataError
from cropland.features import matrix as features
from cropland.learning import choice
from cropland.learning.cross_validation import independent, together
from cropland.models import competition, registry
from cropland.models import fitted as model
from cropland.models.applicability import Applicability
from cropland.models.card import Facts, card
from cropland.models.importance import impurity
from cropland.models.portrait import portrait
from cropland.observations.long_table import of_points
from cropland.sources import opening
from cropland.support import signals
from cropland.tracking.experiments import SIMULATED
from cropland.tracking.provenance import code_tags
from cropland.tracking.records import ARCHIVE, COMPARISON, IDENTITY
from cropland.training import out_of_fold

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from cropland.config.commands.promote import Promote
    from cropland.config.countries import Country
    from cropland.learning.choice import Comparison
    from cropland.learning.classifiers import Classifier
    from cropland.learning.cross_validation import Scores
    from cropland.models.competition import Finalist, Result
    from cropland.tracking.records import Record
    from cropland.tracking.store import Store
    from cropland.training.candidate_data import Material

PROMOTION = "promotion"
_EXAMPLE_POINTS = 2


@dataclass(frozen=True, eq=False)
class Promoted:
    """How the promotion of a country ended.

    Attributes
    ----------
    country, name : str
        The country, and its registered model.
    result : Result
        The competition.
    version : str
        The version that is champion now.
    decision : str
        What was done and why, for the screen.
    is_champion : bool
        Whether the winner of the competition is the champion now.
    in_blocks : float or str
        The winner's accuracy where whole blocks are left out, or why there is none.
    """

    country: str
    name: str
    result: Result
    version: str
    decision: str
    is_champion: bool
    in_blocks: float | str


def promote(
    command: Promote, country: Country, store: Store, say: Callable[[str], None]
) -> Promoted:
    """Promote the best candidate of a country.

    Parameters
    ----------
    command : Promote
        How to choose.
    country : Country
        Whose candidates.
    store : Store
        Where they are tracked, and where the model is registered.
    say : callable
        Told what is being done.

    Raises
    ------
    DataError
        There is no candidate that may win.
    """
    archive = opening.archive_of(
        command.source,
        command.paths,
        country,
        before_filling=lambda: say(f"{country.name}: making its archive"),
    )
    name = registry.model_name(command.source.name, country.name)
    result = competition.compete(command, country, archive, store, say)
    identity = result.winner.run.tags[IDENTITY]
    champion = registry.version_of(store.client, name, registry.CHAMPION)
    if champion and champion.tags.get(IDENTITY) == identity and not command.force:
        decision = f"version {champion.version} stays champion: it is the winner already"
        return _promoted(country, result, champion, decision, store)
    against = _against(champion, result.winner, command, store) if champion else None
    if champion and _is_better(against) and not command.force:
        decision = f"version {champion.version} stays champion: {_kept(against)}"
        return _promoted(country, result, champion, decision, store, is_champion=False)
    again = champion is not None and champion.tags.get(IDENTITY) == identity
    made = None if again else registry.made_before(store.client, name, identity)
    decision = f"version {made.version} of before is champion" if made else ""
    if made is None:
        made = _made(command, name, result, against, store, say)
        decision = f"registered as version {made.version}, now champion"
    registry.crown(store.client, made)
    if champion:
        decision += f" in place of version {champion.version}{_compared(against)}"
    return _promoted(country, result, made, decision, store)


def _promoted(
    country: Country,
    result: Result,
    version: ModelVersion,
    decision: str,
    store: Store,
    *,
    is_champion: bool = True,
) -> Promoted:
    """Say how it ended, with what the champion's promotion has kept of its score in blocks."""
    in_blocks: float | str = "not promoted"
    if is_champion:
        try:
            run = store.run(str(version.run_id))
            in_blocks = run.metrics.get("accuracy_blocks", "there is none, see its card")
        except DataError:
            in_blocks = "its run is gone"
    return Promoted(
        country.name, version.name, result, str(version.version), decision, is_champion, in_blocks
    )


def _is_better(against: Comparison | str | None) -> TypeGuard[Comparison]:
    """Tell whether the champion that is there scores higher than the winner."""
    return isinstance(against, choice.Comparison) and against.difference < -choice.TOLERANCE


def _kept(against: Comparison) -> str:
    return (
        f"it is {-against.difference:.4f} more accurate than the winner on the same points (McNemar p = "
        f"{against.p_value:.3g}); force=true replaces it"
    )


def _compared(against: Comparison | str | None) -> str:
    """Say on screen how the winner compares with the champion that it replaces."""
    if isinstance(against, choice.Comparison):
        return f" ({against.difference:+.4f} on the same points, McNemar p = {against.p_value:.3g})"
    return f", which could not be compared: {against}"


def _against(
    champion: ModelVersion, winner: Finalist, command: Promote, store: Store
) -> Comparison | str:
    """Score the champion on the data that are here and compare the winner with it; or say why not."""
    try:
        run = store.run(str(champion.run_id))
        text = store.read(run, "config.yaml")
        material = competition.rebuilt(text, command, winner.material.candidate.country)
        theirs = out_of_fold.right_of(material.scores().out_of_fold)
    except CroplandError as error:
        return str(error)
    ours = out_of_fold.right_of(winner.scores.out_of_fold)
    common = ours.index.intersection(theirs.index)
    if not len(common):
        return "it knows no labelled point that is here"
    points = features.labelled(winner.material.archive.points)
    units = pd.Series(independent(points, command.validation), index=points["ID"].to_numpy())
    first, second = (np.asarray(right[common], dtype=np.float64) for right in (ours, theirs))
    return choice.compare(first, second, units[common].to_numpy())


def _made(
    command: Promote,
    name: str,
    result: Result,
    against: Comparison | str | None,
    store: Store,
    say: Callable[[str], None],
) -> ModelVersion:
    """Refit the winner, log the model with its card and portrait, and register it."""
    winner = result.winner
    material, candidate = winner.material, winner.material.candidate
    country = candidate.country.name
    say(f"{country}: refitting {candidate.name} on every labelled point")
    tags = {"candidate": winner.run.run_id, ARCHIVE: material.archive.fingerprint}
    of_run = {"kind": PROMOTION, **tags, **code_tags()}
    with store.running(f"promote {country}", of_run, None) as record:
        fitted, n_labels = fit(material, _facts(result), winner.scores)
        in_blocks = _in_blocks(material, command)
        facts = Facts(name, fitted, result, in_blocks, n_labels, against)
        text = card(facts, command)
        _record(record, facts, text)
        if command.promotion.figures:
            say(f"{country}: drawing its portrait")
            record.files |= portrait(
                material,
                winner.scores,
                fitted,
                command.validation,
                simulated=name.startswith(SIMULATED),
            )
        model_uri = model.log(
            fitted,
            run_id=record.run_id,
            tracking_uri=command.tracking.uri,
            input_example=_example(material, fitted),
            description=text,
        )
    signals.heed()
    marks = {
        IDENTITY: winner.run.tags[IDENTITY],
        COMPARISON: winner.run.tags[COMPARISON],
        **tags,
    }
    # Another process may have promoted the same candidate meanwhile.
    made = None if command.force else registry.made_before(store.client, name, marks[IDENTITY])
    return made or registry.register(store.client, name, model_uri, record.run_id, text, marks)


def _example(material: Material, fitted: model.Fitted) -> pd.DataFrame:
    """Give the raw observations of a few points of the window, as the model takes them."""
    observed = np.flatnonzero(np.diff(material.archive.offsets))
    return of_points(material.archive, observed[:_EXAMPLE_POINTS], fitted.columns)


def fit(
    material: Material, facts: dict[str, object], scores: Scores
) -> tuple[model.Fitted, tuple[int, int]]:
    """Fit a candidate on every labelled point; `scores` hold the folds that it was scored in.

    Returns
    -------
    Fitted
        The model.
    tuple of int
        How many cropland and other points it learnt from.
    """
    candidate, archive = material.candidate, material.archive
    matrix = material.labelled
    x, y = together(matrix.to_numpy(), matrix["Target"].to_numpy(), material.taught)
    recipe = material.recipe
    classifier = material.classifier().fit(x, y)
    fitted = model.Fitted(
        recipe=recipe,
        classifier=classifier,
        feature_names=tuple(matrix["feature"].to_numpy().tolist()),
        measured=model.measured(recipe, archive.stored),
        country=candidate.country.name,
        facts={
            "cropland": installed("cropland"),
            "window": str(recipe.window()),
            "archive": archive.fingerprint,
            **facts,
        },
        applicability=_applicability(classifier, x, scores),
    )
    return fitted, (int((y == 1).sum()), int((y == 0).sum()))


def _applicability(classifier: Classifier, x: NDArray[np.float32], scores: Scores) -> Applicability:
    """Keep what tells how unlike the training samples others are; those taught elsewhere are a fold."""
    fold = scores.out_of_fold["fold"].to_numpy()[:, 0].astype(np.int64)
    elsewhere = np.full(len(x) - len(fold), -1, np.int64)
    weight = impurity(classifier, x.shape[1])
    return Applicability.of(
        x, np.ones(x.shape[1]) if weight is None else weight, np.concatenate([fold, elsewhere])
    )


def _facts(result: Result) -> dict[str, object]:
    """Give what the model itself keeps of its scores."""
    scores, estimate = result.winner.scores, result.estimate
    truth = result.winner.scores.out_of_fold["Target"].to_numpy()
    return {
        "accuracy": scores.accuracy,
        "accuracy_corrected": estimate.value,
        "majority": int(truth.mean() >= 0.5),
    }


def _in_blocks(material: Material, command: Promote) -> Scores | str:
    """Score the winner with whole spatial blocks left out; or say why that cannot be done."""
    blocks = Validation(
        name="blocks", folds=command.validation.folds, block_km=command.promotion.block_km
    )
    try:
        return material.scores(blocks)
    except (DataError, ValueError) as error:
        return str(error)


def _record(record: Record, facts: Facts, text: str) -> None:
    """Put the choice into the promotion's run."""
    result, scores = facts.result, facts.result.winner.scores
    candidate = result.winner.material.candidate
    record.params |= candidate.params() | {"n_candidates": result.compared}
    record.metrics |= {
        "accuracy": scores.accuracy,
        "accuracy_se": scores.accuracy_se,
        "accuracy_corrected": result.estimate.value,
        "accuracy_corrected_low": result.estimate.low,
        "accuracy_corrected_high": result.estimate.high,
    }
    if not isinstance(facts.in_blocks, str):
        record.metrics |= {
            "accuracy_blocks": facts.in_blocks.accuracy,
            "accuracy_blocks_se": facts.in_blocks.accuracy_se,
        }
    record.note = text
    record.files |= {
        "card.md": text,
        "config.yaml": candidate.as_yaml(),
        "candidates.csv": result.table.to_csv(),
        out_of_fold.FILE: out_of_fold.as_csv(scores.out_of_fold),
    }


def warnings(promoted: Promoted) -> list[str]:
    """Give what must be said on screen of a winner: that it looks at where a point is."""
    static = promoted.result.winner.material.candidate.band_set.static
    if not static:
        return []
    return [
        f"{promoted.country}: the winner looks at {' and '.join(static)}; it has learnt where the labelled "
        f"points are and will do worse elsewhere"
    ]
