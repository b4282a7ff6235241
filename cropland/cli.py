"""The border to the shell: runs a script's main function and words what goes wrong in one line."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hydra.errors import HydraException
from yaml import YAMLError

from cropland.config import secrets, yaml_checks
from cropland.config.hydra_words import error_line
from cropland.errors import ConfigError, CroplandError
from cropland.support import signals
from cropland.support.warning_filter import quieten

INTERRUPTED = 130
_CONF = Path(__file__).parent.parent / "conf"


def launch(main: Callable[[], Any]) -> None:
    """Run a ``@hydra.main`` function as a command.

    Errors that a user can mend end in one line on standard error and exit code 1; Ctrl-C and SIGTERM close
    what is open and end in 130 and 143. With ``HYDRA_FULL_ERROR=1`` every error shows its traceback.
    """
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    # Hydra words errors in many lines and prints them itself, unless it is asked for all of them.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    signals.listen()
    quieten()
    gc.disable()  # it costs start-up 15 % and finds nothing; long work enables it
    try:
        _heeding(lambda: _composing(main))
    except (CroplandError, HydraException) as error:
        _abandon("stopped by an error")
        if wants_traceback:
            raise
        raise SystemExit(f"cropland: {error_line(error)}") from error
    except KeyboardInterrupt as error:
        _abandon("interrupted")
        raise SystemExit(INTERRUPTED) from error
    except BaseException as error:
        _abandon("stopped")
        if wants_traceback and error.__cause__ is not None:
            raise error.__cause__ from None
        raise


def _heeding(main: Callable[[], Any]) -> None:
    """Run `main`; an error behind which there was a signal is taken for the signal."""
    try:
        main()
    except Exception:
        signals.heed()
        raise


def _composing(main: Callable[[], Any]) -> None:
    """Run `main`; word what Hydra raises of its own before it reaches any code of the project.

    Raises
    ------
    ConfigError
        A word of the command that holds a secret; a file of the configuration that would explode, or is no
        YAML; an override that is no value.
    """
    secrets.check_words(sys.argv)  # which runs remember, and Hydra's errors repeat
    folders = [_CONF, *map(Path, yaml_checks.given(sys.argv[1:]))]
    yaml_checks.check_aliases(folders)  # beforehand: Hydra would fill them in, and might never end
    try:
        main()
    except HydraException:
        raise
    except (OSError, ValueError, RecursionError, YAMLError) as error:
        if not yaml_checks.is_of_libraries(error):
            raise
        yaml_checks.check_all(folders)  # says which file it was
        raise ConfigError(f"the configuration cannot be read: {error}") from error


def _abandon(reason: str) -> None:
    """Close a sweep that is open; without one, nothing has been imported that would know of it."""
    sweep = sys.modules.get("cropland.commands.train")
    if sweep is not None:
        sweep.abandon(reason)
