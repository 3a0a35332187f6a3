"""Sources without a network, each against what it is said to be."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from everroad.evaluation.baselines.frames import last_frame
from everroad.evaluation.baselines.trivial import RepeatSource, WarpSource
from everroad.evaluation.first_frame_baselines import ground_warp
from everroad.evaluation.sources.painter import PainterPictures

pytestmark = pytest.mark.slow  # towns are authored and painted


def all_pictures(source, towns) -> list[list[np.ndarray]]:
    return list(source.pictures(towns))


@pytest.mark.parametrize("source", [PainterPictures(), RepeatSource(), WarpSource()])
def test_every_source_begins_with_the_painters_picture_and_goes_as_far_as_the_towns(kit, source) -> None:
    made = all_pictures(source, kit.towns)
    assert len(made) == 7
    assert {len(of_frame) for of_frame in made} == {2}
    for picture, town in zip(made[0], kit.towns, strict=True):
        assert np.array_equal(picture, town.reference(0).picture)
    assert all(picture.dtype == np.uint8 and picture.shape == (64, 112, 3) for of_frame in made for picture in of_frame)


def test_the_painter_shows_each_frame(kit) -> None:
    made = all_pictures(PainterPictures(), kit.towns)
    assert np.array_equal(made[5][1], kit.towns[1].reference(5).picture)


def test_repeat_shows_the_first_frame_for_ever_and_lends_nothing(kit) -> None:
    first = kit.towns[0].reference(0).picture
    for of_frame in RepeatSource().pictures(kit.towns):
        assert np.array_equal(of_frame[0], first)
        of_frame[0][:] = 0


def test_warp_moves_the_first_frame_in_one_step(kit) -> None:
    made, town = all_pictures(WarpSource(), kit.towns), kit.towns[0]
    first = town.reference(0).picture
    assert np.array_equal(made[6][0], ground_warp(first, town.source.camera, town.first_from_current(6)))
    assert not np.array_equal(made[6][0], first)  # the car moves


def test_a_source_is_as_long_as_the_shortest_town_and_lazy(kit) -> None:
    longer = kit.open_town(1_000_001, 10, kit.config)
    assert last_frame([longer, kit.towns[0]]) == 6
    assert len(list(itertools.islice(WarpSource().pictures([longer]), 2))) == 2
    with pytest.raises(ValueError, match="expected one or more"):
        last_frame([])
