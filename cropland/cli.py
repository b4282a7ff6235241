"""The command line: the commands, their configuration by Hydra, and errors in one line."""

from __future__ import annotations

import gc
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from importlib import import_module
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, NoReturn

from cropland.errors import ConfigError, CroplandError, exit_on_error, nearest, one_line
from cropland.support import signals, streams

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from cropland.training.scoring import JobResult

COMMANDS = {
    "new-country": "write the file of a country from its labelled points",
    "download": "download the observations of each country's points",
    "train": "train and score one configuration, or with -m a sweep of them",
    "ui": "show runs and models in a browser, in MLflow's pages",
    "promote": "select, fit and register the best candidate of each country",
    "predict": "predict points with the champion of each country",
    "map": "map the cropland of an area with the champion of a country",
    "assess": "draw a sample of a map, estimate hectares, choose points to label",
    "compare": "score a land-cover raster on labelled points, beside the champion",
}
"""In the order of a day's work."""
_EXAMPLES = """
  cropland train -m country=all 'span=range(24,97,24)'
  cropland promote country=iran
  cropland map country=iran 'box=[48.300,32.200,48.403,32.288]'
"""
_DASHES = "-\u2010\u2011\u2012\u2013\u2014\u2212"
log = logging.getLogger(__name__)
INTERRUPTED = 130
_COMPLETION = {"-sc", "--shell-completion"}
_SUGGESTING = ("download", "promote")
"""They suggest a next command, which needs the words that say where this one worked."""


def main(name: str | None = None) -> None:
    """Run a command: the one that is named, or the first word of the command line.

    ``python scripts/train.py …`` and ``cropland train …`` are the same. Errors that a user can correct end in
    one line on standard error and exit code 1.
    """
    sys.excepthook = streams.show_error
    with streams.tolerant():
        words = sys.argv[1:] if name else _completed(sys.argv[1:])
        if not name and words[:1] == ["help"]:  # as of git
            words = [*words[1:], "--help"]
        command = name or _command_of(words)
        _answer(command, words if name else words[1:])
    if name is None:
        # Completion is of the program, whose first word is a command.
        program = "cropland" if _COMPLETION & set(words) else f"cropland {command}"
        sys.argv = [program, *words[1:]]
    launch(partial(_run, module_name(command)))


def module_name(name: str) -> str:
    """Return the name of a command's module, configuration and script."""
    return name.replace("-", "_")


def launch(command: Callable[[], Any]) -> None:
    """Run a command by Hydra.

    Errors that a user can correct end in one line on standard error and exit code 1; Ctrl-C and SIGTERM close
    what is open and end in 130 and 143. With ``HYDRA_FULL_ERROR=1`` every error shows its traceback.
    """
    wants_traceback = os.environ.get("HYDRA_FULL_ERROR") == "1"
    # Hydra words errors in many lines and prints them itself, unless it is asked for all of them.
    os.environ["HYDRA_FULL_ERROR"] = "1"
    gc.disable()  # it costs imports 15 % and finds nothing in them; `collect_garbage` ends that
    with signals.listening(), streams.tolerant():
        try:
            _call(command, wants_traceback=wants_traceback)
        except KeyboardInterrupt as error:
            signals.end_at_once()
            if not _abandon("interrupted"):
                sys.stderr.write("cropland: interrupted; run the same command again to continue\n")
            raise SystemExit(INTERRUPTED) from error
        finally:
            gc.freeze()  # the interpreter would look through all of it once more at its end, for 0.7 s


def _call(command: Callable[[], Any], *, wants_traceback: bool) -> None:
    """Call a command; close a sweep that an error leaves open, and word the error in one line."""
    from hydra.errors import HydraException

    from cropland.support.warning_filter import without_noise

    try:
        with without_noise():
            signals.call(command)
    except KeyboardInterrupt:
        raise
    except (CroplandError, HydraException) as error:
        _abandon("stopped by an error")
        if wants_traceback:
            raise
        from cropland.config.hydra_words import error_line

        raise SystemExit(f"cropland: {error_line(error)}") from error
    except BaseException as error:
        _abandon("stopped")
        if wants_traceback and error.__cause__ is not None:
            raise error.__cause__ from None
        raise


def train(config: DictConfig) -> JobResult | float | None:
    """Run one job, a configuration for one or more countries; return its mean accuracy.

    Hydra's task function of ``train``: launchers send it to their workers by its name. What it returns there
    is described by `cropland.commands.train.run_job`.
    """
    from hydra.core.hydra_config import HydraConfig

    from cropland.commands import train as command
    from cropland.config import composition, saved
    from cropland.support import terminal

    node: Any = HydraConfig.get()
    with exit_on_error():
        saved.check_hydra(node)
    with composition.started_folder(node):
        with exit_on_error():
            terminal.set_amount(**composition.mode(config).amount)
        return command.run_job(composition.job(config, node), composition.run_folder(node))


def run_command(name: str, config: DictConfig) -> None:
    """Run a command that is no sweep: Hydra's task function of all but ``train``."""
    with exit_on_error():
        from hydra.core.hydra_config import HydraConfig

        from cropland.config import commands, composition, run_log
        from cropland.support import logs, terminal
        from cropland.support.garbage import collect_garbage

        node: Any = HydraConfig.get()
        terminal.set_amount(**composition.mode(config).amount)
        schema = getattr(
            import_module(f"{commands.__name__}.{name}"), name.title().replace("_", "")
        )
        command, countries, left_out = composition.command(schema, config, node)
        where = commands.repeated(composition.given_words(node))

        run = _function(name, command)  # heavy imports
        collect_garbage()
        run_log.log_words(node)
        with logs.timed(log, name):
            run(command, countries, *([where] if name in _SUGGESTING else []))
        if left_out:
            terminal.note_not_simulated(left_out)


def _function(name: str, command: Any) -> Callable[..., None]:
    """Return what runs a command, or prints what it would do; ``download`` has a plan of its own."""
    if name == "download" or not getattr(command, "dry_run", False):
        run: Callable[..., None] = import_module(f"cropland.commands.{name}").run
        return run
    plan: Callable[..., None] = getattr(import_module("cropland.commands.dry_run"), name)
    return plan


def _completed(words: Sequence[str]) -> list[str]:
    """Return the words of a command line; a shell that completes one asks the command that is in it.

    Which commands there are is answered here.
    """
    if not words or words[0] not in _COMPLETION:
        return list(words)
    typed = os.environ.get("COMP_LINE")
    if typed is None:  # it is installed, for all commands alike
        return ["train", *words]
    line = typed.split(maxsplit=2)
    name = line[1] if len(line) > 1 else ""
    if name not in COMMANDS or (len(line) == 2 and typed.endswith(name)):  # it is not whole yet
        print(" ".join(command for command in COMMANDS if command.startswith(name)))  # noqa: T201
        raise SystemExit(0)
    os.environ["COMP_LINE"] = " ".join(["cropland", *line[2:]])
    return [name, *words]


def _command_of(words: Sequence[str]) -> str:
    """Return the command that a command line names; help and version are answered here."""
    name = words[0] if words else "--help"
    if name in ("--help", "-h"):
        print(_help())  # noqa: T201
        raise SystemExit(0 if words else 1)
    if name == "--version":
        _print_version()
    if name not in COMMANDS:
        near = nearest(name, COMMANDS, show=len(COMMANDS))
        raise SystemExit(f"cropland: {one_line(f'unknown command {name!r}; {near}')}")
    return name


def _answer(command: str, words: Sequence[str]) -> None:
    """Answer ``--help`` and ``--version`` of a command, before anything of Hydra is imported."""
    options = {f"--{word.lstrip(_DASHES)}" for word in words if word.startswith(tuple(_DASHES))}
    if "--version" in options:
        _print_version()
    if {"--help", "--h"} & options:
        from cropland.config import help as help_text

        with exit_on_error():
            text = help_text.text(command, words)
        print(text)  # noqa: T201
        raise SystemExit(0)


def _print_version() -> NoReturn:
    """Print the version and leave."""
    from importlib import metadata  # half of the start, in which Ctrl-C is not heard yet

    print(f"cropland {metadata.version('cropland')}")  # noqa: T201
    raise SystemExit(0)


def _help() -> str:
    """Return what ``cropland --help`` shows."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:{width}}{purpose}" for name, purpose in COMMANDS.items()]
    head = "usage: cropland COMMAND [KEY=VALUE …]\n\ncommands:"
    foot = "cropland COMMAND --help explains a command; cropland --version."
    return "\n".join([head, *lines, "", f"examples:{_EXAMPLES}", foot])


def _run(name: str) -> None:
    """Compose the configuration of a command and run it.

    Raises
    ------
    ConfigError
        A word of the command that holds a secret; a file or an override that cannot be read.
    """
    import hydra
    from hydra.errors import HydraException
    from yaml import YAMLError

    from cropland.config import hydra_words, local_file, saved, search_path, secrets, shell_words

    secrets.check_words(sys.argv)  # which runs remember, and Hydra's errors repeat
    sys.argv[1:] = shell_words.hydra_words(sys.argv[1:], name)
    if name == "train":
        sys.argv[1:] = saved.with_hydra(sys.argv[1:])
    search_path.register()
    sys.argv += local_file.store(name, sys.argv[1:])
    if name == "train" and any(word.startswith("run=") for word in sys.argv[1:]):
        from cropland.training import rerun  # heavy imports

        sys.argv[1:] = rerun.expanded(sys.argv[1:])
    task = train if name == "train" else partial(run_command, name)
    conf = str(search_path.SHIPPED)
    try:
        with nullcontext() if name == "train" else _sweep_folder():
            hydra.main(version_base="1.3", config_path=conf, config_name=name)(task)()
    except (HydraException, BrokenPipeError):
        raise
    except (OSError, ValueError, RecursionError, YAMLError) as error:
        if not hydra_words.is_of_libraries(error):
            raise
        raise ConfigError(hydra_words.unreadable(error)) from error


@contextmanager
def _sweep_folder() -> Iterator[None]:
    """Make Hydra write the files of a sweep into a folder that is deleted: a command's jobs need none."""
    if not {"-m", "--multirun"} & set(sys.argv):
        yield
        return
    with TemporaryDirectory() as folder:
        sys.argv.append(f"hydra.sweep.dir='{folder}'")
        yield


def _abandon(reason: str) -> bool:
    """Close a sweep that is open, and return whether one was; one that is has imported its module."""
    sweep = sys.modules.get("cropland.commands.train")
    return sweep is not None and bool(sweep.abandon(reason))
