"""How the map head is trained: ``everroad train town-map-head``, painted pictures of training towns alone.

Every key frame of the clips is a picture of its own. Damage is light, so that generated frames are not foreign to it
(``damage``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from jaxtyping import Bool, Float, Int16, UInt8
from numpy import ndarray
from torch import Tensor, nn

from everroad.data.addressing import addressed_generator
from everroad.evaluation.damage import DamageConfig, damaged, draw_damage
from everroad.evaluation.detector.codes import Lens
from everroad.evaluation.features.files import begin_as_learnt
from everroad.evaluation.labelled_clips import LabelledClips, LabelledSet, labelled_clips
from everroad.evaluation.mapping.elements import MAP_CLASSES
from everroad.evaluation.mapping.head.config import CELL_M, MapHeadConfig
from everroad.evaluation.mapping.head.losses import drawn_loss, middle_loss, set_loss, wanted
from everroad.evaluation.mapping.head.network import MapHead
from everroad.evaluation.mapping.head.seen import OUTLINES
from everroad.evaluation.mapping.head.truth import MapTruth, map_truth
from everroad.stream.folder import check_can_be_made
from everroad.training.recipe import LoopConfig, OptimiserConfig, Recipe

_FINER = 4  # binary places of a cell that lines are drawn with


@dataclass(frozen=True)
class MapBatch:
    """Pictures in [0, 1] with their lenses and true lines."""

    images: Float[Tensor, "b 3 h w"]
    intrinsics: Float[Tensor, "b 3 3"]
    ego_from_camera: Float[Tensor, "b 4 4"]
    lines_m: Float[Tensor, "b e p 2"]
    label: Int16[Tensor, "b e"]
    drawn: Float[Tensor, "b 3 x2 y2"]


@dataclass(frozen=True, kw_only=True)
class MapHeadRecipe(Recipe):
    """Weights of what is drawn on the ground, of the lines that cells tell, of the queries' classes and of their lines, beside
    the heat map's loss. Half of the pictures are mirrored. With ``learnt_trunk`` the trunk begins as that of the packaged
    feature network."""

    batch: int = 8
    learnt_trunk: bool = True
    drawn: float = 5.0
    told: float = 0.5
    kinds: float = 2.0
    lines: float = 1.0
    network: MapHeadConfig = field(default_factory=MapHeadConfig)
    clips: LabelledSet = field(default_factory=LabelledSet)
    damage: DamageConfig = field(default_factory=DamageConfig)
    workers: int = 1
    cache_dir: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = dict.fromkeys(("drawn", "told", "kinds", "lines"), (0, 1000))
        limits |= {"batch": (1, self.clips.towns * self.clips.clips * self.clips.key_frames), "workers": (0, 256)}
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name}: expected {least} to {most}, got {getattr(self, name)}; mend it")

        window = self.network.window
        if window.y_min_m != -window.y_max_m:
            got = f"{window.y_min_m:g} to {window.y_max_m:g}"
            raise ValueError(
                f"network.window: expected it as wide to the left as to the right (mirroring), got y {got}; mend it"
            )

    def check(self) -> None:
        check_can_be_made(self.cache(), "cache_dir")

    def cache(self) -> Path:
        """The folder of the painted clips and of their map."""
        return Path(self.cache_dir or Path.home() / ".cache" / "everroad" / f"labelled-{self.clips.seed}")

    def build(self) -> nn.Module:
        head = MapHead(self.network)
        if self.learnt_trunk:
            begin_as_learnt(head, self.network.widths)
        return head

    def free_fields(self) -> tuple[str, ...]:
        return (*super().free_fields(), "workers", "cache_dir")

    def batches(self, first_train_step: int, carried: Mapping[str, Tensor] | None = None) -> Iterator[MapBatch]:
        clips = labelled_clips(self.clips, self.cache(), self.workers)
        truth = map_truth(self.clips, clips, self.network.window, self.network.points, self.cache(), self.workers)
        yield from self.drawn_batches(clips, truth, first_train_step)

    def drawn_batches(self, clips: LabelledClips, truth: MapTruth, first_train_step: int) -> Iterator[MapBatch]:
        """Endless batches of some clips."""
        train_step = first_train_step
        while True:
            draw = addressed_generator(self.seed, "map head", train_step)
            chosen = torch.from_numpy(draw.choice(truth.label[..., 0].numel(), self.batch, replace=False))
            batch = make_batch(clips, truth, chosen, self.network)
            harm = draw_damage(self.damage, tuple(batch.images.shape), self.seed, "damage", train_step)
            harm = replace(harm, mirrored=torch.zeros_like(harm.mirrored))  # the world is mirrored with its lens
            batch = replace(batch, images=damaged(batch.images, harm))
            yield mirrored_batch(batch, torch.from_numpy(draw.random(self.batch) < 0.5))
            train_step += 1

    def loss(self, module: nn.Module, batch: MapBatch, train_step: int) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        head: MapHead = module  # type: ignore[assignment]
        dense, found = head(batch.images, Lens(batch.intrinsics, batch.ego_from_camera))
        truth = wanted(batch.lines_m, batch.label)
        heat, told = middle_loss(dense, truth, self.network.window)
        kinds, lines = set_loss(found, truth)
        parts = {"heat": heat, "drawn": drawn_loss(dense, batch.drawn), "told": told, "kinds": kinds, "lines": lines}
        weights = {"heat": 1.0, "drawn": self.drawn, "told": self.told, "kinds": self.kinds, "lines": self.lines}
        total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        return total, {name: part.detach() for name, part in parts.items()}

    def sample_strip(self, module: nn.Module, train_step: int) -> UInt8[ndarray, "h w 3"] | None:
        return None


def make_batch(clips: LabelledClips, truth: MapTruth, chosen: Tensor, config: MapHeadConfig) -> MapBatch:
    """The chosen key frames, counted over all clips."""
    clip, key = chosen // truth.label.shape[1], chosen % truth.label.shape[1]
    lines, label = truth.lines_m[clip, key], truth.label[clip, key]
    return MapBatch(
        images=clips.images[clip, key].float() / 255,
        intrinsics=clips.intrinsics[clip],
        ego_from_camera=clips.ego_from_camera[clip],
        lines_m=lines,
        label=label,
        drawn=torch.from_numpy(np.stack([_drawn(*one, config) for one in zip(lines, label, strict=True)])),
    )


def _drawn(lines_m: Float[Tensor, "e p 2"], label: Int16[Tensor, "e"], config: MapHeadConfig) -> Float[ndarray, "3 x2 y2"]:
    """The lines of each class as a picture of the ground."""
    planes = np.zeros((len(MAP_CLASSES), *config.cells(CELL_M)), dtype=np.uint8)
    low = np.array([config.window.y_min_m, config.window.x_min_m])
    for line, of in zip(lines_m.numpy()[label >= 0], label[label >= 0].tolist(), strict=True):
        cells = (line[:, ::-1] - low) / CELL_M - 0.5
        points = np.round(cells * 2**_FINER).astype(np.int32)[:, None]
        cv2.polylines(planes[of], [points], MAP_CLASSES[of] in OUTLINES, 1, 1, cv2.LINE_8, _FINER)
    return planes.astype(np.float32)


def mirrored_batch(batch: MapBatch, which: Bool[Tensor, "b"]) -> MapBatch:
    """Left and right of the world exchanged in some of the pictures: pictures, lines and the camera."""
    across = torch.tensor([1.0, -1.0, 1.0, 1.0])
    turned_x = torch.tensor([-1.0, 1.0, 1.0, 1.0])  # of the camera's own axes x points right
    intrinsics = batch.intrinsics.clone()
    intrinsics[:, 0, 2] = batch.images.shape[-1] - 1 - intrinsics[:, 0, 2]

    def pick(mirrored: Tensor, plain: Tensor) -> Tensor:
        return torch.where(which.view(-1, *[1] * (plain.ndim - 1)), mirrored, plain)

    return replace(
        batch,
        images=pick(batch.images.flip(-1), batch.images),
        intrinsics=pick(intrinsics, batch.intrinsics),
        ego_from_camera=pick(across[:, None] * batch.ego_from_camera * turned_x, batch.ego_from_camera),
        lines_m=pick(batch.lines_m * across[:2], batch.lines_m),
        drawn=pick(batch.drawn.flip(-1), batch.drawn),
    )


MAP_HEAD_RECIPES: dict[str, Recipe] = {
    "town-map-head": MapHeadRecipe(
        name="town-map-head",
        train_steps=2200,
        optimiser=OptimiserConfig(learning_rate=2e-3, warmup_steps=200, ema_decay=0.995, gradient_clip=10.0),
        loop=LoopConfig(checkpoint_steps=500, checkpoint_minutes=5.0),
    ),
}
