"""Ask, launch, tell: trials of a study of Optuna as jobs of Hydra."""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import yaml
from hydra.errors import HydraException
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
)
from optuna.trial import TrialState

from cropland.config.hydra_internals import error_of
from cropland.config.search_space import RESULTS, Dimension, SearchSpace
from cropland.errors import ConfigError, one_line
from hydra_plugins.cropland_search._study import is_stored, study_of

if TYPE_CHECKING:
    from pathlib import Path

    from hydra.core.utils import JobReturn
    from hydra.plugins.launcher import Launcher
    from omegaconf import DictConfig
    from optuna import Study, Trial
    from optuna.trial import FrozenTrial

_MOST_REPEATS = 10
"""Points in a row that have been tried before; then one is drawn that has not."""
log = logging.getLogger(__name__)


def run(settings: DictConfig, space: SearchSpace, launcher: Launcher, folder: Path) -> None:
    """Search a space by ``hydra.sweeper``, and write the best into a folder, see `OptunaSweeper`."""
    folder.mkdir(parents=True, exist_ok=True)
    results = folder / RESULTS
    results.unlink(missing_ok=True)
    search = _Search(study_of(settings), space)
    search.run(launcher, settings.n_trials, settings.n_jobs, settings.max_failure_rate)
    best = search.best()
    if best is None:
        log.warning("none of %d trials has a result", len(search.results))
    else:
        results.write_text(yaml.safe_dump(best, sort_keys=False), encoding="utf-8")


def stored_trials(settings: DictConfig, space: SearchSpace) -> list[list[str]]:
    """Return the words of the trials that a storage has of a search; none where it has not begun.

    Raises
    ------
    ConfigError
        See `study_of`; or they are of another space.
    """
    if not is_stored(settings):
        return []
    return [[*space.fixed, *words] for words in _Search(study_of(settings), space).results]


class _Search:
    """Points of a space, asked of a study, launched and told; `results` has what came, by words."""

    def __init__(self, study: Study, space: SearchSpace) -> None:
        self.study = study
        self.space = space
        self.results: dict[tuple[str, ...], float] = {}
        self._distributions = {one.key: _distribution(one) for one in space.dimensions}
        for trial in study.get_trials(deepcopy=False):
            self._check_alike(trial)
            if trial.state.is_finished() and trial.params:
                self.results[self._words(trial.params)] = (
                    math.nan if trial.value is None else trial.value
                )

    def run(self, launcher: Launcher, n_trials: int, n_jobs: int, max_failure_rate: float) -> None:
        """Try points until there are results of so many.

        Raises
        ------
        HydraException
            More of the trials launched together are without a result than may be.
        """
        most = min(n_trials, self.space.size)
        while len(self.results) < most:
            number = len(self.results)
            batch = self._ask(int(min(n_jobs, most - number)))
            jobs = [[*self.space.fixed, *words] for words in batch]
            returned = launcher.launch(jobs, initial_job_idx=number)
            values = [_value(job, result) for job, result in zip(batch, returned, strict=True)]
            for (words, trials), value in zip(batch.items(), values, strict=True):
                self.results[words] = value
                for trial in trials:
                    self._tell(trial, value)
            failures = sum(map(math.isnan, values))
            if failures > max_failure_rate * len(values):
                raise HydraException(
                    f"{failures} of {len(values)} trials launched together have no result, more than "
                    f"hydra.sweeper.max_failure_rate={max_failure_rate:g} allows"
                )

    def best(self) -> dict[str, Any] | None:
        """Return the best trial as Hydra's published plugin writes it; None where none has a result."""
        try:
            trial = self.study.best_trial
        except ValueError:
            return None
        words = (word.partition("=") for word in self._words(trial.params))
        params = {key: yaml.safe_load(text) for key, _, text in words}
        return {"name": "optuna", "best_params": params, "best_value": trial.value}

    def _ask(self, count: int) -> dict[tuple[str, ...], list[Trial]]:
        """Ask for so many new points; the result of one that was tried before is reported at once."""
        batch: dict[tuple[str, ...], list[Trial]] = {}
        repeats = 0
        while len(batch) < count:
            if repeats == _MOST_REPEATS:
                self.study.enqueue_trial(self._untried({*self.results, *batch}))
                repeats = 0
            trial = self.study.ask(self._distributions)
            words = self._words(trial.params)
            repeats += words in batch or words in self.results
            if words in self.results:
                self._tell(trial, self.results[words])
            else:
                batch.setdefault(words, []).append(trial)
        return batch

    def _untried(self, tried: set[tuple[str, ...]]) -> dict[str, Any]:
        """Draw a point that was not tried; there is one, since a search ends with the last."""
        numbers = random.Random(len(self.results))
        while True:
            params = {key: _drawn(one, numbers) for key, one in self._distributions.items()}
            if self._words(params) not in tried:
                return params

    def _tell(self, trial: Trial, value: float) -> None:
        if math.isnan(value):
            self.study.tell(trial, state=TrialState.PRUNED)
        else:
            self.study.tell(trial, value)

    def _words(self, params: dict[str, Any]) -> tuple[str, ...]:
        return tuple(f"{one.key}={_text(one, params[one.key])}" for one in self.space.dimensions)

    def _check_alike(self, trial: FrozenTrial) -> None:
        """Check that a trial of a stored study is of this space; one that broke off may lack keys."""
        stored = trial.distributions
        try:
            for key in stored | self._distributions if trial.state.is_finished() else stored:
                check_distribution_compatibility(stored[key], self._distributions[key])
        except (KeyError, ValueError) as error:
            raise ConfigError(
                f"study {self.study.study_name} in the storage has another search space ({error}); set "
                "another hydra.sweeper.study_name"
            ) from error


def _distribution(dimension: Dimension) -> BaseDistribution:
    """Return a dimension as Optuna has it."""
    low, high, texts = dimension.low, dimension.high, dimension.texts
    if low is None or high is None:
        return CategoricalDistribution(texts)
    if dimension.whole:
        step = int(texts[1]) - int(texts[0]) if len(texts) > 1 else 1
        return IntDistribution(int(low), int(high), log=dimension.log, step=step)
    if texts:
        return IntDistribution(0, len(texts) - 1)
    return FloatDistribution(low, high, log=dimension.log)


def _drawn(distribution: BaseDistribution, numbers: random.Random) -> Any:
    """Draw one of the values of a dimension."""
    if isinstance(distribution, CategoricalDistribution):
        return numbers.choice(distribution.choices)
    if isinstance(distribution, IntDistribution):
        return numbers.randrange(distribution.low, distribution.high + 1, distribution.step)
    assert isinstance(distribution, FloatDistribution)
    return numbers.uniform(distribution.low, distribution.high)


def _text(dimension: Dimension, value: Any) -> str:
    """Return in words what Optuna has chosen: a text, a number, or the place of one in a range of floats."""
    if dimension.low is None or (dimension.texts and dimension.whole):
        return str(value)
    return dimension.texts[value] if dimension.texts else dimension.text(value)


def _value(words: Sequence[str], result: JobReturn) -> float:
    """Return the number that a job has returned; NaN, after a line, where there is none."""
    error = error_of(result)
    if error is not None:
        log.warning("trial %s has no result: %s", " ".join(words), one_line(str(error)))
        return math.nan
    try:
        return float(result.return_value)
    except (TypeError, ValueError):
        kind = type(result.return_value).__name__
        log.warning(
            "trial %s has no result: its task returned, instead of a number, %s",
            " ".join(words),
            kind,
        )
        return math.nan
