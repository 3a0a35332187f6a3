"""The map head's losses: what is right costs nothing in whatever order it is told, what is wrong does."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from everroad.evaluation.mapping.ground_truth import Window
from everroad.evaluation.mapping.head.ground import cell_middles
from everroad.evaluation.mapping.head.losses import (
    Wanted,
    drawn_loss,
    heat_target,
    matched,
    middle_cells,
    middle_loss,
    set_loss,
    wanted,
)
from everroad.evaluation.mapping.head.network import Dense, Found

CROSSING, DIVIDER, BOUNDARY = range(3)
SURE = 9.0


def lines(seed: int = 0) -> torch.Tensor:
    """A crossing, a divider and a boundary of 8 points, in one picture."""
    draw = np.random.default_rng(seed)
    turn = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    ring = np.stack([15 + 3 * np.cos(turn), 2 * np.sin(turn)], 1) + draw.normal(0, 0.1, (8, 2))
    ahead = np.linspace(5, 25, 8)
    sides = (np.stack([ahead, draw.uniform(5, 9) * side + 0 * ahead], 1) for side in (-1, 1))
    return torch.from_numpy(np.stack([ring, *sides])[None]).float()


def truth(seed: int = 0) -> Wanted:
    return wanted(lines(seed), torch.tensor([[CROSSING, DIVIDER, BOUNDARY]]))


def found(points: torch.Tensor, label: list[int]) -> Found:
    logits = torch.full((1, 1, len(label), 3), -SURE)
    logits[0, 0, range(len(label)), label] = SURE
    return Found(logits, points[None])


@given(st.integers(0, 1000), st.integers(0, 7), st.booleans(), st.booleans())
def test_outlines_may_begin_anywhere_and_lines_at_either_end(seed: int, first: int, round_: bool, back: bool) -> None:
    told = lines(seed)
    ring = told[0, 0].roll(first, 0)
    told[0, 0] = ring.flip(0) if round_ else ring
    told[0, 1] = told[0, 1].flip(0) if back else told[0, 1]
    kinds, metres = set_loss(found(told[:, [2, 0, 1]], [BOUNDARY, CROSSING, DIVIDER]), truth(seed))
    assert metres < 1e-4
    assert kinds < 1e-3


def test_a_line_that_begins_in_its_midst_is_wrong() -> None:
    told = lines()
    told[0, 1] = told[0, 1].roll(1, 0)
    assert set_loss(found(told, [0, 1, 2]), truth())[1] > 1.0


def test_the_error_of_a_moved_line_is_how_far_it_is_moved() -> None:
    told = lines()
    told[0, 2, :, 1] += 0.6
    torch.testing.assert_close(set_loss(found(told, [0, 1, 2]), truth())[1], torch.tensor(0.2))


def test_a_score_for_nothing_and_a_wrong_class_cost() -> None:
    extra = torch.cat([lines(), lines()[:, :1] + 8], 1)
    right = set_loss(found(extra[:, :3], [0, 1, 2]), truth())[0]
    assert set_loss(found(extra, [0, 1, 2, 1]), truth())[0] > right + 1
    assert set_loss(found(extra[:, :3], [0, 2, 1]), truth())[0] > right + 1


def test_every_element_has_a_query_of_its_own() -> None:
    apart = torch.tensor([[[0.1, 0.2], [5.0, 0.3], [6.0, 6.0]], [[1.0, 0.0], [2.0, 0.0], [0.5, 0.0]]])
    picture, query, element = matched(torch.zeros(2, 3, 3), apart, torch.tensor([[1, 1], [2, -1]]))
    assert list(zip(picture.tolist(), query.tolist(), element.tolist(), strict=True)) == [(0, 0, 0), (0, 1, 1), (1, 2, 0)]
    nothing = matched(torch.zeros(2, 3, 3), apart[:, :, :1], torch.full((2, 1), -1))
    assert [len(part) for part in nothing] == [0, 0, 0]


def test_the_middle_is_halfway_along_a_line_and_within_an_outline() -> None:
    window, cells = Window(), (30, 30)
    there = middle_cells(truth(), window, torch.tensor(cells))
    middles = cell_middles(window, cells)[there[0, :, 0], there[0, :, 1]]
    expected = torch.stack([lines()[0, 0].mean(0), lines()[0, 1].mean(0), lines()[0, 2].mean(0)])
    assert (middles - expected).abs().max() <= 0.5 + 1e-5
    target = heat_target(truth().label, there, torch.Size((1, 3, 30, 30)))
    assert (target == 1).nonzero()[:, 1:].tolist() == [[of, *cell] for of, cell in enumerate(there[0].tolist())]


def test_cells_that_tell_the_right_lines_cost_nothing() -> None:
    window, wants = Window(), truth()
    there = middle_cells(wants, window, torch.tensor((30, 30)))
    told, heat = torch.zeros(1, 8, 2, 30, 30), torch.full((1, 3, 30, 30), -SURE)
    for of, (row, column) in enumerate(there[0].tolist()):
        told[0, :, :, row - 1 : row + 2, column - 1 : column + 2] = lines()[0, of][..., None, None]
        heat[0, of, row, column] = SURE
    focal, metres = middle_loss(Dense(torch.zeros(1, 3, 60, 60), heat, told), wants, window)
    assert metres < 1e-4
    assert focal < 1e-2
    assert middle_loss(Dense(torch.zeros(1, 3, 60, 60), heat.flip(-1), told.flip(-1)), wants, window)[1] > 1


def test_pictures_without_elements_are_no_error() -> None:
    empty = wanted(lines(), torch.full((1, 3), -1))
    kinds, metres = set_loss(found(lines(), [0, 1, 2]), empty)
    assert kinds > 1
    assert metres == 0


def test_what_is_drawn_weighs_more_than_what_is_not() -> None:
    drawn = torch.zeros(1, 3, 4, 4)
    drawn[0, 0, 0, 0] = 1
    missed, extra = torch.full_like(drawn, -SURE), torch.where(drawn > 0, SURE, -SURE)
    extra[0, 1, 0, 0] = SURE
    dense = (Dense(of, torch.zeros(1, 3, 2, 2), torch.zeros(1, 2, 2, 2, 2)) for of in (missed, extra))
    losses = [float(drawn_loss(one, drawn)) for one in dense]
    assert losses[0] > 3.5 * losses[1]
