"""Authored towns: a world with streets, traffic and weather from a seed.

Seeds from ``EVALUATION_SEED_START`` up are for evaluation and are never trained on.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from numpy import ndarray

from everroad import geometry
from everroad.scenario import crowd, traffic, walkers
from everroad.scenario.draws import generator
from everroad.scenario.fleet import EGO_TRACK, KINDS, Fleet, join
from everroad.scenario.kerbside import fill_kerbsides
from everroad.scenario.lane_graph import LaneGraph, build_lane_graph
from everroad.scenario.recording import Looks, Sightings, in_sight, moving_actors, pick, standing_actors
from everroad.scenario.resample import check_frames
from everroad.scenario.right_of_way import crossable
from everroad.scenario.rigs import RIGS
from everroad.scenario.roads import Roads, cut_roads
from everroad.scenario.signals import SignalPlan, describe, plan_signals
from everroad.scenario.spawning import SIGHT_M, lay_places
from everroad.scenario.streets import lay_streets
from everroad.scenario.town_map import build_map
from everroad.scenario.traffic import SIM_STEP_S
from everroad.scenario.types import Poses, Scenario, TimeOfDay, Weather
from everroad.scenario.walkers import Walkers
from everroad.scenario.walks import WalkGraph, build_walks

EVALUATION_SEED_START = 1_000_000
_CROWD_EVERY_STEPS = 4
_CHILD_HEIGHT_M = 1.45
MAX_SECONDS = 86_400
WARM_UP_S = 5.0  # traffic finds its rhythm before frame 0
_WEATHER: tuple[tuple[Weather, float], ...] = (("clear", 0.50), ("overcast", 0.20), ("rain", 0.15), ("fog", 0.15))
_TIME_OF_DAY: tuple[tuple[TimeOfDay, float], ...] = (("day", 0.65), ("dusk", 0.15), ("night", 0.20))


class _Town(NamedTuple):
    seed: int
    roads: Roads
    graph: LaneGraph
    walks: WalkGraph
    plan: SignalPlan


def _simulate(town: _Town, seconds: float) -> tuple[list[Fleet], list[Walkers]]:
    """Road users and pedestrians at every simulation step from time 0 on."""
    seed, graph, plan = town.seed, town.graph, town.plan
    places, pavements = lay_places(graph, seed), crowd.lay_pavements(town.walks, seed)
    motion = traffic.start(graph, places, seed)
    ego_xy = traffic.where(graph, motion.fleet).xy_m[0]
    people, next_person = crowd.populate(town.walks, pavements, walkers.nobody(), ego_xy, seed, 0, ring=False)
    warm_up = round(WARM_UP_S / SIM_STEP_S)
    fleets, crowds = [], []
    for sim_step in range(warm_up + int(np.ceil(seconds / SIM_STEP_S - 1e-9)) + 1):
        sim_time_s = (sim_step - warm_up) * SIM_STEP_S
        free = crossable(graph, plan, motion.fleet, sim_time_s)
        people_now, people = walkers.advance(town.walks, people, seed, SIM_STEP_S, free)
        blocked = walkers.crossings_in_use(town.walks, people, len(plan.signalised))
        fleet_now, motion = traffic.advance(graph, places, plan, seed, motion, blocked, sim_time_s)
        if sim_step % _CROWD_EVERY_STEPS == 0:
            ego_xy = traffic.where(graph, motion.fleet).xy_m[0]
            people = crowd.dismiss(people, ego_xy)
            people, next_person = crowd.populate(town.walks, pavements, people, ego_xy, seed, next_person, ring=True)
        if sim_step >= warm_up:
            fleets.append(fleet_now)
            crowds.append(people_now)
    return fleets, crowds


def _moments(
    time_s: Float[ndarray, "f"], counts: list[int]
) -> tuple[Int[ndarray, "f"], Int[ndarray, "k"], Float[ndarray, "k"]]:
    """The simulation step of every frame; and for everybody there then, one by one: the frame and the time since the step."""
    sim_step = np.floor(time_s / SIM_STEP_S + 1e-9).astype(np.int64)
    frame = np.repeat(np.arange(len(time_s)), np.array(counts)[sim_step])
    return sim_step, frame, np.maximum(time_s - sim_step * SIM_STEP_S, 0.0)[frame]


def _sight_fleet(graph: LaneGraph, fleets: list[Fleet], time_s: Float[ndarray, "f"]) -> tuple[Sightings, dict[int, Looks]]:
    sim_step, frame, after_s = _moments(time_s, [len(fleet) for fleet in fleets])
    rows = join([fleets[i] for i in sim_step.tolist()])
    place = traffic.where(graph, rows, after_s)
    return Sightings(frame, rows.track, place.xy_m, place.yaw_rad, place.speed_mps), _looks(rows)


def _sight_crowd(crowds: list[Walkers], time_s: Float[ndarray, "f"]) -> tuple[Sightings, dict[int, Looks]]:
    sim_step, frame, after_s = _moments(time_s, [len(people) for people in crowds])
    rows = walkers.join([crowds[i] for i in sim_step.tolist()])
    xy = rows.xy_m + rows.velocity_mps * after_s[:, None]
    looks = {}
    for track, row in zip(*(x.tolist() for x in np.unique(rows.track, return_index=True)), strict=True):
        length, width, height = rows.size_m[row].tolist()
        category = "human.pedestrian.child" if height < _CHILD_HEIGHT_M else "human.pedestrian.adult"
        looks[track] = Looks(f"walker{track}", category, (length, width, height), "pedestrian.moving", "pedestrian.standing")
    speed = np.hypot(rows.velocity_mps[:, 0], rows.velocity_mps[:, 1])
    return Sightings(frame, rows.track, xy, rows.yaw_rad + rows.yaw_rate_radps * after_s, speed), looks


def _looks(rows: Fleet) -> dict[int, Looks]:
    _, first = np.unique(rows.track, return_index=True)
    out = {}
    for row in first.tolist():
        track, category = int(rows.track[row]), KINDS[int(rows.kind[row])].category
        length, width, height = rows.size_m[row].tolist()
        cycle = category in ("vehicle.bicycle", "vehicle.motorcycle")
        moving, standing = ("cycle.with_rider", "cycle.with_rider") if cycle else ("vehicle.moving", "vehicle.stopped")
        out[track] = Looks(f"mover{track}", category, (length, width, height), moving, standing)
    return out


class Sky(NamedTuple):
    """What a town looks like on the day."""

    weather: Weather
    time_of_day: TimeOfDay
    appearance_seed: int


def draw_sky(seed: int) -> Sky:
    """Weather, time of day and appearance seed of a town: clear half of the time, day for two thirds."""
    draw = generator(seed, "sky")
    weather = _WEATHER[int(draw.choice(len(_WEATHER), p=[share for _, share in _WEATHER]))][0]
    time_of_day = _TIME_OF_DAY[int(draw.choice(len(_TIME_OF_DAY), p=[share for _, share in _TIME_OF_DAY]))][0]
    return Sky(weather, time_of_day, int(draw.integers(2**31)))


def check_town(seed: int, seconds: float, frame_rate_hz: float, rig: str) -> None:
    """Raises ``ValueError`` for arguments that ``author_town`` refuses."""
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed: expected a whole number from 0 to {2**63 - 1}, got {str(seed)[:40]}; name another")
    if not (seconds > 0 and frame_rate_hz > 0 and seconds * frame_rate_hz > 0.5):
        got = f"{seconds} s at {frame_rate_hz} Hz"
        raise ValueError(f"seconds: expected a positive length and rate and one frame at least, got {got}; name others")
    check_frames(seconds * frame_rate_hz, seconds, frame_rate_hz)
    if seconds > MAX_SECONDS:
        raise ValueError(f"seconds: expected at most {MAX_SECONDS:,} (a day), got {seconds:g}; name fewer")
    if rig not in RIGS:
        raise ValueError(f"rig: expected one of {', '.join(RIGS)}, got '{rig}'; name one of them")


def author_town(seed: int, seconds: float = 20.0, frame_rate_hz: float = 12.0, rig: str = "nuscenes-front") -> Scenario:
    """A drive through a town.

    Args:
        seed: any number from 0 below 2**63; the same seed gives the same town and drive, bit for bit.
        seconds: length; ``round(seconds * frame_rate_hz)`` frames. A longer drive begins with the shorter one.
        frame_rate_hz: frames a second.
        rig: name of a camera rig in ``everroad.scenario.rigs.RIGS``.

    Raises:
        ValueError: a seed outside of that, a length or rate that is not positive, more than ``MAX_SECONDS`` or
            ``MAX_FRAMES``, or an unknown rig.
    """
    check_town(seed, seconds, frame_rate_hz, rig)
    roads = cut_roads(lay_streets(seed), seed)
    graph = build_lane_graph(roads)
    town = _Town(seed, roads, graph, build_walks(roads), plan_signals(roads, seed))
    time_s = np.arange(round(seconds * frame_rate_hz)) / frame_rate_hz
    fleets, crowds = _simulate(town, float(time_s[-1]))
    vehicles, vehicle_looks = _sight_fleet(graph, fleets, time_s)
    people, people_looks = _sight_crowd(crowds, time_s)
    ego, vehicles = pick(vehicles, vehicles.track == EGO_TRACK), pick(vehicles, vehicles.track != EGO_TRACK)
    sky = draw_sky(seed)
    lane_of_leg = {
        (int(graph.end_node[i]), int(graph.leg_in[i])): f"lane{i}"
        for i in np.flatnonzero(~graph.is_connector & ~graph.bicycle & (graph.end_node >= 0)).tolist()
    }
    return Scenario(
        name=f"town-{seed}",
        time_s=time_s,
        world_from_ego=Poses(np.pad(ego.xy_m, ((0, 0), (0, 1))), geometry.quaternion_from_yaw(ego.yaw_rad)),
        cameras=RIGS[rig],
        map=build_map(roads, graph),
        actors=moving_actors(in_sight(vehicles, ego.xy_m, SIGHT_M), vehicle_looks, len(time_s))
        + moving_actors(in_sight(people, ego.xy_m, SIGHT_M), people_looks, len(time_s))
        + standing_actors(*fill_kerbsides(roads, seed), ego.xy_m, SIGHT_M),
        signals=describe(town.plan, roads, lane_of_leg, time_s),
        weather=sky.weather,
        time_of_day=sky.time_of_day,
        appearance_seed=sky.appearance_seed,
        source="town",
    )
