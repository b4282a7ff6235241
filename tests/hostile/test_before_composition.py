"""Files and words that Hydra itself would fall over, answered in one line by every command."""

from __future__ import annotations

from typing import Any

import pytest
from hostile.claims import check_line
from standins.shell import Shell

COUNTRY = (
    "name: kenya\ntitle: Kenya\nbox: {south: 1, north: 2, west: 36, east: 37}\n"
    "reference: {start: 2020-01-01, end: 2020-12-31}\n"
)


def line(done: Any) -> str:
    assert done.returncode == 1 and done.stdout == ""
    said, *others = done.stderr.splitlines()
    assert not others and said.startswith("cropland: ")
    check_line(said)
    return str(said)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("country/kenya.yaml", "a: !!python/object/apply:os.system [touch run]", "the tag"),
        (
            "country/kenya.yaml",
            COUNTRY.encode("utf-16"),
            "kenya.yaml cannot be read as YAML: 'utf-8'",
        ),
        (
            "country/kenya.yaml",
            COUNTRY + 'x: "',
            "kenya.yaml cannot be read as YAML: while scanning",
        ),
        ("country/kenya.yaml", COUNTRY + "name: x\n", "found duplicate key"),
        ("country/kenya.yaml", "x: " + "[" * 3_000, "kenya.yaml cannot be read as YAML"),
        ("country/kenya.yaml", COUNTRY + "---\n" + COUNTRY, "expected a single document"),
        ("local.yaml", 'span: "', "local.yaml cannot be read as YAML: while scanning"),
    ],
    ids=["tag", "utf-16", "unclosed", "twice", "deep", "two documents", "local"],
)
@pytest.mark.parametrize("script", ["train", "download"])
def test_a_file_of_the_configuration_that_is_none(
    shell: Shell, script: str, name: str, content: str | bytes, said: str
) -> None:
    shell.words()
    path = shell.folder / "conf" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert said in line(shell.run("country=kenya", script=script))
    assert not (shell.folder / "run").exists()


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("country=null", "unknown country 'null'; there are: afghanistan, all, iran, sudan"),
        (
            "source=5",
            "unknown source '5'; there are: earthengine, files, simulated, simulated_30, stac",
        ),
        ("=5", "expected settings, KEY=VALUE, got '=5'"),
        ("span=" + "9" * 5_000, "the configuration cannot be read"),
        ("+x=" + "{a:" * 300 + "1" + "}" * 300, "the configuration cannot be read"),
    ],
    ids=["country", "source", "no key", "number", "deep"],
)
def test_a_word_that_is_none(shell: Shell, word: str, said: str) -> None:
    assert said in line(shell.run(word))
