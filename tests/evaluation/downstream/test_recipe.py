"""Each kind of training sees the pictures that it says."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch

from everroad.evaluation.downstream import recipe as module
from everroad.evaluation.downstream.recipe import SMALL, Data, Maker
from everroad.evaluation.labelled_clips import LabelledClips
from everroad.evaluation.sources.open import Format

CLIPS, DARK, BRIGHT = 8, 20, 235


def clips(grey: int) -> LabelledClips:
    """Pictures of one grey, dark for the painter's and bright for the model's; the ego stands still."""
    eye = torch.eye(4)
    return LabelledClips(
        images=torch.full((CLIPS, 4, 3, 32, 64), grey, dtype=torch.uint8),
        semantic=torch.zeros(CLIPS, 3, 32, 64, dtype=torch.uint8),
        depth_m=torch.zeros(CLIPS, 3, 32, 64, dtype=torch.float16),
        boxes=torch.zeros(CLIPS, 3, 2, 9),
        box_class=torch.full((CLIPS, 3, 2), -1, dtype=torch.int16),
        box_pixels=torch.zeros(CLIPS, 3, 2, dtype=torch.int32),
        intrinsics=torch.eye(3).repeat(CLIPS, 1, 1),
        ego_from_camera=eye.repeat(CLIPS, 1, 1),
        first_from_ego=eye.repeat(CLIPS, 4, 1, 1),
        town_seed=torch.arange(CLIPS),
        first_frame=torch.arange(CLIPS),
    )


@pytest.fixture
def greys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Maker, "open", lambda self: (None, Format(128, 224, 12.0)))
    monkeypatch.setattr(module, "painted_clips", lambda *_: clips(DARK))
    monkeypatch.setattr(module, "generated_clips", lambda *_: clips(BRIGHT))


def bright(data: Data, steps: int = 6, first: int = 0) -> list[list[bool]]:
    """Which clips of each batch are the model's: of those the mean is bright, whatever the light damage."""
    recipe = replace(SMALL, data=data, train_steps=6)
    return [
        (batch.images.flatten(1).mean(1) > 0.5).tolist() for batch in islice(recipe.batches(first), steps)
    ]  # fmt: skip


@pytest.mark.usefixtures("greys")
def test_each_kind_sees_what_it_says() -> None:
    assert not any(map(any, bright("real")))
    assert all(map(all, bright("generated")))
    then = bright("generated-then-real")
    assert all(map(all, then[:3]))
    assert not any(map(any, then[3:]))
    both = sum(map(sum, bright("both")))
    assert 12 <= both <= 36  # of 48


@pytest.mark.usefixtures("greys")
def test_batches_do_not_depend_on_where_a_run_begins() -> None:
    for data in ("both", "generated-then-real"):
        assert bright(data, steps=4, first=2) == bright(data)[2:]


@pytest.mark.usefixtures("greys")
def test_real_and_generated_see_the_same_clips_with_the_same_harm() -> None:
    real, made = (next(iter(replace(SMALL, data=data).batches(5))) for data in ("real", "generated"))
    assert torch.equal(real.first_from_ego, made.first_from_ego)
    assert torch.equal(real.intrinsics, made.intrinsics)


def test_what_a_run_may_change() -> None:
    assert "train_steps" not in SMALL.free_fields()
    assert "maker.device" in SMALL.free_fields()
    assert SMALL.cache() != replace(SMALL, cache_dir="here").cache() == Path("here")


@pytest.mark.parametrize("changes", [{"streams": 0}, {"dtype": "float16"}])
def test_bad_makers_are_refused(changes: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(changes))):
        replace(Maker(), **changes)  # type: ignore[arg-type]
