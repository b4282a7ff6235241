"""Secrets in texts: who logs in to an address, and its passwords, tokens and signatures.

An ``@`` behind a port and a path, as in ``http://host:80/a@b``, counts as a log-in: ``host`` may be a name
and ``80/a`` its password. Not so behind an IP address or ``localhost``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address
from typing import NamedTuple
from urllib.parse import unquote, unquote_plus

_SCHEME = re.compile(r"(?<![\w+.-])([A-Za-z][\w+.-]{1,30}):(//?)")
_HOST = re.compile(
    r"(?:\[[^\]\s]*\]|[^\s'\"/?#:@\[\]]*)(?::\d+)?(?=[\s'\"/?#),;\]}>\\]|$)"  # with its port
)
_WITHOUT_SCHEME = re.compile(
    r"(?:^|(?<=[\s'\"\[\](){},=<>|]))(?://)?"
    r"((?P<name>[^\s'\"/\\?#:@\[\](){},=<>|&;]{1,100})(?P<password>:[^\s/\\@'\"][^\s'\"]{0,200})@)(?=[\w\[])"
)
_QUERY = re.compile(r"[?&;#]([^=&;#?\s'\"]{1,80})=([^&;#\s]+)")
_ENCODED = re.compile(
    r"(?:%(?:25){0,9}3A%(?:25){0,9}2F%(?:25){0,9}2F"  # ://
    r"|%(?:25){0,9}(?:3F|26|3B|23)"  # ? & ; #
    r"|[?&;#][^=&;#?\s'\"]{1,80}?%(?:25){0,9}3D)[^\s'\"]*",  # =
    re.IGNORECASE,
)
_NAME_IS_NO_SECRET = (
    *("postgres", "postgresql", "mysql", "mariadb", "mssql", "ssh", "sftp"),
    *("abfs", "abfss", "wasb", "wasbs"),  # the container of an account
)
_SECRET = re.compile(
    r"(token|secret|passw(or)?d|passphrase|signature|sessionid|phpsessid|credentials?|jwt|authorization"
    r"|(api|access|secret|private|shared|subscription|auth)key)$"
)
_SECRET_IN_QUERY = ("sig", "key", "pwd", "pass", "pw", "auth", "bearer")
_CODE = {"auth", "authorization", "oauth", "access", "device", "code"}


class Secret(NamedTuple):
    """A secret in a text.

    Attributes
    ----------
    start, end : int
        Where it stands.
    scheme : str
        Scheme of its address, lower case; empty where it has none.
    parameter : str
        The parameter of a query that it is the value of; empty for who logs in.
    """

    start: int
    end: int
    scheme: str
    parameter: str


def secrets_of(text: str) -> Iterator[Secret]:
    """Find the secrets of a text, percent-encoded ones too."""
    if "@" in text or "%" in text:
        yield from _log_ins(text)
    if "=" in text:
        yield from _parameters(text)
    for encoded in _ENCODED.finditer(text) if "%" in text else ():
        for secret in secrets_of(f"http{unquote(encoded[0])}"):
            yield secret._replace(start=encoded.start(), end=encoded.end())


def without_secrets(text: str) -> str:
    """Return a text with ``…`` in the place of its secrets."""
    parts, at = [], 0
    for secret in sorted(secrets_of(text)):
        if secret.start >= at:
            parts.append(text[at : secret.start])
        if secret.end > at:
            parts.append("…" if secret.parameter else "…@")
            at = secret.end
    return "".join([*parts, text[at:]])


@lru_cache(maxsize=1024)
def is_secret(name: str) -> bool:
    """Return whether a key or a variable of this name holds a secret."""
    return _SECRET.search("".join(_words(name))) is not None


def _log_ins(text: str) -> Iterator[Secret]:
    for scheme in _SCHEME.finditer(text):
        line = text[scheme.end() :].partition("\n")[0]
        rest = re.split(r"[\s'\"]", line, maxsplit=1)[0]
        if _HOST.match(line):
            another = _SCHEME.search(rest, 1)
            rest = rest[: another.start()] if another else rest
        elif "@" not in rest:  # a password may have blanks and quotes
            rest = line
        length = _length_of_log_in(scheme[1].lower(), scheme[2], rest)
        if length:
            yield Secret(scheme.end(), scheme.end() + length, scheme[1].lower(), "")
    for login in _WITHOUT_SCHEME.finditer(text):
        if login["name"].lower() != "mailto" and not _is_port(login["name"], login["password"]):
            yield Secret(login.start(1), login.end(1), "", "")


def _length_of_log_in(scheme: str, slashes: str, rest: str) -> int:
    """Return the length of who logs in, with the ``@``, at the start of an address without its scheme."""
    host = len(re.split(r"[/?#]", rest, maxsplit=1)[0])
    signs = [*re.finditer("@", rest), *re.finditer("%40", rest[:host])]
    if not signs:
        return 0
    sign = max(signs, key=lambda match: match.start())
    before = rest[: sign.start()]
    name = re.split(":|%3a", before, maxsplit=1, flags=re.IGNORECASE)[0]
    password = before[len(name) :]
    if not before or re.search(r"[/?#\[]", name) or _is_port(name, password):
        return 0
    is_name_alone = slashes == "/" or scheme.partition("+")[0] in _NAME_IS_NO_SECRET
    return 0 if not password and is_name_alone else sign.end()


def _is_port(name: str, password: str) -> bool:
    """Return whether what may be a name and its password is a host of no name, a port and a path."""
    try:
        ip_address(name)
    except ValueError:
        if name.lower() != "localhost":
            return False
    return re.match(r":\d+[/?#]", password) is not None


def _parameters(text: str) -> Iterator[Secret]:
    for pair in _QUERY.finditer(text):
        name, value = unquote(pair[1]), pair[2]
        words = _words(name)
        is_code = "code" in words and set(words) <= _CODE
        is_hidden = "%" in value and any(secrets_of(unquote_plus(value)))
        if is_secret(name) or words[-1] in _SECRET_IN_QUERY or is_code or is_hidden:
            yield Secret(pair.start(2), pair.end(2), "", name)


def _words(name: str) -> list[str]:
    """Return the words of a name, lower case: those of ``apiKey`` are ``api`` and ``key``."""
    return re.split(r"[^a-z0-9]+", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower())
