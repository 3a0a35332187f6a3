"""From scenarios to measures of plausibility: a few sums a frame, pooled over frames and scenarios with an interval.

Of each quantity the frames' sums of the value and of the number of valid things are kept, so that

    value = Σ value / Σ valid,

which is a share of the frames (of the ego) or of things and frames (of actors), or a mean. Everything is measured at
``FRAME_RATE_HZ``, whatever the source's, so that sources compare. Axis letters: ``n`` scenarios, ``f`` frames, ``q`` sums.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

from everroad.evaluation.measure import INVALID, Measure, Window, curve_windows, pooled
from everroad.evaluation.plausibility.contacts import contacts
from everroad.evaluation.plausibility.headway import SLOWEST_MPS, leader_gaps
from everroad.evaluation.plausibility.limits import (
    COMFORT,
    FEASIBLE_VEHICLE,
    FEASIBLE_WALKER,
    LEAST_TIME_GAP_S,
    TAUGHT_TIME_GAP_S,
    Limits,
)
from everroad.evaluation.plausibility.motion import QUANTITIES, Motion, actor_trajectory, ego_trajectory, motion
from everroad.evaluation.plausibility.road import off_road
from everroad.scenario.resample import resample
from everroad.scenario.types import Actor, Scenario

FRAME_RATE_HZ = 12.0
NAMES: tuple[str, ...] = (
    "ego speed, m/s", "ego longitudinal acceleration, rms m/s²", "ego lateral acceleration, rms m/s²", "ego jerk, rms m/s³",
    "ego yaw rate, rms rad/s", "ego uncomfortable", *(f"ego uncomfortable {name}" for name in QUANTITIES[1:]),
    "ego infeasible", "actors infeasible", *(f"actors infeasible {name}" for name in (QUANTITIES[i] for i in (0, 1, 3, 4))),
    "ego in collision", "actors in collision", "actors in standing overlap", "ego off the road", "vehicles off the road",
    "time gap, s", "time gap below 1 s", "time gap below 2 s",
)  # fmt: skip
_ROOTS = tuple(name for name in NAMES if ", rms" in name)


def plausibility_sums(scenario: Scenario) -> Float[ndarray, "f q"]:
    """Of every frame: the sum of the value of each of ``NAMES``, then the number of valid things of each.

    Raises ``ValueError`` for a scenario that ``resample`` refuses.
    """
    scenario = resample(scenario, FRAME_RATE_HZ)
    frames = len(scenario)
    ego = motion(ego_trajectory(scenario))
    columns: list[tuple[ndarray, ndarray]] = [
        (ego.speed_mps, ego.valid),
        *((np.square(of), ego.valid) for of in _ego_rms(ego)),
        (ego.beyond(COMFORT), ego.valid),
        *((row, ego.valid) for row in ego.passed(COMFORT)[1:]),
        (ego.beyond(FEASIBLE_VEHICLE), ego.valid),
    ]
    moved = [(motion(actor_trajectory(actor, scenario.time_s)), _limits(actor)) for actor in scenario.actors]
    there = _total([of.valid for of, _ in moved], frames)
    columns.append((_total([of.beyond(limits) for of, limits in moved], frames), there))
    columns += [(_total([of.passed(limits)[i] for of, limits in moved], frames), there) for i in (0, 1, 3, 4)]
    touching = contacts(scenario)
    known = np.full(frames, scenario.ego_motion_known and (scenario.actors_known or bool(scenario.actors)))
    columns += [(touching.ego & known, known), (touching.actors, touching.present), (touching.standing, touching.present)]
    share, on_map = off_road(scenario)
    columns += [(share[0], on_map[0]), (share[1:].sum(0), on_map[1:].sum(0))]
    columns += _time_gaps(scenario, ego)
    values, valid = (np.stack([np.asarray(pair[i], np.float64) for pair in columns], 1) for i in (0, 1))
    return np.concatenate([np.where(valid > 0, values, 0.0), valid], 1)


def plausibility(sums: Sequence[Float[ndarray, "_ q"]], window: Window | None = None) -> dict[str, Measure]:
    """The measures of scenarios, of all their frames or of a window of them (scenarios that end before it are left out)."""
    q = len(NAMES)
    rows = [
        of if window is None else of[window.first : window.last + 1] for of in sums if window is None or len(of) > window.last
    ]
    if not rows:
        return dict.fromkeys(NAMES, INVALID)
    per_scenario = np.stack([of.sum(0) for of in rows])
    found = {}
    for i, name in enumerate(NAMES):
        root = 0.5 if name in _ROOTS else 1.0
        found[name] = pooled(per_scenario[:, [i, q + i]], lambda drawn, root=root: (drawn[:, 0] / drawn[:, 1]) ** root)
    return found


def plausibility_curve(sums: Sequence[Float[ndarray, "_ q"]]) -> dict[str, dict[str, Measure]]:
    """The same by windows of 40 frames."""
    return {window.name: plausibility(sums, window) for window in curve_windows(max(map(len, sums)) - 1)}


def _ego_rms(ego: Motion) -> tuple[ndarray, ...]:
    return ego.longitudinal_mps2, ego.lateral_mps2, ego.jerk_mps3, ego.yaw_rate_radps


def _limits(actor: Actor) -> Limits:
    return FEASIBLE_WALKER if actor.detection_class == "pedestrian" else FEASIBLE_VEHICLE


def _total(rows: Sequence[Bool[ndarray, "f"]], frames: int) -> Float[ndarray, "f"]:
    return np.sum(rows, axis=0).astype(np.float64) if rows else np.zeros(frames)


def _time_gaps(scenario: Scenario, ego: Motion) -> list[tuple[ndarray, ndarray]]:
    gaps = leader_gaps(scenario)
    follows = np.isfinite(gaps) & ego.valid & (ego.speed_mps > SLOWEST_MPS)
    time_gap_s = np.where(follows, np.where(follows, gaps, 0.0) / np.maximum(ego.speed_mps, SLOWEST_MPS), np.inf)
    shares = [(time_gap_s < least, follows) for least in (LEAST_TIME_GAP_S, TAUGHT_TIME_GAP_S)]
    return [(np.where(follows, time_gap_s, 0.0), follows), *shares]
