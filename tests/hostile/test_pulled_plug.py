"""Files that lost their end, as in a power cut: the next command gives the same numbers, or a line.

CI cuts a few dozen times, ``make soak`` 500 times (SOAK_CUTS, SOAK_SEED).
"""

from __future__ import annotations

import os
import random
import re
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from itertools import cycle, islice
from pathlib import Path

import numpy as np
import pytest
from hostile.claims import check_line
from hostile.test_forged_parts import SEEN
from standins.plug import Answer, Study
from standins.runs import runs
from standins.shell import Shell

from cropland.errors import CroplandError
from cropland.sources.download.chunks import Chunk, pack
from cropland.sources.download.parts import Parts
from cropland.training import job_settings
from cropland.training.job_settings import JobSettings
from cropland.training.ledger import Ledger
from cropland.training.outcome import Outcome

CUTS = int(os.environ.get("SOAK_CUTS", "36"))
SEED = int(os.environ.get("SOAK_SEED", "2023"))
RUNS, MODELS = "mlruns/artifacts/*/*/artifacts", "mlruns/artifacts/*/models/*/artifacts/artifacts"
KINDS = {
    "run": ((f"{RUNS}/config.yaml", f"{RUNS}/predictions.csv"), ("promote", "map", "compare")),
    "model": ((f"{MODELS}/*",), ("predict", "map")),
    "map": (("maps/*/*.*",), ("map", "draw")),
    "database": (("mlruns/mlflow.db*",), ("predict", "promote", "train", "map")),
    "archive": (("data/archive/**/*",), ("predict", "promote", "train")),
}
"""Files by what they are, and the commands that use them."""
CHECKED = ("run", "map", "archive")
"""Kinds with checksums, where a flipped byte is noticed too."""
COMMANDS = ("promote", "predict", "map", "draw", "compare", "train")


@pytest.fixture(scope="module")
def study(swept: Shell, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """The toy country's study."""
    made = Study.of(swept, tmp_path_factory.mktemp("study"))
    yield made
    made.end()


@pytest.fixture(scope="module")
def whole(study: Study) -> dict[str, Answer]:
    """What each command answers where nothing is cut."""
    answers = {}
    for name in COMMANDS:
        study.put_back()
        answers[name] = study.start(getattr(study, name))
        assert not answers[name].line and answers[name].numbers
    return answers


def damage(path: Path, how: str, chance: random.Random) -> None:
    """Cut a file at a random length, empty or delete it, or flip one of its bits."""
    content = path.read_bytes()
    at = chance.randrange(max(len(content), 1))
    if how == "lost":
        path.unlink()
    elif how == "flipped":
        flipped = bytes(byte ^ 1 for byte in content[at : at + 1])
        path.write_bytes(content[:at] + flipped + content[at + 1 :])
    else:
        path.write_bytes(content[: at if how == "cut" else 0])


def ways(kind: str) -> list[str]:
    return ["cut", "cut", "empty", "lost", *(["flipped"] if kind in CHECKED else [])]


def check(answer: Answer, whole: Answer, name: str) -> None:
    """Check that an answer is one line, or the same numbers, or that a line says what was lost."""
    assert "Traceback" not in answer.screen, answer.screen
    if answer.line:
        assert answer.line.startswith("cropland: ")
        check_line(answer.line)
    elif answer.numbers != whole.numbers:
        losses = (f"{name} of run", f"has lost its {name}", "lacks")
        assert any(words in answer.screen for words in losses), answer


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_was_cut_gives_no_other_number(
    study: Study, whole: dict[str, Answer], kind: str
) -> None:
    patterns, commands = KINDS[kind]
    files = [path for pattern in patterns for path in study.files(pattern)]
    assert files
    chance = random.Random(f"{SEED} {kind}")
    for command in islice(cycle(commands), CUTS // len(KINDS)):
        path, how = chance.choice(files), chance.choice(ways(kind))
        study.put_back()
        damage(study.folder / path, how, chance)
        answer = study.start(getattr(study, command))
        try:
            check(answer, whole[command], path.name)
        except AssertionError as error:
            raise AssertionError(f"{command} where {path} was {how}") from error


def half(content: bytes) -> bytes:
    """The first lines of a text, none of them cut."""
    lines = content.splitlines(keepends=True)
    return b"".join(lines[: len(lines) // 2])


def flipped(content: bytes) -> bytes:
    return content[:-9] + bytes([content[-9] ^ 1]) + content[-8:]


def other_hectares(content: bytes) -> bytes:
    return content.replace(b'"cropland": 2.0', b'"cropland": 7.0')


def emptied(_: bytes) -> bytes:
    return b""


CLAIMS: list[tuple[str, str, Callable[[bytes], bytes], str, str]] = [
    (
        "24w",
        "predictions.csv",
        half,
        "promote",
        r"predictions.csv of run 'toyland 24w .* is damaged",
    ),
    (
        "24w",
        "predictions.csv",
        flipped,
        "promote",
        r"predictions.csv of run 'toyland 24w .* is damag",
    ),
    (
        "24w",
        "config.yaml",
        half,
        "promote",
        r"run \w+ is left out: it cannot be read: config.yaml of run 'toyland 24w .* is damaged",
    ),
    (
        "promote",
        "predictions.csv",
        half,
        "compare",
        r"predictions.csv of run 'promote .* is damaged",
    ),
    ("promote", "predictions.csv", half, "map", r"predictions.csv of run 'promote .* is damaged"),
    (
        "maps",
        "class.tif",
        flipped,
        "draw",
        r"^cropland: .*class.tif is damaged: it is not as it was",
    ),
    (
        "maps",
        "map.json",
        other_hectares,
        "draw",
        r"^cropland: .*map.json is damaged: it is not as it",
    ),
    (
        "maps",
        "map.json",
        other_hectares,
        "map",
        r"warning the map is made again: .*map.json is damaged",
    ),
    (
        "maps",
        "observations.tif",
        flipped,
        "map",
        r"warning the map is made again: observations.tif in",
    ),
    (
        "mlruns",
        "mlflow.db",
        emptied,
        "train",
        r"^cropland: .*mlflow.db is empty, but there are files",
    ),
    (
        "mlruns",
        "mlflow.db-wal",
        emptied,
        "promote",
        r"note sqlite.*mlflow.db.* lacks 4 runs whose files",
    ),
]
"""Where a file is, or the start of its run's name; its name; what happened to it; a command; what it says."""


@pytest.mark.parametrize(("where", "name", "cut", "command", "line"), CLAIMS)
def test_what_was_cut_is_said(
    study: Study,
    where: str,
    name: str,
    cut: Callable[[bytes], bytes],
    command: str,
    line: str,
) -> None:
    study.put_back()
    if where in ("maps", "mlruns"):
        (path,) = (study.folder / where).rglob(name)
    else:
        path = study.artifacts(where) / name
        if command == "map":
            shutil.rmtree(study.folder / "maps")
    content = path.read_bytes()
    path.write_bytes(cut(content))
    assert path.read_bytes() != content
    answer = study.start(getattr(study, command))
    assert re.search(line, answer.line + "\n" + answer.screen, re.MULTILINE), answer


def test_tiles_that_were_cut_or_exchanged_are_mapped_again(
    study: Study, whole: dict[str, Answer]
) -> None:
    chance = random.Random(SEED)
    for how in ("cut", "empty", "lost", "flipped", "exchanged"):
        study.put_back()
        tiles = study.only_tiles()
        assert len(tiles) == 4
        first, second = chance.sample(tiles, 2)
        if how == "exchanged":
            content = first.read_bytes()
            shutil.copy(second, first)
            second.write_bytes(content)
        else:
            damage(first, how, chance)
        answer = study.start(study.map)
        assert answer.numbers == whole["map"].numbers, (how, answer)


@pytest.mark.parametrize("how", [*ways("archive"), "exchanged"])
def test_a_part_that_was_cut_is_fetched_again(tmp_path: Path, how: str) -> None:
    places = pack(np.array([48.1, 48.2, 48.3]), np.array([32.1, 32.2, 32.3]))
    chunks = [Chunk(places, date(year, 1, 1), date(year, 12, 31)) for year in (2019, 2020)]
    for chunk in chunks:
        Parts(tmp_path).keep(chunk, SEEN, "client")
    before = {path.name: path.read_bytes() for path in tmp_path.glob("*.parquet")}
    first, second = sorted(tmp_path.glob("*.parquet"))
    if how == "exchanged":
        first.write_bytes(before[second.name])
    else:
        damage(first, how, random.Random(SEED))
    for part in Parts(tmp_path):
        if part.path == first:
            with pytest.raises(CroplandError, match="is damaged; give the command download again"):
                Parts(tmp_path).rows(part)
    parts = Parts(tmp_path)
    parts.discard(parts.damaged())
    assert not first.exists()
    for chunk in chunks:
        if not any(part.has(chunk.places, (chunk.first, chunk.last)) for part in Parts(tmp_path)):
            parts.keep(chunk, SEEN, "client")
    assert {path.name: path.read_bytes() for path in tmp_path.glob("*.parquet")} == before


def outcome(span: int) -> Outcome:
    fixed = dict.fromkeys(("bands", "series", "features", "model", "training", "validation"), "x")
    return Outcome("toyland", span, 0, **fixed, window_end="x", uses_future=False, status="failed")


def test_a_ledger_that_was_cut_has_no_line_by_halves(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for span in range(5):
        ledger.append(outcome(span))
    content = ledger.path.read_bytes()
    for length in range(0, len(content), 7):
        ledger.path.write_bytes(content[:length])
        assert [each.span for each in ledger.read()] == list(range(content[:length].count(b"\n")))
    ledger.path.write_bytes(content[:-20] + content)
    with pytest.raises(CroplandError, match=r"outcomes.jsonl has a line that is damaged .*again"):
        ledger.read()


def test_settings_of_jobs_that_were_cut_are_one_line(tmp_path: Path) -> None:
    JobSettings("run", known={"a": 0.9, "b": 0.5}).write(tmp_path)
    file = tmp_path / job_settings.FILE
    content = file.read_bytes()
    for length in range(len(content) - 1):
        file.write_bytes(content[:length])
        with pytest.raises(CroplandError, match=r"job_settings.json is damaged; run the same"):
            job_settings.read(tmp_path)


@contextmanager
def room(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("command", ["promote", "predict", "map", "train"])
def test_a_disk_that_is_full_is_one_line_and_leaves_nothing_by_halves(
    study: Study, whole: dict[str, Answer], command: str
) -> None:
    lines = []
    for size in (300, 3_000, 30_000, 300_000):
        study.put_back()
        study.forget(command)
        with room(size):
            answer = study.start(getattr(study, command))
        check(answer, whole[command], "")
        lines.append(answer.line)
        again = study.start(getattr(study, command))
        assert again.numbers == whole[command].numbers, (size, answer, again)
        assert not [run for run in runs(study.toy.tracking.uri) if run.info.status == "RUNNING"]
    assert any(lines)


@pytest.mark.parametrize("command", ["promote", "predict", "map", "train"])
def test_a_folder_for_temporary_files_that_is_gone_is_one_line(
    study: Study, whole: dict[str, Answer], monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    study.put_back()
    study.forget(command)
    with monkeypatch.context() as patched:
        patched.setattr("tempfile.tempdir", str(study.folder / "nowhere"))
        answer = study.start(getattr(study, command))
    assert "cannot write temporary files to" in answer.line
    check(answer, whole[command], "")
    assert not [run for run in runs(study.toy.tracking.uri) if run.info.status == "RUNNING"]
    assert study.start(getattr(study, command)).numbers == whole[command].numbers
