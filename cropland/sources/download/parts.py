"""Parts: what was fetched of one data set, a file a chunk; whole and unharmed, or not at all.

A part is a Parquet file that any tool reads: a row an observation (``Lon``, ``Lat``, ``time``, ``granule``,
a column a band). Its metadata say which places and days it answers for, also where nothing was seen. Its
name ends in the checksum of its bytes, so that damage is noticed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.sources.download import part_file
from cropland.support.reading import is_file
from cropland.support.writing import whole

if TYPE_CHECKING:
    from cropland.sources.download.chunks import Chunk, Days
    from cropland.sources.download.part_file import Part
    from cropland.sources.download.rows import FetchedRows
    from cropland.sources.service import Seen

_SUFFIX = ".parquet"
_NAME = re.compile(rf"\d{{4}}-\d\d-\d\d_\d{{4}}-\d\d-\d\d_[0-9a-f]{{16}}-[0-9a-f]{{32}}{_SUFFIX}")
"""Days, hash of the places, checksum: other files in the folder are not ours."""


@dataclass(frozen=True, eq=False)
class Parts:
    """The parts of one data set, in a folder of their own."""

    folder: Path
    _known: dict[str, Part] = field(default_factory=dict, repr=False)

    def __iter__(self) -> Iterator[Part]:
        """Return what is there, sorted by name; a file that cannot be read is as good as missing."""
        for path in self._paths():
            if path.name not in self._known:
                part = part_file.read_metadata(path)
                if part is None:
                    continue
                self._known[path.name] = part
            yield self._known[path.name]

    def _paths(self) -> list[Path]:
        return sorted(
            path
            for path in self.folder.glob(f"*{_SUFFIX}")
            if _NAME.fullmatch(path.name) and is_file(path)
        )

    def keep(self, chunk: Chunk, seen: Seen, client: str) -> Part:
        """Store what was seen of a chunk.

        Raises
        ------
        DataError
            It cannot be written.
        """
        content = part_file.encode(chunk, seen, client)
        request = hashlib.blake2b(chunk.places.tobytes(), digest_size=8).hexdigest()
        name = f"{chunk.first}_{chunk.last}_{request}-{part_file.checksum(content)}{_SUFFIX}"
        try:
            with whole(self.folder / name) as partial:
                partial.write_bytes(content)
        except OSError as error:
            raise DataError(
                f"cannot write to {self.folder}: {error.strerror or error}; {_remedy(error)}, what was "
                f"fetched before is kept"
            ) from error
        part = part_file.read_metadata(self.folder / name)
        assert part is not None
        self._known[name] = part
        return part

    def rows(self, part: Part) -> FetchedRows:
        """Read a part.

        Raises
        ------
        DataError
            It is damaged, or was not written by a download.
        """
        content = part_file.read_undamaged(part.path)
        if content is None:
            raise DataError(
                f"{part.path} is damaged; give the command download again, it fetches "
                f"this part again"
            )
        return part_file.read_rows(content)

    def counted(self, part: Part, days: Days) -> tuple[NDArray[np.int64], NDArray[np.integer[Any]]]:
        """Count a part's observations in some days: places, and how many each has."""
        if days[0] <= part.days[0] and part.days[1] <= days[1]:
            return part.places, part.counts
        rows = self.rows(part).within(part.places, days)
        return np.unique(rows.places, return_counts=True)

    def damaged(self) -> list[Path]:
        """Find parts whose bytes are not those that were written."""
        return [path for path in self._paths() if part_file.read_undamaged(path) is None]

    def discard(self, damaged: Iterable[Path]) -> None:
        """Delete damaged parts, and what a kill left unfinished; only with the lock."""
        for unfinished in self.folder.glob(f".*{_SUFFIX}.*"):
            if is_file(unfinished):
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
            with whole(holder) as partial:  # through a link it would be another file
                partial.write_text(f"process {os.getpid()} on {os.uname().nodename}")
        except Timeout as error:
            who = holder.read_text(errors="replace") if is_file(holder) else "another process"
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
