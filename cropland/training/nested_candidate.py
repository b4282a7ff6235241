"""A nested candidate: one country × the choice among several configurations, made anew in each fold."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from cropland.errors import WindowError
from cropland.training.candidate import Candidate
from cropland.training.variation import GROUPS

if TYPE_CHECKING:
    from cropland.config.groups import Configuration
    from cropland.observations.archive import Archive


@dataclass(frozen=True)
class NestedCandidate(Candidate):
    """One country × the choice among several configurations, made anew inside each outer fold.

    Attributes
    ----------
    configuration : Configuration
        What the alternatives have in common, and the outer folds.
    country : Country
        Whose points it is scored on.
    other_countries : tuple of Country
        None: the choice is among models of the country's own labels.
    alternatives : tuple of Configuration
        What is chosen from.
    """

    alternatives: tuple[Configuration, ...] = ()

    @property
    def configurations(self) -> tuple[Configuration, ...]:
        """Its own, and those that are chosen from."""
        return (self.configuration, *self.alternatives)

    @property
    def choices(self) -> tuple[Candidate, ...]:
        """The candidates that are chosen from."""
        return tuple(
            Candidate(alternative, self.country, self.other_countries)
            for alternative in self.alternatives
        )

    @property
    def name(self) -> str:
        """Its name on screen and in MLflow, e.g. ``iran 4 alternatives nested``."""
        return self.name_of(f"{len(self.alternatives)} alternatives")

    def within(self, archive: Archive) -> NestedCandidate:
        """Return it without the alternatives whose window is outside an archive, or too short.

        Raises
        ------
        WindowError
            The window of every alternative is.
        """
        outside: list[WindowError] = []
        inside: list[Configuration] = []
        for choice in self.choices:
            try:
                inside.append(choice.within(archive).configuration)
            except WindowError as error:
                outside.append(error)
        if not inside:
            raise outside[0]
        return replace(self, alternatives=tuple(inside))

    def params(self) -> dict[str, object]:
        """Return what MLflow keeps as params: of what is chosen from, all values in a list."""
        candidates = self.configuration.validation.candidates or {}
        varied = {str(key): ",".join(map(str, values)) for key, values in candidates.items()}
        return self.common_params() | varied | {"n_alternatives": len(self.alternatives)}

    def window_tags(self) -> dict[str, str]:
        """Return nothing: each fold has a window of its own."""
        return {}

    def window_metrics(self) -> dict[str, float]:
        """Return nothing: each fold has a window of its own."""
        return {}

    def known_outcome(self) -> dict[str, Any]:
        """Return the fields of its outcome; what each fold chooses has no one value."""
        varied = dict.fromkeys(self.configuration.validation.candidates or {}, "–")
        one = {
            group: varied.get(group, getattr(self.configuration, group).name) for group in GROUPS
        }
        no_window = {"span": 0, "period": "", "window_end": ""}
        return super().known_outcome() | one | no_window | {"bands": "nested choice"}
