"""Tracking on a server, started on loopback."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """An MLflow server with a store and artifacts of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--workers", "1", "--backend-store-uri", f"sqlite:///{tmp_path}/server.db"]
    command += ["--artifacts-destination", str(tmp_path / "artifacts")]
    variables = os.environ | {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }
    log = (tmp_path / "server.log").open("w")
    process = subprocess.Popen(
        command, env=variables, stdout=log, stderr=log, start_new_session=True
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(address, tmp_path / "server.log")
        yield address
    finally:
        os.killpg(process.pid, 15)
        process.wait(20)
        log.close()


def wait_for(address: str, log: Path) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/health", timeout=1).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise AssertionError(log.read_text())


def test_a_sweep_is_tracked_on_a_server_with_its_artifacts(shell: Any, server: str) -> None:
    (shell.folder / "mlruns" / "mlflow.db").unlink()
    sweep = ("-m", "span=12,24", "bands=ndvi", "tracking=server", f"tracking.uri={server}")
    done = shell.run(*shell.toy, *sweep)
    assert done.returncode == 0, done.stderr
    client = MlflowClient(server)
    experiment = client.get_experiment_by_name("cropland")
    runs = client.search_runs([experiment.experiment_id])
    children = [run for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert [run.info.status for run in runs] == ["FINISHED"] * 3
    names = {item.path for item in client.list_artifacts(children[0].info.run_id)}
    assert names == {"predictions.csv", "confusion_matrix.csv", "config.yaml"}
    assert f"{server}/#/experiments/" in done.stdout
    assert not (shell.folder / "mlruns" / "mlflow.db").exists()
    assert "2 already there" in shell.run(*shell.toy, *sweep).stdout
