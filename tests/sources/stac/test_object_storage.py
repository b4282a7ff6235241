from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
import requests
from standins.stac import Fault, StacStandin
from standins.stac_calls import cogs_of, patient

from cropland.errors import DataError
from cropland.sources.stac.object_storage import Keys, request_of, signed_headers

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"}
VARIABLES = (
    *KEYS,
    *("AWS_SESSION_TOKEN", "AWS_S3_ENDPOINT", "AWS_HTTPS", "AWS_VIRTUAL_HOSTING"),
    *("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_NO_SIGN_REQUEST", "AWS_REQUEST_PAYER"),
)


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def test_a_signature_is_that_of_amazons_documentation() -> None:
    # "Examples: Signature Calculations", GET Object, in the Amazon S3 API reference.
    keys = Keys("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
    host = "examplebucket.s3.amazonaws.com"
    now = datetime(2013, 5, 24, tzinfo=UTC)
    headers = signed_headers(host, "/test.txt", {"range": "bytes=0-9"}, keys, now)
    assert headers["authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,"
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,"
        "Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    )


@pytest.mark.parametrize(
    ("variables", "endpoint", "url"),
    [
        ({}, "eodata.example.eu", "https://eodata.example.eu/bucket/a/b%20%C3%BC.jp2"),
        ({}, None, "https://bucket.s3.amazonaws.com/a/b%20%C3%BC.jp2"),
        (
            {"AWS_REGION": "af-south-1"},
            None,
            "https://bucket.s3.af-south-1.amazonaws.com/a/b%20%C3%BC.jp2",
        ),
        (
            {"AWS_S3_ENDPOINT": "127.0.0.1:9000", "AWS_HTTPS": "NO"},
            "eodata.example.eu",
            "http://127.0.0.1:9000/bucket/a/b%20%C3%BC.jp2",
        ),
        (
            {"AWS_S3_ENDPOINT": "http://minio.local/", "AWS_VIRTUAL_HOSTING": "TRUE"},
            None,
            "http://bucket.minio.local/a/b%20%C3%BC.jp2",
        ),
    ],
)
def test_an_object_is_asked_for_where_the_environment_or_the_catalogue_says(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], endpoint: str | None, url: str
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert request_of("s3://bucket/a/b ü.jp2", "bytes=0-9", endpoint).url == url


def link_of(standin: StacStandin, monkeypatch: pytest.MonkeyPatch) -> str:
    """Serve the stand-in's COGs as a bucket; give the link of one."""
    monkeypatch.setenv("AWS_S3_ENDPOINT", standin.url)
    return f"s3://cogs/{standin.items[0]['id']}/B2.tif"


@pytest.mark.parametrize("keys", [KEYS, {}], ids=["signed", "open"])
def test_an_object_is_read_with_patience(
    standin: StacStandin,
    table: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    keys: dict[str, str],
) -> None:
    href, lonlat = link_of(standin, monkeypatch), table[["Lon", "Lat"]].to_numpy()
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    attempts = patient()
    standin.faults += [Fault("/B2.tif", 503, code="SlowDown"), Fault("/B2.tif", "truncate")]
    values = cogs_of(standin.url, attempts).at(href, lonlat)
    web = href.replace("s3:/", standin.url)
    assert values.tolist() == cogs_of(standin.url).at(web, lonlat).tolist()
    assert (values > 0).all()
    assert attempts.retries == 2
    signed = "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/"
    asked = [each.authorization or "" for each in standin.asked("/B2.tif")]
    assert asked[0].startswith(signed) == bool(keys)
    assert asked[-1] == ""  # the address on the web


@pytest.mark.parametrize(
    ("fault", "keys", "said"),
    [
        (
            Fault("", 403, None, code="AccessDenied"),
            {},
            "HTTP 403 AccessDenied; .*are not set: set",
        ),
        (
            Fault("", 403, None, code="InvalidAccessKeyId"),
            KEYS,
            "HTTP 403 InvalidAccessKeyId; .*it does not accept: set them to your keys",
        ),
        # Not "missing", which would be kept as an image without data.
        (Fault("", 404, None, code="NoSuchBucket"), KEYS, "NoSuchBucket; .* AWS_S3_ENDPOINT=HOST"),
        (Fault("", 301, None, code="PermanentRedirect"), KEYS, "PermanentRedirect; .* AWS_REGION"),
    ],
)
def test_a_refusal_says_what_the_scheme_needs_without_the_keys(
    standin: StacStandin,
    table: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
    fault: Fault,
    keys: dict[str, str],
    said: str,
) -> None:
    href = link_of(standin, monkeypatch)
    for name, value in keys.items():
        monkeypatch.setenv(name, value)
    standin.faults.append(fault)
    with pytest.raises(DataError, match=said) as caught:
        cogs_of(standin.url).at(href, table[["Lon", "Lat"]].to_numpy())
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value)


def test_a_signature_goes_to_no_other_host(
    standin: StacStandin, table: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    href, lonlat = link_of(standin, monkeypatch), table[["Lon", "Lat"]].to_numpy()
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    get, followed = requests.Session.get, []

    def noted(session: requests.Session, url: str, **options: Any) -> requests.Response:
        followed.append(options["allow_redirects"])
        return get(session, url, **options)

    monkeypatch.setattr(requests.Session, "get", noted)
    cogs_of(standin.url).at(href, lonlat)
    assert set(followed) == {False}
    followed.clear()
    cogs_of(standin.url).at(href.replace("s3:/", standin.url), lonlat)
    assert set(followed) == {True}
