"""Further towns of the painter's: what its distances to itself are, which is the floor of every distance."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

from everroad.evaluation.features.network import FeatureNetwork, as_input
from everroad.evaluation.protocols import Protocol
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.run.judges import PublicNetworks
from everroad.evaluation.run.painting import own_pictures
from everroad.evaluation.run.shown import as_batch, resized, view_of
from everroad.evaluation.trunk import Seen
from everroad.stream.hardware import Stopwatch


@dataclass
class OtherTowns:
    """Features of their pictures by frame ("n d", towns first), and of their clips by first frame."""

    pooled: dict[int, Float[ndarray, "n p"]] = field(default_factory=dict)
    clips: dict[int, Float[ndarray, "n d"]] = field(default_factory=dict)
    inception: dict[int, Float[ndarray, "n d"]] = field(default_factory=dict)
    i3d: dict[int, Float[ndarray, "n d"]] = field(default_factory=dict)
    seeds: list[int] = field(default_factory=list)


def look_at_others(
    towns: Sequence[EvaluationTown],
    protocol: Protocol,
    features: FeatureNetwork,
    public: PublicNetworks | None,
    device: torch.device,
    watch: Stopwatch,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> OtherTowns:
    """Of the protocol's pictures and clips of each town."""
    views = [view_of(town) for town in towns]
    wanted = protocol.picture_frames()
    starts = protocol.clip_starts()
    needed = sorted({*wanted, *(i for first in starts for i in range(first, first + protocol.clip_frames))})
    out = OtherTowns(seeds=[town.seed for town in towns])
    embeddings: dict[int, ndarray] = {}
    motions: dict[int, ndarray] = {}
    recent: dict[int, list[ndarray]] = {}
    before: tuple[int, Seen] | None = None
    with closing(own_pictures(views, needed, processes)) as frames:
        for done, i in enumerate(needed):
            with watch.stage("paint"):
                own = next(frames)
            with watch.stage("features"), torch.no_grad():
                judged = as_batch([resized(picture, view.camera) for picture, view in zip(own, views, strict=True)])
                seen = features.see(as_input(judged.to(device)))
                pooled, embedding = features.picture_features(seen)
                embeddings[i] = embedding.cpu().numpy()
                if before is not None and before[0] == i - 1:
                    motions[i] = features.motion_features(before[1], seen).cpu().numpy()
                before = (i, seen)
            if i in wanted:
                out.pooled[i] = pooled.cpu().numpy()
            first = i - protocol.clip_frames + 1
            if first in starts:
                out.clips[first] = _clips(embeddings, motions, first, protocol.clip_frames)
            if public is not None:
                recent[i] = own
                if i in wanted:
                    out.inception[i] = public.inception.features(as_batch(own)).numpy()
                if first in starts:
                    clip = torch.stack([as_batch(recent[j]) for j in range(first, i + 1)], 1)
                    out.i3d[first] = public.i3d.features(clip).numpy()
                recent = {j: of for j, of in recent.items() if j > first}
            if progress is not None:
                progress(done + 1, len(needed))
    return out


def _clips(embeddings: dict[int, ndarray], motions: dict[int, ndarray], first: int, length: int) -> Float[ndarray, "n d"]:
    """As ``Trace.clip`` has them."""
    parts = [
        np.stack([embeddings[i] for i in range(first, first + length)]),
        np.stack([motions[i] for i in range(first + 1, first + length)]),
    ]
    return np.concatenate([value for part in parts for value in (part.mean(0), part.std(0))], 1)
