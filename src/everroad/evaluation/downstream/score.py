"""What detectors find in the painter's pictures of evaluation towns, and in a world model's of the same towns.

Key frames in order, twice a second, each detector with its memory, as every evaluation scores models. The painter paints once
and the model streams once, whatever the number of detectors. Frame 0, which is the painter's in both, is seen and not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from everroad.evaluation.detection.boxes import Truth
from everroad.evaluation.detection.matching import Matches, joined, match_sample
from everroad.evaluation.detection.measures import detection_measures
from everroad.evaluation.detector.codes import Lens
from everroad.evaluation.detector.detect import detections_of
from everroad.evaluation.detector.network import Detector, DetectorMemory, boxes_of
from everroad.evaluation.features.network import as_input
from everroad.evaluation.measure import Measure
from everroad.evaluation.reference import EvaluationTown
from everroad.evaluation.run.observer import NEAR, NEAR_M
from everroad.evaluation.run.shown import as_batch, lenses, resized, view_of
from everroad.evaluation.sources.types import PictureSource
from everroad.scenario.types import DETECTION_CLASSES

PAINTER, MODEL = "painter", "model"
CARS = f"car AP at 2 m within {NEAR_M:g} m"
Scores = dict[str, Measure]


@dataclass
class Look:
    """One detector at one source's pictures of all towns. Mutable: its memory, and what matched so far."""

    network: Detector
    everywhere: list[list[Matches]]
    near: list[list[Matches]]
    memory: DetectorMemory | None = field(default=None)

    @torch.no_grad()
    def see(self, batch: Tensor, lens: Lens, way: Tensor, seconds: float, truths: Sequence[Truth] | None) -> None:
        """The next key frame of every town; without ``truths`` it is remembered and not counted."""
        _, found, self.memory = self.network(as_input(batch), lens, self.memory, way, seconds)
        if truths is None:
            return
        boxes, scores = boxes_of(found)
        for i, truth in enumerate(truths):
            detections = detections_of(boxes[i], scores[i])
            self.everywhere[i].append(match_sample(truth, detections))
            self.near[i].append(match_sample(truth, detections, NEAR))

    def scores(self) -> Scores:
        """With intervals over the towns."""
        everywhere, near = (detection_measures([joined(of) for of in town]) for town in (self.everywhere, self.near))
        of_class = {f"AP {name}": everywhere["classes"][name]["AP"] for name in DETECTION_CLASSES}
        return {CARS: near["classes"]["car"]["AP_at"]["2"], "mAP": everywhere["mAP"], "NDS": everywhere["NDS"]} | of_class


def score_detectors(
    networks: Mapping[str, Detector],
    source: PictureSource,
    towns: Sequence[EvaluationTown],
    frames: int,
    device: torch.device,
    progress: Callable[[int, int], None] | None = None,
) -> dict[str, dict[str, Scores]]:
    """Scores by detector, then by pictures (``PAINTER``, ``MODEL``). ``progress`` hears (frames done, frames in all)."""
    views = [view_of(town) for town in towns]
    lens = Lens(*(of.to(device) for of in lenses(views)))
    every = views[0].key_every
    seconds = every / towns[0].source.scenario.frame_rate_hz
    looks = {
        name: {which: Look(network.to(device), [[] for _ in towns], [[] for _ in towns]) for which in (PAINTER, MODEL)}
        for name, network in networks.items()
    }
    stream = source.pictures(towns)
    for frame_index in range(frames + 1):
        made = next(stream)
        if progress is not None:
            progress(frame_index + 1, frames + 1)
        if not views[0].is_key(frame_index):
            continue
        shown = [view.show(frame_index, None)[0] for view in views]
        pictures = {
            PAINTER: as_batch([one.reference.picture for one in shown]).to(device),
            MODEL: as_batch([resized(picture, view.camera) for picture, view in zip(made, views, strict=True)]).to(device),
        }
        truths = [one.truth for one in shown if one.truth is not None] if frame_index else None
        way = torch.from_numpy(np.stack([view.ego_from_earlier(frame_index) for view in views])).float().to(device)
        for look in looks.values():
            for which, batch in pictures.items():
                look[which].see(batch, lens, way, seconds, truths)
    return {name: {which: look.scores() for which, look in of.items()} for name, of in looks.items()}
