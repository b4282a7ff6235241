"""A study of Optuna by the words of ``hydra.sweeper``: its sampler, and its storage."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

import optuna
from hydra.errors import HydraException
from hydra.utils import instantiate
from omegaconf import DictConfig
from optuna.samplers import BaseSampler
from sqlalchemy import create_engine, inspect
from sqlalchemy.exc import SQLAlchemyError

from cropland.config.hydra_words import error_line
from cropland.config.schema import require
from cropland.errors import ConfigError

if TYPE_CHECKING:
    from optuna import Study

_PACKAGES = {"CmaEsSampler": "cmaes", "GPSampler": "torch"}
"""What samplers import with a later trial."""


def sampler_of(settings: DictConfig, trials: int = 0) -> BaseSampler:
    """Make the sampler of ``hydra.sweeper.sampler``; a study that goes on does not begin its numbers again.

    Raises
    ------
    ConfigError
        It is no sampler, there is no such class, its package is missing, or it does not take a parameter.
    """
    require(
        isinstance(settings.sampler, DictConfig),
        f"hydra.sweeper.sampler is a class and its parameters, got {settings.sampler!r}; write "
        f"hydra/sweeper/sampler={settings.sampler or 'tpe'}",
    )
    values = dict(settings.sampler)
    if values.get("seed") is not None:
        values["seed"] += trials
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        try:
            sampler = instantiate(values)
        except HydraException as error:
            raise ConfigError(f"hydra.sweeper.sampler: {error_line(error)}") from error
    require(
        isinstance(sampler, BaseSampler),
        f"hydra.sweeper.sampler._target_ must be a class of optuna.samplers, got {values.get('_target_')}",
    )
    package = _PACKAGES.get(type(sampler).__name__)
    require(
        package is None or find_spec(package) is not None,
        f"hydra.sweeper.sampler needs a package that is not there: pip install {package}",
    )
    return sampler  # type: ignore[no-any-return]


def study_of(settings: DictConfig) -> Study:
    """Make a study, or load it from its storage.

    Raises
    ------
    ConfigError
        A storage that cannot be used, or a study of another direction.
    """
    optuna.logging.disable_default_handler()
    optuna.logging.enable_propagation()  # to Hydra's log, whose level counts
    logging.getLogger("optuna").setLevel(logging.NOTSET)
    storage, name, direction = settings.storage, settings.study_name, settings.direction
    with _readable(storage):
        study = optuna.create_study(
            storage=storage, study_name=name, direction=direction, load_if_exists=True
        )
    if study.direction.name.lower() != direction:
        raise ConfigError(
            f"hydra.sweeper.direction={direction}, but study {name} in {storage} has the opposite; set "
            "another hydra.sweeper.study_name"
        )
    study.sampler = sampler_of(settings, len(study.get_trials(deepcopy=False)))
    return study


def is_stored(settings: DictConfig) -> bool:
    """Return whether a storage has the study already."""
    if settings.storage is None:
        return False
    with _readable(settings.storage):
        return settings.study_name in optuna.get_all_study_names(settings.storage)


@contextmanager
def _readable(storage: str | None) -> Iterator[None]:
    """Raise as an error of the configuration that a storage cannot be used."""
    try:
        yield
    except (SQLAlchemyError, optuna.exceptions.OptunaError, ImportError) as error:
        reason = str(error.__cause__ or error)
        raise ConfigError(
            f"hydra.sweeper.storage={storage} cannot be used: {reason}; expected a database such as "
            f"sqlite:///searches.db, in a folder that is there"
        ) from error


def check_database(storage: str) -> None:
    """Raise an error for a database of something else: tables of Optuna would break a store of MLflow.

    Raises
    ------
    ConfigError
        It is one, or it cannot be used.
    """
    with _readable(storage):
        engine = create_engine(storage)
        try:
            tables = inspect(engine).get_table_names()
        finally:
            engine.dispose()
    if tables and "studies" not in tables:
        raise ConfigError(
            f"hydra.sweeper.storage={storage} is used by something else, such as MLflow's runs; use a "
            "database of its own, as in sqlite:///searches.db"
        )
