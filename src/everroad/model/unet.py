"""The lean denoiser: residual blocks with FiLM, attention at the coarse levels only, HTFT on the skip connections."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional as F

from everroad.model.config import ModelConfig, UNetConfig
from everroad.model.htft import HTFT
from everroad.model.memory import MemoryRow


class ResBlock(nn.Module):
    """GroupNorm, SiLU, convolution, twice, with scale and shift from the embedding (FiLM) before the second."""

    def __init__(self, inner: int, outer: int, embed: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.GroupNorm(32, inner), nn.Conv2d(inner, outer, 3, padding=1)
        self.norm2, self.conv2 = nn.GroupNorm(32, outer), nn.Conv2d(outer, outer, 3, padding=1)
        self.film = nn.Linear(embed, 2 * outer)
        self.skip = nn.Conv2d(inner, outer, 1) if inner != outer else nn.Identity()
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)  # type: ignore[arg-type]

    def forward(self, h: Float[Tensor, "n c y x"], embedding: Float[Tensor, "n d"]) -> Float[Tensor, "n o y x"]:
        scale, shift = self.film(embedding)[:, :, None, None].chunk(2, dim=1)
        inner = self.conv1(F.silu(self.norm1(h)))
        inner = F.silu(torch.addcmul(shift, self.norm2(inner), 1 + scale))
        return self.skip(h) + self.conv2(inner)


class AttentionBlock(nn.Module):
    """Self-attention over the level's pixels, then cross-attention to the tokens."""

    def __init__(self, channels: int, tokens: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm_self, self.norm_cross = nn.GroupNorm(32, channels), nn.GroupNorm(32, channels)
        self.qkv = nn.Linear(channels, 3 * channels)
        self.query, self.key_value = nn.Linear(channels, channels), nn.Linear(tokens, 2 * channels)
        self.out_self, self.out_cross = nn.Linear(channels, channels), nn.Linear(channels, channels)
        for layer in (self.out_self, self.out_cross):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(
        self, h: Float[Tensor, "n c y x"], tokens: Float[Tensor, "n l d"], mask: Bool[Tensor, "n l"]
    ) -> Float[Tensor, "n c y x"]:
        q, k, v = self.qkv(self._flat(self.norm_self(h))).chunk(3, dim=-1)
        h = h + self._image(self.out_self(self._attend(q, k, v, None)), h)
        k, v = self.key_value(tokens).chunk(2, dim=-1)
        q = self.query(self._flat(self.norm_cross(h)))
        bias = torch.where(mask, 0.0, -1e4)[:, None, None]
        return h + self._image(self.out_cross(self._attend(q, k, v, bias)), h)

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
        # Written out: at these few tokens the fused CPU kernel takes three to six times as long.
        q, k, v = (a.unflatten(-1, (self.heads, -1)).transpose(1, 2) for a in (q, k, v))  # n heads l d
        logits = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
        weights = torch.softmax(logits if bias is None else logits + bias.to(logits.dtype), dim=-1)
        return (weights.to(v.dtype) @ v).transpose(1, 2).flatten(2)

    @staticmethod
    def _flat(h: Tensor) -> Tensor:
        return h.flatten(2).transpose(1, 2)

    @staticmethod
    def _image(flat: Tensor, like: Tensor) -> Tensor:
        return flat.transpose(1, 2).reshape(like.shape)


class Stage(nn.Module):
    """One residual block and, in the last stage of a coarse level, its attention."""

    def __init__(self, inner: int, outer: int, config: UNetConfig, attention: bool) -> None:
        super().__init__()
        self.res = ResBlock(inner, outer, config.embed_width)
        self.attention = AttentionBlock(outer, config.token_width, config.heads) if attention else None

    def forward(self, h: Tensor, embedding: Tensor, tokens: Tensor, mask: Tensor) -> Tensor:
        h = self.res(h, embedding)
        return h if self.attention is None else self.attention(h, tokens, mask)


class UNet(nn.Module):
    """Input features on the latent grid → output features of the finest width, and the raw skip features HTFT stores."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        unet = config.unet
        widths, attention = unet.widths, [level in unet.attention_levels for level in range(len(unet.widths))]
        self.encoder, self.down = nn.ModuleList(), nn.ModuleList()
        inner = widths[0]
        for level, width in enumerate(widths):
            self.encoder.append(
                nn.ModuleList(
                    Stage(inner if i == 0 else width, width, unet, attention[level] and i == unet.blocks - 1)
                    for i in range(unet.blocks)
                )
            )
            inner = width
            self.down.append(nn.Conv2d(width, width, 3, stride=2, padding=1) if level < len(widths) - 1 else nn.Identity())
        self.middle = Stage(widths[-1], widths[-1], unet, True)
        self.decoder, self.up = nn.ModuleList(), nn.ModuleList()
        for level in reversed(range(len(widths))):
            width = widths[level]
            self.up.append(nn.Conv2d(inner, inner, 3, padding=1) if level < len(widths) - 1 else nn.Identity())
            self.decoder.append(
                nn.ModuleList(
                    Stage((inner if i == 0 else width) + width, width, unet, attention[level] and i == unet.blocks - 1)
                    for i in range(unet.blocks)
                )
            )
            inner = width
        self.sites = [
            (level, i)
            for level in range(len(widths))
            for i in range(unet.blocks)
            if config.htft.sites == "all" or i == unet.blocks - 1
        ]
        self.htft = nn.ModuleList(HTFT(widths[level], config.htft) for level, _ in self.sites)
        self.norm = nn.GroupNorm(32, widths[0])

    def forward(
        self,
        h: Float[Tensor, "n c y x"],
        embedding: Float[Tensor, "n d"],
        tokens: Float[Tensor, "n l e"],
        mask: Bool[Tensor, "n l"],
        memory: MemoryRow | None,
    ) -> tuple[Float[Tensor, "n c y x"], tuple[Float[Tensor, "n _ _ _"], ...]]:
        """Encode, fuse the skips with the memory, decode. ``features`` are the skips before fusion (STAGE: no recursion)."""
        h, skips = self._encode(h, embedding, tokens, mask)
        features = tuple(skips[level][i] for level, i in self.sites)
        if memory is not None:
            for (level, i), block, past in zip(self.sites, self.htft, memory.sites, strict=True):
                skips[level][i] = block(skips[level][i], past.flatten(0, 1), memory.form)
        h = self.middle(h, embedding, tokens, mask)
        return F.silu(self.norm(self._decode(h, skips, embedding, tokens, mask))), features

    def _encode(self, h: Tensor, *context: Tensor) -> tuple[Tensor, list[list[Tensor]]]:
        skips: list[list[Tensor]] = []
        for level, (stages, down) in enumerate(zip(self.encoder, self.down, strict=True)):
            skips.append([])
            for stage in stages:  # type: ignore[attr-defined]
                h = stage(h, *context)
                skips[level].append(h)
            h = down(h)
        return h, skips

    def _decode(self, h: Tensor, skips: list[list[Tensor]], *context: Tensor) -> Tensor:
        for stages, up, of_level in zip(self.decoder, self.up, reversed(skips), strict=True):
            if h.shape[-2:] != of_level[0].shape[-2:]:
                h = F.interpolate(h, size=of_level[0].shape[-2:], mode="nearest")
            h = up(h)
            for stage, skip in zip(stages, reversed(of_level), strict=True):  # type: ignore[arg-type]
                h = stage(torch.cat([h, skip], dim=1), *context)
        return h
