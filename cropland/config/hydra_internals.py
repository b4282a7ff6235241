"""What is used of Hydra 1.3 beneath its public surface: all of it, here alone.

Hydra is pinned to 1.3 for the sake of these names; `tests/config/test_hydra_internals.py` has a claim for
each, which a new version of Hydra must keep.
"""

from __future__ import annotations

import traceback
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from hydra._internal.config_loader_impl import ConfigLoaderImpl, get_overrides_dirname
from hydra._internal.utils import get_args_parser
from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback as Callback

from cropland.errors import ConfigError

if TYPE_CHECKING:
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
    from hydra.core.override_parser.types import Override
    from omegaconf import DictConfig

_FILE_SOURCE = "hydra._internal.core_plugins.file_config_source"


def parsed_arguments(words: Sequence[str]) -> tuple[Namespace, list[str]]:
    """Return what Hydra's options and overrides are, wherever they stand, and the options that are none.

    Raises
    ------
    ConfigError
        An option without its value, or with one that it does not take.
    """
    parser = get_args_parser()
    parser.error = _refuse  # type: ignore[method-assign]  # it would print its usage and leave
    return parser.parse_known_intermixed_args(list(words))


def _refuse(message: str) -> NoReturn:
    raise ConfigError(message)


def apply_overrides(overrides: Sequence[Override], config: DictConfig) -> None:
    """Set the values of parsed overrides in a composed configuration, as Hydra's own loader does.

    Raises
    ------
    HydraException
        An override that does not fit the configuration.
    """
    ConfigLoaderImpl._apply_overrides_to_config(list(overrides), config)


def overrides_dirname(overrides: Sequence[Override], config: DictConfig) -> str:
    """Return ``hydra.job.override_dirname`` of a job, by the settings of ``hydra.job.config``."""
    settings = config.hydra.job.config.override_dirname
    name: str = get_overrides_dirname(
        list(overrides), settings.exclude_keys, settings.item_sep, settings.kv_sep
    )
    return name


def basic_sweeper() -> type[BasicSweeper]:
    """Return Hydra's basic sweeper, to inherit from.

    Hydra executes its plugins' modules anew when it looks for plugins: a class that was imported before is
    another one then, and does not work.
    """
    from hydra._internal.core_plugins.basic_sweeper import BasicSweeper

    return BasicSweeper


def split_sweep(overrides: Sequence[Override]) -> list[list[str]]:
    """Return the overrides of each job of a sweep, in the order in which they run.

    Raises
    ------
    ValueError, ZeroDivisionError
        A range that cannot be written out.
    """
    jobs: list[list[str]] = basic_sweeper().split_arguments(list(overrides), None)[0]
    return jobs


def splits_as_basic(sweeper: type | None) -> bool:
    """Return whether a sweeper makes its jobs of the words as Hydra's basic one does: all at once."""
    basic = basic_sweeper()
    return (
        isinstance(sweeper, type)
        and issubclass(sweeper, basic)
        and (sweeper.sweep, sweeper.split_arguments) == (basic.sweep, basic.split_arguments)
    )


def failed_job(error: BaseException) -> JobReturn:
    """Return the result of a job that ended with an error."""
    return JobReturn(status=JobStatus.FAILED, _return_value=error)


def error_of(result: JobReturn) -> Exception | None:
    """Return the error of a job that failed; None of one that did not."""
    error: Exception = result._return_value
    return error if result.status == JobStatus.FAILED else None


def file_in_reading(error: BaseException) -> str | None:
    """Return the configuration file that Hydra was reading when an error was raised, or None."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__") == _FILE_SOURCE:
            path = frame.f_locals.get("full_path")
            return None if path is None else str(path)
    return None
