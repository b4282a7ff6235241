"""Secrets in a configuration: addresses with a password, a token or a signature.

What a configuration says is stored: with every run, in the files of a sweep, in the command that a parent run
remembers. So a secret in it is refused before any work, by a line that does not repeat it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from cropland.errors import ConfigError
from cropland.secret_text import is_secret, secrets_of

_KEY = re.compile(r"[+~]*[\w./-]+(@[\w.]+)?", re.ASCII)
_ADDRESS = re.compile(r"\s*[A-Za-z][\w+.-]*://")
_STORED = "and what a configuration says is stored with every run"


def check(values: object, key: str) -> None:
    """Raise an error for values of a configuration, however deeply nested, that hold a secret.

    Parameters
    ----------
    values : object
        Plain containers and values.
    key : str
        Where they stand, for the error.

    Raises
    ------
    ConfigError
        An address with who logs in, a password, a token or a signature; a key that is named as one.
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
    """Raise an error for words of a command line that hold a secret.

    Raises
    ------
    ConfigError
        As `check` does.
    """
    for word in words:
        key, equals, value = word.partition("=")
        if equals and _KEY.fullmatch(key):
            check(value.strip("'\""), key.lstrip("+~-"))
        else:
            check(word, "the command")


def _check_text(text: str, key: str) -> None:
    if text and is_secret(key.rpartition(".")[2]):
        raise ConfigError(
            f"{key} looks like a secret by its name, {_STORED}; leave it out, and {_instead('', key)}"
        )
    if _ADDRESS.match(text):  # a password in it may have blanks and quotes
        text = re.sub(r"[\s'\"]", "_", text)
    for secret in secrets_of(text):
        if secret.parameter:
            raise ConfigError(
                f"{key} has a secret in its address ({secret.parameter}=…), {_STORED}; leave it out"
            )
        port = re.match(r"[^:]*:\d+[/?#]", text[secret.start : secret.end])
        path = "; an @ in the path of an address is written %40" if port else ""
        raise ConfigError(
            f"{key} has a password in its address, {_STORED}; leave it out, and "
            f"{_instead(secret.scheme, key)}{path}"
        )


def _instead(scheme: str, key: str) -> str:
    """Return where a password belongs."""
    if scheme.startswith("postgres"):
        return "set PGPASSWORD, or keep it in ~/.pgpass"
    if key.startswith("tracking"):
        return "set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
    return "log in with the environment variables of the service"
