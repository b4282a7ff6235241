"""Hashes of what decides a result: values, files, and the source code of the rooms that compute it."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def fingerprint(*parts: object) -> str:
    """Return a hash of anything: bytes as they are, files by content, the rest by its ``repr``."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, hashlib.blake2b).digest())
        else:
            content = part if isinstance(part, bytes) else repr(part).encode()
            digest.update(len(content).to_bytes(8, "big") + content)
    return digest.hexdigest()


@cache
def fingerprint_of(*names: str, package: Path = PACKAGE) -> str:
    """Return a hash of source code; a process reads it once.

    Every module of a package counts, so that a new one cannot be forgotten.

    Parameters
    ----------
    *names : str
        Packages (``features``) and modules (``training/candidate_data.py``), relative to `package`; their
        order does not count.
    package : Path
        The folder of the code.

    Raises
    ------
    FileNotFoundError
        A package without a module, or a module that is not there.
    """
    files: set[Path] = set()
    for name in names:
        path = package / name
        modules = [path] if path.suffix == ".py" else list(path.rglob("*.py"))
        if not modules or not all(module.is_file() for module in modules):
            raise FileNotFoundError(
                f"expected source code in {path}, found none; change the name where it is hashed"
            )
        files.update(modules)
    relative = sorted((file.relative_to(package).as_posix(), file) for file in files)
    return fingerprint(*(part for pair in relative for part in pair))
