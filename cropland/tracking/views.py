"""The views of an experiment in MLflow's pages: candidates, sweeps, what was selected, predictions, maps."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from cropland.support.words import SEARCH_PATH, command_line
from cropland.tracking import notes, sqlite_file
from cropland.tracking.records import KIND

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment

    from cropland.config.groups import Tracking


class _View(NamedTuple):
    """What a view shows: its title, a filter in MLflow's words, columns, and the one that is sorted by."""

    title: str
    condition: str
    columns: tuple[str, ...]
    order: str = "attributes.start_time"

    def state(self) -> str:
        """Return filter, order and columns as MLflow's pages keep them."""
        columns = list(map(_quoted, self.columns))
        state = {
            "searchFilter": self.condition,
            "orderByKey": _quoted(self.order),
            "orderByAsc": False,
            "selectedColumns": columns,
            "columnOrder": columns,
            "runsHiddenMode": "SHOW_ALL",
        }
        return json.dumps(state)

    def saved(self) -> str:
        """Return it as MLflow's pages keep a saved view; their menu has the newest first."""
        created = _CREATED - list(_VIEWS.values()).index(self)
        return json.dumps({"name": self.title, "createdAt": created, "state": self.state()})


def _quoted(column: str) -> str:
    """Return a column as MLflow's pages name it."""
    kind, _, name = column.partition(".")
    return column if kind == "attributes" else f"{kind}.`{name}`"


CANDIDATES, SWEEPS, SELECTED, PREDICTIONS, MAPS = (
    "candidates",
    "sweeps",
    "selected",
    "predictions",
    "maps",
)
_SETTINGS = ("params.country", "params.span", "params.period", "params.bands", "params.model")
_VIEWS = {
    CANDIDATES: _View(
        "Candidates",
        f"tags.{KIND} = 'candidate'",
        (
            *("metrics.accuracy", "metrics.accuracy_se"),
            *_SETTINGS,
            *("metrics.f1", "metrics.roc_auc", "metrics.n_features"),
        ),
        "metrics.accuracy",
    ),
    SWEEPS: _View(
        "Sweeps and studies",
        f"tags.{KIND} = 'sweep'",
        ("tags.study", "metrics.n_finished", "metrics.n_failed", "metrics.accuracy"),
    ),
    SELECTED: _View(
        "Selected",
        f"tags.{KIND} = 'promotion'",
        (
            *("metrics.accuracy", "metrics.accuracy_corrected", "metrics.accuracy_blocks"),
            *_SETTINGS,
            "metrics.n_candidates",
        ),
    ),
    PREDICTIONS: _View(
        "Predictions",
        f"tags.{KIND} = 'prediction'",
        (
            *("tags.country", "params.source", "params.reference_end", "metrics.n_points"),
            *("metrics.n_cropland", "metrics.n_outside_applicability", "metrics.n_cannot_tell"),
        ),
    ),
    MAPS: _View(
        "Maps and areas",
        " and ".join(
            f"tags.{KIND} != '{kind}'" for kind in ("sweep", "candidate", "promotion", "prediction")
        ),
        (
            *(f"tags.{KIND}", "tags.country", "params.model"),
            *("metrics.hectares_cropland_counted", "metrics.hectares_cropland"),
            *("metrics.hectares_cropland_low", "metrics.hectares_cropland_high"),
            *("metrics.overall_accuracy", "metrics.accuracy"),
        ),
    ),
}
_STORE = ("tracking", SEARCH_PATH)
_STATE = "mlflow.sharedViewState."
_CREATED = 1_767_225_600_000
"""When the first view was created, for MLflow's menu: milliseconds since 1970-01-01 UTC."""
_OLDER = "Runs of older versions have no tag `kind`, so that the views leave them out."


def tags(note: str) -> dict[str, str]:
    """Return the tags of an experiment that has the views and a description."""
    return {f"{_STATE}{key}": view.saved() for key, view in _VIEWS.items()} | notes.tags(note)


def add(client: MlflowClient, entry: Experiment, note: str) -> None:
    """Add to an experiment the views that it lacks, and to runs of older versions the tags of views.

    In a database file these tags are written once; of runs on a server, the note says that they lack them.
    """
    number, uri = str(entry.experiment_id), str(client.tracking_uri)
    states = {key: value for key, value in tags(note).items() if key.startswith(_STATE)}
    if all(entry.tags.get(key) == value for key, value in states.items()):
        return
    if not sqlite_file.tag_kinds(uri, number):
        note += f"\n\n{_OLDER}"
    new = states | (notes.tags(note) if notes.is_older(entry.tags) else {})  # others list champions
    for key, value in new.items():
        client.set_experiment_tag(number, key, value)


def state(view: str) -> str:
    """Return filter, order and columns of a view as MLflow's pages keep them."""
    return _VIEWS[view].state()


def browse_hint(
    tracking: Tracking, experiment_id: str, words: Iterable[str] = (), view: str = CANDIDATES
) -> str:
    """Return the address of a view on a server, or the command that shows a database in a browser.

    Parameters
    ----------
    tracking : Tracking
        The store.
    experiment_id : str
        The experiment.
    words : iterable of str
        Overrides of the present command that say where it works; the command needs those of the store.
    view : str
        Key of the view.
    """
    if not tracking.uri.startswith("http"):
        return command_line("ui", *(word for word in words if word.startswith(_STORE)))
    query = f"workflowType=machine_learning&viewStateShareKey={view}"
    return f"{tracking.uri.rstrip('/')}/#/experiments/{experiment_id}/runs?{query}"
