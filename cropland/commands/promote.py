"""The command that promotes: one country after the other, with a table of the selected at the end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from cropland.errors import ConfigError, CroplandError
from cropland.learning.statistics import Comparison
from cropland.models import promotion, registry, score_text
from cropland.models.promotion import Decision
from cropland.models.verdicts import PERFECT, difference, excluded, is_perfect
from cropland.support import signals, terminal
from cropland.support.progress import working
from cropland.support.table import Table
from cropland.support.words import command_line, count
from cropland.tracking import views
from cropland.tracking.experiments import describe, experiment_of
from cropland.tracking.opening import open_store
from cropland.tracking.runs import client_of, number_of

if TYPE_CHECKING:
    from cropland.config.commands.promote import Promote
    from cropland.config.countries import Country
    from cropland.models.promotion import Promoted
    from cropland.tracking.store import Store


def run(
    command: Promote,
    countries: Iterable[Country],
    words: Sequence[str],
    sweep: Collection[str] | None = None,
) -> None:
    """Promote the best candidate of each country and print the results.

    A country that fails does not keep the others from being promoted.

    Parameters
    ----------
    command : Promote
        How to select.
    countries : iterable of Country
        The countries.
    words : sequence of str
        The overrides that say where the command works; the next command is printed with them.
    sweep : collection of str, optional
        The runs of the sweep that has just ended; a selected one of an earlier sweep is called so.

    Raises
    ------
    CroplandError
        Some country could not be promoted; the reason of each is on screen.
    """
    check(command)
    store = open_store(command.tracking, command.source.name)
    console = terminal.notes()
    closed = store.close_orphans()
    if closed:
        console.print(f"closed {closed} runs that a killed process had left RUNNING")
    done: list[Promoted] = []
    failed: list[CroplandError] = []
    try:
        for country in countries:
            signals.check()
            try:
                with working(console, f"promoting {country.name}"):
                    done.append(promotion.promote(command, country, store, console.print))
            except CroplandError as error:
                failed.append(error)
    finally:
        _show(done, command, words, store, sweep)
        if done:
            champions = registry.champions(store.client, simulated=store.is_simulated)
            describe(store.client, store.experiment, champions)
    if failed:
        for other in failed[:-1]:
            terminal.print_failure(console, "not promoted", str(other))
        raise failed[-1]


def check(command: Promote) -> None:
    """Check what can be known before anything is opened.

    Raises
    ------
    CroplandError
        A nested validation, or an experiment that is not there.
    """
    if command.validation.candidates:
        raise ConfigError(
            "a nested validation scores the selection, not a candidate; promote by "
            "validation=kfold, repeated or blocks"
        )
    if command.tracking.experiment:  # a typing error in its name would make another
        experiment = experiment_of(command.tracking, command.source.name)
        number_of(client_of(command.tracking.uri), command.tracking.uri, experiment)


def _show(
    done: Sequence[Promoted],
    command: Promote,
    words: Sequence[str],
    store: Store,
    sweep: Collection[str] | None,
) -> None:
    """Print what was selected, what was decided, and what to beware of."""
    if not done:
        return
    screen = terminal.tables()
    simulated = command.source.name == "simulated"
    screen.print(_table(done, simulated=simulated))
    if folds := _folds_in_words(done[0], command):
        screen.print(folds, soft_wrap=True)
    for promoted in done:
        for line in _selected_lines(promoted, command, sweep):
            screen.print(terminal.literal(line), soft_wrap=True)
        decision = terminal.literal(decision_in_words(promoted))
        screen.print(f"{promoted.name}: {decision}", soft_wrap=True)
        for warning in _warnings(promoted):
            terminal.print_warning(screen, f"{promoted.country}: {warning}")
    if simulated:
        screen.print(terminal.SIMULATED)
    screen.print(f"load: models:/{done[0].name}@champion", soft_wrap=True)
    address = views.browse_hint(command.tracking, store.experiment_id, words, views.SELECTED)
    screen.print(f"in MLflow: experiment {store.experiment}; look: {address}", soft_wrap=True)
    names = ",".join(promoted.country for promoted in done)
    country = f"country={names if len(done) == 1 else f'[{names}]'}"
    screen.print(f"next: {command_line('predict', *words, country)}", soft_wrap=True)


def _table(done: Sequence[Promoted], *, simulated: bool) -> Table:
    """Tabulate of each country the best tried, the selected, and what other rules would have selected."""
    rows: list[tuple[str, ...]] = []
    sections: list[int] = []
    for promoted in done:
        result, best = promoted.result, promoted.result.best
        tried = f"{best['accuracy']:.3f} ± {best['accuracy_se']:.3f}"
        rows.append((promoted.country, "best tried", str(best["n_samples"]), tried, "", ""))
        scores, blocks = result.selected.scores, promoted.in_blocks
        rows.append(
            (
                "",
                "selected",
                str(scores.out_of_fold.sizes["sample"]),
                score_text.accuracy(scores),
                score_text.corrected(result.estimate),
                "–" if blocks is None else f"{blocks:.3f}",
            )
        )
        for rule, other in result.others.items():
            values = score_text.accuracy(other), score_text.corrected(other.estimate)
            rows.append(("", rule, str(other.n_points), *values, ""))
        sections.append(len(rows) - 1)
    return Table(
        (
            *("country", "by rule", "points", "accuracy ± s.e."),
            *("bias-corrected (BBC-CV), 95 %", "spatial block CV"),
        ),
        rows,
        title=terminal.titled("Selected candidate of each country", simulated=simulated),
        settings=("points",),
        sections=sections,
    )


def _folds_in_words(promoted: Promoted, command: Promote) -> str:
    """Return which accuracies are of repeated folds; nothing where all are of the same."""
    used, sweep = promoted.result.selected.validation, command.validation
    if used.repeats == sweep.repeats:
        return ""
    return (
        f"accuracy: selected: {used.repeats} × {used.folds} folds; other rows: the {sweep.repeats} × "
        f"{sweep.folds} folds of the sweep; compare the bias-corrected accuracies"
    )


def _selected_lines(
    promoted: Promoted, command: Promote, sweep: Collection[str] | None
) -> Iterator[str]:
    """Yield in words what was selected of a country, how it differs from the best tried, and why."""
    result, rule = promoted.result, command.promotion.rule
    members = result.selected.members
    earlier = [
        each.run.name for each in members if sweep is not None and each.run.run_id not in sweep
    ]
    names = ", ".join(
        f"{member.run.name}{' of an earlier sweep' * (member.run.name in earlier)}"
        for member in members
    )
    mean = f"the mean of {len(members)} candidates: " if len(members) > 1 else ""
    tried = count(result.n_tried, "candidate")
    yield f"{promoted.country}: selected of {tried} by rule {rule}: {mean}{names}"
    why = difference(result, rule)
    best = "" if why.startswith("it is the best") else f"the best tried is {result.best['name']}; "
    yield f"{promoted.country}: {best}{why}"
    own = tuple(member.run.name for member in members)
    others = [f"by {name}: {_others(other.names, own)}" for name, other in result.others.items()]
    yield f"{promoted.country}: other rules would select: {'; '.join(others)}"
    if barred := excluded(result):
        yield f"{promoted.country}: {barred}"


def _others(names: tuple[str, ...], own: tuple[str, ...]) -> str:
    """Return in words what another rule would have selected."""
    if set(names) == set(own):
        return "the same"
    return (
        names[0] if len(names) == 1 else f"the mean of {len(names)} candidates (see the model card)"
    )


def _warnings(promoted: Promoted) -> Iterator[str]:
    """Yield what to beware of in what was selected."""
    selected = promoted.result.selected
    if is_perfect(promoted.result):
        yield PERFECT
    static = dict.fromkeys(
        name for material in selected.materials for name in material.candidate.band_set.static
    )
    if static:
        yield (
            f"the selected model uses {' and '.join(static)}; it has learnt where the labelled points "
            "are, and is less accurate elsewhere"
        )


def decision_in_words(promoted: Promoted) -> str:
    """Return in words what was done with the champion, and why."""
    version, against = promoted.version, promoted.against
    if promoted.decision is Decision.SAME:
        members = promoted.result.selected.members
        those = "candidate" if len(members) == 1 else "candidates"
        return f"version {version} stays champion: it was made from the selected {those}"
    if promoted.decision is Decision.KEPT:
        return (
            f"version {version} stays champion: {_reason_to_keep(against)}; force=true replaces it"
        )
    decided = (
        f"version {version}, registered before, is champion"
        if promoted.decision is Decision.RESTORED
        else f"registered as version {version}, now champion"
    )
    if promoted.before is None:
        return decided
    compared = (
        f" ({_difference(against)} on the same points, McNemar p = {against.p_value:.3g})"
        if isinstance(against, Comparison)
        else f", which could not be compared: {against}"
    )
    return f"{decided} in place of version {promoted.before}{compared}"


def _reason_to_keep(against: Comparison | str | None) -> str:
    """Return in words why a champion is not replaced."""
    if not isinstance(against, Comparison):
        return f"it cannot be compared with the selected: {against}"
    if against.difference < -against.standard_error:
        return (
            f"on the same points the selected is less accurate ({_difference(against)}, McNemar p = "
            f"{against.p_value:.3g})"
        )
    return (
        f"on the same points the selected is not better by more than one standard error "
        f"({_difference(against)})"
    )


def _difference(against: Comparison) -> str:
    return f"{against.difference:+.4f} ± {against.standard_error:.4f}"
