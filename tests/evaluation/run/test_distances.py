"""Distances above the painter's floor."""

from __future__ import annotations

import numpy as np
import pytest

from everroad.evaluation.run.distances import distances_above_floor, others_by_town

NAMES = ("KID", "FID")


def towns(seed: int, count: int = 8, frames: int = 12, shift: float = 0.0) -> list[np.ndarray]:
    draw = np.random.default_rng(seed)
    return [draw.normal(0, 1, (frames, 5)) + shift for _ in range(count)]


def test_the_painter_itself_is_at_the_floor_exactly() -> None:
    painter, others = towns(0), towns(1)
    found = distances_above_floor(painter, painter, others, NAMES)
    for name in NAMES:
        assert found[f"{name} above floor"].value == 0
        assert found[f"{name} above floor"].interval == (0, 0)
        assert found[name].value == found[f"{name} floor"].value


@pytest.mark.parametrize("name", NAMES)
def test_what_is_shifted_is_above_the_floor_by_more_the_further_it_is(name: str) -> None:
    painter, others = towns(0), towns(1)
    near, far = (
        distances_above_floor([of + shift for of in painter], painter, others, NAMES)[f"{name} above floor"]
        for shift in (0.5, 1.5)
    )
    assert 0 < near.value < far.value
    assert far.interval is not None
    assert far.interval[0] > 0


def test_a_frechet_distance_of_a_shift_is_its_square() -> None:
    """Covariances are those of the painter, and so is their part of the distance."""
    painter = towns(0)
    shift = np.array([1.0, -2.0, 0.5, 0.0, 0.0])
    found = distances_above_floor([of + shift for of in painter], painter, painter, NAMES)
    assert found["FID"].value == pytest.approx(shift @ shift)
    assert found["FID floor"].value == pytest.approx(0, abs=1e-9)


def test_too_few_towns_have_no_kernel_distance_and_too_few_samples_none_at_all() -> None:
    one = distances_above_floor(towns(0, count=1), towns(0, count=1), towns(1), NAMES)
    assert not one["KID"].valid
    assert one["FID"].valid
    assert one["FID"].interval is None
    single = distances_above_floor(towns(0, 1, 1), towns(0, 1, 1), towns(1), NAMES)
    assert not single["FID above floor"].valid


def test_features_by_frame_are_features_by_town() -> None:
    by_frame = {i: np.arange(6.0).reshape(3, 2) + 10 * i for i in (1, 5)}
    found = others_by_town(by_frame, [1, 5])
    assert len(found) == 3
    np.testing.assert_array_equal(found[2], [[14.0, 15.0], [54.0, 55.0]])
