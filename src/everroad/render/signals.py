"""Traffic signals: a pole with a head whose lamp shows the frame's state, facing the traffic of its lane."""

from __future__ import annotations

from functools import cache

import numpy as np

from everroad import geometry
from everroad.render.mesh import Colour, Mesh, box, make_mesh, on_face
from everroad.render.placed import Placed
from everroad.render.semantics import POLE
from everroad.scenario.types import SceneFrame, Signal, VectorMap

_LIT: dict[str, tuple[int, Colour]] = {"red": (0, (255, 48, 40)), "yellow": (1, (255, 196, 40)), "green": (2, (60, 255, 130))}
_FARTHEST_M = 130.0
_HEAD_M = (0.3, 0.34, 0.95)
_CASE: Colour = (30, 32, 32)


@cache
def _mesh(state: str, height_m: float) -> Mesh:
    """Head centred at the origin looking along +x, its pole behind it down to the ground."""
    length, width, tall = _HEAD_M
    head = box((-length / 2, -width / 2, -tall / 2), (length / 2, width / 2, tall / 2), _CASE, bottom=True)
    lamps = []
    for place in range(3):
        lit = _LIT.get(state, (-1, _CASE))
        on = lit[0] == place
        v = 0.05 + 0.32 * place
        lamps.append(
            on_face(head[0], 0.14, v, 0.86, v + 0.26, lit[1] if on else (64, 60, 56), glow=1.0 if on else 0.0, fine=False)
        )
    pole = box((-length / 2 - 0.14, -0.06, -height_m), (-length / 2, 0.06, tall / 2), (74, 78, 80))
    return make_mesh([pole, [*head, *lamps]])


def facings(signals: tuple[Signal, ...], vector_map: VectorMap | None) -> dict[str, tuple[Signal, float]]:
    """Every signal by its id with the yaw (radians) it looks along: against the end of its lane, else along -x."""
    lanes = {lane.lane_id: lane for lane in (vector_map.lanes or ())} if vector_map is not None else {}
    out = {}
    for signal in signals:
        yaw = np.pi
        if signal.lane_id in lanes:
            ahead = np.diff(lanes[signal.lane_id].centerline_m[-2:, :2], axis=0)[0]
            yaw = float(np.arctan2(-ahead[1], -ahead[0]))
        out[signal.signal_id] = (signal, yaw)
    return out


def place_signals(frame: SceneFrame, known: dict[str, tuple[Signal, float]]) -> list[Placed]:
    """The frame's signals that the scenario places, where they are near enough to be told apart."""
    out = []
    ego = frame.world_from_ego[:3, 3]
    for signal_id, state in frame.signals:
        if signal_id not in known:
            continue
        signal, yaw = known[signal_id]
        if np.hypot(*(signal.position_m[:2] - ego[:2])) > _FARTHEST_M:
            continue
        turn = geometry.rotation_from_quaternion(geometry.quaternion_from_yaw(np.array(yaw)))
        height = max(round(float(signal.position_m[2] - ego[2]), 1), 0.5)
        mesh = _mesh(state, height)
        size = np.array([_HEAD_M[0], _HEAD_M[1], 2 * height])
        out.append(Placed(mesh, mesh, geometry.transform(turn, signal.position_m), size, 0, POLE))
    return out
