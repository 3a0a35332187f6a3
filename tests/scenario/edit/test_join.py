from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everroad import geometry
from everroad.scenario.edit.join import join
from everroad.scenario.edit.look import with_look
from everroad.scenario.edit.rigid import moved
from everroad.scenario.edit.time import cut
from everroad.scenario.resample import resample
from everroad.scenario.rigs import with_rig
from everroad.scenario.types import GroundHeight, Signal

from ..strategies import difference
from ..towns import SEEDS, town
from .straight import road, standing


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("seam", [1, 77, 190])
def test_the_pieces_of_a_cut_are_one_again(seed, seam):
    whole = town(seed)
    again = join(cut(whole, 0, seam), cut(whole, seam, len(whole) - 1))
    np.testing.assert_allclose(again.time_s, whole.time_s, atol=1e-9)
    order = {actor.track_id: actor for actor in again.actors}
    # Who came only later stands behind the others in the list; all else is the same bit for bit.
    again = replace(again, time_s=whole.time_s, actors=tuple(order[actor.track_id] for actor in whole.actors))
    assert difference(whole, again) is None


def test_a_second_that_starts_elsewhere_is_moved_with_all_it_has():
    first = replace(road(), actors=(standing("car", 300.0, 50.0),), name="first")
    signal = Signal("s", np.array([10.0, 2.0, 3.0]), "inner", ("red",) * 121)
    second = replace(road(), actors=(standing("car", 60.0, -5.0), standing("other", 20.0, 30.0)), signals=(signal,))
    away = np.eye(4)
    away[:3, :3] = geometry.rotation_from_quaternion(geometry.quaternion_from_yaw(np.array(0.7)))
    away[:3, 3] = [40.0, -7.0, 2.0]
    out = join(first, moved(second, away))
    assert len(out) == 241
    np.testing.assert_allclose(np.diff(out.time_s), 1 / 12, atol=1e-9)
    x = out.world_from_ego.translation_m
    np.testing.assert_allclose(x[:, 0], 10.0 * out.time_s, atol=1e-9)
    np.testing.assert_allclose(x[:, 1:], 0.0, atol=1e-9)
    assert [actor.track_id for actor in out.actors] == ["car", "car.2", "other"]
    assert out.actors[0].valid.tolist() == [True] * 121 + [False] * 120
    assert out.actors[1].valid.tolist() == [False] * 121 + [True] * 120
    np.testing.assert_allclose(out.actors[1].poses.translation_m[-1], [160.0, -5.0, 0.75], atol=1e-9)
    np.testing.assert_allclose(out.signals[0].position_m, [110.0, 2.0, 3.0], atol=1e-9)
    assert out.signals[0].states == ("unknown",) * 121 + ("red",) * 120
    assert out.signals[0].lane_id == "inner.2"
    lanes = {lane.lane_id: lane for lane in out.map.lanes}
    assert len(lanes) == 8
    np.testing.assert_allclose(lanes["inner.2"].centerline_m[0], [50.0, 3.5, 0.0], atol=1e-9)
    assert lanes["inner.2"].right_neighbour == "outer.2"


def test_ground_heights_are_united():
    flat = GroundHeight(np.array([-50.0, -5.0]), 1.0, np.zeros((11, 300)))
    first, second = replace(road(), ground=flat), replace(road(), ground=flat, name="second")
    up = np.eye(4)
    up[:3, 3] = [0.0, 100.0, 2.0]
    out = join(first, moved(second, up))
    np.testing.assert_allclose(out.ground.at(np.array([[0.0, 0.0], [340.0, 0.0], [600.0, 0.0]])), [0.0, 0.0, np.nan])


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda s: with_rig(s, "nuscenes-6"), "join: expected two scenarios with the same cameras"),
        (lambda s: with_look(s, weather="rain"), "join: expected one weather throughout, got clear and rain"),
        (lambda s: with_look(s, time_of_day="night"), "join: expected one time_of_day throughout, got day and night"),
        (lambda s: cut(s, 3, 3), "join: expected a second scenario of two frames at least, got one"),
    ],
)
def test_what_does_not_go_together_is_refused(change, words):
    with pytest.raises(ValueError, match=words):
        join(road(), change(road()))


def test_without_moving_the_poses_must_meet():
    whole = road()
    with pytest.raises(ValueError, match=r"join: expected the second to start where the first ends, got 100\.000 m between"):
        join(whole, whole, move=False)
    assert len(join(cut(whole, 0, 60), cut(whole, 60, 120), move=False)) == 121


def test_two_frame_rates_are_refused_and_jitter_is_not():
    first = road()
    slower = replace(resample(road(), 10.0), name="slower")
    with pytest.raises(ValueError, match=r"^join: expected two scenarios of one frame rate, got 12 Hz and 10 Hz; bring"):
        join(first, slower)
    assert len(join(first, resample(slower, 12.0))) == 241
    # 29.97 and 30 frames a second are called the same; one frame alone has no rate.
    assert len(join(resample(first, 30.0), replace(resample(first, 29.97), name="other"))) > 500
    assert len(join(cut(first, 0, 0), slower)) == len(slower)
    # Time stamps that jitter: two pieces of one recording are joined whatever their means are.
    jitter = replace(first, time_s=first.time_s + np.where(np.arange(121) % 2, 0.02, 0.0))
    assert join(cut(jitter, 0, 1), cut(jitter, 1, 3)).time_s.tolist() == pytest.approx(jitter.time_s[:4].tolist())
