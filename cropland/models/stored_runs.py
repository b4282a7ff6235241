"""What promotion reads of the runs of candidates: others may write to the store that holds them.

A run decides neither which class is imported nor which file is opened: sources, folders and cores are those
of the command, classes are those that a registered model may hold. Its numbers are checked before they are
used, and its identity against the configuration and the data that it names.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from cropland.config.model import FAST
from cropland.errors import ConfigError, DataError
from cropland.learning.fast_forest import plain_model
from cropland.support.words import some
from cropland.tracking.records import IDENTITY
from cropland.training import candidates
from cropland.training.candidate import CONFIG
from cropland.training.candidate_data import CandidateData
from cropland.untrusted.estimator_types import is_listed

if TYPE_CHECKING:
    from cropland.config.commands.promote import Promote
    from cropland.config.countries import Country
    from cropland.config.model import Model
    from cropland.tracking.records import TrackedRun
    from cropland.tracking.store import Store
    from cropland.training.candidate import Candidate

LISTED_ONLY = "a registered model holds only the classes that docs/models.md lists"
PARAMS = ("span", "bands", "series", "features", "model", "training")
"""Params that describe a candidate in tables."""
_COUNTS = ("span", "n_features", "n_samples")
_SHARES = ("accuracy", "accuracy_se", "brier")
_LONGEST = 500


def possible_runs(
    runs: Mapping[str, TrackedRun], country: Country, say: Callable[[str], None]
) -> dict[str, TrackedRun]:
    """Return the runs whose numbers can be those of a candidate, by run id; say which are left out.

    Raises
    ------
    DataError
        None is left.
    """
    faults = {run_id: fault for run_id, run in runs.items() if (fault := fault_of(run))}
    if faults:
        names = some([f"{run_id} ({fault})" for run_id, fault in faults.items()])
        say(f"{country.name}: runs that no candidate can have written are left out: {names}")
    if len(faults) == len(runs):
        raise DataError(
            f"no candidate of {country.name} has scores that can be: {next(iter(faults.values()))}; "
            f"train again"
        )
    return {run_id: run for run_id, run in runs.items() if run_id not in faults}


def fault_of(run: TrackedRun) -> str:
    """Return what of a run's params, metrics and tags cannot be, empty where nothing."""
    missing = [name for name in PARAMS if name not in run.params]
    missing += [name for name in (*_COUNTS, *_SHARES) if name not in run.metrics | run.params]
    missing += [name for name in ("uses_future", "window_end", IDENTITY) if name not in run.tags]
    if missing:
        return f"it has no {missing[0]}"
    for name in _COUNTS:
        if not run.count(name):
            return f"{name} is {run.params.get(name, run.metrics.get(name))!r:.20}"
    for name in _SHARES:
        if not (math.isfinite(run.metrics[name]) and 0 <= run.metrics[name] <= 1):
            return f"{name} is {run.metrics[name]:g}"
    texts = (run.name, run.tags["window_end"], *(run.params[name] for name in PARAMS))
    if not all(text.isprintable() and len(text) <= _LONGEST for text in texts):
        return "its name or its params are not one line of text"
    return ""


def unlisted_class(model: Model) -> str:
    """Return the first class of a model that no registered model may hold, empty where there is none."""
    return next((name for name in model.targets if name not in FAST and not is_listed(name)), "")


def rebuilt(text: str, command: Promote, country: Country) -> CandidateData:
    """Return a candidate made again of the configuration in its run, on the data that are here.

    Raises
    ------
    ConfigError
        See `candidate_of`.
    CroplandError
        Its data are not here.
    """
    return CandidateData.of(candidate_of(text, command, country))


def candidate_of(text: str, command: Promote, country: Country) -> Candidate:
    """Return the candidate of a stored configuration; a faster class gives way to its twin of scikit-learn.

    Raises
    ------
    ConfigError
        It is no configuration of one candidate, or names a class that no registered model may hold.
    """
    here = {name: getattr(command, name) for name in ("source", "paths", "tracking", "n_jobs")}
    candidate = candidates.from_yaml(text, **here, validation=command.validation)
    if candidate.configurations[1:]:
        raise ConfigError("it is nested: it scores a selection, not a candidate")
    if name := unlisted_class(candidate.configuration.model):
        raise ConfigError(f"it is of {name}: {LISTED_ONLY}")
    model = replace(plain_model(candidate.configuration.model), allow=())
    configuration = replace(candidate.configuration, model=model)
    return replace(candidate, country=country, configuration=configuration)


def material_of(
    run: TrackedRun, command: Promote, country: Country, store: Store
) -> CandidateData | str:
    """Return the data of a run's candidate, or why the run is not what it says.

    Raises
    ------
    CroplandError
        The data are not here.
    """
    try:
        text = candidates.text_of(store, run)
    except DataError as error:
        return f"cannot be read: {error}"
    try:
        candidate = candidate_of(text, command, country)
    except ConfigError as error:
        return f"has a {CONFIG} that cannot be promoted: {error}"
    material = CandidateData.of(candidate)
    # The identity of a fast class has the version of its library, which need not be here.
    if not is_fast(text):
        identity = candidate.identity(material.archive, material.other_archives)
        if identity != run.tags[IDENTITY]:
            return f"was not scored by the settings in its {CONFIG} on the data that are here"
    return material


def is_fast(text: str) -> bool:
    """Return whether a configuration names a faster class than scikit-learn's."""
    return candidates.from_yaml(text).configuration.model.fast
