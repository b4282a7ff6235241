"""Registration: the selected candidate is fitted, logged with its card and diagnostics, and registered.

Nothing is registered before the model is logged whole; a logged model that is not registered in the end is
marked FAILED.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING

from cropland.config.groups import Validation
from cropland.errors import DataError, visible
from cropland.models import fitting, mlflow_model, registry
from cropland.models.card import CardFacts, card, summary
from cropland.models.diagnostics import diagnostic_files
from cropland.models.label_check import label_check
from cropland.models.version_files import CHECKSUM_OF_RECIPE, is_simulated
from cropland.observations.point_counts import given_counts
from cropland.support import signals, terminal
from cropland.tracking.datasets import Dataset
from cropland.tracking.provenance import code_tags
from cropland.tracking.records import ARCHIVE, COMPARISON, COUNTRY, IDENTITY, KIND
from cropland.training import out_of_fold

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from cropland.config.commands.promote import Promote
    from cropland.learning.cross_validation import Scores
    from cropland.learning.statistics import Comparison
    from cropland.models.competition import Result
    from cropland.models.label_check import LabelCheck
    from cropland.models.mlflow_model import Logged
    from cropland.tracking.records import Record
    from cropland.tracking.store import Store
    from cropland.training.candidate_data import CandidateData

_SHOWN_SCORES = ("accuracy", "accuracy_corrected", "accuracy_blocks")
_SHOWN_PARAMS = ("country", "span", "period", "bands", "series", "features", "model")


def registered(
    command: Promote,
    name: str,
    result: Result,
    against: Comparison | str | None,
    store: Store,
    say: Callable[[str], None],
) -> ModelVersion:
    """Fit the selected candidate, log the model with its card and diagnostics, and register it."""
    run, material = result.selected.run, result.selected.material
    country = material.candidate.country.name
    tags = {"candidate": run.run_id, ARCHIVE: material.archive.fingerprint}
    found_by = {KIND: "promotion", COUNTRY: country, **material.candidate.window_tags()}
    of_run = found_by | tags | code_tags()
    with ExitStack() as if_not_registered:
        with store.running(f"promote {country}", of_run, None) as record:
            facts = _fitted(command, name, result, against, record, say)
            logged = _logged(command, facts, record)
            if_not_registered.callback(mlflow_model.fail, store.client, record.model_id)
        signals.check()
        tags |= {key: run.tags[key] for key in (IDENTITY, COMPARISON)}
        tags[CHECKSUM_OF_RECIPE] = logged.checksum
        tags = _tags_of_version(record, facts) | tags
        # Another process may have promoted the same candidate meanwhile.
        other = None if command.force else registry.made_before(store.client, name, tags[IDENTITY])
        if other is not None:
            return other
        description = f"{summary(facts)}\n\n{record.note}"
        version = registry.register(
            store.client, name, logged.uri, record.run_id, description, tags
        )
        if_not_registered.pop_all()
    registry.show_version(store.client, version, record.model_id)
    return version


def _fitted(
    command: Promote,
    name: str,
    result: Result,
    against: Comparison | str | None,
    record: Record,
    say: Callable[[str], None],
) -> CardFacts:
    """Fit the selected candidate, and fill the record of its run with card and diagnostics."""
    selected, material = result.selected, result.selected.material
    country = material.candidate.country.name
    say(f"{country}: fitting {terminal.literal(selected.run.name)} on every labelled point")
    fitted = fitting.fit([material], _facts_of_model(result), [selected.scores])
    counts, in_blocks = fitting.label_counts(material), _in_blocks(material, command)
    labels = _label_check(result)
    say(f"{country}: {labels.line()}")
    facts = CardFacts(name, fitted, result, in_blocks, counts, against, labels)
    _record(record, facts, card(facts, command))
    if command.promotion.figures:
        say(f"{country}: drawing diagnostic figures")
        simulated = is_simulated(name)
        record.files |= diagnostic_files(
            material,
            selected.scores,
            fitted,
            labels,
            command.validation,
            title=visible(selected.run.name),
            simulated=simulated,
        )
    return facts


def _logged(command: Promote, facts: CardFacts, record: Record) -> Logged:
    """Log the fitted model by the name that it is registered by."""
    material = facts.result.selected.material
    candidate = material.candidate
    return mlflow_model.log(
        facts.fitted,
        record,
        name=facts.name,
        model_type=candidate.configuration.model.target.rpartition(".")[2],
        tags={KIND: "promotion", COUNTRY: candidate.country.name, **code_tags()},
        tracking_uri=command.tracking.uri,
        input_example=fitting.example([material], facts.fitted),
    )


def _tags_of_version(record: Record, facts: CardFacts) -> dict[str, str]:
    """Return what the registry's table shows of a version, by the names of its run's params and metrics."""
    metrics, params = record.metrics, record.params
    scores = {name: f"{metrics[name]:.4f}" for name in _SHOWN_SCORES if name in metrics}
    counts = {name: f"{metrics[name]:.0f}" for name in ("n_points", "n_features")}
    window = {"window": str(facts.fitted.window())}
    return scores | counts | window | {name: str(params[name]) for name in _SHOWN_PARAMS}


def _facts_of_model(result: Result) -> dict[str, object]:
    """Return what the model itself keeps of its scores."""
    scores = result.selected.scores
    return {
        "accuracy": scores.accuracy,
        "accuracy_corrected": result.estimate.value,
        "majority": int(scores.out_of_fold["Target"].to_numpy().mean() >= 0.5),
    }


def _label_check(result: Result) -> LabelCheck:
    """Compare the labels with the predictions of all finalists."""
    finalists = [(one.run.name, one.scores.out_of_fold) for one in result.finalists]
    return label_check(finalists, result.selected.material.archive.points)


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
    folder, archives = material.candidate.configuration.paths.archive, material.other_archives
    record.datasets = [Dataset.of(archive, folder) for archive in (material.archive, *archives)]
    record.params |= material.candidate.params()
    record.steps = {"accuracy": material.candidate.months}
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
    record.metrics |= {
        **material.candidate.window_metrics(),
        "n_features": material.labelled.sizes["feature"],
        "n_samples": material.labelled.sizes["sample"],
        "n_candidates": result.n_tried,
    }
    record.metrics |= given_counts(material.archive).of_samples(material.labelled).metrics()
    record.metrics |= facts.labels.metrics()
    record.metrics |= asdict(material.evidence) | material.archive.counts
    record.note = text
    record.files |= {
        "card.md": text,
        **material.candidate.config_files,
        **facts.labels.files(),
        "candidates.csv": result.table.to_csv(),
        out_of_fold.FILE: out_of_fold.as_csv(scores.out_of_fold),
    }
