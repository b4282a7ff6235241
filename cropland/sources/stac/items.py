"""Items of a STAC catalogue: read from what it sent, in the order of time, each once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import pystac

from cropland.errors import DataError
from cropland.sources.retries import GivenUp

if TYPE_CHECKING:
    from pystac import Item

UNREADABLE = (pystac.STACError, LookupError, ValueError, TypeError, AttributeError, OverflowError)
"""Errors of pystac where what it reads is not what STAC describes."""
_LONGEST_NAME = 256
_MOST_ASSETS = 1_000


class SearchResult(NamedTuple):
    """What a search found.

    Attributes
    ----------
    items : list of Item
        Sorted by time and name, each once, without the excluded ones.
    excluded : list of str
        Names of those.
    notes : tuple of str
        What a user should know of the search.
    """

    items: list[Item]
    excluded: list[str]
    notes: tuple[str, ...] = ()


def read_items(
    features: Iterable[Mapping[str, Any]], leave_out: Collection[str]
) -> tuple[list[Item], list[str]]:
    """Read items, and return the names of those that were left out unread.

    Raises
    ------
    GivenUp
        One is not what STAC describes.
    """
    items, excluded = [], []
    for feature in features:
        name = str(feature.get("id") if isinstance(feature, Mapping) else feature)[:200]
        if name in leave_out:
            excluded.append(name)
            continue
        try:
            check_item(feature)
            item = pystac.Item.from_dict(dict(feature), preserve_dict=False)
            moment(item)
        except (DataError, *UNREADABLE) as error:
            raise GivenUp(
                f"image {name}: its entry in the catalogue cannot be read ({type(error).__name__}: {error}); "
                f"or exclude it with source.leave_out=[{name}]"
            ) from error
        items.append(item)
    return items, excluded


def check_item(content: Mapping[str, Any]) -> None:
    """Check what of an item is used without asking: its name, its box and its assets.

    Raises
    ------
    DataError
        The name is no text or too long, the box is none of 4 or 6 numbers, or there are too many assets.
    """
    name, box, assets = (content.get(key) for key in ("id", "bbox", "assets"))
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME:
        raise DataError(f"its id is not a name of at most {_LONGEST_NAME} letters")
    numbers = [n for n in box if isinstance(n, int | float)] if isinstance(box, list) else []
    if box is not None and not (len(box) == len(numbers) and len(numbers) in (4, 6)):
        raise DataError(f"its bbox is {str(box)[:60]}; expected 4 or 6 numbers")
    if not isinstance(assets, dict) or len(assets) > _MOST_ASSETS:
        raise DataError(f"it has no assets, or more than {_MOST_ASSETS}")


def moment(item: Item) -> datetime:
    """Return the time of an item in UTC.

    Raises
    ------
    DataError
        It has none.
    """
    at = item.datetime or item.common_metadata.start_datetime
    if at is None:
        raise DataError(f"{item.id} has no datetime; choose another source.collection")
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)


def in_order(items: Iterable[Item]) -> list[Item]:
    """Sort items by time and name, each name once: pages of a busy catalogue may overlap."""
    unique = {item.id: item for item in items}
    return sorted(unique.values(), key=lambda item: (moment(item), item.id))
