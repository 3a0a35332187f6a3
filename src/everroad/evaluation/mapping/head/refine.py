"""One layer that refines lines: each query looks where its points lie, at its own points along the line, and at the others.

Axis letters: ``b`` pictures, ``q`` queries, ``p`` points of a line, ``d`` width of a query, ``x y`` cells, ``h w`` pixels.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.evaluation.detector.codes import Lens
from everroad.evaluation.mapping.head.config import MapHeadConfig
from everroad.evaluation.mapping.head.ground import in_picture, in_window, taken

UNIT_M = 5.0
ALONG = 5  # points of a line that are looked at together


class Seen(NamedTuple):
    """What is known of the ground (cells of 1 m) and of the picture (a quarter of its size)."""

    ground: Float[Tensor, "b c x y"]
    picture: Float[Tensor, "b d h4 w4"]
    lens: Lens
    height_px: int
    width_px: int


class RefineLayer(nn.Module):
    """Begins by changing nothing."""

    def __init__(self, config: MapHeadConfig) -> None:
        super().__init__()
        width, self.heads, self.window = config.query, config.heads, config.window
        self.take = nn.Linear(config.ground[0] + config.widths[1] + 4, width)
        self.along = nn.Conv1d(width, width, ALONG, padding=ALONG // 2)
        self.point, self.pool = nn.Linear(width, width), nn.Linear(2 * width, width)
        self.place, self.all, self.out = nn.Linear(4, width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))
        self.classes, self.change = nn.Linear(width, len(config.classes)), nn.Linear(width, 2)
        for last in (self.classes, self.change):
            nn.init.zeros_(last.weight)
            nn.init.zeros_(last.bias)

    def forward(
        self, h: Float[Tensor, "b q d"], logits: Float[Tensor, "b q 3"], points_m: Float[Tensor, "b q p 2"], seen: Seen
    ) -> tuple[Float[Tensor, "b q d"], Float[Tensor, "b q 3"], Float[Tensor, "b q p 2"]]:
        """The queries, their logits and their points in the ego frame, refined."""
        middle = points_m.mean(2, keepdim=True)
        on_ground = taken(seen.ground, in_window(points_m, self.window))
        in_image = taken(seen.picture, in_picture(points_m, seen.lens, seen.height_px, seen.width_px))
        place = torch.cat([points_m / (3 * UNIT_M), (points_m - middle) / UNIT_M], -1)
        each = F.relu(self.take(torch.cat([on_ground, in_image, place], -1)) + h[:, :, None])
        line = self.along(each.flatten(0, 1).transpose(1, 2)).transpose(1, 2).unflatten(0, h.shape[:2])
        each = self.norms[0](each + F.relu(line))
        h = h + self.pool(torch.cat([each.mean(2), each.amax(2)], -1))
        reach = points_m.std(2, correction=0)
        h = h + self._look_around(self.norms[1](h) + self.place(torch.cat([middle[:, :, 0], reach], -1) / (2 * UNIT_M)))
        h = h + self.feed(self.norms[2](h))
        out = self.norms[3](h)
        change = self.change(F.relu(self.point(each) + out[:, :, None])).float() * UNIT_M
        return h, logits + self.classes(out).float(), points_m + change

    def _look_around(self, h: Tensor) -> Tensor:
        q, k, v = (part.unflatten(-1, (self.heads, -1)).transpose(1, 2) for part in self.all(h).chunk(3, -1))
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
