"""Traffic signals of an authored town: two phases, rows then columns, with a fixed cycle that starts where the seed says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy import ndarray

from everroad.scenario.draws import generator
from everroad.scenario.roads import EAST, NORTH, WEST, Roads
from everroad.scenario.types import Signal, SignalColour

YELLOW_S = 3.0
CLEARING_S = 1.5  # both directions red
_WALK_MPS = 1.3
_WIDE_M = 18.0
GREEN, YELLOW, RED = range(3)
_COLOURS: tuple[SignalColour, ...] = ("green", "yellow", "red")


@dataclass(frozen=True, eq=False)
class SignalPlan:
    """Per node: is it signalised, seconds of green for the row and for the column street, where in the cycle time 0 lies, and
    how long a walk across each leg takes (infinite where it is not to be tried: wide streets are only crossed by signals)."""

    signalised: Bool[ndarray, "n"]
    green_s: Float[ndarray, "n 2"]
    offset_s: Float[ndarray, "n"]
    walk_s: Float[ndarray, "n 4"]


def plan_signals(roads: Roads, seed: int) -> SignalPlan:
    """Cycles of all intersections, a function of the seed."""
    draw = generator(seed, "signal cycles")
    count = len(roads.legs)
    width = np.array([[2 * leg.street.profile.kerb_m for leg in legs] for legs in roads.legs])
    signalised = np.array(roads.signalised)
    walk_s = np.where(signalised[:, None] | (width < _WIDE_M), width / _WALK_MPS, np.inf)
    return SignalPlan(signalised, draw.uniform(5.0, 9.0, (count, 2)), draw.uniform(0.0, 50.0, count), walk_s)


def _phase(plan: SignalPlan, side: int, sim_time_s: Float[ndarray, "*f"] | float) -> tuple[ndarray, ndarray, ndarray]:
    """Per node, for one leg: seconds since its green began (modulo the cycle), its green and the cycle."""
    rows, columns = plan.green_s.T
    pause = YELLOW_S + CLEARING_S
    start, green = (0.0, rows) if side in (EAST, WEST) else (rows + pause, columns)
    cycle = rows + columns + 2 * pause
    return (np.asarray(sim_time_s)[..., None] + plan.offset_s - start) % cycle, green, cycle


def colours(plan: SignalPlan, side: int, sim_time_s: Float[ndarray, "*f"] | float) -> Int[ndarray, "*f n"]:
    """GREEN, YELLOW or RED for traffic that comes into each node by a leg; an intersection without signals is always green."""
    phase, green, _ = _phase(plan, side, sim_time_s)
    lit = np.where(phase < green, GREEN, np.where(phase < green + YELLOW_S, YELLOW, RED))
    return np.where(plan.signalised, lit, GREEN)


def green_left_s(plan: SignalPlan, side: int, sim_time_s: float) -> Float[ndarray, "n"]:
    """For how much longer the signal of each node's leg stays green; 0 where it is not green, infinite where there is none."""
    phase, green, _ = _phase(plan, side, sim_time_s)
    return np.where(plan.signalised, np.maximum(green - phase, 0.0), np.inf)


def red_left_s(plan: SignalPlan, side: int, sim_time_s: float) -> Float[ndarray, "n"]:
    """For how much longer the signal of each node's leg stays red; 0 where it is not red, infinite where there is none."""
    phase, green, cycle = _phase(plan, side, sim_time_s)
    return np.where(plan.signalised, np.where(phase < green + YELLOW_S, 0.0, cycle - phase), np.inf)


def of_sides(
    measure: Callable[[SignalPlan, int, float], ndarray], plan: SignalPlan, sim_time_s: float
) -> tuple[ndarray, ndarray, ndarray, ndarray]:
    """One of the measures above for each side's legs; those of opposite legs are the same, and taken once."""
    row, column = measure(plan, EAST, sim_time_s), measure(plan, NORTH, sim_time_s)
    return tuple(row if side in (EAST, WEST) else column for side in range(4))  # type: ignore[return-value]


def describe(
    plan: SignalPlan, roads: Roads, lane_of_leg: dict[tuple[int, int], str], time_s: Float[ndarray, "f"]
) -> tuple[Signal, ...]:
    """One signal, 3 m up, at the right of every stop line of signalised intersections; ``lane_of_leg`` names its lane."""
    out = []
    lit = [colours(plan, side, time_s) for side in range(4)]
    for node, legs in enumerate(roads.legs):
        for leg in legs:
            if not (plan.signalised[node] and leg.open and (node, leg.side) in lane_of_leg):
                continue
            offset = leg.outward * (leg.street.profile.kerb_m + 0.6)  # seen leaving, incoming traffic has its kerb on the left
            xy = leg.street.at(np.array([leg.station(leg.cut_m)]), offset)[0]
            states = tuple([_COLOURS[c] for c in lit[leg.side][:, node].tolist()])
            name = f"signal{node}.{leg.side}"
            out.append(Signal(name, np.array([xy[0], xy[1], 3.0]), lane_of_leg[node, leg.side], states))
    return tuple(out)
