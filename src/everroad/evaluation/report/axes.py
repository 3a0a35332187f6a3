"""Axes with round ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass

_NOTHING = 1e-9  # reports are rounded to six decimals


@dataclass(frozen=True)
class Axis:
    """Values from ``low`` to ``high`` over pixels from ``start`` to ``end`` (``end`` < ``start`` for one that goes up)."""

    low: float
    high: float
    start: float
    end: float
    step: float

    def place(self, value: float) -> float:
        """The pixel of a value, to a tenth."""
        return round(self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start), 1)

    def ticks(self) -> list[tuple[float, str]]:
        """Multiples of the step between the ends, with how they are written."""
        first, last = math.ceil(self.low / self.step - 1e-6), math.floor(self.high / self.step + 1e-6)
        places = max(0, -math.floor(math.log10(self.step) + 1e-9))
        return [(i * self.step, f"{i * self.step + 0.0:.{places}f}") for i in range(first, last + 1)]


def rounded_axis(low: float, high: float, start: float, end: float, about: int = 4) -> Axis:
    """An axis around the values with some ``about`` steps of 1, 2 or 5; one that is wide enough also where all are the same."""
    size = max(abs(low), abs(high))
    if size < _NOTHING:
        low, high = 0.0, 1.0
    elif high - low <= 1e-6 * size:
        low, high = low - 0.1 * size, high + 0.1 * size
    step = _step((high - low) / about)
    return Axis(math.floor(low / step + 1e-6) * step, math.ceil(high / step - 1e-6) * step, start, end, step)


def frames_axis(last: int, window: int, start: float, end: float, about: int = 6) -> Axis:
    """Frames 0 to ``last``, with ticks at the ends of windows."""
    return Axis(0.0, float(last), start, end, window * max(_step(last / window / about), 1.0))


def _step(rough: float) -> float:
    power = 10.0 ** math.floor(math.log10(rough))
    return next(power * times for times in (1, 2, 5, 10) if power * times >= rough * (1 - 1e-9))
