"""How the detector is trained: ``everroad train town-detector``, painted clips of training towns alone.

A clip's key frames go through it in turn, each with the memory of the one before. Damage is light, so that generated frames are
not foreign to it (``damage``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import torch
from jaxtyping import Bool, Float, UInt8
from numpy import ndarray
from numpy.random import Generator
from torch import Tensor, nn

from everroad.data.addressing import addressed_generator
from everroad.evaluation.damage import DamageConfig, damaged, draw_damage
from everroad.evaluation.detector.codes import Lens
from everroad.evaluation.detector.config import DetectorConfig
from everroad.evaluation.detector.losses import dense_loss, set_loss, wanted
from everroad.evaluation.detector.network import Detector, DetectorMemory
from everroad.evaluation.features.files import begin_as_learnt
from everroad.evaluation.labelled_clips import LabelledClips, LabelledSet, labelled_clips
from everroad.stream.folder import check_can_be_made
from everroad.training.recipe import LoopConfig, OptimiserConfig, Recipe


@dataclass(frozen=True)
class DetectorBatch:
    """Pictures in [0, 1] of the key frames of clips, with their boxes, lenses and the ego's way from one to the next."""

    images: Float[Tensor, "b k 3 h w"]
    boxes: Float[Tensor, "b k o 9"]
    box_class: Tensor
    box_pixels: Tensor
    intrinsics: Float[Tensor, "b 3 3"]
    ego_from_camera: Float[Tensor, "b 4 4"]
    first_from_ego: Float[Tensor, "b f 4 4"]


@dataclass(frozen=True, kw_only=True)
class DetectorRecipe(Recipe):
    """Weights of what places tell, of the queries' classes and of their boxes, beside the heat map's loss.

    With ``learnt_trunk`` the trunk begins as that of the packaged feature network, which has learnt classes and depth.
    """

    batch: int = 8
    learnt_trunk: bool = True
    told: float = 1.0
    kinds: float = 2.0
    codes: float = 1.0
    network: DetectorConfig = field(default_factory=DetectorConfig)
    clips: LabelledSet = field(default_factory=LabelledSet)
    damage: DamageConfig = field(default_factory=DamageConfig)
    workers: int = 1
    cache_dir: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = dict.fromkeys(("told", "kinds", "codes"), (0, 1000))
        limits |= {"batch": (1, self.clips.towns * self.clips.clips), "workers": (0, 256)}
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name}: expected {least} to {most}, got {getattr(self, name)}; mend it")

    def check(self) -> None:
        check_can_be_made(self.cache(), "cache_dir")

    def cache(self) -> Path:
        """The folder of the painted clips."""
        return Path(self.cache_dir or Path.home() / ".cache" / "everroad" / f"labelled-{self.clips.seed}")

    def build(self) -> nn.Module:
        detector = Detector(self.network)
        if self.learnt_trunk:
            begin_as_learnt(detector, self.network.widths)
        return detector

    def free_fields(self) -> tuple[str, ...]:
        return (*super().free_fields(), "workers", "cache_dir")

    def batches(self, first_train_step: int, carried: Mapping[str, Tensor] | None = None) -> Iterator[DetectorBatch]:
        clips = labelled_clips(self.clips, self.cache(), self.workers)
        for train_step in count(first_train_step):
            draw = addressed_generator(self.seed, "detector", train_step)
            chosen = torch.from_numpy(draw.choice(len(clips.images), self.batch, replace=False))
            yield self.disturbed(make_batch(clips, chosen), draw, train_step)

    def disturbed(self, batch: DetectorBatch, draw: Generator, train_step: int) -> DetectorBatch:
        """A train step's clips, lightly damaged and every second one mirrored."""
        shape = (batch.images.shape[0] * batch.images.shape[1], *batch.images.shape[2:])
        harm = draw_damage(self.damage, shape, self.seed, "damage", train_step)
        harm = replace(harm, mirrored=torch.zeros_like(harm.mirrored))  # a clip is mirrored as a whole
        images = damaged(batch.images.flatten(0, 1), harm).unflatten(0, batch.images.shape[:2])
        return mirrored_batch(replace(batch, images=images), torch.from_numpy(draw.random(self.batch) < 0.5))

    def loss(
        self, module: nn.Module, batch: DetectorBatch, train_step: int
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        detector: Detector = module  # type: ignore[assignment]
        lens = Lens(batch.intrinsics, batch.ego_from_camera)
        parts = {name: torch.zeros((), device=batch.images.device) for name in ("heat", "told", "kinds", "codes")}
        memory: DetectorMemory | None = None
        key_frames = batch.images.shape[1]
        for k in range(key_frames):
            now_from_then = torch.linalg.solve(batch.first_from_ego[:, k], batch.first_from_ego[:, k - 1]) if k else None
            dense, found, memory = detector(batch.images[:, k], lens, memory, now_from_then)
            truth = wanted(batch.boxes[:, k], batch.box_class[:, k], batch.box_pixels[:, k], self.network.farthest_m)
            losses = (*dense_loss(dense, truth, lens), *set_loss(found, truth))
            parts = {name: total + loss / key_frames for (name, total), loss in zip(parts.items(), losses, strict=True)}
        total = parts["heat"] + self.told * parts["told"] + self.kinds * parts["kinds"] + self.codes * parts["codes"]
        return total, {name: part.detach() for name, part in parts.items()}

    def sample_strip(self, module: nn.Module, train_step: int) -> UInt8[ndarray, "h w 3"] | None:
        return None


def make_batch(clips: LabelledClips, chosen: Tensor) -> DetectorBatch:
    """The key frames of the chosen clips."""
    return DetectorBatch(
        images=clips.images[chosen, :-1].float() / 255,
        boxes=clips.boxes[chosen],
        box_class=clips.box_class[chosen],
        box_pixels=clips.box_pixels[chosen],
        intrinsics=clips.intrinsics[chosen],
        ego_from_camera=clips.ego_from_camera[chosen],
        first_from_ego=clips.first_from_ego[chosen],
    )


def mirrored_batch(batch: DetectorBatch, which: Bool[Tensor, "b"]) -> DetectorBatch:
    """Left and right of the world exchanged in some of the clips: pictures, boxes, the ego's way and the camera."""
    across = torch.tensor([1.0, -1.0, 1.0, 1.0])
    swap = across[:, None] * across  # conjugation of a transform by the reflection y -> -y
    turned_x = torch.tensor([-1.0, 1.0, 1.0, 1.0])  # of the camera's own axes x points right
    signs = torch.tensor([1.0, -1.0, 1.0, 1.0, 1.0, 1.0, -1.0, 1.0, -1.0])
    width = batch.images.shape[-1]
    intrinsics = batch.intrinsics.clone()
    intrinsics[:, 0, 2] = width - 1 - intrinsics[:, 0, 2]

    def pick(mirrored: Tensor, plain: Tensor) -> Tensor:
        return torch.where(which.view(-1, *[1] * (plain.ndim - 1)), mirrored, plain)

    return replace(
        batch,
        images=pick(batch.images.flip(-1), batch.images),
        boxes=pick(batch.boxes * signs, batch.boxes),
        intrinsics=pick(intrinsics, batch.intrinsics),
        ego_from_camera=pick(across[:, None] * batch.ego_from_camera * turned_x, batch.ego_from_camera),
        first_from_ego=pick(batch.first_from_ego * swap, batch.first_from_ego),
    )


DETECTOR_RECIPES: dict[str, Recipe] = {
    "town-detector": DetectorRecipe(
        name="town-detector",
        train_steps=3000,
        optimiser=OptimiserConfig(learning_rate=1e-3, warmup_steps=200, ema_decay=0.995, gradient_clip=5.0),
        loop=LoopConfig(checkpoint_steps=500, checkpoint_minutes=5.0),
    ),
}
