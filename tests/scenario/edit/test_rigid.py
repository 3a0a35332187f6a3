from __future__ import annotations

import numpy as np

from everroad import geometry
from everroad.scenario.edit.rigid import moved

from ..towns import SEEDS, town


def test_what_the_ego_sees_does_not_change():
    scenario = town(SEEDS[1])
    turn = geometry.transform(
        geometry.rotation_from_quaternion(geometry.quaternion_from_yaw(np.array(2.0))), np.array([5.0, -3.0, 1.0])
    )
    other = moved(scenario, turn)
    for index in (0, 100):
        a, b = scenario.frame(index), other.frame(index)
        for one, two in zip(a.actors, b.actors, strict=True):
            seen = [geometry.invert(f.world_from_ego) @ actor.world_from_actor for f, actor in ((a, one), (b, two))]
            np.testing.assert_allclose(*seen, atol=1e-8)
            np.testing.assert_allclose(np.linalg.norm(one.velocity_mps), np.linalg.norm(two.velocity_mps), atol=1e-9)
        lanes = [geometry.apply(geometry.invert(f.world_from_ego), f.map.lanes[3].centerline_m) for f in (a, b)]
        np.testing.assert_allclose(*lanes, atol=1e-8)
