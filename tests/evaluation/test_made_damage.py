"""Damage does what it says, frame by frame, the same each time."""

from __future__ import annotations

import numpy as np
import pytest

from everroad.evaluation.made_damage import MADE_DAMAGE, blurred, colour_shifted, flickering, frozen, noisy, shuffled


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.integers(60, 180, (24, 32, 3), dtype=np.uint8) for _ in range(20)]


@pytest.mark.parametrize("name", MADE_DAMAGE)
def test_every_damage_streams_repeats_itself_and_leaves_its_input(name: str, pictures) -> None:
    before = [picture.copy() for picture in pictures]
    made = list(MADE_DAMAGE[name](iter(pictures)))
    assert len(made) == len(pictures)
    assert all(picture.shape == (24, 32, 3) and picture.dtype == np.uint8 for picture in made)
    assert np.array_equal(made, list(MADE_DAMAGE[name](pictures)))
    assert np.array_equal(before, pictures)
    assert not np.array_equal(made, pictures)


def test_the_damage_of_a_frame_does_not_depend_on_the_frames_after_it(pictures) -> None:
    for damage in (blurred, noisy, colour_shifted, frozen, flickering):
        assert np.array_equal(list(damage(pictures))[:5], list(damage(pictures[:5])))


def test_strengths(pictures) -> None:
    grey = [np.full((64, 64, 3), 128, np.uint8)] * 30
    assert np.std(list(noisy(grey, 0.04)), axis=(1, 2, 3)) == pytest.approx(0.04 * 255, rel=0.05)
    assert next(colour_shifted(grey, (0.1, 0.0, -0.1)))[0, 0].tolist() == [154, 128, 102]
    gains = np.array([picture.mean() for picture in flickering(grey, 0.1)]) / 128
    assert np.abs(gains - 1).max() <= 0.105
    assert np.ptp(gains) > 0.1
    assert np.std(next(blurred(pictures, 2.0))) < 0.4 * np.std(pictures[0])


def test_frozen_and_shuffled_keep_frames_whole(pictures) -> None:
    held = list(frozen(pictures, 3))
    assert np.array_equal(held[:4], pictures[:4])
    assert all(np.array_equal(picture, pictures[3]) for picture in held[3:])
    mixed = list(shuffled(pictures, 8))
    assert np.array_equal(mixed[0], pictures[0])
    for first in (1, 9, 17):
        part = {picture.tobytes() for picture in mixed[first : first + 8]}
        assert part == {picture.tobytes() for picture in pictures[first : first + 8]}


def test_addresses_differ(pictures) -> None:
    for damage in (noisy, flickering):
        assert not np.array_equal(list(damage(pictures, 0.1, "a")), list(damage(pictures, 0.1, "b")))
    assert not np.array_equal(list(shuffled(pictures, 8, "a")), list(shuffled(pictures, 8, "b")))
