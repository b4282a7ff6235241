"""The queries of docs/operations.md."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from mlflow import MlflowClient
from standins.shell import ROOT

QUERIES = re.findall(
    r"^(?:tags|metrics|params)\..*$",
    (ROOT / "docs" / "operations.md").read_text(encoding="utf-8"),
    re.MULTILINE,
)


def test_the_queries_of_the_documents_find_what_they_say(tmp_path: Path, empty_store: Path) -> None:
    """Three runs as commands write them, see `test_one_configuration_is_tracked_with_all_that_decides_it`."""
    shutil.copy(empty_store, tmp_path / "m.db")
    client = MlflowClient(f"sqlite:///{tmp_path}/m.db")
    number = client.create_experiment("cropland")
    shared = {"kind": "candidate", "country": "iran", "uses_future": "false"}
    for name, tags, span, accuracy in (
        ("small", shared, 12, 0.95),
        ("large", shared | {"country": "sudan", "uses_future": "true"}, 48, 0.92),
        ("chosen", shared | {"kind": "promotion"}, 48, 0.88),
    ):
        run_id = client.create_run(number, run_name=name, tags=tags).info.run_id
        client.log_param(run_id, "span", span)
        client.log_param(run_id, "bands", "ndvi")
        client.log_param(run_id, "model.n_estimators", 10 if name == "large" else 100)
        metrics = {"accuracy": accuracy, "span_weeks": span, "n_features": 7 * span}
        metrics |= {"accuracy_corrected": 0.91} if name == "chosen" else {}
        for key, value in metrics.items():
            client.log_metric(run_id, key, value)
    found = [
        {run.info.run_name for run in client.search_runs([number], query)} for query in QUERIES
    ]
    assert found == [{"small"}, {"large"}, {"large"}, {"small"}, {"small"}, {"chosen"}]
