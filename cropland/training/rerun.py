"""Runs that are made again: `train run=<run id>`, of a candidate or of a whole sweep."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob

from cropland.config import filling, local_file, run_group
from cropland.config.hydra_internals import parsed_arguments
from cropland.config.plain_values import mapping
from cropland.config.saved import OVERRIDES
from cropland.config.schema import given_keys, require
from cropland.errors import ConfigError, CroplandError, DataError, WindowError
from cropland.support import terminal
from cropland.support.words import SEARCH_PATH, some
from cropland.tracking import experiments, runs
from cropland.tracking.artifact_folder import check_artifacts
from cropland.tracking.records import ARCHIVE, CHECKSUM, IDENTITY, KIND, LIBRARIES
from cropland.tracking.store import Store
from cropland.training import candidates
from cropland.training.candidate import CONFIG
from cropland.training.identity import libraries
from cropland.untrusted import documents

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

    from cropland.config.groups import Tracking
    from cropland.observations.archive import Archive
    from cropland.tracking.records import TrackedRun
    from cropland.training.candidate import Candidate

_FULL = 32
_PLUGIN = re.compile(r"hydra/(launcher|sweeper)=\w+|hydra\.mode=MULTIRUN", re.ASCII)
_SETTING = re.compile(r"hydra\.(launcher|sweeper)\.[\w.]+=.*", re.ASCII | re.DOTALL)
_WHERE = (*("tracking", "tracking.uri", "tracking.artifacts", "tracking.moved"), "hydra.searchpath")
"""Keys that say where the run was kept, and the folders of configuration of then."""
_NAMED = re.compile(r"\s(--config-name|-cn)[\s=]")
"""In the command of a sweep: it was composed of another file than ``conf/train.yaml``."""


def expanded(words: Sequence[str]) -> list[str]:
    """Return the words of ``train`` with what ``run=`` names looked up, to which ``local.yaml`` gives way.

    They are those of the sweep that is named, or have whole ids of the candidates that are.

    Raises
    ------
    CroplandError
        No such run, one of another kind, or one that this version cannot read.
    """
    ids = run_group.ids_of(words)
    if not ids:
        return list(words)
    tracking = run_group.tracking_of(words)
    client = runs.client_of(tracking.uri)
    named = [_run(client, id_, tracking) for id_ in ids]
    is_sweep = len(named) == 1 and _kind(named[0]) == "sweep"
    if is_sweep:
        words = _of_sweep(named[0], _store(client, named[0], tracking), words)
        named = [_run(client, id_, tracking) for id_ in run_group.ids_of(words)]
    choices: list[str] = []
    for run in named:
        require(
            _kind(run) == "candidate" or (is_sweep and _kind(run) == "sweep"),
            f"run {run.info.run_id} is a {_kind(run)}; expected the run of a candidate, or of one sweep",
        )
        values = _values(run, _store(client, run, tracking))
        choices += run_group.store(run.info.run_id, values, words)
    words = run_group.with_ids(words, [run.info.run_id for run in named])
    local_file.store("train", [*choices, *words])
    return words


def differences(
    words: Sequence[str],
    wanted: Sequence[Candidate],
    archives: Mapping[str, Archive],
    store: Store,
) -> Iterator[str]:
    """Yield a line for each run that words name, of which no candidate has the identity, that says why."""
    ids = run_group.ids_of(words)
    identities = {_identity(candidate, archives) for candidate in wanted} if ids else set()
    for id_ in ids:
        run = store.run(id_)
        if run.tags.get(KIND) != "sweep" and run.tags.get(IDENTITY) not in identities:
            info = store.client.get_run(id_).info  # of real data, where these are simulated
            of_run = candidates.from_run(replace(store, experiment_id=info.experiment_id), run)
            yield f"this is not run {id_[:8]} again: {_why(run, of_run, wanted, archives)}"


def _run(client: MlflowClient, id_: str, tracking: Tracking) -> Run:
    """Return a run by its id or the first signs of it."""
    from mlflow.exceptions import MlflowException

    none = f"run {id_} is not in {tracking.uri}; give tracking.uri=… of the store that has it"
    if len(id_) == _FULL:
        try:
            run = client.get_run(id_)
        except MlflowException as error:
            raise DataError(none) from error
    else:
        everywhere = [experiment.experiment_id for experiment in client.search_experiments()]
        like = client.search_runs(everywhere, f"attributes.run_id LIKE '{id_}%'", max_results=5)
        require(bool(like), none)
        names = some([run.info.run_id for run in like])
        require(
            len(like) == 1, f"run={id_}: several runs begin with it: {names}; write more characters"
        )
        run = like[0]
    require(
        run.info.lifecycle_stage == "active",
        f"run {id_} is deleted in {tracking.uri}; restore it: mlflow runs restore --run-id {id_}",
    )
    return run


def _store(client: MlflowClient, run: Run, tracking: Tracking) -> Store:
    """Return the experiment of a run, which must be one that the command works in."""
    experiment = client.get_experiment(run.info.experiment_id)
    name = str(experiment.name)
    here = [experiments.experiment_of(tracking, source) for source in ("files", "simulated")]
    require(
        name in here,
        f"run {run.info.run_id} is in experiment {name} of {tracking.uri}, and this command uses "
        f"{' and '.join(here)}; give tracking.experiment={name.removesuffix('-simulated')}",
    )
    check_artifacts(experiment.artifact_location, tracking, name)
    return Store(client, run.info.experiment_id, name)


def _kind(run: Run) -> str:
    """Return what a run is of; those of earlier versions have no tag for it."""
    tags = run.data.tags
    if "kind" in tags:
        return str(tags["kind"])
    if CHECKSUM + "card.md" in tags:
        return "promotion"
    is_candidate = IDENTITY in tags or "span" in run.data.params
    return "candidate" if is_candidate else "sweep" if "command" in tags else "run of another kind"


def _values(run: Run, store: Store) -> dict[str, Any]:
    """Return the configuration of a candidate, or that which a sweep varied, in the form of ``conf/``."""
    try:
        tracked = store.run(run.info.run_id)
        if _kind(run) == "sweep":
            return mapping(documents.plain_yaml(store.read(tracked, CONFIG)))
        candidate = candidates.from_run(store, tracked)
    except (CroplandError, ValueError) as error:
        raise ConfigError(f"run {run.info.run_id} cannot be made again: {error}") from error
    values = filling.values_of(candidate.configuration) | {"country": asdict(candidate.country)}
    return {key: value for key, value in values.items() if key != "study"}


def _of_sweep(run: Run, store: Store, words: Sequence[str]) -> list[str]:
    """Return the words of a sweep under those that are given beside its id."""
    id_ = run.info.run_id
    if CHECKSUM + OVERRIDES not in run.data.tags:
        raise DataError(
            f"run {id_} is a sweep of an earlier version, which stored no {OVERRIDES}; its tag command "
            "has its overrides"
        )
    try:
        stored = documents.plain_yaml(store.read(store.run(id_), OVERRIDES))
    except ValueError as error:
        raise DataError(f"{OVERRIDES} of run {id_} cannot be read: {error}") from error
    require(
        isinstance(stored, list) and all(isinstance(word, str) for word in stored),
        f"{OVERRIDES} of run {id_} must be a list of words",
    )
    left_out = {*given_keys(run_group.without_ids(words)), *_WHERE}
    kept = [word for word in stored if given_keys([word])[0] not in left_out]
    for word in kept:
        _check(word, id_)
    if parsed_arguments(words)[0].cfg:  # which shows one job, and Hydra refuses several values
        kept = _first_job(kept)
    _note_folders(stored, words, id_)
    is_named = _NAMED.search(run.data.tags.get("command", "")) is not None
    if is_named and parsed_arguments(words)[0].config_name is None:
        kept = [f"run={id_}", *kept]
    plus = {word.lstrip("+").partition("=")[0]: word[: -len(word.lstrip("+"))] for word in stored}
    beside = [plus.get(word.partition("=")[0], "") + word for word in words]
    return run_group.replaced(beside, kept)


def _note_folders(stored: Sequence[str], words: Sequence[str], run_id: str) -> None:
    """Print which folders of configuration a sweep had, where the present words have none."""
    if any(word.startswith(SEARCH_PATH) for word in words):
        return
    for word in stored:
        if word.startswith(SEARCH_PATH):
            note = f"run {run_id[:8]} was started with {word}: add it where the run needs its files"
            terminal.print_note(terminal.notes(), note)


def _first_job(words: Sequence[str]) -> list[str]:
    """Return the words of the first job of a sweep; what is searched for is not among them."""
    fixed: list[str] = []
    for override in OverridesParser.create().parse_overrides(list(words)):
        if not override.is_sweep_override():
            fixed.append(str(override.input_line))
        elif override.is_discrete_sweep() and not isinstance(override.value(), Glob):
            value = next(override.sweep_string_iterator())
            fixed.append(f"{override.get_key_element()}={value}")
    return fixed


def _check(word: str, run_id: str) -> None:
    """Raise an error for a word that decides which code runs or reads the environment."""
    key, _, _ = word.lstrip("+~").partition("=")
    is_hydra = key.startswith("hydra") and not (
        _PLUGIN.fullmatch(word) or (_SETTING.fullmatch(word) and "_target_" not in word)
    )
    if is_hydra or key == "allow" or "${oc." in word or not re.match(r"[+~]*[\w.@/]+(=|$)", word):
        raise ConfigError(
            f"run {run_id} was started with {word}, which is not read from a store; add {key}=… to run=…"
        )


def _identity(candidate: Candidate, archives: Mapping[str, Archive]) -> str:
    archive = archives[candidate.country.name]
    others = [archives[other.name] for other in candidate.other_countries]
    try:
        return candidate.within(archive).identity(archive, others)
    except WindowError:
        return ""


def _why(
    run: TrackedRun, of_run: Candidate, wanted: Sequence[Candidate], archives: Mapping[str, Archive]
) -> str:
    """Return in words why no candidate is that of a run."""
    same = [candidate for candidate in wanted if candidate.fingerprint == of_run.fingerprint]
    if not same:
        changes = min((_changes(of_run, candidate) for candidate in wanted), key=len)
        return some(changes, 5)
    archive = archives[same[0].country.name].fingerprint
    if run.tags.get(ARCHIVE, archive) != archive:
        return "its archive differs: points, observations or the code that reads them have changed"
    before = run.tags.get(LIBRARIES, "versions that it did not store")
    if before != libraries():
        return f"it was scored by {before}; installed are {libraries()}"
    return "the code that decides scores has changed since, or data of other countries"


def _changes(before: Candidate, after: Candidate) -> list[str]:
    """Return which params differ between two candidates, in words."""
    old, new = before.params(), after.params()
    return [
        f"{key} {new.get(key, '–')} (was {old.get(key, '–')})"
        for key in dict.fromkeys([*old, *new])
        if old.get(key) != new.get(key)
    ] or ["its country or other countries"]
