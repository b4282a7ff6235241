"""Model cards: what a user must know before they trust a model (after Mitchell et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cropland.models import label_check
from cropland.models.version_files import is_simulated
from cropland.observations.bands import STATIC
from cropland.support.words import count, markdown_table
from cropland.untrusted.texts import markdown_code, markdown_text

if TYPE_CHECKING:
    from cropland.config.commands.promote import Promote
    from cropland.learning.cross_validation import Scores
    from cropland.learning.statistics import Comparison
    from cropland.models.competition import Result
    from cropland.models.fitted import Fitted
    from cropland.models.label_check import LabelCheck

RULES = {
    "one_standard_error": "the simplest within one standard error of the best (fewest features, then "
    "shortest span)",
    "best": "the most accurate",
}


@dataclass(frozen=True, eq=False)
class CardFacts:
    """The facts of a model card.

    Attributes
    ----------
    name : str
        Name of the registered model.
    fitted : Fitted
        The model.
    result : Result
        How it was selected.
    in_blocks : Scores or str
        Its scores where whole spatial blocks are left out, or why there are none.
    n_labels : tuple of int
        Cropland and other points among its training samples.
    against : Comparison or str, optional
        How it compares with the champion before, or why it cannot be compared; None without one.
    labels : LabelCheck
        The labels that all finalists contradict.
    """

    name: str
    fitted: Fitted
    result: Result
    in_blocks: Scores | str
    n_labels: tuple[int, int]
    against: Comparison | str | None
    labels: LabelCheck


def card(facts: CardFacts, command: Promote) -> str:
    """Return the card of a model, in Markdown."""
    parts = [
        _head(facts),
        "## Scores\n" + "\n".join(_scores(facts, command)),
        "## How it was selected\n" + _choice(facts, command),
        "## Data and window\n" + "\n".join(_data(facts)),
        "## Labels\n" + label_check.in_markdown(facts.labels),
        "## Limits\n" + "\n".join(f"- {limit}" for limit in limits(facts)),
        "## Use\n" + _use(facts),
    ]
    return "\n\n".join(parts) + "\n"


def summary(facts: CardFacts) -> str:
    """Return scores, points, window, bands and model in a line, for a table of versions."""
    result, recipe = facts.result, facts.fitted.members[0].recipe
    configuration = result.selected.material.candidate.configuration
    scores = f"accuracy {result.selected.scores.accuracy:.3f}, bias-corrected {result.estimate.value:.3f}"
    if not isinstance(facts.in_blocks, str):
        scores += f", spatial block CV {facts.in_blocks.accuracy:.3f}"
    names = (configuration.bands.name, configuration.series.name, configuration.features.name)
    return (
        f"{scores}; {sum(facts.n_labels)} points; {recipe.span} weeks, {recipe.window()}; "
        f"{', '.join(markdown_text(name) for name in (*names, configuration.model.name))}"
    )


def limits(facts: CardFacts) -> Iterator[str]:
    """Return the limits of a model, the gravest first."""
    recipe = facts.fitted.members[0].recipe
    if is_simulated(facts.name):
        yield "**Simulated data: not valid for any real country.**"
    static = [name for name in recipe.bands if name in STATIC]
    if static:
        yield (
            f"**It uses {' and '.join(static)}**: it has learnt where the labelled points are, and is less "
            f"accurate between and beyond them than random folds show."
        )
    if recipe.end_offset_days > 0:
        yield (
            f"Its window ends {recipe.end_offset_days} days after the reference season: it cannot be applied "
            f"before that."
        )
    yield "Random folds are optimistic for places far from any label; see spatial block CV for those."
    box = facts.result.selected.material.candidate.country.box
    yield f"Valid within {box}; validate it on local labels before use elsewhere or in another year."
    cropland, other = facts.n_labels
    yield (
        f"Trained on {cropland / (cropland + other):.0%} cropland; error rates change with prevalence."
    )
    yield (
        f"A point with fewer than {recipe.min_observations} observations in the window gets no label, but "
        f"the reason; so does one of which a day of the window is more than {recipe.max_gap_days} days from "
        f"the nearest observation."
    )


def _head(facts: CardFacts) -> str:
    selected = facts.result.selected
    country = selected.material.candidate.country
    warning = (
        "\n\n> **Simulated data: not valid for any real country.**"
        if is_simulated(facts.name)
        else ""
    )
    return (
        f"# {markdown_text(facts.name)}\n\nPredicts whether a point in "
        f"{markdown_text(country.title)} is cropland, from its raw Sentinel-2 observations. "
        f"Candidate {markdown_code(selected.run.name)}.{warning}"
    )


def _scores(facts: CardFacts, command: Promote) -> Iterator[str]:
    scores, estimate = facts.result.selected.scores, facts.result.estimate
    random = f"{scores.accuracy:.3f} ± {scores.accuracy_se:.3f}"
    times = f", {command.validation.repeats} times" if command.validation.repeats > 1 else ""
    folds = f"{markdown_text(command.validation.name)}, {command.validation.folds} folds{times}"
    interval = f"95 %: {estimate.low:.3f} … {estimate.high:.3f}"
    blocks, km = facts.in_blocks, command.promotion.block_km
    if isinstance(blocks, str):
        in_blocks = "–", markdown_text(blocks)
    else:
        in_blocks = (
            f"{blocks.accuracy:.3f} ± {blocks.accuracy_se:.3f}",
            f"blocks of {km:g} km",
        )
    rows = (
        ("cross-validated", random, folds),
        (
            "bias-corrected (BBC-CV)",
            f"**{estimate.value:.3f}**",
            f"{interval}, {count(facts.result.n_tried, 'candidate')} tried",
        ),
        ("spatial block CV", *in_blocks),
    )
    yield markdown_table(("accuracy", "value", ""), rows)
    yield ""
    yield (
        f"Recall (producer's accuracy): cropland {scores.accuracy_cropland:.3f}, other "
        f"{scores.accuracy_other:.3f}; F1 {scores.f1:.3f}, ROC AUC {scores.roc_auc:.3f}, Brier score "
        f"{scores.brier:.3f}."
    )


def _choice(facts: CardFacts, command: Promote) -> str:
    result = facts.result
    best = result.table[result.table["eligible"]].iloc[0]
    text = (
        f"Rule `{command.promotion.rule}`: {RULES[command.promotion.rule]}. Selected from "
        f"{count(result.n_tried, 'candidate')}; the most accurate was {markdown_code(best['name'])} with "
        f"{best['accuracy']:.3f} ± {best['accuracy_se']:.3f}. Why each other was not selected is in "
        f"`candidates.csv`."
    )
    if result.selected.fast:
        text += " Selected with the fast forest; scored again and fitted with scikit-learn's."
    if facts.against is None:
        return f"{text} There was no champion before."
    if isinstance(facts.against, str):
        return f"{text} The champion before could not be compared: {markdown_text(facts.against)}."
    versus = facts.against
    return (
        f"{text} Against the champion before, on the same points: {versus.difference:+.4f} ± "
        f"{versus.standard_error:.4f}; {versus.only_first} points only this one has right, "
        f"{versus.only_second} only the other (McNemar's exact test, p = {versus.p_value:.3g})."
    )


def _data(facts: CardFacts) -> Iterator[str]:
    material, recipe = facts.result.selected.material, facts.fitted.members[0].recipe
    archive, configuration = material.archive, material.candidate.configuration
    cropland, other = facts.n_labels
    yield f"- Labels: {cropland} cropland and {other} other points of the season to {recipe.reference_end}"
    if material.other_archives:
        yield f"- among them those of {', '.join(teacher.country for teacher in material.other_archives)}"
    yield (
        f"- Observations: source {markdown_code(archive.source)}, {archive.first} … {archive.last}, "
        f"archive fingerprint {markdown_code(archive.fingerprint)}"
    )
    yield from (f"- {markdown_text(note)}" for note in archive.notes)
    step_days = configuration.series.step_days
    yield f"- Window: {recipe.window()} ({recipe.span} weeks), a value every {step_days} days"
    evidence = material.evidence
    yield (
        f"- Observations a labelled point in the window: {evidence.observations_per_point:g} in the median, "
        f"{evidence.observations_least} at least; {evidence.interpolated_share:.0%} of the days of the "
        f"series are interpolated: none was observed within {step_days / 2:g} days"
    )
    yield (
        f"- Bands: {markdown_text(', '.join(recipe.bands))}; series "
        f"{markdown_code(configuration.series.name)}, features "
        f"{markdown_code(configuration.features.name)}: {len(facts.fitted.members[0].feature_names)} features"
    )
    model, seed = configuration.model, configuration.seed
    settings = ", ".join(f"{key}={value}" for key, value in model.parameters.items())
    yield (
        f"- Estimator: {markdown_code(model.target)} ({markdown_text(settings) or 'its defaults'}), seed "
        f"{seed}"
    )


def _use(facts: CardFacts) -> str:
    columns = ", ".join(facts.fitted.columns)
    return (
        f"A table of raw observations, one row each: `{columns}`. Back come `ID, probability, label, "
        f"n_observations, inside_applicability, cannot_tell, reason`. `reference_end` (a date) applies it to "
        f"another season.\n\n"
        f"```python\nmlflow.pyfunc.load_model('models:/{facts.name}@champion').predict(observations)\n```"
    )
