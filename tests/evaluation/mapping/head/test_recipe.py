"""The map head's recipe: a mirrored picture is a picture, what is drawn lies on the lines, and it learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from everroad.evaluation.detector.codes import Lens
from everroad.evaluation.labelled_clips import LabelledClips, LabelledSet, render_labelled
from everroad.evaluation.mapping.ground_truth import Window
from everroad.evaluation.mapping.head.config import CELL_M, MapHeadConfig
from everroad.evaluation.mapping.head.ground import in_picture, in_window, taken
from everroad.evaluation.mapping.head.network import MapHead
from everroad.evaluation.mapping.head.recipe import MapBatch, MapHeadRecipe, make_batch, mirrored_batch
from everroad.evaluation.mapping.head.ship import score
from everroad.evaluation.mapping.head.truth import MapTruth, map_truth

pytestmark = pytest.mark.slow  # towns are authored and painted

CLIPS = LabelledSet(towns=1, clips=2, key_frames=2, town_seconds=4.0)
SMALL = MapHeadConfig(widths=(4, 8, 8, 8), ground=(8, 8), query=16, queries=8, heads=2)


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> tuple[LabelledClips, MapTruth]:
    clips = render_labelled(CLIPS, 0)
    return clips, map_truth(CLIPS, clips, Window(), 20, tmp_path_factory.mktemp("truth"), 0)


@pytest.fixture(scope="module")
def batch(known: tuple[LabelledClips, MapTruth]) -> MapBatch:
    return make_batch(*known, torch.arange(4), SMALL)


def test_mirrored_lines_lie_in_the_mirrored_picture(batch: MapBatch) -> None:
    turned = mirrored_batch(batch, torch.tensor([True, True, True, False]))
    at = in_picture(batch.lines_m, Lens(batch.intrinsics, batch.ego_from_camera), 128, 224)
    mirrored = in_picture(turned.lines_m, Lens(turned.intrinsics, turned.ego_from_camera), 128, 224)
    there = batch.label[:3] >= 0
    torch.testing.assert_close(mirrored[:3][there], at[:3][there] * torch.tensor([-1.0, 1.0]), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(mirrored[3], at[3])
    assert torch.linalg.det(turned.ego_from_camera[:, :3, :3]).allclose(torch.ones(4), atol=1e-4)
    again = mirrored_batch(turned, torch.tensor([True, True, True, False]))
    torch.testing.assert_close(again.images, batch.images)
    torch.testing.assert_close(again.lines_m, batch.lines_m)


@pytest.mark.parametrize("mirrored", [False, True])
def test_what_is_drawn_lies_on_the_lines(batch: MapBatch, mirrored: bool) -> None:
    batch = mirrored_batch(batch, torch.full((4,), mirrored))
    drawn = taken(batch.drawn, in_window(batch.lines_m, SMALL.window))
    there = batch.label >= 0
    of = batch.label.clamp(min=0).long()[..., None, None].expand(-1, -1, 20, 1)
    on_line = drawn.gather(3, of)[there]
    assert (on_line > 0.1).float().mean() > 0.95
    assert batch.drawn.sum() < 2.5 * 35 / CELL_M * there.sum()


def test_a_few_train_steps_on_a_batch_lower_its_loss(batch: MapBatch) -> None:
    recipe = MapHeadRecipe(name="x", train_steps=1, batch=1, network=SMALL, clips=CLIPS)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = MapHead(SMALL)
    optimiser = torch.optim.AdamW(head.parameters(), lr=3e-3)
    losses, parts = [], {}
    for train_step in range(25):
        loss, parts = recipe.loss(head, batch, train_step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.7 * losses[0]
    assert set(parts) == {"heat", "drawn", "told", "kinds", "lines"}


def test_batches_are_addressed_by_their_train_step(known: tuple[LabelledClips, MapTruth]) -> None:
    recipe = MapHeadRecipe(name="x", train_steps=1, batch=2, network=SMALL, clips=CLIPS)
    batches = recipe.drawn_batches(*known, 0)
    next(batches)
    second, again = next(batches), next(recipe.drawn_batches(*known, 1))
    assert torch.equal(second.images, again.images)
    assert torch.equal(second.lines_m, again.lines_m)


@pytest.mark.slow
def test_it_finds_the_map_in_the_few_pictures_that_it_learnt(known: tuple[LabelledClips, MapTruth], batch: MapBatch) -> None:
    recipe = MapHeadRecipe(name="x", train_steps=1, batch=1, clips=CLIPS)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        head = MapHead()
    before = score(head.eval(), known[0], CLIPS)["mAP"]["value"]
    optimiser = torch.optim.AdamW(head.train().parameters(), lr=2e-3)
    for train_step in range(120):
        loss, _ = recipe.loss(head, batch, train_step)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 10.0)
        optimiser.step()
    after = score(head.eval(), known[0], CLIPS)["mAP"]["value"]
    assert before < 0.1
    assert after > 0.8


def test_bad_settings_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="batch: expected 1 to"):
        MapHeadRecipe(name="x", train_steps=1, batch=0)
    with pytest.raises(ValueError, match="lines: expected 0 to 1000, got -1"):
        MapHeadRecipe(name="x", train_steps=1, lines=-1.0)
    with pytest.raises(ValueError, match="as wide to the left as to the right"):
        MapHeadRecipe(name="x", train_steps=1, network=replace(SMALL, window=Window(0.0, 30.0, -10.0, 12.0)))
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match="cache_dir"):
        replace(MapHeadRecipe(name="x", train_steps=1), cache_dir=str(tmp_path / "file")).check()
