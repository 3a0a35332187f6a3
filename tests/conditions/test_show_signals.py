from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from everroad.conditions.show_birds_eye import draw_birds_eye
from everroad.conditions.show_signals import COLOUR_OF_STATE, draw_signals
from everroad.conditions.show_view import draw_view, make_view
from everroad.scenario.types import Poses, Scenario, Signal


def hung(x, y, z=3.0, *states):
    return Signal(f"s{x}", np.array([x, y, z], dtype=np.float64), None, states)


@pytest.mark.parametrize("state", COLOUR_OF_STATE)
def test_a_disc_of_the_states_colour_is_where_the_signal_hangs(scene, state):
    """20 m ahead, 2 m left and 1.5 m above the camera: column 111.5 - 20, row 63.5 - 15; from above row 200, column 190."""
    signal = hung(20, 2, 3.0)
    frame, blank = replace(scene.frame(), signals=(("s20", state),)), np.zeros((128, 224, 3), dtype=np.uint8)
    seen = draw_signals(blank, frame, scene.camera(), [signal])
    assert tuple(seen[48, 92]) == COLOUR_OF_STATE[state]
    assert (blank == 0).all()
    assert np.abs(np.argwhere(seen.any(axis=2)).mean(axis=0) - [48.5, 91.5]).max() < 0.6
    assert tuple(draw_birds_eye(frame, 400, 400, signals=[signal])[200, 190]) == COLOUR_OF_STATE[state]


def test_signals_behind_far_away_or_without_a_state_are_not_drawn(scene):
    blank = np.zeros((128, 224, 3), dtype=np.uint8)
    frame = replace(scene.frame(), signals=(("s-20", "red"), ("s400", "red")))
    assert (draw_signals(blank, frame, scene.camera(), [hung(-20, 0), hung(400, 0), hung(20, 0)]) == 0).all()


def test_a_view_shows_the_state_of_each_frame(scene):
    poses = Poses(np.zeros((2, 3)), np.tile([1.0, 0, 0, 0], (2, 1)))
    plain = Scenario("s", np.arange(2.0), poses, (scene.camera(),))
    view = make_view(replace(plain, signals=(hung(20, 0, 3.0, "red", "green"),)), height_px=128)
    for index, state in enumerate(("red", "green")):
        found = (draw_view(view, index) == COLOUR_OF_STATE[state]).all(axis=-1)
        assert found[:, :128].any()  # from above
        assert found[:, -224:].any()
        assert not (draw_view(make_view(plain, height_px=128), index) == COLOUR_OF_STATE[state]).all(axis=-1).any()


def test_ids_are_written_from_above_too_and_not_over_one_another(scene):
    frame = scene.frame([scene.actor(30, 0, track_id="first"), scene.actor(30.2, 0, track_id="second")])
    alone = scene.frame([scene.actor(30, 0, track_id="first")])
    bare, one, two = (
        draw_birds_eye(f, 400, 400, ids=ids).astype(int) for f, ids in ((alone, False), (alone, True), (frame, True))
    )
    label = np.s_[120:138, 150:250]  # above the box
    assert (one[label] != bare[label]).any()
    np.testing.assert_array_equal(one[label], two[label])
