"""The schema of ``conf/ui.yaml``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field, StrictBool, StrictInt

from cropland.config.commands import Command
from cropland.config.groups import Tracking


@dataclass(frozen=True)
class Ui(Command):
    """All of ``conf/ui.yaml``, which has no country and no source; the file says what each is."""

    HAS_COUNTRY: ClassVar[bool] = False

    tracking: Tracking
    port: Annotated[StrictInt, Field(ge=1, le=65535)]
    open: StrictBool
