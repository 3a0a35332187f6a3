"""Flow from depth and ego motion: closed forms, and the painter's own next picture."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from everroad.evaluation.features.flow import rigid_flow
from everroad.evaluation.features.recipe import MOVING
from everroad.evaluation.labelled_clips import LabelledSet, render_labelled

LENS = torch.tensor([[[100.0, 0.0, 15.5], [0.0, 100.0, 11.5], [0.0, 0.0, 1.0]]])
# Camera x right, y down, z ahead; ego x ahead, y left, z up.
LEVEL = torch.tensor([[[0.0, 0, 1, 1.5], [-1, 0, 0, 0], [0, -1, 0, 1.2], [0, 0, 0, 1]]])


def moved(ahead_m: float = 0.0, yaw_rad: float = 0.0) -> torch.Tensor:
    """The second ego frame from the first, of a car that has moved so."""
    turn = torch.tensor(yaw_rad)
    first_from_second = torch.eye(4)
    first_from_second[:2, :2] = torch.stack([torch.stack([turn.cos(), -turn.sin()]), torch.stack([turn.sin(), turn.cos()])])
    first_from_second[0, 3] = ahead_m
    return torch.linalg.inv(first_from_second)[None]


def test_driving_ahead_pushes_everything_away_from_the_middle() -> None:
    depth = torch.full((1, 24, 32), 10.0)
    flow, known = rigid_flow(depth, LENS, LEVEL, moved(2.0), 1)
    column, row = torch.meshgrid(torch.arange(32.0), torch.arange(24.0), indexing="xy")
    scale = 10 / 8 - 1
    assert known.all()
    torch.testing.assert_close(flow[0, 0], (column - 15.5) * scale, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(flow[0, 1], (row - 11.5) * scale, atol=1e-4, rtol=1e-4)


def test_a_turn_to_the_left_moves_the_far_to_the_right_whatever_its_depth() -> None:
    turn = moved(yaw_rad=0.05)
    offset = torch.eye(4)
    offset[0, 3] = -1.5  # about the camera, which sits ahead of the ego's origin
    about_camera = torch.linalg.inv(offset) @ turn @ offset
    flows = [rigid_flow(torch.full((1, 24, 32), depth), LENS, LEVEL, about_camera, 1)[0] for depth in (5.0, 50.0)]
    torch.testing.assert_close(*flows, atol=1e-3, rtol=1e-3)
    assert flows[0][0, 0, 12, 16] == pytest.approx(100 * torch.tan(torch.tensor(0.05)).item(), abs=0.1)


def test_the_sky_and_what_is_passed_are_untold() -> None:
    depth = torch.tensor([[[torch.inf, 10.0, 1.0]]])
    flow, known = rigid_flow(depth, LENS, LEVEL, moved(2.0), 1)
    assert known[0, 0].tolist() == [False, True, False]
    assert flow.isfinite().all()


@pytest.mark.slow
def test_the_painters_next_picture_is_the_warped_one() -> None:
    clips = render_labelled(LabelledSet(towns=2, clips=3, key_frames=1, town_seconds=4.0), 1)
    depth, pose = clips.depth_m[:, -1].float(), clips.first_from_ego
    second_from_first = torch.linalg.solve(pose[:, -1], pose[:, -2])
    flow, known = rigid_flow(depth, clips.intrinsics, clips.ego_from_camera, second_from_first, 1)
    height, width = depth.shape[-2:]
    at = torch.arange(width) + flow[:, 0], torch.arange(height)[:, None] + flow[:, 1]
    inside = (at[0] >= 0) & (at[0] <= width - 1) & (at[1] >= 0) & (at[1] <= height - 1)
    grid = torch.stack([2 * (at[0] + 0.5) / width - 1, 2 * (at[1] + 0.5) / height - 1], -1)
    warped = F.grid_sample(clips.images[:, -1].float(), grid, align_corners=False, padding_mode="border")
    counts = known & inside & ~torch.isin(clips.semantic[:, -1].long(), torch.tensor(MOVING))
    before = clips.images[:, -2].float()
    errors = [float((picture - before).abs().mean(1)[counts].mean()) for picture in (warped, clips.images[:, -1].float())]
    assert errors[0] < 0.75 * errors[1]
