"""The detector's recipe: a mirrored clip is a clip, and it learns."""

from __future__ import annotations

import pytest
import torch

from everroad.evaluation.detector.codes import Lens, encode, told
from everroad.evaluation.detector.config import DetectorConfig
from everroad.evaluation.detector.losses import wanted
from everroad.evaluation.detector.network import Detector
from everroad.evaluation.detector.recipe import DetectorBatch, DetectorRecipe, make_batch, mirrored_batch
from everroad.evaluation.labelled_clips import LabelledSet, render_labelled

pytestmark = pytest.mark.slow

CLIPS = LabelledSet(towns=1, clips=2, key_frames=2, town_seconds=4.0)
SMALL = DetectorConfig(widths=(4, 8, 8, 8), query=16, queries=8, remembered=4, heads=2)


@pytest.fixture(scope="module")
def batch() -> DetectorBatch:
    return make_batch(render_labelled(CLIPS, 0), torch.arange(2))


def test_mirrored_boxes_lie_in_the_mirrored_picture(batch: DetectorBatch) -> None:
    turned = mirrored_batch(batch, torch.ones(2, dtype=torch.bool))
    for k in range(2):
        there = told(encode(batch.boxes[:, k]), Lens(batch.intrinsics, batch.ego_from_camera))
        mirrored = told(encode(turned.boxes[:, k]), Lens(turned.intrinsics, turned.ego_from_camera))
        ahead = (there[2] > 1) & (batch.box_class[:, k] >= 0)
        assert ahead.any()
        width = batch.images.shape[-1]
        torch.testing.assert_close(mirrored[0][ahead][:, 0], width - 1 - there[0][ahead][:, 0], atol=1e-2, rtol=1e-4)
        torch.testing.assert_close(mirrored[0][ahead][:, 1], there[0][ahead][:, 1], atol=1e-2, rtol=1e-4)
        torch.testing.assert_close(mirrored[2][ahead], there[2][ahead], atol=1e-3, rtol=1e-4)
    assert torch.linalg.det(turned.ego_from_camera[:, :3, :3]).allclose(torch.ones(2), atol=1e-4)
    again = mirrored_batch(turned, torch.ones(2, dtype=torch.bool))
    torch.testing.assert_close(again.boxes, batch.boxes)
    torch.testing.assert_close(again.first_from_ego, batch.first_from_ego)


def test_the_way_of_a_mirrored_ego_turns_the_other_way(batch: DetectorBatch) -> None:
    turned = mirrored_batch(batch, torch.tensor([True, False]))
    torch.testing.assert_close(turned.first_from_ego[0, :, 1, 3], -batch.first_from_ego[0, :, 1, 3])
    torch.testing.assert_close(turned.first_from_ego[1], batch.first_from_ego[1])


def test_what_is_hardly_seen_is_neither_wanted_nor_wrong(batch: DetectorBatch) -> None:
    truth = wanted(batch.boxes[:, 0], batch.box_class[:, 0], torch.full_like(batch.box_pixels[:, 0], 3), 60.0)
    assert not truth.clear.any()


def test_a_few_train_steps_on_a_batch_lower_its_loss(batch: DetectorBatch) -> None:
    recipe = DetectorRecipe(name="x", train_steps=1, batch=1, network=SMALL, clips=CLIPS)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        detector = Detector(SMALL)
    optimiser = torch.optim.AdamW(detector.parameters(), lr=3e-3)
    losses = []
    for train_step in range(25):
        loss, parts = recipe.loss(detector, batch, train_step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert set(parts) == {"heat", "told", "kinds", "codes"}


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="batch: expected 1 to"):
        DetectorRecipe(name="x", train_steps=1, batch=0)
    with pytest.raises(ValueError, match="heads share"):
        DetectorConfig(query=10, heads=4)
