from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation, Slerp

from everroad import geometry
from everroad.scenario.resample import MAX_GAP_S, bracket, frame_times, resample
from everroad.scenario.types import Actor, Camera, Poses, Scenario, Signal

from .strategies import difference
from .test_storage import still


def straight(time_s, start=(0.0, 0.0, 0.0), velocity=(10.0, -2.0, 0.5)) -> Poses:
    """Constant velocity and a constant turn of 0.3 rad/s about z."""
    return Poses(np.array(start) + np.outer(time_s, velocity), geometry.quaternion_from_yaw(0.3 * time_s))


def actor(time_s, valid, **changes) -> Actor:
    velocity = np.tile([10.0, -2.0, 0.5], (len(time_s), 1))
    built = Actor("a", "vehicle.car", np.array([4.0, 2.0, 1.5]), straight(time_s), np.asarray(valid, dtype=bool), velocity)
    return replace(built, **changes)


def scenario(frames: int, rate_hz: float, **changes) -> Scenario:
    time_s = np.arange(frames) / rate_hz
    return replace(Scenario("s", time_s, straight(time_s)), **changes)


@pytest.mark.parametrize(
    ("frames", "source_hz", "wanted_hz", "expected"),
    [
        (156, 10, 12, 187),  # 15.5 s and the instant at their very end
        (155, 10, 12, 185),
        (101, 10, 12, 121),
        (1, 10, 12, 1),
        (2, 10, 12, 2),
        (240, 12, 24, 479),
        (240, 12, 6, 120),
    ],
)
def test_the_number_of_frames(frames, source_hz, wanted_hz, expected):
    resampled = resample(scenario(frames, source_hz), float(wanted_hz))
    assert len(resampled) == expected
    np.testing.assert_allclose(resampled.time_s, np.arange(expected) / wanted_hz, rtol=0, atol=1e-12)


def test_a_recording_a_hair_shorter_than_15_5_s_gives_186_frames():
    assert len(frame_times(15.499814, 12.0)) == 186


def test_an_end_that_rounding_moved_is_still_an_instant():
    for duration_s in (1 - 1e-9, 1.0, 1 + 1e-9, sum([0.1] * 10)):
        assert len(frame_times(duration_s, 12.0)) == 13


def test_constant_velocity_and_turn_stay_exactly_that():
    time_s = np.cumsum(np.random.default_rng(3).uniform(0.05, 0.15, 60))
    time_s -= time_s[0]
    irregular = Scenario("s", time_s, straight(time_s), actors=(actor(time_s, np.ones(60)),))
    resampled = resample(irregular, 12.0)
    for poses in (resampled.world_from_ego, resampled.actors[0].poses):
        expected = straight(resampled.time_s)
        np.testing.assert_allclose(poses.translation_m, expected.translation_m, atol=1e-9)
        np.testing.assert_allclose(poses.matrices(), expected.matrices(), atol=1e-9)
    np.testing.assert_allclose(resampled.actors[0].velocity_mps, np.tile([10.0, -2.0, 0.5], (len(resampled), 1)), atol=1e-9)
    assert resampled.actors[0].valid.all()


def test_positions_between_two_samples_by_hand():
    time_s = np.array([0.0, 0.3, 0.7])
    moved = Poses(np.array([[0, 0, 0], [3, 0, 0], [3, 4, 0]], dtype=float), still(3).rotation_wxyz)
    resampled = resample(Scenario("s", time_s, moved), 5.0)
    np.testing.assert_allclose(resampled.world_from_ego.translation_m, [[0, 0, 0], [2, 0, 0], [3, 1, 0], [3, 3, 0]], atol=1e-12)


def test_rotations_agree_with_scipy():
    rng = np.random.default_rng(5)
    time_s = np.concatenate([[0.0], np.cumsum(rng.uniform(0.05, 0.2, 40))])
    wxyz = rng.normal(size=(41, 4))
    wxyz /= np.linalg.norm(wxyz, axis=1, keepdims=True)
    resampled = resample(Scenario("s", time_s, Poses(np.zeros((41, 3)), wxyz)), 12.0)
    reference = Slerp(time_s, Rotation.from_quat(np.roll(wxyz, -1, axis=1)))(resampled.time_s)
    rotations = geometry.rotation_from_quaternion(resampled.world_from_ego.rotation_wxyz)
    np.testing.assert_allclose(rotations, reference.as_matrix(), atol=1e-9)


@settings(max_examples=60)
@given(
    valid=st.lists(st.booleans(), min_size=2, max_size=40),
    wanted_hz=st.floats(3, 40),
    source_hz=st.sampled_from([1.0, 2.0, 10.0, 12.0]),
)
def test_an_actor_is_nowhere_that_the_source_does_not_put_it(valid, wanted_hz, source_hz):
    time_s = np.arange(len(valid)) / source_hz
    source = scenario(len(valid), source_hz, actors=(actor(time_s, valid),))
    resampled = resample(source, wanted_hz)
    assume(resampled is not source)
    seen = np.flatnonzero(valid)

    def in_sight(instant: float) -> bool:
        before = seen[time_s[seen] <= instant + 1e-6]
        after = seen[time_s[seen] >= instant - 1e-6]
        if not (len(before) and len(after)):
            return False
        return after[0] - before[-1] <= 1 or time_s[after[0]] - time_s[before[-1]] <= MAX_GAP_S + 1e-6

    expected = [in_sight(instant) for instant in resampled.time_s]
    if not resampled.actors:
        assert not any(expected)
        return
    (found,) = resampled.actors
    assert found.valid.tolist() == expected
    truth = straight(resampled.time_s)
    np.testing.assert_allclose(found.poses.translation_m[found.valid], truth.translation_m[found.valid], atol=1e-6)
    assert np.isfinite(found.poses.translation_m).all()


def test_a_gap_is_bridged_up_to_half_a_second_and_no_further():
    time_s = np.arange(21) / 10
    for lost, bridged in ((range(8, 12), True), (range(8, 13), False)):
        valid = np.ones(21, dtype=bool)
        valid[list(lost)] = False
        (found,) = resample(scenario(21, 10, actors=(actor(time_s, valid),)), 20.0).actors
        middle = slice(15, 2 * (lost[-1] + 1))
        assert found.valid[middle].all() if bridged else not found.valid[middle].any()
        assert found.valid[:15].all()
        assert found.valid[2 * (lost[-1] + 1) :].all()


def test_an_actor_seen_between_two_new_instants_is_left_out():
    time_s = np.arange(3) / 10
    kept = resample(scenario(3, 10, actors=(actor(time_s, [False, True, False]),)), 12.0)
    assert kept.actors == ()


def test_what_switches_keeps_its_last_state():
    time_s = np.arange(4) / 10
    attributes, states, pictures = tuple("abcd"), ("red", "red", "green", "off"), ("0.png", "", "2.png", "3.png")
    changed = scenario(
        4,
        10,
        actors=(actor(time_s, [True, True, False, True], attributes=attributes),),
        signals=(Signal("s", np.zeros(3), None, states),),
        cameras=(Camera("CAM", 8, 6, np.eye(3), np.eye(4)),),
        images={"CAM": pictures},
    )
    resampled = resample(changed, 20.0)
    assert resampled.actors[0].attributes == tuple("aabbbbd")
    assert resampled.signals[0].states == ("red", "red", "red", "red", "green", "green", "off")
    assert resampled.images == {"CAM": ("0.png", "0.png", "", "", "2.png", "2.png", "3.png")}


def test_recorded_images_are_those_nearest_in_time():
    pictures = tuple(f"{i}.png" for i in range(26))
    camera = Camera("CAM", 8, 6, np.eye(3), np.eye(4))
    video = scenario(26, 25, cameras=(camera,), images={"CAM": pictures})
    picked = [int(name.removesuffix(".png")) for name in resample(video, 12.0).images["CAM"]]
    assert picked == [round(25 * i / 12) for i in range(13)]


def test_what_does_not_move_stays():
    camera = Camera("CAM", 8, 6, np.eye(3), np.eye(4))
    source = scenario(7, 10, cameras=(camera,), weather="rain", appearance_seed=9, start_stamp_ns=5)
    resampled = resample(source, 12.0)
    for name in ("name", "cameras", "map", "ground", "weather", "time_of_day", "appearance_seed", "start_stamp_ns", "source"):
        assert getattr(resampled, name) is getattr(source, name)


def test_the_same_rate_is_the_identity():
    source = scenario(50, 12, actors=(actor(np.arange(50) / 12, np.zeros(50)),))
    assert resample(source, 12.0) is source


def test_there_and_back_again():
    time_s = np.arange(30) / 12
    valid = (np.arange(30) > 4) & (np.arange(30) < 22)
    source = scenario(30, 12, actors=(actor(time_s, valid, attributes=tuple(str(i) for i in range(30))),))
    again = resample(resample(source, 24.0), 12.0)
    assert len(again) == len(source)
    np.testing.assert_allclose(again.world_from_ego.matrices(), source.world_from_ego.matrices(), atol=1e-12)
    assert again.actors[0].valid.tolist() == valid.tolist()
    seen = slice(5, 22)
    assert again.actors[0].attributes[seen] == source.actors[0].attributes[seen]
    assert difference(again.actors[0].size_lwh_m, source.actors[0].size_lwh_m) is None


def test_brackets_meet_the_samples_exactly():
    samples_s = np.array([0.0, 0.1, 0.25])
    at = bracket(samples_s, np.array([-1.0, 0.0, 0.05, 0.1 - 1e-9, 0.1, 0.175, 0.25, 9.0]))
    assert at.before.tolist() == [0, 0, 0, 1, 1, 1, 2, 2]
    assert at.after.tolist() == [0, 0, 1, 1, 1, 2, 2, 2]
    np.testing.assert_allclose(at.ratio, [0, 0, 0.5, 0, 0, 0.5, 0, 0], atol=1e-12)


@pytest.mark.parametrize(("seconds", "rate_hz"), [(1.0, 1e9), (1.0, 1e308), (1e9, 12.0), (1e7, 12.0), (1e12, 1e308)])
@pytest.mark.filterwarnings("error")
def test_more_frames_than_any_drive_has_are_refused_before_an_array_is_made(seconds, rate_hz):
    drive = Scenario("s", np.array([0.0, seconds]), straight(np.arange(2.0)))
    with pytest.raises(ValueError, match=r"frames: expected at most 1000000, got .* s at .* Hz\); take a lower frame rate"):
        resample(drive, rate_hz)


def test_more_poses_than_the_memory_holds_are_refused():
    times_s = np.arange(3) * 40_000.0
    actors = tuple(actor(times_s, [True] * 3, track_id=str(i)) for i in range(21))
    long = replace(scenario(3, 10), time_s=times_s, actors=actors)
    with pytest.raises(ValueError, match=r"actors: expected at most 20000000 poses of all of them, got 21 in 960001 frames"):
        resample(long, 12.0)


@pytest.mark.parametrize("rate_hz", [0.0, -1.0, float("nan"), float("inf")])
def test_a_senseless_rate_is_refused(rate_hz):
    with pytest.raises(ValueError, match="frame_rate_hz: expected a positive number"):
        resample(scenario(3, 10), rate_hz)
