from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from mlflow import MlflowClient
from standins.servers import free_port, wait_for

from cropland.commands import ui
from cropland.config.commands.ui import Ui
from cropland.config.groups import Tracking
from cropland.errors import TrackingError
from cropland.tracking import pages


def command(uri: str, name: str = "local") -> Ui:
    """The command on a store."""
    return Ui(Tracking(name, uri, "artifacts"), free_port(), open=True)


@pytest.fixture
def uri(tmp_path: Path, empty_store: Path) -> str:
    """A store without an experiment of Cropland."""
    shutil.copy(empty_store, tmp_path / "m.db")
    return f"sqlite:///{tmp_path}/m.db"


@pytest.mark.parametrize("desktop", [True, False])
def test_the_page_of_real_runs_is_printed_first_and_opened_on_a_desktop(
    uri: str,
    desktop: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    client, opened = MlflowClient(uri), []
    simulated, real = map(client.create_experiment, ("cropland-simulated", "cropland"))
    monkeypatch.setattr(pages, "serve", lambda *args: args[-1]())
    monkeypatch.setattr(ui, "has_desktop", lambda: desktop)
    monkeypatch.setattr(ui.webbrowser, "open", opened.append)
    shown = command(uri)
    ui.run(shown)
    runs = f"http://127.0.0.1:{shown.port}/#/experiments/{{}}/runs"
    first, second = capsys.readouterr().out.splitlines()
    assert (first, second) == (
        runs.format(real),
        f"cropland-simulated: {runs.format(simulated)}",
    )
    assert opened == [first] * desktop


def test_a_store_without_runs_is_said_with_the_command_that_makes_some(
    tmp_path: Path, uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["cropland ui"])
    with pytest.raises(
        TrackingError, match="has no runs of Cropland yet; train first: cropland tra"
    ):
        ui.run(command(uri))
    with pytest.raises(
        TrackingError, match="no runs yet: .*none.db does not exist; .*cropland tra"
    ):
        ui.run(command(f"sqlite:///{tmp_path}/none.db"))
    assert not (tmp_path / "none.db").exists()


def test_a_server_that_does_not_answer_is_said() -> None:
    with pytest.raises(TrackingError, match="does not answer"):
        ui.run(command(f"http://127.0.0.1:{free_port()}", "server"))


@pytest.mark.processes
def test_mlflow_is_served_without_its_log_until_ctrl_c(tmp_path: Path, uri: str) -> None:
    number, port = MlflowClient(uri).create_experiment("cropland"), free_port()
    words = [f"tracking.uri={uri}", f"port={port}", "open=false"]
    log = tmp_path / "log"
    with log.open("w") as notes:
        served = subprocess.Popen(
            [str(Path(sys.executable).parent / "cropland"), "ui", *words],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=notes,
            text=True,
        )
        try:
            assert served.stdout is not None
            assert (
                served.stdout.readline() == f"http://127.0.0.1:{port}/#/experiments/{number}/runs\n"
            )
            wait_for(f"http://127.0.0.1:{port}/health", log)
            page = urllib.request.urlopen(f"http://127.0.0.1:{port}/").read().decode()
        finally:
            served.send_signal(signal.SIGINT)
            rest, _ = served.communicate(timeout=20)
    assert "mlflow.workflowType_v1" in page
    assert served.returncode == 0 and rest == ""
    assert log.read_text() == "starting MLflow …\nCtrl-C ends it\nended\n"
