"""YAML files: bombs, tags and what is none, found before anything is made of them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from hostile.claims import BRIEFLY, answered, check_line, damaged, quickly
from hypothesis import given
from hypothesis import strategies as st

from cropland.config import yaml_checks
from cropland.errors import ConfigError

COUNTRY = (
    b"name: kenya\ntitle: Kenya\nbox: &a {south: 1, north: 2, west: 1, east: 2}\n"
    b"reference: {start: 2020-01-01, end: 2020-12-31}\n"
)
PLAIN = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=20,
)


def bomb(levels: int) -> str:
    """Nine times nine times nine: a line each."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, levels):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")
    return "\n".join(lines)


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "x.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@BRIEFLY
@given(content=st.one_of(st.binary(max_size=60), damaged(COUNTRY)))
def test_whatever_the_bytes(tmp_path: Path, content: bytes) -> None:
    with answered():
        yaml_checks.check(written(tmp_path, content))


@BRIEFLY
@given(value=PLAIN)
def test_plain_values_pass(tmp_path: Path, value: object) -> None:
    yaml_checks.check(written(tmp_path, yaml.safe_dump({"value": value}, allow_unicode=True)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (bomb(9), "more than 10000 values"),
        (bomb(200), "more than 10000 values"),
        ("a: &a [*a]", r"\*a stands inside of what it repeats"),
        ("a: *b", r"\*b stands inside"),
        ("a: !!python/object/apply:os.system [touch x]", "the tag .*os.system.; write plain"),
        ("a: !!python/name:os.system x", "the tag"),
        ("a: !mine 1", "the tag '!mine'"),
        ("%TAG ! tag:x,2020:\n---\na: !y 1", "the tag 'tag:x,2020:y'"),
        ("{a: " * 60 + "1" + "}" * 60, "50 levels"),
        ("[" * 100_000, "nest|levels"),
        ('a: "b', "found unexpected end of stream"),
        ("\ta: b", "cannot start any token"),
        ("a: b\0", "control characters are not allowed"),
        (COUNTRY.decode().encode("utf-16"), "'utf-8' codec"),
        ("é: 1".encode("latin-1"), "'utf-8' codec"),
    ],
    ids=range(15),
)
def test_what_is_no_configuration_is_said(tmp_path: Path, content: str | bytes, said: str) -> None:
    with quickly(), pytest.raises(ConfigError, match=said) as caught:
        yaml_checks.check(written(tmp_path, content))
    check_line(str(caught.value))
    assert str(tmp_path / "x.yaml") in str(caught.value)


def test_a_few_repetitions_are_no_bomb(tmp_path: Path) -> None:
    yaml_checks.check(written(tmp_path, bomb(3)))
    yaml_checks.check(written(tmp_path, "a: &a {b: 1}\nc: {<<: *a, d: 2}\n"))


@pytest.mark.parametrize("kind", ["folder", "pipe", "loop", "nothing"])
def test_what_is_no_file_is_not_opened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.yaml"
    if kind == "folder":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "loop":
        path.symlink_to(path)
    with pytest.raises(ConfigError, match="is no file"):
        yaml_checks.check(path)


def test_only_files_that_repeat_themselves_are_checked_beforehand(tmp_path: Path) -> None:
    (tmp_path / "country").mkdir()
    (tmp_path / "country" / "broken.yaml").write_text('a: "')
    os.mkfifo(tmp_path / "country" / "pipe.yaml")
    yaml_checks.check_aliases([tmp_path, tmp_path / "nowhere"])
    with pytest.raises(ConfigError, match=r"broken.yaml cannot be read as YAML"):
        yaml_checks.check_all([tmp_path])
    (tmp_path / "country" / "bomb.yaml").write_text(bomb(9))
    with pytest.raises(ConfigError, match=r"bomb.yaml cannot be read as YAML"):
        yaml_checks.check_aliases([tmp_path])


def test_the_folders_of_a_command_line_are_found() -> None:
    words = ["-m", "--config-dir", "one", "-cd=two", "--config-path=three", "span=4", "-cp", "four"]
    assert list(yaml_checks.given(words)) == ["one", "two", "three", "four"]
