"""``Observer``: looks at one source's pictures, frame after frame of all towns at once, and keeps a record of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch
from numpy import ndarray
from torch import Tensor

from everroad.evaluation import records as layout_records
from everroad.evaluation.consistency.records import ConsistencyRecord, consistency_record
from everroad.evaluation.detection.boxes import Detections, Truth
from everroad.evaluation.detection.config import CVPR_2019
from everroad.evaluation.detection.matching import Matches, match_sample
from everroad.evaluation.detection.official_samples import devkit
from everroad.evaluation.detector.codes import Lens
from everroad.evaluation.detector.detect import detections_of
from everroad.evaluation.detector.network import DetectorMemory, boxes_of
from everroad.evaluation.features.network import as_input
from everroad.evaluation.first_frame_baselines import mean_squared_error
from everroad.evaluation.mapping.head.find import find
from everroad.evaluation.mapping.matching import MapMatches, match_frame
from everroad.evaluation.protocols import Protocol
from everroad.evaluation.run.judges import Judges, PublicNetworks
from everroad.evaluation.run.records import PictureRecord, Trace
from everroad.evaluation.run.shown import Shown, View, as_batch, lenses, resized
from everroad.evaluation.sources.types import Picture
from everroad.evaluation.trunk import Seen
from everroad.stream.hardware import Stopwatch

# Estimated flow, ego motion and identity are looked at in every so many frames: they are dearer than all else together.
WHOLE_EVERY = 6
NEAR_M = 25.0
NEAR = CVPR_2019.within(NEAR_M)
# Matches at nuScenes' ranges and within NEAR_M, and the boxes themselves where the official tool will score them.
Boxes = tuple[Matches | None, Matches | None, tuple[Truth, Detections] | None]


@dataclass
class Observer:
    """Mutable: remembers the pictures before, the detector's memory and the pictures of the clips that have begun."""

    judges: Judges
    views: list[View]
    protocol: Protocol
    device: torch.device
    pool: Executor
    watch: Stopwatch
    trace: Trace = field(default_factory=Trace)
    _before: list[Picture] | None = None
    _seen: Seen | None = None
    _memory: DetectorMemory | None = None
    _recent: dict[int, list[Picture]] = field(default_factory=dict)

    def observe(self, frame_index: int, pictures: Sequence[Picture], shown: Sequence[Shown]) -> None:
        """Takes the pictures of the next frame, one a town."""
        judged = [resized(picture, view.camera) for picture, view in zip(pictures, self.views, strict=True)]
        batch = as_batch(judged).to(self.device)
        with self.watch.stage("segmenter"):
            labels = self.judges.segmenter.labels(batch).cpu().numpy()
        with self.watch.stage("features"):
            pooled, embedding, motion = self._features(batch)
        with self.watch.stage("detector"):
            matches = self._boxes(frame_index, batch, shown)
        with self.watch.stage("map head"):
            on_map = self._map(frame_index, batch, shown)
        with self.watch.stage("pictures"):
            of_layout = self._each(layout_records.make_record, judged, labels, [one.reference for one in shown])
        with self.watch.stage("consistency"):
            before = self._before or [None] * len(judged)
            look = partial(consistency_record, whole=frame_index % WHOLE_EVERY == 0)
            of_time: list[ConsistencyRecord] = self._each(look, judged, before, [one.prepared for one in shown])
        errors = self._each(mean_squared_error, judged, [one.reference.picture for one in shown])
        inception, lpips = self._public(frame_index, pictures, shown)
        nothing = [None] * len(judged)
        public = inception or nothing, lpips or nothing
        rows = zip(of_layout, errors, of_time, pooled, embedding, motion, matches, on_map, *public, strict=True)
        self.trace.records.append([PictureRecord(*row[:6], *row[6], *row[7:]) for row in rows])
        self._before = judged

    def _each(self, function: Callable[..., object], *columns: Iterable[object]) -> list:
        """A function of each town, in worker threads; what they answer does not depend on them."""
        return list(self.pool.map(function, *columns))

    def _features(self, batch: Tensor) -> tuple[ndarray, ndarray, ndarray | list[None]]:
        network = self.judges.features
        with torch.no_grad():
            seen = network.see(as_input(batch))
            pooled, embedding = network.picture_features(seen)
            motion = None if self._seen is None else network.motion_features(self._seen, seen)
        self._seen = seen
        return pooled.cpu().numpy(), embedding.cpu().numpy(), [None] * len(batch) if motion is None else motion.cpu().numpy()

    def _boxes(self, frame_index: int, batch: Tensor, shown: Sequence[Shown]) -> list[Boxes]:
        if not self.views[0].is_key(frame_index):
            return [(None, None, None)] * len(shown)
        way = torch.from_numpy(np.stack([view.ego_from_earlier(frame_index) for view in self.views])).float()
        lens = Lens(*(of.to(self.device) for of in lenses(self.views)))
        seconds = self.views[0].key_every / self.views[0].town.source.scenario.frame_rate_hz
        with torch.no_grad():
            _, found, self._memory = self.judges.detector(as_input(batch), lens, self._memory, way.to(self.device), seconds)
        boxes, scores = boxes_of(found)
        matches: list[Boxes] = []
        for i, one in enumerate(shown):
            detections = detections_of(boxes[i], scores[i])
            assert one.truth is not None
            kept = None if devkit() is None else (one.truth, detections)
            matches.append((match_sample(one.truth, detections), match_sample(one.truth, detections, NEAR), kept))
        return matches

    def _map(self, frame_index: int, batch: Tensor, shown: Sequence[Shown]) -> list[MapMatches | None]:
        if not self.views[0].is_key(frame_index):
            return [None] * len(shown)
        lens = Lens(*(of.to(self.device) for of in lenses(self.views)))
        found = find(self.judges.map_head, batch, lens)
        return [None if one.map_truth is None else match_frame(one.map_truth, of) for one, of in zip(shown, found, strict=True)]

    def _public(
        self, frame_index: int, pictures: Sequence[Picture], shown: Sequence[Shown]
    ) -> tuple[list[ndarray] | None, list[float] | None]:
        """Inception-v3's features and LPIPS against the painter, of the frames that count; clips are looked at when whole."""
        public = self.judges.public
        if public is None:
            return None, None
        with self.watch.stage("public networks"):
            self._clips(public, frame_index, pictures)
            if frame_index not in self.protocol.picture_frames():
                return None, None
            batch = as_batch(list(pictures))
            return (
                list(public.inception.features(batch).numpy()),
                public.lpips.between(batch, as_batch([one.own for one in shown])).tolist(),
            )

    def _clips(self, public: PublicNetworks, frame_index: int, pictures: Sequence[Picture]) -> None:
        length = self.protocol.clip_frames
        self._recent[frame_index] = list(pictures)
        first = frame_index - length + 1
        if first in self.protocol.clip_starts():
            clips = torch.stack([as_batch(self._recent[i]) for i in range(first, frame_index + 1)], 1)
            self.trace.i3d[first] = public.i3d.features(clips).numpy()
        self._recent.pop(first, None)
