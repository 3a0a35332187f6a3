"""What is known of one frame of one town before any picture is judged: painted once, whatever the number of sources."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8
from numpy import ndarray

from everroad.conditions.rig import fit_camera
from everroad.evaluation.consistency.records import KnownFrame, Prepared, prepare
from everroad.evaluation.detection.boxes import Truth
from everroad.evaluation.detection.town_truth import truth_of_frame
from everroad.evaluation.detector.codes import Lens
from everroad.evaluation.labelled_clips import seen_pixels
from everroad.evaluation.mapping.elements import MapElements
from everroad.evaluation.mapping.head.seen import seen_elements
from everroad.evaluation.persistence import instance_masks
from everroad.evaluation.reference import EvaluationTown, Reference
from everroad.evaluation.run.judges import judged_size
from everroad.evaluation.sources.types import Picture
from everroad.render.painter import Painting
from everroad.scenario.types import Camera

# An actor of fewer visible pixels is not asked of the detector (ours).
LEAST_SEEN_PX = 12
KEY_FRAME_HZ = 2.0  # nuScenes' annotated frames


@dataclass(frozen=True, eq=False)
class Shown:
    """One frame: the painter's picture at the source's size (``own``) and at the judges', and what it is made of.

    ``truth`` holds the boxes that the camera sees, in the ego frame, of key frames, and ``map_truth`` the map elements; both
    are ``None`` between them, and so is the map's where the scenario has none.
    """

    own: Picture
    reference: Reference
    prepared: Prepared
    truth: Truth | None
    map_truth: MapElements | None


@dataclass(frozen=True)
class View:
    """A town as the judges see it: its camera at their size, and every how many frames there is a key frame."""

    town: EvaluationTown
    camera: Camera
    key_every: int

    def show(self, frame_index: int, before: KnownFrame | None) -> tuple[Shown, KnownFrame]:
        """A frame, with what has moved since the one before (``None`` at frame 0), and what the next one has to know of it."""
        painting = self._paint(frame_index)
        depth_m, semantic, instance = painting.depth_m, painting.semantic, painting.instance
        assert depth_m is not None
        assert semantic is not None
        assert instance is not None
        own, picture = self._pictures(painting, frame_index)
        scenario = self.town.source.scenario
        pose = scenario.world_from_ego.matrix(frame_index)
        known = KnownFrame(float(scenario.time_s[frame_index]), pose, self.camera, depth_m, semantic, instance)
        truth = map_truth = None
        if self.is_key(frame_index):
            map_truth = None if scenario.map is None else seen_elements(scenario, frame_index, self.camera)
            seen = seen_pixels(instance, self.town.painter)
            truth = truth_of_frame(scenario, frame_index, [name for name, count in seen.items() if count >= LEAST_SEEN_PX])
        reference = Reference(picture, semantic, instance_masks(instance))
        return Shown(own, reference, prepare(known, before), truth, map_truth), known

    def is_key(self, frame_index: int) -> bool:
        """Whether boxes and map elements are looked for."""
        return frame_index % self.key_every == 0

    def ego_from_earlier(self, frame_index: int) -> Float[ndarray, "4 4"]:
        """What takes points of the ego frame of the key frame before to this one's."""
        poses = self.town.source.scenario.world_from_ego
        return np.linalg.inv(poses.matrix(frame_index)) @ poses.matrix(max(frame_index - self.key_every, 0))

    def _paint(self, frame_index: int) -> Painting:
        frame = self.town.source.scenario.frame(frame_index)
        return self.town.painter.paint(frame, self.camera, frozenset({"rgb", "depth", "semantic", "instance"}))

    def _pictures(self, painting: Painting, frame_index: int) -> tuple[UInt8[ndarray, "_h _w 3"], Picture]:
        """At the source's size, and that at the judges'."""
        own = self.town.source.camera
        if (own.height_px, own.width_px) == (self.camera.height_px, self.camera.width_px):
            assert painting.rgb is not None
            return painting.rgb, painting.rgb
        picture = self.town.picture(frame_index)
        return picture, resized(picture, self.camera)


def view_of(town: EvaluationTown) -> View:
    """At the judges' size."""
    own = town.source.camera
    height, width = judged_size(own.height_px, own.width_px)
    rate_hz = town.source.scenario.frame_rate_hz
    return View(
        town,
        fit_camera(town.source.own_camera, height, width, town.source.vertical_anchor),
        max(1, round(rate_hz / KEY_FRAME_HZ)),
    )


def resized(picture: Picture, camera: Camera) -> UInt8[ndarray, "_h _w 3"]:
    """A source's picture at the judges' size."""
    if picture.shape[:2] == (camera.height_px, camera.width_px):
        return picture
    way = cv2.INTER_AREA if picture.shape[0] > camera.height_px else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (camera.width_px, camera.height_px), interpolation=way))


def lenses(views: list[View]) -> Lens:
    """Of all towns, as the detector takes them."""
    return Lens(
        torch.from_numpy(np.stack([view.camera.intrinsics for view in views])).float(),
        torch.from_numpy(np.stack([view.camera.ego_from_camera for view in views])).float(),
    )


def as_batch(pictures: list[Picture]) -> UInt8[torch.Tensor, "b 3 h w"]:
    """Pictures of one size as a tensor."""
    return torch.from_numpy(np.ascontiguousarray(np.stack(pictures).transpose(0, 3, 1, 2)))
