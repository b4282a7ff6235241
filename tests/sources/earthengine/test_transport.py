from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from standins.earthengine_calls import (
    BODY,
)

from cropland.sources.earthengine.transport import HttpTransport
from cropland.untrusted.addresses import Links


@pytest.mark.parametrize("form", ["whole", "zipped", "chunked"])
def test_a_whole_answer_arrives_in_any_form_and_its_connection_is_used_again(
    server: Any, form: str
) -> None:
    transport = HttpTransport(2, 5.0, Links(server.url))
    for _ in range(3):
        head, body = transport.request(f"{server.url}/{form}")
        assert (head.status, body) == (200, BODY)
    assert server.connections == 1


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ("truncated", ConnectionError),
        ("truncated_chunks", ConnectionError),
        ("reset", ConnectionError),
        ("silent", TimeoutError),
        ("dripping", TimeoutError),
    ],
)
def test_an_answer_that_is_not_whole_is_an_error_in_time(
    server: Any, form: str, error: type[OSError]
) -> None:
    begun = time.monotonic()
    with pytest.raises(error):
        HttpTransport(2, 0.3, Links(server.url)).request(f"{server.url}/{form}")
    assert time.monotonic() - begun < 2


def test_nobody_there_is_an_error_of_the_connection() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(ConnectionError):
        HttpTransport(2, 1.0, Links(address)).request(address)


def test_as_many_connections_are_kept_as_there_are_workers(server: Any) -> None:
    transport, workers = HttpTransport(16, 5.0, Links(server.url)), 16
    server.barrier = threading.Barrier(workers)
    with ThreadPoolExecutor(workers) as pool:
        for _ in range(2):
            list(pool.map(transport.request, [f"{server.url}/together"] * workers))
    assert server.connections == workers


def test_no_redirection_is_followed_since_headers_hold_a_token(server: Any) -> None:
    head, _ = HttpTransport(2, 5.0, Links(server.url)).request(f"{server.url}/elsewhere")
    assert head.status == 302
    assert server.paths == ["/elsewhere"]


def test_the_header_of_a_used_up_quota_is_remembered_and_kept_from_the_client(server: Any) -> None:
    transport = HttpTransport(2, 5.0, Links(server.url))
    transport.request(f"{server.url}/whole")
    assert not transport.restricted
    head, _ = transport.request(f"{server.url}/used_up")
    assert transport.restricted
    assert "x-earth-engine-quota-status" not in head
