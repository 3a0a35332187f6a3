"""What the map head is trained by: what is drawn on the ground, the middles of elements and how these run, and the queries.

A line may be told from either end and an outline from any point and either way round (MapTR's permutation-equivalent
modelling): of all orders of the true points the nearest counts. Queries are matched one to one with elements at the least cost.
Axis letters: ``b`` pictures, ``e`` places for elements, ``q`` queries, ``o`` orders, ``p`` points, ``x y`` cells, ``m`` pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

from everroad.evaluation.mapping.elements import MAP_CLASSES
from everroad.evaluation.mapping.ground_truth import Window
from everroad.evaluation.mapping.head.network import Dense, Found
from everroad.evaluation.mapping.head.seen import OUTLINES

CLOSED = torch.tensor([name in OUTLINES for name in MAP_CLASSES])
DRAWN_WEIGHT = 4.0  # of a cell that a line crosses; most are empty
GOOD_M = 1.5  # a matched query as far from its element wants a score of 1/e
SCORE_COST_M = 3.0  # metres that a sure score is worth in matching


@dataclass(frozen=True)
class Wanted:
    """The elements of pictures: classes (-1: none), points, and those in each of the orders that are right."""

    label: Int64[Tensor, "b e"]
    lines_m: Float[Tensor, "b e p 2"]
    orders_m: Float[Tensor, "b e o p 2"]


def wanted(lines_m: Float[Tensor, "b e p 2"], label: Tensor) -> Wanted:
    """Of the truth of painted clips. Places that no picture of these uses are left out."""
    most = max(int((label >= 0).sum(1).max()), 1)
    lines_m, label = lines_m[:, :most], label[:, :most].long()
    points = lines_m.shape[2]
    ahead = torch.arange(points, device=label.device)
    around = (ahead + ahead[:, None]) % points
    closed = torch.cat([around, around.flip(1)])
    line = torch.stack([ahead, ahead.flip(0)]).repeat(points, 1)
    by_order = lines_m[:, :, torch.stack([line, closed])]  # b e 2 o p 2
    is_closed = CLOSED.to(label.device)[label.clamp(min=0)]
    return Wanted(label, lines_m, torch.where(is_closed[..., None, None, None], by_order[:, :, 1], by_order[:, :, 0]))


def drawn_loss(dense: Dense, drawn: Float[Tensor, "b 3 x2 y2"]) -> Float[Tensor, ""]:
    """Cross-entropy of the classes drawn on the ground."""
    weight = 1 + (DRAWN_WEIGHT - 1) * drawn
    return F.binary_cross_entropy_with_logits(dense.drawn.float(), drawn, weight)


def middle_loss(dense: Dense, truth: Wanted, window: Window) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Focal loss of the heat map (Law and Deng 2018, eq. 1), and the mean distance in metres (per axis, added) of the points
    that the cells around the middles tell."""
    heat = dense.heat.float()
    shape = torch.tensor(heat.shape[-2:], device=heat.device)
    is_there = truth.label >= 0
    cell = middle_cells(truth, window, shape)
    target = heat_target(truth.label, cell, heat.shape)
    probability = heat.sigmoid().clamp(1e-4, 1 - 1e-4)
    at_peak = target == 1
    positive = -((1 - probability) ** 2) * probability.log() * at_peak
    negative = -((1 - target) ** 4) * probability**2 * (1 - probability).log() * ~at_peak
    batch, place = torch.nonzero(is_there, as_tuple=True)
    steps = torch.arange(-1, 2, device=heat.device)
    around = torch.minimum((cell[batch, place][:, None] + torch.cartesian_prod(steps, steps)).clamp(min=0), shape - 1)
    told = dense.lines_m.permute(0, 3, 4, 1, 2)[batch[:, None], around[..., 0], around[..., 1]]  # m 9 p 2
    apart = torch.cdist(told.flatten(2), truth.orders_m[batch, place].flatten(2), p=1).amin(-1)
    count = is_there.sum().clamp(min=1)
    return (positive + negative).sum() / count, apart.sum() / (count * len(steps) ** 2 * told.shape[2])


def middle_cells(truth: Wanted, window: Window, shape: Int64[Tensor, "2"]) -> Int64[Tensor, "b e 2"]:
    """The cell (row, column) of the middle of each outline, and of the point halfway along each line."""
    points = truth.lines_m.shape[2]
    halfway = truth.lines_m[:, :, (points - 1) // 2 : points // 2 + 1].mean(2)
    closed = CLOSED.to(halfway.device)[truth.label.clamp(min=0)][..., None]
    middle = torch.where(closed, truth.lines_m.mean(2), halfway)
    low = torch.tensor([window.x_min_m, window.y_min_m], device=middle.device)
    high = torch.tensor([window.x_max_m, window.y_max_m], device=middle.device)
    cell = ((middle - low) / (high - low) * shape).floor().long()
    return torch.minimum(cell.clamp(min=0), shape - 1)


def heat_target(label: Int64[Tensor, "b e"], cell: Int64[Tensor, "b e 2"], shape: torch.Size) -> Float[Tensor, "b 3 x y"]:
    """One at the middles, falling off within some cells."""
    _, classes, height, width = shape
    rows, columns = torch.arange(height, device=cell.device), torch.arange(width, device=cell.device)
    apart = (rows[:, None] - cell[..., 0, None, None]) ** 2 + (columns - cell[..., 1, None, None]) ** 2
    bump = torch.exp(-apart / 2)
    kinds = F.one_hot(label.clamp(min=0), classes).to(bump) * (label >= 0)[..., None]
    return (kinds[..., None, None] * bump[:, :, None]).amax(1)


def set_loss(found: Found, truth: Wanted) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Of queries matched one to one, over all layers: quality focal loss of the classes (Li et al. 2020, eq. 2), the quality
    falling with the distance; and the mean distance of the points in metres (per axis, added)."""
    kinds, errors = [], []
    count = (truth.label >= 0).sum().clamp(min=1)
    for logits, lines in zip(found.logits.float(), found.lines_m.float(), strict=True):
        apart = torch.cdist(lines.flatten(2), truth.orders_m.flatten(1, 2).flatten(2), p=1)
        apart = apart.unflatten(2, truth.orders_m.shape[1:3]).amin(-1) / lines.shape[2]  # b q e
        picture, query, element = matched(logits, apart.detach(), truth.label)
        metres = apart[picture, query, element]
        target = torch.zeros_like(logits)
        target[picture, query, truth.label[picture, element]] = torch.exp(-metres.detach() / GOOD_M)
        entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
        kinds.append(((target - logits.sigmoid()) ** 2 * entropy).sum() / count)
        errors.append(metres.sum() / count)
    return torch.stack(kinds).mean(), torch.stack(errors).mean()


@torch.no_grad()
def matched(
    logits: Float[Tensor, "b q 3"], apart: Float[Tensor, "b q e"], label: Int64[Tensor, "b e"]
) -> tuple[Int64[Tensor, "m"], Int64[Tensor, "m"], Int64[Tensor, "m"]]:
    """Pictures, queries and elements that belong together at the least cost."""
    score = logits.sigmoid().gather(2, label.clamp(min=0)[:, None].expand(-1, logits.shape[1], -1))
    cost = (apart - SCORE_COST_M * score).cpu()
    rows: list[tuple[int, int, int]] = []
    for picture, of_picture in enumerate(cost):
        there = torch.nonzero(label[picture].cpu() >= 0)[:, 0]
        queries, elements = linear_sum_assignment(of_picture[:, there].numpy())
        rows += [(picture, int(q), int(there[e])) for q, e in zip(queries, elements, strict=True)]
    found = torch.tensor(rows, dtype=torch.long, device=logits.device).view(-1, 3)
    return found[:, 0], found[:, 1], found[:, 2]
