"""MLflow's pages of a database, served by this process for the browsers of this machine."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.errors import TrackingError
from cropland.tracking import retries, views

if TYPE_CHECKING:
    from cropland.config.groups import Tracking

HOST = "127.0.0.1"
_SETTINGS = {
    # The side of MLflow that pages open on; the other one, GenAI, is MLflow's default.
    "mlflow.workflowType_v1": "machine_learning",
    # Said already: the panel of the assistant, that usage data are sent (they are not), the new registry.
    "mlflow.assistant.fab.autoOpenedOnFirstLoad_v1": True,
    "mlflow.telemetry.info.alert.dismissed_v1": True,
    "_mlflow_model_registry_promo_modal_dismissed_v1": True,
}
"""What MLflow's pages keep in a browser, as they write it."""
_COLUMNS = 'MLflowLocalStorage-1.1-ExperimentPage-["{}"]-ReactComponentState'
"""… of an experiment: columns, order and filter of its runs."""
_SCRIPT = """<script>
for (const [key, value] of Object.entries({settings}))
  if (localStorage.getItem(key) === null) localStorage.setItem(key, value);
</script>"""
_VARIABLES = {
    "_MLFLOW_SERVER_FILE_STORE": "{uri}",
    "_MLFLOW_SERVER_REGISTRY_STORE": "{uri}",
    "_MLFLOW_SERVER_ARTIFACT_ROOT": "{artifacts}",
    "_MLFLOW_SGI_NAME": "uvicorn",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
}
"""What ``mlflow ui`` hands its server."""
_SECONDS_TO_END = 1


def listener(port: int) -> socket.socket:
    """Return a socket that listens at a port of this machine.

    Raises
    ------
    TrackingError
        The port is taken, or may not be used.
    """
    try:
        return socket.create_server((HOST, port))
    except OSError as error:
        raise TrackingError(
            f"port {port} cannot be used ({error.strerror}): open http://{HOST}:{port} if MLflow runs there "
            f"already, or give another port, as in port={port + 10 if port < 65_000 else 5010}"
        ) from error


def address(server: str, experiment_id: str) -> str:
    """Return the page of an experiment's runs on a server of `serve`, which opens on its candidates."""
    return f"{server}/#/experiments/{experiment_id}/runs"


def front_page(page: str, experiment_ids: Sequence[str]) -> str:
    """Return MLflow's front page with the defaults of this project, which a user's own choices replace.

    Parameters
    ----------
    page : str
        HTML of MLflow.
    experiment_ids : sequence of str
        Experiments whose tables of runs show candidates, the most accurate first.
    """
    state = views.state(views.CANDIDATES)
    settings = {key: json.dumps(value) for key, value in _SETTINGS.items()}
    settings |= {_COLUMNS.format(number): state for number in experiment_ids}
    script = _SCRIPT.format(settings=json.dumps(settings).replace("<", "\\u003c"))
    return page.replace("<head>", f"<head>{script}", 1)


def serve(
    tracking: Tracking,
    listening: socket.socket,
    experiment_ids: Sequence[str],
    ready: Callable[[], None],
) -> None:
    """Serve MLflow's pages of a database until the process is interrupted.

    Parameters
    ----------
    tracking : Tracking
        The database, and the folder of its files.
    listening : socket
        Where to answer.
    experiment_ids : sequence of str
        Experiments whose tables open on candidates.
    ready : callable
        Called once, when pages are answered.
    """
    artifacts = Path(tracking.folder or ".").resolve().as_uri()
    for name, value in _VARIABLES.items():
        os.environ[name] = value.format(uri=tracking.uri, artifacts=artifacts)
    retries.set_variables()
    import uvicorn
    from mlflow.server import app as pages
    from mlflow.server.fastapi_app import app

    index = Path(str(pages.static_folder), "index.html").read_text(encoding="utf-8")
    text = front_page(index, experiment_ids)
    pages.view_functions["serve"] = lambda: text

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            if self.started:
                ready()

    settings = uvicorn.Config(
        app,
        log_config=None,
        log_level="error",
        access_log=False,
        timeout_graceful_shutdown=_SECONDS_TO_END,
    )
    Server(settings).run([listening])
