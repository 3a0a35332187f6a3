"""Drift: how much further from the painter's pictures the late ones are than the first.

    drift ratio = (town-KID above its floor in the last window) / (the same in the first window),

a per-picture, unbiased kernel distance with the painter's own distance taken off, so that 1 is a source that stays as it began.
A ratio hides a bad beginning: the late value stands beside it. The papers' own figure, the Fréchet distance of clips of long
videos over that of short ones (STAGE, Table I: 280.34 / 242.79), stands beside both.
"""

from __future__ import annotations

from everroad.evaluation.measure import INVALID, Measure, Window, combined
from everroad.evaluation.run.measures import Compared, Tree

SHORT_FRAMES = 16
KERNEL, FRECHET = ("town-KID", "KID"), ("town-FVD", "FVD")


def drift(compared: Compared, curve: dict[str, Tree], whole: Tree) -> dict[str, Measure]:
    """From the curve and the measures of all frames; invalid where there are fewer than two windows."""
    windows = list(curve.values())
    short = compared.realism(Window(1, min(SHORT_FRAMES, compared.protocol.frames)))
    found: dict[str, Measure] = {}
    for name in (of for of in KERNEL if of in whole["realism"]):
        of_window = [of["realism"][f"{name} above floor"] for of in windows]
        pair = (of_window[-1], of_window[0]) if len(of_window) > 1 else (INVALID, INVALID)
        found |= {
            # Of a source that begins no further away than the painter itself a ratio says nothing.
            f"{name} drift ratio": combined(lambda late, early: late / early, *pair) if pair[1].value > 0 else INVALID,
            f"{name} above floor, first window": pair[1],
            f"{name} above floor, last window": pair[0],
        }
    for name in (of for of in FRECHET if of in whole["realism"]):
        found[f"{name} long over short"] = combined(lambda a, b: a / b, whole["realism"][name], short[name])
    return found
