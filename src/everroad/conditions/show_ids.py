"""Track ids in the pictures for people."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Bool, UInt8
from numpy import ndarray

from everroad.conditions.show_paint import Colour

_DARK: Colour = (12, 12, 14)
_FONT, _FONT_SCALE = cv2.FONT_HERSHEY_SIMPLEX, 0.38
_LONGEST_ID = 10  # letters


def write_id(
    image: UInt8[ndarray, "h w 3"],
    track_id: str,
    middle_px: float,
    bottom_px: float,
    colour: Colour,
    taken: Bool[ndarray, "h w"],
    scale: float = _FONT_SCALE,
) -> None:
    """Draws into ``image``, on a dark ground and inside of the picture; not where ``taken``, which is marked."""
    text = track_id if len(track_id) <= _LONGEST_ID else f"{track_id[: _LONGEST_ID - 2]}.."
    (width, height), _ = cv2.getTextSize(text, _FONT, scale, 1)
    left = round(float(np.clip(middle_px - width / 2, 1, max(1, image.shape[1] - width - 2))))
    bottom = round(float(np.clip(bottom_px, height + 2, image.shape[0] - 2)))
    ground = np.s_[max(0, bottom - height - 1) : bottom + 3, max(0, left - 1) : left + width + 1]
    if taken[ground].any():
        return
    taken[ground] = True
    cv2.rectangle(image, (left - 1, bottom - height - 1), (left + width, bottom + 2), _DARK, cv2.FILLED)
    cv2.putText(image, text, (left, bottom), _FONT, scale, colour, 1, cv2.LINE_AA)
