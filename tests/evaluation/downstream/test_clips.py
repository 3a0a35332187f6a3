"""Clips twice over: the same labels, and the frames of the stream that they name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from everroad.evaluation.candidates import Candidate
from everroad.evaluation.downstream import clips as module
from everroad.evaluation.downstream.clips import (
    PairedSet,
    clip_frames,
    generated_clips,
    open_training_town,
    painted_clips,
)
from everroad.evaluation.labelled_clips import LabelledClips, LabelledSet
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.sources.model import ModelPictures
from everroad.evaluation.sources.open import Format
from everroad.evaluation.sources.types import Picture

pytestmark = pytest.mark.slow  # towns are authored and painted

SET = LabelledSet(towns=2, clips=2, key_frames=2, key_frame_step=3, height_px=64, width_px=112, town_seconds=1.5)
WANTED = PairedSet(SET, Format(64, 112, 12.0))


@dataclass(frozen=True)
class Numbered:
    """Pictures that say which frame of which town they are. Fails once ``turns`` batches were streamed."""

    turns: list[int]
    name: str = "numbered"

    def described(self) -> Mapping[str, Any]:
        return {"kind": "numbered", "device": "any", "card": {}}

    def pictures(self, towns: Sequence[EvaluationTown]) -> Iterator[list[Picture]]:
        self.turns.append(len(towns))
        for frame_index in count():
            yield [np.full((64, 112, 3), (frame_index, town.seed % 251, 7), np.uint8) for town in towns]


@pytest.fixture(scope="module", autouse=True)
def kept_towns() -> Iterator[None]:
    """A town is the same whoever asks, and dear."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "open_training_town", lru_cache(open_training_town))
        patch.setattr(module, "painter_digest", lambda: "painter")
        yield


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture(scope="module")
def painted(cache: Path) -> LabelledClips:
    return painted_clips(WANTED, cache, workers=0)


def test_the_painters_clips_are_its_pictures_of_one_rig(painted: LabelledClips) -> None:
    assert painted.images.shape == (4, 3, 3, 64, 112)
    town = module.open_training_town(WANTED, 1)
    frames = clip_frames(WANTED, town, 1)
    assert painted.first_frame[2:].tolist() == [of[0] for of in frames]
    assert frames[0][0] >= 1
    assert all(np.diff(of).tolist() == [3, 1] for of in frames)
    assert np.array_equal(painted.images[2, 1].permute(1, 2, 0).numpy(), town.picture(frames[0][1]))
    assert torch.equal(painted.intrinsics[2], painted.intrinsics[3])
    assert not torch.equal(painted.intrinsics[1], painted.intrinsics[2])
    assert painted.town_seed.max() < 1_000_000


@pytest.mark.parametrize("streams", [1, 2, 5])
def test_generated_clips_are_the_named_frames_of_their_towns_stream(
    painted: LabelledClips, tmp_path: Path, streams: int
) -> None:
    turns: list[int] = []
    made = generated_clips(painted, WANTED, Numbered(turns), tmp_path, streams)
    assert turns == ([1, 1] if streams == 1 else [2])
    steps = torch.tensor([0, 3, 4])
    assert torch.equal(made.images[:, :, 0, 0, 0], (painted.first_frame[:, None] + steps).to(torch.uint8))
    assert made.images[:, 0, 1, 5, 5].tolist() == (painted.town_seed % 251).tolist()
    again = generated_clips(painted, WANTED, Numbered(turns), tmp_path, streams)
    assert turns == ([1, 1] if streams == 1 else [2])  # read, not streamed
    assert torch.equal(again.images, made.images)


def test_a_town_that_is_missing_is_streamed_with_its_batch(painted: LabelledClips, tmp_path: Path) -> None:
    turns: list[int] = []
    made = generated_clips(painted, WANTED, Numbered(turns), tmp_path, 2)
    next(tmp_path.glob("generated-*-00001-*")).unlink()
    again = generated_clips(painted, WANTED, Numbered(turns), tmp_path, 2)
    assert turns == [2, 2]
    assert torch.equal(again.images, made.images)


def test_a_world_models_clips_differ_in_their_pictures_alone(kit, painted: LabelledClips, cache: Path) -> None:
    source = ModelPictures(Candidate("tiny", kit.model), steps=1)
    made = generated_clips(painted, WANTED, source, cache, streams=2)
    for of in fields(LabelledClips):
        assert torch.equal(getattr(made, of.name), getattr(painted, of.name)) == (of.name != "images"), of.name
    assert made.images.shape == painted.images.shape
    assert all(not torch.equal(ours, theirs) for ours, theirs in zip(made.images, painted.images, strict=True))
    kinds = {path.name.rsplit("-", 2)[0] for path in cache.iterdir()}
    assert len(kinds) == 2
    other = ModelPictures(Candidate("tiny", kit.model), steps=2)
    assert not torch.equal(generated_clips(painted, WANTED, other, cache, streams=2).images, made.images)
    assert len({path.name.rsplit("-", 2)[0] for path in cache.iterdir()}) == 3  # beside each other


def test_another_rate_is_refused() -> None:
    with pytest.raises(ValueError, match="expected pictures at 12 Hz, got 10"):
        replace(WANTED, form=Format(64, 112, 10.0))
