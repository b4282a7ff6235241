"""What a card says, of a model that was chosen by nobody: its facts are written here."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.naive_bayes import GaussianNB
from standins.figures import kept_figures
from standins.markdown import rendered

from cropland.config.commands.promote import Promote
from cropland.config.countries import Country
from cropland.config.groups import (
    Bands,
    Configuration,
    Features,
    Paths,
    Promotion,
    Rule,
    Series,
    Tracking,
    Validation,
)
from cropland.config.model import Model
from cropland.config.sources import Files
from cropland.errors import visible
from cropland.features import matrix
from cropland.learning.calibration import Coverage
from cropland.learning.statistics import Comparison, Estimate
from cropland.models import diagnostic_figures
from cropland.models.card import CardFacts, card, card_page, limits
from cropland.models.competition import Result
from cropland.models.diagnostics import diagnostic_files, points_table
from cropland.models.finalists import Finalist
from cropland.models.fitted import Fitted
from cropland.models.fitting import fit, label_counts
from cropland.models.label_check import LabelCheck, label_check
from cropland.models.other_rules import Alternative
from cropland.models.reliability import reliability_bins
from cropland.models.selection import InBlocks, Selected
from cropland.observations.archive import Archive
from cropland.tracking.records import TrackedRun
from cropland.training.candidate import Candidate
from cropland.training.candidate_data import CandidateData

KFOLD = Validation("kfold", 3)
RULES = Promotion("one_standard_error", "allow", 5, 100, 5.0, figures=False, calibration="none")
SOURCE = Files("files", "COPERNICUS_S2_SR_HARMONIZED", "Train.csv", "Test.csv")
FLAT = Features("flat", flat=True, statistics=())
STATISTICS = Features("statistics", flat=False, statistics=("max",))


@pytest.fixture
def where(exports: Path, tmp_path: Path) -> dict[str, Any]:
    return {
        "source": SOURCE,
        "paths": Paths(str(exports), str(tmp_path / "archive"), "runs"),
        "tracking": Tracking("local", "sqlite:///mlflow.db", "artifacts"),
        "promotion": RULES,
        "seed": 2023,
        "n_jobs": 1,
        "force": False,
    }


def material(
    toyland: Country, where: dict[str, Any], *bands: str, period: int = 0, **changes: Any
) -> CandidateData:
    chosen = {
        "bands": Bands("some", bands or ("NDVI",)),
        "series": Series("raw", clear=False, step_days=5),
        "features": FLAT,
        "model": Model("nb", "sklearn.naive_bayes.GaussianNB", scale=False, parameters={}),
        "training": "own",
        "validation": KFOLD,
    }
    made = Configuration(span=24, period=period, **chosen | where | changes)
    return CandidateData.of(Candidate(made, toyland))


def facts(of: CandidateData, name: str = "cropland-toyland", **changes: Any) -> CardFacts:
    scores = of.scores()
    table = pd.DataFrame(
        {"name": ["barred", "the best", "own"], "accuracy": [0.99, 0.9, 0.89], "accuracy_se": 0.01},
        ["0", "2", "1"],
    ).assign(eligible=[False, True, True], verdict=["is of others", "", "selected"], brier=0.1)
    table = table.assign(n_features=[9, 9, 5], span=24, n_samples=60)
    fitted, counts = fit([of], {}, [scores]), label_counts(of)
    run = TrackedRun("1", "toyland as its run is called", {}, {}, {}, "")
    finalist, estimate = Finalist(run, of, scores), Estimate(0.87, 0.81, 0.93)
    selected = Selected.of([finalist], KFOLD, RULES)
    others: dict[Rule, Alternative] = {
        "best": Alternative(("the best",), scores.accuracy, scores.accuracy_se, 3, estimate)
    }
    result = Result(selected, estimate, table, (finalist,), others)
    blocks = InBlocks(scores, Coverage(0.9, 0.8, 0.125))
    labels = label_check([(run.name, scores.out_of_fold)], of.archive.points)
    return replace(CardFacts(name, fitted, result, blocks, counts, None, labels), **changes)


def to_look_at(*ids: str) -> LabelCheck:
    """What finalists would make of points with these IDs."""
    table = pd.DataFrame({"ID": list(ids), "Target": 1, "probability": 0.1})
    return LabelCheck(table, 60, 2, 0, 0)


def command(where: dict[str, Any], validation: Validation = KFOLD) -> Promote:
    return Promote(**where | {"validation": validation})


def test_a_card_tells_scores_data_and_choice(toyland: Country, where: dict[str, Any]) -> None:
    made = facts(material(toyland, where))
    text = card(made, command(where))
    scores = made.result.selected.scores
    for line in (
        "# Toyland, 24 weeks to 31 December 2020, NDVI, GaussianNB",
        "The model `cropland-toyland` predicts",
        "Candidate `toyland as its run is called`.",
        f"| cross-validated | {scores.accuracy:.3f} ± {scores.accuracy_se:.3f} | kfold, 3 folds |",
        "| bias-corrected (BBC-CV) | **0.870** | 95 %: 0.810 … 0.930, 2 candidates tried |",
        "the most accurate was `the best` with 0.900 ± 0.010: scored again in 1 × 3 folds, the "
        "selected is the simplest within one standard error of the best: 5 features over 24 weeks, the best "
        "tried has 9 over 24.",
        "More accurate but excluded: barred (0.990), which is of others.",
        "| `best` | `the best` | ",
        "| spatial blocks | 90.0% | 80.0% | 12.5% |",
        "Calibration: none (promotion.calibration=none; the Brier score",
        "There was no champion before.",
        "- Labels: 30 cropland and 30 other points of the season to 2020-12-31",
        "- Window: 2020-07-16 … 2020-12-31 (24 weeks), a value every 5 days",
        "- Bands: NDVI; series `raw`, features `flat`: 34 features",
        "- Trained on 50% cropland; error rates change with prevalence.",
        "`ID, Timestamp, B4, B8`",
    ):
        assert line in text
    assert "simulated" not in text


def test_a_card_shows_texts_of_others_as_they_are(toyland: Country, where: dict[str, Any]) -> None:
    strange = "<img src=x onerror=alert(1)> [a](http://b) `c` | **d**\n# e"
    made = facts(material(toyland, where))
    table = made.result.table.replace("the best", strange)
    result = replace(made.result, table=table)
    material_of = result.selected.material
    dataset = material_of.archive.dataset.assign_attrs(notes=[strange])
    archive = replace(material_of.archive, dataset=dataset)
    (member,) = result.selected.members
    member = replace(member, material=replace(material_of, archive=archive))
    selected = replace(result.selected, members=(member,))
    result = replace(result, selected=selected)
    page = rendered(
        card(replace(made, result=result, in_blocks=strange, against=strange), command(where))
    )
    assert page.text.count(visible(strange)) == 4
    assert not {"img", "a", "em"} & set(page.elements)
    plain = rendered(card(replace(made, in_blocks="-", against="-"), command(where)))
    assert page.elements.count("td") == plain.elements.count("td") == 17
    assert page.elements.count("h1") == 1


def test_a_card_says_how_often_points_were_observed(
    toyland: Country, where: dict[str, Any], toy_rows: pd.DataFrame
) -> None:
    days = toy_rows.assign(day=toy_rows["time"].dt.floor("D"))
    days = days[days["day"].between("2020-07-16", "2020-12-31") & (days["ID"] < "P060")]
    grid = pd.date_range("2020-07-16", "2020-12-31", freq="5D")
    counts, far = [], []
    for _, own in days.groupby("ID"):
        seen = own["day"].unique()
        counts.append(len(seen))
        far += [min(abs(seen - day)) > pd.Timedelta(days=2.5) for day in grid]
    assert len(counts) == 60
    text = card(facts(material(toyland, where)), command(where))
    assert (
        f"- Observations per labelled point in the window: median {np.median(counts):g}, "
        f"minimum {min(counts)}; {np.mean(far):.0%} of the days of the series are interpolated: none was "
        f"observed within 2.5 days"
    ) in text
    least = max(2, -(-min(counts) // 2))  # 1 % of sixty is the lowest
    assert (
        f"A point with fewer than {least} observations in the window gets a reason instead" in text
    )


def test_a_card_says_how_it_compares_with_the_champion_or_why_not(
    toyland: Country, where: dict[str, Any]
) -> None:
    made = facts(material(toyland, where), in_blocks="one block only")
    against = Comparison(0.0123, 0.004, 9, 1, 0.021)
    text = card(replace(made, against=against), command(where))
    assert (
        "+0.0123 ± 0.0040; 9 points classified correctly by this model only, 1 by the other only "
        "(McNemar's exact test, "
        "p = 0.021)"
    ) in text
    text = card(replace(made, against="its run is gone"), command(where))
    assert "The champion before could not be compared: its run is gone." in text
    assert "| spatial block CV | – | one block only |" in text
    validation = Validation("repeated", 5, repeats=4)
    selected = replace(made.result.selected, validation=validation)
    repeated = card(replace(made, result=replace(made.result, selected=selected)), command(where))
    assert "| repeated, 5 folds, 4 times |" in repeated


def test_the_gravest_limits_come_first(toyland: Country, where: dict[str, Any]) -> None:
    made = facts(material(toyland, where, "NDVI", "Lon"), name="cropland-simulated-toyland")
    first, second, *_ = limits(made)
    assert first == "**Simulated data: not valid for any real country.**"
    assert second.startswith("**It uses Lon**")
    assert "> **Simulated data" in card(made, command(where))


def test_a_window_in_the_future_is_a_limit(toyland: Country, where: dict[str, Any]) -> None:
    early = replace(toyland, reference=replace(toyland.reference, end="2020-08-31"))
    made = facts(material(early, where, period=2))
    assert "Its window ends 61 days after the reference season" in next(limits(made))


def test_a_model_learns_from_every_labelled_point(toyland: Country, where: dict[str, Any]) -> None:
    of = material(toyland, where)
    fitted = fit([of], {"accuracy": 0.5}, [of.scores()])
    assert label_counts(of) == (30, 30)
    assert fitted.facts["accuracy"] == 0.5
    assert fitted.facts["archive"] == of.archive.fingerprint
    labelled = matrix.labelled(of.samples.matrix)
    own = GaussianNB().fit(labelled.to_numpy(), labelled["Target"].to_numpy())
    expected = own.predict_proba(of.samples.matrix.to_numpy())[:, 1]
    found = fitted.predict_archive(of.archive)["probability"]
    np.testing.assert_allclose(found, expected)


def test_the_map_shows_what_was_predicted_out_of_fold_where_there_is_a_label(
    toyland: Country, where: dict[str, Any]
) -> None:
    of = material(toyland, where)
    scores = of.scores()
    fitted: Fitted = fit([of], {}, [scores])
    first = str(scores.out_of_fold["ID"].to_numpy()[0])
    table = points_table(of, scores, fitted, to_look_at(first)).set_index("ID")
    assert table.index[table["to_look_at"]].tolist() == [first]
    assert len(table) == 80
    assert table["Target"].isna().sum() == 20
    left_out = scores.out_of_fold.isel(repeat=0)
    shown = table.loc[left_out["ID"].to_numpy(), "probability"]
    np.testing.assert_allclose(shown, left_out["probability"])
    own = fitted.predict_archive(of.archive).set_index("ID")["probability"]
    unknown = table.index[table["Target"].isna()]
    np.testing.assert_allclose(table.loc[unknown, "probability"], own[unknown])


@pytest.mark.parametrize(
    ("bands", "kind"),
    [(("NDVI",), FLAT), (("Lon", "Lat"), FLAT), (("SCL",), STATISTICS)],
    ids=["flat", "static only", "statistics of classes"],
)
def test_the_diagnostics_have_all_their_files(
    toyland: Country, where: dict[str, Any], bands: tuple[str, ...], kind: Features
) -> None:
    of = material(toyland, where, *bands, features=kind)
    made = facts(of)
    selected, labels = made.result.selected, to_look_at("P001")
    files = diagnostic_files(selected, made.fitted, labels, KFOLD, simulated=False)
    figures = {name for name in files if name.endswith(".png")}
    assert figures == {
        "confusion_matrix.png",
        "importance.png",
        "labels_to_look_at.png",
        "learning_curve.png",
        "ndvi_profiles.png",
        "reliability.png",
    }
    assert set(files) - figures == {"importance.csv", "learning_curve.csv", "points.html"}
    assert all(bytes(files[name]).startswith(b"\x89PNG") for name in figures)  # type: ignore[arg-type]
    page = card_page("# Toyland\n", made, files)
    assert page.count('src="data:image/png;base64,') == len(figures)


def average(toyland: Country, where: dict[str, Any]) -> Selected:
    """Two members with other bands and windows, calibrated."""
    materials = material(toyland, where), material(toyland, where, "B4", period=-1)
    runs = [TrackedRun(str(number), f"member {number}", {}, {}, {}, "") for number in (1, 2)]
    members = [Finalist(run, of, of.scores()) for run, of in zip(runs, materials, strict=True)]
    return Selected.of(members, KFOLD, replace(RULES, calibration="sigmoid"))


def test_figures_of_an_average_are_of_its_mean_those_of_fits_of_its_first_member(
    toyland: Country, where: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = kept_figures(monkeypatch, diagnostic_figures)
    selected = average(toyland, where)
    fitted = fit(selected.materials, {}, [each.scores for each in selected.members])
    diagnostic_files(selected, fitted, to_look_at(), KFOLD, simulated=False)
    titles = sorted(" ".join(figure.get_suptitle().split()) for figure in drawn)
    first = "Toyland, 24 weeks to 31 December 2020, NDVI, GaussianNB"
    assert titles == [
        f"Confusion matrix: {selected.title}",
        f"Learning curve: {first}",
        f"NDVI of each class: {selected.title}",
        f"Reliability: {selected.title}",
        next(title for title in titles if title.startswith(f"{first} Drop in accuracy")),
    ]
    (reliability,) = [each for each in drawn if len(each.axes) == 2 and each.legends]
    names = [text.get_text().splitlines()[0] for text in reliability.legends[0].get_texts()]
    assert names[-2:] == ["before calibration", "after calibration, cross-fitted"]
    mean = np.mean([each.scores.out_of_fold["probability"] for each in selected.members], axis=0)
    target = selected.scores.out_of_fold["Target"]
    for bars, forecast in zip(
        reliability.axes[0].containers, (mean, selected.calibration.probability), strict=True
    ):
        bins = reliability_bins(forecast, target)
        np.testing.assert_allclose(bars.lines[0].get_xdata(orig=False), bins["probability"])


def test_a_card_of_an_average_describes_each_member_and_its_calibration(
    toyland: Country, where: dict[str, Any]
) -> None:
    selected = average(toyland, where)
    made = facts(selected.material)
    fitted = fit(selected.materials, {}, [each.scores for each in selected.members])
    result = replace(made.result, selected=selected)
    text = card(
        replace(made, fitted=fitted, result=result),
        replace(command(where), promotion=replace(RULES, rule="average")),
    )
    platt, (before, after) = selected.calibration.platt, selected.calibration.brier
    assert platt is not None
    for line in (
        "The mean probability of 2 candidates: `member 1`, `member 2`.",
        "- Window: 2020-07-16 … 2020-12-31 (24 weeks), a value every 5 days (member 1)\n",
        "- Window: 2020-06-15 … 2020-11-30 (24 weeks), a value every 5 days (member 2)\n",
        f"Calibration: sigmoid (Platt, slope {platt.slope:.3f}, no intercept",
        f"the Brier score is {before:.4f} before and {after:.4f} after it",
        "observations in the window 2020-06-15 … 2020-11-30 gets a reason instead of a label",
        "# Toyland, mean of 2 candidates, 24 weeks to 30 November 2020 … 31 December 2020, NDVI / B4, Gauss",
    ):
        assert line in text
    assert text.count("- Estimator: `sklearn.naive_bayes.GaussianNB`") == 1


def test_a_perfect_score_is_a_reason_for_doubt(toyland: Country, where: dict[str, Any]) -> None:
    made = facts(material(toyland, where))
    assert "check for leakage" not in card(made, command(where))
    perfect = replace(made.result.selected.scores, accuracy=1.0, accuracy_se=0.0)
    result = replace(made.result, selected=replace(made.result.selected, scores=perfect))
    assert "**Every point is right out of fold: check for leakage" in card(
        replace(made, result=result), command(where)
    )


def test_a_card_keeps_what_was_found_in_the_observations(
    toyland: Country, where: dict[str, Any]
) -> None:
    one = material(toyland, where)
    dataset = one.archive.dataset.assign_attrs(notes=["a.csv: 7 values are no data"])
    text = card(facts(replace(one, archive=Archive(dataset))), command(where))
    assert "\n- a.csv: 7 values are no data\n" in text
