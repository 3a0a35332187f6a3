"""Hierarchical Temporal Feature Transfer (STAGE): a skip feature reads the same pixel of earlier frames' skips.

    g = Linear(GroupNorm(f)),  H = CrossAttn(g, F_e),  F_fused = Dropout(f) + Linear(H)

with F_e the *pre-fusion* features of frames -1, -5 and -10 at the same denoise step. One query and one key per age at each
pixel; the stored features are not normalised and no projection of them has a bias. Dropout acts on f itself.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from everroad.model.config import HTFTConfig
from everroad.model.memory import Form


class HTFT(nn.Module):
    """One block, on one skip connection of ``channels`` channels."""

    def __init__(self, channels: int, config: HTFTConfig) -> None:
        super().__init__()
        if channels % config.heads:
            raise ValueError(f"htft.heads: expected a divisor of {channels} channels, got {config.heads}")
        self.heads = config.heads
        self.norm = nn.GroupNorm(32, channels, eps=1e-6)
        self.inner = nn.Conv2d(channels, channels, 1)
        self.query = nn.Conv2d(channels, channels, 1, bias=False)
        self.key_value = nn.Conv2d(channels, 2 * channels, 1, bias=False)
        self.merge = nn.Conv2d(channels, channels, 1)
        self.output = nn.Conv2d(channels, channels, 1)
        self.dropout = nn.Dropout(config.dropout)
        if config.zero_init:
            nn.init.zeros_(self.output.weight)
            nn.init.zeros_(self.output.bias)  # type: ignore[arg-type]

    def project(self, features: Float[Tensor, "n c y x"]) -> Float[Tensor, "n m y x"]:
        """Keys and values (m = 2c) of raw features: what the projected form stores."""
        return self.key_value(features)

    def forward(self, f: Float[Tensor, "n c y x"], past: Float[Tensor, "n a m y x"], form: Form) -> Float[Tensor, "n c y x"]:
        """The fused skip. ``past`` holds raw features (m = c) or keys and values (m = 2c) by age."""
        n, ages = past.shape[:2]
        past = past.to(f.dtype)
        if form == "raw":
            past = self.project(past.flatten(0, 1)).unflatten(0, (n, ages))  # n a 2c y x
        key, value = past.chunk(2, dim=2)
        query = self.query(self.inner(self.norm(f)))
        attended = self._attend(query, key, value)
        return self.dropout(f) + self.output(self.merge(attended))

    def _attend(
        self, query: Float[Tensor, "n c y x"], key: Float[Tensor, "n a c y x"], value: Float[Tensor, "n a c y x"]
    ) -> Float[Tensor, "n c y x"]:
        n, ages, c, y, x = key.shape
        split = (n, ages, self.heads, c // self.heads, y, x)
        logits = (query.view(n, 1, *split[2:]) * key.reshape(split)).sum(3) * (c // self.heads) ** -0.5  # n a heads y x
        weights = torch.softmax(logits.float(), dim=1).to(value.dtype)
        return (weights.unsqueeze(3) * value.reshape(split)).sum(1).flatten(1, 2)
