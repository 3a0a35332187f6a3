"""The true lines of painted clips, as points: what the map head learns.

A line's points are evenly spaced and begin at the end nearer to the car; an outline's begin at the corner nearest to the car,
go round counter-clockwise and do not come back to the first.
Axis letters: ``n`` clips, ``k`` key frames, ``e`` places for elements, ``p`` points.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import shapely
import torch
from jaxtyping import Float, Float32, Int16
from numpy import ndarray
from torch import Tensor

from everroad import __version__
from everroad.data.addressing import digest
from everroad.data.clips import FRAME_RATE_HZ
from everroad.evaluation.labelled_clips import LabelledClips, LabelledSet
from everroad.evaluation.mapping.chamfer import evenly_spaced
from everroad.evaluation.mapping.elements import MAP_CLASSES, MapElements
from everroad.evaluation.mapping.ground_truth import Window, map_elements
from everroad.evaluation.mapping.head.seen import OUTLINES, clipped, seen_area
from everroad.evaluation.painted_cache import cached_towns
from everroad.evaluation.painted_frames import painter_digest
from everroad.scenario.town import author_town

FORMAT_VERSION = 1
ELEMENTS = 24
NO_ELEMENT = -1


@dataclass(frozen=True)
class MapTruth:
    """Points in the ego frame of each key frame, metres, and classes; places that nobody has are of class ``NO_ELEMENT``."""

    lines_m: Float32[Tensor, "n k e p 2"]
    label: Int16[Tensor, "n k e"]


@dataclass(frozen=True)
class _Views:
    """The clips' frames and lenses: all of them that the map needs."""

    town_seed: Tensor
    first_frame: Tensor
    intrinsics: Tensor
    ego_from_camera: Tensor
    window: Window
    points: int


def map_truth(
    config: LabelledSet,
    clips: LabelledClips,
    window: Window,
    points: int,
    cache_dir: Path,
    workers: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> MapTruth:
    """Of the clips of a set, as far as their pictures show it: read from ``cache_dir`` and made where it is missing there.

    The folder may be that of the clips.
    """
    tag = digest(
        {
            "format_version": FORMAT_VERSION,
            "config": config,
            "window": window,
            "points": points,
            "painter": painter_digest(),
            "everroad": __version__,
        }
    )
    views = _Views(clips.town_seed, clips.first_frame, clips.intrinsics, clips.ego_from_camera, window, points)
    make = partial(_town, views)
    made = cached_towns("map-truth", tag, config, config.towns, make, cache_dir, workers=workers, progress=progress)
    return MapTruth(**made)


def _town(views: _Views, config: LabelledSet, town_index: int) -> dict[str, Tensor]:
    of_town = slice(town_index * config.clips, (town_index + 1) * config.clips)
    scenario = author_town(int(views.town_seed[of_town][0]), seconds=config.town_seconds, frame_rate_hz=FRAME_RATE_HZ)
    lines, labels = [], []
    for i in range(of_town.start, of_town.stop):
        lens = views.intrinsics[i].double().numpy(), views.ego_from_camera[i].double().numpy()
        area = seen_area(*lens, config.height_px, config.width_px, views.window)
        for k in range(config.key_frames):
            frame_index = int(views.first_frame[i]) + k * config.key_frame_step
            line, label = padded(clipped(map_elements(scenario, frame_index, views.window), area), views.points)
            lines.append(line)
            labels.append(label)
    shape = (config.clips, config.key_frames)
    return {"lines_m": torch.stack(lines).unflatten(0, shape), "label": torch.stack(labels).unflatten(0, shape)}


def padded(elements: MapElements, points: int) -> tuple[Float32[Tensor, "e p 2"], Int16[Tensor, "e"]]:
    """The elements as points and classes, the longest of them where there are more than places."""
    longest = sorted(range(len(elements)), key=lambda i: -float(shapely.LineString(elements.lines_m[i]).length))[:ELEMENTS]
    lines, label = torch.zeros(ELEMENTS, points, 2), torch.full((ELEMENTS,), NO_ELEMENT, dtype=torch.int16)
    for place, i in enumerate(sorted(longest)):
        closed = MAP_CLASSES[elements.label[i]] in OUTLINES
        lines[place] = torch.from_numpy(ordered_points(elements.lines_m[i], points, closed)).float()
        label[place] = int(elements.label[i])
    return lines, label


def ordered_points(line_m: Float[ndarray, "_ 2"], points: int, closed: bool) -> Float[ndarray, "{points} 2"]:
    """A line's or an outline's points in the order that the network is taught."""
    away = np.linalg.norm(line_m, axis=1)
    if not closed:
        return evenly_spaced(line_m if away[0] <= away[-1] else line_m[::-1], points)
    ring = line_m[:-1] if shapely.LinearRing(line_m).is_ccw else line_m[:0:-1]
    ring = np.roll(ring, -int(np.linalg.norm(ring, axis=1).argmin()), axis=0)
    return evenly_spaced(np.concatenate([ring, ring[:1]]), points + 1)[:-1]
