"""The command that promotes: one country after the other, with a table of the selected at the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.table import Table

from cropland.errors import ConfigError, CroplandError
from cropland.learning.statistics import Comparison
from cropland.models import promotion
from cropland.models.promotion import Decision
from cropland.support import signals, terminal
from cropland.support.words import command_line
from cropland.tracking import views
from cropland.tracking.experiments import experiment_of
from cropland.tracking.opening import open_store
from cropland.tracking.runs import client_of, number_of

if TYPE_CHECKING:
    from cropland.config.commands.promote import Promote
    from cropland.config.countries import Country
    from cropland.models.promotion import Promoted
    from cropland.tracking.store import Store


def run(command: Promote, countries: Iterable[Country], words: Sequence[str]) -> None:
    """Promote the best candidate of each country and print the results.

    A country that fails does not keep the others from being promoted. `words` are the overrides that say
    where the command works; the next command is printed with them.

    Raises
    ------
    CroplandError
        Some country could not be promoted; the reason of each is on screen.
    """
    if command.validation.candidates:
        raise ConfigError(
            "a nested validation scores the choice, not a candidate; promote by validation=kfold, repeated "
            "or blocks"
        )
    if command.tracking.experiment:  # a slip in its name would make another
        experiment = experiment_of(command.tracking, command.source.name)
        number_of(client_of(command.tracking.uri), command.tracking.uri, experiment)
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
                done.append(promotion.promote(command, country, store, console.print))
            except CroplandError as error:
                failed.append(error)
    finally:
        _show(done, command, words, store)
    if failed:
        for other in failed[:-1]:
            console.print(f"[red]not promoted[/] {terminal.literal(other)}")
        raise failed[-1]


def _show(done: Sequence[Promoted], command: Promote, words: Sequence[str], store: Store) -> None:
    """Print the selected candidates, what was decided, and what to beware of."""
    if not done:
        return
    screen = terminal.tables()
    simulated = command.source.name == "simulated"
    screen.print(_table(done, simulated=simulated))
    for promoted in done:
        screen.print(f"{promoted.name}: {decision_in_words(promoted)}", soft_wrap=True)
        static = promoted.result.selected.material.candidate.band_set.static
        if static:
            terminal.print_warning(
                screen,
                f"{promoted.country}: the selected model uses {' and '.join(static)}; it has learnt where "
                f"the labelled points are and is less accurate elsewhere",
            )
    if simulated:
        screen.print(terminal.SIMULATED)
    screen.print(f"load: models:/{done[0].name}@champion", soft_wrap=True)
    address = views.browse_hint(command.tracking, store.experiment_id, views.SELECTED)
    screen.print(f"in MLflow: experiment {store.experiment}; look: {address}", soft_wrap=True)
    country = f"country={done[0].country if len(done) == 1 else 'all'}"
    screen.print(f"next: {command_line('predict', *words, country)}", soft_wrap=True)


def _table(done: Sequence[Promoted], *, simulated: bool) -> Table:
    """Tabulate the selected candidate of each country."""
    title = terminal.titled("Selected candidate of each country", simulated=simulated)
    table = Table(title=title, title_justify="left")
    for name in ("country", "selected"):
        table.add_column(name)
    for name in ("accuracy ± s.e.", "points", "corrected (95 %)", "blocks", "tried"):
        table.add_column(name, justify="right")
    table.add_column("model")
    for promoted in done:
        result = promoted.result
        scores, estimate, in_blocks = result.selected.scores, result.estimate, promoted.in_blocks
        table.add_row(
            promoted.country,
            terminal.literal(result.selected.run.name),
            f"{scores.accuracy:.3f} ± {scores.accuracy_se:.3f}",
            str(scores.out_of_fold.sizes["sample"]),
            f"{estimate.value:.3f} ({estimate.low:.3f}…{estimate.high:.3f})",
            "–" if in_blocks is None else f"{in_blocks:.3f}",
            str(result.n_tried),
            f"version {promoted.version}" if promoted.is_champion else "none",
        )
    return table


def decision_in_words(promoted: Promoted) -> str:
    """Return in words what was done with the champion, and why."""
    version, against = promoted.version, promoted.against
    if promoted.decision is Decision.SAME:
        return f"version {version} stays champion: it is of the selected candidate already"
    if promoted.decision is Decision.KEPT and isinstance(against, Comparison):
        return (
            f"version {version} stays champion: it is {-against.difference:.4f} more accurate than the "
            f"selected candidate on the same points (McNemar p = {against.p_value:.3g}); force=true "
            f"replaces it"
        )
    decided = (
        f"version {version}, registered before, is champion"
        if promoted.decision is Decision.RESTORED
        else f"registered as version {version}, now champion"
    )
    if promoted.before is None:
        return decided
    compared = (
        f" ({against.difference:+.4f} on the same points, McNemar p = {against.p_value:.3g})"
        if isinstance(against, Comparison)
        else f", which could not be compared: {against}"
    )
    return f"{decided} in place of version {promoted.before}{compared}"
