"""The fast forest against the plain one on the real data: as accurate, and how much faster.

Three countries, 48 weeks to the end of the reference season, five folds that are the same for all, twenty
seeds of either forest. Takes the challenge's exports from the folder that is given, else from
``../shared/data/challenge``, and draws ``docs/forest_fast.png``.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from omegaconf import OmegaConf

import cropland
from cropland.config.groups import Validation
from cropland.config.model import Model
from cropland.learning import classifiers, fast_forest
from cropland.learning.folds import splits
from cropland.support import figure_style

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

ROOT = Path(__file__).parent.parent
EXPORTS = ROOT.parent / "shared" / "data" / "challenge"
FIGURE = ROOT / "docs" / "forest_fast.png"
FOLDS = Validation("kfold", 5)
COUNTRIES = ("afghanistan", "iran", "sudan")
SEEDS, SPAN, STEP = 20, 48, 5


@dataclass(frozen=True, eq=False)
class Scored:
    """A forest of one country, seed after seed.

    Attributes
    ----------
    labels : ndarray of bool, shape (seed, point)
        Which points it takes for cropland, out of fold.
    truth : ndarray of bool, shape (point,)
        Which points are.
    seconds : float
        Time to fit and predict all folds of all seeds.
    """

    labels: NDArray[np.bool_]
    truth: NDArray[np.bool_]
    seconds: float

    @property
    def accuracy(self) -> NDArray[np.float64]:
        """Share of points that are right, shape (seed,)."""
        return (self.labels == self.truth).mean(axis=1)


def read(group: str, name: str) -> Any:
    """Read a file of ``conf/``."""
    return OmegaConf.to_container(OmegaConf.load(ROOT / "conf" / group / f"{name}.yaml"))


def model(name: str) -> Model:
    """Return a model of ``conf/model``."""
    values = read("model", name)
    parameters = values["estimator"]
    return Model(name, parameters.pop("_target_"), values["scale"], parameters)


def samples(name: str, exports: Path) -> xr.DataArray:
    """Make the features of a country's labelled points."""
    country = cropland.read_country(ROOT / "conf" / "country" / f"{name}.yaml")
    archive = cropland.read_exports(exports, country)
    window = cropland.Window.of(country.reference, SPAN, 0)
    bands = read("bands", "visible_nir_ndvi")["names"]
    series = cropland.make_series(archive, window, bands, step_days=STEP)
    features = cropland.make_features(series, reference_end=country.reference.last)
    return features[features["Target"] >= 0]


def scored(matrix: xr.DataArray) -> dict[str, Scored]:
    """Score both forests, in turn, so that both see the same load of the machine."""
    x, y = matrix.to_numpy(), matrix["Target"].to_numpy()
    folds = list(splits(y, np.arange(len(y)), FOLDS, seed=2023))
    labels = {name: np.zeros((SEEDS, len(y)), bool) for name in ("forest", "forest_fast")}
    seconds = dict.fromkeys(labels, 0.0)
    for seed in range(SEEDS):
        for name, found in labels.items():
            started = time.perf_counter()
            for train, test in folds:
                made = classifiers.build(model(name), seed)
                found[seed, test] = made.fit(x[train], y[train]).predict_proba(x[test])[:, 1] > 0.5
            seconds[name] += time.perf_counter() - started
    return {name: Scored(found, y == 1, seconds[name]) for name, found in labels.items()}


def report(name: str, plain: Scored, fast: Scored) -> None:
    """Print how both are distributed, how they differ, and how far they agree."""
    print(f"{name}, {len(plain.truth)} points")
    for kind, found in (("plain", plain), ("fast", fast)):
        values = found.accuracy
        print(
            f"  {kind:5s} mean {values.mean():.4f}  s.d. {values.std(ddof=1):.4f}  "
            f"min {values.min():.4f}  max {values.max():.4f}"
        )
    difference, error = compared(plain, fast)
    print(f"  fast less plain: {difference:+.4f}, standard error {error:.4f}")
    other = np.roll(plain.labels, 1, axis=0)
    print(
        f"  equal labels: fast and plain {(fast.labels == plain.labels).mean():.4f}, plain and plain of "
        f"another seed {(other == plain.labels).mean():.4f}"
    )
    print(f"  times as fast, fit and prediction: {plain.seconds / fast.seconds:.1f}")


def compared(plain: Scored, fast: Scored) -> tuple[float, float]:
    """Return the difference of mean accuracies over seeds, and its standard error."""
    error = np.sqrt((plain.accuracy.var(ddof=1) + fast.accuracy.var(ddof=1)) / SEEDS)
    return float(fast.accuracy.mean() - plain.accuracy.mean()), float(error)


def drawn(found: dict[str, dict[str, Scored]]) -> bytes:
    """Draw the accuracy of each seed, a panel a country."""
    figure = figure_style.new(8.4, 3.0)
    panels = figure.subplots(1, len(found), squeeze=False)[0]
    for panel, (name, both) in zip(panels, found.items(), strict=True):
        for place, (kind, colour) in enumerate(zip(both, figure_style.PALETTE, strict=False)):
            dots(panel, place, both[kind].accuracy, colour)
        difference, error = compared(both["forest"], both["forest_fast"])
        panel.set_title(
            f"{name.capitalize()}\nfast less plain {difference:+.4f} ± {error:.4f}".replace(
                "-", "−"
            ),
            size=8,
        )
        panel.set_xticks([0, 1], ["plain", "fast"])
        panel.tick_params(labelsize=8)
        panel.set_xlim(-0.6, 1.6)
        figure_style.plain(panel)
    panels[0].set_ylabel("accuracy")
    times = np.mean(
        [both["forest"].seconds / both["forest_fast"].seconds for both in found.values()]
    )
    figure.supxlabel(
        f"{SEEDS} seeds of each forest, the same five folds; bars: mean and standard deviation; "
        f"the fast one takes 1/{times:.0f} of the time",
        size=8,
    )
    return figure_style.png(figure)


def dots(panel: Axes, place: int, values: NDArray[np.float64], colour: str) -> None:
    """Draw values as dots that stand beside each other where they are equal, with mean and deviation."""
    for value in np.unique(values):
        count = int((values == value).sum())
        beside = (np.arange(count) - (count - 1) / 2) * 0.07
        panel.plot(
            place - 0.08 + beside, np.full(count, value), "o", color=colour, ms=4, alpha=0.75
        )
    spread = values.std(ddof=1)
    panel.errorbar(
        place + 0.38, values.mean(), spread, fmt="_", color=colour, ms=10, capsize=3, elinewidth=1.2
    )


def main() -> None:
    """Score, print and draw."""
    if not fast_forest.has_fast():
        print(f"scikit-learn-intelex cannot be used here ({fast_forest.REMEDY}); nothing measured")
        return
    exports = Path(sys.argv[1]) if len(sys.argv) > 1 else EXPORTS
    if not exports.is_dir():
        print(f"no exports at {exports}: give the folder of the challenge's data; nothing measured")
        return
    found = {}
    for name in COUNTRIES:
        found[name] = scored(samples(name, exports))
        report(name, found[name]["forest"], found[name]["forest_fast"])
    FIGURE.write_bytes(drawn(found))
    print(f"figure: {FIGURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
