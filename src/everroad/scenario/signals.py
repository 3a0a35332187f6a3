"""Traffic signals of an authored town: two phases, rows then columns, with a fixed cycle that starts where the seed says."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad.scenario.draws import generator
from everroad.scenario.roads import EAST, WEST, Roads
from everroad.scenario.types import Signal, SignalColour

YELLOW_S = 3.0
CLEARING_S = 1.5  # both directions red
GREEN, YELLOW, RED = range(3)
_COLOURS: tuple[SignalColour, ...] = ("green", "yellow", "red")


@dataclass(frozen=True, eq=False)
class SignalPlan:
    """Per node: is it signalised, seconds of green for the row and for the column street, and where in the cycle time 0 lies."""

    signalised: Bool[ndarray, "n"]
    green_s: Float[ndarray, "n 2"]
    offset_s: Float[ndarray, "n"]


def plan_signals(roads: Roads, seed: int) -> SignalPlan:
    """Cycles of all intersections, a function of the seed."""
    draw = generator(seed, "signal cycles")
    count = len(roads.legs)
    return SignalPlan(np.array(roads.signalised), draw.uniform(6.0, 10.0, (count, 2)), draw.uniform(0.0, 50.0, count))


def colours(plan: SignalPlan, side: int, sim_time_s: Float[ndarray, "*f"] | float) -> Int[ndarray, "*f n"]:
    """GREEN, YELLOW or RED for traffic that comes into each node by a leg; an intersection without signals is always green."""
    rows, columns = plan.green_s.T
    pause = YELLOW_S + CLEARING_S
    start, green = (0.0, rows) if side in (EAST, WEST) else (rows + pause, columns)
    phase = (np.asarray(sim_time_s)[..., None] + plan.offset_s - start) % (rows + columns + 2 * pause)
    lit = np.where(phase < green, GREEN, np.where(phase < green + YELLOW_S, YELLOW, RED))
    return np.where(plan.signalised, lit, GREEN)


def describe(plan: SignalPlan, roads: Roads, lane_of_leg: dict[tuple[int, int], str], time_s: Float[ndarray, "f"]) -> tuple[Signal, ...]:
    """One signal at the right of every stop line of a signalised intersection, 3 m up; ``lane_of_leg`` names the lane it is for."""
    out = []
    lit = [colours(plan, side, time_s) for side in range(4)]
    for node, legs in enumerate(roads.legs):
        for leg in legs:
            if not (plan.signalised[node] and leg.open and (node, leg.side) in lane_of_leg):
                continue
            offset = leg.outward * (leg.street.profile.kerb_m + 0.6)  # seen leaving, incoming traffic has its kerb on the left
            xy = leg.street.at(np.array([leg.station(leg.cut_m)]), offset)[0]
            states = tuple(map(_COLOURS.__getitem__, lit[leg.side][:, node].tolist()))
            name = f"signal{node}.{leg.side}"
            out.append(Signal(name, np.array([xy[0], xy[1], 3.0]), lane_of_leg[node, leg.side], states))
    return tuple(out)
