"""What ``train`` would do, with ``dry_run=true``: all checks are made, nothing is written."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.commands.estimates import bytes_in, bytes_of_a_run, size
from cropland.support import terminal
from cropland.support.words import count, in_words, some
from cropland.support.writing import temporary_folder
from cropland.tracking.records import KIND
from cropland.training import resume, search
from cropland.training import sweep as sweeps

if TYPE_CHECKING:
    from cropland.config.jobs import Job
    from cropland.tracking.store import Store
    from cropland.training.candidate import Candidate
    from cropland.training.outcome import Outcome
    from cropland.training.sweep import Prepared

HEAD = "dry run: nothing is written"
_CANDIDATES = f"tags.{KIND} = 'candidate'"


def show(
    jobs: Sequence[Job], words: Sequence[str], *, is_search: bool, n_trials: int | None
) -> None:
    """Check a sweep and print what it would score.

    What would be made first, such as an archive, goes to a temporary folder, which is deleted.

    Raises
    ------
    CroplandError
        Whatever can be known to be wrong before any work.
    """
    if jobs[0].is_reproduction:
        from cropland.reproduction import study

        lines, simulated = study.plan(jobs[0]), jobs[0].configuration.source.name == "simulated"
    else:
        lines, simulated = _lines(jobs, words, is_search=is_search, n_trials=n_trials)
    print_lines(lines, simulated=simulated)


def print_lines(lines: Sequence[str], *, simulated: bool) -> None:
    """Print a plan: its head, its lines, and whether the data are simulated."""
    screen = terminal.screen()
    screen.print(HEAD)
    for line in lines:
        screen.print(terminal.literal(line), soft_wrap=True)
    if simulated:
        screen.print(terminal.SIMULATED)


def _lines(
    jobs: Sequence[Job], words: Sequence[str], *, is_search: bool, n_trials: int | None
) -> tuple[list[str], bool]:
    """Return the plan of a sweep in lines, and whether its data are simulated."""
    if is_search:
        search.check(jobs)
    with temporary_folder() as scratch:
        prepared = sweeps.prepare(jobs, words, terminal.notes(), scratch)
        store, archives = prepared.store, _archives(prepared, scratch)
        terminal.note_not_simulated(sorted({name for job in jobs for name in job.left_out}))
        if is_search:
            trials = count(n_trials, "trial") if n_trials else "trials"
            countries = len({one.country.name for one in prepared.candidates})
            lines = [
                f"{trials} of {count(countries, 'candidate')} each, which the search chooses as it goes",
                *archives,
                "time: unknown, candidates are not known before",
            ]
        else:
            known = resume.known_outcomes(prepared.candidates, prepared.archives, store)
            to_score = [one for one in prepared.candidates if one.fingerprint not in known]
            lines = [_counted(prepared.candidates, known, to_score), *archives]
            lines += _costs(to_score, store)
    if prepared.configuration.promote:
        lines.append(
            "then: the best candidate of each country is promoted; which one is not known before"
        )
    return lines, store.is_simulated


def _counted(
    candidates: Sequence[Candidate], known: Mapping[str, Outcome], to_score: Sequence[Candidate]
) -> str:
    """Return how many candidates there are, and what becomes of them."""
    statuses = Counter(
        known[one.fingerprint].status for one in candidates if one.fingerprint in known
    )
    parts = [f"{len(to_score)} would be scored"]
    if statuses["already there"]:
        parts.append(f"{statuses['already there']} scored already (force=true scores them again)")
    if statuses["outside"]:
        parts.append(f"{statuses['outside']} with a window that cannot be used")
    countries = some(dict.fromkeys(one.country.name for one in candidates))
    return f"{count(len(candidates), 'candidate')} of {countries}: {', '.join(parts)}"


def _archives(prepared: Prepared, scratch: Path) -> list[str]:
    """Return which archives there are, and which would be made first."""
    made = {path.name: bytes_in(path) for path in scratch.glob("*.zarr")}
    lines = []
    for archive in prepared.archives.values():
        number = count(archive.points.sizes["point"], "point")
        points = f"{archive.country}: {number}, {archive.first} to {archive.last}"
        new = [n_bytes for name, n_bytes in made.items() if name.startswith(f"{archive.country}-")]
        lines.append(points + (f"; its archive would be made first, {size(new[0])}" if new else ""))
    return lines


def _costs(to_score: Sequence[Candidate], store: Store) -> list[str]:
    """Return how long scoring takes and how much it writes, by finished runs of the same kind."""
    if not to_score:
        return ["time: seconds, nothing is to be scored"]
    kinds = Counter((one.country.name, one.configuration.model.name) for one in to_score)
    seconds, n_known, n_runs = 0.0, 0, 0
    for (country, model), number in kinds.items():
        alike = f"{_CANDIDATES} and params.country = '{country}' and params.model = '{model}'"
        times = store.seconds_of(alike)
        if times:
            seconds += statistics.median(times) * number
            n_known, n_runs = n_known + number, n_runs + len(times)
    if not n_known:
        return ["time, disk: unknown, no candidate of these countries and models has finished yet"]
    rest = len(to_score) - n_known
    of_rest = (
        f"; of {count(rest, 'other')} unknown, no run of the kind has finished yet" if rest else ""
    )
    lines = [
        f"time: about {in_words(seconds)} of computing, which workers share (medians of "
        f"{count(n_runs, 'finished run')}){of_rest}"
    ]
    n_bytes = bytes_of_a_run(store, _CANDIDATES)
    if n_bytes is not None:
        lines.append(f"disk: about {size(n_bytes * len(to_score))} of runs ({size(n_bytes)} each)")
    return lines
