from __future__ import annotations

import json
import socket

import ee
import httplib2
import pytest
import requests
import urllib3
from google.auth.exceptions import RefreshError, TransportError
from googleapiclient.errors import HttpError

from cropland.errors import CroplandError
from cropland.sources.earthengine.refusals import StalePage, meaning_of
from cropland.sources.retries import Transient
from cropland.sources.service import TooLarge


def refused(text: str, status: int, **headers: str) -> Exception:
    """Give the error that the client raises for an answer."""
    answer = httplib2.Response({"status": str(status)} | headers)
    try:
        raise HttpError(answer, json.dumps({"error": {"message": text}}).encode())
    except HttpError as error:
        try:
            raise ee.EEException(error.reason)
        except ee.EEException as raised:
            return raised


BUSY = (
    (429, "Too Many Requests: the request rate or concurrency limit was exceeded."),
    (400, "Too many concurrent aggregations."),
    (403, "Quota exceeded for quota metric 'Requests'"),
    (429, "whatever it says"),
    (400, "Earth Engine memory capacity exceeded."),
    (400, "Earth Engine capacity exceeded."),
)
TOO_LARGE = (
    (400, "Computation timed out."),
    (400, "User memory limit exceeded."),
    (400, "Request payload size exceeds the limit: 10485760 bytes."),
    (400, "Too many aggregations in this request."),
    (400, "Collection query aborted after accumulating over 5000 elements."),
    (400, "Output of image computation is too large (12 bands for 9 pixels = 90 MiB > 48 MiB)."),
    (400, "Total request size (60000000 bytes) must be less than or equal to 50331648 bytes."),
    (500, "Computation timed out."),
    (400, "Object too large (4000000016 bytes)."),
    (400, "Computed value is too large."),
    (400, "Execution failed; out of memory"),
    (400, "Response size exceeds limit of 104857600 bytes."),
)


@pytest.mark.parametrize(("status", "text"), BUSY)
def test_a_busy_service_is_asked_less(status: int, text: str) -> None:
    meant = meaning_of(refused(text, status), "my-project")
    assert isinstance(meant, Transient)
    assert meant.busy


@pytest.mark.parametrize(("status", "text"), TOO_LARGE)
def test_what_is_too_large_is_to_be_split(status: int, text: str) -> None:
    assert isinstance(meaning_of(refused(text, status), "my-project"), TooLarge)


@pytest.mark.parametrize(
    "error",
    [
        *(
            refused("An internal error has occurred", status)
            for status in (408, 500, 502, 503, 504)
        ),
        ConnectionResetError("reset"),
        TimeoutError("no answer"),
        socket.gaierror(-2, "Name or service not known"),
        requests.ConnectionError("no route"),
        urllib3.exceptions.ProtocolError("broken"),
        TransportError("no network"),
        RefreshError("try later", retryable=True),
        json.JSONDecodeError("Expecting value", "<html>", 0),
    ],
    ids=repr,
)
def test_what_may_not_come_again_is_asked_again(error: Exception) -> None:
    meant = meaning_of(error, "my-project")
    assert isinstance(meant, Transient)
    assert not meant.busy


def test_a_service_says_how_long_it_wants_to_be_left_alone() -> None:
    for wait, seconds in (("7", 7.0), ("Wed, 21 Oct 2026 07:28:00 GMT", 0.0)):
        for status in (429, 503):
            meant = meaning_of(refused("slow down", status, **{"retry-after": wait}), "my-project")
            assert isinstance(meant, Transient)
            assert meant.wait_seconds == seconds


def test_a_page_that_the_service_forgot_is_no_refusal() -> None:
    assert isinstance(meaning_of(refused("Invalid page token.", 400), "my-project"), StalePage)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ee.EEException("Please authorize access to your account"),
            "run `earthengine authenticate`",
        ),
        (RefreshError("invalid_grant"), "expired .* `earthengine authenticate`.* is kept"),
        (refused("Request had invalid authentication credentials.", 401), "expired .* is kept"),
        (ee.EEException("ee.Initialize: no project found."), "source.project=NAME"),
        (
            refused("Project 'projects/p' is not registered to use Earth Engine.", 403),
            "my-project is not registered .*https://code.earthengine.google.com/register",
        ),
        (
            refused(
                "Earth Engine API has not been used in project 123 before or it is disabled.", 403
            ),
            "not enabled in the project my-project; enable it at https://console.cloud.google.com",
        ),
        (
            refused("Caller does not have required permission to use project my-project.", 403),
            "may not use the project my-project.* roles Service Usage Consumer",
        ),
        (
            refused(
                "Permission 'earthengine.computations.create' denied on resource 'projects/my-project' (or "
                "it may not exist).",
                403,
            ),
            "may not use the project my-project.* and Earth Engine Resource Viewer",
        ),
        (
            refused(
                "ImageCollection.load: ImageCollection asset 'COPERNICUS/S9' not found (does not exist or "
                "caller does not have access).",
                404,
            ),
            "no collection COPERNICUS/S9 .*source.collection",
        ),
        (
            refused(
                "Image.select: Band pattern 'B99' did not match any bands. Available: [B1]", 400
            ),
            "no band B99; correct source.bands",
        ),
        (
            refused("Something else.\nOf two lines.", 400),
            r"refuses \(400\): Something else. Of two",
        ),
    ],
)
def test_what_only_a_user_can_mend_is_said_in_one_line(error: Exception, said: str) -> None:
    meant = meaning_of(error, "my-project")
    assert isinstance(meant, CroplandError)
    with pytest.raises(type(meant), match=said):
        raise meant
    assert "\n" not in str(meant)


def test_a_long_refusal_is_shortened() -> None:
    assert len(str(meaning_of(refused("word " * 1000, 400), "my-project"))) < 400
