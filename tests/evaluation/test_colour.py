"""Lab and luma against the formulas of the standards."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.evaluation.colour import delta_e, lab, luma

BYTE = st.integers(0, 255)


def flat(*rgb: int) -> np.ndarray:
    return np.full((4, 6, 3), rgb, dtype=np.uint8)


def lab_by_the_standard(rgb: tuple[int, int, int]) -> np.ndarray:
    """IEC 61966-2-1 to XYZ, then CIE 15 with the white point D65."""
    coded = np.array(rgb) / 255
    linear = np.where(coded <= 0.04045, coded / 12.92, ((coded + 0.055) / 1.055) ** 2.4)
    matrix = np.array([[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]])
    x = matrix @ linear / np.array([0.95047, 1.0, 1.08883])
    f = np.where(x > (6 / 29) ** 3, np.cbrt(x), x / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@given(st.tuples(BYTE, BYTE, BYTE))
def test_lab_is_the_standards(rgb: tuple[int, int, int]) -> None:
    assert lab(flat(*rgb))[2, 3] == pytest.approx(lab_by_the_standard(rgb), abs=0.01)


def test_delta_e_of_flat_pictures() -> None:
    black, white, grey = (lab(flat(v, v, v)) for v in (0, 255, 119))
    assert delta_e(black, white) == pytest.approx(np.full((4, 6), 100.0), abs=0.05)
    assert delta_e(black, grey)[0, 0] == pytest.approx(50.0, abs=0.5)
    assert delta_e(grey, grey).max() == 0


def test_luma_of_primaries() -> None:
    assert luma(flat(255, 255, 255)) == pytest.approx(np.ones((4, 6)), abs=1e-6)
    assert [float(luma(flat(*rgb))[0, 0]) for rgb in ((255, 0, 0), (0, 255, 0), (0, 0, 255))] == pytest.approx(
        [0.2126, 0.7152, 0.0722], abs=1e-6
    )
