"""Evaluates the expressions that Earth Engine's client posts, over the granules of the simulated landscape.

An expression is a graph of function calls. It is compiled into closures first, what depends on no argument is
computed once. Of Earth Engine's functions those are here that a client of points and images needs, with the
argument names of its catalogue; any other is a `Refused` that names it.

What is known of the service and kept here: a masked value is absent from a feature's properties; a reducer of
one output names it by the band, but ``first`` where the image has one band; the end of a date range is not
included; points are read on the pixel grid of ``crs`` and ``scale``, by default the image's own.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pyproj import Transformer

from standins import image_functions
from standins.elements import Catalogue, Collection, Days, Image, Refused
from standins.functions import FUNCTIONS
from standins.granules import BANDS, PIXEL_METRES

assert image_functions, "registers functions"

Environment = dict[str, Any]
Closure = Callable[[Environment], Any]
_DAY_MILLISECONDS = 86_400_000


@dataclass
class Evaluator:
    """Evaluates one expression.

    Attributes
    ----------
    most_point_days
        Points × days above which the computation "times out".
    """

    catalogue: Catalogue
    most_point_days: float | None = None
    _days: float = 0.0
    _values: Mapping[str, Any] = field(default_factory=dict)
    _closures: dict[str, tuple[Closure, frozenset[str]]] = field(default_factory=dict)
    _samples: dict[Any, NDArray[np.uint16]] = field(default_factory=dict)

    def run(self, expression: Mapping[str, Any]) -> Any:
        """Evaluate.

        Raises
        ------
        Refused
            As the service would, or for a function that is not here.
        """
        self._values = expression["values"]
        closure, free = self._compiled({"valueReference": expression["result"]})
        if free:
            raise Refused(f"Invalid argument references: {', '.join(sorted(free))}.")
        return closure({})

    def _compiled(self, node: Mapping[str, Any]) -> tuple[Closure, frozenset[str]]:
        """Return a closure and the names of the arguments that it needs."""
        ((kind, content),) = node.items()
        match kind:
            case "constantValue":
                return (lambda _: content), frozenset()
            case "integerValue":
                return (lambda _, number=int(content): number), frozenset()
            case "argumentReference":
                return operator.itemgetter(content), frozenset([content])
            case "valueReference":
                if content not in self._closures:
                    self._closures[content] = self._compiled(self._values[content])
                return self._closures[content]
            case "arrayValue":
                closures, free = self._all_compiled(content["values"])
                return _once(lambda env: [each(env) for each in closures], free), free
            case "dictionaryValue":
                closures, free = self._all_compiled(content["values"].values())
                pairs = list(zip(content["values"], closures, strict=True))
                return _once(lambda env: {name: each(env) for name, each in pairs}, free), free
            case "functionDefinitionValue":
                return self._definition(content)
            case "functionInvocationValue":
                return self._invocation(content)
        raise Refused(f"the stand-in knows no node {kind!r}")

    def _all_compiled(
        self, nodes: Iterable[Mapping[str, Any]]
    ) -> tuple[list[Closure], frozenset[str]]:
        compiled = [self._compiled(node) for node in nodes]
        return [each for each, _ in compiled], frozenset().union(*(free for _, free in compiled))

    def _definition(self, content: Mapping[str, Any]) -> tuple[Closure, frozenset[str]]:
        names = content.get("argumentNames", [])
        body, free = self._compiled({"valueReference": content["body"]})

        def defined(env: Environment) -> Callable[..., Any]:
            return lambda *values: body(env | dict(zip(names, values, strict=True)))

        return defined, free.difference(names)

    def _invocation(self, content: Mapping[str, Any]) -> tuple[Closure, frozenset[str]]:
        name = content.get("functionName", "of a value")
        if name not in FUNCTIONS:
            raise Refused(
                f"the stand-in has no function {name}; give it one in tests/standins/functions.py"
            )
        function = FUNCTIONS[name]
        arguments = content.get("arguments", {})
        closures, free = self._all_compiled(arguments.values())
        pairs = list(zip(arguments, closures, strict=True))

        def invoked(env: Environment) -> Any:
            try:
                return function(self, **{key: each(env) for key, each in pairs})
            except (TypeError, ValueError, LookupError, AttributeError) as error:
                raise Refused(f"the stand-in failed in {name}: {error!r}") from error

        return _once(invoked, free), free

    def date_filtered(self, days: Days) -> None:
        """Remember how many days were chosen."""
        self._days = (days.end - days.start) / _DAY_MILLISECONDS

    def sampled(
        self, image: Image, points: Collection, epsg: int | None, metres: float
    ) -> list[list[int]]:
        """Return an image's values at points by band: 0 where it is masked."""
        key = (id(points), epsg or image.granule.epsg, metres)
        if key not in self._samples:
            lonlat = np.array([[each.geometry.x, each.geometry.y] for each in points.items])
            if self.most_point_days and len(lonlat) * self._days > self.most_point_days:
                raise Refused("Computation timed out.")
            # The native pixel of a granule's own grid needs no detour.
            plain = epsg is None and metres == min(PIXEL_METRES.values())
            read = lonlat if plain else _snapped(lonlat, key[1], metres)
            values = self.catalogue.granules.at(read)
            self._samples[key] = np.stack([values[band].T for band in BANDS], axis=1)
        rows = self._samples[key][image.granule.number].tolist()
        return [rows[BANDS.index(band.source)] for band in image.bands]


def _once(closure: Closure, free: frozenset[str]) -> Closure:
    """Keep the value of what depends on nothing, or on one argument while that stays the same."""
    name = next(iter(free), None)
    if len(free) > 1:
        return closure
    last: Any = _once
    value: Any = None

    def known(env: Environment) -> Any:
        nonlocal last, value
        given = env[name] if name else None
        if given is not last:
            value, last = closure(env), given
        return value

    return known


def _snapped(lonlat: NDArray[np.float64], epsg: int, metres: float) -> NDArray[np.float64]:
    """Return the centres of the pixels of a grid that places fall in."""
    size = metres / 111_319.49 if epsg == 4326 else metres
    to_grid = Transformer.from_crs(4326, epsg, always_xy=True)
    x, y = to_grid.transform(lonlat[:, 0], lonlat[:, 1])
    x, y = ((np.floor(each / size) + 0.5) * size for each in (x, y))
    return np.stack(to_grid.transform(x, y, direction="INVERSE"), axis=1)
