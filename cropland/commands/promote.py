"""The command that promotes: one country after the other, told on screen."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from cropland.errors import ConfigError, CroplandError
from cropland.models import promotion
from cropland.support import signals, terminal
from cropland.tracking.opening import open_store

if TYPE_CHECKING:
    from cropland.config.commands.promote import Promote
    from cropland.config.countries import Country
    from cropland.models.promotion import Promoted


def run(command: Promote, countries: Iterable[Country], words: Sequence[str]) -> None:
    """Promote the best candidate of each country and show what came of it.

    A country without candidates does not keep the others from theirs. `words` are the overrides that say
    where the command works; the next command is told them too.

    Raises
    ------
    CroplandError
        Some country could not be promoted; what was wrong with each is on screen.
    """
    if command.validation.candidates:
        raise ConfigError(
            "a nested validation scores the choice, not a candidate; promote by validation=kfold, repeated "
            "or blocks"
        )
    store = open_store(command.tracking, command.source.name)
    console = terminal.notes()
    closed = store.close_orphans()
    if closed:
        console.print(f"closed {closed} runs that a killed process had left RUNNING")
    done: list[Promoted] = []
    failed: list[CroplandError] = []
    try:
        for country in countries:
            signals.heed()
            try:
                done.append(promotion.promote(command, country, store, console.print))
            except CroplandError as error:
                failed.append(error)
    finally:
        _show(done, command, words)
    if failed:
        for each in failed[:-1]:
            console.print(f"[red]not promoted[/] {escape(str(each))}")
        raise failed[-1]


def _show(done: Sequence[Promoted], command: Promote, words: Sequence[str]) -> None:
    """Print the winners, what became of them, and what must be said of them."""
    if not done:
        return
    # Piped output has no width of its own; the table needs about this much.
    screen = terminal.tables()
    screen.print(_table(done))
    for each in done:
        screen.print(f"{each.name}: {each.decision}", soft_wrap=True)
        for warning in promotion.warnings(each):
            screen.print(f"[yellow]warning[/] {escape(warning)}", soft_wrap=True)
    if command.source.name == "simulated":
        screen.print(terminal.SIMULATED)
    screen.print(f"load: models:/{done[0].name}@champion", soft_wrap=True)
    country = f"country={done[0].country if len(done) == 1 else 'all'}"
    following = shlex.join([*words, country])
    screen.print(f"next: python scripts/predict.py {following}", soft_wrap=True)


def _table(done: Sequence[Promoted]) -> Table:
    """Tabulate the winner of each country."""
    table = Table(title="Winner of each country", title_justify="left")
    for name in (
        "country",
        "winner",
        "accuracy ± s.e.",
        "corrected (95 %)",
        "blocks",
        "of",
        "model",
    ):
        table.add_column(
            name, justify="left" if name in ("country", "winner", "model") else "right"
        )
    for each in done:
        scores, estimate = each.result.winner.scores, each.result.estimate
        table.add_row(
            each.country,
            each.result.winner.material.candidate.name,
            f"{scores.accuracy:.3f} ± {scores.accuracy_se:.3f}",
            f"{estimate.value:.3f} ({estimate.low:.3f}…{estimate.high:.3f})",
            "–" if isinstance(each.in_blocks, str) else f"{each.in_blocks:.3f}",
            str(each.result.compared),
            f"version {each.version}" if each.is_champion else "none",
        )
    return table
