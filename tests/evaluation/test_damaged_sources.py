"""Sources of damaged pictures."""

from __future__ import annotations

import numpy as np
import pytest

from everroad.evaluation.damaged_sources import (
    CarRemoved,
    OtherLayout,
    damaged_sources,
    largest_car,
    mirrored,
    remembering,
    without_largest_car,
)
from everroad.evaluation.reference import EvaluationTown, evaluation_seeds, open_town
from everroad.model.presets import get_preset

pytestmark = pytest.mark.slow

FRAMES = 6


@pytest.fixture(scope="module")
def towns() -> list[EvaluationTown]:
    return [open_town(seed, FRAMES, get_preset("town-nano")) for seed in evaluation_seeds(6)[3:]]


def test_each_has_a_name_of_its_own_and_a_picture_of_every_frame(towns: list[EvaluationTown]) -> None:
    sources = damaged_sources()
    assert len({of.name for of in sources}) == len(sources) == 9
    for source in sources:
        made = list(source.pictures(towns[:2]))
        assert len(made) == FRAMES + 1
        assert {picture.shape for of_frame in made for picture in of_frame} == {(64, 112, 3)}
        assert source.described()["damage"] == source.name


def test_a_swapped_layout_is_the_next_towns(towns: list[EvaluationTown]) -> None:
    first = next(OtherLayout().pictures(towns))
    for picture, town in zip(first, [*towns[1:], towns[0]], strict=True):
        np.testing.assert_array_equal(picture, town.picture(0))
    with pytest.raises(ValueError, match="swapped layout: expected two towns at least, got 1; ask for more"):
        OtherLayout().pictures(towns[:1])


def test_without_the_car_only_it_and_its_shadow_are_gone(towns: list[EvaluationTown]) -> None:
    """What was the car is something else, and far from it hardly anything changed."""
    town = max(towns, key=lambda of: seen(of).sum())
    mask = seen(town)
    assert mask.sum() >= 12
    before, after = town.picture(0), next(CarRemoved().pictures([town]))[0]
    changed = (before != after).any(-1)
    assert changed[mask].mean() > 0.9
    near = np.argwhere(mask)
    low, high = near.min(0) - 6, near.max(0) + 7
    outside = np.ones_like(mask)
    outside[max(low[0], 0) : high[0], max(low[1], 0) : high[1]] = False
    assert changed[outside].mean() < 0.02
    assert largest_car(without_largest_car(town)) != largest_car(town)


def seen(town: EvaluationTown) -> np.ndarray:
    """Pixels of the largest car at frame 0."""
    car = largest_car(town)
    frame = town.source.scenario.frame(0)
    instance = town.painter.paint(frame, town.source.camera, frozenset({"instance"})).instance
    assert instance is not None
    return np.isin(instance, [i for i in np.unique(instance) if i and town.painter.instance_name(int(i)) == f"actor:{car}"])


def test_mirrored_twice_is_the_picture(towns: list[EvaluationTown]) -> None:
    picture = towns[0].picture(0)
    once = next(mirrored([picture]))
    np.testing.assert_array_equal(once[:, 0], picture[:, -1])
    np.testing.assert_array_equal(next(mirrored([once])), picture)


def test_a_remembering_town_paints_the_same(towns: list[EvaluationTown]) -> None:
    town = remembering(towns[0])
    for i in (0, 5, 0, 3):
        np.testing.assert_array_equal(town.picture(i), towns[0].picture(i))
    assert town.picture(0) is town.picture(0)
    removed = next(CarRemoved().pictures([town]))[0]
    np.testing.assert_array_equal(removed, next(CarRemoved().pictures([towns[0]]))[0])
