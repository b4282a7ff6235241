"""Model cards: what a user must know before they trust a model (after Mitchell et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cropland.models import label_check
from cropland.models.score_text import others_table, score_lines
from cropland.models.verdicts import RULES, difference, excluded
from cropland.models.version_files import is_simulated
from cropland.observations.bands import STATIC
from cropland.support import terminal
from cropland.support.report_page import report_page
from cropland.support.words import count
from cropland.untrusted.texts import markdown_code, markdown_text

if TYPE_CHECKING:
    from cropland.config.commands.promote import Promote
    from cropland.learning.statistics import Comparison
    from cropland.models.competition import Result
    from cropland.models.fitted import Fitted
    from cropland.models.label_check import LabelCheck
    from cropland.models.member import Member
    from cropland.models.selection import InBlocks
    from cropland.training.candidate_data import CandidateData


_CAPTIONS = {
    "confusion_matrix.png": "Confusion matrix of the predictions out of fold",
    "reliability.png": "Reliability of the probabilities out of fold",
    "importance.png": "Permutation importance of bands and times",
    "learning_curve.png": "Learning curve: accuracy with fewer labels",
    "ndvi_profiles.png": "The year of both classes by NDVI",
    label_check.FIGURE: "The year of the labels to check, beside both classes",
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
    in_blocks : InBlocks or str
        Its scores in spatial block cross-validation, or why there are none.
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
    in_blocks: InBlocks | str
    n_labels: tuple[int, int]
    against: Comparison | str | None
    labels: LabelCheck


def card(facts: CardFacts, command: Promote) -> str:
    """Return the card of a model, in Markdown."""
    head = [f"# {markdown_text(_title(facts))}", _purpose(facts)]
    warning = [f"> {text}" for text in _warning(facts)]
    return "\n\n".join([*head, *warning, *_sections(facts, command)]) + "\n"


def described(facts: CardFacts, command: Promote) -> str:
    """Return a card as MLflow's pages show it: the result and what to do next come first."""
    country, source = facts.result.selected.material.candidate.country.name, command.source.name
    where = f"country={country}" + (f" source={source}" if source != "simulated" else "")
    area = "cube=CUBE" if source == "files" else "'box=[WEST,SOUTH,EAST,NORTH]'"
    use = f"To use the champion: `cropland predict {where}`, `cropland map {where} {area}`."
    warning = " ".join([*_warning(facts), use])
    parts = [summary(facts), warning, _purpose(facts), *_sections(facts, command)]
    return "\n\n".join(parts) + "\n"


def _sections(facts: CardFacts, command: Promote) -> list[str]:
    """Return the sections of a card."""
    return [
        "## Scores\n" + "\n\n".join(score_lines(facts.result, facts.in_blocks, command)),
        "## How it was selected\n" + _choice(facts, command),
        "## Data and window\n" + "\n".join(_data(facts)),
        "## Labels\n" + label_check.in_markdown(facts.labels, figures=command.promotion.figures),
        "## Limits\n" + "\n".join(f"- {limit}" for limit in limits(facts)),
        "## Use\n" + _use(facts),
    ]


def card_page(text: str, facts: CardFacts, files: Mapping[str, str | bytes]) -> str:
    """Return the card as an HTML page, with those of its figures that were drawn.

    Parameters
    ----------
    text : str
        The card in Markdown.
    facts : CardFacts
        Of the same model.
    files : mapping of str to str or bytes
        The files of its run by name.
    """
    drawn = {name: data for name in _CAPTIONS if isinstance(data := files.get(name), bytes)}
    if drawn:
        text += "\n## Figures\n" + "\n\n".join(f"![{_CAPTIONS[name]}]({name})" for name in drawn)
    return report_page(text, _title(facts), drawn)


def _title(facts: CardFacts) -> str:
    """Return the title of a card."""
    return terminal.titled(facts.result.selected.title, simulated=is_simulated(facts.name))


def summary(facts: CardFacts) -> str:
    """Return title, scores and points in a line, for a table of versions."""
    result, selected = facts.result, facts.result.selected
    scores = f"accuracy {selected.scores.accuracy:.3f}, bias-corrected {result.estimate.value:.3f}"
    if not isinstance(facts.in_blocks, str):
        scores += f", spatial block CV {facts.in_blocks.scores.accuracy:.3f}"
    title = f"**{markdown_text(selected.title)}**"
    return f"{title}: {scores}, {count(sum(facts.n_labels), 'point')}"


def limits(facts: CardFacts) -> Iterator[str]:
    """Return the limits of a model, the gravest first."""
    recipes = facts.fitted.recipes
    if is_simulated(facts.name):
        yield "**Simulated data: not valid for any real country.**"
    bands = dict.fromkeys(name for recipe in recipes for name in recipe.bands)
    static = [name for name in bands if name in STATIC]
    if static:
        yield (
            f"**It uses {' and '.join(static)}**: it has learnt where the labelled points are, and is "
            "less accurate away from them than random folds suggest."
        )
    days_after = max(recipe.end_offset_days for recipe in recipes)
    if days_after > 0:
        yield (
            f"Its window ends {days_after} days after the reference season: it cannot be applied before that."
        )
    yield "Random folds are optimistic for places far from any label; see spatial block CV for those."
    box = facts.result.selected.material.candidate.country.box
    yield f"Valid within {box}; validate it on local labels before use elsewhere or in another year."
    cropland, other = facts.n_labels
    yield (
        f"Trained on {cropland / (cropland + other):.0%} cropland; error rates change with prevalence."
    )
    one = len({recipe.window() for recipe in recipes}) == 1
    yield from dict.fromkeys(
        f"A point with fewer than {recipe.min_observations} observations in the window"
        f"{'' if one else f' {recipe.window()}'} gets a reason instead of a label; so does a point "
        f"without an observation within {recipe.max_gap_days} days of each day of the window."
        for recipe in recipes
    )


def _warning(facts: CardFacts) -> list[str]:
    """Return the warning of a model on simulated data, if it is one."""
    return [f"**{terminal.SIMULATED}.**"] if is_simulated(facts.name) else []


def _purpose(facts: CardFacts) -> str:
    """Return in words what a model predicts, and of which candidates it was made."""
    selected = facts.result.selected
    country = selected.material.candidate.country
    names = ", ".join(map(markdown_code, selected.names))
    of = (
        f"Candidate {names}"
        if len(selected.members) == 1
        else f"The mean probability of {len(selected.members)} candidates: {names}"
    )
    return (
        f"The model {markdown_code(facts.name)} predicts whether a point in "
        f"{markdown_text(country.title)} is cropland, from its raw Sentinel-2 observations. {of}."
    )


def _choice(facts: CardFacts, command: Promote) -> str:
    result, rule = facts.result, command.promotion.rule
    best = result.best
    text = (
        f"Rule `{rule}`: {RULES[rule]}. Selected from {count(result.n_tried, 'candidate')}; the most "
        f"accurate was {markdown_code(best['name'])} with {best['accuracy']:.3f} ± "
        f"{best['accuracy_se']:.3f}: {markdown_text(difference(result, rule))}. `candidates.csv` says "
        "why the others were not selected."
    )
    if barred := excluded(result):
        text += f" {markdown_text(barred[0].upper() + barred[1:])}."
    if any(member.fast for member in result.selected.members):
        text += " Selected with the fast forest; scored again and fitted with scikit-learn's."
    return f"{text} {_against(facts.against)}\n\n{others_table(result)}"


def _against(against: Comparison | str | None) -> str:
    if against is None:
        return "There was no champion before."
    if isinstance(against, str):
        return f"The champion before could not be compared: {markdown_text(against)}."
    return (
        f"Against the champion before, on the same points: {against.difference:+.4f} ± "
        f"{against.standard_error:.4f}; {count(against.only_first, 'point')} classified correctly by "
        f"this model only, {against.only_second} by the other only (McNemar's exact test, p = "
        f"{against.p_value:.3g})."
    )


def _data(facts: CardFacts) -> Iterator[str]:
    selected = facts.result.selected
    archive = selected.material.archive
    cropland, other = facts.n_labels
    yield (
        f"- Labels: {cropland} cropland and {other} other points of the season to "
        f"{facts.fitted.reference_end}"
    )
    training_countries = {
        each.country for material in selected.materials for each in material.other_archives
    }
    if training_countries:
        yield f"- training countries beside its own: {', '.join(sorted(training_countries))}"
    yield (
        f"- Observations: source {markdown_code(archive.source)}, {archive.first} … {archive.last}, "
        f"archive fingerprint {markdown_code(archive.fingerprint)}"
    )
    yield from (f"- {markdown_text(note)}" for note in archive.notes)
    members = zip(selected.materials, facts.fitted.members, strict=True)
    for lines in zip(*(_member(*member) for member in members), strict=True):
        for line in dict.fromkeys(lines):
            numbers = [str(number) for number, other in enumerate(lines, 1) if other == line]
            yield line if len(numbers) == len(lines) else f"{line} (member {', '.join(numbers)})"


def _member(material: CandidateData, member: Member) -> Iterator[str]:
    """Yield the window, evidence, features and estimator of a member."""
    configuration, recipe = material.candidate.configuration, member.recipe
    step_days = configuration.series.step_days
    yield f"- Window: {recipe.window()} ({recipe.span} weeks), a value every {step_days} days"
    evidence = material.evidence
    yield (
        f"- Observations per labelled point in the window: median {evidence.observations_per_point:g}, "
        f"minimum {evidence.observations_least}; {evidence.interpolated_share:.0%} of the days of the "
        f"series are interpolated: none was observed within {step_days / 2:g} days"
    )
    yield (
        f"- Bands: {markdown_text(', '.join(recipe.bands))}; series "
        f"{markdown_code(configuration.series.name)}, features "
        f"{markdown_code(configuration.features.name)}: {len(member.feature_names)} features"
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
        f"Input: a table of raw observations, one row each: `{columns}`. Output: `ID, probability, label, "
        f"n_observations, inside_applicability, cannot_tell, reason`. `reference_end` (a date) applies it to "
        f"another season.\n\n"
        f"```python\nmlflow.pyfunc.load_model('models:/{facts.name}@champion').predict(observations)\n```"
    )
