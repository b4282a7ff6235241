"""Figures that are kept, to ask them what they show."""

from __future__ import annotations

from types import ModuleType

import pytest
from matplotlib.figure import Figure


def kept_figures(monkeypatch: pytest.MonkeyPatch, module: ModuleType) -> list[Figure]:
    """Return the list to which a module adds each figure, drawn, in place of making its PNG."""
    collected: list[Figure] = []

    def kept(figure: Figure) -> bytes:
        figure.draw_without_rendering()
        collected.append(figure)
        return b""

    monkeypatch.setattr(module, "png", kept)
    return collected
