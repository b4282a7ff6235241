"""What people type, as Hydra reads it, or the line that says what they should have typed."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import get_args, get_type_hints

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from cropland import cli
from cropland.config import shell_words
from cropland.config.groups import Configuration
from cropland.config.schema import FilePath, keys
from cropland.config.sources import Source
from cropland.errors import ConfigError

FOLDER = "Ernte 2024 (Süd), A=1"


def read(*words: str, command: str = "train") -> list[str]:
    return shell_words.hydra_words(words, command)


@pytest.mark.parametrize(
    ("words", "hydra"),
    [
        (["span=4", "-m", "seed=1,2"], ["-m", "span=4", "seed=1,2"]),
        (["span=4,8", "--multirun"], ["--multirun", "span=4,8"]),
        (["span=4", "--config-dir", "a=b", "seed=1"], ["--config-dir", "a=b", "span=4", "seed=1"]),
        (["span=4,8", "\u2013m"], ["-m", "span=4,8"]),
        (["\u201cspan=4\u201d", "bands=\u2018ndvi\u2019"], ["span=4", "bands=ndvi"]),
        (["~study", "+windows.iran.span=4"], ["~study", "+windows.iran.span=4"]),
        (["model.max_depth=4", "seed=1"], ["model.estimator.max_depth=4", "seed=1"]),
        (["+model.C=1", "~model.cv"], ["+model.estimator.C=1", "~model.estimator.cv"]),
        (["country=Iran"], ["country=iran"]),
        (["country=IRAN , sudan"], ["country=iran,sudan"]),
        (["country=[IRAN,sudan]", "bands=[NDVI]"], ["country=[iran,sudan]", "bands=[ndvi]"]),
        (["bands=[ndvi,B8]"], ["bands=[ndvi,B8]"]),
        (
            ["+experiment=Iran_two_seasons", "+study={by: [seed]}"],
            ["experiment=iran_two_seasons", "+study={by: [seed]}"],
        ),
        (
            ["--config-name", "mine", "+experiment=iran_two_seasons"],
            ["--config-name", "mine", "+experiment=iran_two_seasons"],
        ),
        (["bands=NDVI"], ["bands=ndvi"]),
        (["country=Iran.yaml"], ["country=iran"]),
        (["'span=4,8'", '"seed=1"'], ["span=4,8", "seed=1"]),
        (["country=Irna", "seed=Iran"], ["country=Irna", "seed=Iran"]),
        (["country=glob(*)"], ["country=glob(*)"]),
        (["/etc=1", "*=iran", "../conf=iran"], ["/etc=1", "*=iran", "../conf=iran"]),
        ([f"{'x' * 5_000}=1"], [f"{'x' * 5_000}=1"]),
        (["-m", f"output=x{',x' * 500}"], ["-m", f"output=x{',x' * 500}"]),
    ],
)
def test_words_are_what_was_meant(words: list[str], hydra: list[str]) -> None:
    assert read(*words) == hydra


@pytest.mark.parametrize(
    "path",
    [
        FOLDER,
        *("data", "/a/b.csv", "~/data", "2024", "1e3", "true", "nan", "it's", 'a"b', "a,b", "[x]y"),
        *(
            "C:\\Users\\x",
            "\\\\server\\share",
            "end\\",
            "a#b",
            "a&b;c",
            "$5",
            "%20",
            "a  b",
            "s3://b/c",
        ),
        *("sqlite:///a (b)/c=d.db", "http://h:5000/?a=b", "\U0001f33e"),
    ],
)
def test_a_path_is_taken_as_it_is_written(path: str) -> None:
    words = read(*(f"{key}={path}" for key in sorted(shell_words.PATHS)))
    for override in OverridesParser.create().parse_overrides(words):
        assert override.value() == path and isinstance(override.value(), str)


@pytest.mark.parametrize(
    "word",
    [
        "points=null",
        "output=",
        "raster=[a b.tif,c.tif]",
        "output='a b'",
        "paths.data=${oc.env:D}/x",
    ],
)
def test_what_hydra_reads_in_its_own_way_is_left_to_it(word: str) -> None:
    assert read(word) == [word]


def test_a_comma_in_a_path_separates_values_of_a_sweep_unless_it_is_in_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert read("-m", "paths.data=a,b") == ["-m", "paths.data=a,b"]
    assert read("-m", "paths.data=A=1, (ü)") == ["-m", "paths.data='A=1, (ü)'"]
    (tmp_path / "a,b").mkdir()
    for path in ("a,b", "a,b/new", f"{tmp_path}/a,b"):
        assert read("-m", f"paths.data={path}") == ["-m", f"paths.data='{path}'"]
    assert read("study=time_range", "tracking.uri=sqlite:///a,b/m.db")[1].endswith(
        "'sqlite:///a,b/m.db'"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["span=24", "48"], "48: several values are separated by commas: -m span=24,48"),
        (["span=24", "48", "96"], "48: several values are separated by commas: -m span=24,48,96"),
        (
            ["country=iran", "sudan"],
            "sudan: several values are separated by commas: -m country=iran,sudan",
        ),
        (["span", "=", "24"], "span: write span=24, without blanks around ="),
        (["span=", "24"], "24: write span=24, without blanks around ="),
        (["span", "=24"], "span: write span=24, without blanks around ="),
        (["--span", "24"], "--span: settings have no dashes; write span=24"),
        (["-span=24"], "-span=24: settings have no dashes; write span=24"),
        (
            ["--model.scale=true"],
            "--model.scale=true: settings have no dashes; write model.scale=true",
        ),
        (["country", "iran"], "country: write country=iran"),
        (["span:", "24"], "span:: write span=24"),
        (["span:24"], "span:24: write span=24"),
        (["seed=1", "country"], "country has no value; give it one, as in country=…"),
        (
            ["paths.data=/a/Ernte", "2024"],
            "2024: a blank ends a word in a shell; write 'paths.data=/a/Ernte 2024'",
        ),
        (
            ["bands.names=[B4,", "B8]", "seed=1"],
            "B8]: a blank ends a word in a shell; write 'bands.names=[B4,B8]'",
        ),
        (
            ["country=iran,", "sudan"],
            "sudan: a blank ends a word in a shell; write country=iran,sudan",
        ),
        (["promote"], "promote: write promote=true"),
        (["-multirun"], "unknown option -multirun; long options have two dashes: --multirun"),
        (["validation=5"], "unknown validation '5'; there are: blocks, kfold, nested, repeated"),
        (
            ["--spam"],
            "unknown option --spam; -m makes a sweep, --help lists the settings, which have no dashes",
        ),
        (["--config-dir"], "argument --config-dir/-cd: expected one argument"),
        (["iran"], "expected settings, KEY=VALUE, got 'iran'; did you mean country=iran?"),
        (["help"], "help: write --help"),
        (["spann"], "expected settings, KEY=VALUE, got 'spann'; did you mean 'span'?"),
    ],
)
def test_a_word_that_is_no_setting_is_answered_with_one_that_is(
    words: list[str], line: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(*words)
    assert str(caught.value) == line


def test_no_job_of_a_sweep_replaces_the_predictions_of_another() -> None:
    with pytest.raises(
        ConfigError, match="each job of -m would overwrite the predictions of the previous one"
    ):
        read("-m", "country=iran,sudan", "output=x.csv", command="predict")
    words = ["-m", "country=iran,sudan", "output=p_${country.name}.csv"]
    assert read(*words, command="predict") == words
    with pytest.raises(
        ConfigError, match="each job of -m would replace the page of the one before"
    ):
        read(*words, "page=points.html", command="predict")
    words.append("page=${country.name}.html")
    assert read(*words, command="predict") == words


def test_every_path_of_every_command_is_known() -> None:
    commands = [
        import_module(f"cropland.config.commands.{cli.module_name(name)}")
        for name in cli.COMMANDS
        if name != "train"
    ]
    schemas = [
        Configuration,
        *(
            getattr(one, one.__name__.rpartition(".")[2].title().replace("_", ""))
            for one in commands
        ),
    ]
    paths = {key for schema in schemas for key in paths_of(schema)}
    paths |= {key for schema in get_args(Source) for key in paths_of(schema, "source.")}
    assert paths | {"tracking.uri", "source.catalog", "hydra.sweeper.storage"} == shell_words.PATHS


def paths_of(schema: type, prefix: str = "") -> list[str]:
    """Return the keys of a schema that are paths."""
    return [
        key
        for key in keys(schema, prefix)
        if "FilePath" in annotation(schema, key.removeprefix(prefix))
    ]


def annotation(schema: type, key: str) -> str:
    first, _, rest = key.partition(".")
    if rest:
        return annotation(get_type_hints(schema)[first], rest)
    kinds = [one for one in schema.__mro__ if first in vars(one).get("__annotations__", {})]
    return str(kinds[0].__annotations__[first])


assert get_args(FilePath)  # an annotated type, by whose name the schema is read
