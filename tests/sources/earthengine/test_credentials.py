"""Credentials are files as Google writes them; a server on loopback gives tokens for them, or refuses."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import ee
import google.auth
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth.exceptions import DefaultCredentialsError
from standins.earthengine_calls import patient, source_of

from cropland.errors import DataError
from cropland.sources.earthengine.connection import Connection

GOOGLE = "https://earthengine.googleapis.com"


class Tokens(BaseHTTPRequestHandler):
    """Gives a token to whoever names a scope, as Google does; or the answer that a test sets."""

    server: Any

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        claims = asked["assertion"][0].split(".")[1]
        scope = json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["scope"]
        self.server.scopes.append(scope)
        refusal = self.server.refusal or ("" if scope else "invalid_scope: Invalid OAuth scope")
        error, _, description = refusal.partition(": ")
        answer: dict[str, Any] = {"access_token": "token", "expires_in": 3600}
        if refusal:
            answer = {"error": error, "error_description": description}
        body = json.dumps(answer).encode()
        self.send_response(400 if refusal else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def tokens() -> Iterator[Any]:
    running: Any = ThreadingHTTPServer(("127.0.0.1", 0), Tokens)
    running.scopes, running.refusal = [], ""
    threading.Thread(target=running.serve_forever, args=(0.01,), daemon=True).start()
    yield running
    running.shutdown()
    running.server_close()


@pytest.fixture(scope="module")
def key() -> str:
    made = rsa.generate_private_key(65537, 2048)
    return made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@pytest.fixture
def key_file(tmp_path: Path, tokens: Any, key: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The key of a service account, where nothing else is stored."""
    content = {
        "type": "service_account",
        "project_id": "my-project",
        "private_key_id": "1",
        "private_key": key,
        "client_email": "mapper@my-project.iam.gserviceaccount.com",
        "token_uri": f"http://127.0.0.1:{tokens.server_address[1]}/token",
    }
    path = tmp_path / "key.json"
    path.write_text(json.dumps(content))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    monkeypatch.setattr(ee.oauth, "get_credentials_path", lambda: str(tmp_path / "credentials"))
    return path


def sign_in() -> str:
    return Connection(source_of(GOOGLE), patient()).sign_in()


@pytest.mark.usefixtures("key_file")
def test_a_service_account_asks_for_a_token_with_earth_engines_scope(tokens: Any) -> None:
    assert sign_in() == ("of the service account mapper@my-project.iam.gserviceaccount.com, valid")
    (scope,) = tokens.scopes
    assert "https://www.googleapis.com/auth/earthengine" in scope.split()


@pytest.mark.usefixtures("key_file")
@pytest.mark.parametrize(
    "refusal",
    ["invalid_grant: Invalid JWT Signature.", "invalid_grant: account not found"],
)
def test_a_refusal_has_googles_own_reason(tokens: Any, refusal: str) -> None:
    tokens.refusal = refusal
    reason = refusal.rstrip(".")
    with pytest.raises(DataError, match=rf"{reason}.* a new key of the service account") as caught:
        sign_in()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", ["{half", "[1]", "7", '"text"'])
def test_a_key_that_is_no_json_object_is_one_line(key_file: Path, content: str) -> None:
    key_file.write_text(content)
    with pytest.raises(DataError, match=r"credentials .*key\.json") as caught:
        sign_in()
    assert "\n" not in str(caught.value)


def test_a_key_without_its_parts_is_named(key_file: Path) -> None:
    key_file.write_text('{"type": "service_account"}')
    with pytest.raises(DataError, match=r"cannot be used: .*key\.json; give GOOGLE_APP"):
        sign_in()
    key_file.unlink()
    with pytest.raises(DataError, match=r"cannot be used: File .*key\.json was not found; give"):
        sign_in()


@pytest.mark.usefixtures("key_file")
@pytest.mark.parametrize("content", ["{half", "[1]", "7"])
def test_stored_credentials_that_are_no_json_object_are_one_line(
    tmp_path: Path, content: str
) -> None:
    (tmp_path / "credentials").write_text(content)
    with pytest.raises(DataError, match="cannot be read .* authenticate --force"):
        sign_in()


def test_no_credentials_are_answered_with_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none(**_: Any) -> None:
        raise DefaultCredentialsError(
            "Your default credentials were not found. To set up Application Default Credentials, see"
        )

    monkeypatch.setattr(google.auth, "default", none)
    monkeypatch.setattr(ee.oauth, "get_credentials_path", lambda: str(tmp_path / "credentials"))
    with pytest.raises(DataError, match=r"no valid .* run `earthengine authenticate`"):
        sign_in()
