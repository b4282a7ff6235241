"""Parts: what was fetched of one data set, a file a chunk; whole and unharmed, or not at all.

A part is a Parquet file that any tool reads: a row an observation (``Lon``, ``Lat``, ``time``, ``granule``,
a column a band). Its metadata say which places and days it answers for, also where nothing was seen. Its
name ends in the checksum of its bytes, so that damage is noticed.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import uuid
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout

from cropland.chunks import Days, pack
from cropland.errors import DataError
from cropland.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from cropland.chunks import Chunk
    from cropland.service import Seen

_SUFFIX = ".parquet"
_METADATA = b"cropland"
_CHECKSUM_BYTES = 16
_NAME = re.compile(rf"\d{{4}}-\d\d-\d\d_\d{{4}}-\d\d-\d\d_[0-9a-f]{{16}}-[0-9a-f]{{32}}{_SUFFIX}")
"""Days, hash of the places, checksum: other files in the folder are not ours."""
_NOT_BANDS = ("Lon", "Lat", "time", "granule")


@dataclass(frozen=True, eq=False)
class Part:
    """What a part answers for: its metadata.

    Attributes
    ----------
    path : Path
        Its file.
    places : ndarray of int64, shape (place,)
        Packed coordinates (`cropland.chunks`).
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


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of one data set, in a folder of their own."""

    folder: Path
    _known: dict[str, Part] = field(default_factory=dict, repr=False)

    def __iter__(self) -> Iterator[Part]:
        """Give what is there, sorted by name; a file that cannot be read is as good as missing."""
        for path in self._paths():
            if path.name not in self._known:
                part = _metadata(path)
                if part is None:
                    continue
                self._known[path.name] = part
            yield self._known[path.name]

    def _paths(self) -> list[Path]:
        return sorted(
            path for path in self.folder.glob(f"*{_SUFFIX}") if _NAME.fullmatch(path.name)
        )

    def keep(self, chunk: Chunk, seen: Seen, client: str) -> Part:
        """Store what was seen of a chunk.

        Raises
        ------
        DataError
            It cannot be written.
        """
        content = _encoded(chunk, seen, client)
        request = hashlib.blake2b(chunk.places.tobytes(), digest_size=8).hexdigest()
        name = f"{chunk.first}_{chunk.last}_{request}-{_checksum(content)}{_SUFFIX}"
        partial = self.folder / f".{name}.{uuid.uuid4().hex}"
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            partial.write_bytes(content)
            partial.replace(self.folder / name)
        except OSError as error:
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            raise DataError(
                f"cannot write to {self.folder}: {error.strerror or error}; {_remedy(error)}, what was "
                f"fetched before is kept"
            ) from error
        part = _metadata(self.folder / name)
        assert part is not None
        self._known[name] = part
        return part

    def rows(self, part: Part) -> Rows:
        """Read a part.

        Raises
        ------
        DataError
            It is damaged.
        """
        content = _unharmed(part.path)
        if content is None:
            raise DataError(
                f"{part.path} is damaged; give the command of scripts/download.py again, it fetches "
                f"this part anew"
            )
        table = pq.read_table(pa.BufferReader(content))
        granule = table["granule"].combine_chunks()
        return Rows(
            places=pack(table["Lon"].to_numpy(), table["Lat"].to_numpy()),
            time=table["time"].to_numpy().astype("datetime64[s]"),
            granule=granule.indices.to_numpy().astype(np.int32),
            granules=granule.dictionary.to_numpy(zero_copy_only=False).astype(str),
            values={n: table[n].to_numpy() for n in table.column_names if n not in _NOT_BANDS},
        )

    def counted(self, part: Part, days: Days) -> tuple[NDArray[np.int64], NDArray[np.integer[Any]]]:
        """Count a part's observations in some days: places, and how many each has."""
        if days[0] <= part.days[0] and part.days[1] <= days[1]:
            return part.places, part.counts
        rows = self.rows(part).within(part.places, days)
        return np.unique(rows.places, return_counts=True)

    def damaged(self) -> list[Path]:
        """Find parts whose bytes are not those that were written."""
        return [path for path in self._paths() if _unharmed(path) is None]

    def discard(self, damaged: Iterable[Path]) -> None:
        """Delete damaged parts, and what a kill left unfinished; only with the lock."""
        for unfinished in self.folder.glob(f".*{_SUFFIX}.*"):
            unfinished.unlink(missing_ok=True)
        for path in damaged:
            path.unlink(missing_ok=True)
            self._known.pop(path.name, None)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other downloads out of the folder.

        Raises
        ------
        DataError
            Another one is under way, or the folder cannot be written.
        """
        holder = self.folder / ".lock.holder"
        lock = FileLock(self.folder / ".lock", timeout=0)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock.acquire()
            holder.write_text(f"process {os.getpid()} on {os.uname().nodename}")
        except Timeout as error:
            who = holder.read_text() if holder.exists() else "another process"
            raise DataError(
                f"{self.folder} is being downloaded to by {who}; wait for it, or stop it"
            ) from error
        except OSError as error:
            raise DataError(
                f"cannot write to {self.folder}: {error.strerror or error}; {_remedy(error)}"
            ) from error
        try:
            yield
        finally:
            lock.release()


def _remedy(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "make room, or set paths.downloads"
    return "set paths.downloads to a folder that you may write to"


def _encoded(chunk: Chunk, seen: Seen, client: str) -> bytes:
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


def _metadata(path: Path) -> Part | None:
    try:
        told = json.loads(pq.read_metadata(path).metadata[_METADATA])
    except (OSError, pa.ArrowException, KeyError, ValueError, TypeError):
        return None
    lonlat = np.array(told["places"], dtype=np.float64).reshape(-1, 2)
    first, last = map(date.fromisoformat, told["days"])
    return Part(
        path=path,
        places=pack(lonlat[:, 0], lonlat[:, 1]),
        days=(first, last),
        counts=np.array(told["counts"], dtype=np.int32),
        unseen={int(place): why for place, why in told["unseen"].items()},
        client=told["client"],
    )


def _checksum(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=_CHECKSUM_BYTES).hexdigest()


def _unharmed(path: Path) -> bytes | None:
    """Read a file whose name ends in its checksum; None where they do not agree."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return content if path.stem.endswith(f"-{_checksum(content)}") else None
