"""What a sample says of a map: accuracy and hectares with their intervals."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from cropland import area
from cropland.errors import DataError
from cropland.mapfolder import CLASSES, NO_DATA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from cropland.area import Assessment, Estimate
    from cropland.mapfolder import Facts
    from cropland.mapsample import Design

_NAMES = {value: name for name, value in CLASSES.items()}


@dataclass(frozen=True, eq=False)
class Assessed:
    """A map, a labelled sample, and what follows.

    Attributes
    ----------
    facts : Facts
        Of the map.
    design : Design
        Of the sample.
    labels : dict of str to int
        By unit, None where it could not be told.
    mapped : ndarray of int, shape (unit,)
        The class that this map shows at each unit; no data where it shows none.
    """

    facts: Facts
    design: Design
    labels: dict[str, int | None]
    mapped: NDArray[np.int64]

    @property
    def by_stratum(self) -> bool:
        """Whether the sample was drawn from another map, so that its strata are not the classes of this."""
        return self.design.key != self.facts.key

    @property
    def unknown(self) -> list[str]:
        """Units whose class could not be told."""
        return [name for name, label in self.labels.items() if label is None]

    @property
    def unmapped(self) -> list[str]:
        """Labelled units where this map shows no class."""
        told = zip(self.labels.items(), self.mapped, strict=True)
        return [name for (name, label), value in told if label is not None and value == NO_DATA]

    @property
    def used(self) -> NDArray[np.bool_]:
        """Which units count, shape (unit,)."""
        labelled = np.array([label is not None for label in self.labels.values()])
        return np.asarray(labelled & (self.mapped != NO_DATA))

    @cached_property
    def found(self) -> Assessment:
        """Accuracies and areas.

        Raises
        ------
        DataError
            Too few units with a label in a stratum, or a map that is not the one of the sample.
        """
        mapped = np.array([_NAMES.get(int(value), "no data") for value in self.mapped])
        used = self.used
        labels = [_NAMES[label] for label in self.labels.values() if label is not None]
        told = np.array([label is not None for label in self.labels.values()])
        reference = np.array(labels)[used[told]]
        hectares: dict[area.Label, float] = {
            name: each.hectares for name, each in self.design.strata.items()
        }
        if self.by_stratum:
            drawn_from = self.design.stratum[used]
            return area.assess_by_stratum(
                drawn_from, mapped[used], reference, hectares, tuple(CLASSES)
            )
        if strange := int((mapped != self.design.stratum).sum()):
            raise DataError(
                f"{strange} of {len(mapped)} units are mapped otherwise than when they were drawn, though it "
                f"is the same map; its files were changed: map it again, and draw a new sample"
            )
        return area.assess_by_class(mapped[used], reference, hectares)

    @property
    def standing_for(self) -> float:
        """Hectares that the units which could not be told stand for."""
        unknown = np.array([label is None for label in self.labels.values()])
        return sum(
            each.hectares * float(unknown[self.design.stratum == name].mean())
            for name, each in self.design.strata.items()
            if each.units
        )

    def areas(self) -> Iterator[tuple[str, Estimate, float, float | None]]:
        """Give each class with its estimated hectares, those counted, and the true ones where known."""
        true = self.design.true_hectares or {}
        for name in CLASSES:
            yield name, self.found.area[name], self.facts.hectares[name], true.get(name)

    def accuracies(self) -> Iterator[tuple[str, Estimate]]:
        """Give each accuracy by its name."""
        yield "overall accuracy", self.found.overall
        for name in CLASSES:
            yield f"user's accuracy of {name}", self.found.users[name]
        for name in CLASSES:
            yield f"producer's accuracy of {name}", self.found.producers[name]

    def metrics(self) -> dict[str, float]:
        """Give the numbers of it, as its run keeps them; what the sample says nothing of is left out."""
        found = {
            "n_units": float(self.used.sum()),
            "n_unknown": float(len(self.unknown)),
            "n_unmapped": float(len(self.unmapped)),
        }
        for name, estimate, counted, true in self.areas():
            found |= _numbers(f"hectares_{name}", estimate)
            found[f"hectares_{name}_counted"] = counted
            if true is not None:
                found[f"hectares_{name}_true"] = true
        for name, estimate in self.accuracies():
            found |= _numbers(
                name.replace("'s", "s").replace(" of ", "_").replace(" ", "_"), estimate
            )
        return {name: value for name, value in found.items() if not math.isnan(value)}

    def as_json(self) -> str:
        """Write it for programs."""
        told: dict[str, Any] = {
            "key": self.facts.key,
            "tags": self.facts.tags,
            "sample": self.design.mark,
            "sample_drawn_from": self.design.key,
            "estimator": self.estimator,
            "classes": list(self.found.classes),
            "error_matrix": self.found.error_matrix.tolist(),
            "counts": self.found.counts.tolist(),
            "unknown": self.unknown,
            "unmapped": self.unmapped,
            "estimates": self.metrics(),
        }
        return json.dumps(told, indent=2) + "\n"

    @property
    def estimator(self) -> str:
        """Whose formulas were used."""
        if self.by_stratum:
            return "Stehman 2014, doi:10.1080/01431161.2014.930207"
        return "Olofsson et al. 2014, doi:10.1016/j.rse.2014.02.015"


def _numbers(name: str, estimate: Estimate) -> dict[str, float]:
    ends = {"": estimate.value, "_se": estimate.se, "_low": estimate.low, "_high": estimate.high}
    return {f"{name}{end}": value for end, value in ends.items()}
