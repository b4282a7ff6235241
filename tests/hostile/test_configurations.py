"""Country files, groups and overrides with anything in them."""

from __future__ import annotations

import copy
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from hostile.claims import BRIEFLY, TEXTS, answered, refused
from hypothesis import given
from hypothesis import strategies as st
from standins.configuration import CONF, compose, jobs

from cropland.config import countries, filling
from cropland.config.groups import Configuration

KENYA: dict[str, Any] = {
    "name": "kenya",
    "title": "Kenya",
    "box": {"south": 1.0, "north": 2.0, "west": 36.0, "east": 37.0},
    "reference": {"start": "2020-01-01", "end": "2020-12-31"},
}
PLACES = ["", *KENYA, *(f"box.{name}" for name in KENYA["box"]), "reference.start", "reference.end"]
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**25), 10**25),
    st.floats(),
    TEXTS,
    st.lists(TEXTS, max_size=2),
    st.dictionaries(st.text(max_size=4), st.integers(), max_size=2),
)


def put(values: dict[str, Any], key: str, value: Any) -> dict[str, Any]:
    """Values with another one at a dotted key."""
    made = copy.deepcopy(values)
    inner, (*outer, last) = made, key.split(".")
    for name in outer:
        inner = inner[name]
    inner[last] = value
    return made


@BRIEFLY
@given(key=st.sampled_from(PLACES), value=VALUES)
def test_whatever_a_country_file_says(key: str, value: Any) -> None:
    with answered():
        made = countries.country(put(KENYA, key, value))
        assert made.name.isascii() and made.name.isidentifier() and len(made.name) <= 50
        assert Path("a", f"{made.name}.zarr").resolve().parent == Path("a").resolve()
        assert made.title.isprintable() and not set(made.title) & set('[]/\\<>{}|*`$"')
        assert countries.FIRST_YEAR <= made.reference.first.year <= countries.LAST_YEAR


@pytest.mark.parametrize(
    "name",
    [
        *("../../x", "/etc/passwd", "a/b", "a\\b", "CON", "nul", "com1", "\n", "a\n", "[red]"),
        *("=cmd()",),
        *("x" * 51, "🌾", "\u202ex", "ünï", "", " ", "a b", ".", "..", "-m", "1a", "_a", "all"),
        *("ALL", "a\0"),
    ],
)
def test_what_a_country_cannot_be_called(name: str) -> None:
    said = refused(lambda: countries.country(KENYA | {"name": name}))
    assert "must be letters, digits and underscores" in said


@pytest.mark.parametrize("title", ["Côte d'Ivoire", "Congo (Kinshasa)", "افغانستان", "Österreich"])
def test_a_title_is_of_any_script(title: str) -> None:
    assert countries.country(KENYA | {"title": title}).title == title


@pytest.mark.parametrize(
    "title", ["../x", "[/red]", "<b>", "a\nb", "\x1b[31m", "${x}", "", "x" * 81, "*"]
)
def test_what_a_title_cannot_be(title: str) -> None:
    said = refused(lambda: countries.country(KENYA | {"title": title}))
    assert "a country's title must be one line" in said


@pytest.mark.parametrize(
    ("start", "end"),
    [("0001-01-01", "0001-12-31"), ("2020-01-01", "9999-12-31"), ("1900-01-01", "1901-01-01")],
)
def test_a_season_that_no_satellite_saw(start: str, end: str) -> None:
    reference = {"start": start, "end": end}
    said = refused(lambda: countries.country(KENYA | {"reference": reference}))
    assert "must lie between 1970 and 2100" in said


def test_a_season_of_a_lifetime_is_none() -> None:
    reference = {"start": "1980-01-01", "end": "2020-12-31"}
    said = refused(lambda: countries.country(KENYA | {"reference": reference}))
    assert "must be a season of at most 3660 days" in said


@BRIEFLY
@given(
    key=st.sampled_from(
        [
            *("span", "period", "seed", "n_jobs", "force", "output", "bands", "bands.names"),
            *("bands.name",),
            *("series.step_days", "model.name", "validation", "validation.folds"),
            *("validation.block_km",),
            *("source", "source.points", "source.margin_days", "tracking.uri"),
            *("tracking.artifacts",),
            *("paths", "paths.data", "paths.archive", "paths.runs", "promotion.bootstraps"),
            *("study",),
        ]
    ),
    value=VALUES,
)
def test_whatever_a_group_says(key: str, value: Any) -> None:
    with answered():
        made = filling.command(Configuration, put(compose(), key, value))
        for path in (made.paths.data, made.paths.archive, made.paths.runs, made.output or ""):
            assert path.isprintable() and len(path) <= 1_000


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("n_jobs", 0, "n_jobs must be -1"),
        ("n_jobs", 10**6, "n_jobs must be -1 (all cores) or 1 to 1,024, got 1000000"),
        ("seed", -1, "seed must be 0 or more, got -1"),
        ("seed", 10**30, "seed must be below 4,294,967,296"),
        ("series.step_days", 10**9, "series.step_days must be at most 366"),
        ("validation.repeats", 10**9, "validation.repeats must be at most 1,000"),
        ("validation.block_km", float("inf"), "validation.block_km must be at most"),
        ("validation.block_km", float("nan"), "validation.block_km must be at most 20,038"),
        ("source.points", 10**12, "source.points must be at most"),
        ("source.margin_days", 10**9, "source.margin_days must be at most 3,660"),
        ("promotion.bootstraps", 10**14, "promotion.bootstraps must be at most"),
        ("bands.name", "../../x", "bands.name must be a name of letters"),
        ("model.name", "[/red]", "model.name must be a name of letters"),
        ("paths.archive", "x" * 300, "paths.archive must be a path"),
        ("paths.data", "a\0b", "paths.data must be a path"),
        ("output", "a\nb", "output must be a path"),
        ("tracking.uri", " ", "tracking.uri is empty"),
        ("source", [1], "source must be a group of keys"),
        ("model", "forest", "model must be a group of keys"),
    ],
)
def test_a_value_out_of_reason_is_said(key: str, value: Any, said: str) -> None:
    assert said in refused(lambda: filling.command(Configuration, put(compose(), key, value)))


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("span=1e9", "span must be a whole number, got 1000000000.0"),
        ("span=nan", "span must be a whole number"),
        ("span=${span}", "Recursive interpolation"),
        ("span=${oc.env:HOME}", "span must be a whole number"),
        ("span=${nosuch:1}", "Unsupported interpolation type"),
        ("period=0000-01-01", "must be a date like"),
        ("~country", "country has no value"),
        ("windows=5", "expected keys with values"),
        ("country.name=../../x", "must be letters, digits and underscores"),
        ("country=../../x", "unknown country"),
        ("country=/etc/passwd", "unknown country"),
        ("bands=/etc/passwd", "unknown bands"),
        ("country.title=${oc.env:HOME}", "country: its file must hold plain values"),
        ("span='" + "9" * 100_000 + "'", "span must be a whole number"),
        ("span", "span is not a setting; write KEY=VALUE"),
        ("\u202e=1", "=1 is not a setting; write KEY=VALUE"),
    ],
    ids=lambda value: value[:20],
)
def test_an_override_that_cannot_be_is_said(override: str, said: str) -> None:
    assert said in refused(lambda: jobs("country=iran", override))


@pytest.mark.parametrize(
    "words",
    [
        ["span=range(1,100000000)"],
        ["span=range(1,5,0.000001)"],
        ["span=range(1,2,1e-320)"],
        ["span=range(1,1000)", "period=range(1,1000)"],
    ],
)
def test_a_sweep_that_would_never_end_is_not_begun(words: list[str]) -> None:
    assert "a sweep has at most 100,000 jobs" in refused(lambda: jobs("-m", "country=iran", *words))


def conf_with(folder: Path, content: str, name: str = "kenya") -> Path:
    """The project's configuration with a country file that somebody sent."""
    conf = shutil.copytree(CONF, folder / "conf")
    (conf / "country" / f"{name}.yaml").write_text(content)
    return conf


SENT = (
    "name: kenya\ntitle: {title}\nbox: {{south: 1, north: 2, west: 36, east: 37}}\n"
    "reference: {{start: 2020-01-01, end: 2020-12-31}}\n"
)


@pytest.mark.parametrize("chosen", ["kenya", "all"])
def test_no_country_file_reads_the_environment(
    tmp_path: Path, chosen: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET", "hunter2")
    conf = conf_with(tmp_path, SENT.format(title='"${oc.env:SECRET}"'))
    assert "hunter2" not in refused(lambda: jobs(f"country={chosen}", conf=conf))


def test_two_files_of_one_country_are_refused(tmp_path: Path) -> None:
    conf = conf_with(tmp_path, SENT.format(title="Kenya"), "other")
    shutil.copy(conf / "country" / "other.yaml", conf / "country" / "kenya.yaml")
    for chosen in ("all", "kenya", "other"):
        said = refused(lambda chosen=chosen: jobs(f"country={chosen}", conf=conf))
        assert "conf/country/other.yaml has name: kenya; write name: other" in said


def test_two_countries_of_one_title_are_refused(tmp_path: Path) -> None:
    conf = conf_with(tmp_path, SENT.format(title="Kenya"))
    (conf / "country" / "other.yaml").write_text(
        SENT.format(title="KENYA").replace("name: kenya", "name: other")
    )
    for chosen in ("all", "kenya"):
        said = refused(lambda chosen=chosen: jobs(f"country={chosen}", conf=conf))
        assert "kenya.yaml and " in said
        assert "other.yaml have the same title, Kenya; give each its own" in said.replace(
            "KENYA", "Kenya"
        )
    assert [one.name for one in jobs("country=iran", conf=conf)[0].countries] == ["iran"]


@pytest.mark.parametrize("kind", ["pipe", "folder", "tag", "list", "twice", "text"])
def test_country_all_reads_no_file_that_is_none(tmp_path: Path, kind: str) -> None:
    conf = conf_with(tmp_path, SENT.format(title="Kenya"))
    path = conf / "country" / "kenya.yaml"
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        content = {
            "tag": f"x: !!python/object/apply:os.system [touch {tmp_path}/run]",
            "list": "- a",
            "twice": "name: a\nname: b",
            "text": "abc",
        }
        path.write_text(content[kind])
    refused(lambda: jobs("country=all", conf=conf))
    assert not (tmp_path / "run").exists()
