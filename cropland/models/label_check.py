"""Labels to look at: those that all finalists contradict out of fold, and near points that disagree.

They are listed for a person to check and are never left out of training: without them the accuracy of
models does not rise, and the score would only look better.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cropland.errors import DataError, visible
from cropland.features.matrix import labelled
from cropland.support.words import count, some
from cropland.training import out_of_fold
from cropland.untrusted.texts import markdown_code

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from cropland.models.champion import Champion
    from cropland.tracking.store import Store

FILE = "labels_to_look_at.csv"
FIGURE = "labels_to_look_at.png"
FEWEST_FINALISTS = 2
NEAR_METRES = 200.0
FEWEST_PAIRS = 10
_METRIC = "n_labels_to_look_at"
_RANGES = {"Lat": 90.0, "Lon": 180.0, "Target": 1.0, "probability": 1.0}
_NAMED = 5
_EARTH_METRES = 6_371_008.8
"""Mean radius."""


@dataclass(frozen=True, eq=False)
class LabelCheck:
    """The labels of a country that its finalists contradict.

    Attributes
    ----------
    table : DataFrame, optional
        A row for each label to look at, the most confident errors first: ``ID``, ``Lat``, ``Lon`` (degrees),
        ``Target``, ``probability`` of cropland by each finalist out of fold (``probability NAME``) and in
        their mean (``probability``). None with fewer than two finalists.
    n_points : int
        Labelled points that all finalists have predicted.
    n_finalists : int
        How many finalists there are.
    n_pairs, n_disagreeing : int
        Pairs of labelled points closer than `NEAR_METRES`, and those of them with different labels.
    """

    table: pd.DataFrame | None
    n_points: int
    n_finalists: int
    n_pairs: int
    n_disagreeing: int

    @property
    def ids(self) -> frozenset[object]:
        """The IDs of the labels to look at."""
        return frozenset() if self.table is None else frozenset(self.table["ID"])

    def files(self) -> dict[str, str]:
        """Return the list as a CSV by its name; nothing without one."""
        if self.table is None:
            return {}
        return {FILE: self.table.to_csv(index=False, float_format="%.6f")}

    def metrics(self) -> dict[str, float]:
        """Return the number of labels to look at by the name of its metric; nothing without a list."""
        return {} if self.table is None else {_METRIC: float(len(self.table))}

    def line(self) -> str:
        """Return in a line how many labels to look at there are."""
        if self.table is None:
            return (
                f"labels to look at: not listed, which takes at least {FEWEST_FINALISTS} finalists "
                f"({self.n_finalists} here)"
            )
        if self.table.empty:
            return (
                f"labels to look at: none of {self.n_points} is contradicted by all {self.n_finalists} "
                f"finalists"
            )
        share = len(self.table) / self.n_points
        return (
            f"labels to look at: {len(self.table)} of {self.n_points} ({share:.1%}), contradicted by all "
            f"{self.n_finalists} finalists out of fold"
        )


def label_check(finalists: Sequence[tuple[str, xr.Dataset]], points: xr.Dataset) -> LabelCheck:
    """Compare the labels of a country with the out-of-fold predictions of its finalists.

    Parameters
    ----------
    finalists : sequence of (str, xarray.Dataset)
        Name and out-of-fold predictions of each, as `Scores.out_of_fold` holds them.
    points : xarray.Dataset
        The points of the archive: ``ID``, ``Lat``, ``Lon``, ``Target`` by point.

    Returns
    -------
    LabelCheck
        A label is worth a look where every finalist has it wrong in most of its repeats.
    """
    known = labelled(points)
    lat, lon, target = (known[name].to_numpy() for name in ("Lat", "Lon", "Target"))
    n_pairs, n_disagreeing = near_pairs(lat, lon, target)
    table, n_points = None, known.sizes["point"]
    if len(finalists) >= FEWEST_FINALISTS:
        table, n_points = _labels_to_look_at(finalists, known)
    return LabelCheck(table, n_points, len(finalists), n_pairs, n_disagreeing)


def listed(text: str) -> pd.DataFrame:
    """Read ``ID``, ``Lat``, ``Lon``, ``Target`` and the mean ``probability`` from a list of labels.

    Raises
    ------
    DataError
        It is no such list.
    """
    try:
        table = pd.read_csv(
            io.StringIO(text),
            usecols=["ID", *_RANGES],
            dtype={"ID": str} | dict.fromkeys(_RANGES, float),
            na_filter=False,
        )
    except ValueError as error:
        raise DataError(f"{FILE} cannot be read: {str(error).splitlines()[0]}") from error
    if not all(table[name].abs().le(most).all() for name, most in _RANGES.items()):
        raise DataError(f"{FILE} has numbers that are out of range")
    return table


def of_champions(
    champions: Mapping[str, Champion], store: Store, say: Callable[[str], None]
) -> pd.DataFrame:
    """Read the labels to look at of the promotions that registered champions, as `listed` does.

    A list that is gone or damaged is left out, which `say` is called with.
    """
    lists = [pd.DataFrame(columns=["ID", *_RANGES])]
    for country, champion in champions.items():
        try:
            run = store.run(str(champion.version.run_id))
            if run.metrics.get(_METRIC):
                lists.append(listed(store.read(run, FILE)))
        except DataError as error:
            say(f"labels to look at of {country} are not on the page: {error}")
    return pd.concat(lists, ignore_index=True)


def near_pairs(
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    target: NDArray[np.int8],
    metres: float = NEAR_METRES,
) -> tuple[int, int]:
    """Count the pairs of points that are closer than some metres, and those with different labels.

    >>> near_pairs(np.array([10, 10.001, 10.5]), np.full(3, 20.0), np.array([1, 0, 0]))
    (1, 1)
    """
    from sklearn.neighbors import BallTree

    def count_near(one: NDArray[np.float64], other: NDArray[np.float64]) -> int:
        if not (len(one) and len(other)):
            return 0
        tree = BallTree(one, metric="haversine")
        return int(tree.two_point_correlation(other, [metres / _EARTH_METRES])[0])

    place = np.radians(np.stack([lat, lon], axis=1))
    cropland, other = place[target == 1], place[target == 0]
    same = sum((count_near(one, one) - len(one)) // 2 for one in (cropland, other))
    different = count_near(cropland, other)
    return same + different, different


def in_markdown(check: LabelCheck, *, figures: bool) -> str:
    """Return what a model card says of the labels, and which figures show them."""
    text = check.line()
    lines = [text[0].upper() + text[1:] + "."]
    if check.ids and check.table is not None:
        first = some((markdown_code(str(name)) for name in check.table["ID"]), _NAMED)
        drawn = f", with their profiles in `{FIGURE}` and their places in `points.html`" * figures
        lines.append(
            f"The most confident errors first: {first}; all are in `{FILE}`{drawn}. They are never "
            "dropped automatically. Look at an image of each place, correct the label in the file of "
            "points where "
            f"it is wrong, and train again."
        )
    if check.n_pairs >= FEWEST_PAIRS:
        share = check.n_disagreeing / check.n_pairs
        pairs = count(check.n_pairs, "pair")
        lines.append(
            f"Of {pairs} of labelled points closer than {NEAR_METRES:g} m, {share:.0%} have different labels"
            f"{'.' if not check.n_disagreeing else ': there a displacement of a few pixels changes a label.'}"
        )
    return "\n\n".join(lines)


def _labels_to_look_at(
    finalists: Sequence[tuple[str, xr.Dataset]], known: xr.Dataset
) -> tuple[pd.DataFrame, int]:
    """Return the table of `LabelCheck`, and how many points all finalists have."""
    probability, right = (
        pd.concat([by_id(one) for _, one in finalists], axis=1, join="inner")
        for by_id in (out_of_fold.probability_of, out_of_fold.right_of)
    )
    suspect = (right < 0.5).all(axis=1)
    names = [f"probability {visible(name)}" for name, _ in finalists]
    chosen = probability[suspect].set_axis(names, axis=1)
    mean = chosen.mean(axis=1).rename("probability")
    places = known.to_dataframe().set_index("ID")[["Lat", "Lon", "Target"]]
    table = places.loc[chosen.index].join(mean).join(chosen).rename_axis("ID").reset_index()
    confidence = (table["probability"] - table["Target"]).abs()
    order = np.lexsort((table["ID"].astype(str), -confidence))
    return table.iloc[order].reset_index(drop=True), len(probability)
