"""What the detector is trained by: a heat map with what its places tell, and the queries matched one to one with the boxes.

Boxes of which hardly a pixel is seen, or that are too far, are neither wanted nor wrong.
Axis letters: ``b`` pictures, ``o`` boxes, ``q`` queries, ``c`` classes, ``h w`` cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int64
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

from everroad.evaluation.detector.codes import Lens, encode, told
from everroad.evaluation.detector.network import CELL_PX, Dense, Found

LEAST_PX = 6
NEAR_M = 3.0  # a query so near to an unwanted box is not wrong
# Weights of the numbers of a code (m and m/s weigh less than logarithms and angles), and of what a place tells.
CODE_WEIGHTS = torch.tensor([0.2, 0.2, 0.2, 0.5, 0.5, 0.5, 0.5, 0.5, 0.05, 0.05])
TOLD_WEIGHTS = torch.tensor([0.5, 0.5, 2.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.05, 0.2])


@dataclass(frozen=True)
class Wanted:
    """The boxes of pictures: classes (-1: none), codes in the ego frame, and which of them are to be found."""

    classes: Int64[Tensor, "b o"]
    codes: Float[Tensor, "b o 10"]
    clear: Bool[Tensor, "b o"]


def wanted(boxes: Float[Tensor, "b o 9"], classes: Tensor, pixels: Tensor, farthest_m: float) -> Wanted:
    """Of the labels of painted clips."""
    near = boxes[..., :2].norm(dim=-1) < farthest_m
    return Wanted(classes.long(), encode(boxes), (classes >= 0) & (pixels >= LEAST_PX) & near)


def dense_loss(dense: Dense, boxes: Wanted, lens: Lens) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Focal loss of the heat map (Law and Deng 2018, eq. 1) and the error of what is told at the boxes' middles."""
    heat, tells = dense.heat.float(), dense.told.float()
    height, width = heat.shape[-2:]
    pixel, to_tell, depth = told(boxes.codes, lens)
    cell = ((pixel + 0.5) / CELL_PX).floor()
    inside = (boxes.classes >= 0) & (depth > 1.0) & (cell >= 0).all(-1) & (cell[..., 0] < width) & (cell[..., 1] < height)
    target, ignored = heat_target(boxes, cell, depth, inside, lens, heat.shape)
    probability = heat.sigmoid().clamp(1e-4, 1 - 1e-4)
    at_peak = target == 1
    positive = -((1 - probability) ** 2) * probability.log() * at_peak
    negative = -((1 - target) ** 4) * probability**2 * (1 - probability).log() * ~(at_peak | ignored)
    count = at_peak.sum().clamp(min=1)
    clear = inside & boxes.clear
    batch, place = torch.nonzero(clear, as_tuple=True)
    column, row = cell[batch, place].long().unbind(-1)
    middle = cell[batch, place] * CELL_PX + (CELL_PX - 1) / 2
    right = torch.cat([(pixel[batch, place] - middle) / CELL_PX, to_tell[batch, place]], -1)
    error = (tells[batch, :, row, column] - right).abs() * TOLD_WEIGHTS.to(tells)
    return (positive + negative).sum() / count, error.sum() / clear.sum().clamp(min=1)


def heat_target(
    boxes: Wanted, cell: Tensor, depth: Tensor, inside: Tensor, lens: Lens, shape: torch.Size
) -> tuple[Float[Tensor, "b c h w"], Bool[Tensor, "b c h w"]]:
    """One at the middles of clear boxes, falling off over the boxes' size; and where unclear boxes are."""
    _, classes, height, width = shape
    radius = (0.25 * boxes.codes[..., 5].exp() * lens.intrinsics[:, 1, 1, None] / depth.clamp(min=1.0) / CELL_PX).clamp(
        0.5, 4.0
    )
    rows, columns = torch.arange(height, device=depth.device), torch.arange(width, device=depth.device)
    apart = (rows[:, None] - cell[..., 1, None, None]) ** 2 + (columns - cell[..., 0, None, None]) ** 2  # b o h w
    bump = torch.exp(-apart / (2 * radius[..., None, None] ** 2))
    # To each class the highest of its boxes' bumps.
    of_class = boxes.classes.clamp(min=0)[..., None, None].expand(bump.shape)
    clear, unclear = (
        bump.new_zeros(len(bump), classes, height, width).scatter_reduce(
            1, of_class, bump * (inside & which)[..., None, None], "amax"
        )
        for which in (boxes.clear, ~boxes.clear)
    )
    unclear = unclear > 0.3
    return clear, unclear & (clear < 1)


def set_loss(found: Found, boxes: Wanted) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Focal loss of the classes (Lin et al. 2017) and error of the codes, of queries matched one to one, over all layers."""
    kinds, errors, count = [], [], boxes.clear.sum().clamp(min=1)
    for logits, codes in zip(found.logits.float(), found.codes, strict=True):
        for i in range(len(logits)):
            clear = boxes.clear[i]
            truth, classes = boxes.codes[i, clear], boxes.classes[i, clear]
            rows, columns = matched(logits[i], codes[i], truth, classes)
            target = torch.zeros_like(logits[i])
            target[rows, classes[columns]] = 1.0
            counts = torch.ones(len(target), device=target.device, dtype=torch.bool)
            unclear = boxes.codes[i, (boxes.classes[i] >= 0) & ~clear, :2]
            if len(unclear):
                counts = torch.cdist(codes[i, :, :2].detach(), unclear).amin(1) > NEAR_M
                counts[rows] = True
            kinds.append((focal(logits[i], target) * counts[:, None]).sum())
            errors.append(((codes[i, rows] - truth[columns]).abs() * CODE_WEIGHTS.to(codes)).sum())
    layers = len(found.logits)
    return torch.stack(kinds).sum() / count / layers, torch.stack(errors).sum() / count / layers


@torch.no_grad()
def matched(
    logits: Float[Tensor, "q c"], codes: Float[Tensor, "q 10"], truth: Float[Tensor, "o 10"], classes: Int64[Tensor, "o"]
) -> tuple[Int64[Tensor, "k"], Int64[Tensor, "k"]]:
    """Queries and boxes that belong together at the least cost."""
    score = logits.sigmoid()[:, classes]
    apart = ((codes[:, None] - truth).abs() * CODE_WEIGHTS.to(codes)).sum(-1)
    rows, columns = linear_sum_assignment((apart - 2 * score).cpu().numpy())
    device = logits.device
    return torch.as_tensor(rows, device=device), torch.as_tensor(columns, device=device)


def focal(logits: Float[Tensor, "q c"], target: Float[Tensor, "q c"]) -> Float[Tensor, "q c"]:
    """``-alpha (1 - p)^2 log p`` with alpha 0.25 for what is there and 0.75 for what is not."""
    probability = logits.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(logits, target, reduction="none")
    right = probability * target + (1 - probability) * (1 - target)
    return (0.25 * target + 0.75 * (1 - target)) * (1 - right) ** 2 * entropy
