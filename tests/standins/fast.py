"""What only scikit-learn-intelex can show: nobody gets it who has not asked for it."""

from __future__ import annotations

import pytest

from cropland.learning import fast_forest

REASON = "needs scikit-learn-intelex: make fast"
needs_fast = pytest.mark.skipif(not fast_forest.has_fast(), reason=REASON)
