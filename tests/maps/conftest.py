from __future__ import annotations

from pathlib import Path

import pytest
from maps.landscapes import HEIGHT, WIDTH, grid, landscape, written


@pytest.fixture
def layers(tmp_path: Path) -> dict[str, Path]:
    """Every layer of a small map, by name."""
    return written(tmp_path, grid(HEIGHT, WIDTH), landscape(HEIGHT, WIDTH))
