"""``s3://`` links as signed HTTPS requests, with keys from the environment.

GDAL reads ``s3://`` by itself, but takes a body that was cut off for the whole of it, and a busy storage for
a broken one. As HTTPS requests they go through `cropland.sources.stac.transport`, which does not. The
variables are GDAL's. Signatures: AWS, "Authenticating Requests: Using the Authorization Header (AWS Signature
Version 4)", Amazon S3 API reference.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from cropland.errors import DataError
from cropland.untrusted.addresses import shown

SCHEME = "s3"
_BUCKET = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,254}")
_NO_BODY = hashlib.sha256(b"").hexdigest()
_FIRST_REGION = "us-east-1"
_YES, _NO = ("YES", "TRUE", "ON", "1"), ("NO", "FALSE", "OFF", "0")


class Keys(NamedTuple):
    """What requests are signed with, as the environment has it."""

    key: str
    secret: str
    token: str | None = None


class SignedRequest(NamedTuple):
    """Where to ask for an object, and the headers that let us in."""

    url: str
    headers: Mapping[str, str]


def request_of(href: str, byte_range: str, endpoint: str | None) -> SignedRequest:
    """Return the request for a part of an object, unsigned where the environment has no keys.

    Parameters
    ----------
    href : str
        ``s3://BUCKET/KEY``.
    byte_range : str
        The header ``Range``.
    endpoint : str, optional
        Host of the storage, where the variable ``AWS_S3_ENDPOINT`` names none; Amazon's where left out.

    Raises
    ------
    DataError
        The link has no name of a bucket, which may become part of the host's.
    """
    bucket, _, key = href.partition("://")[2].partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise DataError(
            f"{shown(href)} names no bucket; expected s3://BUCKET/KEY: choose another source.catalog"
        )
    base = base_of(bucket, endpoint)
    path = quote(f"{urlsplit(base).path}/{key}", safe="/-_.~")
    headers = {"range": byte_range}
    if payer := os.environ.get("AWS_REQUEST_PAYER"):
        headers["x-amz-request-payer"] = payer
    keys = _keys()
    host = urlsplit(base).netloc
    url = f"{urlsplit(base).scheme}://{host}{path}"
    if keys is None or _is("AWS_NO_SIGN_REQUEST", _YES):
        return SignedRequest(url, headers)
    return SignedRequest(url, signed_headers(host, path, headers, keys, datetime.now(UTC)))


def needed(href: str, endpoint: str | None) -> str:
    """Return in words what reading an ``s3://`` link needs of the environment."""
    base = base_of(urlsplit(href).netloc, endpoint)
    keys = "are not set" if _keys() is None else "it does not accept"
    return (
        f"s3:// links are read at {base} with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, which {keys}: set "
        f"them to your keys of that storage, AWS_S3_ENDPOINT=HOST where it is another one, and AWS_REGION "
        f"where Amazon asks for it"
    )


def signed_headers(
    host: str, path: str, headers: Mapping[str, str], keys: Keys, now: datetime
) -> dict[str, str]:
    """Return the headers of a GET request with its signature.

    Parameters
    ----------
    host, path : str
        The host, and the quoted path.
    headers : mapping of str to str
        To be signed beside those that every signature holds; names in lower case.
    keys : Keys
        Whose signature it is.
    now : datetime
        In UTC.
    """
    moment = f"{now:%Y%m%dT%H%M%SZ}"
    signed = {**headers, "x-amz-content-sha256": _NO_BODY, "x-amz-date": moment}
    if keys.token:
        signed["x-amz-security-token"] = keys.token
    lines = sorted({"host": host, **signed}.items())
    names = ";".join(name for name, _ in lines)
    listed = "".join(f"{name}:{value}\n" for name, value in lines)
    request = f"GET\n{path}\n\n{listed}\n{names}\n{_NO_BODY}"
    scope = f"{now:%Y%m%d}/{_region() or _FIRST_REGION}/s3/aws4_request"
    digest = hashlib.sha256(request.encode()).hexdigest()
    derived = f"AWS4{keys.secret}".encode()
    for part in scope.split("/"):
        derived = _mac(derived, part)
    signature = _mac(derived, f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{digest}").hex()
    signed["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={keys.key}/{scope},SignedHeaders={names},Signature={signature}"
    )
    return signed


def base_of(bucket: str, endpoint: str | None) -> str:
    """Return the address of a bucket; of the storage itself where the name is empty."""
    host = os.environ.get("AWS_S3_ENDPOINT") or endpoint
    in_host = _is("AWS_VIRTUAL_HOSTING", _YES)
    if host is None:
        host = f"s3.{_region()}.amazonaws.com" if _region() else "s3.amazonaws.com"
        in_host = "." not in bucket  # or the certificate would not be for that host
    default = "http" if _is("AWS_HTTPS", _NO) else "https"
    scheme, host = host.rstrip("/").split("://") if "://" in host else (default, host)
    in_host = in_host and bucket != ""
    return f"{scheme}://{bucket}.{host}" if in_host else f"{scheme}://{host}/{bucket}"


def _keys() -> Keys | None:
    key, secret = (os.environ.get(f"AWS_{name}") for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY"))
    return Keys(key, secret, os.environ.get("AWS_SESSION_TOKEN")) if key and secret else None


def _region() -> str | None:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")


def _is(name: str, words: Sequence[str]) -> bool:
    return os.environ.get(name, "").upper() in words


def _mac(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
