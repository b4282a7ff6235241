"""MLflow's fluent functions, pointed at one store for a while."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def mlflow_at(uri: str) -> Iterator[None]:
    """Point MLflow's fluent functions at a store; restore their store and Python's path afterwards.

    Logging and registering models need it: there MLflow uses its own store, whatever the client's is.
    """
    import mlflow

    is_set = mlflow.is_tracking_uri_set()  # type: ignore[no-untyped-call]
    before = mlflow.get_tracking_uri() if is_set else None
    path = sys.path  # loading a model puts its folder of code in front
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)  # type: ignore[arg-type]  # None unsets it
        sys.path = path
