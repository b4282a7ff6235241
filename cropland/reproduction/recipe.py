"""The submitted solution: the one that came second in the ITU GEO-AI cropland challenge, to the letter.

It holds one promise: from the same export files, the same class for every unlabelled point as the original
program. It has its own way from exports to classes, apart from `features.series` and `features.matrix`, as
what is better there (last days included, a grid for each country) would change the answer. Its rules:

1. Of the given points, a country's rows with ``start <= Timestamp <= end`` **as texts**: ``2020-06-30
   08:05:11`` comes after ``2020-06-30``, so the end date itself falls out.
2. The countries' rows one after the other, in the order of the seasons and of the files. Scene classes become
   columns of 0 and 1 behind the others, in the order in which they first appear in that table.
3. One daily grid for all countries, from the first to the last day of that table.
4. Rows sorted by ID and Timestamp; the first row of an (ID, day) counts; values as float32.
5. Each column of each point interpolated linearly on the daily grid (computed in float64, kept as float32),
   constant outside its observations; every 5th day kept; flattened day by day.
6. Points sorted by ID; one random forest a country.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cropland.config.countries import iso_date
from cropland.errors import ConfigError, DataError
from cropland.reproduction.export_tables import COLUMNS, check_export, refuse

SCENE_CLASS = "SCL"
STEP_DAYS = 5
DEPTH = 10


@dataclass(frozen=True)
class Season:
    """What of a country goes in: its name, as exports are keyed, and two dates ``YYYY-MM-DD``."""

    country: str
    start: str
    end: str

    def __post_init__(self) -> None:
        for name, text in (("start", self.start), ("end", self.end)):
            # 20200630 is a date too, but as a text it compares otherwise.
            if iso_date(text, name).isoformat() != text:
                raise ConfigError(f"{name} must be a date like 2020-06-30, got {text!r}")
        if self.end < self.start:
            raise ConfigError(
                f"the season of {self.country} must not end ({self.end}) before it starts ({self.start})"
            )


class Features(NamedTuple):
    """One country's points: sorted ``ids`` (point,) and float32 ``values`` (point, day × column)."""

    country: str
    ids: NDArray[np.object_]
    values: NDArray[np.float32]


def features(
    exports: Mapping[str, pd.DataFrame],
    seasons: Sequence[Season],
    ids: pd.Series[str],
    *,
    columns: Sequence[str] = COLUMNS,
) -> Iterator[Features]:
    """Align points, country by country, on the grid that all of them share.

    Parameters
    ----------
    exports : mapping of str to DataFrame
        For each country ``ID``, ``Timestamp`` (text) and `columns`, rows in file order.
    seasons : sequence of Season
        In the order in which the countries are put together.
    ids : Series of str
        The points that count; rows of others decide neither the grid nor the classes.
    columns : sequence of str
        In the order wanted; ``SCL``, where named, becomes the columns of its classes behind the others.

    Yields
    ------
    Features
        A country's points that have a row in its season; NaN where a point lacks a column wholly.

    Raises
    ------
    DataError
        An export that is missing or not what it should be, no row in a season, an ID in two countries.
    """
    yield from _aligned(_tables(exports, seasons, ids, columns), columns)


def predictions(
    exports: Mapping[str, pd.DataFrame],
    seasons: Sequence[Season],
    labelled: pd.DataFrame,
    unlabelled: pd.DataFrame,
    *,
    columns: Sequence[str] = COLUMNS,
    seed: int = 2023,
    trees: int = 100,
    n_jobs: int = -1,
    progress: Callable[[str], None] | None = None,
) -> pd.DataFrame:
    """Predict the class of every unlabelled point.

    Parameters
    ----------
    exports, seasons, columns
        As in `features`; the export in which a point stands decides its country.
    labelled, unlabelled : DataFrame
        ``ID`` and ``Target`` (0 or 1); ``ID`` in the order wanted.
    seed, trees, n_jobs : int
        Of each forest; `n_jobs` threads grow it and do not change it.
    progress : callable, optional
        Called with the name of each finished country.

    Returns
    -------
    DataFrame
        ``ID`` and ``Target`` (Int64), one row a row of `unlabelled`; <NA> without a row in the season.

    Raises
    ------
    DataError
        As in `features`; and labels other than 0 and 1, an ID labelled twice, a country without labelled
        points or with one class only.
    """
    targets = _targets(labelled)
    ids = pd.concat([labelled["ID"], unlabelled["ID"]])
    tables = _tables(exports, seasons, ids, columns)
    for country, table in tables.items():
        _check_labels(targets[targets.index.isin(table["ID"])], country)
    classes: dict[str, int] = {}
    for points in _aligned(tables, columns):
        known = pd.Index(points.ids)
        learnt, asked = known.isin(targets.index), known.isin(unlabelled["ID"])
        if asked.any():
            forest = _forest(trees, seed, n_jobs)
            forest.fit(points.values[learnt], targets.loc[known[learnt]].to_numpy())
            # Threads would add up the trees' probabilities in any order, and a tie could tip.
            forest.set_params(n_jobs=1)
            found = forest.predict(points.values[asked]).tolist()
            classes.update(zip(known[asked], found, strict=True))
        if progress is not None:
            progress(points.country)
    column = pd.array([classes.get(point, pd.NA) for point in unlabelled["ID"]], dtype="Int64")
    return pd.DataFrame({"ID": unlabelled["ID"].to_numpy(), "Target": column})


def _forest(trees: int, seed: int, n_jobs: int) -> Any:
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(
        n_estimators=trees, max_depth=DEPTH, random_state=seed, n_jobs=n_jobs
    )


def _tables(
    exports: Mapping[str, pd.DataFrame],
    seasons: Sequence[Season],
    ids: pd.Series[str],
    columns: Sequence[str],
) -> dict[str, pd.DataFrame]:
    """Return the rows that count, for each country in the order of the seasons."""
    tables: dict[str, pd.DataFrame] = {}
    country_of: dict[str, str] = {}
    for season in seasons:
        country = season.country
        if country not in exports or country in tables:
            raise DataError(
                f"expected an export and one season of {country}; exports are of {', '.join(exports)}, "
                f"seasons of {', '.join(each.country for each in seasons)}"
            )
        check_export(exports[country], f"the export of {country}", columns)
        tables[country] = _in_season(exports[country], season, ids)
        for point in tables[country]["ID"].unique():
            if country_of.setdefault(point, country) != country:
                raise DataError(
                    f"ID {point} is in the exports of {country_of[point]} and {country}; keep it in one"
                )
    return tables


def _in_season(export: pd.DataFrame, season: Season, ids: pd.Series[str]) -> pd.DataFrame:
    stamps = export["Timestamp"]
    rows = export[(stamps >= season.start) & (stamps <= season.end) & export["ID"].isin(ids)]
    if rows.empty:
        covers = f"covers {stamps.min()} to {stamps.max()}" if len(stamps) else "is empty"
        raise DataError(
            f"expected rows of {season.country} from {season.start} to before {season.end}, found none of "
            f"the {len(ids)} points: its export {covers}; choose another season, export or points file"
        )
    return rows


def _aligned(tables: Mapping[str, pd.DataFrame], columns: Sequence[str]) -> Iterator[Features]:
    stamps = pd.concat([table["Timestamp"] for table in tables.values()])
    first, last = _days(pd.Series([stamps.min(), stamps.max()]))
    grid = np.arange(first, last + 1, STEP_DAYS)
    plain = [name for name in columns if name != SCENE_CLASS]
    classes = None
    if SCENE_CLASS in columns:
        # As in the original a missing class is one of its own; nothing equals it, so its column is 0.
        classes = pd.concat([table[SCENE_CLASS] for table in tables.values()]).unique()
    for country, table in tables.items():
        yield _flattened(country, table, grid, plain, classes)


def _flattened(
    country: str,
    table: pd.DataFrame,
    grid: NDArray[np.int64],
    plain: list[str],
    classes: NDArray[Any] | None,
) -> Features:
    """Align the points of one country's table."""
    table = table.sort_values(["ID", "Timestamp"])
    table = table.assign(day=_days(table["Timestamp"])).drop_duplicates(["ID", "day"])
    values = table[plain].to_numpy(np.float32)
    if classes is not None:
        scenes = table[SCENE_CLASS].to_numpy()[:, None] == classes
        values = np.hstack([values, scenes.astype(np.float32)])
    days = table["day"].to_numpy()
    ids, first = np.unique(table["ID"].to_numpy(object), return_index=True)
    flat = np.empty((len(ids), len(grid) * values.shape[1]), np.float32)
    for number, (start, end) in enumerate(pairwise([*first, len(table)])):
        flat[number] = _interpolated(days[start:end], values[start:end], grid).ravel()
    return Features(country, ids, flat)


def _interpolated(
    days: NDArray[np.int64], values: NDArray[np.float32], grid: NDArray[np.int64]
) -> NDArray[np.float32]:
    """Interpolate one point: shape (day of the grid, column)."""
    result = np.full((len(grid), values.shape[1]), np.nan, np.float32)
    for column, observed in enumerate(values.T):
        seen = ~np.isnan(observed)
        if seen.any():
            result[:, column] = np.interp(grid, days[seen], observed[seen])
    return result


def _days(stamps: pd.Series[str]) -> NDArray[np.int64]:
    """Return the number of each day."""
    days = pd.to_datetime(stamps.str[:10], format="%Y-%m-%d")
    return days.to_numpy().astype("datetime64[D]").astype(np.int64)


def _targets(labelled: pd.DataFrame) -> pd.Series[int]:
    """Return the labels by ID."""
    ids, targets = labelled["ID"], labelled["Target"]
    refuse(ids, ids.duplicated(), "the table of labels", "keep each ID once")
    remedy = "write 1 for cropland and 0 for anything else"
    refuse(targets, ~targets.isin((0, 1)), "the table of labels", remedy)
    return labelled.set_index("ID")["Target"].astype(int)


def _check_labels(targets: pd.Series[int], country: str) -> None:
    if targets.nunique() < 2:
        came = f"found only {targets.iloc[0]}" if len(targets) else "found no labelled point"
        raise DataError(
            f"expected labels 0 and 1 among the points of {country} with rows in its season, {came}; "
            f"check the points file and the export"
        )
