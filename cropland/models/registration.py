"""Registration: what was selected is fitted, logged with its card and diagnostics, and registered.

Nothing is registered before the model is logged whole; a logged model that is not registered in the end is
marked FAILED.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict
from typing import TYPE_CHECKING

from cropland.config.groups import Validation
from cropland.errors import DataError
from cropland.models import fitting, mlflow_model, registry, training_points
from cropland.models.card import CardFacts, card, card_page, described
from cropland.models.champion_comparison import CALIBRATION
from cropland.models.diagnostics import diagnostic_files
from cropland.models.label_check import label_check
from cropland.models.version_files import CHECKSUM_OF_RECIPE, is_simulated
from cropland.observations.point_counts import given_counts
from cropland.support import signals
from cropland.tracking.datasets import Dataset
from cropland.tracking.provenance import code_tags
from cropland.tracking.records import ARCHIVE, COMPARISON, COUNTRY, IDENTITY, KIND
from cropland.training import candidates, out_of_fold
from cropland.training.variation import shortened

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion

    from cropland.config.commands.promote import Promote
    from cropland.learning.calibration import Coverage
    from cropland.learning.statistics import Comparison
    from cropland.models.competition import Result
    from cropland.models.label_check import LabelCheck
    from cropland.models.mlflow_model import Logged
    from cropland.models.selection import InBlocks, Selected
    from cropland.tracking.records import Record
    from cropland.tracking.store import Store

_SHOWN_SCORES = ("accuracy", "accuracy_corrected", "accuracy_blocks")
_SHOWN_PARAMS = (
    *("country", "span", "period", "bands", "series", "features", "model"),
    *("rule", "members", "calibration"),
)
_LONGEST = 4_000
"""Characters of a param."""


def registered(
    command: Promote,
    name: str,
    result: Result,
    against: Comparison | str | None,
    store: Store,
    say: Callable[[str], None],
) -> ModelVersion:
    """Fit what was selected, log the model with its card and diagnostics, and register it."""
    selected = result.selected
    country = selected.material.candidate.country.name
    tags = {
        "candidate": ", ".join(member.run.run_id for member in selected.members),
        ARCHIVE: selected.material.archive.fingerprint,
    }
    found_by = {KIND: "promotion", COUNTRY: country, **_window_tags(selected)}
    of_run = found_by | tags | code_tags()
    with ExitStack() as if_not_registered:
        with store.running(f"promote {country}", of_run, None) as record:
            facts = _fitted(command, name, result, against, record, say)
            logged = _logged(command, facts, record)
            if_not_registered.callback(mlflow_model.fail, store.client, record.model_id)
        signals.check()
        comparison = selected.members[0].run.tags[COMPARISON]
        tags |= {IDENTITY: selected.identity, COMPARISON: comparison}
        tags[CHECKSUM_OF_RECIPE] = logged.checksum
        tags = _tags_of_version(record, facts) | tags
        # Another process may have promoted the same meanwhile.
        other = None if command.force else registry.made_before(store.client, name, tags[IDENTITY])
        if other is not None:
            return other
        version = registry.register(
            store.client, name, logged.uri, record.run_id, record.note, tags
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
    """Fit what was selected, and fill the record of its run with card and diagnostics."""
    selected = result.selected
    country = selected.material.candidate.country.name
    say(f"{country}: fitting the selected model on all labelled points")
    fitted = fitting.fit(
        selected.materials,
        _facts_of_model(result),
        [member.scores for member in selected.members],
        selected.calibration.platt,
        selected.sets,
    )
    counts = fitting.label_counts(selected.material)
    labels = _label_check(result)
    say(f"{country}: {labels.line()}")
    blocks = in_blocks(selected, command)
    facts = CardFacts(name, fitted, result, blocks, counts, against, labels)
    text = card(facts, command)
    _record(record, facts, text, command)
    record.note = described(facts, command)
    if command.promotion.figures:
        say(f"{country}: drawing diagnostic figures")
        simulated = is_simulated(name)
        record.files |= diagnostic_files(
            selected, fitted, labels, command.validation, simulated=simulated
        )
    record.files["card.html"] = card_page(text, facts, record.files)
    return facts


def _logged(command: Promote, facts: CardFacts, record: Record) -> Logged:
    """Log the fitted model by the name that it is registered by."""
    materials = facts.result.selected.materials
    models = [material.candidate.configuration.model.target for material in materials]
    return mlflow_model.log(
        facts.fitted,
        record,
        name=facts.name,
        model_type=" | ".join(dict.fromkeys(name.rpartition(".")[2] for name in models)),
        tags={KIND: "promotion", COUNTRY: materials[0].candidate.country.name, **code_tags()},
        tracking_uri=command.tracking.uri,
        input_example=fitting.example(materials, facts.fitted),
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


def in_blocks(selected: Selected, command: Promote) -> InBlocks | str:
    """Score what was selected with whole spatial blocks left out; or return why that cannot be done."""
    blocks = Validation(
        name="blocks", folds=command.validation.folds, block_km=command.promotion.block_km
    )
    try:
        return selected.in_blocks(blocks)
    except (DataError, ValueError) as error:
        return str(error)


def _record(record: Record, facts: CardFacts, text: str, command: Promote) -> None:
    """Fill the record of a promotion's run."""
    selected = facts.result.selected
    material = selected.material
    folder, archives = material.candidate.configuration.paths.archive, material.other_archives
    record.datasets = [Dataset.of(archive, folder) for archive in (material.archive, *archives)]
    record.params |= _params(selected, command)
    record.steps = {"accuracy": material.candidate.months}
    record.metrics |= _scores(facts) | _numbers(facts)
    record.files |= {
        "card.md": text,
        **candidates.member_files([each.candidate for each in selected.materials]),
        **facts.labels.files(),
        "candidates.csv": facts.result.table.to_csv(),
        training_points.FILE: training_points.as_csv(
            selected.scores.out_of_fold, material.archive.points, facts.labels.ids
        ),
        out_of_fold.FILE: out_of_fold.as_csv(selected.scores.out_of_fold),
    }


def _params(selected: Selected, command: Promote) -> dict[str, object]:
    """Return the params of the members, joined where they differ, and how the model was made of them."""
    every = [material.candidate.params() for material in selected.materials]
    params: dict[str, object] = {}
    for key in dict.fromkeys(key for each in every for key in each):
        values = [each.get(key, "–") for each in every]
        joined = " | ".join(map(str, values))
        params[key] = values[0] if len({*map(str, values)}) == 1 else shortened(joined, _LONGEST)
    made = {"rule": command.promotion.rule, CALIBRATION: selected.kind}
    return params | made | {candidates.MEMBERS: len(every)}


def _scores(facts: CardFacts) -> dict[str, float]:
    """Return the scores of a promotion's run, the first as MLflow shows them."""
    selected, estimate = facts.result.selected, facts.result.estimate
    scores, calibration = selected.scores, selected.calibration
    metrics = {
        "accuracy": scores.accuracy,
        "accuracy_se": scores.accuracy_se,
        "accuracy_corrected": estimate.value,
        "accuracy_corrected_low": estimate.low,
        "accuracy_corrected_high": estimate.high,
        "brier": scores.brier,
        "brier_uncalibrated": calibration.brier[0],
        **_coverage("", selected.coverage),
    }
    if isinstance(facts.in_blocks, str):
        return metrics
    blocks = facts.in_blocks.scores
    metrics |= {"accuracy_blocks": blocks.accuracy, "accuracy_blocks_se": blocks.accuracy_se}
    return metrics | {"brier_blocks": blocks.brier} | _coverage("_blocks", facts.in_blocks.coverage)


def _coverage(suffix: str, coverage: Coverage) -> dict[str, float]:
    values = {
        "coverage_cropland": coverage.cropland,
        "coverage_other": coverage.other,
        "cannot_tell": coverage.cannot_tell,
    }
    return {f"{name}{suffix}": value for name, value in values.items() if not math.isnan(value)}


def _numbers(facts: CardFacts) -> dict[str, float]:
    """Return counts of a promotion's run, and the evidence of the member that saw least."""
    selected = facts.result.selected
    archive, samples = selected.material.archive, selected.samples
    spans = [each.candidate.window_metrics()["span_weeks"] for each in selected.materials]
    evidence = min(
        (material.evidence for material in selected.materials),
        key=lambda each: each.observations_per_point,
    )
    return {
        "span_weeks": max(spans),
        "n_features": sum(each.labelled.sizes["feature"] for each in selected.materials),
        "n_samples": samples.sizes["sample"],
        "n_candidates": facts.result.n_tried,
        **given_counts(archive).of_samples(samples).metrics(),
        **facts.labels.metrics(),
        **asdict(evidence),
        **archive.counts,
    }


def _window_tags(selected: Selected) -> dict[str, str]:
    """Return the first and the last day of the members' windows."""
    tags = [material.candidate.window_tags() for material in selected.materials]
    first, last = "window_start", "window_end"
    return {first: min(each[first] for each in tags), last: max(each[last] for each in tags)}
