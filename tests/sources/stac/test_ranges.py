from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
import requests
from standins.stac_calls import (
    patient,
)
from urllib3 import HTTPResponse

from cropland.sources.retries import GivenUp
from cropland.sources.stac import ranges
from cropland.sources.stac.ranges import RangedFile
from cropland.sources.stac.transport import RangeTransport, Span
from cropland.untrusted.addresses import Links


class Host:
    """Gives bytes of a file, as many as it likes, in place of a transport."""

    def __init__(self, content: bytes, most: int) -> None:
        self.asked: list[tuple[int, int | None]] = []
        self._content, self._most = content, most

    def span(self, _: str, first: int, end: int | None, size: int | None) -> Span:
        assert size in (None, len(self._content))
        self.asked.append((first, end))
        until = min(first + self._most, len(self._content) if end is None else end)
        return Span(first, self._content[first:until], len(self._content))


def answering(
    monkeypatch: pytest.MonkeyPatch, status: int, content: bytes, span: str | None
) -> RangedFile:
    """Open a file whose host always gives one answer."""
    answer = requests.Response()
    answer.status_code = status

    def get(*_: Any, **__: Any) -> requests.Response:
        answer.raw = HTTPResponse(BytesIO(content), preload_content=False)
        return answer

    if span is not None:
        answer.headers["Content-Range"] = span
    monkeypatch.setattr(requests.Session, "get", get)
    return RangedFile(RangeTransport(patient(), 1.0, Links("http://host")), "http://host/file")


def test_a_host_without_ranges_gives_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    file = answering(monkeypatch, 200, b"0123456789", None)
    assert (file.read(4), file.read(4), file.read(4), file.read(4)) == (
        b"0123",
        b"4567",
        b"89",
        b"",
    )
    assert (file.seek(-3, 2), file.read(2)) == (7, b"78")
    assert file.error is None


@pytest.mark.parametrize(
    ("content", "span"),
    [
        (b"0123", "bytes 0-9/10"),
        (b"0123456789", "bytes 5-14/20"),
        (b"0123456789", None),
        (b"", "bytes 0--1/10"),
    ],
)
def test_bytes_that_are_not_those_asked_for_are_not_taken(
    monkeypatch: pytest.MonkeyPatch, content: bytes, span: str | None
) -> None:
    file = answering(monkeypatch, 206, content, span)
    assert file.read(4) == b""
    assert isinstance(file.error, GivenUp)
    assert "failed 4 times" in str(file.error)
    assert file.read(4) == b""


@pytest.mark.parametrize("most", [1, 7, 1000])
def test_a_host_that_sends_less_than_asked_for_is_asked_on(
    monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    monkeypatch.setattr(ranges, "LEAST_BYTES", 5)
    content = bytes(range(200))
    file = RangedFile(Host(content, most), "file")  # type: ignore[arg-type]
    assert (file.read(20), file.seek(150), file.read(100)) == (content[:20], 150, content[150:])
    assert file.error is None


def test_only_the_header_and_the_last_ranges_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranges, "LEAST_BYTES", 10)
    content = bytes(1000)
    host = Host(content, 1000)
    file = RangedFile(host, "file")  # type: ignore[arg-type]
    for first in (*range(0, 1000, 10), 990, 0):
        file.seek(first)
        assert len(file.read(10)) == 10
        assert sum(map(len, file._ranges.values())) <= 10 * (ranges.KEPT + 1)
    assert len(host.asked) == 100
    file.seek(500)
    file.read(10)
    assert len(host.asked) == 101
