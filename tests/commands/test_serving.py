"""A model behind ``mlflow models serve``, started on loopback."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow import MlflowClient
from standins.servers import Group, free_port, wait_for
from standins.toy_model import average, toy_archive, toy_request

from cropland.models import mlflow_model
from cropland.models.fitted import Fitted
from cropland.tracking.records import Record

pytestmark = pytest.mark.processes


@dataclass(frozen=True)
class Served:
    """A served model, and the same one at hand."""

    address: str
    fitted: Fitted

    def ask(self, body: Any) -> tuple[int, dict[str, Any], str]:
        """Post a request: the status, the answer, and the answer as it was written."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(
            f"{self.address}/invocations", data, {"Content-Type": "application/json"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                status, text = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        return status, json.loads(text), text


@pytest.fixture(scope="module")
def observations(toy_points: pd.DataFrame, toy_rows: pd.DataFrame) -> pd.DataFrame:
    """The toy observations of four points, as a user sends them; the last was seen in 2019 only."""
    rows = toy_request(toy_points, toy_rows)
    unseen = (rows["ID"] == "P003") & (rows["Timestamp"] >= "2020")
    return rows[(rows["ID"] < "P004") & ~unseen].reset_index(drop=True)


@pytest.fixture(scope="module")
def served(
    toy_points: pd.DataFrame,
    toy_rows: pd.DataFrame,
    observations: pd.DataFrame,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """A model of several members of the toy country, logged to a store of its own and served from there."""
    folder = tmp_path_factory.mktemp("serving")
    fitted = average(toy_archive(toy_points, toy_rows))
    uri = f"sqlite:///{folder}/mlflow.db"
    client = MlflowClient(uri)
    run = client.create_run(client.create_experiment("cropland", (folder / "store").as_uri()))
    source = mlflow_model.log(
        fitted,
        Record(run.info.run_id),
        name="cropland-toyland",
        model_type="RandomForestClassifier",
        tags={},
        tracking_uri=uri,
        input_example=observations[:3],
    ).uri
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", source]
    command += ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    variables = os.environ | {
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_TRACKING_URI": uri,
        # MLflow starts uvicorn by its name.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    log, address = folder / "server.log", f"http://127.0.0.1:{port}"
    server = Group([*command, "--workers", "1"], log, variables, cwd=folder)
    try:
        wait_for(f"{address}/ping", log)
        yield Served(address, fitted)
    finally:
        server.kill()


def split(table: pd.DataFrame, **more: Any) -> dict[str, Any]:
    return {"dataframe_split": json.loads(table.to_json(orient="split", index=False)), **more}


def records(table: pd.DataFrame, **more: Any) -> dict[str, Any]:
    return {"dataframe_records": json.loads(table.to_json(orient="records")), **more}


@pytest.mark.parametrize("form", [split, records])
def test_the_answer_is_what_the_model_says(
    served: Served, observations: pd.DataFrame, form: Callable[..., dict[str, Any]]
) -> None:
    expected = served.fitted.predict(observations)
    status, answer, _ = served.ask(form(observations))
    assert status == 200
    table = pd.DataFrame(answer["predictions"])
    assert list(table)[:4] == ["ID", "probability", "label", "n_observations"]
    assert list(table)[4:] == ["inside_applicability", "cannot_tell", "reason"]
    np.testing.assert_allclose(
        table["probability"].astype(float), expected["probability"], rtol=0, atol=1e-12
    )
    for name in ("ID", "n_observations"):
        assert table[name].tolist() == expected[name].tolist()
    labels = [None if pd.isna(label) else int(label) for label in expected["label"]]
    assert [row["label"] for row in answer["predictions"]] == labels == [0, 1, 0, None]


def test_a_point_without_observations_answers_null(
    served: Served, observations: pd.DataFrame
) -> None:
    status, answer, text = served.ask(split(observations[observations["ID"] == "P003"]))
    missing = {"ID": "P003", "probability": None, "label": None, "n_observations": 0}
    missing |= {
        "inside_applicability": None,
        "cannot_tell": None,
        "reason": "not observed in all bands in the window 2020-03-12 … 2020-12-17",
    }
    assert (status, answer["predictions"]) == (200, [missing])
    assert "NaN" not in text


def test_missing_values_and_unknown_columns_may_be_sent(
    served: Served, observations: pd.DataFrame
) -> None:
    gaps = observations.assign(B4=observations["B4"].where(observations.index % 5 > 0), cloud="few")
    status, answer, _ = served.ask(records(gaps))
    assert status == 200
    np.testing.assert_allclose(
        pd.DataFrame(answer["predictions"])["probability"].astype(float),
        served.fitted.predict(gaps)["probability"],
        rtol=0,
        atol=1e-12,
    )


def test_another_season_may_be_asked_for(served: Served, observations: pd.DataFrame) -> None:
    expected = served.fitted.predict(observations, reference_end=date(2019, 12, 31))
    status, answer, _ = served.ask(split(observations, params={"reference_end": "2019-12-31"}))
    assert status == 200
    table = pd.DataFrame(answer["predictions"])
    np.testing.assert_allclose(table["probability"], expected["probability"], rtol=0, atol=1e-12)
    assert table["label"].tolist() == expected["label"].tolist()
    assert (
        table["n_observations"].tolist()
        != served.fitted.predict(observations)["n_observations"].tolist()
    )


def put(column: str, value: object) -> Callable[[pd.DataFrame], dict[str, Any]]:
    def changed(table: pd.DataFrame) -> dict[str, Any]:
        values = table[column].astype(object)
        values.iloc[2] = value
        return split(table.assign(**{column: values}))

    return changed


OWN = {
    "missing band": (
        lambda table: split(table.drop(columns="B4")),
        "the observations lack B4; the model of toyland needs the columns ID, Timestamp, B4, B8, B2, SCL",
    ),
    "missing ID": (
        lambda table: split(table.drop(columns="ID")),
        "the observations lack ID; the model of toyland needs the columns ID, Timestamp, B4, B8, B2, SCL",
    ),
    "reflectance": (
        lambda table: split(table.assign(B4=table["B4"] / 10_000, B8=table["B8"] / 10_000)),
        "the request (row 1 and",
    ),
    "text": (put("B4", "cloud"), "B4 is 'cloud' in row 3; expected a number or nothing"),
    "date": (
        put("Timestamp", "2020-13-01"),
        "Timestamp is '2020-13-01' in row 3; expected a date like 2019-07-16 or 2019-07-16 08:05:11",
    ),
    "no ID": (put("ID", None), "ID is empty in row 3; expected the ID of a point"),
    "empty": (
        lambda table: split(table[:0]),
        "the table of observations is empty; give at least one row",
    ),
    "season": (
        lambda table: split(table, params={"reference_end": "2020-02-30"}),
        "reference_end must be a date like 2020-06-30, got '2020-02-30'",
    ),
}


@pytest.mark.parametrize("name", OWN)
def test_a_bad_request_is_answered_with_one_line(
    served: Served, observations: pd.DataFrame, name: str
) -> None:
    body, message = OWN[name]
    status, answer, _ = served.ask(body(observations))
    assert status == 400 and answer["message"].startswith(message)
    assert answer["error_code"] == "INVALID_PARAMETER_VALUE"
    assert "stack_trace" not in answer


def test_bands_may_have_other_names(served: Served, observations: pd.DataFrame) -> None:
    expected = served.fitted.predict(observations)["probability"]
    named = observations.rename(columns={"B4": "B04", "B8": "nir", "SCL": "scl"})
    status, answer, _ = served.ask(split(named))
    assert status == 200
    table = pd.DataFrame(answer["predictions"])
    np.testing.assert_allclose(table["probability"].astype(float), expected, rtol=0, atol=1e-12)


def test_a_body_that_mlflow_cannot_parse_does_not_end_the_server(
    served: Served, observations: pd.DataFrame
) -> None:
    deep = b'{"dataframe_records": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(
            urllib.request.Request(
                f"{served.address}/invocations", deep, {"Content-Type": "application/json"}
            ),
            timeout=30,
        )
    with caught.value as refusal:
        assert refusal.code in (400, 500)
        assert len(refusal.read()) < 20_000
    assert served.ask(split(observations))[0] == 200


BY_MLFLOW: dict[str, tuple[Callable[[pd.DataFrame], Any], str]] = {
    "no table": (lambda table: {"rows": []}, "exactly one of the input fields"),
    "season that is no text": (
        lambda table: split(table, params={"reference_end": 2019}),
        "reference_end",
    ),
    "not JSON": (lambda table: b"ID,B4\n", "Ensure that input is a valid JSON formatted string"),
}


@pytest.mark.parametrize("name", BY_MLFLOW)
def test_what_mlflow_checks_itself_is_answered_with_its_reason(
    served: Served, observations: pd.DataFrame, name: str
) -> None:
    body, message = BY_MLFLOW[name]
    status, answer, text = served.ask(body(observations))
    assert status == 400
    assert message in answer["message"]
    assert "Traceback" not in text
