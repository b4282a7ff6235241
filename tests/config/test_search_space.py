"""What the words of a search let it choose."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from hydra.types import RunMode

from cropland.config.job_templates import Templates
from cropland.config.search_space import Dimension, SearchSpace
from cropland.errors import ConfigError

CONF = Path(__file__).parents[2] / "conf"


@pytest.fixture
def conf() -> Iterator[None]:
    with initialize_config_dir(str(CONF), version_base="1.3"):
        yield


def space(*words: str) -> SearchSpace:
    """What words of a command line, or of a file where they begin with ``params``, let a search choose."""
    loader = GlobalHydra.instance().config_loader()
    config = loader.load_configuration("train", list(words), run_mode=RunMode.MULTIRUN)
    return SearchSpace.of(Templates(loader, config))


def dimension(word: str) -> Dimension:
    (found,) = space(word).dimensions
    return found


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("bands=ndvi,scl", Dimension("bands", ("ndvi", "scl"))),
        ("bands=choice(ndvi,scl)", Dimension("bands", ("ndvi", "scl"))),
        ("bands=glob(vis*ndvi)", Dimension("bands", ("visible_nir_ndvi",))),
        ("bands.names=[B4],[B8]", Dimension("bands.names", ("[B4]", "[B8]"))),
        ("span=range(12,97,42)", Dimension("span", ("12", "54", "96"), 12, 96, True)),
        ("span=range(6,0,-3)", Dimension("span", ("3", "6"), 3, 6, True)),
        ("span=interval(12,96)", Dimension("span", (), 12, 96, True)),
        ("span=tag(log,interval(12,96))", Dimension("span", (), 12, 96, True, True)),
        ("+a=interval(0.1,1)", Dimension("+a", (), 0.1, 1)),
        ("+a=interval(1,5)", Dimension("+a", (), 1, 5)),
        ("+a=int(interval(1,5))", Dimension("+a", (), 1, 5, True)),
    ],
)
@pytest.mark.usefixtures("conf")
def test_a_word_is_read_in_the_grammar_of_hydra(word: str, expected: Dimension) -> None:
    assert dimension(word) == expected


@pytest.mark.usefixtures("conf")
def test_an_interval_has_whole_numbers_where_the_model_that_is_chosen_has_one() -> None:
    words = ("model=svm", "model.estimator.cv=interval(2,5)", "+model.estimator.x=interval(2,5)")
    assert [one.whole for one in space(*words).dimensions] == [True, False]


@pytest.mark.usefixtures("conf")
def test_the_command_line_goes_before_the_file_and_plain_values_are_fixed() -> None:
    found = space("span=12,24", "seed=1", "span=36,48", "~model.estimator.max_depth", "n_jobs=1")
    assert found.dimensions == (Dimension("span", ("36", "48")),)
    assert found.fixed == ("seed=1", "~model.estimator.max_depth", "n_jobs=1")


@pytest.mark.usefixtures("conf")
def test_each_value_and_each_bound_is_in_a_sample() -> None:
    found = list(space("seed=1", "bands=ndvi,scl", "span=range(12,97,4)", "period=-1,0").samples())
    assert found == [
        ["seed=1", "bands=ndvi", "span=12", "period=-1"],
        ["seed=1", "bands=scl", "span=12", "period=-1"],
        ["seed=1", "bands=ndvi", "span=96", "period=-1"],
        ["seed=1", "bands=ndvi", "span=12", "period=0"],
    ]


@pytest.mark.usefixtures("conf")
def test_the_number_of_points_is_known_where_none_of_them_is_an_interval() -> None:
    assert space("bands=ndvi,scl", "span=range(12,97,4)").size == 44
    assert space("bands=ndvi,scl", "span=interval(12,96)").size == 2 * 85
    assert space("bands=ndvi,scl", "+a=interval(0,1)").size == float("inf")


@pytest.mark.usefixtures("conf")
def test_a_number_of_an_interval_has_six_digits_and_stays_what_it_is() -> None:
    assert dimension("+a=interval(0,2)").text(1 / 3) == "0.333333"
    assert dimension("+a=interval(0,2)").text(0.99999999) == "1.0"  # 1 would be another thing
    assert dimension("span=interval(4,9)").text(5) == "5"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["span=12"], r"nothing to choose: give a key several values, as in 'span=range\(12,97"),
        (["span=range(4,4)"], r"span=range\(4,4\) has no value"),
        (["span=range(1,9,0)"], r"span=range\(1,9,0\) cannot be searched: .*zero"),
        (["span=interval(9,4)"], r"expected interval\(FROM,TO\) with FROM below TO"),
        (["+a=tag(log,interval(0,4))"], r"a logarithmic scale needs bounds above 0, got 0"),
        (["span=tag(log,range(4,8))"], r"is for an interval, as in span=tag\(log,int\(interval"),
        (["+a=range(0,1,0.00001)"], r"more than 10,000 values; give larger steps, or an interval"),
    ],
)
@pytest.mark.usefixtures("conf")
def test_a_word_that_cannot_be_searched_is_said(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        space(*words)


@pytest.mark.usefixtures("conf")
def test_a_group_without_the_file_is_hydras_error() -> None:
    with pytest.raises(HydraException, match="bands/nvdi"):
        space("bands=nvdi,scl")
