"""Painted clips with boxes, depth and poses: what is in them lies where the pictures show it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from everroad import geometry
from everroad.evaluation.labelled_clips import NO_BOX, LabelledClips, LabelledSet, labelled_clips, render_labelled, town_seeds
from everroad.render.semantics import SEMANTIC_CLASSES

SMALL = LabelledSet(towns=2, clips=2, key_frames=2, height_px=64, width_px=112, town_seconds=4.0)


@pytest.fixture(scope="module")
def first() -> LabelledClips:
    return render_labelled(SMALL, 1)


def test_shapes_and_types_are_as_stated(first: LabelledClips) -> None:
    assert first.images.shape == (2, 3, 3, 64, 112)
    assert first.boxes.shape == (2, 2, 32, 9)
    assert max(town_seeds(SMALL)) < 1_000_000
    assert town_seeds(SMALL)[1] == int(first.town_seed[0])


@pytest.mark.slow
def test_a_set_is_rendered_once_and_is_what_its_towns_give(first: LabelledClips, tmp_path: Path) -> None:
    heard: list[tuple[int, int]] = []
    whole = labelled_clips(SMALL, tmp_path, workers=0, progress=lambda *at: heard.append(at))
    assert heard == [(1, 2), (2, 2)]
    assert torch.equal(whole.images[2:], first.images)
    assert torch.equal(whole.boxes[2:], first.boxes)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again = labelled_clips(SMALL, tmp_path, workers=0)
    assert torch.equal(again.depth_m, whole.depth_m)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before


def test_boxes_are_where_vehicles_are_seen(first: LabelledClips) -> None:
    """The middle of a box projects into the picture of its class, and its depth is near that of the pixels there."""
    hits = 0
    classes = np.array(SEMANTIC_CLASSES)
    for clip, key in np.ndindex(2, 2):
        camera_from_ego = geometry.invert(first.ego_from_camera[clip].double().numpy())
        of_frame = first.boxes[clip, key].numpy(), first.box_class[clip, key].tolist(), first.box_pixels[clip, key].tolist()
        for box, index, pixels in zip(*of_frame, strict=True):
            assert (index == NO_BOX) == (pixels == 0)
            if index != 0 or pixels < 60:
                continue
            at = geometry.apply(camera_from_ego, box[None, :3].astype(np.float64))[0]
            column, row = (first.intrinsics[clip].numpy() @ at)[:2] / at[2]
            if not (0 <= column <= 111 and 0 <= row <= 63):
                continue
            there = first.semantic[clip, key, round(row), round(column)]
            depth = float(first.depth_m[clip, key, round(row), round(column)])
            if classes[there] == "vehicle" and at[2] - box[3] < depth < at[2] + box[3]:
                hits += 1
            else:
                assert depth < at[2]  # something nearer hides its middle
    assert hits >= 2


def test_the_last_picture_follows_the_last_key_frame_at_once(first: LabelledClips) -> None:
    apart = torch.linalg.norm(first.first_from_ego.diff(dim=1)[..., :3, 3], dim=-1)
    assert torch.allclose(first.first_from_ego[:, 0], torch.eye(4), atol=1e-5)
    moving = apart[:, 0] > 0.5
    assert moving.any()
    ratio = apart[moving, 0] / apart[moving, 1]  # half a second and a twelfth
    assert ((ratio > 4) & (ratio < 9)).all()


@pytest.mark.parametrize(
    "changes", [{"towns": 0}, {"clips": 0}, {"key_frames": 0}, {"boxes": 0}, {"town_seconds": 0.1}, {"width_px": 60}]
)
def test_bad_sets_are_refused(changes: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        replace(SMALL, **changes)  # type: ignore[arg-type]
