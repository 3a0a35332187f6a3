"""The weights of a denoised latent's sources, by their formula."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from everroad.conditions.types import MAP_LAYERS
from everroad.model.belief import AS_PREDICTED, source_weights, untold_share
from everroad.model.config import BeliefConfig
from tests.model.conftest import make_conditions

ALL_SEEN, THERE = torch.ones(1, 1, 1, 1, 1), torch.tensor([True])
finite = st.floats(-8, 8)


def weights_of(scores, belief, untold=1.0, error=1.0, present=THERE, components=8):
    """Weights (4, components) at one place where far, near and sketch have these scores in all components."""
    predicted = torch.tensor(scores).view(1, 1, 3, 1, 1, 1).expand(1, 1, 3, components, 1, 1)
    place = torch.full((1, 1, 1, 1, 1), untold)
    return source_weights(predicted, torch.tensor([error]), present, ALL_SEEN, place, belief)[0, 0, :, :, 0, 0]


@given(st.tuples(finite, finite, finite), st.floats(0.1, 3), st.floats(0, 1))
def test_as_predicted_they_are_inverse_squared_errors(scores, error, untold):
    squared = torch.tensor([error**2, *torch.tensor(scores).neg().exp()])
    expected = (1 / squared) / (1 / squared).sum()
    torch.testing.assert_close(weights_of(scores, AS_PREDICTED, untold, error)[:, 0], expected, rtol=1e-4, atol=1e-6)


@given(st.tuples(finite, finite, finite), st.floats(0, 1))
def test_retention_is_added_to_both_views_and_more_of_it_to_untold_shapes(scores, untold):
    belief = BeliefConfig(retention=0.5, retention_untold=1.5)
    found = weights_of(scores, belief, untold)
    for component, nats in ((0, 0.5 + 1.5 * untold), (1, 0.5 + 1.5 * untold), (2, 0.5), (7, 0.5)):
        odds = torch.tensor([0.0, scores[0] + nats, scores[1] + nats, scores[2]]).softmax(0)
        torch.testing.assert_close(found[:, component], odds, rtol=1e-4, atol=1e-6)


@given(st.tuples(finite, finite, finite), st.floats(0, 1))
def test_choice_sets_the_views_apart_and_leaves_their_sum(scores, untold):
    plain, sharp = weights_of(scores, AS_PREDICTED, untold), weights_of(scores, BeliefConfig(choice=3.0), untold)
    torch.testing.assert_close(sharp[1] + sharp[2], plain[1] + plain[2], rtol=1e-4, atol=1e-6)
    odds = (1 + 2 * untold) * (scores[0] - scores[1])
    torch.testing.assert_close((sharp[1] / sharp[2]).log()[0].item(), odds, rtol=1e-2, atol=1e-2)


@given(st.tuples(finite, finite, finite), st.floats(0, 1))
def test_the_sketch_is_favoured_where_the_layout_speaks(scores, untold):
    found = weights_of(scores, BeliefConfig(sketched=1.5), untold)[:, 3]
    odds = torch.tensor([0.0, scores[0], scores[1], scores[2] + 1.5 * (1 - untold)]).softmax(0)
    torch.testing.assert_close(found, odds, rtol=1e-4, atol=1e-6)


def test_without_a_previous_frame_its_views_have_no_weight():
    found = weights_of((5.0, 5.0, 0.0), BeliefConfig(2.0, 2.0, 3.0), present=torch.tensor([False]))
    assert not found[1:3].any()
    torch.testing.assert_close(found[[0, 3], 0], torch.tensor([0.5, 0.5]))


def test_where_the_layout_speaks_nothing_is_untold():
    conditions = make_conditions(batch=1)
    empty = replace(
        conditions,
        map_image=torch.zeros_like(conditions.map_image),
        box_image=torch.zeros_like(conditions.box_image),
        present=replace(conditions.present, map=torch.tensor([True]), boxes=torch.tensor([True])),
    )
    lines, boxes = empty.map_image.clone(), empty.box_image.clone()
    lines[0, 0, MAP_LAYERS.index("drivable_area"), :8, :4] = 255  # half of the first cell
    lines[0, 0, MAP_LAYERS.index("divider_solid"), 3, 9] = 255  # one pixel of the second
    boxes[0, 0, 0, 15, 20] = 255  # one pixel of the third in the second row, which tells of its neighbours
    told = untold_share(replace(empty, map_image=lines, box_image=boxes), 8)
    assert untold_share(empty, 8).eq(1).all()
    assert told[0, 0, 0].tolist()[:5] == [0.5, 0.0, 0.0, 0.0, 1.0]
    assert told[0, 0, 1].tolist()[:5] == [1.0, 0.0, 0.0, 0.0, 1.0]
    assert told[0, 0, 3].eq(1).all()
    absent = replace(empty.present, map=torch.tensor([False]), boxes=torch.tensor([False]))
    assert untold_share(replace(empty, map_image=lines, box_image=boxes, present=absent), 8).eq(1).all()


@pytest.mark.parametrize(
    "wrong", [{"choice": 0.0}, {"retention": 80.0}, {"retention_untold": float("nan")}, {"sketched": -60.0}]
)
def test_refuses_nonsense(wrong):
    with pytest.raises(ValueError, match=r"belief\."):
        BeliefConfig(**wrong)
