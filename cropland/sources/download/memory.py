"""Memory of long work in many threads: given back, not kept at the peak of each thread."""

from __future__ import annotations

import ctypes
import gc

import pyarrow as pa

_M_ARENA_MAX = -8  # of glibc's malloc.h
_ARENAS = 2


def spare() -> None:
    """Ask Python, Arrow and the C library to keep little; before the first thread starts.

    A command starts without garbage collection, Arrow keeps a heap a thread, and glibc an arena for each of
    many threads, which holds on to the most that any of them ever needed. Without glibc, its part is left
    out.
    """
    gc.enable()
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, _ARENAS)
