"""Traffic signals in the pictures for people: a disc in the colour of the state, where the signal hangs."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

from everroad import geometry
from everroad.conditions.boxes import NEAR_M, RANGE_M
from everroad.conditions.show_paint import SUBPIXEL_BITS, Colour, fixed_point
from everroad.scenario.types import Camera, SceneFrame, Signal, SignalColour

COLOUR_OF_STATE: dict[SignalColour, Colour] = {
    "red": (255, 50, 40),
    "yellow": (255, 210, 0),
    "green": (40, 235, 90),
    "off": (70, 70, 74),
    "unknown": (150, 150, 155),
}
_RIM: Colour = (245, 245, 245)
_RADIUS_M = 0.35
_LEAST_PX, _MOST_PX = 3.0, 12.0


def draw_signals(
    image: UInt8[ndarray, "h w 3"], frame: SceneFrame, camera: Camera, signals: Sequence[Signal]
) -> UInt8[ndarray, "h w 3"]:
    """The camera's picture with the discs of the signals within ``RANGE_M``, the nearest on top, also of those that face away.

    ``signals``: those of the scenario, which say where the frame's hang.
    """
    out = image.copy()
    states = dict(frame.signals)
    camera_from_world = geometry.invert(frame.world_from_ego @ camera.ego_from_camera)
    places = [(geometry.apply(camera_from_world, s.position_m[None])[0], s) for s in signals if s.signal_id in states]
    for place, signal in sorted(places, key=lambda item: -item[0][2]):
        if not NEAR_M < place[2] < RANGE_M:
            continue
        pixel = geometry.project(place[None], camera.intrinsics)[0][0]
        if (np.abs(pixel) > 2 * max(out.shape)).any():
            continue
        radius = float(np.clip(camera.intrinsics[0, 0] * _RADIUS_M / place[2], _LEAST_PX, _MOST_PX))
        disc(out, pixel, radius, COLOUR_OF_STATE[states[signal.signal_id]])
    return out


def disc(image: UInt8[ndarray, "h w 3"], pixel: Float[ndarray, "2"], radius_px: float, colour: Colour) -> None:
    """Draws a disc with a white rim into ``image``."""
    u, v = fixed_point(pixel).tolist()
    for radius, paint in ((radius_px + 1.0, _RIM), (radius_px, colour)):
        cv2.circle(image, (u, v), round(radius * (1 << SUBPIXEL_BITS)), paint, cv2.FILLED, cv2.LINE_AA, SUBPIXEL_BITS)
