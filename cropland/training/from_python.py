"""Sweeps from Python: the words of ``train`` make candidates, candidates make a table of scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cropland.errors import ConfigError
from cropland.training.candidates import candidates_of

if TYPE_CHECKING:
    import pandas as pd

    from cropland.training.candidate import Candidate


def compose(words: Sequence[str] = (), *, config_dir: Path | str | None = None) -> list[Candidate]:
    """Compose candidates of the words of ``train``; several values of a key make several candidates.

    Parameters
    ----------
    words : sequence of str
        As on the command line: ``country=iran``, ``span=range(12,49,12)``, ``study=bands``.
    config_dir : path, optional
        A folder of configuration beside ``conf/`` of the working folder and the project's own.

    Returns
    -------
    list of Candidate
        Each has a ``name``, a ``country``, a ``window`` and a ``configuration``.

    Raises
    ------
    ConfigError
        A word that cannot be, or a search, whose candidates are not known beforehand.

    Examples
    --------
    >>> words = ["country=iran", "span=range(12,49,12)", "model=knn", "source.points=30"]
    >>> candidates = cropland.compose(words)
    >>> [candidate.configuration.span for candidate in candidates]
    [12, 24, 36, 48]
    >>> print(candidates[0].window)
    2020-04-07 … 2020-06-30
    """
    from hydra.errors import HydraException

    from cropland.config import composition, local_file, search_path, shell_words
    from cropland.config.compose import composed
    from cropland.config.hydra_words import error_line
    from cropland.training import rerun

    options = [] if config_dir is None else ["--config-dir", str(config_dir)]
    try:
        given = shell_words.hydra_words([*options, *words], "train")
        search_path.register()
        given += local_file.store("train", given)
        given = rerun.expanded(given)
        with composed(given) as sweep:
            composition.prepare_sweep(sweep)
            if not composition.is_enumerated(sweep):
                raise ConfigError(
                    "expected overrides with known candidates, got a search: run it with cropland train"
                )
            jobs = composition.jobs(sweep)
    except HydraException as error:
        raise ConfigError(error_line(error)) from error
    return [candidate for job in jobs for candidate in candidates_of(job)]


def score(candidates: Sequence[Candidate], *, track: bool = False) -> pd.DataFrame:
    """Score candidates by cross-validation, as ``train`` does; an archive that is not there yet is made.

    Parameters
    ----------
    candidates : sequence of Candidate
        As `compose` returns them.
    track : bool
        Whether each becomes a run in the store of its configuration, where what is there is not scored again.

    Returns
    -------
    DataFrame
        One row a candidate: what was chosen, ``status`` (``finished``, ``already there``, ``outside``,
        ``failed``), ``accuracy``, ``accuracy_se``, ``n_points``, ``message``, ``run_id`` where it is tracked.

    Raises
    ------
    CroplandError
        Data that does not suffice, or a store that cannot be used.

    Examples
    --------
    >>> table = cropland.score(candidates[:2])
    >>> print(table[["country", "span", "model", "status", "n_points"]].to_string(index=False))
    country  span model   status  n_points
       iran    12   knn finished        30
       iran    24   knn finished        30
    """
    import pandas as pd

    from cropland.sources import opening
    from cropland.tracking.opening import open_store
    from cropland.training import preflight, resume, scoring

    if not candidates:
        return pd.DataFrame(columns=["country", "status", "accuracy"])
    preflight.check_alike([candidate.configuration for candidate in candidates])
    common = candidates[0].configuration
    archives = {
        country.name: opening.archive_of(common.source, common.paths, country)
        for candidate in candidates
        for country in (candidate.country, *candidate.other_countries)
    }
    preflight.check(candidates, archives)
    store = open_store(common.tracking, common.source.name) if track else None
    known = resume.known_outcomes(candidates, archives, store)
    rows: list[dict[str, Any]] = []
    for candidate in candidates:
        if candidate.fingerprint not in known:
            scored = scoring.score(candidate)
            outcome = scored.outcome if store is None else scored.track(store, None)
            known[candidate.fingerprint] = outcome
        values = asdict(known[candidate.fingerprint])
        rows.append(values | values.pop("settings"))
    return pd.DataFrame(rows)
