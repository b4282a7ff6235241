"""The views of an experiment in MLflow's pages: its candidates, what was selected, its maps and areas."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cropland.tracking import sqlite_file
from cropland.tracking.records import KIND, NOTE

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
        """Return it as MLflow's pages keep a saved view; their menu has the newest first."""
        columns = list(map(_quoted, self.columns))
        state = {
            "searchFilter": self.condition,
            "orderByKey": _quoted(self.order),
            "orderByAsc": False,
            "selectedColumns": columns,
            "columnOrder": columns,
            "runsHiddenMode": "SHOW_ALL",
        }
        created = _CREATED - list(_VIEWS.values()).index(self)
        return json.dumps({"name": self.title, "createdAt": created, "state": json.dumps(state)})


def _quoted(column: str) -> str:
    """Return a column as MLflow's pages name it."""
    kind, _, name = column.partition(".")
    return column if kind == "attributes" else f"{kind}.`{name}`"


CANDIDATES, SELECTED, MAPS = "candidates", "selected", "maps"
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
    SELECTED: _View(
        "Selected",
        f"tags.{KIND} = 'promotion'",
        (
            *("metrics.accuracy", "metrics.accuracy_corrected", "metrics.accuracy_blocks"),
            *_SETTINGS,
            "metrics.n_candidates",
        ),
    ),
    MAPS: _View(
        "Maps and areas",
        " and ".join(
            f"tags.{KIND} != '{kind}'" for kind in ("sweep", "candidate", "promotion", "prediction")
        ),
        (
            *(f"tags.{KIND}", "tags.country", "params.model", "metrics.hectares_cropland"),
            *("metrics.hectares_cropland_low", "metrics.hectares_cropland_high"),
            *("metrics.overall_accuracy", "metrics.accuracy"),
        ),
    ),
}
_STATE = "mlflow.sharedViewState."
_CREATED = 1_767_225_600_000
"""When the first view was created, for MLflow's menu: milliseconds since 1970-01-01 UTC."""
_OLDER = "Runs of older versions have no tag `kind`, so that the views leave them out."


def tags(note: str) -> dict[str, str]:
    """Return the tags of an experiment that has the views."""
    states = {f"{_STATE}{key}": view.state() for key, view in _VIEWS.items()}
    titles = ", ".join(view.title for view in _VIEWS.values())
    return states | {NOTE: f"{note}\n\nThe menu Views has {titles}."}


def add(client: MlflowClient, entry: Experiment, note: str) -> None:
    """Give an experiment the views that it lacks, and its runs of older versions the tags that views ask for.

    In a database file these tags are written once; of runs on a server, the note says that they lack them.
    """
    new = tags(note)
    if all(entry.tags.get(key) == value for key, value in new.items() if key != NOTE):
        return
    number, uri = str(entry.experiment_id), str(client.tracking_uri)
    if not sqlite_file.tag_kinds(uri, number):
        new[NOTE] += f"\n\n{_OLDER}"
    if not entry.tags.get(NOTE, note).startswith(note):  # the user's own
        del new[NOTE]
    for key, value in new.items():
        client.set_experiment_tag(number, key, value)


def browse_hint(tracking: Tracking, experiment_id: str, view: str = CANDIDATES) -> str:
    """Return the address of a view in MLflow's pages, after the command that serves a local store."""
    has_server = tracking.uri.startswith("http")
    server = tracking.uri if has_server else "http://127.0.0.1:5000"
    query = f"workflowType=machine_learning&viewStateShareKey={view}"
    address = f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs?{query}"
    if has_server:
        return address
    is_checkout = (
        tracking.uri == sqlite_file.LOCAL and Path("Makefile").is_file() and Path("conf").is_dir()
    )
    serve = (
        "make ui" if is_checkout else f"mlflow ui --backend-store-uri {shlex.quote(tracking.uri)}"
    )
    return f"{serve}, then {address}"
