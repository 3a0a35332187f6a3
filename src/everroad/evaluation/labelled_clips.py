"""Painted clips with all that the painter knows of them: what the feature network, the detector and the map head learn from.

A clip is some key frames, as far apart as nuScenes' (0.5 s), and the frame that follows the last of them at once. The rig is a
little different in every clip. A set is wholly addressed by its config.
Axis letters: ``n`` clips, ``k`` key frames, ``f`` those and the one more, ``o`` boxes, ``h w`` pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float16, Float32, Int, Int16, Int32, Int64, UInt8
from torch import Tensor

from everroad import __version__, geometry
from everroad.conditions.rig import fit_camera, front_camera, jitter_camera
from everroad.data.addressing import addressed_generator, addressed_seed, digest
from everroad.data.blocks import FIRST_EVALUATION_SEED
from everroad.data.clips import FRAME_RATE_HZ
from everroad.evaluation.painted_cache import cached_towns
from everroad.evaluation.painted_frames import painter_digest
from everroad.render.painter import Painter, Painting
from everroad.scenario.town import author_town
from everroad.scenario.types import DETECTION_CLASSES, Camera, SceneFrame

FORMAT_VERSION = 1
OUTPUTS = frozenset({"rgb", "depth", "semantic", "instance"})
NO_BOX = -1
FARTHEST_M = 60_000.0  # what float16 holds; the sky is infinite


@dataclass(frozen=True)
class LabelledSet:
    """Which clips: ``clips`` of each of ``towns`` training towns, spread over ``town_seconds``."""

    seed: int = 0
    towns: int = 320
    clips: int = 6
    key_frames: int = 3
    key_frame_step: int = 6
    height_px: int = 128
    width_px: int = 224
    town_seconds: float = 30.0
    boxes: int = 32

    def __post_init__(self) -> None:
        most = {"towns": FIRST_EVALUATION_SEED, "clips": 1000, "key_frames": 100, "key_frame_step": 100, "boxes": 1000}
        for name, limit in most.items():
            if not 1 <= getattr(self, name) <= limit:
                raise ValueError(f"{name}: expected 1 to {limit}, got {getattr(self, name)}")
        for name in ("height_px", "width_px"):
            if getattr(self, name) % 16 or not 16 <= getattr(self, name) <= 4096:
                raise ValueError(f"{name}: expected a multiple of 16 from 16 to 4096, got {getattr(self, name)}")
        least_s = (self.clip_frames + self.clips) / FRAME_RATE_HZ
        if not least_s <= self.town_seconds <= 3600:
            raise ValueError(f"town_seconds: expected {least_s:.2f} to 3600, got {self.town_seconds}")

    @property
    def clip_frames(self) -> int:
        """From the first key frame to the one after the last."""
        return (self.key_frames - 1) * self.key_frame_step + 2


@dataclass(frozen=True)
class LabelledClips:
    """Pictures and labels. ``images`` has one frame more than there are key frames: the one right after the last.

    Boxes lie in the ego frame of their key frame: centre (m), length, width, height (m), yaw (rad) and velocity (m/s, over
    ground); of the ``o`` places those that nobody has are of class ``NO_BOX``; of actors only those are listed of which a pixel
    is seen, most pixels first. Depth is in metres along the camera's axis, infinite in the sky.
    """

    images: UInt8[Tensor, "n f 3 h w"]
    semantic: UInt8[Tensor, "n k h w"]
    depth_m: Float16[Tensor, "n k h w"]
    boxes: Float32[Tensor, "n k o 9"]
    box_class: Int16[Tensor, "n k o"]
    box_pixels: Int32[Tensor, "n k o"]
    intrinsics: Float32[Tensor, "n 3 3"]
    ego_from_camera: Float32[Tensor, "n 4 4"]
    first_from_ego: Float32[Tensor, "n f 4 4"]
    town_seed: Int64[Tensor, "n"]
    first_frame: Int64[Tensor, "n"]


def town_seeds(config: LabelledSet) -> list[int]:
    """Different training towns."""
    return (
        addressed_generator(config.seed, "labelled towns").choice(FIRST_EVALUATION_SEED, config.towns, replace=False).tolist()
    )


def labelled_clips(
    config: LabelledSet, cache_dir: Path, workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> LabelledClips:
    """The whole set, read from ``cache_dir`` and rendered where it is missing there, by ``workers`` processes (0: this one)."""
    tag = digest({"format_version": FORMAT_VERSION, "config": config, "painter": painter_digest(), "everroad": __version__})
    made = cached_towns("labelled", tag, config, config.towns, _town, cache_dir, workers=workers, progress=progress)
    return LabelledClips(**made)


def render_labelled(config: LabelledSet, town_index: int) -> LabelledClips:
    """One town's clips."""
    seed = town_seeds(config)[town_index]
    assert seed < FIRST_EVALUATION_SEED
    scenario = author_town(seed, seconds=config.town_seconds, frame_rate_hz=FRAME_RATE_HZ)
    painter = Painter(scenario)
    draw = addressed_generator(config.seed, "labelled clips", town_index)
    room = (len(scenario) - config.clip_frames) / config.clips
    firsts = (np.arange(config.clips) * room + draw.uniform(0, room, config.clips)).astype(int)
    parts = []
    for i, first in enumerate(firsts.tolist()):
        rig_seed = addressed_seed(config.seed, "labelled rig", town_index, i)
        camera = fit_camera(jitter_camera(front_camera(scenario.cameras), rig_seed), config.height_px, config.width_px)
        keys = [first + k * config.key_frame_step for k in range(config.key_frames)]
        frames = [scenario.frame(j) for j in (*keys, keys[-1] + 1)]
        parts.append(painted_clip(config, painter, frames, camera, seed, first))
    return LabelledClips(**{name: torch.stack([part[name] for part in parts]) for name in parts[0]})


def _town(config: LabelledSet, town_index: int) -> dict[str, Tensor]:
    made = render_labelled(config, town_index)
    return {field.name: getattr(made, field.name) for field in fields(made)}


def painted_clip(
    config: LabelledSet, painter: Painter, frames: list[SceneFrame], camera: Camera, seed: int, first: int
) -> dict[str, Tensor]:
    """What ``LabelledClips`` has of one clip: of its key frames and, last, the one more frame."""
    paintings = [painter.paint(frame, camera, OUTPUTS) for frame in frames[:-1]]
    after = painter.paint(frames[-1], camera, frozenset({"rgb"}))
    boxes = [box_labels(frame, painting, painter, config.boxes) for frame, painting in zip(frames, paintings, strict=False)]
    first_from_world = geometry.invert(frames[0].world_from_ego)
    return {
        "images": torch.from_numpy(np.stack([_whole(p.rgb) for p in (*paintings, after)])).permute(0, 3, 1, 2).contiguous(),
        "semantic": torch.from_numpy(np.stack([_whole(p.semantic) for p in paintings])),
        "depth_m": torch.from_numpy(np.stack([_depth(p) for p in paintings])),
        "boxes": torch.stack([of_frame[0] for of_frame in boxes]),
        "box_class": torch.stack([of_frame[1] for of_frame in boxes]),
        "box_pixels": torch.stack([of_frame[2] for of_frame in boxes]),
        "intrinsics": torch.from_numpy(camera.intrinsics).float(),
        "ego_from_camera": torch.from_numpy(camera.ego_from_camera).float(),
        "first_from_ego": torch.from_numpy(np.stack([first_from_world @ f.world_from_ego for f in frames])).float(),
        "town_seed": torch.tensor(seed),
        "first_frame": torch.tensor(first),
    }


def box_labels(
    frame: SceneFrame, painting: Painting, painter: Painter, most: int
) -> tuple[Float32[Tensor, "o 9"], Int16[Tensor, "o"], Int32[Tensor, "o"]]:
    """Boxes, classes and seen pixels of the actors that a painting with instances shows, most pixels first."""
    seen = seen_pixels(_whole(painting.instance), painter)
    shown = [actor for actor in frame.actors if actor.track_id in seen and actor.detection_class in DETECTION_CLASSES]
    shown = sorted(shown, key=lambda actor: -seen[actor.track_id])[:most]
    boxes, classes, pixels = (
        torch.zeros(most, 9),
        torch.full((most,), NO_BOX, dtype=torch.int16),
        torch.zeros(most, dtype=torch.int32),
    )
    ego_from_world = geometry.invert(frame.world_from_ego)
    for i, actor in enumerate(shown):
        ego_from_actor = ego_from_world @ actor.world_from_actor
        velocity = np.zeros(3) if actor.velocity_mps is None else ego_from_world[:3, :3] @ actor.velocity_mps
        yaw = float(geometry.yaw_from_rotation(ego_from_actor[:3, :3]))
        boxes[i] = torch.tensor([*ego_from_actor[:3, 3], *actor.size_lwh_m, yaw, *velocity[:2]])
        classes[i], pixels[i] = DETECTION_CLASSES.index(actor.detection_class), seen[actor.track_id]
    return boxes, classes, pixels


def seen_pixels(instance: Int[np.ndarray, "h w"], painter: Painter) -> dict[str, int]:
    """How many pixels of each actor a picture of instances shows, by track id."""
    ids, counts = np.unique(instance[instance > 0], return_counts=True)
    named = ((painter.instance_name(int(i)), int(count)) for i, count in zip(ids, counts, strict=True))
    return {name.removeprefix("actor:"): count for name, count in named if name.startswith("actor:")}


def _depth(painting: Painting) -> Float16[np.ndarray, "h w"]:
    depth = _whole(painting.depth_m)
    return np.where(np.isfinite(depth), np.minimum(depth, FARTHEST_M), np.inf).astype(np.float16)


def _whole(array: np.ndarray | None) -> np.ndarray:
    assert array is not None
    return array
