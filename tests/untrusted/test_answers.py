from __future__ import annotations

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
import requests
from standins.web import Web, leads, says, serving

from cropland.errors import DataError
from cropland.sources.http_session import pooled_session
from cropland.untrusted.addresses import Links
from cropland.untrusted.answers import MOST_OTHER_BYTES, TooLong, beginning_of, body_of


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as server:
        yield server


def asked(web: Web, **options: Any) -> requests.Response:
    return pooled_session(1, Links(web.url)).get(f"{web.url}/x", timeout=60, stream=True, **options)


@pytest.mark.parametrize("packed", [False, True])
def test_a_body_has_at_most_so_many_bytes(web: Web, packed: bool) -> None:
    body = bytes(1_000_000)
    sent = gzip.compress(body) if packed else body
    web.answers["/x"] = says(sent, Content_Encoding="gzip" if packed else "identity")
    assert body_of(asked(web), len(body)) == body
    with pytest.raises(TooLong, match="more than 999,999 bytes"):
        body_of(asked(web), len(body) - 1)
    assert body_of(asked(web), len(sent), decode=False) == sent


@pytest.mark.parametrize("size", [10, MOST_OTHER_BYTES, 300_000])
def test_of_an_error_the_beginning_is_read(web: Web, size: int) -> None:
    web.answers["/x"] = says(b"x" * size, 500)
    assert beginning_of(asked(web)) == b"x" * min(size, MOST_OTHER_BYTES)


def test_connections_are_used_again_after_answers_and_redirects(web: Web) -> None:
    web.answers["/x"] = leads("/y")
    web.answers["/y"] = says(b"here")
    session = pooled_session(1, Links(web.url))
    for _ in range(3):
        with session.get(f"{web.url}/x", timeout=60, stream=True) as answer:
            assert body_of(answer, 10) == b"here"
    assert web.connections == 1


def test_a_redirect_does_not_lead_from_https_to_http() -> None:
    session = pooled_session(1, Links("https://public.example"))
    answer = requests.Response()
    answer.status_code, answer.url = 302, "https://public.example/x?sig=secret"
    for target, allowed in (
        ("http://public.example/x", False),
        ("HTTP://other.example/x", False),
        ("https://other.example/x", True),
        ("/y", True),
    ):
        answer.headers["Location"] = target
        if allowed:
            assert session.get_redirect_target(answer) == target
        else:
            with pytest.raises(DataError, match="from https to http") as caught:
                session.get_redirect_target(answer)
            assert "secret" not in str(caught.value)


@pytest.mark.parametrize("proxied", [True, False])
def test_a_proxy_decides_where_it_connects(
    web: Web, monkeypatch: pytest.MonkeyPatch, proxied: bool
) -> None:
    web.answers["/x"] = says(b"by the proxy")
    monkeypatch.delenv("http_proxy", raising=False)
    if proxied:
        monkeypatch.setenv("http_proxy", web.url)
    session = pooled_session(1, Links("http://public.example"))
    name = f"http://inside.localhost:{web.port}/x"
    if proxied:
        assert session.get(name, timeout=60).content == b"by the proxy"
    else:
        with pytest.raises(DataError, match="expected a public host"):
            session.get(name.replace("inside.localhost", "localhost"), timeout=60)
    with pytest.raises(DataError, match="expected a public host"):
        session.get(f"http://127.0.0.1:{web.port}/x", timeout=60)
