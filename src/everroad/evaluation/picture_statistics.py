"""Picture statistics against the painter's of the same frame: colour, contrast and gradient energy. Blur and fading show here.

With m the mean L*a*b* of a frame, Y its luma in [0, 1], and sums over towns,

    colour error    = Σ ‖m(model) - m(painter)‖ / towns                           (ΔE*ab)
    contrast        = sqrt(Σ var Y(model) / Σ var Y(painter))
    gradient energy = Σ G(model) / Σ G(painter),  G = mean of (Y(x+1, y) - Y(x, y))² + mean of (Y(x, y+1) - Y(x, y))².
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from everroad.evaluation.colour import delta_e, luma
from everroad.evaluation.measure import INVALID, Measure, Window, pooled

FRAMES = (1, 40, 120, 240)


@dataclass(frozen=True)
class Statistics:
    """Of one picture, or with leading axes of many."""

    mean_lab: Float[ndarray, "*n 3"]
    variance: Float[ndarray, "*n"]
    gradient_energy: Float[ndarray, "*n"]


def picture_statistics(picture: UInt8[ndarray, "h w 3"], colours: Float[ndarray, "h w 3"]) -> Statistics:
    """The statistics of one picture; ``colours`` is its L*a*b*."""
    y = luma(picture).astype(np.float64)
    energy = np.square(np.diff(y, axis=0)).mean() + np.square(np.diff(y, axis=1)).mean()
    return Statistics(colours.reshape(-1, 3).mean(0, dtype=np.float64), np.asarray(y.var()), np.asarray(energy))


def statistics_at(model: Statistics, painter: Statistics, frame: int) -> dict[str, Measure]:
    """The three measures at one frame; leading axes of the statistics are (towns, frames)."""
    if frame >= model.variance.shape[1]:
        return dict.fromkeys(("colour error", "contrast", "gradient energy"), INVALID)
    error = delta_e(model.mean_lab[:, frame], painter.mean_lab[:, frame])
    variances = np.stack([model.variance[:, frame], painter.variance[:, frame]], 1)
    energies = np.stack([model.gradient_energy[:, frame], painter.gradient_energy[:, frame]], 1)
    return {
        "colour error": pooled(np.stack([error, np.ones_like(error)], 1), lambda rows: rows[:, 0] / rows[:, 1]),
        "contrast": pooled(variances, lambda rows: np.sqrt(rows[:, 0] / rows[:, 1])),
        "gradient energy": pooled(energies, lambda rows: rows[:, 0] / rows[:, 1]),
    }


def statistics_in(model: Statistics, painter: Statistics, window: Window) -> dict[str, Measure]:
    """The same of all frames of a window: mean colour error, contrast and gradient energy."""
    error = delta_e(model.mean_lab, painter.mean_lab)
    parts = [error, np.ones_like(error), model.variance, painter.variance, model.gradient_energy, painter.gradient_energy]
    sums = window.sums(np.stack(parts, -1))
    if sums is None:
        return dict.fromkeys(("colour error", "contrast", "gradient energy"), INVALID)
    return {
        "colour error": pooled(sums, lambda rows: rows[:, 0] / rows[:, 1]),
        "contrast": pooled(sums, lambda rows: np.sqrt(rows[:, 2] / rows[:, 3])),
        "gradient energy": pooled(sums, lambda rows: rows[:, 4] / rows[:, 5]),
    }
