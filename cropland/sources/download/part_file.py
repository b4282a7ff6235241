"""The file of a part: how it is written and read, and the checksum that shows damage."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from cropland.sources.download.chunks import Days, pack
from cropland.sources.download.rows import FetchedRows
from cropland.sources.service import Gaps

if TYPE_CHECKING:
    from cropland.sources.download.chunks import Chunk
    from cropland.sources.service import Seen

_METADATA = b"cropland"
_CHECKSUM_BYTES = 16
_NO_METADATA = (
    *(OSError, pa.ArrowException, RecursionError),
    *(KeyError, ValueError, TypeError, AttributeError),
)
_NOT_BANDS = ("Lon", "Lat", "time", "granule")


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
    gaps : Gaps
        What its images lack.
    notes : tuple of str
        What else a user should know of them.
    """

    path: Path
    places: NDArray[np.int64]
    days: Days
    counts: NDArray[np.int32]
    unseen: Mapping[int, str]
    client: str
    gaps: Gaps
    notes: tuple[str, ...]

    def has(self, places: NDArray[np.int64], days: Days) -> bool:
        """Return whether it answers for any of some places on any of some days."""
        first, last = days
        in_days = self.days[0] <= last and first <= self.days[1]
        return in_days and bool(np.isin(self.places, places).any())


def encode(chunk: Chunk, seen: Seen, client: str) -> bytes:
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
    facts = {
        "places": chunk.lonlat.tolist(),
        "days": [chunk.first.isoformat(), chunk.last.isoformat()],
        "counts": np.bincount(seen.place, minlength=len(chunk.places)).tolist(),
        "unseen": dict(seen.unseen),
        "client": client,
    }
    if seen.gaps:
        missing = {band: sorted(images) for band, images in seen.gaps.missing.items()}
        facts["gaps"] = {"missing": missing, "fills": +seen.gaps.fills}
    if seen.notes:
        facts["notes"] = seen.notes
    metadata = {**(table.schema.metadata or {}), _METADATA: json.dumps(facts).encode()}
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def read_metadata(path: Path) -> Part | None:
    """Read the metadata of a part; None where the file is none, as good as missing."""
    try:
        metadata = json.loads(pq.read_metadata(path).metadata[_METADATA])
        lonlat = np.array(metadata["places"], dtype=np.float64).reshape(-1, 2)
        first, last = map(date.fromisoformat, metadata["days"])
        return Part(
            path=path,
            places=pack(lonlat[:, 0], lonlat[:, 1]),
            days=(first, last),
            counts=np.array(metadata["counts"], dtype=np.int32),
            unseen={int(at): str(why) for at, why in metadata["unseen"].items()},
            client=metadata["client"],
            gaps=_gaps_of(metadata.get("gaps", {})),
            notes=tuple(map(str, metadata.get("notes", ()))),
        )
    except _NO_METADATA:
        return None


def _gaps_of(facts: Mapping[str, Any]) -> Gaps:
    missing = {band: set(images) for band, images in facts.get("missing", {}).items()}
    return Gaps(missing, Counter(facts.get("fills", {})))


def read_rows(content: bytes) -> FetchedRows:
    """Read the rows of a part."""
    table = pq.read_table(pa.BufferReader(content))
    granule = table["granule"].combine_chunks()
    return FetchedRows(
        places=pack(table["Lon"].to_numpy(), table["Lat"].to_numpy()),
        time=table["time"].to_numpy().astype("datetime64[s]"),
        granule=granule.indices.to_numpy().astype(np.int32),
        granules=granule.dictionary.to_numpy(zero_copy_only=False).astype(str),
        values={n: table[n].to_numpy() for n in table.column_names if n not in _NOT_BANDS},
    )


def checksum(content: bytes) -> str:
    """Return the checksum that a name ends in."""
    return hashlib.blake2b(content, digest_size=_CHECKSUM_BYTES).hexdigest()


def read_undamaged(path: Path) -> bytes | None:
    """Read a file whose name ends in its checksum; None where they do not agree."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return content if path.stem.endswith(f"-{checksum(content)}") else None
