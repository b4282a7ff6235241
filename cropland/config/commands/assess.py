"""The schema of ``conf/assess.yaml``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field, StrictBool, StrictInt

from cropland.config.commands import Command
from cropland.config.groups import Tracking
from cropland.config.schema import Closed, FilePath, Positive, Share, given_keys, require
from cropland.config.sources import Source


@dataclass(frozen=True)
class UsersAccuracy(Closed):
    """What is conjectured of a map: the share of what is mapped as each class that is of it."""

    cropland: Share
    other: Share


@dataclass(frozen=True)
class Assess(Command):
    """All of ``conf/assess.yaml`` but the country; the file says what each is."""

    source: Source
    tracking: Tracking
    map: FilePath
    labels: FilePath | None
    design: FilePath | None
    next: Positive | None
    sample_size: Annotated[StrictInt, Field(ge=4)] | None
    users_accuracy: UsersAccuracy
    standard_error: Share
    allocation: Literal["proportional", "equal"]
    minimum: Annotated[StrictInt, Field(ge=2)]
    candidates: StrictInt
    min_distance: Annotated[StrictInt, Field(ge=0)]
    seed: Annotated[StrictInt, Field(ge=0)]
    force: StrictBool

    def __post_init__(self) -> None:
        require(
            self.labels is None or self.next is None,
            "labels and next are both given; leave one of them out",
        )
        require(
            self.candidates >= (self.next or 1),
            f"candidates must be at least as many as next: {self.next or 1}, got {self.candidates}",
        )

    @property
    def task(self) -> Literal["draw", "estimate", "choose"]:
        """What is to be done."""
        if self.labels is not None:
            return "estimate"
        return "draw" if self.next is None else "choose"

    def check_given(self, words: Iterable[str]) -> None:
        """Raise an error for overrides that the task has no use for.

        Raises
        ------
        ConfigError
            It is given one.
        """
        words = list(words)
        super().check_given(words)
        keys = given_keys(words)
        for key in keys:
            require(
                not key.startswith("source.") or key.startswith("source.profiles"),
                f"{key} has no effect here, since assess reads an existing map; leave it out",
            )
        given = {re.split("[.@]", key, maxsplit=1)[0] for key in keys}
        for key in sorted(given):
            tasks = _TASKS_OF.get(key, (self.task,))
            require(
                self.task in tasks,
                f"{key} is given to {' or '.join(_IN_WORDS[task] for task in tasks)}, and this is to "
                f"{_IN_WORDS[self.task]}; leave it out",
            )
        spare = sorted(given & {"standard_error", "users_accuracy"})
        require(
            not spare or self.sample_size is None,
            f"sample_size says how many units are drawn, so {' and '.join(spare)} would not be used; leave "
            f"one out",
        )


_IN_WORDS = {
    "draw": "draw a sample",
    "estimate": "estimate from labels",
    "choose": "choose what to label next",
}
_TASKS_OF: dict[str, tuple[str, ...]] = {
    "labels": ("estimate",),
    "design": ("estimate",),
    "tracking": ("estimate",),
    "next": ("choose",),
    "candidates": ("choose",),
    "min_distance": ("choose",),
    "sample_size": ("draw",),
    "users_accuracy": ("draw",),
    "standard_error": ("draw",),
    "allocation": ("draw",),
    "minimum": ("draw",),
    "seed": ("draw", "choose"),
    "force": ("draw", "choose"),
}
"""Which of the tasks of `Assess` a key is for; of other keys it is all."""
