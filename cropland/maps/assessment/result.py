"""The result of an assessment: accuracy and hectares with their intervals."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cropland.errors import DataError
from cropland.maps.assessment import area
from cropland.maps.facts import UNMAPPED
from cropland.maps.layers import CLASSES
from cropland.support.words import count, ha

if TYPE_CHECKING:
    from cropland.maps.assessment.area import Assessment, SampleEstimate
    from cropland.maps.assessment.sample import Design
    from cropland.maps.facts import MapFacts

_TOO_FAR, _ROUNDING = 6.0, 0.01
"""Standard errors, and a share of the area, that a landscape's estimate is never away from its own truth."""
_NAMES = {value: name for name, value in CLASSES.items()}


@dataclass(frozen=True, eq=False)
class AssessmentResult:
    """A map, a labelled sample, and the estimates from both.

    Attributes
    ----------
    facts : MapFacts
        Of the map.
    design : Design
        Of the sample.
    labels : dict of str to int
        By unit, None where the class could not be seen.
    mapped : ndarray of int, shape (unit,)
        The class that this map shows at each unit; no data where it shows none.
    """

    facts: MapFacts
    design: Design
    labels: dict[str, int | None]
    mapped: NDArray[np.int64]

    @property
    def by_stratum(self) -> bool:
        """Whether the sample was drawn from another map, so that its strata are not the classes of this."""
        return self.design.key != self.facts.key

    @property
    def unknown(self) -> list[str]:
        """Units whose class could not be seen."""
        return [name for name, label in self.labels.items() if label is None]

    @property
    def unmapped(self) -> list[str]:
        """Labelled units where this map shows no class."""
        units = zip(self.labels.items(), self.mapped, strict=True)
        return [
            name for (name, label), value in units if label is not None and int(value) not in _NAMES
        ]

    @property
    def used(self) -> NDArray[np.bool_]:
        """Which units count, shape (unit,): all with a label, whether or not the map has a class there."""
        return np.array([label is not None for label in self.labels.values()])

    @cached_property
    def estimates(self) -> Assessment:
        """Accuracies and areas.

        Raises
        ------
        DataError
            Too few units with a label in a stratum, a map that was changed since they were drawn, or
            another map that has no class at any of them.
        """
        mapped = np.array([_NAMES.get(int(value), UNMAPPED) for value in self.mapped])
        used = self.used
        reference = [_NAMES[label] for label in self.labels.values() if label is not None]
        hectares: dict[area.Label, float] = {
            name: each.hectares for name, each in self.design.strata.items()
        }
        if self.by_stratum:
            if len(self.unmapped) == used.sum():
                raise DataError(
                    f"the map has no class at the {count(len(self.unmapped), 'labelled unit')} of the sample "
                    f"{self.design.mark}, which was drawn from another map; give the labels and the design "
                    f"of a sample of the same land"
                )
            sample = self.design.stratum[used], mapped[used], reference
            return area.assess_by_stratum(*sample, hectares, tuple(CLASSES), unmapped=UNMAPPED)
        if strange := int((mapped != self.design.stratum).sum()):
            raise DataError(
                f"{strange} of {len(mapped)} units {'is' if strange == 1 else 'are'} mapped otherwise than "
                f"when drawn, though it is the same map; its files were changed: map it again, and draw a "
                f"new sample"
            )
        return area.assess_by_class(mapped[used], reference, hectares)

    @property
    def uniform(self) -> dict[str, str]:
        """The class of all labels of a stratum, by the strata where they are of one and pixels are left.

        Such a stratum adds nothing to a standard error, which does not prove that nothing else is there.
        """
        stratum, used = self.design.stratum, self.used
        labels = np.array([-1 if label is None else label for label in self.labels.values()])
        uniform = {}
        for name, each in self.design.strata.items():
            labelled = (stratum == name) & used
            values = np.unique(labels[labelled])
            if len(values) == 1 and int(labelled.sum()) < each.pixels:
                uniform[name] = _NAMES[int(values[0])]
        return uniform

    @property
    def unlabelled_hectares(self) -> float:
        """Hectares that the units without a label stand for."""
        unknown = np.array([label is None for label in self.labels.values()])
        return sum(
            each.hectares * float(unknown[self.design.stratum == name].mean())
            for name, each in self.design.strata.items()
            if each.units
        )

    def check_truth(self) -> None:
        """Raise where the labels are of another landscape than the map's.

        Raises
        ------
        DataError
            The true area of the map is known, and the labels give another one.
        """
        cropland, true = self.estimates.area["cropland"], self.design.true_hectares
        if true is None:
            return
        if abs(cropland.value - true["cropland"]) > _TOO_FAR * cropland.se + _ROUNDING * sum(
            true.values()
        ):
            raise DataError(
                f"the landscape has {ha(cropland.value)} ha of cropland, that of the map had "
                f"{ha(true['cropland'])}: it differs; use the country file and source.profiles that "
                "the map was made with"
            )

    def areas(self) -> Iterator[tuple[str, SampleEstimate, float, float | None]]:
        """Yield each class with its estimated hectares, those counted, and the true ones where known."""
        true = self.design.true_hectares or {}
        for name in CLASSES:
            yield name, self.estimates.area[name], self.facts.hectares[name], true.get(name)

    def accuracies(self) -> Iterator[tuple[str, SampleEstimate]]:
        """Yield each accuracy by its name."""
        yield "overall accuracy", self.estimates.overall
        for name in CLASSES:
            yield f"user's accuracy of {name}", self.estimates.users[name]
        for name in CLASSES:
            yield f"producer's accuracy of {name}", self.estimates.producers[name]

    def params(self) -> dict[str, object]:
        """Return what was assessed, and how, as parameters of a run."""
        return {
            "source": self.facts.tags["SOURCE"],
            "model": self.facts.tags["MODEL"],
            "window": self.facts.tags["WINDOW"],
            "map": self.facts.key,
            "sample": self.design.mark,
            "sample_map": self.design.key,
            "seed": self.design.seed,
            "allocation": self.design.allocation,
            "estimator": self.estimator,
        }

    def metrics(self) -> dict[str, float]:
        """Return the numbers as metrics of a run; without those that the sample cannot estimate."""
        metrics = {
            "n_units": float(self.used.sum()),
            "n_unknown": float(len(self.unknown)),
            "n_unmapped": float(len(self.unmapped)),
        }
        for name, estimate, counted, true in self.areas():
            metrics |= _numbers(f"hectares_{name}", estimate)
            metrics[f"hectares_{name}_counted"] = counted
            if true is not None:
                metrics[f"hectares_{name}_true"] = true
        for name, estimate in self.accuracies():
            metrics |= _numbers(
                name.replace("'s", "s").replace(" of ", "_").replace(" ", "_"), estimate
            )
        return {name: value for name, value in metrics.items() if not math.isnan(value)}

    def as_json(self) -> str:
        """Write it for programs."""
        content: dict[str, Any] = {
            "key": self.facts.key,
            "tags": self.facts.tags,
            "sample": self.design.mark,
            "sample_drawn_from": self.design.key,
            "estimator": self.estimator,
            "classes": list(self.estimates.classes),
            "error_matrix": self.estimates.error_matrix.tolist(),
            "counts": self.estimates.counts.tolist(),
            "unknown": self.unknown,
            "unmapped": self.unmapped,
            "estimates": self.metrics(),
        }
        return json.dumps(content, indent=2) + "\n"

    @property
    def estimator(self) -> str:
        """Whose formulas were used."""
        if self.by_stratum:
            return "Stehman 2014, doi:10.1080/01431161.2014.930207"
        return "Olofsson et al. 2014, doi:10.1016/j.rse.2014.02.015"


def _numbers(name: str, estimate: SampleEstimate) -> dict[str, float]:
    ends = {"": estimate.value, "_se": estimate.se, "_low": estimate.low, "_high": estimate.high}
    return {f"{name}{end}": value for end, value in ends.items()}
