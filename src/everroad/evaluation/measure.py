"""A measured number with its validity and its confidence interval: every measure pools sums over frames and towns.

A measure is a function of sums; its interval comes from drawing the towns again with replacement (bootstrap, Efron 1979),
always the same draws, so that measures and models are compared on the same towns. Axis letters: ``n`` towns, ``f`` frames,
``q`` summed quantities, ``d`` draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.data.addressing import addressed_generator

DRAWS = 1000
COVERAGE = 0.95
# Of the draws, the share that must have a value (a resampled set of towns may hold no vehicle) for an interval to be given.
LEAST_FINITE = 0.9
# Of fewer towns there are so few different draws (three of two towns) that an interval would look far too sure.
LEAST_TOWNS = 4


@dataclass(frozen=True)
class Measure:
    """A value, whether it means anything (else it is NaN), and the interval that holds 95 % of the draws of towns.

    ``draws`` are the values of the draws of towns, where there are any: of measures on the same towns they belong together, so
    that differences and ratios have intervals of their own (``combined``).
    """

    value: float
    valid: bool
    interval: tuple[float, float] | None = None
    draws: Float[ndarray, "d"] | None = field(default=None, repr=False, compare=False)

    def to_json(self) -> dict[str, Any]:
        """Plain JSON; ``None`` for what is not there."""
        interval = None if self.interval is None else [round(end, 6) for end in self.interval]
        return {"value": round(self.value, 6) if self.valid else None, "valid": self.valid, "interval": interval}


INVALID = Measure(math.nan, False)


def pooled(per_town: Float[ndarray, "n q"], statistic: Callable[[Float[ndarray, "d q"]], Float[ndarray, "d"]]) -> Measure:
    """``statistic`` of the quantities summed over all towns. Where it is not finite the measure is invalid.

    ``statistic`` takes one row of sums a draw and answers one value each. Few towns have no interval (``with_draws``).
    """
    towns = len(per_town)
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(statistic(per_town.sum(0, keepdims=True))[0])
        if not math.isfinite(value):
            return INVALID
        draws = statistic(town_draws(towns) @ per_town)
    return with_draws(value, draws, towns)


def with_draws(value: float, draws: Float[ndarray, "d"], towns: int) -> Measure:
    """``value`` of all towns, with the interval that its values over the draws of towns give; invalid where it is not finite.

    Draws that have no value may be NaN. Fewer than ``LEAST_TOWNS`` have no interval, nor has what too few draws have.
    """
    if not math.isfinite(value):
        return INVALID
    finite = draws[np.isfinite(draws)]
    if towns < LEAST_TOWNS:
        return Measure(value, True)
    if len(finite) < LEAST_FINITE * len(draws):
        return Measure(value, True, None, draws)
    low, high = np.quantile(finite, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Measure(value, True, (float(low), float(high)), draws)


def combined(function: Callable[..., Any], *measures: Measure) -> Measure:
    """``function`` of measures on the same towns, such as a difference or a ratio, with the interval of its own draws.

    Invalid where one of them is, or where the function has no finite value. Without draws of them all there is no interval.
    """
    if not all(measure.valid for measure in measures):
        return INVALID
    with np.errstate(divide="ignore", invalid="ignore"):
        value = float(np.asarray(function(*(np.float64(measure.value) for measure in measures))))
        draws = [measure.draws for measure in measures]
        if any(of is None for of in draws):
            return Measure(value, True) if math.isfinite(value) else INVALID
        return with_draws(value, np.asarray(function(*draws)), LEAST_TOWNS)


def linearised(value: float, without: Float[ndarray, "n"]) -> Measure:
    """A statistic that is dear, or biased upwards by a town that is drawn twice, from its values without each town in turn.

    Its draws are those of its linear part, ``value + (n - 1)/n Σ (times_i - 1)(value - without_i)``, which for a mean is the
    bootstrap itself (infinitesimal jackknife, Efron 1982, chapter 6).
    """
    towns = len(without)
    if towns < LEAST_TOWNS or not np.isfinite(without).all():
        return Measure(value, True) if math.isfinite(value) else INVALID
    pulls = (value - without) * (towns - 1) / towns
    return with_draws(value, value + (town_draws(towns) - 1) @ pulls, towns)


def town_draws(towns: int) -> Float[ndarray, "d n"]:
    """How often each draw holds each town."""
    draw = addressed_generator("bootstrap over towns", towns)
    return draw.multinomial(towns, np.full(towns, 1 / towns), size=DRAWS).astype(np.float64)


@dataclass(frozen=True)
class Window:
    """Frames ``first`` to ``last``, both included. Frame 0 is the start image; 1 is the first generated frame."""

    first: int
    last: int

    @property
    def name(self) -> str:
        return f"{self.first}-{self.last}"

    def sums(self, values: Float[ndarray, "n f q"]) -> Float[ndarray, "n q"] | None:
        """Sums over the window's frames; ``None`` where the frames do not reach its end."""
        return values[:, self.first : self.last + 1].sum(1) if values.shape[1] > self.last else None


def curve_windows(frames: int, width: int = 40) -> list[Window]:
    """Windows of ``width`` frames from frame 1 on, all whole."""
    return [Window(first, first + width - 1) for first in range(1, frames - width + 2, width)]


def measures_to_json(tree: Any) -> Any:
    """Nested dicts of measures as plain JSON."""
    if isinstance(tree, Measure):
        return tree.to_json()
    if isinstance(tree, dict):
        return {name: measures_to_json(item) for name, item in tree.items()}
    if isinstance(tree, Iterable) and not isinstance(tree, str):
        return [measures_to_json(item) for item in tree]
    return tree
