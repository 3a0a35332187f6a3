"""Contract 4: ``WorldModel``, weights only: no clock, no memory.

``encode`` and ``decode`` bring pictures to latents and back; ``prepare`` embeds a frame's conditions once; ``align`` moves the
previous latent to the new ego pose; ``denoise`` is one call of the network. Axis letters as in the docs: b v z y x.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from everroad.conditions.types import Conditions
from everroad.diffusion.preconditioning import per_sample, precondition
from everroad.model.alignment import FlowGrids, flow_grids, moved_px, near_view, warp
from everroad.model.autoencoder import Autoencoder
from everroad.model.belief import AS_PREDICTED, source_weights, untold_share
from everroad.model.config import BeliefConfig, ModelConfig
from everroad.model.embedders import AnchorEmbedder, BoxEmbedder, LayoutEmbedder, MotionEmbedder, fourier
from everroad.model.htft import HTFT
from everroad.model.layout_detail import LayoutDetail
from everroad.model.memory import MemoryRow
from everroad.model.sketch import Sketch
from everroad.model.unet import UNet


@dataclass(frozen=True)
class Context:
    """One frame's conditions, embedded: made once, read at every denoise step. Views are folded into the batch."""

    layout: Float[Tensor, "bv c y x"]
    sketch: Float[Tensor, "bv z y x"]
    tokens: Float[Tensor, "bv l d"]
    token_mask: Bool[Tensor, "bv l"]
    embedding: Float[Tensor, "bv e"]
    grids: FlowGrids
    visible: Float[Tensor, "bv 1 y x"]  # the share of each cell that the near view found in the previous frame
    untold: Float[Tensor, "bv 1 y x"]  # the share of each cell of which neither map nor boxes say anything


@dataclass(frozen=True)
class Previous:
    """The last finished frame as seen from the new ego pose, if all were far and with guessed depths (``model.alignment``);
    ``sigma`` is the noise it carries."""

    far: Float[Tensor, "b v z y x"]
    near: Float[Tensor, "b v z y x"]
    sigma: Float[Tensor, "b"]
    present: Bool[Tensor, "b"]


class WorldModel(nn.Module):
    """The network of one ``ModelConfig``."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        z, unet = config.latent_channels, config.unet
        width, embed = unet.widths[0], unet.embed_width
        self.autoencoder = Autoencoder(config.autoencoder)
        self.sketch = Sketch(config)
        self.finish = LayoutDetail(config.finish.widths) if config.finish.widths else None
        self.layout, self.boxes = LayoutEmbedder(config), BoxEmbedder(config)
        self.anchor, self.motion = AnchorEmbedder(config), MotionEmbedder(config)
        self.noise_levels = nn.Linear(2 * 32, embed)
        self.embed = nn.Sequential(nn.SiLU(), nn.Linear(embed, embed), nn.SiLU())
        self.absent_previous = nn.Parameter(torch.zeros(embed))
        self.input_layout = nn.Conv2d(unet.condition_width + 1 + z, width, 3, padding=1)
        self.input = nn.Conv2d(3 * z, width, 3, padding=1)
        self.unet = UNet(config)
        self.output = nn.Conv2d(width, z, 3, padding=1)
        self.trust = nn.Conv2d(width, 3 * z, 1)
        self.sketch_gain = nn.Conv2d(width, z, 1)
        for layer in (self.output, self.trust, self.sketch_gain):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        # -ln of the squared errors that far and near view and sketch are taken to have before anything is learnt.
        self.trust.bias.data.copy_(torch.tensor([1.0, 3.5, 0.5]).repeat_interleave(z))  # type: ignore[union-attr]

    def encode(self, images: Float[Tensor, "b v 3 h w"]) -> Float[Tensor, "b v z y x"]:
        """Latents of pictures in [0, 1]."""
        return self.autoencoder.encode(images.flatten(0, 1)).unflatten(0, images.shape[:2])

    def decode(self, latents: Float[Tensor, "b v z y x"], conditions: Conditions | None = None) -> Float[Tensor, "b v 3 h w"]:
        """Pictures in [0, 1]; ``conditions`` are the frame's, where they are known (``FinishConfig``)."""
        flat = latents.flatten(0, 1)
        if conditions is not None and self.finish is not None and self.finish.trained:
            pictures = self.finish.added_to(self.autoencoder.code.decode(flat), conditions)
        else:
            pictures = self.autoencoder.decode(flat)
        return pictures.clamp(0, 1).unflatten(0, latents.shape[:2])

    @property
    def feeds_back(self) -> bool:
        """Whether a part of what finishes a frame goes back into the stream."""
        return self.config.finish.feedback > 0 and self.finish is not None and self.finish.trained

    def fed_back(
        self, latents: Float[Tensor, "b v z y x"], pictures: Float[Tensor, "b v 3 h w"], grids: FlowGrids
    ) -> Float[Tensor, "b v z y x"]:
        """What goes back into the stream of a frame with these latents, decoded to ``pictures``; ``grids`` say how far it has
        moved (``FinishConfig``)."""
        code, patch, finish = self.autoencoder.code, self.config.autoencoder.patch_px, self.config.finish
        drawn = code.decode(latents.flatten(0, 1))
        detail = pictures.flatten(0, 1) - drawn
        detail = detail - nn.functional.interpolate(nn.functional.avg_pool2d(detail, patch), scale_factor=patch)
        if finish.moving_px:
            detail = detail * (moved_px(grids) / finish.moving_px).clamp(max=1)
        return code.encode(drawn + finish.feedback * detail).unflatten(0, latents.shape[:2])

    def legal(self, latents: Float[Tensor, "b v z y x"]) -> Float[Tensor, "b v z y x"]:
        """The latents with the patch code's picture clamped to [0, 1]: a guard against colours that run away in a roll-out."""
        code = self.autoencoder.code
        return code.encode(code.decode(latents.flatten(0, 1)).clamp(0, 1)).unflatten(0, latents.shape[:2])

    def prepare(
        self,
        conditions: Conditions,
        anchor: Float[Tensor, "b v z y x"] | None,
        anchor_present: Tensor | None = None,
        sketch: Float[Tensor, "bv z y x"] | None = None,
    ) -> Context:
        """Everything that depends on the frame and not on the denoise step. ``anchor_present`` (b,) drops single anchors;
        ``sketch`` is that of these conditions where the caller has it already."""
        self._check(conditions)
        b, views = conditions.map_image.shape[:2]
        device = conditions.map_image.device
        if anchor is None:
            anchor = self._zeros(b, views, device)
            anchor_present = torch.zeros(b, dtype=torch.bool, device=device)
        if anchor_present is None:
            anchor_present = torch.ones(b, dtype=torch.bool, device=device)
        box_tokens, box_mask = self.boxes(conditions.boxes, conditions.present.boxes)
        anchor_token = self.anchor(anchor.flatten(0, 1), anchor_present)
        grids = flow_grids(conditions)
        visible = nn.functional.avg_pool2d(grids.near_visible.float(), self.config.autoencoder.patch_px)
        known: Tensor = self.sketch(conditions, self.autoencoder.code) if sketch is None else sketch
        return Context(
            layout=self.input_layout(torch.cat([self.layout(conditions), visible, known], 1)),
            sketch=known,
            tokens=torch.cat([anchor_token, box_tokens.to(anchor_token.dtype)], 1),
            token_mask=torch.cat([box_mask.new_ones(len(box_mask), 1), box_mask], 1),
            embedding=self.motion(conditions).repeat_interleave(views, 0),
            grids=grids,
            visible=visible,
            untold=untold_share(conditions, self.config.autoencoder.patch_px),
        )

    def align(
        self,
        previous: Float[Tensor, "b v z y x"] | None,
        previous_sigma: Float[Tensor, "b"],
        context: Context,
        present: Tensor | None = None,
    ) -> Previous:
        """The previous latent, motion-compensated in two ways. ``present`` (b,) drops single ones; absent is zeros."""
        b = len(previous_sigma)
        if previous is None:
            zeros = self._zeros(b, len(context.embedding) // b, context.embedding.device)
            return Previous(
                zeros, zeros, torch.zeros_like(previous_sigma), torch.zeros(b, dtype=torch.bool, device=zeros.device)
            )
        if present is None:
            present = torch.ones(b, dtype=torch.bool, device=previous.device)
        code = self.autoencoder.code
        picture = code.decode(previous.flatten(0, 1))
        keep = per_sample(present.to(previous.dtype), previous)
        grids = context.grids
        views = (warp(picture, grids.far), near_view(picture, grids))
        far, near = (code.encode(view).unflatten(0, previous.shape[:2]) * keep for view in views)
        return Previous(far, near, previous_sigma, present)

    def denoise(
        self,
        noisy: Float[Tensor, "b v z y x"],
        sigma: Float[Tensor, "b"],
        previous: Previous,
        context: Context,
        memory: MemoryRow | None,
        belief: BeliefConfig = AS_PREDICTED,
    ) -> tuple[Float[Tensor, "b v z y x"], tuple[Float[Tensor, "b v _ _ _"], ...]]:
        """The denoised latent at noise level ``sigma`` (EDM, Karras et al. 2022, eq. 7) and the raw skip features."""
        b, views = noisy.shape[:2]
        c = precondition(sigma)
        given = torch.cat([previous.far, previous.near], 2).flatten(0, 1)
        given = given * per_sample((1 + previous.sigma.square()).rsqrt().repeat_interleave(views), given)
        inner = torch.cat([(noisy * per_sample(c.inp, noisy)).flatten(0, 1), given], 1)
        embedding = self._embedding(c.noise, previous, context)
        h = self.input(inner)
        h = h + context.layout.to(h.dtype)  # prepared in fp32
        h, features = self.unet(h, embedding, context.tokens, context.token_mask, memory)
        # A line's place is in the sketch to the pixel; the network says how strong it is here, and need not repeat where.
        raw = self.output(h).float() + self.sketch_gain(h).float() * context.sketch.float()
        raw = raw.unflatten(0, (b, views))
        drawn = per_sample(c.skip, noisy) * noisy + per_sample(c.out, noisy) * raw
        denoised = self._believe(h, drawn, c.out.abs(), previous, context, belief)
        return denoised, tuple(f.unflatten(0, (b, views)) for f in features)

    def project_features(self, features: tuple[Float[Tensor, "b v _ _ _"], ...]) -> tuple[Float[Tensor, "b v _ _ _"], ...]:
        """Keys and values of the features: what the projected memory stores (m = 2c)."""
        blocks = cast(list[HTFT], self.unet.htft)
        return tuple(h.project(f.flatten(0, 1)).unflatten(0, f.shape[:2]) for h, f in zip(blocks, features, strict=True))

    def _believe(
        self,
        h: Float[Tensor, "n c y x"],
        drawn: Float[Tensor, "b v z y x"],
        error: Float[Tensor, "b"],
        previous: Previous,
        context: Context,
        belief: BeliefConfig,
    ) -> Float[Tensor, "b v z y x"]:
        """A convex mixture of what the network draws, the two views of the previous frame and the sketch (``model.belief``).
        What is known keeps its detail at every noise level."""
        lead = drawn.shape[:2]
        predicted = self.trust(h).float().unflatten(1, (3, -1)).unflatten(0, lead)
        visible, untold, sketch = (x.float().unflatten(0, lead) for x in (context.visible, context.untold, context.sketch))
        weights = source_weights(predicted, error, previous.present, visible, untold, belief)
        return (weights * torch.stack([drawn, previous.far.float(), previous.near.float(), sketch], 2)).sum(2)

    def _embedding(self, noise: Float[Tensor, "b"], previous: Previous, context: Context) -> Float[Tensor, "bv e"]:
        views = len(context.embedding) // len(noise)
        levels = torch.cat([fourier(noise, 32, lowest=0.03), fourier((previous.sigma + 1e-3).log() / 4, 32, lowest=0.03)], -1)
        own = self.noise_levels(levels) + torch.where(previous.present[:, None], 0.0, self.absent_previous)
        return self.embed(own.repeat_interleave(views, 0) + context.embedding)

    def _zeros(self, b: int, views: int, device: torch.device) -> Tensor:
        return torch.zeros(
            b, views, self.config.latent_channels, self.config.latent_rows, self.config.latent_columns, device=device
        )

    def _check(self, conditions: Conditions) -> None:
        want, got = (self.config.height_px, self.config.width_px), (conditions.height_px, conditions.width_px)
        if want != got:
            raise ValueError(
                f"conditions: expected {want[0]}x{want[1]} pixels for model '{self.config.name}', got {got[0]}x{got[1]}"
            )
