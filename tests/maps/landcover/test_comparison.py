"""A map beside a champion on small known points."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from cropland.maps.landcover.comparison import ChampionScores, MapComparison

ALONE = "there is no champion"


def points(target: str, said: str, *, outside: int = 0) -> pd.DataFrame:
    """Points a, b, c … by their labels and what a map says of them: 1, 0, or - for nothing."""
    landcover = [-1 if sign == "-" else int(sign) for sign in said]
    return pd.DataFrame(
        {
            "ID": list("abcdefghijklmnopqrstuvwxyz"[: len(target)]),
            "Lat": 10.0,
            "Lon": 20.0,
            "Target": [int(sign) for sign in target],
            "class": pd.array([{1: 40, 0: 10}.get(each) for each in landcover], "Int64"),
            "landcover": landcover,
            "inside": np.arange(len(target)) < len(target) - outside,
            "contradiction": "",
            "unit": np.arange(len(target)),
        }
    )


def champion(*, in_blocks: bool = False, same_data: bool = True, **right: float) -> ChampionScores:
    return ChampionScores("3", pd.Series(right), "kfold", in_blocks, same_data)


def test_a_map_alone_is_scored_on_the_points_that_it_classifies() -> None:
    found = MapComparison("iran", "worldcover", points("110010", "10-0-1", outside=2), ALONE)
    ((what, agreement),) = found.rows
    assert (what, agreement.n_points) == ("worldcover", 4)
    assert agreement.accuracy.value == 0.5
    assert agreement.accuracy_cropland.value == 0.5
    assert (found.without_class.tolist(), found.outside.tolist()) == (["c"], ["e", "f"])
    said = found.conclusion()
    assert said.startswith("worldcover is right on 50.0 % (15.0…85.0) of 4 labelled points of iran")
    metrics = found.metrics()
    assert (metrics["n_points"], metrics["n_without_class"], metrics["n_both"]) == (4, 1, 0)
    assert "p_value" not in metrics
    assert ALONE[1:] in found.as_markdown()


def test_map_and_champion_are_compared_on_the_points_of_both() -> None:
    # The map knows a to e and is right on a, d, e; the champion knows b to f and is right on b, c, d.
    theirs = champion(b=1, c=1, d=1, e=0, f=0)
    found = MapComparison("iran", "worldcover", points("111000", "10000-"), theirs)
    assert [(what, each.n_points, each.accuracy.value) for what, each in found.rows] == [
        ("worldcover", 5, 0.6),
        ("worldcover, where both are", 4, 0.5),
        ("champion (version 3, out of fold)", 4, 0.75),
    ]
    assert found.comparison is not None
    assert (found.comparison.only_first, found.comparison.only_second) == (1, 2)
    assert found.comparison.difference == -0.25
    metrics = found.metrics()
    assert metrics["accuracy"] == 0.6
    assert metrics["champion_accuracy"] == 0.75
    assert metrics["p_value"] == binomtest(1, 3).pvalue
    said = found.conclusion()
    assert said.startswith("on 4 labelled points of iran, worldcover is right on 50.0 % ")
    assert said.endswith("McNemar's p = 1: these points show no significant difference")


def test_a_clear_difference_names_the_nearer_one() -> None:
    labels = "1" * 12 + "0" * 12
    ids = points(labels, labels)["ID"]
    poor = champion(**{name: float(number % 3 == 0) for number, name in enumerate(ids)})
    won = MapComparison("iran", "glad", points(labels, labels), poor)
    assert won.conclusion().endswith(": glad agrees better with these labels")
    assert "difference +66.7 ± 19.3 percentage points (95 %)" in won.conclusion()
    lost = MapComparison(
        "iran", "glad", points(labels, "0" * 24), champion(**dict.fromkeys(ids, 1.0))
    )
    assert lost.conclusion().endswith(": the champion agrees better with these labels")


def test_points_of_one_block_do_not_settle_it_however_small_p_is() -> None:
    labels = "1" * 12 + "0" * 12
    table = points(labels, labels)
    halves = champion(
        in_blocks=True, **{name: float(number < 12) for number, name in enumerate(table["ID"])}
    )
    alone = MapComparison("iran", "glad", table, halves)
    assert alone.conclusion().endswith(": glad agrees better with these labels")
    in_two = MapComparison("iran", "glad", table.assign(unit=np.repeat([0, 1], 12)), halves)
    assert in_two.metrics()["p_value"] < 0.001
    assert in_two.conclusion().endswith(": these points show no significant difference")
    assert "McNemar's test counts single points, so that its p is too small" in in_two.as_markdown()


def test_repeats_are_shares() -> None:
    found = MapComparison("iran", "glad", points("10", "10"), champion(a=0.8, b=0.6))
    assert found.rows[-1][1].accuracy.value == pytest.approx(0.7)
    assert found.metrics()["difference"] == pytest.approx(0.3)


def test_a_champion_of_other_points_leaves_the_map_alone() -> None:
    found = MapComparison("iran", "glad", points("10", "10"), champion(z=1.0))
    assert len(found.rows) == 1
    assert found.comparison is None
    assert "labelled points of iran" in found.conclusion()


def test_the_page_has_scores_classes_and_what_they_are_worth() -> None:
    table = points("110010", "10-0-1", outside=2)
    page = MapComparison(
        "iran", "worldcover", table, champion(a=1.0, same_data=False)
    ).as_markdown()
    assert "| class | counts as | labelled cropland | labelled other |" in page
    assert "| 10 | other | 1 | 1 |" in page
    assert "| 40 | cropland | 1 | 1 |" in page
    assert "Of 6 labelled points, 1 are where the map has no data and 2 outside it" in page
    assert "no random sample" in page and "docs/maps.md" in page
    assert "scored on other observations or labels" in page


def test_what_there_are_no_points_for_is_a_dash_and_no_metric() -> None:
    found = MapComparison("iran", "glad", points("11", "10"), ALONE)
    assert found.rows[0][1].cells()[3] == "–"
    assert "accuracy_other" not in found.metrics()
    assert found.metrics()["accuracy_cropland"] == 0.5


def test_the_table_for_a_file_has_a_row_for_each_score_and_its_ends() -> None:
    found = MapComparison("iran", "glad", points("10", "10"), champion(a=1.0, b=1.0)).table()
    assert found["what"].tolist() == ["glad", "champion (version 3, out of fold)"]
    assert {"n_points", "accuracy", "accuracy_low", "accuracy_high", "f1_high"} <= set(
        found.columns
    )
