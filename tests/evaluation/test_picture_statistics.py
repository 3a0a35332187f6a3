"""Statistics of known patterns, and that damage moves them the right way."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from everroad.evaluation.colour import lab
from everroad.evaluation.picture_statistics import FRAMES, Statistics, picture_statistics, statistics_at


def stripes(period: int, low: int = 0, high: int = 255, height: int = 32, width: int = 48) -> np.ndarray:
    """Vertical stripes, half a period each."""
    row = np.where(np.arange(width) % period < period // 2, low, high).astype(np.uint8)
    return np.broadcast_to(row[None, :, None], (height, width, 3)).copy()


def statistics_of(picture: np.ndarray) -> Statistics:
    return picture_statistics(picture, lab(picture))


def texture() -> np.ndarray:
    draw = np.random.default_rng(0)
    return cv2.resize(draw.integers(0, 256, (16, 24, 3), dtype=np.uint8), (96, 64), interpolation=cv2.INTER_NEAREST)


def stacked(*per_town: np.ndarray) -> Statistics:
    """One town for each picture, and the same picture at every frame."""
    each = [statistics_of(picture) for picture in per_town]
    frames = FRAMES[1] + 1
    return Statistics(
        np.stack([[one.mean_lab] * frames for one in each]),
        np.stack([[one.variance] * frames for one in each]),
        np.stack([[one.gradient_energy] * frames for one in each]),
    )


def test_gradient_energy_of_stripes() -> None:
    # Steps of 1 between every 4th pair of columns: 11 of 47 pairs of columns, none between rows.
    assert float(statistics_of(stripes(8)).gradient_energy) == pytest.approx(11 / 47, rel=1e-5)
    assert float(statistics_of(stripes(8).transpose(1, 0, 2).copy()).gradient_energy) == pytest.approx(11 / 47, rel=1e-5)
    assert float(statistics_of(np.full((8, 8, 3), 77, dtype=np.uint8)).gradient_energy) == 0


def test_variance_of_stripes() -> None:
    assert float(statistics_of(stripes(8)).variance) == pytest.approx(0.25, rel=1e-5)


def test_a_picture_against_itself() -> None:
    found = statistics_at(stacked(texture()), stacked(texture()), 1)
    assert found["colour error"].value == 0
    assert found["contrast"].value == 1
    assert found["gradient energy"].value == 1


def test_blur_lowers_gradient_energy_most() -> None:
    found = statistics_at(stacked(cv2.GaussianBlur(texture(), (0, 0), 1.5)), stacked(texture()), 40)
    assert found["gradient energy"].value < 0.5
    assert found["gradient energy"].value < found["contrast"].value < 1


def test_noise_raises_gradient_energy() -> None:
    noisy = np.clip(texture() + np.random.default_rng(1).normal(0, 30, texture().shape), 0, 255).astype(np.uint8)
    assert statistics_at(stacked(noisy), stacked(texture()), 1)["gradient energy"].value > 1.1


def test_a_colour_shift_is_an_error_of_colour_and_of_nothing_else() -> None:
    mild = (texture() // 2 + 60).astype(np.uint8)
    shifted = mild.copy()
    shifted[..., 2] += 40
    found = statistics_at(stacked(shifted), stacked(mild), 1)
    assert found["colour error"].value > 10
    assert found["contrast"].value == pytest.approx(1, abs=0.02)
    assert found["gradient energy"].value == pytest.approx(1, abs=0.02)


def test_half_the_contrast_is_a_half() -> None:
    found = statistics_at(stacked(stripes(8, 64, 191)), stacked(stripes(8, 0, 254)), 1)
    assert found["contrast"].value == pytest.approx(0.5)
    assert found["gradient energy"].value == pytest.approx(0.25)


def test_towns_are_pooled_by_their_sums() -> None:
    model = stacked(stripes(8), np.full((32, 48, 3), 128, dtype=np.uint8))
    painter = stacked(stripes(8), stripes(8))
    found = statistics_at(model, painter, 1)
    assert found["gradient energy"].value == pytest.approx(0.5)
    assert found["contrast"].value == pytest.approx(np.sqrt(0.5))


def test_a_frame_that_is_not_reached_is_invalid() -> None:
    found = statistics_at(stacked(texture()), stacked(texture()), FRAMES[2])
    assert not any(measure.valid for measure in found.values())
