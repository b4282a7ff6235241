from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib import image
from rich.console import Console
from rich.markdown import Markdown

from cropland.config.groups import Study
from cropland.training.studies import conclude, families_figure, families_words
from cropland.training.studies.tables import Conclusion

COUNT = 200
IDS = [f"p{number}" for number in range(COUNT)]
BASE = np.arange(COUNT) >= 40
"""Which points the baseline has right."""
PLANTED: dict[str, np.ndarray] = {
    "flat · forest": BASE,
    "flat · svm": np.arange(COUNT) >= 20,  # 20 more
    "statistics · forest": BASE,
    "statistics · svm": BASE ^ (np.arange(COUNT) % 20 == 7),  # 2 that are wrong, 8 that were right
}
ORDER = list(PLANTED)


class Samples:
    """Planted samples; a run's id is its country, family and validation."""

    def __init__(self, planted: Mapping[str, np.ndarray], labels_matter: bool = True) -> None:
        self.planted = planted
        self.labels_matter = labels_matter

    def right(self, run_id: str) -> pd.Series[float]:
        return self.scores(run_id)["right"]

    def scores(self, run_id: str) -> pd.DataFrame:
        _, family, validation = run_id.split(", ")
        for key in (run_id, f"{family}, {validation}", family):
            if key in self.planted:
                right = self.planted[key].astype(float)
                break
        units = np.arange(COUNT) // (10 if validation == "blocks" else 1)
        return pd.DataFrame({"right": right, "brier": (1 - right) / 2, "unit": units}, index=IDS)

    def right_with_fewer(self, run_id: str, shares: Sequence[float]) -> pd.DataFrame:
        right = self.right(run_id)
        wrong = {share: 40 / share if self.labels_matter else 0 for share in shares}
        return pd.DataFrame(
            {share: right * (np.arange(COUNT) < COUNT - wrong[share]) for share in shares}
        )


def row(country: str, family: str, validation: str, samples: Samples, **changes: Any) -> Any:
    features, model = family.split(" · ")
    run_id = f"{country}, {family}, {validation}"
    values = {
        **{"country": country, "span": 48, "period": 0, "window_end": "2020-06-30"},
        **{"bands": "ndvi", "series": "raw", "features": features, "model": model},
        **{"validation": validation, "training": "own", "run_id": run_id, "uses_future": False},
        **{"accuracy": samples.right(run_id).mean(), "accuracy_se": 0.02, "message": ""},
        "brier": samples.scores(run_id)["brier"].mean(),
        **{"n_features": 10, "n_points": COUNT, "fit_seconds": 0.5, "features_mb": 1.5},
    }
    return values | changes


def conclusion(
    planted: Mapping[str, np.ndarray] = PLANTED,
    *,
    countries: Sequence[str] = ("iran",),
    families: Sequence[str] = ORDER,
    validations: Sequence[str] = ("kfold", "blocks"),
    more: Sequence[Any] = (),
    labels_matter: bool = True,
    drawn: bool = False,
) -> Conclusion:
    samples = Samples(planted, labels_matter)
    rows = [
        row(country, family, validation, samples)
        for family in families
        for validation in validations
        for country in countries
    ]
    study = Study("families", "Which?", "families", ("features", "model"), "flat · forest")
    with pytest.MonkeyPatch.context() as patch:
        if not drawn:
            patch.setattr(families_figure, "draw", lambda *_, **__: b"")
        return conclude.conclude(
            study,
            pd.DataFrame([*rows, *more]),
            references={country: date(2020, 6, 30) for country in countries},
            simulated=False,
            samples=samples,
        )


def cells(found: Conclusion, **where: str) -> pd.DataFrame:
    table = pd.read_csv(io.BytesIO(found.files["study.csv"]))
    for name, value in where.items():
        table = table[table[name] == value]
    return table


def test_a_family_that_is_better_is_said_to_be_better_with_its_p_value_and_blocks() -> None:
    found = conclusion()
    # 20 of 200 points against none; a block of ten has all of them, so the blocks' error is wider.
    error = 100 * np.std(np.arange(COUNT) // 20 == 1, ddof=1) / np.sqrt(COUNT)
    assert (
        f"Iran: **flat · svm** is better than flat · forest, +10.0 ± {error:.1f} points (p < 0.001 after "
        f"3 comparisons), in blocks +10.0 ± 6.9: use it." in found.note
    )
    (best,) = cells(found, variant="flat · svm", validation="kfold").to_dict("records")
    assert (best["only_family"], best["only_baseline"]) == (20, 0)
    assert best["p_value"] == pytest.approx(2 * 0.5**20)
    assert best["p_holm"] == pytest.approx(3 * best["p_value"])
    assert best["brier_difference"] == pytest.approx(-0.05)
    assert "| statistics · forest | 0.800 | +0.0 ± 0.0 | 1.000 | +0.0 ± 0.0 | " in found.note


def test_what_is_as_good_or_worse_keeps_the_baseline() -> None:
    found = conclusion(families=[ORDER[0], *ORDER[2:]])
    assert "no family is better than **flat · forest** by more than chance: keep it." in found.note
    assert (
        "The best other family, **statistics · forest**: +0.0 ± 0.0 points (p = 1.000" in found.note
    )


def test_noise_is_not_called_better() -> None:
    called = 0
    for seed in range(10):
        random = np.random.default_rng(seed)
        noise = {name: random.random(COUNT) < 0.9 for name in ORDER}
        called += "** is better" in conclusion(noise).note
    assert called <= 2  # at most 5 % in each of two validations are expected


def test_a_p_value_counts_the_comparisons() -> None:
    few = BASE | (np.arange(COUNT) < 6)  # 6 more and none less: p = .031
    planted = PLANTED | {"flat · svm": few}
    pair = conclusion(planted, families=ORDER[:2], validations=["kfold"])
    assert "is better than flat · forest, +3.0 ± 1.2 points (p = 0.031)" in pair.note
    assert "use it near labelled points; other places were not tested." in pair.note
    several = conclusion(planted, validations=["kfold"])
    assert "**flat · svm**: +3.0 ± 1.2 points (p = 0.094 after 3 comparisons)." in several.note


def test_differences_that_are_equal_but_for_rounding_leave_the_lower_brier_score_the_best() -> None:
    same = {"panel": "Iran", "validation": "kfold", "p_holm": 1.0, "n_features": 10}
    rows = [("svm", 0.1 + 0.2, 0.2), ("forest", 0.3, 0.1)]
    table = [
        same | dict(zip(("variant", "difference", "brier"), values, strict=True)) for values in rows
    ]
    assert families_words.best_family(pd.DataFrame(table), "Iran", "kfold") == "forest"


def test_other_seeds_and_numbers_of_folds_are_validations_of_their_own() -> None:
    """The best of two seeds of a family beside that of the baseline would be of unlike folds."""
    samples = Samples(PLANTED)
    rows = [
        row("iran", name, "kfold", samples, accuracy=accuracy, **{"validation.folds": folds})
        for name, accuracies in (("flat · forest", (0.8, 0.7)), ("flat · svm", (0.8, 0.9)))
        for folds, accuracy in zip((5, 10), accuracies, strict=True)
    ]
    found = conclusion(families=(), more=rows)
    pairs = cells(found).set_index(["variant", "validation"])["accuracy"].to_dict()
    assert pairs == {
        ("flat · forest", "kfold folds=5"): 0.8,
        ("flat · forest", "kfold folds=10"): 0.7,
        ("flat · svm", "kfold folds=5"): 0.8,
        ("flat · svm", "kfold folds=10"): 0.9,
    }
    assert "both by Holm for 1 comparison." in found.note
    assert found.note.count("in kfold folds=10 +10.0 ± 2.1") == 1


def test_what_does_not_hold_in_blocks_is_said_and_so_is_what_holds_only_there() -> None:
    found = conclusion(PLANTED | {"flat · svm, blocks": BASE})
    assert "in blocks +0.0 ± 0.0: use it near labelled points; it is not shown" in found.note
    there = BASE | (np.arange(COUNT) % 2 == 0)
    planted = PLANTED | {"flat · svm, kfold": BASE, "flat · svm, blocks": there}
    found = conclusion(planted, families=ORDER[:2])
    assert "in blocks **flat · svm** is better, +10.0 ± 4.6 (p = 0.029): use it there" in found.note


def test_where_blocks_decide_points_of_a_block_do_not_count_as_independent() -> None:
    # The 20 more are in two of twenty blocks: 10.0 / 6.9 standard errors, not 20 tosses of a coin.
    found = conclusion(families=ORDER[:2], validations=["blocks"])
    assert "is better than **flat · forest** by more than chance: keep it" in found.note
    (cell,) = cells(found, variant="flat · svm").to_dict("records")
    assert cell["p_value"] == pytest.approx(0.147, abs=0.001)
    assert "p: of a difference over its standard error in blocks" in found.note
    assert "whole blocks were left out" not in found.note
    spread = {"flat · svm": BASE | (np.arange(COUNT) % 2 == 0)}
    there = conclusion(PLANTED | spread, families=ORDER[:2], validations=["blocks"])
    assert "is better than flat · forest, +10.0 ± 4.6 points (p = 0.029): use it." in there.note
    both = conclusion(
        PLANTED | {"flat · svm, blocks": spread["flat · svm"], "flat · svm, kfold": BASE},
        families=ORDER[:2],
        validations=["blocks", "kfold"],
    )
    assert "use it in other places; it is not shown to be better near labelled" in both.note


def test_blocks_that_are_all_alike_have_no_p_value() -> None:
    alike = {"flat · forest": np.zeros(COUNT, bool), "flat · svm": np.ones(COUNT, bool)}
    found = conclusion(alike, families=ORDER[:2], validations=["blocks"])
    assert "+100.0 ± 0.0 points (p unknown)" in found.note


def test_countries_are_averaged_and_their_points_counted_together() -> None:
    few = BASE | (np.arange(COUNT) < 4)
    found = conclusion({**PLANTED, "flat · svm": few}, countries=["iran", "sudan"])
    (mean,) = cells(
        found, panel="mean of 2 countries", variant="flat · svm", validation="kfold"
    ).to_dict("records")
    assert (mean["only_family"], mean["difference"]) == (8, pytest.approx(0.02))
    assert mean["p_value"] == pytest.approx(2 * 0.5**8)
    (one,) = cells(found, country="iran", variant="flat · svm", validation="kfold").to_dict(
        "records"
    )
    assert mean["difference_se"] == pytest.approx(one["difference_se"] / np.sqrt(2), rel=1e-4)
    assert "Mean of 2 countries: **flat · svm** is better than flat · forest, +2.0" in found.note
    assert "- Sudan: no family is better than **flat · forest**" in found.note
    assert "| flat · svm | +2.0 ± 1.0 | +2.0 ± 1.0 |" in found.note


def test_a_family_without_a_score_is_named_with_its_reason() -> None:
    samples = Samples(PLANTED)
    lost = row("sudan", ORDER[3], "kfold", samples, accuracy=np.nan, message="window of 24 weeks")
    found = conclusion(
        countries=["iran", "sudan"],
        families=ORDER[:3],
        more=[row("iran", ORDER[3], "kfold", samples), lost],
    )
    assert "Left out:\n\n- Sudan, statistics · svm: window of 24 weeks" in found.note
    assert cells(found, panel="mean of 2 countries", variant=ORDER[3]).empty
    assert "| statistics · svm | -3.0" in found.note  # by country
    alone = conclusion(families=ORDER[:1], more=[lost | {"country": "iran"}], drawn=True)
    assert "In Iran **flat · forest** is best, 0.800 ± 0.020." in alone.note
    assert "- Iran, statistics · svm: window of 24 weeks" in alone.note
    assert "minus that of the baseline" not in alone.note


def test_a_baseline_that_was_not_scored_is_named() -> None:
    found = conclusion(families=ORDER[1:])
    assert "The baseline 'flat · forest' has no scored candidate; did you mean" in found.note


def test_a_learning_curve_says_what_more_labels_change() -> None:
    # With a half 80 points less are right, with a quarter 160 less: of these the lead loses nothing.
    found = conclusion(families=ORDER[:2])
    error = 100 * np.std(np.arange(COUNT) < 80, ddof=1) / np.sqrt(COUNT)
    assert (
        f"from half of the labels to all **flat · svm** gains +40.0 ± {error:.1f} points, "
        f"**flat · forest** gains +40.0 ± {error:.1f} points: more labels are likely to help **flat · svm** "
        f"and **flat · forest**. The lead of **flat · svm** does not depend on the number of labels by more "
        f"than chance (" in found.note
    )
    assert "| 100% | 0.800 ± 0.028 | 0.900 ± 0.021 | +10.0 ± 2.1 |" in found.note
    flat = conclusion(families=ORDER[:2], labels_matter=False)
    assert "gains +0.0 ± 0.0 points: no more than chance" in flat.note


def test_without_enough_labels_there_is_no_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Samples, "right_with_fewer", lambda *_: pd.DataFrame())
    found = conclusion(drawn=True)
    assert "No learning curve" in found.note and "learning_curve.csv" not in found.files
    assert found.files["study.png"].startswith(b"\x89PNG")


def test_tables_fit_a_screen_of_eighty_columns_and_the_figure_is_drawn() -> None:
    names = {f"flat_statistics · extra_trees{n}": PLANTED["flat · svm"] for n in ("", "_2")}
    found = conclusion(
        PLANTED | names,
        countries=["afghanistan", "iran", "sudan"],
        families=[*ORDER, *names],
        drawn=True,
    )
    screen = Console(width=80, record=True, file=io.StringIO())
    screen.print(Markdown(found.note))
    text = screen.export_text()
    assert "…" not in text and "-0.050 ± 0.006" in text and "+10.0 ± 2.1 *" in text
    picture = image.imread(io.BytesIO(found.files["study.png"]))
    assert np.ptp(picture) > 0.5 and picture.shape[1] > picture.shape[0]
