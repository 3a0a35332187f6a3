"""Colours as people see them: CIE L*a*b* (D65) of sRGB bytes, their difference, and luminance."""

from __future__ import annotations

import cv2
import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

# Rec. 709 weights, here of the gamma-coded values (luma).
LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)


def lab(picture: UInt8[ndarray, "h w 3"]) -> Float[ndarray, "h w 3"]:
    """L* in 0 .. 100, a* and b*, of an sRGB picture (IEC 61966-2-1, CIE 15), float32."""
    return cv2.cvtColor(picture.astype(np.float32) / 255, cv2.COLOR_RGB2Lab)


def delta_e(one: Float[ndarray, "*n 3"], other: Float[ndarray, "*n 3"]) -> Float[ndarray, "*n"]:
    """Colour difference ΔE*ab (CIE 1976): the distance in L*a*b*. About 2.3 is just noticed."""
    return np.asarray(np.linalg.norm(one - other, axis=-1))


def luma(picture: UInt8[ndarray, "h w 3"]) -> Float[ndarray, "h w"]:
    """Luma in [0, 1], float32."""
    return (picture.astype(np.float32) @ LUMA) / 255
