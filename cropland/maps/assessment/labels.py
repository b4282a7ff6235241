"""Labels of a map's sample: the table that was filled in, checked against the sample's design."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from math import cos, radians
from pathlib import Path
from typing import TYPE_CHECKING

from cropland.errors import DataError
from cropland.support import reading
from cropland.support.words import some

if TYPE_CHECKING:
    from cropland.maps.assessment.sample import Design

_METRES = 111_320.0
"""Of a degree of latitude, at most."""
_REMEDY = "give the sample.csv that the command assess wrote, its Target filled in, saved as CSV"


def read(path: Path, design: Design) -> dict[str, int | None]:
    """Read the labels of a sample's units: 1 cropland, 0 other, None where the class could not be seen.

    Units that are not in the file have no label either. Cells may be apart by commas, semicolons or tabs.
    ``Lon`` and ``Lat``, where they are there, must be those of the units, to a pixel and their last decimal.

    Raises
    ------
    DataError
        No such file, none that is a table with ``ID`` and ``Target``, an ID that is there twice or not of
        the sample, a unit at another place, another label, or none at all.
    """
    if not reading.is_file(path):
        raise DataError(f"expected labels at {path}, there is no such file; {_REMEDY}")
    rows = list(_rows(path))
    strange = [row["ID"] for row in rows if row["ID"] not in design.units]
    if strange:
        raise DataError(
            f"{path} has units that are not of the sample {design.mark}: {some(strange)}; give the labels "
            f"of this sample, or the design of theirs (design=…)"
        )
    twice = [name for name, number in Counter(row["ID"] for row in rows).items() if number > 1]
    if twice:
        raise DataError(f"{path} has units more than once: {some(twice)}; keep one row of each")
    _check_places(path, rows, design)
    labels = dict.fromkeys(design.units) | {
        row["ID"]: _label(path, row["ID"], row["Target"]) for row in rows
    }
    if all(label is None for label in labels.values()):
        raise DataError(
            f"{path} has no label yet; write 1 for cropland and 0 for anything else into Target"
        )
    return labels


def _rows(path: Path) -> Iterator[dict[str, str]]:
    """Read ID, label and, where it has them, longitude and latitude of each row that is not blank."""
    lines = reading.rows_of(path, _REMEDY)
    header = next(lines, (1, []))[1]
    missing = [name for name in ("ID", "Target") if name not in header]
    if missing:
        raise DataError(
            f"{path} needs the columns ID and Target; it has {some(header) or 'none'}: add "
            f"{', '.join(missing)}"
        )
    names = [name.title() if name.title() in ("Lon", "Lat") else name for name in header]
    used = [name for name in names if name in ("ID", "Target", "Lon", "Lat")]
    reading.check_columns(used, path)
    at = {name: names.index(name) for name in used}
    for _, cells in lines:
        if "".join(cells):
            yield {name: cells[position].strip() for name, position in at.items()}


def _check_places(path: Path, rows: list[dict[str, str]], design: Design) -> None:
    """Raise an error for labels whose places are not those of the sample."""
    pixel = float(design.tags.get("RESOLUTION", "10 m").split()[0]) / _METRES
    apart = []
    for row in rows:
        lon, lat, _ = design.units[row["ID"]]
        wide = pixel / max(cos(radians(lat)), pixel)
        if not (_is_at(row.get("Lon", ""), lon, wide) and _is_at(row.get("Lat", ""), lat, pixel)):
            apart.append(row)
    if apart:
        name = apart[0]["ID"]
        lon, lat, _ = design.units[name]
        place = ", ".join(f"{key} {apart[0][key]}" for key in ("Lon", "Lat") if key in apart[0])
        raise DataError(
            f"{path} has {len(apart)} of {len(rows)} units at other places than the sample {design.mark}, "
            f"such as {name} at {place} in place of Lon {lon}, Lat {lat}: its cells may have been exchanged; "
            f"put each label beside its ID and place again, or leave out Lon and Lat if IDs and labels are "
            f"right"
        )


def _is_at(text: str, degrees: float, pixel: float) -> bool:
    """Return whether a coordinate is that of a place, to a pixel and to its last decimal; no text is."""
    try:
        number = Decimal(text.replace(",", ".") or "nan")
    except InvalidOperation:
        return False
    if number.is_nan():
        return not text
    if not number.is_finite():
        return False
    last = 10.0 ** int(number.as_tuple().exponent)
    distance = abs((float(number) - degrees + 180) % 360 - 180)
    return distance <= pixel + min(last, 1.0)


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
