"""Large archives, worked on by blocks of points, so that their observations are never all in memory.

Nothing that is made of a point's observations looks at another point: so the answers of blocks, put together,
are bit by bit those of the whole archive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from cropland.support import signals

if TYPE_CHECKING:
    from cropland.observations.archive import Archive

T = TypeVar("T")

MOST_BYTES = 2_000_000_000
"""What the observations of a country, and what is made of them, may take in memory.

Below, they are read once and each later window costs a third of what it costs by blocks; two of them and
Python are at home in a laptop of 8 GB.
"""
_BYTES_A_ROW = 40
"""Of an observation without its bands: moment and day (12), its place in a window (24), and masks."""
_BYTES_A_VALUE = 8
"""Of a band: what was read of it as float32, and its rows of a window or what it is made of."""
_SHARE = 0.25
"""Of `MOST_BYTES`, that all blocks under way may take: what the C library keeps is as much again."""
_MOST_POINTS = 5_000
"""A block of more is not worked on faster."""
_A_CORE = 4
"""Blocks handed to each core at once: more make a core wait less, and keep more answers in memory."""


def fits_in_memory(archive: Archive, names: Iterable[str], values_per_point: int) -> bool:
    """Return whether the observations of an archive can be in memory as a whole.

    Parameters
    ----------
    archive : Archive
        Where they are.
    names : iterable of str
        Bands and indices that are needed; what is in memory already counts too.
    values_per_point : int
        How many numbers (float32) are made of them for each point.
    """
    made_bytes = 4 * values_per_point * archive.dataset.sizes["point"]
    return _bytes(archive, names) <= MOST_BYTES - made_bytes


def map_blocks(
    archive: Archive, names: Iterable[str], work: Callable[[Archive], T]
) -> Iterator[tuple[slice, T]]:
    """Compute something of blocks of points, on all cores, and return the answers in order.

    Parameters
    ----------
    archive : Archive
        Has one point or more.
    names : iterable of str
        Bands and indices that are needed: they say how large a block may be.
    work : callable
        Takes a block, an archive of its own; runs in a thread.

    Yields
    ------
    slice
        Which points.
    object
        The answer.
    """
    from dask.base import compute
    from dask.delayed import delayed
    from dask.system import CPU_COUNT

    count = archive.dataset.sizes["point"]
    step = _points(archive, names, CPU_COUNT)
    starts = range(0, count, step)
    for first in range(0, len(starts), _A_CORE * CPU_COUNT):
        signals.check()
        blocks = [slice(at, min(at + step, count)) for at in starts[first:][: _A_CORE * CPU_COUNT]]
        # As one callable: Dask would look for collections in the fields of an archive.
        tasks = [delayed(partial(_done, archive, block, work))() for block in blocks]
        done = compute(*tasks, scheduler="threads")  # type: ignore[no-untyped-call]
        yield from zip(blocks, done, strict=True)


def _done(archive: Archive, block: slice, work: Callable[[Archive], T]) -> T:
    return work(archive.part(block.start, block.stop))


def _points(archive: Archive, names: Iterable[str], cores: int) -> int:
    of_a_point = max(_bytes(archive, names) / archive.dataset.sizes["point"], 1)
    return max(1, min(_MOST_POINTS, int(_SHARE * MOST_BYTES / cores / of_a_point)))


def _bytes(archive: Archive, names: Iterable[str]) -> int:
    columns = archive.in_memory | set(names)
    rows = archive.dataset.sizes["observation"]
    return int(rows * (_BYTES_A_ROW + _BYTES_A_VALUE * len(columns)))
