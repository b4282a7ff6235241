"""Targets of the Makefile that serve something, where they cannot."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from standins.shell import ROOT

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(shutil.which("make") is None, reason="there is no make"),
]


@pytest.fixture
def port() -> Iterator[int]:
    """A port on which something answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def make(*words: str) -> str:
    """Return what a target prints on its way to an error."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    done = subprocess.run(
        ["make", "-s", "-o", ".venv/.installed", *words, f"BIN={Path(sys.executable).parent}"],
        cwd=ROOT,
        env=outside,  # the tests may be run by make themselves
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0 and "Traceback" not in done.stderr
    return done.stdout + "".join(
        line for line in done.stderr.splitlines() if not line.startswith("make: ***")
    )


def test_a_port_that_is_taken_is_said_with_its_address(port: int) -> None:
    assert make("serve", f"SERVE_PORT={port}") == (
        f"http://127.0.0.1:{port} answers already: open it, or take another port: "
        f"make serve SERVE_PORT={port + 10}\n"
    )
    assert make("ui", f"PORT={port}").startswith(f"cropland: port {port} cannot be used (")


def test_a_model_that_is_not_there_is_said(tmp_path: Path, empty_store: Path) -> None:
    shutil.copy(empty_store, tmp_path / "m.db")
    with socket.create_server(("127.0.0.1", 0)) as server:
        free = server.getsockname()[1]
    words = ("MODEL=spam", f"TRACKING=sqlite:///{tmp_path}/m.db", f"SERVE_PORT={free}")
    assert make("serve", *words).startswith("cropland: no model spam with the alias 'champion' in")
