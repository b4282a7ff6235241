"""A country's file from its points: what is in it, and what is refused."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pytest
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig

from cropland import cli
from cropland.commands import new_country
from cropland.config import composition, search_path, shell_words
from cropland.config.commands.new_country import NewCountry
from cropland.config.countries import Box, read_country
from cropland.errors import ConfigError, CroplandError, DataError
from cropland.support.vector_files import READERS

SEASON = "2023-07-01/2024-06-30"


def command(folder: Path, points: Path, **changes: object) -> NewCountry:
    given = NewCountry("kenya", str(points), SEASON, None, str(folder), force=False)
    return replace(given, **changes)


def places(*rows: tuple[float, float, int | None]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["Lat", "Lon", "Target"])
    return table.assign(ID=[f"p{number}" for number in range(len(rows))])


@pytest.fixture
def survey(tmp_path: Path) -> Path:
    """120 points, of which 60 are cropland, over 0.4° of latitude and 0.2° of longitude."""
    steps = np.linspace(0, 1, 120)
    rows = [(-1.2 + 0.4 * s, 36.8 + 0.2 * s, n % 2) for n, s in enumerate(steps)]
    path = tmp_path / "survey.csv"
    places(*rows).to_csv(path, index=False)
    return path


def test_the_command_line_writes_a_country_that_other_commands_take(
    survey: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In an empty folder, as of one who installed Cropland."""
    monkeypatch.chdir(tmp_path)
    words = ["new-country", "south_sudan", "points=survey.csv", f"season={SEASON}"]
    monkeypatch.setattr(sys, "argv", ["cropland", *words])
    cli.main()
    said = capsys.readouterr().out
    assert said.splitlines()[:4] == [
        "conf/country/south_sudan.yaml: South Sudan",
        "  points: 120 labelled, 50% cropland",
        "  box: lat -1.22…-0.78, lon 36.78…37.02 (27 x 49 km)",
        "  season: 2023-07-01 to 2024-06-30 (366 days)",
    ]
    *_, last = said.splitlines()
    train = (
        "cropland train source=files paths.data=. source.labelled=survey.csv country=south_sudan"
    )
    assert last.strip() == train
    found = read_country("conf/country/south_sudan.yaml")
    assert (found.name, found.title) == ("south_sudan", "South Sudan")
    assert (found.reference.start, found.reference.end) == ("2023-07-01", "2024-06-30")
    search_path.register()
    with initialize_config_dir(str(search_path.SHIPPED), version_base="1.3"):
        composed = compose("train", train.split()[2:], return_hydra_config=True)
        HydraConfig.instance().set_config(composed)
        (country,) = composition.job(composed, composed.hydra).countries
    assert country == found


def test_the_next_commands_leave_out_the_folder_that_is_the_default(
    survey: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    survey.rename("data/Train.csv")
    new_country.run(command(Path("conf"), Path("data/Train.csv")))
    last = capsys.readouterr().out.splitlines()[-1].strip()
    assert last == "cropland train source=files country=kenya"


@pytest.mark.parametrize("ending", [".geojson", ".gpkg", ".parquet"])
def test_points_of_a_gis_give_the_same_file(survey: Path, tmp_path: Path, ending: str) -> None:
    table = pd.read_csv(survey)
    geometry = geopandas.points_from_xy(table["Lon"], table["Lat"], crs="EPSG:4326")
    layer = geopandas.GeoDataFrame(table, geometry=geometry).to_crs("EPSG:32737")
    other = survey.with_suffix(ending)
    assert ending in READERS
    if ending == ".parquet":
        layer.to_parquet(other)
    else:
        (layer.to_crs("EPSG:4326") if ending == ".geojson" else layer).to_file(other)
    boxes = []
    for path in (survey, other):
        new_country.run(command(tmp_path / ending / path.suffix, path))
        boxes.append(read_country(tmp_path / ending / path.suffix / "country/kenya.yaml").box)
    assert boxes[0] == boxes[1]


def test_a_country_that_is_there_is_replaced_by_force_only(survey: Path, tmp_path: Path) -> None:
    first = command(tmp_path, survey)
    path = tmp_path / "country/kenya.yaml"
    path.parent.mkdir()
    box = Box(south=0, north=1, west=0, east=1)
    path.write_text(before := new_country.text_of(first.country(box), "other.csv"))
    message = f"country kenya already exists, in {path}; choose another name, or add force=true"
    with pytest.raises(ConfigError, match=re.escape(message)):
        new_country.run(replace(first, season="2020-01-01/2020-12-31"))
    assert path.read_text() == before
    for other, said in (("KENYA", "kenya has the name kenya"), ("x", "kenya has the title Kenya")):
        with pytest.raises(ConfigError, match=f"country {said}; give another"):
            new_country.run(replace(first, name=other, title="kenya", force=True))
    with pytest.raises(ConfigError, match="iran already exists, one of Cropland's own"):
        new_country.run(replace(first, name="iran"))
    new_country.run(replace(first, season="2020-01-01/2020-12-31", title="no", force=True))
    assert read_country(path).title == "no"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (
            [(14.4, 33.3, 1), (14.5, 33.4, 0), (32.3, 48.3, 0)],
            "2 places far apart: 2 near lat 14.4, lon 33.3, 1 near lat 32.3, lon 48.3; correct them",
        ),
        ([], "has no points"),
        ([(14.4, 33.3, 7)], "a label other than 0 or 1: '7'"),
        ([(14.4, 33.3, 1), (14.5, 33.4, None)], "points without a label do not belong here"),
    ],
)
def test_points_that_make_no_country_are_refused(
    tmp_path: Path, rows: list[tuple[float, float, int | None]], said: str
) -> None:
    places(*rows).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(DataError, match=said):
        new_country.run(command(tmp_path, tmp_path / "p.csv"))
    assert not (tmp_path / "country").exists()


def test_a_large_country_with_few_points_is_one_place() -> None:
    rng = np.random.default_rng(1)
    lat, lon = rng.uniform(50, 65, 200), rng.uniform(40, 140, 200)
    assert len(new_country.places_of(lat, lon)) == 1
    lat[0], lon[0] = 0, 0  # written wrongly
    assert sorted(map(len, new_country.places_of(lat, lon))) == [1, 199]


def test_a_box_ends_at_the_ends_of_the_world() -> None:
    box = new_country.box_around(np.array([-89.9, -60.0]), np.array([179.8, 179.999]))
    assert (box.south, box.north, box.west, box.east) == (-90, -58.5, 178.3, 180)


def test_few_points_and_a_long_season_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places((1.0, 36.0, 1), (1.1, 36.1, 1)).to_csv(tmp_path / "p.csv", index=False)
    new_country.run(command(tmp_path, tmp_path / "p.csv", season="2020-01-01/2021-12-31"))
    said = " ".join(capsys.readouterr().out.split())
    assert "warning 2 cropland points: a few hundred of each class are a good start" in said
    assert "warning no other points" in said and "warning the season has 731 days" in said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": None}, "new-country needs name: cropland new-country NAME points=FILE season="),
        ({"season": None}, "new-country needs season"),
        ({"season": "2023"}, "season must be two dates, as 2023-07-01/2024-06-30, got '2023'"),
        ({"season": "2023-07-01/2024-02-30"}, "the season's end must be a date like 2020-06-30"),
        ({"season": "2024-06-30/2023-07-01"}, "must not end (2023-07-01) before it starts"),
        ({"season": "2001-01-01/2020-12-31"}, "a season of at most 3660 days"),
        ({"name": "côte"}, "a country's name must be letters, digits and underscores"),
        ({"name": "True"}, "a country cannot be named True"),
        ({"title": "[x]"}, "a country's title must be one line"),
    ],
)
def test_what_is_no_country_is_refused_before_any_work(
    changes: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        command(Path("conf"), Path("nowhere.csv"), **changes)


def test_points_and_folders_that_are_none_are_refused(survey: Path, tmp_path: Path) -> None:
    for changes, said in (
        (
            {"points": str(tmp_path / "x.csv")},
            "expected labelled points in .*x.csv, there is no such",
        ),
        ({"folder": str(survey)}, "is not a folder that you can write to; set folder"),
    ):
        with pytest.raises(CroplandError, match=said):
            new_country.run(replace(command(tmp_path, survey), **changes))


def test_the_first_word_is_the_name() -> None:
    words = ["kenya", "points=my points.csv", f"season={SEASON}"]
    read = shell_words.hydra_words(words, "new_country")
    assert read == ["name='kenya'", "points='my points.csv'", f"season={SEASON}"]
    with pytest.raises(ConfigError, match="takes one name, got South Sudan; write South_Sudan"):
        shell_words.hydra_words(["South", "Sudan", "points=x.csv"], "new_country")
