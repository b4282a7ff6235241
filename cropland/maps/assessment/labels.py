"""Labels of a map's sample: the table that was filled in, checked against the sample's design."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.errors import DataError
from cropland.support import reading
from cropland.support.words import some

if TYPE_CHECKING:
    from cropland.maps.assessment.sample import Design

_REMEDY = "give the sample.csv that the command assess wrote, its Target filled in, saved as CSV"


def read(path: Path, design: Design) -> dict[str, int | None]:
    """Read the labels of a sample's units: 1 cropland, 0 other, None where the class could not be seen.

    Units that are not in the file have no label either. Cells may be apart by commas, semicolons or tabs.

    Raises
    ------
    DataError
        No such file, none that is a table with ``ID`` and ``Target``, an ID that is there twice or not of
        the sample, another label, or none at all.
    """
    if not reading.is_file(path):
        raise DataError(f"expected labels at {path}, there is no such file; {_REMEDY}")
    cells = _cells(path)
    strange = [name for name, _ in cells if name not in design.units]
    if strange:
        raise DataError(
            f"{path} has units that are not of the sample {design.mark}: {some(strange)}; give the labels "
            f"of this sample, or the design of theirs (design=…)"
        )
    twice = [name for name, number in Counter(name for name, _ in cells).items() if number > 1]
    if twice:
        raise DataError(f"{path} has units more than once: {some(twice)}; keep one row of each")
    labels = dict.fromkeys(design.units) | {name: _label(path, name, text) for name, text in cells}
    if all(label is None for label in labels.values()):
        raise DataError(
            f"{path} has no label yet; write 1 for cropland and 0 for anything else into Target"
        )
    return labels


def _cells(path: Path) -> list[tuple[str, str]]:
    """Read the ID and the label of each row that is not blank, as text."""
    lines = reading.rows_of(path, _REMEDY)
    header = next(lines, (1, []))[1]
    missing = [name for name in ("ID", "Target") if name not in header]
    if missing:
        raise DataError(
            f"{path} needs the columns ID and Target; it has {some(header) or 'none'}: add "
            f"{', '.join(missing)}"
        )
    reading.check_columns([name for name in header if name in ("ID", "Target")], path)
    at, label = header.index("ID"), header.index("Target")
    return [(cells[at].strip(), cells[label].strip()) for _, cells in lines if "".join(cells)]


def _label(path: Path, name: str, text: str) -> int | None:
    known = {
        "": None,
        "1": 1,
        "0": 0,
        "1.0": 1,
        "0.0": 0,
    }  # what was once a number in a spreadsheet
    if text not in known:
        raise DataError(
            f"{path} has a label other than 1 and 0 at {name}: {text!r}; write 1 for cropland, 0 for "
            f"anything else, and nothing where it cannot be seen"
        )
    return known[text]


def text(labels: Mapping[str, int | None]) -> str:
    """Write labels as `read` reads them."""
    lines = (f"{name},{'' if label is None else label}" for name, label in labels.items())
    return "\n".join(["ID,Target", *lines]) + "\n"
