"""The detector trained on the painter's pictures, on a world model's, or on both: ``everroad train town-downstream data=both``.

"Real" are the painter's pictures: in the towns that the painter makes they stand for recorded ones. Whatever the data, the
detector begins with the same weights and takes as many train steps of as many clips, with the same light damage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from everroad.data.addressing import addressed_generator
from everroad.evaluation.detector.recipe import DetectorBatch, DetectorRecipe, make_batch
from everroad.evaluation.downstream.clips import PairedSet, Progress, generated_clips, painted_clips
from everroad.evaluation.labelled_clips import LabelledClips, LabelledSet
from everroad.evaluation.sources.model import ModelPictures
from everroad.evaluation.sources.open import Format, open_sources
from everroad.stream.hardware import Stopwatch, usable_device
from everroad.stream.state import COMPUTE_DTYPES
from everroad.training.recipe import LoopConfig, OptimiserConfig, Recipe

Data = Literal["real", "generated", "both", "generated-then-real"]
KINDS: tuple[Data, ...] = ("real", "generated", "both", "generated-then-real")


@dataclass(frozen=True)
class Maker:
    """The world model: a preset with packaged weights, a weights file or a training's folder; how many towns it streams at
    once, and where and in what it computes."""

    model: str = "town"
    streams: int = 4
    device: str = "cpu"
    dtype: str = "float32"

    def __post_init__(self) -> None:
        if not 1 <= self.streams <= 1024:
            raise ValueError(f"streams: expected 1 to 1024, got {self.streams}; mend it")
        if self.dtype not in COMPUTE_DTYPES:
            raise ValueError(f"dtype: expected {' or '.join(COMPUTE_DTYPES)}, got '{self.dtype}'")

    def open(self) -> tuple[ModelPictures, Format]:
        """Its pictures, and their size and rate. Raises ``ValueError`` for what is no world model."""
        device = usable_device(self.device)
        opened = open_sources([self.model], steps=None, device=device, dtype=self.dtype, watch=Stopwatch(device))[0]
        if not isinstance(opened.source, ModelPictures) or opened.format is None:
            raise ValueError(f"{self.model}: expected a world model, got recorded runs; name a model")
        return opened.source, opened.format


@dataclass(frozen=True, kw_only=True)
class DownstreamRecipe(DetectorRecipe):
    """``data``: the pictures. Of "both" half of the clips of a batch are the model's on average; "generated-then-real" sees the
    model's in the first half of the train steps and the painter's after it."""

    data: Data = "real"
    maker: Maker = field(default_factory=Maker)

    def check(self) -> None:
        super().check()
        usable_device(self.maker.device)

    def cache(self) -> Path:
        return Path(self.cache_dir or Path.home() / ".cache" / "everroad" / f"downstream-{self.clips.seed}")

    def free_fields(self) -> tuple[str, ...]:
        # When "generated-then-real" changes over follows from the train steps, so these stay what they were.
        always = tuple(name for name in super().free_fields() if name != "train_steps")
        return (*always, "maker.streams", "maker.device")

    def seen_at(self, train_step: int) -> Data:
        """Which pictures a train step sees."""
        if self.data != "generated-then-real":
            return self.data
        return "generated" if train_step < self.train_steps // 2 else "real"

    def read_clips(self, progress: Progress | None = None) -> dict[Data, LabelledClips]:
        """The clips that the train steps see, by ``seen_at``. ``progress`` hears (towns ready, towns in all)."""
        source, form = self.maker.open()
        wanted = PairedSet(self.clips, form)
        painted = painted_clips(wanted, self.cache(), self.workers, progress)
        if self.data == "real":
            return {"real": painted}
        made = generated_clips(painted, wanted, source, self.cache(), self.maker.streams, progress)
        if self.data == "both":
            return {"both": joined(painted, made)}
        return {"real": painted, "generated": made}

    def batches(self, first_train_step: int, carried: Mapping[str, Tensor] | None = None) -> Iterator[DetectorBatch]:
        pools = self.read_clips()
        for train_step in count(first_train_step):
            clips = pools[self.seen_at(train_step)]
            draw = addressed_generator(self.seed, "detector", train_step)
            chosen = torch.from_numpy(draw.choice(len(clips.images), self.batch, replace=False))
            yield self.disturbed(make_batch(clips, chosen), draw, train_step)


def joined(one: LabelledClips, other: LabelledClips) -> LabelledClips:
    """The clips of both."""
    return LabelledClips(**{name: torch.cat([tensor, getattr(other, name)]) for name, tensor in vars(one).items()})


SMALL = DownstreamRecipe(
    name="town-downstream",
    train_steps=600,
    clips=LabelledSet(towns=40, clips=6, town_seconds=20.0),
    optimiser=OptimiserConfig(learning_rate=1e-3, warmup_steps=60, ema_decay=0.99, gradient_clip=5.0),
    loop=LoopConfig(checkpoint_steps=300, checkpoint_minutes=5.0),
)
# What one GPU and some 16 cores for the painter are for.
WHOLE = replace(
    SMALL,
    name="town-downstream-whole",
    train_steps=6000,
    batch=16,
    workers=14,
    clips=replace(SMALL.clips, towns=320),
    maker=Maker(streams=32, device="cuda", dtype="bfloat16"),
    optimiser=replace(SMALL.optimiser, warmup_steps=200, ema_decay=0.995),
    loop=LoopConfig(checkpoint_steps=1000, checkpoint_minutes=5.0),
)
DOWNSTREAM_RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (SMALL, WHOLE)}
