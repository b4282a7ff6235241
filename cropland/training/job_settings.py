"""Settings of a sweep's jobs: decided once by the process that opens it, kept in a file beside the ledger.

Whatever runs a job, on whichever machine, reads them there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.config.countries import Choice
from cropland.errors import DataError
from cropland.learning import fast_forest
from cropland.support.writing import write_whole
from cropland.training.candidates import candidates_of

if TYPE_CHECKING:
    from cropland.config.jobs import Job
    from cropland.training.candidate import Candidate

FILE = "job_settings.json"


@dataclass(frozen=True)
class JobSettings:
    """What every job of a sweep has in common beside its configuration.

    Attributes
    ----------
    parent_run : str
        Id of the sweep's own run.
    returns_results : bool
        Whether the process that launched a job tracks what it returns; else each job tracks its own.
    fast : bool
        Whether classes of scikit-learn-intelex can be used.
    windows : mapping of str to Choice
        Windows of countries that an earlier study has chosen.
    known : mapping of str to float
        Accuracies of the candidates whose outcome is known, by fingerprint: they are not scored. NaN where a
        window is outside its archive.
    is_search : bool
        Whether its jobs were not known beforehand: each finds out which of its candidates need not be scored.
    varied : tuple of str
        The settings that differ among the sweep's candidates, see `training.variation`.
    """

    parent_run: str
    returns_results: bool = False
    fast: bool = True
    windows: Mapping[str, Choice] = field(default_factory=dict)
    known: Mapping[str, float] = field(default_factory=dict)
    is_search: bool = False
    varied: tuple[str, ...] = ()

    def candidates_of(self, job: Job) -> list[Candidate]:
        """Return the candidates of a job."""
        if not self.fast:
            job = fast_forest.plain_job(job)
        if self.windows:
            job = replace(job, windows=self.windows)
        return [
            replace(candidate, shown=(*candidate.shown, *self.varied))
            for candidate in candidates_of(job)
        ]

    def divide(self, job: Job) -> tuple[list[Candidate], list[float]]:
        """Return the candidates of a job that are to be scored, and the accuracies of the others."""
        to_score: list[Candidate] = []
        accuracies: list[float] = []
        for candidate in self.candidates_of(job):
            if candidate.fingerprint in self.known:
                accuracies.append(self.known[candidate.fingerprint])
            else:
                to_score.append(candidate)
        return to_score, accuracies

    def write(self, folder: Path) -> None:
        """Write them into the folder of a sweep."""
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / FILE, json.dumps(asdict(self), indent=1))


def read(folder: Path) -> JobSettings:
    """Read the settings of a sweep's jobs.

    Raises
    ------
    DataError
        The folder of the sweep cannot be seen from here, or the file is damaged.
    """
    path = folder / FILE
    try:
        status = path.stat()
        return _read(path, (status.st_ino, status.st_mtime_ns, status.st_size))
    except FileNotFoundError as error:
        raise DataError(
            f"expected {path}, which the sweep's main process writes, found none; run "
            "the command in a folder that every machine sees under the same name"
        ) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise DataError(
            f"{path} is damaged; run the same command again: finished runs are kept"
        ) from error


@lru_cache(maxsize=1)
def _read(path: Path, _: tuple[int, int, int]) -> JobSettings:
    """Read the file once while it stays as it is; a search writes it anew."""
    values = json.loads(path.read_text(encoding="utf-8"))
    windows = {name: Choice(**choice) for name, choice in values.pop("windows").items()}
    known = {str(key): float(value) for key, value in values.pop("known").items()}
    varied = tuple(values.pop("varied"))
    return JobSettings(**values, windows=windows, known=known, varied=varied)
