"""The command that shows runs and models in a browser: it serves MLflow's pages, or names a server's."""

from __future__ import annotations

import os
import sys
import webbrowser
from threading import Thread
from typing import TYPE_CHECKING

from cropland.errors import TrackingError
from cropland.support import terminal
from cropland.support.words import command_line
from cropland.tracking import experiments, pages, runs, sqlite_file, views

if TYPE_CHECKING:
    import socket

    from mlflow.entities import Experiment

    from cropland.config.commands.ui import Ui

_DATABASES = ("sqlite", "postgresql")


def run(command: Ui, _: object = ()) -> None:
    """Print the page with the runs of a store, and serve it until Ctrl-C where the store is a database.

    Raises
    ------
    TrackingError
        No store, or none with runs of Cropland; a server that does not answer; a port that is taken.
    """
    tracking = command.tracking
    has_server = tracking.uri.startswith(("http://", "https://"))
    if not has_server and not tracking.uri.startswith(_DATABASES):
        raise TrackingError(
            f"expected a database or the address of a server in tracking.uri, got {tracking.uri}; its own "
            f"pages show its runs"
        )
    if has_server:
        found = _experiments(command)
        numbers = [str(each.experiment_id) for each in found]
        _show(command, found, [views.browse_hint(tracking, number) for number in numbers])
        return
    with pages.listener(command.port) as listening:
        _serve(command, listening)


def _serve(command: Ui, listening: socket.socket) -> None:
    """Serve the pages of a database until Ctrl-C."""
    found = _experiments(command)
    server = f"http://{pages.HOST}:{command.port}"
    numbers = [str(each.experiment_id) for each in found]
    notes = terminal.notes()
    notes.print("starting MLflow …")

    def ready() -> None:
        _show(command, found, [pages.address(server, number) for number in numbers])
        notes.print("Ctrl-C ends it")

    try:
        pages.serve(command.tracking, listening, numbers, ready)
    except KeyboardInterrupt:
        notes.print("ended")


def _experiments(command: Ui) -> list[Experiment]:
    """Return the experiments of a store, real data before simulated.

    Raises
    ------
    TrackingError
        There is no store, or none of the two.
    """
    tracking = command.tracking
    train = command_line("train", "country=iran")
    path = sqlite_file.path_of(tracking.uri)
    sqlite_file.check(tracking.uri)
    if path is not None and not path.is_file():
        raise TrackingError(
            f"there are no runs yet: {path} does not exist; train first: {train}; or set tracking.uri to "
            f"another store"
        )
    found = experiments.present(runs.client_of(tracking.uri), tracking)
    if not found:
        raise TrackingError(f"{tracking.uri} has no runs of Cropland yet; train first: {train}")
    return found


def _show(command: Ui, found: list[Experiment], addresses: list[str]) -> None:
    """Print the pages of the experiments, and open the first one where there is a desktop."""
    screen = terminal.screen()
    screen.print(terminal.literal(addresses[0]))
    for entry, address in zip(found[1:], addresses[1:], strict=True):
        screen.print(f"{terminal.literal(entry.name)}: {terminal.literal(address)}")
    if command.open and has_desktop():
        # It may wait for the browser, for which the server must go on meanwhile.
        Thread(target=webbrowser.open, args=[addresses[0]], daemon=True).start()


def has_desktop() -> bool:
    """Return whether a browser can show a window; without one, a text browser would take the terminal."""
    if sys.platform in ("win32", "darwin"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
