"""Rules of a promotion on the simulated landscape, where the truth is known for any number of points.

Each seed draws 350 labelled points of Afghanistan, scores 14 cheap candidates of four families in five folds,
and lets each rule choose. Its bias-corrected estimate and 95 % interval are compared with the accuracy of
the choice, fitted on the 350 points, on 5,000 other points. The same with labels that are shuffled, where
every accuracy is 0.5.

    python benchmarks/choice.py                    50 seeds, about 8 minutes of a core
    python benchmarks/choice.py --seeds 0 10       some of them; those in the table are not computed again

Features and results are kept in ``data/choice/``. The rules are those of `cropland.learning.choice`;
"finalists in 5 × 5 folds" scores the five best again in repeated folds, as ``cropland promote`` does by
`best`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import numpy as np
import pandas as pd
import xarray as xr
from numpy.typing import NDArray

import cropland
from cropland.config.groups import Rule
from cropland.config.schema import filled
from cropland.learning import calibration, choice, classifiers, correction
from cropland.learning.probability import cropland_probability
from cropland.learning.statistics import standard_error
from cropland.sources import opening
from cropland.sources.simulation import source as simulation
from cropland.sources.simulation.landscape import Landscape
from cropland.sources.simulation.profile import Profile
from cropland.support.words import markdown_table

if TYPE_CHECKING:
    from cropland.training.candidate import Candidate

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "data" / "choice"
COUNTRY, POINTS, UNSEEN, SEEDS = "afghanistan", 350, 5_000, 50
POOL = 5_600
"""Points that seeds draw from: a few are not observed in every window."""
KINDS = ("labels", "shuffled", "finalists")
BEST: Rule = "best"
FINALISTS = "best, finalists in 5 × 5 folds"
RULE, FORETOLD = "rule", ("bias-corrected", "interval covers", "its width")
FIVE_TIMES = cropland.Validation("repeated", folds=5, repeats=5)
SWEEPS = (
    ("span=24,48", "features=flat", "model=forest", "model.n_estimators=20"),
    ("span=24,48", "features=flat_statistics", "model=extra_trees", "model.n_estimators=20"),
    ("span=24,48", "features=statistics", "model=knn"),
    ("span=48", "features=harmonics", "model=svm"),
)


@dataclass(frozen=True, eq=False)
class Entry:
    """A candidate with its features of all points of the pool.

    Attributes
    ----------
    candidate : Candidate
        Window, bands, features and model.
    features : xarray.DataArray
        The contract of `cropland.features.matrix`; the same points for all entries.
    """

    candidate: Candidate
    features: xr.DataArray

    def classifier(self, seed: int) -> Any:
        """Make its unfitted classifier."""
        return classifiers.build(self.candidate.configuration.model, seed)

    def score(
        self, points: NDArray[np.int64], labels: NDArray[np.int8], seed: int, **validation: Any
    ) -> cropland.Scores:
        """Compute its scores on some points, in five folds or by another validation."""
        samples = self.features.isel(sample=points).assign_coords(Target=("sample", labels))
        return cropland.cross_validate(self.classifier(seed), samples, seed=seed, **validation)

    def predict(
        self,
        points: NDArray[np.int64],
        labels: NDArray[np.int8],
        unseen: NDArray[np.int64],
        seed: int,
    ) -> NDArray[np.float64]:
        """Return the probability of cropland of unseen points, fitted on others."""
        values = self.features.to_numpy()
        fitted = self.classifier(seed).fit(values[points], labels)
        return np.asarray(cropland_probability(fitted, values[unseen]))


def entries(folder: Path) -> list[Entry]:
    """Return the candidates of the sweep; their features are made once and kept."""
    words = [f"country={COUNTRY}", "bands=ndvi,visible_nir_ndvi"]
    candidates = [each for sweep in SWEEPS for each in cropland.compose([*words, *sweep])]
    kept: dict[str, xr.DataArray] = {}
    archive = None
    for candidate in candidates:
        name = recipe_name(candidate)
        path = folder / f"{name}.nc"
        if name in kept:
            continue
        if not path.exists():
            archive = archive or simulated(candidate)
            xr.DataArray(candidate.recipe(archive).samples(archive).matrix).to_netcdf(path)
        kept[name] = xr.load_dataarray(path)
    common = sorted(set.intersection(*(set(each["ID"].to_numpy()) for each in kept.values())))
    at = {
        name: each.isel(sample=pd.Index(each["ID"].to_numpy()).get_indexer(common))
        for name, each in kept.items()
    }
    return [Entry(candidate, at[recipe_name(candidate)]) for candidate in candidates]


def recipe_name(candidate: Candidate) -> str:
    """Return a file name of what makes a candidate's features."""
    chosen = candidate.configuration
    return f"{POOL}_{chosen.span}_{chosen.bands.name}_{chosen.features.name}"


def simulated(candidate: Candidate) -> cropland.Archive:
    """Simulate labelled points and what is observed of them; labels have the errors of the profile."""
    source, country = candidate.configuration.source, candidate.country
    assert source.name == "simulated"
    profile = filled(Profile, source.profiles[country.name], "")
    points = simulation.draw_points(
        country, Landscape.of(country, profile, simulation.SEED), POOL
    ).to_dataframe()
    labelled = points[points["Target"] >= 0].reset_index(drop=True)
    return opening.archive_of_points(source, candidate.configuration.paths, country, labelled)


def draw(sweep: Sequence[Entry], seed: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the positions of a seed's labelled points, and of its unseen ones."""
    order = np.random.default_rng(seed).permutation(sweep[0].features.sizes["sample"])
    return order[:POINTS], order[POINTS : POINTS + UNSEEN]


def rows_of_rules(sweep: Sequence[Entry], seed: int, *, shuffled: bool) -> list[dict[str, Any]]:
    """Return what each rule chooses with the labelled points of a seed: scores, and unseen accuracy."""
    points, unseen = draw(sweep, seed)
    target = sweep[0].features["Target"].to_numpy()
    labels = target[points]
    if shuffled:
        labels = np.random.default_rng(seed).permutation(labels)
    scores = [entry.score(points, labels, seed) for entry in sweep]
    predicted = np.stack([each.out_of_fold["probability"].to_numpy() for each in scores], axis=1)
    rank, fitted, rows = ranks(sweep), {}, []
    for rule in get_args(Rule):
        estimate = correction.bbc_cv(predicted, labels, rank, rule, seed=seed)
        chosen = chosen_by(rule, scores, rank)
        probability = predicted[:, chosen].mean(axis=1)
        row = {"seed": seed, "rule": rule, "own": accuracy(probability, labels)}
        row |= {"estimate": estimate.value, "low": estimate.low, "high": estimate.high}
        if not shuffled:
            for position in chosen:
                if position not in fitted:
                    fitted[position] = sweep[position].predict(points, labels, unseen, seed)
            new = np.mean([fitted[position] for position in chosen], axis=0)
            row |= {"unseen": accuracy(new, target[unseen]), "finalists": finalists(scores, rank)}
            fold = scores[0].out_of_fold["fold"].to_numpy()
            row |= of_sets(probability, labels, fold, new, target[unseen])
        rows.append(row)
    return rows


def rows_of_finalists(sweep: Sequence[Entry], seed: int, best: Any) -> list[dict[str, Any]]:
    """Return what the rule `best`, whose own row is given, chooses of the finalists in repeated folds."""
    points, unseen = draw(sweep, seed)
    target = sweep[0].features["Target"].to_numpy()
    entries = [sweep[int(position)] for position in best["finalists"].split()]
    again = [each.score(points, target[points], seed, validation=FIVE_TIMES) for each in entries]
    (chosen,) = chosen_by(BEST, again, ranks(entries))
    new = entries[chosen].predict(points, target[points], unseen, seed)
    row = {name: best[name] for name in ("seed", "estimate", "low", "high")}
    scores = {"own": again[chosen].accuracy, "unseen": accuracy(new, target[unseen])}
    return [row | {"rule": FINALISTS} | scores]


def ranks(sweep: Sequence[Entry]) -> NDArray[np.int64]:
    """Rank candidates by how simple they are."""
    return choice.simplicity(
        [entry.features.sizes["feature"] for entry in sweep],
        [entry.candidate.configuration.span for entry in sweep],
    )


def finalists(scores: Sequence[cropland.Scores], rank: NDArray[np.int64]) -> str:
    """Return the positions of the five best: accurate, then of a low Brier score, then simple."""
    order = sorted(
        range(len(scores)),
        key=lambda at: (-round(scores[at].accuracy, 9), scores[at].brier, rank[at]),
    )
    return " ".join(map(str, order[: choice.MEMBERS]))


def accuracy(probability: NDArray[np.float64], labels: NDArray[np.int8]) -> float:
    """Compute the share of points, and repeats, that are right; shape (sample,) or (sample, repeat)."""
    return float(((probability.T > 0.5) == (labels == 1)).mean())


def chosen_by(rule: Rule, scores: Sequence[cropland.Scores], rank: NDArray[np.int64]) -> list[int]:
    """Return the positions of what a rule chooses: one, or the members of an average."""
    brier = [each.brier for each in scores]
    if rule == "average":
        return [int(position) for position in choice.members(brier, rank)]
    accuracies, errors = zip(*((each.accuracy, each.accuracy_se) for each in scores), strict=True)
    return [choice.choose(accuracies, errors, rank, rule, brier=brier)]


def of_sets(
    probability: NDArray[np.float64],
    labels: NDArray[np.int8],
    fold: NDArray[np.int64],
    new: NDArray[np.float64],
    truth: NDArray[np.int8],
) -> dict[str, float]:
    """Return coverage of the prediction sets at 95 % and the Brier score, on unseen points."""
    made = calibration.calibrate(probability, labels, fold, "auto")
    sets = calibration.prediction_sets(made.probability, labels, 0.95)
    calibrated = made.platt.apply(new) if made.platt else new
    held = calibration.coverage(sets, calibrated, truth)
    return {
        "brier": float(np.square(new - truth).mean()),
        "brier_calibrated": float(np.square(calibrated - truth).mean()),
        "sets_cropland": held.cropland,
        "sets_other": held.other,
        "cannot_tell": held.cannot_tell,
    }


def report(table: pd.DataFrame) -> None:
    """Print what the rules give, and what of it the estimates foretell, as tables in Markdown."""
    names = (RULE, "unseen points", "less best", "better, worse", "own score", *FORETOLD)
    known = table[table["unseen"].notna()]
    best = known[known["rule"] == BEST].set_index("seed")["unseen"]
    print(f"\n{markdown_table(names, [cells(rows, best) for rows in of_rules(known)])}")
    shuffled = table[table["unseen"].isna()].fillna({"unseen": 0.5})
    rows = [noise_cells(rows) for rows in of_rules(shuffled)]
    print(f"\nshuffled labels\n\n{markdown_table((RULE, 'own score', *FORETOLD), rows)}")
    print("\nprediction sets at 95 %, on unseen points")
    sets = ["brier", "brier_calibrated", "sets_cropland", "sets_other", "cannot_tell"]
    print(known.groupby("rule", sort=False)[sets].mean().dropna().round(4).to_string())


def of_rules(table: pd.DataFrame) -> list[pd.DataFrame]:
    """Return the rows of each rule, by seed."""
    return [rows.set_index("seed") for _, rows in table.groupby("rule", sort=False)]


def cells(rows: pd.DataFrame, best: pd.Series[Any]) -> list[str]:
    """Return the cells of a rule; `best` has the accuracies on unseen points of the rule `best`."""
    better = rows["unseen"] - best.reindex(rows.index)
    middle = [mean_and_error(rows["unseen"]), mean_and_error(better)]
    middle.append(f"{(better > 0).mean():.0%}, {(better < 0).mean():.0%}")
    first, *others = noise_cells(rows)
    return [first, *middle, *others]


def noise_cells(rows: pd.DataFrame) -> list[str]:
    """Return the cells of a rule that need no unseen points, but what these would give."""
    covered = (rows["low"] <= rows["unseen"]) & (rows["unseen"] <= rows["high"])
    return [
        f"{rows['rule'].iloc[0]}, {len(rows)} seeds",
        mean_and_error(rows["own"]),
        mean_and_error(rows["estimate"]),
        f"{covered.mean():.0%}",
        f"{(rows['high'] - rows['low']).mean():.3f}",
    ]


def mean_and_error(values: pd.Series[float]) -> str:
    """Return a mean over seeds with its standard error, as text."""
    return f"{values.mean():.4f} ± {standard_error(np.asarray(values, np.float64)):.4f}"


def main() -> None:
    """Compute what is not in the table yet, and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", nargs=2, type=int, default=(0, SEEDS), metavar=("FIRST", "END"))
    parser.add_argument("--folder", type=Path, default=FOLDER)
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    sweep = entries(asked.folder)
    print(f"{len(sweep)} candidates, {sweep[0].features.sizes['sample']} points", flush=True)
    for kind in KINDS:
        for seed in range(*asked.seeds):
            path = asked.folder / f"{kind}_{seed}.csv"
            if path.exists():
                continue
            began = time.process_time()
            if kind == "finalists":
                table = pd.read_csv(asked.folder / f"labels_{seed}.csv").set_index("rule")
                rows = rows_of_finalists(sweep, seed, table.loc[BEST])
            else:
                rows = rows_of_rules(sweep, seed, shuffled=kind == "shuffled")
            pd.DataFrame(rows).to_csv(path, index=False)
            print(f"{path.stem}: {time.process_time() - began:.1f} s of a core", flush=True)
    paths = [path for kind in KINDS for path in sorted(asked.folder.glob(f"{kind}_*.csv"))]
    report(pd.concat([pd.read_csv(path) for path in paths]))


if __name__ == "__main__":
    main()
