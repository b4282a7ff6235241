"""What the attributes of a store say of its bands and its grid, checked before it is believed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cropland.errors import DataError
from cropland.sources.cubes.contract import check_plain
from cropland.untrusted.projections import check_crs

if TYPE_CHECKING:
    import xarray as xr

_REMEDY = "write it again"


def check_texts(dataset: xr.Dataset, where: str) -> None:
    """Check the texts that may be taken for a CRS, before they are.

    Raises
    ------
    DataError
        One is no text, or names a file.
    """
    of_variables = (variable.attrs for variable in dataset.variables.values())
    for attributes in (dataset.attrs, *of_variables):
        for name in ("spatial_ref", "crs_wkt", "crs"):
            text = attributes.get(name)
            text = "" if text is None else text
            if not isinstance(text, str | int | np.integer):
                raise DataError(f"{where} has {text!r:.80} as {name}, expected a text; {_REMEDY}")
            check_crs(str(text), where, _REMEDY)


def check_stored(variable: xr.DataArray, where: str) -> None:
    """Check that a variable holds digital numbers as they are.

    Raises
    ------
    DataError
        It holds no numbers, or scaled ones.
    """
    if variable.dtype.kind not in "iuf" or "_Unsigned" in variable.attrs:
        kind = "signed for unsigned" if variable.dtype.kind in "iu" else str(variable.dtype)
        raise DataError(f"{where} is stored as {kind}; expected numbers: write it as uint16")
    scale = _number(variable.attrs, "scale_factor", where)
    offset = _number(variable.attrs, "add_offset", where)
    check_plain(where, 1 if scale is None else scale, offset or 0)


def no_data(variable: xr.Variable, where: str) -> float | None:
    """Return the value that a variable declares as no data, or None.

    Raises
    ------
    DataError
        It is no number.
    """
    fill = _number(variable.attrs, "_FillValue", where)
    return _number(variable.attrs, "missing_value", where) if fill is None else fill


def _number(attributes: Mapping[str, Any], name: str, where: str) -> float | None:
    """Return an attribute that is a number, or None where it is not there."""
    value = attributes.get(name)
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{where} has {value!r:.80} as {name}, expected a number; {_REMEDY}"
        ) from error
