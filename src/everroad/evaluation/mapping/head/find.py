"""What the map head finds in pictures, and how that matches a scenario's map, picture by picture.

Axis letters: ``b`` pictures, ``h w`` pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray
from torch import Tensor

from everroad.evaluation.detector.codes import Lens
from everroad.evaluation.mapping.elements import MAP_CLASSES, MapElements
from everroad.evaluation.mapping.head.network import Found, MapHead
from everroad.evaluation.mapping.head.seen import OUTLINES, seen_elements
from everroad.evaluation.mapping.matching import MapMatches, match_frame
from everroad.scenario.types import Camera, Scenario


@torch.no_grad()
def find(network: MapHead, pictures: UInt8[Tensor, "b 3 h w"], lenses: Lens) -> list[MapElements]:
    """The elements of each picture with their scores, in the ego frame, of the window and sight that the network was taught.

    Every query is one element of its likeliest class; most scores are near zero.
    Raises ``ValueError`` for sides that are no multiples of 16.
    """
    return elements_found(network(pictures.float() / 255, lenses)[1])


def elements_found(found: Found) -> list[MapElements]:
    """Of the queries after the last layer, those that have a length."""
    scores, labels = (values.cpu().numpy() for values in found.logits[-1].float().sigmoid().max(-1))
    lines = found.lines_m[-1].double().cpu().numpy()
    out = []
    for points, label, score in zip(lines, labels, scores, strict=True):
        whole = [
            np.concatenate([line, line[:1]]) if MAP_CLASSES[of] in OUTLINES else line
            for line, of in zip(points, label, strict=True)
        ]
        long = [i for i, line in enumerate(whole) if np.linalg.norm(np.diff(line, axis=0), axis=1).sum() > 0]
        out.append(MapElements(tuple(whole[i] for i in long), label[long], score[long].astype(np.float64)))
    return out


def lens_of(cameras: Sequence[Camera]) -> Lens:
    """The lenses of cameras."""
    intrinsics = np.stack([camera.intrinsics for camera in cameras])
    ego_from_camera = np.stack([camera.ego_from_camera for camera in cameras])
    return Lens(torch.from_numpy(intrinsics).float(), torch.from_numpy(ego_from_camera).float())


def match_picture(
    network: MapHead, picture: UInt8[ndarray, "h w 3"], scenario: Scenario, frame_index: int, camera: Camera
) -> MapMatches:
    """One frame's matches of what is found in a picture, painted or generated, with the scenario's map as far as the camera
    sees it: the record that ``map_measures`` is made of (``joined_frames`` of a town's).

    Raises ``ValueError`` for a picture of another size than the camera's, for sides that are no multiples of 16 and for a
    scenario without a map, ``IndexError`` outside of the scenario.
    """
    if picture.shape[:2] != (camera.height_px, camera.width_px):
        got = f"{picture.shape[1]}x{picture.shape[0]}"
        raise ValueError(
            f"picture: expected the camera's {camera.width_px}x{camera.height_px}, got {got}; fit one to the other"
        )
    truth = seen_elements(scenario, frame_index, camera, network.config.window)
    found = find(network, torch.from_numpy(picture).permute(2, 0, 1)[None], lens_of([camera]))[0]
    return match_frame(truth, found)
