"""Descriptions in Markdown as MLflow's pages show them: of an experiment with its champions, of tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from cropland.support import terminal
from cropland.support.fingerprint import fingerprint
from cropland.support.words import count, country_title
from cropland.tracking.records import NOTE
from cropland.untrusted.texts import markdown_code, markdown_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_WRITTEN = "mlflow.note.cropland"
"""Tag of an experiment, which pages do not show: a hash of the description that this project wrote."""
_BEFORE = ("Cropland candidates on real", "Candidates on **simulated** data")
"""How descriptions began before they had that tag."""
_MOST_NAMED = 8
"""Champions in the first line, the only one that is shown until a description is unfolded."""
_MOST_LISTED = 12
_VIEWS = (
    "The menu Views (top right) has Candidates, Sweeps and studies, Selected, Predictions, and Maps and "
    "areas."
)
_RUNS = (
    "Each run is a candidate (one configuration, scored for one country), a sweep of candidates, a "
    "promotion, a prediction, a map, an assessment or a comparison."
)
_NO_CHAMPION = (
    "No champion is listed yet: `cropland promote` registers and lists the best of each country."
)
_CELL_END = re.compile(r"(?<=\S) \|")
_AIR = "&emsp; |"
_DATE = re.compile(r"\b(\d{4})-(\d\d)-(\d\d)\b")
_UNBROKEN = "\\1\u2011\\2\u2011\\3"
"""A date with hyphens at which no line is broken."""
_UNIT = re.compile(r"(?<=\d) (?=weeks?\b|%)")
_INTERVAL = re.compile(r"(?<=\d)…(?=\d)")
_CODE = re.compile(r"(`+[^`]+`+)")
"""What people copy stays as it is."""


@dataclass(frozen=True)
class Champion:
    """What the description of an experiment says of a country's champion.

    Attributes
    ----------
    country : str
        Its country.
    model, version : str
        The registered model, and its version.
    accuracy : float, optional
        Bias-corrected, where it is known.
    registered : date
        When the version was registered.
    summary : str
        What it is, in a line of Markdown.
    """

    country: str
    model: str
    version: str
    accuracy: float | None
    registered: date
    summary: str

    @property
    def page(self) -> str:
        """Its page, from any page of MLflow."""
        return f"#/models/{self.model}/versions/{self.version}"

    @property
    def link(self) -> str:
        """Its country and accuracy, as a link to its page."""
        name = markdown_text(country_title(self.country))
        score = "" if self.accuracy is None else f" {self.accuracy:.3f}"
        return f"[{name}{score}]({self.page})"

    @property
    def line(self) -> str:
        """It in a line of a list."""
        name = f"{markdown_code(self.model)} version {self.version}"
        return f"- [{name}]({self.page}), {self.registered}. {self.summary}"


def of_experiment(champions: Sequence[Champion], *, simulated: bool) -> str:
    """Return the description of an experiment: champions first, each with a link to its page."""
    warning = f"**{terminal.SIMULATED}.**" if simulated else ""
    if not champions:
        return "\n\n".join(filter(None, [f"{_NO_CHAMPION} {warning}".strip(), _RUNS, _VIEWS]))
    named = " · ".join(champion.link for champion in champions[:_MOST_NAMED])
    more = len(champions) - _MOST_NAMED
    others = f" · {count(more, 'other')} below" if more > 0 else ""
    first = f"**Champions** (bias-corrected accuracy): {named}{others}. {warning}".strip()
    listed = [champion.line for champion in champions[:_MOST_LISTED]]
    rest = len(champions) - _MOST_LISTED
    listed += [f"- [{count(rest, 'other')} in the model registry](#/models)"] if rest > 0 else []
    means = "Accuracies are bias-corrected. To use a champion: `cropland predict`, `cropland map`."
    return "\n\n".join([first, "\n".join(listed), means, _RUNS, _VIEWS])


def tags(note: str) -> dict[str, str]:
    """Return the tags of an experiment with a description of this project."""
    return {NOTE: note, _WRITTEN: fingerprint(note)}


def is_older(present: Mapping[str, str]) -> bool:
    """Return whether an experiment's tags hold no description, or one of an earlier version."""
    note = present.get(NOTE, "")
    return not note or note.startswith(_BEFORE)


def is_own(present: Mapping[str, str]) -> bool:
    """Return whether the description among an experiment's tags is of this project, and not a user's."""
    return is_older(present) or present.get(_WRITTEN) == fingerprint(present[NOTE])


def spaced(text: str) -> str:
    """Return Markdown whose tables have space between columns; dates, errors, spans stay in one line.

    MLflow's pages give them no space.
    """
    return "\n".join(
        _row(line) if line.startswith("| ") and set(line) - set("|-: ") else line
        for line in text.split("\n")
    )


def _row(line: str) -> str:
    parts = _CODE.split(line)  # every second one is code
    parts[::2] = map(_unbroken, parts[::2])
    return _CELL_END.sub(_AIR, "".join(parts))


def _unbroken(text: str) -> str:
    unbroken = _DATE.sub(_UNBROKEN, text).replace(" ± ", "&nbsp;±&nbsp;")
    return _UNIT.sub("&nbsp;", _INTERVAL.sub("\u2060…\u2060", unbroken))
