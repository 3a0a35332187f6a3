"""A small camera-only 3D detector: queries from the picture and from a memory of earlier ones, refined by attention.

After PETR (Liu et al. 2022: places of the picture carry their rays) and StreamPETR (Wang et al. 2023: the best queries of a
picture are carried on to the next, moved with the ego and with themselves). Unlike there a picture's own queries begin at the
peaks of a heat map, so that it learns from a few thousand pictures.
Axis letters: ``b`` pictures, ``q`` queries, ``m`` remembered ones, ``t`` places, ``d`` width of a query, ``h w`` pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.evaluation.detector.codes import CODE, Lens, decode, lifted, moved
from everroad.evaluation.detector.config import DetectorConfig
from everroad.evaluation.trunk import Neck, Trunk, layer

CELL_PX = 4
DENSE = 10  # offset (2) and what ``lifted`` takes (8)
# So that all numbers of a code are about as large.
_UNITS = torch.tensor([20.0, 10.0, 2.0, 1.0, 1.0, 1.0, 1.0, 1.0, 10.0, 10.0])


@dataclass(frozen=True)
class DetectorMemory:
    """The queries that a picture leaves to the next: what they know, their boxes in that
    picture's ego frame, and their class logits."""

    embedding: Float[Tensor, "b m d"]
    codes: Float[Tensor, "b m 10"]
    logits: Float[Tensor, "b m c"]


class Dense(NamedTuple):
    """At a quarter of the picture: logits of the classes, and what each place tells of the box whose middle it shows."""

    heat: Float[Tensor, "b c h4 w4"]
    told: Float[Tensor, "b 10 h4 w4"]


class Found(NamedTuple):
    """Class logits and codes of the queries after each layer, the picture's own first, then the remembered."""

    logits: Float[Tensor, "l b q c"]
    codes: Float[Tensor, "l b q 10"]


class Detector(nn.Module):
    """Any picture whose sides are multiples of 16."""

    def __init__(self, config: DetectorConfig | None = None) -> None:
        super().__init__()
        self.config = config = DetectorConfig() if config is None else config
        _, quarter, eighth, _ = config.widths
        classes, width = len(config.classes), config.query
        self.trunk, self.neck = Trunk(config.widths), Neck(config.widths)
        self.dense = layer(quarter, quarter)
        self.heat, self.told = nn.Conv2d(quarter, classes, 1), nn.Conv2d(quarter, DENSE, 1)
        self.to_query, self.to_place = nn.Linear(quarter + classes, width), nn.Linear(eighth, width)
        self.ray, self.box = _mlp(3, width), _mlp(CODE, width)
        self.remembered = nn.Parameter(torch.zeros(width))
        self.layers = nn.ModuleList(_Layer(config) for _ in range(config.layers))
        nn.init.constant_(self.heat.bias, -4.0)  # type: ignore[arg-type]
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(
        self,
        images: Float[Tensor, "b 3 h w"],
        lens: Lens,
        memory: DetectorMemory | None = None,
        now_from_then: Float[Tensor, "b 4 4"] | None = None,
        seconds: float = 0.5,
    ) -> tuple[Dense, Found, DetectorMemory]:
        """Of pictures in [0, 1] with their lenses, and of what is remembered of ``seconds`` before, when the ego frame was
        ``now_from_then`` away."""
        eighth, quarter = self.neck(self.trunk(images))
        shared = self.dense(quarter)
        dense = Dense(self.heat(shared), self.told(shared))
        embedding, codes, logits = self._propose(quarter, dense, lens)
        if memory is not None and now_from_then is not None and memory.codes.shape[1]:
            past = moved(memory.codes, now_from_then, seconds)
            embedding = torch.cat([embedding, memory.embedding + self.remembered], 1)
            logits = torch.cat([logits, memory.logits], 1)
            codes = torch.cat([codes, past], 1)
        places = self._places(eighth, lens)
        all_logits, all_codes = [], []
        for one in self.layers:
            embedding, logits, codes = one(
                embedding, self.box(codes / _UNITS.to(codes)), places, logits.detach(), codes.detach()
            )
            all_logits.append(logits)
            all_codes.append(codes)
        found = Found(torch.stack(all_logits), torch.stack(all_codes))
        return dense, found, self._remember(embedding, logits, codes)

    def _propose(self, quarter: Tensor, dense: Dense, lens: Lens) -> tuple[Tensor, Tensor, Tensor]:
        """Embeddings, codes and logits of the strongest places of the heat map."""
        heat = dense.heat.float()
        peaks = heat.amax(1).sigmoid()
        peaks = torch.where(peaks == F.max_pool2d(peaks[:, None], 3, 1, 1)[:, 0], peaks, 0.0)
        where = peaks.flatten(1).topk(self.config.queries).indices
        logits = gathered(heat, where)
        tells = gathered(dense.told.float(), where)
        pixel = centres(where, heat.shape[-1]) + CELL_PX * tells[..., :2]
        embedding = self.to_query(torch.cat([gathered(quarter, where), logits.detach().to(quarter.dtype)], -1))
        return embedding, lifted(pixel, tells[..., 2:], lens).detach(), logits

    def _places(self, eighth: Tensor, lens: Lens) -> Float[Tensor, "b t d"]:
        """What is seen at an eighth of the picture, each place with its ray in the ego frame."""
        height, width = eighth.shape[-2:]
        index = torch.arange(height * width, device=eighth.device).expand(len(eighth), -1)
        pixel = centres(index, width, 2 * CELL_PX)
        rays = torch.cat([pixel, torch.ones_like(pixel[..., :1])], -1).transpose(1, 2)
        rays = torch.linalg.solve(lens.intrinsics, rays)
        rays = F.normalize(lens.ego_from_camera[:, :3, :3] @ rays, dim=1).transpose(1, 2)
        return self.to_place(eighth.flatten(2).transpose(1, 2)) + self.ray(3 * rays)

    def _remember(self, embedding: Tensor, logits: Tensor, codes: Tensor) -> DetectorMemory:
        best = logits.detach().amax(-1).topk(min(self.config.remembered, logits.shape[1])).indices
        return DetectorMemory(picked(embedding, best), picked(codes, best).detach(), picked(logits, best).detach())


class _Layer(nn.Module):
    """Queries look at one another and at the picture; then say what they are and where."""

    def __init__(self, config: DetectorConfig) -> None:
        super().__init__()
        width = config.query
        self.heads = config.heads
        self.own, self.seen = _Attention(width, config.heads), _Attention(width, config.heads)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(4))
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
        self.classes, self.change = nn.Linear(width, len(config.classes)), _mlp(width, CODE)
        last: nn.Linear = self.change[-1]  # type: ignore[assignment]
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        nn.init.zeros_(self.classes.weight)

    def forward(
        self, h: Tensor, box: Tensor, places: Tensor, logits: Tensor, codes: Tensor
    ) -> tuple[Float[Tensor, "b q d"], Float[Tensor, "b q c"], Float[Tensor, "b q 10"]]:
        a = self.norms[0](h)
        h = h + self.own(a + box, a + box, a)
        h = h + self.seen(self.norms[1](h) + box, places, places)
        h = h + self.feed(self.norms[2](h))
        out = self.norms[3](h)
        change = 0.1 * self.change(out).float() * _UNITS.to(codes)
        return h, logits + self.classes(out).float(), codes + change


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        q, k, v = (f(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for f, x in self._pairs(query, key, value))
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))

    def _pairs(self, query: Tensor, key: Tensor, value: Tensor) -> tuple[tuple[nn.Module, Tensor], ...]:
        return (self.query, query), (self.key, key), (self.value, value)


def boxes_of(found: Found) -> tuple[Float[Tensor, "b q 9"], Float[Tensor, "b q c"]]:
    """Boxes and class scores after the last layer."""
    return decode(found.codes[-1]), found.logits[-1].float().sigmoid()


def centres(index: Int64[Tensor, "b t"], width: int, cell_px: int = CELL_PX) -> Float[Tensor, "b t 2"]:
    """The pixels (column, row) at the middle of the cells of those indices."""
    return torch.stack([index % width, index // width], -1).float() * cell_px + (cell_px - 1) / 2


def gathered(planes: Float[Tensor, "b c h w"], where: Int64[Tensor, "b t"]) -> Float[Tensor, "b t c"]:
    """The values at some cells."""
    return picked(planes.flatten(2).transpose(1, 2), where)


def picked(rows: Float[Tensor, "b n c"], which: Int64[Tensor, "b t"]) -> Float[Tensor, "b t c"]:
    """Some of the rows."""
    return rows.gather(1, which[..., None].expand(-1, -1, rows.shape[-1]))


def _mlp(inner: int, outer: int) -> nn.Sequential:
    width = max(inner, outer)
    return nn.Sequential(nn.Linear(inner, width), nn.ReLU(), nn.Linear(width, outer))
