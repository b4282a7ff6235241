"""MLflow's fluent functions, pointed at one store for a while."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

_VARIABLES = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI")


@contextmanager
def mlflow_at(uri: str) -> Iterator[None]:
    """Point MLflow's fluent functions at a store; restore their store and Python's path afterwards.

    Logging and registering models need it: there MLflow uses its own store, whatever the client's is.
    """
    import mlflow

    is_set = mlflow.is_tracking_uri_set()  # type: ignore[no-untyped-call]
    before = mlflow.get_tracking_uri() if is_set else None
    registry = mlflow.get_registry_uri()
    apart = registry != mlflow.get_tracking_uri()  # as by MLFLOW_REGISTRY_URI
    # Setting an address sets them too.
    variables = {name: os.environ.get(name) for name in _VARIABLES}
    path = sys.path  # loading a model puts its folder of code in front
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    try:
        yield
    finally:
        mlflow.set_tracking_uri(before)  # type: ignore[arg-type]  # None unsets it
        mlflow.set_registry_uri(registry if apart else None)  # type: ignore[arg-type]
        sys.path = path
        for name, value in variables.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
