from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from omegaconf import OmegaConf

from cropland.config import countries, filling
from cropland.config.groups import Configuration
from cropland.config.sources import Simulated
from cropland.errors import ConfigError

CONF = Path(__file__).parents[2] / "conf"
Composed = Callable[..., dict[str, Any]]


def test_the_files_of_conf_fill_the_schema(composed: Composed) -> None:
    filled = filling.command(Configuration, composed())
    assert filled.model.target == "sklearn.ensemble.RandomForestClassifier"
    assert filled.model.parameters == {"n_estimators": 100, "max_depth": 10}
    assert isinstance(filled.source, Simulated)
    for file in (CONF / "country").glob("*.yaml"):
        if file.stem != countries.EVERY_COUNTRY:
            values = OmegaConf.to_container(OmegaConf.load(file))
            assert countries.country(values).name == file.stem
    for file in (CONF / "features").glob("*.yaml"):
        values = composed(features=yaml.safe_load(file.read_text()))
        assert filling.command(Configuration, values).features.name == file.stem


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"span": "abc"}, "span must be a whole number, got 'abc'"),
        ({"span": 0}, "span must be a whole number of weeks, 1 or more, got 0"),
        ({"span": True}, "span must be a whole number, got True"),
        ({"period": 1.5}, "period must be a whole number of months or a date like 2020-06-30"),
        ({"period": "2020-13-01"}, "must be a date like 2020-06-30, got '2020-13-01'"),
        ({"spam": 3}, "unknown key 'spam'; did you mean 'span'?"),
        ({"validation__fold": 3}, "unknown key 'validation.fold'; did you mean 'validation.folds'"),
        ({"validation__folds": 1}, "validation.folds must be 2 or more, got 1"),
        ({"validation__block_km": -1.0}, "validation.block_km must be above 0"),
        ({"series__step_days": 0}, "series.step_days must be 1 or more"),
        ({"bands__names": []}, "bands.names is empty"),
        ({"bands__names": ["B4", "B4"]}, "bands.names has B4 more than once"),
        ({"bands__names": "B4"}, "bands.names must be a list"),
        (
            {"source__name": "gee"},
            "unknown source.name 'gee'; there are: earthengine, files, simulated",
        ),
        ({"source__prefix": "x"}, "unknown key 'source.prefix'"),
        ({"force": "maybe"}, "force must be true or false, got 'maybe'"),
        ({"n_jobs": 0}, "n_jobs must be -1"),
        ({"features__flat": False}, "features: neither flat nor any statistics"),
        ({"features__statistics": ["mean"]}, "features.statistics"),
        ({"features__harmonics": 3}, "features.harmonics"),
        ({"training": "both"}, "training must be 'own', 'pooled' or 'others', got 'both'"),
        ({"validation__inner": 3}, "validation.inner and validation.candidates belong together"),
        ({"promotion__finalists": 1}, "promotion.finalists must be 2 or more"),
        ({"promotion__rule": "luck"}, "promotion.rule must be 'best', "),
        ({"promotion__members": 1}, "promotion.members must be 2 or more"),
        ({"promotion__repeats": 0}, "promotion.repeats must be 1 or more"),
        ({"promotion__calibration": "isotonic"}, "promotion.calibration must be 'auto', "),
        ({"promotion__confidence": 1.0}, "promotion.confidence must be below 1"),
    ],
)
def test_a_bad_value_is_one_line_that_says_what_was_expected(
    composed: Composed, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        filling.command(Configuration, composed(**changes))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"name": "../../x"}, "a country's name must be letters, digits and underscores"),
        ({"name": "all"}, "not 'all'"),
        ({"box": {"south": 50, "north": 32, "west": 0, "east": 1}}, "south 50"),
        ({"box": {"south": 1, "north": 2, "west": 0}}, "country.box.east has no value"),
        ({"reference": {"start": "2020-01-01", "end": "soon"}}, "reference.end must be a date"),
        ({"reference": {"start": "2021-01-01", "end": "2020-01-01"}}, "before it starts"),
        ({"season": 3}, "unknown key 'country.season'"),
    ],
)
def test_a_bad_country_file_is_answered_too(changes: dict[str, Any], message: str) -> None:
    good: dict[str, Any] = {
        "name": "iran",
        "title": "Iran",
        "box": {"south": 32.0, "north": 32.5, "west": 48.1, "east": 48.6},
        "reference": {"start": "2019-07-01", "end": "2020-06-30"},
    }
    with pytest.raises(ConfigError, match=message.replace("/", ".")):
        countries.country(good | changes)
