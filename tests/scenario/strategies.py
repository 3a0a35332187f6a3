"""Hypothesis strategies for scenarios with everything in them, and bitwise comparison."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from everroad.scenario.types import (
    CATEGORIES,
    TIMES_OF_DAY,
    WEATHERS,
    Actor,
    Area,
    Camera,
    Divider,
    GroundHeight,
    Lane,
    Poses,
    Scenario,
    Signal,
    VectorMap,
)

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
METRES = st.floats(-1e7, 1e7)
SIZES = st.floats(1e-3, 1e3)
SPEEDS = st.floats(-1e3, 1e3)
NAMES = st.text(max_size=6)


def arrays(*shape, elements=METRES):
    return hnp.arrays(np.float64, shape, elements=elements)


def optional(strategy):
    return st.none() | strategy


@st.composite
def poses(draw, frames):
    rotation = draw(arrays(frames, 4, elements=st.floats(-1, 1).filter(lambda x: abs(x) > 1e-3)))
    return Poses(draw(arrays(frames, 3)), rotation / np.linalg.norm(rotation, axis=-1, keepdims=True))


def lines(least=2):
    return st.integers(least, 4).flatmap(lambda points: arrays(points, 3))


def layers(items):
    return optional(st.lists(items, max_size=2).map(tuple))


areas = st.builds(Area, lines(3), st.lists(lines(3), max_size=2).map(tuple))
dividers = st.builds(
    Divider,
    lines(),
    st.sampled_from(["solid", "dashed", "double_solid", "double_dashed", "solid_dashed", "dashed_solid", "none", "unknown"]),
    st.sampled_from(["white", "yellow", "blue", "unknown"]),
)
lanes = st.builds(
    Lane,
    NAMES,
    lines(),
    optional(SIZES),
    st.lists(NAMES, max_size=2).map(tuple),
    optional(NAMES),
    optional(NAMES),
    optional(st.floats(0, 1e3)),
    optional(st.booleans()),
)
maps = st.builds(
    VectorMap, layers(areas), layers(dividers), layers(dividers), layers(areas), layers(dividers), layers(areas),
    optional(st.lists(lanes, max_size=2, unique_by=lambda lane: lane.lane_id).map(tuple)),
)  # fmt: skip


@st.composite
def grounds(draw):
    rows, columns = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    height_m = draw(arrays(rows, columns, elements=METRES | st.just(float("nan"))))
    return GroundHeight(draw(arrays(2)), draw(SIZES), height_m)


@st.composite
def cameras(draw, name):
    intrinsics = np.eye(3)
    intrinsics[[0, 1], [0, 1]] = draw(arrays(2, elements=st.floats(0.1, 1e6)))
    intrinsics[[0, 0, 1], [1, 2, 2]] = draw(arrays(3, elements=st.floats(-1e6, 1e6)))
    ego_from_camera = np.eye(4)
    ego_from_camera[:3, 3] = draw(arrays(3, elements=SPEEDS))
    distortion = draw(optional(st.lists(NUMBERS, max_size=3).map(tuple)))
    return Camera(name, draw(st.integers(1, 9999)), draw(st.integers(1, 9999)), intrinsics, ego_from_camera, distortion)


@st.composite
def actors(draw, track_id, frames):
    return Actor(
        track_id,
        draw(optional(st.sampled_from(CATEGORIES))),
        draw(arrays(3, elements=SIZES)),
        draw(poses(frames)),
        draw(hnp.arrays(np.bool_, (frames,))),
        draw(optional(arrays(frames, 3, elements=SPEEDS))),
        draw(optional(NAMES)),
        draw(optional(st.lists(NAMES, min_size=frames, max_size=frames).map(tuple))),
    )


@st.composite
def scenarios(draw):
    frames = draw(st.integers(1, 5))
    gaps = draw(arrays(frames - 1, elements=st.floats(1e-3, 10)))
    cameras_drawn = tuple(draw(cameras(f"camera{i}")) for i in range(draw(st.integers(0, 2))))
    map_drawn = draw(optional(maps))
    lane_ids = NAMES
    if map_drawn is not None and map_drawn.lanes is not None:
        lane_ids = st.sampled_from([lane.lane_id for lane in map_drawn.lanes] or [None])
    pictures = st.lists(NAMES, min_size=frames, max_size=frames).map(tuple)
    states = st.lists(st.sampled_from(["red", "yellow", "green", "off", "unknown"]), min_size=frames, max_size=frames)
    return Scenario(
        name=draw(NAMES),
        time_s=np.concatenate([[0.0], np.cumsum(gaps)]),
        world_from_ego=draw(poses(frames)),
        cameras=cameras_drawn,
        map=map_drawn,
        ground=draw(optional(grounds())),
        actors=tuple(draw(actors(f"actor{i}", frames)) for i in range(draw(st.integers(0, 2)))),
        signals=tuple(
            Signal(name, draw(arrays(3)), draw(optional(lane_ids)), tuple(draw(states)))
            for name in draw(st.lists(NAMES, max_size=2, unique=True))
        ),
        weather=draw(optional(st.sampled_from(WEATHERS))),
        time_of_day=draw(optional(st.sampled_from(TIMES_OF_DAY))),
        appearance_seed=draw(st.integers()),
        start_stamp_ns=draw(st.integers(-(2**63), 2**63 - 1)),
        source=draw(NAMES),
        images={camera.name: draw(pictures) for camera in cameras_drawn if draw(st.booleans())},
        ego_motion_known=draw(st.booleans()),
        actors_known=draw(st.booleans()),
    )


def difference(a, b, where="scenario"):
    """Where two values differ, bit for bit; ``None`` where they do not. NaN equals NaN. What an actor is outside its sights is
    compared in shape alone."""
    if type(a) is not type(b):
        return f"{where}: {type(a).__name__} and {type(b).__name__}"
    if isinstance(a, Actor):
        seen = np.flatnonzero(a.valid)
        if a.valid.tolist() != b.valid.tolist():
            return f"{where}.valid: {a.valid} and {b.valid}"
        span = slice(seen[0], seen[-1] + 1) if len(seen) else slice(0, 0)
        return next(filter(None, (_actor_part(a, b, f.name, span, where) for f in fields(a))), None)
    if is_dataclass(a):
        parts = (difference(getattr(a, f.name), getattr(b, f.name), f"{where}.{f.name}") for f in fields(a))
        return next(filter(None, parts), None)
    if isinstance(a, np.ndarray):
        same = a.shape == b.shape and a.dtype == b.dtype and (np.isnan(a) == np.isnan(b)).all() if a.dtype.kind == "f" else True
        known = ~np.isnan(a) if a.dtype.kind == "f" else np.ones(a.shape, bool)
        return None if same and a[known].tobytes() == b[known].tobytes() else f"{where}: {a} and {b}"
    if isinstance(a, tuple):
        if len(a) != len(b):
            return f"{where}: {a} and {b}"
        parts = (difference(x, y, f"{where}[{i}]") for i, (x, y) in enumerate(zip(a, b, strict=True)))
        return next(filter(None, parts), None)
    if isinstance(a, dict):
        return difference(tuple(a.items()), tuple(b.items()), where)
    return None if repr(a) == repr(b) else f"{where}: {a!r} and {b!r}"


def _actor_part(a, b, name, span, where):
    x, y = getattr(a, name), getattr(b, name)
    if (x is None) != (y is None):
        return f"{where}.{name}: {x} and {y}"
    if name == "poses":
        if len(x) != len(y):
            return f"{where}.poses: {len(x)} and {len(y)}"
        x, y = (Poses(p.translation_m[span], p.rotation_wxyz[span]) for p in (x, y))
    elif name in ("velocity_mps", "attributes") and x is not None:
        if len(x) != len(y):
            return f"{where}.{name}: {len(x)} and {len(y)}"
        x, y = x[span], y[span]
    return difference(x, y, f"{where}.{name}")
