"""The truth as points: their order, and that of painted clips lies where the map has it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import shapely
import torch
from hypothesis import given
from hypothesis import strategies as st

from everroad.data.clips import FRAME_RATE_HZ
from everroad.evaluation.labelled_clips import LabelledSet, render_labelled
from everroad.evaluation.mapping.elements import elements_of
from everroad.evaluation.mapping.ground_truth import Window
from everroad.evaluation.mapping.head.seen import seen_elements
from everroad.evaluation.mapping.head.truth import ELEMENTS, NO_ELEMENT, map_truth, ordered_points, padded
from everroad.scenario.town import author_town
from everroad.scenario.types import Camera

CLIPS = LabelledSet(towns=1, clips=2, key_frames=2, town_seconds=4.0, height_px=64, width_px=112)


@given(st.floats(-3.1, 3.1), st.booleans(), st.integers(0, 3))
def test_an_outline_is_told_the_same_wherever_it_begins(turn: float, backwards: bool, first: int) -> None:
    corners = np.array([[0, 0], [4, 0], [4, 2.5], [0, 2.5]]) @ np.array(
        [[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]]
    ) + [12.0, 1.3]
    away = np.sort(np.linalg.norm(corners, axis=1))
    if away[1] - away[0] < 1e-6:
        return
    expected = ordered_points(np.concatenate([corners, corners[:1]]), 20, True)
    ring = np.roll(corners[::-1] if backwards else corners, first, axis=0)
    np.testing.assert_allclose(ordered_points(np.concatenate([ring, ring[:1]]), 20, True), expected, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(expected[0]), away[0])
    assert shapely.LinearRing(expected).is_ccw
    assert not np.allclose(expected[0], expected[-1])


def test_a_line_begins_at_its_nearer_end() -> None:
    line = np.array([[20.0, 3.0], [10.0, 0.0], [5.0, 0.0]])
    points = ordered_points(line, 20, False)
    np.testing.assert_allclose(points[[0, -1]], [[5, 0], [20, 3]])
    np.testing.assert_allclose(ordered_points(line[::-1], 20, False), points)


def test_of_too_many_elements_the_longest_are_kept() -> None:
    lines = [("divider", np.array([[5.0, i], [6.0 + i, i]])) for i in range(ELEMENTS + 3)]
    points, label = padded(elements_of(lines), 20)
    assert label.tolist() == [1] * ELEMENTS
    assert points[0, 0].tolist() == [5.0, 3.0]
    assert padded(elements_of(lines[:2]), 20)[1].tolist() == [1, 1] + [NO_ELEMENT] * (ELEMENTS - 2)


@pytest.mark.slow
def test_the_truth_of_clips_is_that_of_their_frames_and_lenses(tmp_path: Path) -> None:
    clips = render_labelled(CLIPS, 0)
    (tmp_path / "labelled-00000-other.safetensors").touch()  # the folder may be that of the clips
    truth = map_truth(CLIPS, clips, Window(), 20, tmp_path, 0)
    assert len(list(tmp_path.glob("labelled-*"))) == 1
    again = map_truth(CLIPS, clips, Window(), 20, tmp_path, 0)
    assert torch.equal(again.lines_m, truth.lines_m)
    scenario = author_town(int(clips.town_seed[0]), seconds=4.0, frame_rate_hz=FRAME_RATE_HZ)
    for i, k in np.ndindex(2, 2):
        lens = clips.intrinsics[i].double().numpy(), clips.ego_from_camera[i].double().numpy()
        frame_index = int(clips.first_frame[i]) + k * CLIPS.key_frame_step
        seen = seen_elements(scenario, frame_index, Camera("CAM", 112, 64, *lens))
        label = truth.label[i, k]
        assert label[label >= 0].tolist() == seen.label.tolist()
        for line, points in zip(seen.lines_m, truth.lines_m[i, k].numpy(), strict=False):
            assert shapely.LineString(line).buffer(1e-3).covers(shapely.MultiPoint(points))
    assert (truth.label >= 0).sum() > 4
