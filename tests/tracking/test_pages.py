from __future__ import annotations

import json
import re
import socket
from pathlib import Path

import mlflow
import pytest

from cropland.errors import TrackingError
from cropland.tracking import pages, views

BUILD = Path(mlflow.__file__).parent / "server" / "js" / "build"


def settings(page: str) -> dict[str, str]:
    """What a front page writes into a browser that has nothing yet."""
    found = re.search(r"Object\.entries\((.*)\)\)\n", page)
    assert found
    return json.loads(found[1])


def test_the_front_page_opens_model_training_on_candidates() -> None:
    page = pages.front_page((BUILD / "index.html").read_text(), ["7"])
    written = settings(page)
    assert page.index("localStorage") < page.index("main.")
    assert "getItem(key) === null" in page  # a user's own choice stays
    assert written["mlflow.workflowType_v1"] == '"machine_learning"'
    table = json.loads(written['MLflowLocalStorage-1.1-ExperimentPage-["7"]-ReactComponentState'])
    assert table["searchFilter"] == "tags.kind = 'candidate'"
    assert table["orderByKey"] == "metrics.`accuracy`" and table["orderByAsc"] is False
    assert table == json.loads(views.state(views.CANDIDATES))


def test_the_installed_mlflow_reads_these_settings() -> None:
    scripts = "".join(path.read_text() for path in (BUILD / "static" / "js").glob("*.js"))
    keys = [key.removesuffix("_v1") for key in pages._SETTINGS]
    parts = ['"ExperimentPage"', "ReactComponentState", "MLflowLocalStorage"]
    assert [text for text in [*keys, *parts] if text not in scripts] == []


def test_a_port_that_is_taken_is_said() -> None:
    with socket.create_server((pages.HOST, 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(TrackingError) as caught:
            pages.listener(port)
    assert str(caught.value).startswith(f"port {port} cannot be used (")
    assert f"open http://127.0.0.1:{port} if MLflow runs there already" in str(caught.value)
