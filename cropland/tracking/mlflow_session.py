"""MLflow's own functions pointed at one store for a while."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def mlflow_at(uri: str) -> Iterator[None]:
    """Point MLflow's fluent half at a store, and put it back, with Python's path, afterwards.

    Logging and registering need it: there MLflow looks into its own store, whatever client asks.
    """
    import mlflow

    there_is = mlflow.is_tracking_uri_set()  # type: ignore[no-untyped-call]
    before = mlflow.get_tracking_uri() if there_is else None
    path = sys.path  # loading a model puts its folder of code in front
    mlflow.set_tracking_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)  # type: ignore[arg-type]  # None unsets it
        sys.path = path
