"""NumPy's arrays in zip archives, as the files of a model have them.

In: an archive that somebody else may have written. Out: arrays of numbers. Members are stored, not packed,
so that nothing takes more memory than the file is large, and an array has the bytes that its header names.
"""

from __future__ import annotations

import io
import zipfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGEST_BYTES = 2**30
"""Of a file of a model: a hundred times a large forest."""
_HEADERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


def open_archive(data: bytes) -> zipfile.ZipFile:
    """Return an archive whose members together are not larger than it is.

    Raises
    ------
    zipfile.BadZipFile, ValueError
        It is no archive, or its members are packed or lie one over the other.
    """
    archive = zipfile.ZipFile(io.BytesIO(data))
    members = archive.infolist()
    if any(member.compress_type != zipfile.ZIP_STORED for member in members):
        raise ValueError("expected members that are not compressed")
    if sum(member.file_size for member in members) > len(data):
        raise ValueError("expected members that are not larger than the file")
    return archive


def array(archive: zipfile.ZipFile, name: str) -> NDArray[Any]:
    """Return the array of a member.

    Raises
    ------
    KeyError, ValueError
        There is none of this name, or it is no array of numbers of the size that its header names.
    """
    content = archive.read(name)
    stream = io.BytesIO(content)
    read_header = _HEADERS.get(np.lib.format.read_magic(stream))
    if read_header is None:
        raise ValueError(f"{name}: expected an array of NumPy, version 1 or 2")
    shape, is_fortran, dtype = read_header(stream)
    stored: NDArray[Any] = np.frombuffer(content, dtype, offset=stream.tell())
    return stored.reshape(shape, order="F" if is_fortran else "C").copy("K")
