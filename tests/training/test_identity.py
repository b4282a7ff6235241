"""What decides scores is in the hashes by which they are recognised; each part alone makes another one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from typing import Any

import pytest
import xarray as xr

from cropland.config import filling
from cropland.config.countries import Choice, Country, Reference
from cropland.config.groups import Configuration, Validation
from cropland.observations.archive import Archive
from cropland.support.fingerprint import PACKAGE
from cropland.training import identity

ARCHIVES = tuple(Archive(xr.Dataset(attrs={"fingerprint": mark})) for mark in ("f00", "f01", "f02"))
KFOLD = Validation("kfold", 5)


@pytest.fixture
def configurations(composed: Callable[..., dict[str, Any]]) -> list[Configuration]:
    """Three that differ in their span."""
    return [filling.command(Configuration, composed(span=span)) for span in (4, 8, 12)]


def test_each_part_decides_the_identity(
    configurations: list[Configuration], toyland: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, first, second = configurations
    later = replace(toyland, reference=Reference("2019-07-01", "2020-06-30"))
    archive, other, third = ARCHIVES
    given: list[tuple[Any, Any, Any]] = [
        ([own], [toyland], [archive]),
        ([first], [toyland], [archive]),
        ([own, first], [toyland], [archive]),
        ([own, second], [toyland], [archive]),
        ([own], [later], [archive]),
        ([own], [toyland], [other]),
        ([own], [toyland, later], [archive, other]),
        ([own], [toyland, toyland], [archive, other]),
        ([own], [toyland, later], [archive, third]),
    ]
    found = [identity.identity(*each) for each in given]
    assert len(set(found)) == len(given)
    assert found == [identity.identity(*each) for each in given]
    monkeypatch.setattr(identity, "_code", lambda: "another code")
    assert identity.identity(*given[0]) not in found


def test_each_part_decides_what_scores_are_compared_with(
    toyland: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = replace(toyland, reference=Reference("2019-07-01", "2020-06-30"))
    archive, other, _ = ARCHIVES
    given = [
        (archive, toyland, KFOLD, 1),
        (other, toyland, KFOLD, 1),
        (archive, later, KFOLD, 1),
        (archive, toyland, replace(KFOLD, folds=6), 1),
        (archive, toyland, KFOLD, 2),
    ]
    found = [identity.comparison(*each) for each in given]
    assert len(set(found)) == 5
    assert found == [identity.comparison(*each) for each in given]
    monkeypatch.setattr(identity, "_code", lambda: "another code")
    assert identity.comparison(*given[0]) not in found


def test_a_window_that_a_study_found_good_decides_nothing(toyland: Country) -> None:
    advised = replace(toyland, chosen=Choice(96, 0))
    found = [identity.comparison(ARCHIVES[0], each, KFOLD, 1) for each in (toyland, advised)]
    assert found[0] == found[1]


def test_the_code_is_two_packages_what_opens_their_data_and_what_scores(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hashed(*names: str) -> str:
        packages.update(names)
        return "a hash"

    packages: set[str] = set()
    before = identity._code.__wrapped__()
    monkeypatch.setattr(identity, "fingerprint_of", hashed)
    assert identity._code.__wrapped__() != before
    scores = {f"learning/{name}.py" for name in identity._SCORES}
    assert packages == {"observations", "features", "training/candidate_data.py"} | scores


@pytest.mark.parametrize("library", ["numpy", "scikit-learn", "spyndex"])
def test_another_version_of_what_computes_is_another_code(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = identity._code.__wrapped__()
    assert identity._code.__wrapped__() == before
    monkeypatch.setattr(
        identity, "version", lambda name: "0.0" if name == library else version(name)
    )
    assert identity._code.__wrapped__() != before


def test_a_fast_forest_is_another_by_its_version(
    composed: Callable[..., dict[str, Any]], toyland: Country, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = filling.command(Configuration, composed())
    fast = replace(
        plain, model=replace(plain.model, target="sklearnex.ensemble.RandomForestClassifier")
    )

    def of(*configurations: Configuration) -> str:
        return identity.identity(configurations, [toyland], ARCHIVES[:1])

    found = {}
    for release in ("1", "2"):
        monkeypatch.setattr(identity.fast_forest, "fast_version", lambda number=release: number)
        found[release] = of(plain), of(fast), of(plain, fast)
    assert found["1"][0] == found["2"][0]
    assert found["1"][1] != found["2"][1]
    assert found["1"][2] != found["2"][2]


def test_a_module_of_learning_decides_scores_or_is_known_not_to() -> None:
    modules = {path.stem for path in (PACKAGE / "learning").glob("*.py")} - {"__init__"}
    assert modules - set(identity._SCORES) == {"calibration", "correction", "learning_curve"}
