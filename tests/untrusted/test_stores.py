"""Zarr folders: codecs, types, sizes, links, and how much of an array is stored."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from cropland.errors import DataError
from cropland.untrusted.stores import StoredArray, check_zarr


def stored(folder: Path, version: int = 2, **how: Any) -> Path:
    """Write an array of 4 × 6 numbers in chunks of 2 × 3."""
    group = zarr.open_group(folder, mode="w", zarr_format=version)
    values = np.arange(1, 25, dtype=np.uint16).reshape(4, 6)
    array = group.create_array("B2", shape=(4, 6), chunks=(2, 3), dtype=np.uint16, **how)
    array[:] = values
    return folder


def edited(folder: Path, name: str, edit: Callable[[Any], None]) -> Path:
    document = json.loads((folder / name).read_text())
    edit(document)
    (folder / name).write_text(json.dumps(document))
    return folder


def line(folder: Path, **how: Any) -> str:
    with pytest.raises(DataError) as caught:
        check_zarr(folder, "write it again", **how)
    message = str(caught.value)
    assert message.startswith(f"{folder} cannot be read as Zarr: ")
    assert message.endswith("; write it again")
    return message


@pytest.mark.parametrize("version", [2, 3])
def test_an_array_and_the_chunks_that_are_not_stored(tmp_path: Path, version: int) -> None:
    folder = stored(tmp_path / "cube", version)
    assert check_zarr(folder, "") == {"B2": StoredArray((4, 6), (2, 3), 0, True, 0.0)}
    chunk = "c/0/0" if version == 3 else "0.0"
    (folder / "B2" / chunk).unlink()
    (folder / "B2" / "9.9").write_bytes(b"")  # no place of a chunk
    assert check_zarr(folder, "") == {"B2": StoredArray((4, 6), (2, 3), 1, False, 0.0)}


def test_shards_are_chunks_that_are_stored_together(tmp_path: Path) -> None:
    folder = stored(tmp_path / "cube", 3, shards=(4, 6))
    assert check_zarr(folder, "") == {"B2": StoredArray((4, 6), (4, 6), 0, True, 0.0)}


@pytest.mark.parametrize("version", [2, 3])
def test_a_scalar_has_one_chunk(tmp_path: Path, version: int) -> None:
    group = zarr.open_group(tmp_path, mode="w", zarr_format=version)
    group.create_array("spatial_ref", shape=(), dtype=np.int64)[...] = 7
    assert check_zarr(tmp_path, "") == {"spatial_ref": StoredArray((), (), 0, True, 0.0)}


@pytest.mark.parametrize("codec", ["pickle", "json2", "msgpack2", "vlen-bytes", "astype", "x"])
@pytest.mark.parametrize("place", ["filters", "compressor"])
def test_a_codec_that_is_not_listed_is_refused(tmp_path: Path, codec: str, place: str) -> None:
    entry: Any = {"id": codec}
    folder = edited(
        stored(tmp_path / "cube"),
        "B2/.zarray",
        lambda document: document.update({place: [entry] if place == "filters" else entry}),
    )
    assert f"B2 is stored by '{codec}', expected zstd, blosc" in line(folder)


@pytest.mark.parametrize("codec", ["numcodecs.pickle", "numcodecs.pcodec", "zarr.evil"])
def test_of_version_3_as_well(tmp_path: Path, codec: str) -> None:
    folder = stored(tmp_path / "cube", 3)
    edited(folder, "B2/zarr.json", lambda document: document["codecs"].append({"name": codec}))
    assert f"B2 is stored by '{codec}'" in line(folder)


def test_inside_of_shards_as_well(tmp_path: Path) -> None:
    folder = stored(tmp_path / "cube", 3, shards=(4, 6))
    evil = {"name": "numcodecs.pickle"}
    edited(
        folder,
        "B2/zarr.json",
        lambda document: document["codecs"][0]["configuration"]["index_codecs"].append(evil),
    )
    assert "B2 is stored by 'numcodecs.pickle'" in line(folder)


def test_what_is_gathered_is_checked_where_it_is_what_is_read(tmp_path: Path) -> None:
    folder = stored(tmp_path / "cube")
    zarr.consolidate_metadata(folder, zarr_format=2)

    def edit(document: Any) -> None:
        document["metadata"]["B2/.zarray"]["filters"] = [{"id": "pickle"}]

    edited(folder, ".zmetadata", edit)
    assert list(check_zarr(folder, "")) == ["B2"]
    assert "'pickle'" in line(folder, consolidated=True)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("dtype", "|O", "B2 holds '|O', expected numbers or texts"),
        ("dtype", [["a", "<i4"]], "B2 holds [['a', '<i4']]"),
        ("chunks", [100_000, 100_000], "a chunk of B2 takes 18.6 GB in memory, expected at most 1"),
        ("chunks", [0, 3], "B2 has the shape or chunks [0, 3], expected whole numbers"),
        ("shape", [4, True], "B2 has the shape or chunks [4, True]"),
        ("shape", [4], "B2 of shape (4,) has chunks of (2, 3)"),
        ("shape", "4", "B2 has the shape or chunks '4'"),
    ],
)
def test_types_and_sizes(tmp_path: Path, key: str, value: Any, said: str) -> None:
    folder = stored(tmp_path / "cube")
    edited(folder, "B2/.zarray", lambda document: document.update({key: value}))
    assert said in line(folder)


def test_the_longest_array(tmp_path: Path) -> None:
    folder = stored(tmp_path / "cube")
    edited(folder, "B2/.zarray", lambda document: document.update(shape=[10**12], chunks=[100]))
    assert "B2 has 1000000000000 elements, expected at most 2147483648" in line(folder)
    assert "expected at most 10" in line(folder, longest=10)


def test_transformers_and_chunks_of_several_sizes(tmp_path: Path) -> None:
    folder = stored(tmp_path / "cube", 3)
    edited(folder, "B2/zarr.json", lambda d: d.update(storage_transformers=[{"name": "x"}]))
    assert "B2 has storage transformers or chunks of several sizes" in line(folder)


def test_numbers_of_hundreds_of_digits(tmp_path: Path) -> None:
    folder = stored(tmp_path / "cube")
    edited(folder, "B2/.zarray", lambda document: document.update(fill_value=10**400))
    assert check_zarr(folder, "")["B2"].fill == float("inf")
    for key in ("shape", "chunks"):
        edited(folder, "B2/.zarray", lambda document, key=key: document.update({key: [10**400, 3]}))
        assert "its metadata are not those of Zarr" in line(folder)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"[" * 200_000, b'{"shape": ' + b"9" * 5_000 + b"}", b"\xff{}", b"null"]
)
def test_metadata_that_are_no_plain_json(tmp_path: Path, content: bytes) -> None:
    folder = stored(tmp_path / "cube")
    (folder / "B2" / ".zarray").write_bytes(content)
    assert "B2/.zarray" in line(folder)


def test_metadata_that_are_large(tmp_path: Path) -> None:
    folder = stored(tmp_path / "cube")
    with (folder / "B2" / ".zattrs").open("ab") as stream:
        stream.truncate(17 << 20)
    assert "B2/.zattrs is larger than 16 MB" in line(folder)


def test_metadata_that_lack_something(tmp_path: Path) -> None:
    folder = stored(tmp_path / "cube")
    edited(folder, "B2/.zarray", lambda document: document.pop("dtype"))
    assert "its metadata are not those of Zarr" in line(folder)


def test_links_and_pipes_in_a_store(tmp_path: Path) -> None:
    folder = stored(tmp_path / "cube")
    (tmp_path / "link").symlink_to(folder)
    assert list(check_zarr(tmp_path / "link", "")) == ["B2"]
    chunk = folder / "B2" / "1.1"
    chunk.rename(tmp_path / "elsewhere")
    chunk.symlink_to(tmp_path / "elsewhere")
    assert "B2/1.1 is a link, expected only files" in line(folder)
    chunk.unlink()
    os.mkfifo(chunk)
    assert "B2/1.1 is a pipe or device" in line(folder)
