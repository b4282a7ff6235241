"""The file of a part: how it is written, and read by whoever does not trust it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import Field, TypeAdapter

from cropland.errors import DataError
from cropland.sources.download.chunks import Days, pack
from cropland.sources.download.rows import Rows

if TYPE_CHECKING:
    from cropland.sources.download.chunks import Chunk
    from cropland.sources.service import Seen

_METADATA = b"cropland"
_CHECKSUM_BYTES = 16
_NOT_BANDS = ("Lon", "Lat", "time", "granule")
_KINDS = [
    "double",
    "double",
    "timestamp[ms]",
    "dictionary<values=string, indices=int32, ordered=0>",
]
"""Of these, as Parquet gives them back."""
_Longitude = Annotated[float, Field(ge=-180, le=180)]
_Latitude = Annotated[float, Field(ge=-90, le=90)]
_Count = Annotated[int, Field(ge=0, lt=2**31)]


@dataclass(frozen=True, eq=False)
class Part:
    """What a part answers for: its metadata.

    Attributes
    ----------
    path : Path
        Its file.
    places : ndarray of int64, shape (place,)
        Packed coordinates (`cropland.sources.download.chunks`).
    days : tuple of date
        First and last day, both included.
    counts : ndarray of int32, shape (place,)
        How many observations each place has.
    unseen : mapping of int to str
        Why a place has none, by its position.
    client : str
        What fetched it.
    """

    path: Path
    places: NDArray[np.int64]
    days: Days
    counts: NDArray[np.int32]
    unseen: Mapping[int, str]
    client: str


def encoded(chunk: Chunk, seen: Seen, client: str) -> bytes:
    """Write what was seen of a chunk."""
    lonlat = chunk.lonlat[seen.place]
    granules, granule = np.unique(seen.granule, return_inverse=True)
    table = pa.table(
        {
            "Lon": lonlat[:, 0],
            "Lat": lonlat[:, 1],
            "time": seen.time.astype("datetime64[s]"),
            "granule": pa.DictionaryArray.from_arrays(
                granule.astype(np.int32), pa.array(granules.tolist(), pa.string())
            ),
            **seen.values,
        }
    )
    told = {
        "places": chunk.lonlat.tolist(),
        "days": [chunk.first.isoformat(), chunk.last.isoformat()],
        "counts": np.bincount(seen.place, minlength=len(chunk.places)).tolist(),
        "unseen": dict(seen.unseen),
        "client": client,
    }
    metadata = {**(table.schema.metadata or {}), _METADATA: json.dumps(told).encode()}
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


@dataclass(frozen=True)
class _Told:
    """What the metadata of a part say; `cropland.sources.download.parts.Part` has it as arrays."""

    places: list[tuple[_Longitude, _Latitude]]
    days: Days
    counts: list[_Count]
    unseen: dict[int, str]
    client: str

    def __post_init__(self) -> None:
        at = range(len(self.places))
        if len(self.counts) != len(at) or not all(place in at for place in self.unseen):
            raise ValueError("counts and reasons are not those of the places")
        if self.days[1] < self.days[0]:
            raise ValueError("the days end before they start")


def told(path: Path) -> Part | None:
    """Read what a part says of itself; None where it is none, as good as missing."""
    try:
        content = pq.read_metadata(path).metadata[_METADATA]
        said: _Told = TypeAdapter(_Told).validate_json(content)
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError):
        return None
    lonlat = np.array(said.places, dtype=np.float64).reshape(-1, 2)
    return Part(
        path=path,
        places=pack(lonlat[:, 0], lonlat[:, 1]),
        days=said.days,
        counts=np.array(said.counts, dtype=np.int32),
        unseen=said.unseen,
        client=said.client,
    )


def rows(content: bytes, path: Path) -> Rows:
    """Read the rows of a part.

    Raises
    ------
    DataError
        They are not those of a download: its checksum says that a part is whole, not who wrote it.
    """
    table = _table(content, path)
    granule = table["granule"].combine_chunks()
    return Rows(
        places=pack(table["Lon"].to_numpy(), table["Lat"].to_numpy()),
        time=table["time"].to_numpy().astype("datetime64[s]"),
        granule=granule.indices.to_numpy().astype(np.int32),
        granules=granule.dictionary.to_numpy(zero_copy_only=False).astype(str),
        values={n: table[n].to_numpy() for n in table.column_names if n not in _NOT_BANDS},
    )


def _table(content: bytes, path: Path) -> pa.Table:
    try:
        table = pq.read_table(pa.BufferReader(content))
    except (pa.ArrowException, ValueError, OSError) as error:
        raise DataError(f"{path} is no part of a download: {error}; delete it") from error
    kinds = {name: table.schema.field(name).type for name in table.column_names}
    ours = [str(kinds.get(name)) for name in _NOT_BANDS] == _KINDS
    ours &= all(pa.types.is_integer(kinds[name]) for name in kinds if name not in _NOT_BANDS)
    ours &= not any(column.null_count for column in table.columns)
    if not ours or not (np.abs([table["Lon"].to_numpy(), table["Lat"].to_numpy()]) <= 180).all():
        raise DataError(
            f"{path} is no part of a download, though it is named like one; delete it, and download again"
        )
    return table


def checksum(content: bytes) -> str:
    """Give the checksum that a name ends in."""
    return hashlib.blake2b(content, digest_size=_CHECKSUM_BYTES).hexdigest()


def unharmed(path: Path) -> bytes | None:
    """Read a file whose name ends in its checksum; None where they do not agree."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if path.stem.endswith(f"-{checksum(content)}") else None
