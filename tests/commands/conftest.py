"""Fixtures of promotion and prediction."""

from __future__ import annotations

from pathlib import Path

import pytest
from standins.shell import Shell
from standins.toy_models import ToyModels

from cropland.config.groups import Tracking


@pytest.fixture
def toy(swept: Shell, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> ToyModels:
    """A copy of the sweep's store, with which to promote and predict in this process."""
    mine = swept.copy(tmp_path / "toy")
    local = Tracking("local", mine.database, str(mine.folder / "mlruns" / "artifacts"))

    def printed() -> str:
        said = capsys.readouterr()
        return said.out + said.err

    return ToyModels(mine.folder, mine.exports, local, printed)


@pytest.fixture
def mine(swept: Shell, tmp_path: Path) -> Shell:
    """A copy of the sweep's folder."""
    return swept.copy(tmp_path / "mine")


@pytest.fixture
def promoted(toy: ToyModels) -> ToyModels:
    """The same, with a champion."""
    toy.promote()
    return toy
