"""The facts of a map: what its pixels add up to and what made them, as ``map.json`` keeps them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import TypeAdapter

from cropland.errors import DataError
from cropland.maps.layers import CLASSES, TOO_FEW
from cropland.models.applicability import warnings_of
from cropland.support import reading
from cropland.support.fingerprint import fingerprint
from cropland.support.words import command_line

if TYPE_CHECKING:
    from cropland.maps.assemble import PixelCounts

FACTS = "map.json"
REMEDY = "map it again with force=true and the settings that made it"
_REMEDY = "check their observations, or choose another reference_end"
UNMAPPED = "no data"
"""The name of what has no class, beside those of `CLASSES`."""
_TAGS = ("COUNTRY", "MODEL", "RESOLUTION", "SEASON_END", "SOURCE", "WINDOW")
_COUNTED = "counted pixels, which is biased: see the command assess"


@dataclass(frozen=True)
class MapFacts:
    """What is known of a map.

    Attributes
    ----------
    key : str
        Hash of what decides its layers.
    tags : dict of str to str
        The metadata of its files.
    pixels, hectares : dict of str to int, float
        Counted by class, and where there is no class (``no data``).
    too_few_observations : int
        Of the pixels without a class, those that were observed, on too few days.
    warnings : tuple of str
        Warnings of its use, such as that most of it is outside the area of applicability.
    mean_observations : float
        Days on which a pixel was observed, the mean of all.
    cross_validated : dict of str to float
        Share of the labelled points of each class, ``cropland`` and ``other``, that cross-validation found.
    outside_applicability : float, optional
        Share of the pixels with a class outside the area of applicability; None of a model without one.
    cannot_tell : float, optional
        Share of the pixels with a class of which neither class can be excluded; None of a model without
        prediction sets.
    fill_values : int
        Values of the images below 0 or above 32,766, which were read as no data.
    truth : tuple of tuple of int, optional
        Pixels by true and mapped class, other before cropland, of a simulated landscape.
    files : dict of str to str
        Checksum of each file of the map by its name; empty of a map that an earlier version has made.
    checksum : str
        Of all the facts above, empty of such a map.
    """

    key: str
    tags: dict[str, str]
    pixels: dict[str, int]
    hectares: dict[str, float]
    mean_observations: float
    cross_validated: dict[str, float]
    too_few_observations: int = 0
    warnings: tuple[str, ...] = ()
    outside_applicability: float | None = None
    cannot_tell: float | None = None
    fill_values: int = 0
    truth: tuple[tuple[int, int], tuple[int, int]] | None = None
    files: dict[str, str] = field(default_factory=dict)
    checksum: str = ""

    @classmethod
    def of(
        cls,
        counts: PixelCounts,
        tags: Mapping[str, str],
        recalls: Mapping[str, float],
        threshold: float | None,
    ) -> MapFacts:
        """Collect what is known of a map that was just made.

        Parameters
        ----------
        counts : PixelCounts
            What its pixels add up to.
        tags : mapping of str to str
            The metadata of its files.
        recalls : mapping of str to float
            Recall of each class in cross-validation, ``cropland`` and ``other``.
        threshold : float, optional
            The largest dissimilarity inside the area of applicability.
        """
        outside = None if threshold is None else counts.dissimilar / max(counts.known, 1)
        n_pixels, unsure = sum(counts.pixels.values()), counts.cannot_tell
        return cls(
            key=tags["KEY"],
            tags=dict(tags),
            pixels={name: int(number) for name, number in _by_name(counts.pixels).items()},
            hectares=_by_name(counts.hectares),
            mean_observations=counts.observations / max(n_pixels, 1),
            cross_validated=dict(recalls),
            too_few_observations=counts.pixels[TOO_FEW],
            warnings=tuple(
                warnings_of("pixels", n_pixels, counts.known, counts.dissimilar, remedy=_REMEDY)
            ),
            outside_applicability=outside,
            cannot_tell=None if unsure is None else unsure / max(counts.known, 1),
            fill_values=counts.fill_values,
            truth=None if counts.truth is None else counts.truth.tolist(),
        )

    @classmethod
    def read(cls, folder: Path) -> MapFacts:
        """Read the facts of a map.

        Raises
        ------
        DataError
            There is no file of them in the folder, it is damaged, or it lacks some.
        """
        if not folder.is_dir():
            raise DataError(
                f"expected the folder of a map at {folder}, found none; make one: {command_line('map')}"
            )
        file = folder / FACTS
        if not reading.is_file(file):
            raise DataError(
                f"expected {FACTS} in {folder}, found none: no map was finished there; name the folder "
                "of one, or run the command map again"
            )
        facts = reading.validated(file, _FACTS, REMEDY)
        if facts.checksum and facts.checksum != facts._checksum():
            raise DataError(f"{file} is damaged: it is not as it was written; {REMEDY}")
        missing = [f"tags.{name}" for name in _TAGS if name not in facts.tags]
        for group in ("hectares", "pixels"):
            missing += [
                f"{group}.{name}"
                for name in (*CLASSES, UNMAPPED)
                if name not in getattr(facts, group)
            ]
        if missing:
            raise DataError(
                f"{file} does not hold what it should: it lacks {', '.join(missing)}; {REMEDY}"
            )
        return facts

    def with_files(self, folder: Path, names: Iterable[str]) -> MapFacts:
        """Return the facts with the checksums of the map's files and of themselves."""
        complete = replace(self, files={name: fingerprint(folder / name) for name in names})
        return replace(complete, checksum=complete._checksum())

    def is_whole(self, path: Path) -> bool:
        """Return whether a file of the map is as it was written."""
        return reading.is_file(path) and self.files.get(path.name) == fingerprint(path)

    def check_file(self, path: Path) -> None:
        """Check that a file of the map is as it was written; a map without checksums is not checked.

        Raises
        ------
        DataError
            It is not.
        """
        if self.files and not self.is_whole(path):
            raise DataError(f"{path} is damaged: it is not as it was written; {REMEDY}")

    def _checksum(self) -> str:
        """Return a hash of all facts; a field that a later version adds, empty, does not change it."""
        facts = asdict(replace(self, checksum=""))
        known = {name: value for name, value in facts.items() if value}
        return fingerprint(json.dumps(known).encode())

    def as_json(self) -> str:
        """Return the text of ``map.json``; what is not known is left out."""
        known = {name: value for name, value in asdict(self).items() if value is not None}
        return json.dumps(known, indent=2) + "\n"

    @property
    def true_hectares(self) -> dict[str, float] | None:
        """The area that is of each class, of what is mapped; None where only a sample can tell."""
        if self.truth is None:
            return None
        mapped = sum(self.hectares[name] for name in CLASSES)
        pixels = {name: sum(self.truth[value]) for name, value in CLASSES.items()}
        return {name: mapped * n / max(sum(pixels.values()), 1) for name, n in pixels.items()}

    @property
    def true_shares(self) -> dict[str, float]:
        """Shares of pixels that are right, in all (``accuracy``) and of each true class; empty without truth.

        ``true_cropland`` is the share of pixels that are cropland.
        """
        if self.truth is None:
            return {}
        other, cropland = self.truth
        total = sum(other) + sum(cropland)
        return {
            "accuracy": (other[0] + cropland[1]) / total,
            "cropland": cropland[1] / max(sum(cropland), 1),
            "other": other[0] / max(sum(other), 1),
            "true_cropland": sum(cropland) / total,
        }

    def metrics(self) -> dict[str, float]:
        """Return the numbers that a run of MLflow keeps."""
        metrics = {
            "n_pixels": float(sum(self.pixels.values())),
            "n_missing": float(self.pixels[UNMAPPED]),
            "n_too_few_observations": float(self.too_few_observations),
            "hectares_cropland_counted": self.hectares["cropland"],
            "hectares_other_counted": self.hectares["other"],
            "mean_observations": self.mean_observations,
        }
        if self.fill_values:
            metrics["n_fill_values"] = float(self.fill_values)
        if self.outside_applicability is not None:
            metrics["outside_applicability"] = self.outside_applicability
        if self.cannot_tell is not None:
            metrics["cannot_tell"] = self.cannot_tell
        return metrics | {f"truth_{name}": share for name, share in self.true_shares.items()}

    def lines(self) -> Iterator[tuple[str, str]]:
        """Yield what a person reads of a map: a name and its value in words."""
        yield "model", self.tags["MODEL"]
        yield "window", self.tags["WINDOW"]
        yield "pixels", f"{sum(self.pixels.values()):,} of {self.tags['RESOLUTION']}"
        yield "cropland", f"{self.hectares['cropland']:,.0f} ha ({_COUNTED})"
        yield "other", f"{self.hectares['other']:,.0f} ha"
        if self.pixels[UNMAPPED]:
            few = self.too_few_observations / self.pixels[UNMAPPED]
            yield (
                UNMAPPED,
                f"{self.hectares[UNMAPPED]:,.0f} ha, not observed in all bands in the window"
                + (f"; {few:.0%} of it on too few days for a class" if few else ""),
            )
        yield "mean observations per pixel", f"{round(self.mean_observations)} days of the window"
        if self.outside_applicability is not None:
            yield (
                "outside the area of applicability",
                f"{self.outside_applicability:.1%}, see layer applicability",
            )
        if self.cannot_tell is not None:
            yield (
                "cannot tell",
                f"{self.cannot_tell:.1%} of the pixels with a class: neither class can be excluded",
            )
        if self.fill_values:
            yield (
                "fill values",
                f"{self.fill_values:,} values of the images are below 0 or above 32,766: read as no data",
            )
        if self.truth is not None:
            yield "against the simulated truth", self._accuracy_in_words()

    def _accuracy_in_words(self) -> str:
        """Compare with the truth of a simulated landscape, and with what cross-validation expected."""
        shares = self.true_shares
        words = f"{shares['accuracy']:.1%} of all pixels are right"
        for name in CLASSES:
            expected = self.cross_validated.get(name)
            beside = "" if expected is None else f" (cross-validated {expected:.1%})"
            words += f"; of {name} {shares[name]:.1%}{beside}"
        return words


def _by_name(counts: Mapping[int, float]) -> dict[str, float]:
    """Return counts by the name of the class, those without a class together."""
    named = {name: counts[value] for name, value in CLASSES.items()}
    return named | {UNMAPPED: sum(counts.values()) - sum(named.values())}


_FACTS = TypeAdapter(MapFacts)
