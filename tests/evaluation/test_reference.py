"""The evaluation towns and what the painter shows of them."""

from __future__ import annotations

import numpy as np
import pytest

from everroad import geometry
from everroad.evaluation.persistence import LEAST_PX
from everroad.evaluation.reference import evaluation_seeds, open_town


def test_the_seeds_are_the_first_evaluation_seeds() -> None:
    assert evaluation_seeds(8) == list(range(1_000_000, 1_000_008))


def test_a_town_is_at_the_models_size_and_long_enough(kit) -> None:
    town = kit.towns[0]
    assert len(town.source.scenario) == 7
    assert len(town.fast) == 7
    reference = town.reference(6)
    assert reference.picture.shape == (64, 112, 3)
    assert reference.semantic.shape == (64, 112)
    conditions = town.conditions(6)
    assert (conditions.height_px, conditions.width_px) == (64, 112)
    assert conditions.seconds_since_previous.item() == pytest.approx(1 / kit.config.frame_rate_hz)


@pytest.mark.slow
def test_a_reference_is_the_same_whenever_it_is_asked_for(kit) -> None:
    fresh = open_town(1_000_001, 6, kit.config)
    fresh.reference(5)
    one, other = fresh.reference(2), kit.towns[1].reference(2)
    assert np.array_equal(one.picture, other.picture)
    assert np.array_equal(one.masks.row, other.masks.row)


def test_every_instance_is_an_actor_or_a_facade(kit) -> None:
    kinds = set()
    for town in kit.towns:
        masks = town.reference(0).masks
        assert (masks.pixels >= LEAST_PX).all()
        kinds |= {town.kind(instance) for instance in masks.ids.tolist()}
    assert kinds == {"actor", "facade"}


def test_the_way_back_to_the_first_frame_is_the_ego_motion_of_the_conditions(kit) -> None:
    town = kit.towns[0]
    steps = [town.conditions(i).previous_from_current[0].numpy().astype(np.float64) for i in range(1, 5)]
    composed = np.linalg.multi_dot(steps)
    assert town.first_from_current(4) == pytest.approx(composed, abs=1e-4)
    assert town.first_from_current(0) == pytest.approx(np.eye(4), abs=1e-9)
    assert geometry.invert(town.first_from_current(4)) @ composed == pytest.approx(np.eye(4), abs=1e-4)
