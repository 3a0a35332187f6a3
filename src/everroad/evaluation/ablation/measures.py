"""From the sums of an altered video and of the same video unaltered: change, following, verdict.

Of frame i of town n, with w = 1 from the first frame on at which the alteration changed anything in that town, else 0:

    change  = Σ w ΔE(altered, unaltered) / Σ w ΔE(painter's picture of this town, of the town before it)

of mean colour differences ΔE*ab over pixels: 0 where the condition is ignored, 1 where the video is as different as the one of
another town. With A(video, asked) the agreement of a yardstick and the margin m(video) = A(video, what the altered condition
asks) - A(video, what the town asks),

    follows = (m(altered) - m(unaltered)) / (-2 m(unaltered)):

0 where the altered video agrees as the unaltered one does, 1 where it goes over to the altered condition wholly. A condition
that is absent asks for nothing; of it

    follows = (A(unaltered, town) - A(altered, town)) / A(unaltered, town)   is the share of the agreement that is lost.

The same model with the same seeds, unaltered, changes by exactly 0, so there is no noise to allow for; the thresholds below are
our own. Axis letters: ``n`` towns, ``d`` draws, ``q`` sums.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from everroad.evaluation.ablation.altered import Alteration
from everroad.evaluation.ablation.yardsticks import COLOUR, YARDSTICKS, Asked, Seen, Yardstick
from everroad.evaluation.measure import INVALID, Measure, pooled

IGNORED_BELOW = 0.02  # of change
FOLLOWED_ABOVE = 0.1  # of follows
FOLLOWED, USED_ONLY, IGNORED = "followed", "used but not followed", "ignored"
# Where nothing is asked that could be followed; where the intervals hold a threshold; where no town was altered.
USED, UNCLEAR, UNTESTED = "used", "unclear", "untested"


@dataclass(frozen=True)
class Result:
    """Of one alteration. ``agreements`` are those of the altered and the unaltered video with the town and the alteration."""

    alteration: Alteration
    towns: int  # of which anything was altered
    colour_difference: Measure  # ΔE*ab
    change: Measure
    yardstick: str | None
    agreements: dict[str, Measure]
    follows: Measure
    verdict: str

    def to_measures(self) -> dict[str, Any]:
        """Nested dicts of measures and plain values."""
        return {
            "part": self.alteration.part,
            "way": self.alteration.way,
            "towns altered": self.towns,
            "colour difference": self.colour_difference,
            "change": self.change,
            "yardstick": self.yardstick,
            "agreement": self.agreements,
            "follows": self.follows,
            "verdict": self.verdict,
        }


def row(
    alteration: Alteration, apart: tuple[float, float], seen: Seen, unaltered: Seen, own: Asked, instead: Asked | None
) -> Float[ndarray, "q"]:
    """The sums of one picture where w is 1: ``apart`` is how far it is from the unaltered one, and the painter's pictures of
    the two towns from each other; ``instead`` is what the alteration asks for, if anything."""
    parts, yardstick = [np.array([1.0, *apart])], YARDSTICKS[alteration.part]
    if yardstick is not None:
        parts += [yardstick.of(seen, own), yardstick.of(unaltered, own)]
        if instead is not None:
            parts += [yardstick.of(seen, instead), yardstick.of(unaltered, instead)]
    return np.concatenate(parts)


def result(alteration: Alteration, sums: Float[ndarray, "n q"]) -> Result:
    """From the sums of all frames of each town."""
    difference = pooled(sums, lambda rows: rows[:, 1] / rows[:, 0])
    change = pooled(sums, lambda rows: rows[:, 1] / rows[:, 2])
    agreements, follows = _following(alteration, sums)
    towns, yardstick = int((sums[:, 0] > 0).sum()), YARDSTICKS[alteration.part]
    kind = None if yardstick is None else yardstick.kind
    return Result(alteration, towns, difference, change, kind, agreements, follows, verdict(alteration, change, follows))


def verdict(alteration: Alteration, change: Measure, follows: Measure) -> str:
    """By the intervals; a change whose interval holds the threshold leaves the question open. A video that keeps what it is not
    told any more does not disobey: it uses the condition, no less."""
    if not change.valid:
        return UNTESTED
    if change.interval is None:
        return UNCLEAR
    if change.interval[1] < IGNORED_BELOW:
        return IGNORED
    if change.interval[0] <= IGNORED_BELOW:
        return UNCLEAR
    if not follows.valid or follows.interval is None:
        return USED
    if follows.interval[0] > FOLLOWED_ABOVE:
        return FOLLOWED
    return USED if alteration.way == "zero" else USED_ONLY


def _following(alteration: Alteration, sums: Float[ndarray, "n q"]) -> tuple[dict[str, Measure], Measure]:
    """The agreements that there are, and how far the video follows."""
    yardstick = YARDSTICKS[alteration.part]
    if yardstick is None:
        return {}, INVALID
    names = ["altered video, town", "unaltered video, town"]
    names += [] if alteration.way == "zero" else ["altered video, alteration", "unaltered video, alteration"]
    of = _agreement(yardstick, len(names))
    agreements = {name: pooled(sums, lambda rows, i=i: of(rows)[i]) for i, name in enumerate(names)}
    if alteration.way != "zero":
        return agreements, pooled(sums, lambda rows: _gone_over(of(rows)))
    # A colour that nobody asks for any more may well stay: that loses nothing.
    return agreements, INVALID if yardstick is COLOUR else pooled(sums, lambda rows: 1 - of(rows)[0] / of(rows)[1])


def _agreement(yardstick: Yardstick, count: int) -> Callable[[Float[ndarray, "d q"]], list[Float[ndarray, "d"]]]:
    """Agreements by pair of video and asked, from rows of sums."""
    return lambda rows: [yardstick.agreement(part) for part in np.split(rows[:, 3:], count, axis=1)]


def _gone_over(agreements: Sequence[Float[ndarray, "d"]]) -> Float[ndarray, "d"]:
    altered_own, unaltered_own, altered_instead, unaltered_instead = agreements
    unaltered = unaltered_instead - unaltered_own
    # An unaltered video that does not agree with its own town better than with the alteration has nothing to leave.
    return np.where(unaltered < 0, (altered_instead - altered_own - unaltered) / (-2 * unaltered), np.nan)
