"""No password, token or signature of an address gets into what is stored, wherever it stands."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hostile.claims import BRIEFLY, refused
from hypothesis import given
from hypothesis import strategies as st
from standins.shell import Shell, refusal

from cropland.config import filling, secrets
from cropland.config.countries import Country
from cropland.config.groups import Configuration
from cropland.errors import CroplandError
from cropland.secret_text import without_secrets
from cropland.tracking.store import Store
from cropland.training import scoring
from cropland.training.candidate import Candidate

PLACES = (
    "http://ada:{}@h",
    "http://ada:{}@h:5000/x?a=b",
    "https://ada%3A{}@h",
    "tcp://ada:{}@10.0.0.1:8786",
    "postgresql+psycopg://ada:{}@h/db",
    "POSTGRESQL://ADA:{}@H/DB",
    "ada:x{}@h",
    "//ada:x{}@h:80",
)
"""Where a password stands; without a scheme it begins with no slash."""
PARAMETERS = (
    "https://h/x?token={}",
    "https://h/x?a=1&api_key={}&b=2",
    "https://h/x;jsessionid={}",
    "https://h/x#access_token={}",
    "https://h/x?SIG={}",
    "https://h/x?code={}",
    "https://h/x?%61uth={}",
    "h/x?password={}",
    "postgresql://h/db?user=ada&password={}",
)
"""Where a value of a query stands."""
_ENDING = "8kQ"  # no text of ours has it
PASSWORDS = st.text(string.ascii_letters + string.digits + "/:?#&=+$!;,~%-._[]", max_size=12).map(
    lambda text: text + _ENDING
)
"""A word, as a message may repeat it."""
VALUES = st.text(string.ascii_letters + string.digits + "/:+$!,~-._@", max_size=12).map(
    lambda text: text + _ENDING
)
PLANTED = st.one_of(
    st.builds(str.format, st.sampled_from(PLACES), PASSWORDS),
    st.builds(str.format, st.sampled_from(PARAMETERS), VALUES),
)
ENCODED = PLANTED.map(lambda address: "https://proxy/?to=" + quote(address, safe=""))
NESTS: tuple[Callable[[str], Any], ...] = (
    lambda text: text,
    lambda text: ["data", {"deep": [text]}],
    lambda text: f"read from {text}",
    lambda text: f"['http://h:80', '{text}']",
)


@given(address=st.one_of(PLANTED, ENCODED), nest=st.sampled_from(NESTS))
@BRIEFLY
def test_a_configuration_with_a_secret_is_refused_by_a_line_without_it(
    address: str, nest: Callable[[str], Any]
) -> None:
    said = refused(lambda: secrets.check({"paths": {"data": nest(address)}}, ""))
    assert _ENDING not in said and said.startswith("paths.data")
    assert _ENDING not in refused(lambda: secrets.check_words(["-m", f"paths.data={address}"]))
    assert _ENDING not in refused(lambda: secrets.check_words([address]))


@pytest.mark.parametrize(
    "path",
    [
        *("x%3Fsig%3D{}", "x%3fsig={}", "x?sig%3D{}", "x?a=1&token%3d{}", "x%3Fa%3D1%26sig%3D{}"),
        *("x%253Fsig%253D{}", "x%25253fsig%25253d{}", "x%23access_token%3D{}", "x%3Bjsessionid={}"),
    ],
)
def test_an_encoded_query_in_a_path_is_a_query(path: str) -> None:
    address = f"http://127.0.0.1:1/{path.format(_ENDING)}"
    said = refused(lambda: secrets.check({"tracking": {"uri": address}}, ""))
    assert said.startswith("tracking.uri has a secret in its address") and _ENDING not in said
    assert _ENDING not in refused(lambda: secrets.check_words([f"tracking.uri={address}"]))
    assert _ENDING not in without_secrets(f"no answer from {address} after 5 s")


@pytest.mark.parametrize(
    "text",
    [
        *("data/100%3Fof%3Dit.csv", "https://h/x?name=a%26b%3Dc&page=2", "%23fields=3", "50%3B"),
        "%" + "25" * 5_000 + "3Fsig%3Dx",
    ],
)
def test_an_encoded_text_that_is_no_secret_is_left(text: str) -> None:
    secrets.check({"paths": {"data": text}}, "")
    assert without_secrets(text) == text


@given(password=st.text(min_size=1))
@BRIEFLY
def test_a_password_of_any_signs_is_refused(password: str) -> None:
    refused(lambda: secrets.check({"tracking": {"uri": f"postgresql://ada:{password}@h/db"}}, ""))


@given(address=st.one_of(PLANTED, ENCODED))
@BRIEFLY
def test_a_message_does_not_repeat_a_secret(address: str) -> None:
    for message in (address, f"no answer from {address} after 5 s", f"(Background: '{address}')"):
        assert _ENDING not in without_secrets(message)
        assert _ENDING not in str(CroplandError(message))


def test_what_an_unexpected_error_repeats_is_not_stored(
    composed: Callable[..., dict[str, Any]], toyland: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Candidate) -> None:
        raise RuntimeError("cannot reach postgresql://ada:pw8kQ@h/db or https://h/a.tif?sig=pw8kQ")

    monkeypatch.setattr(scoring.CandidateData, "of", fail)
    scored = scoring.score(Candidate(filling.command(Configuration, composed()), toyland))
    assert scored.outcome.message == (
        "RuntimeError: cannot reach postgresql://…@h/db or https://h/a.tif?sig=…"
    )
    assert "postgresql://…@h/db" in str(scored.done.record.files["traceback.txt"])
    assert _ENDING not in str(scored)


def test_the_run_of_a_command_that_fails_holds_no_secret(empty_store: Path, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.create_experiment("x", artifact_location=(tmp_path / "files").as_uri())
    store = Store(client, experiment, "x")
    with pytest.raises(RuntimeError), store.running("x", {}, None) as record:
        record.note = "images of https://ada:pw8kQ@h/stac"
        raise RuntimeError("no answer from http://ada:2024/8kQ@h")
    (run,) = client.search_runs([experiment])
    assert run.data.tags["mlflow.note.content"] == "images of https://…@h/stac"
    stored = [path.read_text() for path in (tmp_path / "files").rglob("traceback.txt")]
    assert len(stored) == 1 and "no answer from http://…@h" in stored[0]
    assert "8kQ" not in stored[0].replace('/8kQ@h")', "")  # the line of this file


def test_a_secret_of_a_variable_or_of_a_file_is_refused_before_any_work(shell: Shell) -> None:
    shell.words()
    (shell.folder / "conf" / "paths").mkdir(exist_ok=True)
    (shell.folder / "conf" / "paths" / "elsewhere.yaml").write_text(
        "defaults: [default]\ndata: ${oc.env:PLACE}\n"
    )
    said = refusal(shell.run(*shell.toy[2:], "paths=elsewhere", PLACE="http://ada:20248kQ@h"))
    assert said.startswith("cropland: paths.data has a password in its address")
    kept = [path for path in shell.folder.rglob("*") if path.is_file() and "conf" not in path.parts]
    assert not [path for path in kept if b"8kQ" in path.read_bytes()]
    assert not (shell.folder / "mlruns" / "runs").exists()
