"""Finished candidates of a tracking store as a table; a store is read, never made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import pandas as pd

from cropland.errors import TrackingError
from cropland.tracking import retries, sqlite_file
from cropland.tracking.experiments import REAL, usual
from cropland.tracking.opening import check_answers
from cropland.tracking.records import IDENTITY, TrackedRun
from cropland.tracking.store import Store

if TYPE_CHECKING:
    from mlflow import MlflowClient


def runs(uri: str = sqlite_file.LOCAL, *, experiment: str = REAL) -> pd.DataFrame:
    """Read the finished candidates of an experiment, the most accurate first.

    Parameters
    ----------
    uri : str
        MLflow's store: ``sqlite:///…`` or the address of a server.
    experiment : str
        ``cropland``, or ``cropland-simulated``.

    Returns
    -------
    DataFrame
        One row a run, the index is its ``run_id``: ``name``; what was chosen (``country``, ``span`` in weeks,
        ``period``, ``bands``, ``model`` …); the scores (``accuracy``, ``accuracy_se``, ``f1`` …);
        ``uses_future``, whether its window ends after the reference season. Columns of numbers are numeric.

    Raises
    ------
    TrackingError
        No such store or experiment, or one that does not answer.

    Examples
    --------
    >>> table = cropland.runs("sqlite:///mlruns/mlflow.db")
    >>> print(table[["country", "span", "bands", "model", "n_features"]].to_string(index=False))
    country  span bands  model  n_features
    toyland    24  ndvi forest          34
    """
    client = client_of(uri)
    number = number_of(client, uri, experiment)
    condition = f"attributes.status = 'FINISHED' and tags.{IDENTITY} != ''"
    found = Store(client, number, experiment).search(condition)
    rows = [_row(run) for run in found]
    table = pd.DataFrame(rows, columns=None if rows else ["run_id", "name", "accuracy"])
    table = table.apply(_as_numbers).set_index("run_id")
    return table.sort_values("accuracy", ascending=False, kind="stable")


def client_of(uri: str) -> MlflowClient:
    """Return a client of a store that is there; MLflow itself would make a database that is not.

    Raises
    ------
    TrackingError
        It is not there, is no file, or does not answer.
    """
    from mlflow import MlflowClient

    sqlite_file.check(uri)
    path = sqlite_file.path_of(uri)
    if path is not None and not path.is_file():
        raise TrackingError(
            f"expected a tracking store at {path.absolute()}, found none; set its uri, or train"
        )
    check_answers(uri)
    client = retries.patiently(uri, MlflowClient, uri, uri)
    return cast("MlflowClient", retries.RetryingClient(client))


def number_of(client: MlflowClient, uri: str, experiment: str) -> str:
    """Return the id of an experiment that is there.

    Raises
    ------
    TrackingError
        It is not there.
    """
    entry = client.get_experiment_by_name(experiment)
    if entry is None:
        names = [other.name for other in client.search_experiments()]
        simulated = usual(simulated=True, name=experiment)
        hint = f"; give experiment={simulated!r}" if simulated in names else ""
        raise TrackingError(
            f"{uri} has no experiment {experiment!r}; it has {', '.join(names)}{hint}"
        )
    return str(entry.experiment_id)


def _row(run: TrackedRun) -> dict[str, Any]:
    row = {"run_id": run.run_id, "name": run.name, **run.params}
    row |= {name: run.tags[name] for name in ("window_start", "window_end") if name in run.tags}
    counts = {name: run.count(name) for name in run.metrics if name.startswith("n_")}
    return row | run.metrics | counts | {"uses_future": run.tags.get("uses_future") == "true"}


def _as_numbers(column: pd.Series[Any]) -> pd.Series[Any]:
    """Return a column of texts as numbers, where all of them are."""
    try:
        return pd.to_numeric(column)
    except (TypeError, ValueError):
        return column
