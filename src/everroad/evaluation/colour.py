"""Colours as people see them: CIE L*a*b* (D65) of sRGB bytes, their difference, and luminance."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, UInt8
from numpy import ndarray

# Rec. 709 weights, here of the gamma-coded values (luma).
LUMA = np.array([0.2126, 0.7152, 0.0722], dtype=np.float32)

_CODED = np.arange(256) / 255
LINEAR_OF_BYTE = np.where(_CODED <= 0.04045, _CODED / 12.92, ((_CODED + 0.055) / 1.055) ** 2.4).astype(np.float32)
_XYZ_FROM_LINEAR = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
# Rows sum to 1: XYZ as a share of the white point, which is D65.
WHITE_FROM_LINEAR = (_XYZ_FROM_LINEAR / _XYZ_FROM_LINEAR.sum(1, keepdims=True)).astype(np.float32)


def lab(picture: UInt8[ndarray, "h w 3"]) -> Float[ndarray, "h w 3"]:
    """L* in 0 .. 100, a* and b*, of an sRGB picture (IEC 61966-2-1, CIE 15), float32."""
    f = np.cbrt(LINEAR_OF_BYTE[picture] @ WHITE_FROM_LINEAR.T)
    linear_part = f < 6 / 29
    f = np.where(linear_part, f**3 / (3 * (6 / 29) ** 2) + 4 / 29, f).astype(np.float32)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def delta_e(one: Float[ndarray, "*n 3"], other: Float[ndarray, "*n 3"]) -> Float[ndarray, "*n"]:
    """Colour difference ΔE*ab (CIE 1976): the distance in L*a*b*. About 2.3 is just noticed."""
    return np.asarray(np.linalg.norm(one - other, axis=-1))


def luma(picture: UInt8[ndarray, "h w 3"]) -> Float[ndarray, "h w"]:
    """Luma in [0, 1], float32."""
    return (picture.astype(np.float32) @ LUMA) / 255
