"""Scene classes that there are not, wherever services send them; cubes, exports, requests: see there."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hostile.claims import refused

from cropland.sources.earthengine import graphs
from cropland.sources.stac.harmonisation import stored_numbers


@pytest.mark.parametrize("value", [np.uint16(4242), np.uint8(12), np.int16(-5), np.float32(4.5)])
def test_scene_classes_of_services(value: Any) -> None:
    classes = np.array([4, value], value.dtype)
    said = "for SCL; expected a scene class, 0 to 11"
    assert said in refused(lambda: stored_numbers("SCL", classes, "https://host.example/SCL.tif"))
    assert said in refused(lambda: graphs.digital_numbers("SCL", classes))
