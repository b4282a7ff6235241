"""Area: how accurate a map is and how much of each class there is, from a stratified random sample.

Counting a map's pixels gives the area of what was mapped, its errors included; the sample gives the area
of what is there. Arrays in, numbers out: nothing here knows where the sample's labels came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from cropland.errors import DataError
from cropland.learning.statistics import Z_95, Estimate
from cropland.support.words import some

Label: TypeAlias = str | int


@dataclass(frozen=True)
class SampleEstimate(Estimate):
    """A value with its standard error and normal 95 % interval, NaN all where the sample has no unit for it.

    The interval ends where values do: at 0, and at the whole area, or at an accuracy of 1.

    Attributes
    ----------
    se : float
        Its standard error, from the sampling alone: label errors are not included.
    """

    se: float

    @classmethod
    def of(cls, value: float, se: float, highest: float = 1.0) -> SampleEstimate:
        """Compute the interval of a value that lies between 0 and the highest, from its standard error."""
        ends = [value - Z_95 * se, value + Z_95 * se]
        low, high = np.clip(ends, 0.0, max(highest, value)).tolist()  # value: rounding of sums
        return cls(value, low, high, se)

    @property
    def margin(self) -> float:
        """Half the width of the interval, had values no end."""
        return Z_95 * self.se


@dataclass(frozen=True, eq=False)
class Assessment:
    """Accuracy of a map and area of its classes.

    The normal interval is too narrow where the few errors that make it wide were not drawn: a class that
    hides in a large stratum of another one needs many units there.

    Attributes
    ----------
    classes : tuple of str or int
        In the order of the matrices' rows and columns.
    counts : ndarray of int, shape (map class, reference class)
        Sample units.
    error_matrix : ndarray of float, shape (map class, reference class)
        Estimated proportions of the area that has a class in the map; their sum is 1.
    overall : SampleEstimate
        Proportion of that area that is mapped right.
    users, producers : dict of SampleEstimate by class
        Proportion of what is mapped as the class that is of it, and of what is of the class, and mapped
        at all, that is mapped as it. NaN where no unit was mapped as the class, or none is of it.
    area : dict of SampleEstimate by class
        Hectares of all strata that are of the class by the reference. Of a class that no unit shows it is 0
        with a standard error of 0, which only says that the sample does not hold it.
    """

    classes: tuple[Label, ...]
    counts: NDArray[np.int64]
    error_matrix: NDArray[np.float64]
    overall: SampleEstimate
    users: dict[Label, SampleEstimate]
    producers: dict[Label, SampleEstimate]
    area: dict[Label, SampleEstimate]


def assess_by_class(
    map_class: ArrayLike, reference: ArrayLike, areas: Mapping[Label, float]
) -> Assessment:
    """Assess a map by a sample whose strata are the map's classes.

    Olofsson et al. 2014, doi:10.1016/j.rse.2014.02.015, eqs 1-11. No finite population correction: a
    sample is a minute part of a map's pixels.

    Parameters
    ----------
    map_class, reference : array_like of str or int, shape (unit,)
        What each sample unit is mapped as, which is its stratum too, and what it is. Units without a
        reference label are left out before.
    areas : mapping of class to float
        Hectares mapped as each class; 0 for a class that was never mapped.

    Raises
    ------
    DataError
        Labels that are not among the classes, areas that are none, or a class with an area and fewer
        than two units.
    """
    classes, weights = tuple(areas), _weights(areas)
    codes = _codes(map_class=(map_class, classes), reference=(reference, classes))
    counts = _counts(codes, len(classes))
    units = counts.sum(axis=1)
    _check_units(classes, weights, units, "where the map says")
    share = counts / np.maximum(units, 1)[:, None]
    variance = share * (1 - share) / np.maximum(units - 1, 1)[:, None]
    matrix, squared = weights[:, None] * share, weights**2  # eq. 4
    present, of_class = matrix.sum(axis=0), np.diagonal(variance)
    producers = np.diagonal(matrix) / _positive(present)  # eq. 3
    # eq. 7, its areas divided by the whole area
    missed = squared * (1 - producers) ** 2 * of_class
    missed += producers**2 * (squared @ (variance - np.diag(of_class)))
    drawn = np.where(units > 0, 1.0, np.nan)
    return Assessment(
        classes,
        counts,
        matrix,
        SampleEstimate.of(float(np.trace(matrix)), float(np.sqrt(squared @ of_class))),  # eqs 1, 5
        _named(classes, np.diagonal(share) * drawn, np.sqrt(of_class) * drawn),  # eqs 2, 6
        _named(classes, producers, np.sqrt(missed) / _positive(present)),
        _named(classes, present, np.sqrt(squared @ variance), sum(areas.values())),  # eqs 9-11
    )


def assess_by_stratum(
    stratum: ArrayLike,
    map_class: ArrayLike,
    reference: ArrayLike,
    areas: Mapping[Label, float],
    classes: Sequence[Label],
    *,
    unmapped: Label | None = None,
) -> Assessment:
    """Assess a map by a sample whose strata may differ from the map's classes.

    The area of a class needs no map: it is the mean of the reference over the strata, of all units.
    Accuracies are ratios over the units that have a class in the map.

    Stehman 2014, doi:10.1080/01431161.2014.930207: means of indicators over strata, ratios of such means,
    and their variances. It is `assess_by_class` where the strata are the map's classes. No finite
    population correction: a sample is a minute part of a map's pixels.

    Parameters
    ----------
    stratum, map_class, reference : array_like of str or int, shape (unit,)
        The stratum that each sample unit was drawn from, what it is mapped as, and what it is. Units
        without a reference label are left out before.
    areas : mapping of stratum to float
        Hectares of each stratum, whatever is mapped there.
    classes : sequence of str or int
        Of the map and of the reference.
    unmapped : str or int, optional
        What `map_class` says of a unit where the map has no class; without it each must have one.

    Raises
    ------
    DataError
        Labels that are not among the classes or strata, areas that are none, or a stratum with an area
        and fewer than two units.
    """
    classes, strata, weights = tuple(classes), tuple(areas), _weights(areas)
    shown = classes if unmapped is None else (*classes, unmapped)
    drawn_from, map_code, code = _codes(
        stratum=(stratum, strata), map_class=(map_class, shown), reference=(reference, classes)
    )
    sample = _Stratified.of(drawn_from, strata, weights)
    mapped, present = (each[:, None] == np.arange(len(classes)) for each in (map_code, code))
    cells = (mapped[:, :, None] & present[:, None, :]).reshape(len(code), -1)
    has_class = map_code < len(classes)
    covered = has_class[:, None]
    (overall,), (overall_se,) = sample.ratio((map_code == code)[:, None], covered)
    return Assessment(
        classes,
        _counts([map_code[has_class], code[has_class]], len(classes)),
        sample.ratio(cells, covered)[0].reshape(len(classes), -1),
        SampleEstimate.of(float(overall), float(overall_se)),
        _named(classes, *sample.ratio(mapped & present, mapped)),
        _named(classes, *sample.ratio(mapped & present, present & covered)),
        _named(classes, *sample.mean(present), sum(areas.values())),
    )


@dataclass(frozen=True, eq=False)
class _Stratified:
    """A stratified random sample; its estimates come with their standard errors, shape (quantity,)."""

    stratum: NDArray[np.int64]  # (unit,)
    units: NDArray[np.int64]  # (stratum,)
    weights: NDArray[np.float64]  # (stratum,), share of the area

    @classmethod
    def of(
        cls, stratum: NDArray[np.int64], strata: tuple[Label, ...], weights: NDArray[np.float64]
    ) -> _Stratified:
        units = np.bincount(stratum, minlength=len(strata))
        _check_units(strata, weights, units, "in stratum")
        return cls(stratum, units, weights)

    def mean(
        self, values: NDArray[np.float64] | NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Estimate means over the area of what units hold, shape (unit, quantity)."""
        means = self._sums(values) / np.maximum(self.units, 1)[:, None]
        squares = self._sums((values - means[self.stratum]) ** 2)
        variance = squares / np.maximum((self.units - 1) * self.units, 1)[:, None]
        return self.weights @ means, np.sqrt(self.weights**2 @ variance)

    def ratio(
        self, part: NDArray[np.bool_], whole: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Estimate ratios of two means; their linearised variance is that of the residuals."""
        denominator = _positive(self.mean(whole)[0])
        ratio = self.mean(part)[0] / denominator
        return ratio, self.mean(part - ratio * whole)[1] / denominator

    def _sums(self, values: NDArray[np.float64] | NDArray[np.bool_]) -> NDArray[np.float64]:
        sums = np.zeros((len(self.units), values.shape[1]))
        np.add.at(sums, self.stratum, values)
        return sums


def _positive(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return NaN for 0, by which nothing can be divided."""
    return np.asarray(np.where(values > 0, values, np.nan))


def _named(
    classes: tuple[Label, ...],
    values: NDArray[np.float64],
    errors: NDArray[np.float64],
    highest: float = 1.0,
) -> dict[Label, SampleEstimate]:
    pairs = zip(highest * values, highest * errors, strict=True)
    return {
        name: SampleEstimate.of(float(value), float(error), highest)
        for name, (value, error) in zip(classes, pairs, strict=True)
    }


def _counts(codes: Sequence[NDArray[np.int64]], classes: int) -> NDArray[np.int64]:
    flat = np.bincount(codes[0] * classes + codes[1], minlength=classes**2)
    return flat.reshape(classes, classes)


def _codes(**labels: tuple[ArrayLike, tuple[Label, ...]]) -> list[NDArray[np.int64]]:
    """Return the positions of labels among the known ones."""
    codes = {}
    for what, (values, known) in labels.items():
        codes[what] = pd.Index(known).get_indexer(pd.Index(np.asarray(values)))
        if (foreign := codes[what] < 0).any():
            unknown = dict.fromkeys(np.asarray(values)[foreign].tolist())
            raise DataError(
                f"expected each {what} of the sample to be one of {some(map(repr, known))}, got "
                f"{some(map(repr, unknown))}; leave such units out, or add what is missing"
            )
    return list(codes.values())


def _weights(areas: Mapping[Label, float]) -> NDArray[np.float64]:
    """Compute the share of each stratum in the whole area."""
    hectares = np.array(list(areas.values()), dtype=np.float64)
    if not (np.isfinite(hectares).all() and (hectares >= 0).all() and hectares.sum() > 0):
        raise DataError(
            f"expected the hectares of each stratum, 0 or more and not all 0, got {dict(areas)}; "
            "count the map's pixels again"
        )
    return np.asarray(hectares / hectares.sum())


def _check_units(
    strata: tuple[Label, ...], weights: NDArray[np.float64], units: NDArray[np.int64], where: str
) -> None:
    """Check that each stratum with an area has a variance, and that no other one was drawn from."""
    for name, weight, count in zip(strata, weights, units, strict=True):
        if weight > 0 and count < 2:
            raise DataError(
                f"expected at least 2 labelled units {where} {name}, which an interval needs, got "
                f"{count}; label more units {where} {name}, or draw a sample with more of them"
            )
        if weight == 0 and count > 0:
            raise DataError(
                f"expected no sample units {where} {name}, which has no area, got {count}; "
                "give the areas of the strata that the sample was drawn from"
            )
