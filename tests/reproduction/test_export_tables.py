from __future__ import annotations

from pathlib import Path

import pytest

from cropland.errors import DataError
from cropland.reproduction.export_tables import read_exports


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ID,Timestamp\np,2020-06-01\n", "needs ID, Timestamp, B4 and lacks B4"),
        ("ID,B4\np,1\n", "lacks Timestamp"),
        ("ID,Timestamp,B4\np,2020-06-01,1\np,01/06/2020,1\n", "'01/06/2020' in line 3; write"),
        ("ID,Timestamp,B4\np,2020-06-01T08:00:00,1\n", "Timestamp '2020-06-01T08:00:00' in line 2"),
        ("ID,Timestamp,B4\np,2020-06-31 08:00:00,1\n", "Timestamp '2020-06-31 08:00:00' in line 2"),
        ("ID,Timestamp,B4\np,20200601,1\np,,1\n", "Timestamp '20200601' in line 2 and 1 more"),
        ("ID,Timestamp,B4\n,2020-06-01,1\n", "ID nan in line 2; give every row the ID"),
        ("ID,Timestamp,B4\np,2020-06-01,high\n", "B4 'high' in line 2; write a number or nothing"),
        ("ID,Timestamp,B4\np,2020-06-01,inf\n", "B4 .*inf.* in line 2"),
        ("", "cannot be read as CSV: No columns"),
    ],
)
def test_a_bad_export_is_answered_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "export.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=message) as caught:
        read_exports({"a": path}, columns=["B4"])
    assert str(path) in str(caught.value)


def test_an_export_that_is_not_there_is_answered(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none.csv cannot be read"):
        read_exports({"a": tmp_path / "none.csv"})
    with pytest.raises(DataError, match="expected an export of a, got none"):
        read_exports({"a": []})
