"""How the sources of a denoised latent are weighed: what is known need not pass through the network.

Four sources: what the network draws, the far and the near view of the previous frame, and the sketch. Independent estimates are
best weighted by the inverse of their squared errors. What drawing is wrong by if nothing else is known is |c_out| of the
preconditioning; the errors of the others the network predicts for each place and component, as -ln of their squares. Axis
letters as everywhere; the sources have an axis of 4.
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional as F

from everroad.conditions.types import MAP_LAYERS, Conditions
from everroad.model.config import BeliefConfig

AS_PREDICTED = BeliefConfig()
UNSEEN = 1e-3  # the weight of the near view where it found nothing
# Which of the sources need a previous frame; axes b v 4 z y x.
_PREVIOUS = torch.tensor([False, True, True, False]).view(1, 1, 4, 1, 1, 1)
_SURFACES = tuple(MAP_LAYERS.index(name) for name in ("drivable_area", "walkway"))
_MARKS = tuple(i for i in range(len(MAP_LAYERS)) if i not in _SURFACES)
SHAPE_SHARE = 0.25  # of the components, the first: shape and colour; the rest is detail


def untold_share(conditions: Conditions, patch_px: int) -> Float[Tensor, "bv 1 y x"]:
    """Of each cell, the share of which neither map nor boxes say anything; 0 where a line touches it, or a box touches it or a
    cell beside it, since a box's picture does not end quite where the box does."""
    lines, boxes = (picture.flatten(0, 1).float() / 255 for picture in (conditions.map_image, conditions.box_image))
    views = conditions.map_image.shape[1]
    there_map, there_boxes = (
        flag.repeat_interleave(views).view(-1, 1, 1, 1) for flag in (conditions.present.map, conditions.present.boxes)
    )
    surface = F.avg_pool2d(lines[:, list(_SURFACES)].amax(1, keepdim=True), patch_px) * there_map
    marks = F.max_pool2d(lines[:, list(_MARKS)].amax(1, keepdim=True), patch_px) * there_map
    objects = F.max_pool2d(boxes.amax(1, keepdim=True), patch_px) * there_boxes
    objects = F.max_pool2d(objects, 3, stride=1, padding=1)
    return (1 - surface) * (1 - marks) * (1 - objects)


def source_weights(
    predicted: Float[Tensor, "b v 3 z y x"],
    error: Float[Tensor, "b"],
    present: Bool[Tensor, "b"],
    visible: Float[Tensor, "b v 1 y x"],
    untold: Float[Tensor, "b v 1 y x"],
    belief: BeliefConfig,
) -> Float[Tensor, "b v 4 z y x"]:
    """Weights of drawn, far, near and sketch, which sum to 1. ``predicted`` are -ln of the squared errors of far, near and
    sketch, ``error`` that of drawing; the near view counts by the share of the cell that it found."""
    scores = predicted.float() + 2 * error.log().view(-1, 1, 1, 1, 1, 1)
    far, near, sketch = scores.unbind(2)
    views = _chosen(torch.stack([far, near + visible.clamp(min=UNSEEN).log()], 2), untold, belief.choice)
    sketch = sketch + belief.sketched * (1 - untold)
    scores = torch.cat([torch.zeros_like(sketch)[:, :, None], views, sketch[:, :, None]], 2)
    of_previous = _PREVIOUS.to(scores.device)
    scores = scores + of_previous * _retention(belief, untold, scores.shape[3])[:, :, None]
    return scores.masked_fill(~present.view(-1, 1, 1, 1, 1, 1) & of_previous, -torch.inf).softmax(2)


def _chosen(
    views: Float[Tensor, "b v 2 z y x"], untold: Float[Tensor, "b v 1 y x"], choice: float
) -> Float[Tensor, "b v 2 z y x"]:
    """The scores of far and near view with their difference enlarged, together as believable as before."""
    if choice == 1:
        return views
    sharper = 1 + (choice - 1) * untold[:, :, None]
    return (sharper * views).log_softmax(2) + views.logsumexp(2, keepdim=True)


def _retention(belief: BeliefConfig, untold: Float[Tensor, "b v 1 y x"], components: int) -> Float[Tensor, "b v z y x"]:
    """The nats by which the previous frame is favoured."""
    shape = torch.arange(components, device=untold.device) < components * SHAPE_SHARE
    return belief.retention + belief.retention_untold * untold * shape.view(-1, 1, 1)
