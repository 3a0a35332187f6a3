"""How the feature network is trained: ``everroad train town-features``, painted clips of training towns alone, undamaged.

Four tasks: the semantic class and the depth of every place; what the cells of the picture hold, told from one embedding; the
flow of what stands; and the ego's step and turn between two frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from numpy import ndarray
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.data.addressing import addressed_generator
from everroad.evaluation.features.flow import rigid_flow
from everroad.evaluation.features.network import GRID, REACH, FeatureNetwork, FeaturesConfig, Moved, as_input
from everroad.evaluation.labelled_clips import LabelledClips, LabelledSet, labelled_clips
from everroad.evaluation.trunk import Seen
from everroad.render.semantics import SEMANTIC_CLASSES
from everroad.stream.folder import check_can_be_made
from everroad.training.recipe import LoopConfig, OptimiserConfig, Recipe

FARTHEST_M = 80.0
FLOW_CELL_PX = 8
MOVING = tuple(SEMANTIC_CLASSES.index(name) for name in ("vehicle", "two_wheeler", "pedestrian"))


@dataclass(frozen=True)
class FeatureBatch:
    """Pictures in [0, 1], each with the one that follows; the first's labels at a quarter of its size, flow at an eighth."""

    images: Float[Tensor, "b 3 h w"]
    following: Float[Tensor, "b 3 h w"]
    semantic: Int64[Tensor, "b h4 w4"]
    depth_m: Float[Tensor, "b h4 w4"]
    flow_px: Float[Tensor, "b 2 h8 w8"]
    standing: Bool[Tensor, "b h8 w8"]
    ego_motion: Float[Tensor, "b 2"]  # metres ahead and turn, rad / 100


@dataclass(frozen=True, kw_only=True)
class FeaturesRecipe(Recipe):
    """Weights of the tasks beside the semantic classes' cross-entropy. Half of the pictures are mirrored."""

    batch: int = 16
    depth: float = 0.5
    grid: float = 0.5
    flow: float = 0.2
    ego: float = 1.0
    network: FeaturesConfig = field(default_factory=FeaturesConfig)
    clips: LabelledSet = field(default_factory=LabelledSet)
    workers: int = 1
    cache_dir: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        limits = dict.fromkeys(("depth", "grid", "flow", "ego"), (0, 1000))
        limits |= {"batch": (1, self.clips.towns * self.clips.clips), "workers": (0, 256)}
        for name, (least, most) in limits.items():
            if not least <= getattr(self, name) <= most:
                raise ValueError(f"{name}: expected {least} to {most}, got {getattr(self, name)}")

    def check(self) -> None:
        check_can_be_made(self.cache(), "cache_dir")

    def cache(self) -> Path:
        """The folder of the painted clips."""
        return Path(self.cache_dir or Path.home() / ".cache" / "everroad" / f"labelled-{self.clips.seed}")

    def build(self) -> nn.Module:
        return FeatureNetwork(self.network)

    def free_fields(self) -> tuple[str, ...]:
        return (*super().free_fields(), "workers", "cache_dir")

    def batches(self, first_train_step: int, carried: Mapping[str, Tensor] | None = None) -> Iterator[FeatureBatch]:
        clips = labelled_clips(self.clips, self.cache(), self.workers)
        train_step = first_train_step
        while True:
            draw = addressed_generator(self.seed, "features", train_step)
            chosen = torch.from_numpy(draw.choice(len(clips.images), self.batch, replace=False))
            yield mirrored_batch(make_batch(clips, chosen), torch.from_numpy(draw.random(self.batch) < 0.5))
            train_step += 1

    def loss(
        self, module: nn.Module, batch: FeatureBatch, train_step: int
    ) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        network: FeatureNetwork = module  # type: ignore[assignment]
        both = network.see(torch.cat([batch.images, batch.following]))
        first, second = Seen(*(h.chunk(2)[0] for h in both)), Seen(*(h.chunk(2)[1] for h in both))
        logits, log_depth = network.label(first)
        moved = network.move(first, second)
        parts = {
            "cross_entropy": F.cross_entropy(logits.float(), batch.semantic),
            "depth": depth_error(log_depth.float(), batch.depth_m),
            "grid": grid_error(network, first, batch.semantic),
            "flow": flow_error(moved, batch),
            "ego": F.smooth_l1_loss(network.ego(moved.embedding).float(), batch.ego_motion),
        }
        weights = {"cross_entropy": 1.0, "depth": self.depth, "grid": self.grid, "flow": self.flow, "ego": self.ego}
        total = torch.stack([weights[name] * part for name, part in parts.items()]).sum()
        metrics: dict[str, Tensor | float] = {name: part.detach() for name, part in parts.items()}
        right = (logits.detach().argmax(1) == batch.semantic).float().mean()
        return total, metrics | {"right": right}

    def sample_strip(self, module: nn.Module, train_step: int) -> UInt8[ndarray, "h w 3"] | None:
        return None


def make_batch(clips: LabelledClips, chosen: Int64[Tensor, "b"]) -> FeatureBatch:
    """Of the chosen clips the last key frame and the frame after it."""
    depth = clips.depth_m[chosen, -1].float()
    semantic = clips.semantic[chosen, -1].long()
    pose = clips.first_from_ego[chosen]
    second_from_first = torch.linalg.solve(pose[:, -1], pose[:, -2])
    first_from_second = torch.linalg.solve(pose[:, -2], pose[:, -1])
    middle = FLOW_CELL_PX // 2
    at = (slice(None), slice(middle, None, FLOW_CELL_PX), slice(middle, None, FLOW_CELL_PX))
    flow, known = rigid_flow(
        depth[at], clips.intrinsics[chosen], clips.ego_from_camera[chosen], second_from_first, FLOW_CELL_PX
    )
    moving = torch.isin(semantic[at], torch.tensor(MOVING))
    turn = torch.atan2(first_from_second[:, 1, 0], first_from_second[:, 0, 0])
    return FeatureBatch(
        images=as_input(clips.images[chosen, -2]),
        following=as_input(clips.images[chosen, -1]),
        semantic=semantic[:, 2::4, 2::4].contiguous(),
        depth_m=depth[:, 2::4, 2::4].contiguous(),
        flow_px=flow,
        standing=known & ~moving & (depth[at] < FARTHEST_M) & (flow.norm(dim=1) < REACH * FLOW_CELL_PX),
        ego_motion=torch.stack([first_from_second[:, 0, 3], 100 * turn], 1),
    )


def mirrored_batch(batch: FeatureBatch, which: Bool[Tensor, "b"]) -> FeatureBatch:
    """Left and right exchanged in some of the samples."""

    def flip(values: Tensor, sign: Tensor | float = 1.0) -> Tensor:
        return torch.where(which.view(-1, *[1] * (values.ndim - 1)), values.flip(-1) * sign, values)

    across = torch.tensor([-1.0, 1.0])
    return FeatureBatch(
        images=flip(batch.images),
        following=flip(batch.following),
        semantic=torch.where(which[:, None, None], batch.semantic.flip(-1), batch.semantic),
        depth_m=flip(batch.depth_m),
        flow_px=flip(batch.flow_px, across[:, None, None]),
        standing=torch.where(which[:, None, None], batch.standing.flip(-1), batch.standing),
        ego_motion=torch.where(which[:, None], batch.ego_motion * across.flip(0), batch.ego_motion),
    )


def depth_error(log_depth: Float[Tensor, "b h w"], depth_m: Float[Tensor, "b h w"]) -> Float[Tensor, ""]:
    """Mean absolute error of the logarithm, where something is and nearer than ``FARTHEST_M``."""
    near = depth_m < FARTHEST_M
    error = (log_depth - depth_m.clamp(0.5, FARTHEST_M).log()).abs()
    return (error * near).sum() / near.sum().clamp(min=1)


def flow_error(moved: Moved, batch: FeatureBatch) -> Float[Tensor, ""]:
    """Mean error of the flow in pixels over what stands and does not move further than is compared."""
    error = torch.linalg.vector_norm(moved.flow_px.float() - batch.flow_px, dim=1)
    return (error * batch.standing).sum() / batch.standing.sum().clamp(min=1)


def grid_error(network: FeatureNetwork, seen: Seen, semantic: Int64[Tensor, "b h w"]) -> Float[Tensor, ""]:
    """Divergence of the shares of the classes in each cell of the picture from those that the embedding tells."""
    classes = len(network.config.classes)
    shares = F.adaptive_avg_pool2d(F.one_hot(semantic, classes).permute(0, 3, 1, 2).float(), GRID)
    told = network.grid(network.picture(network.pool(seen))).float().unflatten(1, (classes, *GRID)).log_softmax(1)
    return F.kl_div(told, shares, reduction="none").sum(1).mean()


FEATURE_RECIPES: dict[str, Recipe] = {
    "town-features": FeaturesRecipe(
        name="town-features",
        train_steps=2500,
        optimiser=OptimiserConfig(learning_rate=3e-3, warmup_steps=50, ema_decay=0.99),
        loop=LoopConfig(checkpoint_steps=500, checkpoint_minutes=5.0),
    ),
}
