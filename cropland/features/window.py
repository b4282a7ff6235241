"""Windows of time: span and period on a country's reference season.

A window ends `period` months after the end of the reference season, or on a date, and starts
``7 × span`` days before; both days are included.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from cropland.errors import ConfigError, WindowError

if TYPE_CHECKING:
    from cropland.config.countries import Reference
    from cropland.observations.archive import Archive

EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Window:
    """First and last day, both included.

    Attributes
    ----------
    uses_future : bool
        Whether it ends after the reference season, so that the past alone could not give it.
    """

    first: date
    last: date
    uses_future: bool

    @classmethod
    def of(cls, reference: Reference, span: int, period: int | str) -> Window:
        """Make the window of a span in weeks and a period in months, or an ISO date of its end.

        Raises
        ------
        ConfigError
            The window leaves the calendar.

        Examples
        --------
        >>> window = cropland.Window.of(toyland.reference, span=48, period=0)
        >>> print(window)
        2020-01-30 … 2020-12-31
        """
        try:
            end = reference.last
            last = (
                date.fromisoformat(period) if isinstance(period, str) else months_after(end, period)
            )
            return cls(last - timedelta(days=7 * span), last, uses_future=last > end)
        except (OverflowError, ValueError) as error:
            raise ConfigError(
                f"span={span} period={period} leaves the calendar ({error}); take smaller ones"
            ) from error

    @property
    def end_day(self) -> int:
        """Day number of the last day, counted from 1970-01-01."""
        return (self.last - EPOCH).days

    @property
    def start_day(self) -> int:
        """Day number of the first day, counted from 1970-01-01."""
        return (self.first - EPOCH).days

    def __str__(self) -> str:
        return f"{self.first} … {self.last}"

    def check_inside(self, archive: Archive) -> None:
        """Check that an archive covers the window.

        Raises
        ------
        WindowError
            It does not; the message has both ranges.
        """
        if not archive.first <= self.first <= self.last <= archive.last:
            raise WindowError(
                f"window {self} of {archive.country} is outside its archive "
                f"({archive.first} … {archive.last}); choose another span or period"
            )


def months_after(day: date, months: int) -> date:
    """Move a date by months; the last day of a month stays a last day.

    >>> months_after(date(2020, 6, 30), 9)
    datetime.date(2021, 3, 31)
    >>> months_after(date(2020, 3, 31), -1)
    datetime.date(2020, 2, 29)
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    days = calendar.monthrange(year, month + 1)[1]
    is_last = day.day == calendar.monthrange(day.year, day.month)[1]
    return date(year, month + 1, days if is_last else min(day.day, days))
