"""The segmenter's recipe: addressed batches, the Dice term, and that it learns."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch

from everroad.evaluation import segmenter_recipe as module
from everroad.evaluation.painted_frames import PaintedFrames
from everroad.evaluation.segmenter import SegmenterConfig
from everroad.evaluation.segmenter_recipe import PALETTE, SEGMENTER_RECIPES, SegmenterRecipe, dice
from everroad.render.semantics import SEMANTIC_CLASSES
from everroad.training.engine import train
from everroad.training.overrides import apply_overrides
from everroad.training.recipe import LoopConfig, OptimiserConfig

GREY_OF_CLASS = (20, 120, 220)


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> SegmenterRecipe:
    """Learns from made-up pictures: blocks of three greys, whose classes are 0, 1 and 2."""
    draw = np.random.default_rng(0)
    semantic = np.kron(draw.integers(0, 3, (12, 4, 6)), np.ones((1, 8, 8))).astype(np.uint8)
    grey = np.array(GREY_OF_CLASS, dtype=np.uint8)[semantic]
    painted = PaintedFrames(torch.from_numpy(grey)[:, None].repeat(1, 3, 1, 1), torch.from_numpy(semantic))
    monkeypatch.setattr(module, "painted_frames", lambda config, cache_dir, workers: painted)
    monkeypatch.setattr(SegmenterRecipe, "sample_strip", lambda self, network, train_step: None)
    recipe = SEGMENTER_RECIPES["segmenter"]
    assert isinstance(recipe, SegmenterRecipe)
    return replace(
        recipe,
        batch=4,
        train_steps=60,
        network=SegmenterConfig((8, 8, 8)),
        optimiser=OptimiserConfig(learning_rate=1e-2, warmup_steps=2, ema_decay=0.5),
        loop=LoopConfig(log_steps=5),
        cache_dir=str(tmp_path / "cache"),
    )


def test_a_batch_is_a_function_of_its_train_step(recipe: SegmenterRecipe) -> None:
    from_start, from_third = list(islice(recipe.batches(0), 5)), list(islice(recipe.batches(3), 2))
    for one, same in zip(from_start[3:], from_third, strict=True):
        assert torch.equal(one.images, same.images)
        assert torch.equal(one.semantic, same.semantic)
    assert not torch.equal(from_start[3].semantic, from_start[4].semantic)


def test_pictures_and_classes_stay_together(recipe: SegmenterRecipe) -> None:
    sizes = set()
    for batch in islice(recipe.batches(0), 12):
        sizes.add(batch.images.shape[-2:])
        assert batch.images.shape[-2:] == batch.semantic.shape[-2:]
        greys = torch.tensor(GREY_OF_CLASS)[batch.semantic.long()] / 255
        assert float((batch.images.mean(1) - greys).abs().median()) < 0.15
    assert sizes == {(32, 48), (16, 24)}


def test_dice_of_certain_and_of_wrong_answers() -> None:
    classes = torch.tensor([[[0, 0, 1, 1]]])
    certain = 50.0 * torch.nn.functional.one_hot(classes, 3).permute(0, 3, 1, 2)
    assert float(dice(certain, classes)) == pytest.approx(1.0)
    assert float(dice(certain, 1 - classes)) == pytest.approx(0.0, abs=1e-6)
    # Always class 0: 2 * 2 / (4 + 2) for class 0 and nothing for class 1; class 2 does not occur and does not count.
    assert float(dice(certain[..., :1].expand(-1, -1, -1, 4), classes)) == pytest.approx((2 * 2 / 6 + 0) / 2)


def test_it_learns(recipe: SegmenterRecipe, tmp_path: Path) -> None:
    result = train(recipe, tmp_path / "run", threads=1, quiet=True)
    batch = next(recipe.batches(recipe.train_steps))
    before, _ = recipe.loss(recipe.build(), batch, 0)
    after, metrics = recipe.loss(result.ema, batch, 0)
    assert float(after.detach()) < 0.5 * float(before.detach())
    assert float(metrics["right"]) > 0.9


def test_where_pictures_are_kept_does_not_change_the_run(recipe: SegmenterRecipe) -> None:
    assert {"workers", "cache_dir"} <= set(recipe.free_fields())


def test_a_colour_for_each_class() -> None:
    assert len({tuple(colour) for colour in PALETTE.tolist()}) == len(SEMANTIC_CLASSES)


@pytest.mark.parametrize(
    "override",
    ["batch=0", "batch=1e9", "half_size=2", "dice=nan", "workers=-1", "pictures.town_seconds=nan", "damage.noise=-1"],
)
def test_settings_that_cannot_be_are_refused(override: str) -> None:
    with pytest.raises(ValueError, match=rf"^{override.split('=')[0]}: expected"):
        apply_overrides(SEGMENTER_RECIPES["segmenter"], [override])
