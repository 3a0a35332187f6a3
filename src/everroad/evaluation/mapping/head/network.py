"""A small camera-only map head: lines on the ground from one picture and its lens.

The picture is laid on the ground by the known lens (inverse perspective mapping, Mallot et al. 1991). Each cell of 1 m says of
what class of element it is the middle, and how that element runs. The strongest cells are queries of points, which are refined
where their points lie, on the ground and in the picture (after MapTR, Liao et al. 2023). Unlike there, queries begin
at the peaks of a heat map, so that it learns from a few thousand pictures.
Axis letters: ``b`` pictures, ``q`` queries, ``p`` points of a line, ``d`` width of a query, ``x y`` cells of 1 m, ``x2 y2`` of
0.5 m, ``h w`` pixels.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.evaluation.detector.codes import Lens
from everroad.evaluation.mapping.head.config import CELL_M, MapHeadConfig
from everroad.evaluation.mapping.head.ground import cell_middles, in_picture, in_sight, taken
from everroad.evaluation.mapping.head.refine import RefineLayer, Seen
from everroad.evaluation.trunk import MULTIPLE_PX, Neck, Trunk, check_size, layer

UNIT_M = 5.0  # so that what the network tells of lines is about one
LOWER = 5 / 8  # of the picture's height: above it there is no ground within the window


class Dense(NamedTuple):
    """Of each cell: logits of the classes drawn on the ground (cells of 0.5 m); logits of the classes of the element whose
    middle lies there, and that element's points in the ego frame, metres (cells of 1 m)."""

    drawn: Float[Tensor, "b 3 x2 y2"]
    heat: Float[Tensor, "b 3 x y"]
    lines_m: Float[Tensor, "b p 2 x y"]


class Found(NamedTuple):
    """Class logits and points (ego frame, metres) of the queries after each layer."""

    logits: Float[Tensor, "l b q 3"]
    lines_m: Float[Tensor, "l b q p 2"]


class MapHead(nn.Module):
    """Any picture whose sides are multiples of 16."""

    cells_m: Tensor
    middles_m: Tensor

    def __init__(self, config: MapHeadConfig | None = None) -> None:
        super().__init__()
        self.config = config = MapHeadConfig() if config is None else config
        quarter, width, classes = config.widths[1], config.ground[0], len(config.classes)
        self.trunk, self.neck = Trunk(config.widths), Neck(config.widths)
        self.ground = Ground(quarter, config.ground)
        self.drawn = nn.Conv2d(width, 4 * classes, 1)
        self.dense = layer(width, width)
        self.heat, self.lines = nn.Conv2d(width, classes, 1), nn.Conv2d(width, 2 * config.points, 1)
        self.to_query = nn.Linear(width + classes, config.query)
        self.layers = nn.ModuleList(RefineLayer(config) for _ in range(config.layers))
        nn.init.constant_(self.heat.bias, -4.0)  # type: ignore[arg-type]
        nn.init.constant_(self.drawn.bias, -2.0)  # type: ignore[arg-type]
        self.register_buffer("cells_m", cell_middles(config.window, config.cells(CELL_M)), persistent=False)
        self.register_buffer("middles_m", cell_middles(config.window, config.cells(2 * CELL_M)), persistent=False)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, images: Float[Tensor, "b 3 h w"], lens: Lens) -> tuple[Dense, Found]:
        """Of pictures in [0, 1] with their lenses. Raises ``ValueError`` for sides that are no multiples of 16."""
        images, lens = below(images, lens)
        height, width = images.shape[-2:]
        quarter = self.neck(self.trunk(images))[1].float()
        at = in_picture(self.cells_m.expand(len(images), -1, -1, -1), lens, height, width)
        laid = taken(quarter, at).permute(0, 3, 1, 2)
        ground = self.ground(laid, in_sight(at)[:, None].to(laid), in_unit(self.cells_m).permute(2, 0, 1))
        shared = self.dense(ground)
        lines = self.lines(shared).float().unflatten(1, (-1, 2)) * UNIT_M + self.middles_m.permute(2, 0, 1)
        dense = Dense(F.pixel_shuffle(self.drawn(ground), 2), self.heat(shared), lines)
        h, logits, points = self._propose(shared, dense)
        all_logits, all_points = [], []
        seen = Seen(shared, quarter, lens, height, width)
        for one in self.layers:
            h, logits, points = one(h, logits.detach(), points.detach(), seen)
            all_logits.append(logits)
            all_points.append(points)
        return dense, Found(torch.stack(all_logits), torch.stack(all_points))

    def _propose(self, shared: Tensor, dense: Dense) -> tuple[Tensor, Tensor, Tensor]:
        """Embeddings, logits and points of the strongest cells, those that are the strongest of their class around them."""
        heat = dense.heat.float()
        peaks = heat.sigmoid()
        peaks = torch.where(peaks == F.max_pool2d(peaks, 3, 1, 1), peaks, 0.0)
        place = peaks.flatten(1).topk(self.config.queries).indices
        of_class, cell = place // heat[0, 0].numel(), place % heat[0, 0].numel()
        every = torch.cat([shared.float(), dense.lines_m.flatten(1, 2)], 1).flatten(2)
        there = every.gather(2, cell[:, None].expand(-1, every.shape[1], -1)).transpose(1, 2)
        kind = F.one_hot(of_class, heat.shape[1]).to(heat)
        score = heat.flatten(1).gather(1, place)[..., None]
        # A cell may be the middle of two elements; each query is of one class.
        logits = torch.where(kind > 0, score, -4.0)
        width = shared.shape[1]
        embedding = self.to_query(torch.cat([there[..., :width], kind], -1))
        return embedding, logits, there[..., width:].unflatten(-1, (-1, 2))


class Ground(nn.Module):
    """Convolutions on the ground at cells of 1 m and of 2 m."""

    def __init__(self, inner: int, widths: tuple[int, int]) -> None:
        super().__init__()
        fine, coarse = widths
        self.fine = nn.Sequential(layer(4 * (inner + 3), fine, 1), layer(fine, fine))
        self.coarse = nn.Sequential(layer(4 * fine, coarse, 1), *(layer(coarse, coarse) for _ in range(3)))
        self.to_fine, self.join = nn.Conv2d(coarse, fine, 1), layer(2 * fine, fine)

    def forward(
        self, laid: Float[Tensor, "b c x2 y2"], in_sight: Float[Tensor, "b 1 x2 y2"], place: Float[Tensor, "2 x2 y2"]
    ) -> Float[Tensor, "b d x y"]:
        """Of what the picture shows at cells of 0.5 m, whether they are in sight, and where they are."""
        whole = torch.cat([laid, in_sight, place.expand(len(laid), -1, -1, -1)], 1)
        fine = self.fine(F.pixel_unshuffle(whole, 2).contiguous(memory_format=torch.channels_last))
        coarse = self.coarse(F.pixel_unshuffle(fine, 2))
        return self.join(torch.cat([fine, F.interpolate(self.to_fine(coarse), scale_factor=2)], 1))


def below(images: Float[Tensor, "b 3 h w"], lens: Lens) -> tuple[Float[Tensor, "b 3 lower w"], Lens]:
    """The lower part of pictures and its lens. Raises ``ValueError`` for sides that are no multiples of 16."""
    height = images.shape[-2]
    check_size(height, images.shape[-1])
    top = height - ceil(height * LOWER / MULTIPLE_PX) * MULTIPLE_PX
    intrinsics = lens.intrinsics.clone()
    intrinsics[:, 1, 2] -= top
    return images[:, :, top:], Lens(intrinsics, lens.ego_from_camera)


def in_unit(points_m: Float[Tensor, "*n 2"]) -> Float[Tensor, "*n 2"]:
    """Places as the network takes them."""
    return points_m / (3 * UNIT_M)
