"""Parts that no download wrote, their checksums right."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hostile.claims import quickly

from cropland.sources.download import part_file, rows
from cropland.sources.download.chunks import Chunk, pack
from cropland.sources.download.parts import Parts
from cropland.sources.service import Seen

PLACES = pack(np.array([48.1, 48.2, 48.3]), np.array([32.1, 32.2, 32.3]))
CHUNK = Chunk(PLACES, date(2020, 1, 1), date(2020, 12, 31))
SEEN = Seen(
    place=np.array([0, 2, 2], np.int32),
    time=np.array(["2020-01-03T07:10:11", "2020-02-01", "2020-03-01"], "M8[s]"),
    granule=np.array(["b", "a", "b"]),
    values={"B4": np.array([1, 2, 60_000], "u2"), "SCL": np.array([4, 5, 9], "u1")},
    unseen={1: "no image in these dates"},
)
GOOD = part_file.encode(CHUNK, SEEN, "client")
TABLE = pq.read_table(pa.BufferReader(GOOD))
TOLD = json.loads(TABLE.schema.metadata[b"cropland"])
NAME = f"2020-01-01_2020-12-31_{'0' * 16}-{'0' * 32}.parquet"


def forged(folder: Path, content: bytes) -> Parts:
    """A part whose name ends in its checksum."""
    for path in folder.iterdir():
        path.unlink()
    name = NAME.replace("0" * 32, part_file.checksum(content))
    (folder / name).write_bytes(content)
    return Parts(folder)


def rewritten(table: pa.Table, told: Any) -> bytes:
    sink = pa.BufferOutputStream()
    metadata = {b"cropland": told if isinstance(told, bytes) else json.dumps(told).encode()}
    pq.write_table(table.replace_schema_metadata(metadata), sink)
    return bytes(sink.getvalue().to_pybytes())


def read(parts: Parts) -> int:
    """Use parts as a download and an archive do; give how many rows there are."""
    seen = 0
    for part in parts:
        assert len(part.places) == len(part.counts) and part.days[0] <= part.days[1]
        within = parts.rows(part).within(part.places, part.days)
        seen += len(rows.join_rows([within], ["B4", "SCL"]).places)
        parts.counted(part, (date(2020, 2, 1), date(2020, 2, 2)))
    return seen


def test_a_part_that_is_written_anew_with_the_same_content_is_read(tmp_path: Path) -> None:
    assert read(forged(tmp_path, rewritten(TABLE, TOLD))) == 3


@pytest.mark.parametrize(
    "told", [b"{", b"[" * 9_000, b"[]", b"null", {k: v for k, v in TOLD.items() if k != "days"}]
)
def test_what_is_no_metadata_is_as_good_as_no_part(tmp_path: Path, told: Any) -> None:
    assert list(forged(tmp_path, rewritten(TABLE, told))) == []


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "device", "unreadable", "holes"])
def test_what_is_no_file_is_no_part(tmp_path: Path, kind: str) -> None:
    path = tmp_path / NAME
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "holes":
        with path.open("wb") as stream:
            stream.truncate(1 << 26)
    else:
        path.symlink_to({"loop": path, "device": "/dev/zero", "unreadable": "/proc/self/mem"}[kind])
    parts = Parts(tmp_path)
    with quickly():
        assert list(parts) == []
        parts.discard(parts.damaged())
    assert path.is_dir() == (kind == "folder")
