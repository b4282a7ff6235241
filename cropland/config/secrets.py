"""Secrets in a configuration: addresses with a password, a token or a signature.

What a configuration says is stored: with every run, in the files of a sweep, in the command that a parent run
remembers. So a secret in it is refused before any work, by a line that does not repeat it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cropland.errors import ConfigError

_ADDRESS = re.compile(r"([A-Za-z][\w+.-]*)://([^\s'\"]*)")
_PORT = re.compile(r"\d+(/|$)")
_WORDS = r"sig|signature|token|key|apikey|accesskey|password|sslpassword|passwd|pwd|secret"
_QUERY = re.compile(rf"[?&;]((?:[\w-]*[-_])?(?:{_WORDS}))=[^&\s]", re.IGNORECASE)
_STORED = "and what a configuration says is stored with every run"


def check(values: object, key: str) -> None:
    """Refuse values of a configuration, however deeply nested, that hold a secret.

    Parameters
    ----------
    values : object
        Plain containers and values.
    key : str
        Where they stand, for the error.

    Raises
    ------
    ConfigError
        An address with a password, a token or a signature.
    """
    if isinstance(values, dict):
        for name, value in values.items():
            check(value, f"{key}.{name}" if key else str(name))
    elif isinstance(values, (list, tuple)):
        for value in values:
            check(value, key)
    elif isinstance(values, str):
        _check_text(values, key)


def check_words(words: Sequence[str]) -> None:
    """Refuse words of a command line that hold a secret.

    Raises
    ------
    ConfigError
        As `check` does.
    """
    for word in words:
        key, equals, value = word.partition("=")
        if equals and "://" not in key:
            check(value, key.lstrip("+~-"))
        else:
            check(word, "the command")


def without_secrets(address: str) -> str:
    """Return an address without who logs in, and without its query."""
    return re.sub(r"(?<=://)[^\s/]*@", "", address).partition("?")[0]


def _check_text(text: str, key: str) -> None:
    for address in _ADDRESS.finditer(text) if "://" in text else ():
        scheme, rest = address.groups()
        if _logs_in(scheme, rest):
            raise ConfigError(
                f"{key} has a password in its address, {_STORED}; leave it out, and "
                f"{_instead(scheme, key)}"
            )
        named = _QUERY.search(rest)
        if named:
            raise ConfigError(
                f"{key} has a secret in its address ({named[1]}=…), {_STORED}; leave it out"
            )


def _logs_in(scheme: str, rest: str) -> bool:
    """Return whether an address has a password, or for a web address even a name, which may be a token."""
    before, at, _ = rest.rpartition("@")
    name, colon, password = before.partition(":")
    if not at or "/" in name or name.startswith("["):
        return False
    if colon:
        return not _PORT.match(password)
    return scheme.lower() in ("http", "https")


def _instead(scheme: str, key: str) -> str:
    """Return where a password belongs."""
    if scheme.startswith("postgres"):
        return "set PGPASSWORD, or keep it in ~/.pgpass"
    if key.startswith("tracking"):
        return "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    return "log in by the variables that the service reads"
