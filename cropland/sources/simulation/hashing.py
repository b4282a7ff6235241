"""Randomness without state: hashes of integers, and smooth noise made of them.

A value depends only on the integers it is drawn for, never on what was drawn before, so that any
part of a field can be computed alone, in any order, and always comes out the same.

References
----------
Steele, Lea & Flood (2014), "Fast splittable pseudorandom number generators", OOPSLA
(the finaliser of SplitMix64); Perlin (1985), "An image synthesizer", SIGGRAPH (lattice noise).
"""

from __future__ import annotations

from enum import IntEnum, auto
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

Hash = NDArray[np.uint64]
Float = NDArray[np.floating]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_EAST = np.uint64(0xD1B54A32D192ED03)
_NORTH = np.uint64(0x8CB92BA72F3D8DD7)


class Draw(IntEnum):
    """The purpose of a random number: what is drawn for two purposes is independent."""

    PARCEL = auto()
    CENTRE = auto()
    RIVER = auto()
    ZONE = auto()
    TOWN = auto()
    FIELD = auto()
    WILD = auto()
    SOIL = auto()
    WOODY = auto()
    IRRIGATION = auto()
    MEADOW = auto()
    FALLOW = auto()
    ROTATION = auto()
    STAND = auto()
    FAILURE = auto()
    CALENDAR = auto()
    RAIN = auto()
    MOISTURE = auto()
    TEXTURE = auto()
    DATATAKE = auto()
    PROCESSED = auto()
    MINUTE = auto()
    WEATHER = auto()
    CLOUD = auto()
    CIRRUS = auto()
    HAZE = auto()
    LONGITUDE = auto()
    LATITUDE = auto()
    ORDER = auto()
    NAME = auto()
    MISTAKE = auto()


def hashed(*keys: ArrayLike) -> Hash:
    """Return one hash for each tuple of integer keys, which broadcast against each other."""
    state = np.zeros((), np.uint64)
    for key in keys:
        with np.errstate(over="ignore"):
            state = _scrambled(np.asarray(state + np.asarray(key).astype(np.uint64)))
    return state


def uniform(*keys: ArrayLike) -> Float:
    """Return a number in [0, 1) for each tuple of integer keys."""
    return _fraction(hashed(*keys))


def normals(hashes: Hash) -> Float:
    """Return eight standard normal numbers for each hash, one a byte: shape ``(8, *shape)``."""
    octets = np.ascontiguousarray(hashes, "<u8")[..., None].view(np.uint8)
    return _normal_quantiles()[np.moveaxis(octets, -1, 0)]


def smooth(seed: ArrayLike, x: ArrayLike, y: ArrayLike) -> Float:
    """Return noise in [0, 1) that varies over a distance of about one.

    It is the hash at the whole-numbered places, interpolated smoothly between them.

    Parameters
    ----------
    seed
        Integers that select the noise field; they broadcast against `x` and `y`.
    x, y
        Position.
    """
    column, row = np.floor(x), np.floor(y)
    east, north = _faded(np.asarray(x) - column), _faded(np.asarray(y) - row)
    with np.errstate(over="ignore"):
        south_west, south_east, north_west, north_east = _corners(
            np.asarray(seed).astype(np.uint64), column, row
        )
    south_side = south_west + east * (south_east - south_west)
    north_side = north_west + east * (north_east - north_west)
    noise: Float = south_side + north * (north_side - south_side)
    return noise


def rough(seed: ArrayLike, x: Float, y: Float) -> Float:
    """Return noise about 0.5 (standard deviation 0.25) with detail: three octaves of `smooth`.

    Each octave is finer, weaker, turned and moved, which hides the lattice. The parameters are
    those of `smooth`.
    """
    noise = np.full((), 0.5, np.float32)
    for weight in (1.0, 0.5, 0.25):
        x, y = 0.8 * x - 0.6 * y + 31.7, 0.6 * x + 0.8 * y
        noise = noise + np.float32(weight) * (smooth(seed, x, y) - np.float32(0.5))
        x, y = 2.3 * x, 2.3 * y
    return noise


def _scrambled(state: Hash) -> Hash:
    """Return the output of SplitMix64 for each state; sums and products wrap around."""
    mixed: Hash = state + _GOLDEN
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed ^= mixed >> np.uint64(shift)
        mixed *= np.uint64(factor)
    mixed ^= mixed >> np.uint64(31)
    return mixed


def _fraction(hashes: Hash) -> Float:
    fraction: Float = (hashes >> np.uint64(40)).astype(np.float32) * np.float32(2**-24)
    return fraction


@cache
def _normal_quantiles() -> Float:
    """Return the normal quantiles at the middles of 256 equal classes, scaled to variance 1."""
    quantiles = np.array([NormalDist().inv_cdf((i + 0.5) / 256) for i in range(256)], np.float32)
    scaled: Float = quantiles / quantiles.std()
    return scaled


def _stride(index: ArrayLike, step: np.uint64) -> Hash:
    # By way of int64: turning a negative float into an unsigned integer is undefined.
    return np.asarray(index).astype(np.int64).astype(np.uint64) * step


def _corners(seed: Hash, column: Float, row: Float) -> tuple[Float, Float, Float, Float]:
    """Return the numbers at the corners of the cells: south-west, south-east, north-west, north-east."""
    if seed.size != 1 or min(column.size, row.size) < 2:
        corner = seed + _stride(column, _EAST) + _stride(row, _NORTH)
        corners = (corner, corner + _EAST, corner + _NORTH, corner + _NORTH + _EAST)
        return tuple(_fraction(_scrambled(each)) for each in corners)  # type: ignore[return-value]
    # In one field many places share a cell: each of its corners is hashed once.
    west, south = column.min(), row.min()
    width, height = int(column.max() - west) + 2, int(row.max() - south) + 2
    if width * height > max(column.size, row.size):
        return _corners(np.broadcast_to(seed, np.broadcast(column, row).shape), column, row)
    columns = _stride(west + np.arange(width), _EAST)
    rows = _stride(south + np.arange(height), _NORTH)
    lattice = _fraction(_scrambled(seed.reshape(()) + rows[:, None] + columns)).ravel()
    at = ((row - south) * width + (column - west)).astype(np.intp)
    steps = (0, 1, width, width + 1)
    return tuple(lattice.take(at + step) for step in steps)


def _faded(fraction: ArrayLike) -> Float:
    t = np.asarray(fraction, np.float32)
    faded: Float = t * t * (3 - 2 * t)
    return faded
