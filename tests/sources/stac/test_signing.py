from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from planetary_computer.settings import Settings
from standins.web import Answer, Web, leads, says, serving

from cropland.errors import DataError
from cropland.sources.retries import Transient
from cropland.sources.stac.signing import Signer

HREF = "https://account.blob.core.windows.net/container/B04.tif"


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    """What gives signatures."""
    with serving() as server:
        settings = Settings(subscription_key="secret key", sas_url=server.url)
        monkeypatch.setattr(Settings, "get", lambda: settings)
        yield server


def token(minutes: float = 60, **changes: Any) -> Answer:
    expiry = datetime.now(UTC) + timedelta(minutes=minutes)
    return says({"token": "sig=good", "msft:expiry": expiry.isoformat()} | changes)


def test_a_link_is_signed_and_its_signature_kept(web: Web) -> None:
    web.answers["/account/container"] = token()
    signer = Signer(1, 5.0)
    for href in (HREF, f"{HREF}?st=2022&sig=old", HREF):
        assert signer.sign(href) == f"{HREF}?sig=good"
    assert web.paths == ["/account/container"]
    signer.forget(f"{HREF}?sig=good")
    signer.sign(HREF)
    assert len(web.paths) == 2
    assert signer.sign("https://elsewhere/B04.tif") == "https://elsewhere/B04.tif"


@pytest.mark.parametrize(
    ("answer", "error", "said"),
    [
        (says(b"", 503, Retry_After="1000000000"), Transient, "HTTP 503"),
        (token(0.5), Transient, "no longer good"),
        (says(b"", 403), DataError, "is refused"),
        (leads("http://127.0.0.1:1/"), DataError, "HTTP 302 and no signature"),
        (says(b"[" * 60_000), DataError, "no signature"),
        (says(b" " * 100_000), DataError, "more than 65,536 bytes"),
        (says(json.dumps({"token": 5}).encode()), DataError, "no signature"),
        (says(b"[]"), DataError, "no signature"),
        (token(**{"msft:expiry": "2099-01-01T00:00:00"}), DataError, "no signature"),
    ],
    ids=lambda part: part if isinstance(part, str) else "",
)
def test_what_is_no_signature_is_an_error_at_once(
    web: Web, answer: Answer, error: type[Exception], said: str
) -> None:
    web.answers["/account/container"] = answer
    with pytest.raises(error, match=said) as caught:
        Signer(1, 5.0).sign(HREF)
    assert "secret" not in str(caught.value)
    assert len(web.paths) == 1


def test_a_link_to_a_storage_that_names_no_file(web: Web) -> None:
    for path in ("", "/", "/container", "/container/"):
        with pytest.raises(DataError, match="names no file in a container"):
            Signer(1, 5.0).sign(f"https://account.blob.core.windows.net{path}")
    assert not web.paths
