"""The words of a search: what may be chosen, read from Hydra's own grammar of sweeps."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, RangeSweep, Sweep
from omegaconf import OmegaConf

from cropland.config.plain_values import sweep_words
from cropland.config.schema import require
from cropland.errors import ConfigError

if TYPE_CHECKING:
    from hydra.core.override_parser.types import Override

    from cropland.config.job_templates import Templates

MOST_VALUES = 10_000
"""Of one key, where they are written out."""
RESULTS = "optimization_results.yaml"
"""What Hydra's sweepers call the file of the best, in the folder of a sweep."""
_DIGITS = 6


@dataclass(frozen=True)
class Dimension:
    """A key and the values that a search may give it: some texts, a range of numbers, or an interval.

    Attributes
    ----------
    key : str
        The key, with the plus of one that is added.
    texts : tuple of str
        All values in words, in their order; empty for an interval.
    low, high : float, optional
        Bounds of an interval or a range, both of them included; None where texts have no order.
    whole : bool
        Whether its numbers are integers.
    log : bool
        Whether an interval is searched on a logarithmic scale.
    """

    key: str
    texts: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    whole: bool = False
    log: bool = False

    @property
    def size(self) -> float:
        """Number of its values; infinity of an interval of any numbers."""
        if self.texts or self.low is None or self.high is None:
            return len(self.texts)
        return self.high - self.low + 1 if self.whole else math.inf

    @property
    def ends(self) -> tuple[str, ...]:
        """Its values in words where it has no order, its bounds where it has one."""
        if self.low is None or self.high is None:
            return self.texts
        if self.texts:
            return tuple(dict.fromkeys((self.texts[0], self.texts[-1])))
        return self.text(self.low), self.text(self.high)

    def text(self, number: float) -> str:
        """Return a number of an interval in words, with six digits where it is no integer."""
        return str(round(number)) if self.whole else str(float(f"{number:.{_DIGITS}g}"))


@dataclass(frozen=True)
class SearchSpace:
    """What a search chooses from.

    Attributes
    ----------
    dimensions : tuple of Dimension
        The keys with several values.
    fixed : tuple of str
        The words that are the same for every trial.
    """

    dimensions: tuple[Dimension, ...]
    fixed: tuple[str, ...]

    @classmethod
    def of(cls, templates: Templates) -> SearchSpace:
        """Read the words of a sweep, those of ``hydra.sweeper.params`` before those of the command line.

        They are ``choice(a,b)``, ``a,b``, ``range(12,97,4)``, ``interval(0.01,1)``,
        ``tag(log,interval(1,100))``, ``int(interval(1,9))``, ``glob(v*)``; plain values are fixed. The last
        word of a key counts. An interval between whole numbers has whole numbers only, where the key has
        one in the configuration.

        Raises
        ------
        HydraException
            A word that cannot be read, or a group that does not have the file.
        ConfigError
            Nothing to choose, or a word without a value.
        """
        words = map(templates.parsed, sweep_words(templates.sweep.hydra))
        overrides = {word.get_key_element(): word for word in words}
        searched = {key: one for key, one in overrides.items() if one.is_sweep_override()}
        require(
            bool(searched),
            "a search has nothing to choose: give a key several values, as in 'span=range(12,97,4)' or "
            "bands=ndvi,visible_nir",
        )
        fixed = [_fixed(key, one) for key, one in overrides.items() if key not in searched]
        discrete = {key: _discrete(one) for key, one in searched.items() if one.is_discrete_sweep()}
        chosen = [*fixed, *(f"{key}={one.texts[0]}" for key, one in discrete.items())]
        groups = [word for word in chosen if not templates.is_value(word)]
        composed = templates.composed(groups)
        intervals = {
            key: _interval(one, OmegaConf.select(composed, key.lstrip("+")))
            for key, one in searched.items()
            if not one.is_discrete_sweep()
        }
        dimensions = discrete | intervals
        return cls(tuple(dimensions[key] for key in searched), tuple(fixed))

    @property
    def size(self) -> float:
        """Number of points; infinity where one of the dimensions is an interval of any numbers."""
        return math.prod(one.size for one in self.dimensions)

    def samples(self) -> Iterator[list[str]]:
        """Yield the words of some points: each value, and both bounds of numbers, are in one of them."""
        first = {one.key: f"{one.key}={one.ends[0]}" for one in self.dimensions}
        yield [*self.fixed, *first.values()]
        for one in self.dimensions:
            for text in one.ends[1:]:
                changed = first | {one.key: f"{one.key}={text}"}
                yield [*self.fixed, *changed.values()]


def _fixed(key: str, override: Override) -> str:
    """Return the word of a key that has one value, or is deleted."""
    return f"{key}={override.get_value_element_as_str()}" if override.value_type else key


def _discrete(override: Override) -> Dimension:
    """Return what a word with several values, or with a range of numbers, lets a search choose from."""
    key, word, sweep = override.get_key_element(), override.input_line, override.value()
    if isinstance(sweep, Sweep):
        require(
            "log" not in sweep.tags,
            f"{word}: a logarithmic scale is for an interval, as in {key}=tag(log,int(interval(1,99)))",
        )
    if isinstance(sweep, (ChoiceSweep, RangeSweep)):
        sweep.shuffle = False  # an order by chance would not be that of the same search given again
    try:
        texts = tuple(dict.fromkeys(islice(override.sweep_string_iterator(), MOST_VALUES + 1)))
    except (ValueError, ZeroDivisionError) as error:
        raise ConfigError(f"{word} cannot be searched: {error}") from error
    require(bool(texts), f"{word} has no value")
    require(
        len(texts) <= MOST_VALUES,
        f"{word} has more than {MOST_VALUES:,} values; give larger steps, or an interval(FROM,TO)",
    )
    if not isinstance(sweep, RangeSweep):
        return Dimension(key, texts)
    texts = tuple(sorted(texts, key=float))
    whole = all(text.lstrip("-").isdigit() for text in texts)
    return Dimension(key, texts, float(texts[0]), float(texts[-1]), whole)


def _interval(override: Override, value: object) -> Dimension:
    """Return an interval: of integers, where its bounds are, or are whole and so is the value of the key."""
    key, word, sweep = override.get_key_element(), override.input_line, override.value()
    assert isinstance(sweep, IntervalSweep) and sweep.start is not None and sweep.end is not None
    low, high, log = sweep.start, sweep.end, "log" in sweep.tags
    require(low < high, f"{word}: expected interval(FROM,TO) with FROM below TO")
    require(not log or low > 0, f"{word}: a logarithmic scale needs bounds above 0, got {low}")
    whole = isinstance(low, int) and isinstance(high, int)
    if isinstance(value, int) and not isinstance(value, bool):
        whole = float(low).is_integer() and float(high).is_integer()
    return Dimension(key, (), float(low), float(high), whole, log)
