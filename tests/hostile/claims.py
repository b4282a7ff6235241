"""The claim of all that reads what a user wrote: a right result, or one line that says what is wrong."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest
from hydra.errors import HydraException
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from cropland.config.hydra_words import error_line
from cropland.errors import LONGEST_MESSAGE, CroplandError, visible

BRIEFLY = settings(
    derandomize=True,
    deadline=None,
    max_examples=int(os.environ.get("FUZZ_EXAMPLES", "20")),
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
"""Few examples, always the same; FUZZ_EXAMPLES=5000 for a long run."""

HANGS_SECONDS = 120  # what answers at all does so in far less, on a busy machine too

TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            *("../../x", "/etc/passwd", "a/b", "CON", "\n", "\r", "a\nb", "\0", "\x1b[31m"),
            *("\u2028",),
            *("[red]", "[/red]", "=cmd()", "@x", "${oc.env:HOME}", "{}", "%s", "$(id)", "`id`"),
            *("';--",),
            *("🌾", "\u202etxt", "é", "e\u0301", "\ufeff", "x" * 5_000, " ", "", "nan", "NaN"),
            *("None",),
            *("inf", "-inf", "1e400", "9" * 400, "-1", "0x10", "1_0", "1,5", "٣", "true", "True"),
            *("now",),
            *("0001-01-01", "1900-01-01", "2100-01-01", "9999-12-31", "10000-01-01", "2020-02-30"),
            *("2020-06-01T00:00:00+25:00", "1577836800", "1577836800000", "2020", "'", '"', '"a'),
            *(",", ";"),
        ]
    ),
)
"""What people, and people who mean no good, write into cells."""


@contextmanager
def quickly() -> Iterator[None]:
    """Fail what takes too long."""

    def hang(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError(f"no answer within {HANGS_SECONDS} s")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(HANGS_SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def answered() -> Iterator[None]:
    """Let an error of one line pass; anything else fails, and so does what takes too long."""
    with quickly():
        try:
            yield
        except CroplandError as error:
            check_line(str(error))


def refused(call: Callable[[], object]) -> str:
    """Return the line of the error that a call raises, of this project or of Hydra."""
    with quickly(), pytest.raises((CroplandError, HydraException)) as caught:
        call()
    line = error_line(caught.value)
    check_line(line)
    return line


def check_line(said: str) -> None:
    """Check that what is said is one line, of a length that can be read, which commands no terminal."""
    assert said and said == visible(said)
    assert len(said) <= 2 * LONGEST_MESSAGE


def tree(folder: Path) -> set[str]:
    """Every file and folder below a folder."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """A file of which some bytes are gone, others, or there twice."""
    made = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(made)))
        end = draw(st.integers(at, min(len(made), at + 40)))
        made[at:end] = draw(st.one_of(st.binary(max_size=8), st.just(bytes(made[at:end] * 2))))
    return bytes(made)
