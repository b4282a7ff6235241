"""Forests of scikit-learn-intelex: where they can be used, and what takes their place where not."""

from __future__ import annotations

import importlib
from dataclasses import replace
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from cropland.config.model import FAST
from cropland.errors import ConfigError

if TYPE_CHECKING:
    from cropland.config.jobs import Job
    from cropland.config.model import Model

_PACKAGE = "scikit-learn-intelex"
REMEDY = "make fast, or pip install 'cropland[fast]'"
"""What installs it."""
_FAST_ONLY = ("max_bins", "min_bin_size")
"""Parameters that scikit-learn's own classes do not take."""


@cache
def has_fast() -> bool:
    """Return whether scikit-learn-intelex can be used here."""
    try:
        importlib.import_module("sklearnex.ensemble")
    except (ImportError, OSError):  # the latter of libraries that do not know the processor
        return False
    return True


def fast_version() -> str:
    """Return the version of scikit-learn-intelex.

    Raises
    ------
    ConfigError
        It is not installed here.
    """
    try:
        return version(_PACKAGE)
    except PackageNotFoundError as error:
        raise ConfigError(
            f"{_PACKAGE} is not installed here ({REMEDY}); install it on every machine that runs jobs, "
            f"or take model=forest"
        ) from error


@cache
def use_one_thread() -> None:
    """Keep scikit-learn-intelex to one thread of this process.

    It holds Python's lock while it fits, so that folds in threads wait for each other, and sweeps have a
    process for each core. Outside the main thread it passes n_jobs over, takes all cores:
    hence the setting of the process, which stands there too.
    """
    importlib.import_module("daal4py").daalinit(1)


def plain_model(model: Model) -> Model:
    """Return the same model of scikit-learn's own classes: ``forest_fast`` becomes ``forest``."""
    if not model.fast:
        return model
    parameters = _plain({"_target_": model.target, **model.parameters})
    target = parameters.pop("_target_")
    name = model.name.removesuffix("_fast")
    return replace(model, name=name, target=target, parameters=parameters)


def plain_job(job: Job) -> Job:
    """Return a job with scikit-learn's own classes in the place of fast ones."""
    configuration, *alternatives = (
        replace(one, model=plain_model(one.model)) for one in (job.configuration, *job.alternatives)
    )
    return replace(job, configuration=configuration, alternatives=tuple(alternatives))


def _plain(value: Any) -> Any:
    """Replace each fast class by scikit-learn's own, without the parameters that only the fast one takes."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    parameters = {key: _plain(item) for key, item in value.items()}
    if parameters.get("_target_") not in FAST:
        return parameters
    common = {key: item for key, item in parameters.items() if key not in _FAST_ONLY}
    return common | {"_target_": common["_target_"].replace("sklearnex.", "sklearn.", 1)}
