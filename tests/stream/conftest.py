"""A world model of a few layers that truly uses everything a stream remembers, and conditions for it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from everroad.conditions.types import BOX_LAYERS, MAP_LAYERS, BoxList, Conditions, Presence
from everroad.model.alignment import FlowGrids
from everroad.model.belief import AS_PREDICTED
from everroad.model.config import AutoencoderConfig, BeliefConfig, FinishConfig, HTFTConfig, ModelConfig, UNetConfig
from everroad.model.memory import MemoryRow
from everroad.model.world_model import Context, Previous, WorldModel

CONFIG = ModelConfig(
    name="fake",
    height_px=32,
    width_px=48,
    autoencoder=AutoencoderConfig(channels=6),
    unet=UNetConfig(widths=(32,), blocks=1, attention_levels=()),
    htft=HTFTConfig(ages=(1, 2, 4), length=4),
    belief=BeliefConfig(retention=0.3, choice=1.5),
    finish=FinishConfig(widths=(32,), feedback=0.35),
)


class FakeWorldModel(WorldModel):
    """Convolutions only, so a test takes milliseconds. Every input changes the output."""

    def __init__(self, config: ModelConfig) -> None:
        nn.Module.__init__(self)
        self.config = config
        z, p, width = config.latent_channels, config.autoencoder.patch_px, config.unet.widths[0]
        self.patch = p
        self.encoder, self.decoder = nn.Conv2d(3 * p * p, z, 1), nn.Conv2d(z, 3 * p * p, 1)
        self.told = nn.Conv2d(len(MAP_LAYERS) * p * p, width, 1)
        self.first, self.input = nn.Conv2d(z, width, 1), nn.Conv2d(2 * z, width, 3, padding=1)
        self.key_value, self.read = nn.Conv2d(width, 2 * width, 1, bias=False), nn.Conv2d(2 * width, width, 1)
        self.output = nn.Conv2d(width, z, 3, padding=1)

    def encode(self, images: Tensor) -> Tensor:
        patches = nn.functional.pixel_unshuffle(images.flatten(0, 1), self.patch)
        return self.encoder(patches).unflatten(0, images.shape[:2])

    def decode(self, latents: Tensor, conditions: Conditions | None = None) -> Tensor:
        patches = self.decoder(latents.flatten(0, 1))
        if conditions is not None:
            patches = patches + conditions.map_image[:, :, :1].flatten(0, 1).float().mean((1, 2, 3), keepdim=True) / 255
        return nn.functional.pixel_shuffle(patches, self.patch).sigmoid().unflatten(0, latents.shape[:2])

    @property
    def feeds_back(self) -> bool:
        return self.config.finish.feedback > 0

    def fed_back(self, latents: Tensor, pictures: Tensor, grids: FlowGrids) -> Tensor:
        return latents + self.config.finish.feedback * self.encode(pictures)

    def legal(self, latents: Tensor) -> Tensor:
        return latents

    def prepare(
        self,
        conditions: Conditions,
        anchor: Tensor | None,
        anchor_present: Tensor | None = None,
        sketch: Tensor | None = None,
    ) -> Context:
        b, views = conditions.map_image.shape[:2]
        layout = self.told(nn.functional.pixel_unshuffle(conditions.map_image.flatten(0, 1).float() / 255, self.patch))
        if anchor is not None:
            there = torch.ones(b, dtype=torch.bool) if anchor_present is None else anchor_present
            layout = layout + self.first(anchor.flatten(0, 1)) * there.repeat_interleave(views).view(-1, 1, 1, 1)
        n = len(layout)
        still = torch.zeros(n, 1, 1, 2)
        return Context(
            layout=layout,
            sketch=layout,
            tokens=torch.zeros(n, 1, 1),
            token_mask=torch.ones(n, 1, dtype=torch.bool),
            embedding=conditions.previous_from_current[:, 0, 3:].repeat_interleave(views, 0),
            grids=FlowGrids(still, still, *(torch.full((n, 1, 1, 1), seen) for seen in (True, False))),
            visible=torch.ones_like(layout[:, :1]),
            untold=torch.zeros_like(layout[:, :1]),
        )

    def align(
        self, previous: Tensor | None, previous_sigma: Tensor, context: Context, present: Tensor | None = None
    ) -> Previous:
        b = len(previous_sigma)
        if previous is None:
            zeros = torch.zeros(b, len(context.layout) // b, self.config.latent_channels, *context.layout.shape[-2:])
            return Previous(zeros, zeros, torch.zeros(b), torch.zeros(b, dtype=torch.bool))
        return Previous(previous, previous.roll(1, -1), previous_sigma, torch.ones(b, dtype=torch.bool))

    def denoise(
        self,
        noisy: Tensor,
        sigma: Tensor,
        previous: Previous,
        context: Context,
        memory: MemoryRow | None,
        belief: BeliefConfig = AS_PREDICTED,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        lead = noisy.shape[:2]
        scale = (1 + sigma.square()).rsqrt().view(-1, 1, 1, 1, 1)
        given = belief.choice * previous.near + belief.retention + previous.sigma.view(-1, 1, 1, 1, 1)
        h = self.input(torch.cat([noisy * scale, given], 2).flatten(0, 1)) + context.layout
        h = torch.tanh(h + context.embedding[:, :, None, None])
        features = (h.unflatten(0, lead),)
        if memory is not None:
            ages = memory.sites[0].flatten(0, 1).to(h.dtype)  # n a m y x
            if memory.form == "raw":
                ages = self.key_value(ages.flatten(0, 1)).unflatten(0, ages.shape[:2])
            h = torch.tanh(h + self.read((ages * torch.tensor([1.0, -0.7, 0.4]).view(-1, 1, 1, 1)).sum(1)))
        return self.output(h).float().unflatten(0, lead), features

    def project_features(self, features: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(self.key_value(f.flatten(0, 1)).unflatten(0, f.shape[:2]) for f in features)


def build_fake(seed: int = 0, config: ModelConfig = CONFIG) -> FakeWorldModel:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return FakeWorldModel(config).eval()


def random_conditions(config: ModelConfig, frame_index: int, scene: int = 0, batch: int = 1, views: int = 1) -> Conditions:
    """Random pictures and a small ego motion, a function of (scene, frame index)."""
    rng = np.random.default_rng([scene, frame_index])
    size = (batch, views)
    picture = (config.height_px, config.width_px)
    motion = torch.eye(4).repeat(batch, 1, 1)
    motion[:, 0, 3] = torch.from_numpy(rng.uniform(0, 1, batch)).float()
    intrinsics = torch.tensor([[40.0, 0, picture[1] / 2], [0, 40.0, picture[0] / 2], [0, 0, 1]]).repeat(*size, 1, 1)
    pose = torch.tensor([[0.0, 0, 1, 1.5], [-1, 0, 0, 0], [0, -1, 0, 1.6], [0, 0, 0, 1]]).repeat(*size, 1, 1)
    ones = torch.ones(batch, dtype=torch.bool)

    def noise(channels: int) -> Tensor:
        return torch.from_numpy(rng.integers(0, 256, (*size, channels, *picture), dtype=np.uint8))

    return Conditions(
        map_image=noise(len(MAP_LAYERS)),
        box_image=noise(len(BOX_LAYERS)),
        depth_image=torch.zeros(*size, 1, *picture, dtype=torch.uint8),
        boxes=BoxList(
            torch.ones(*size, 2, 8, 3), torch.zeros(*size, 2, 3), torch.zeros(*size, 2, dtype=torch.int64),
            torch.zeros(*size, 2, dtype=torch.bool),
        ),
        intrinsics=intrinsics,
        ego_from_camera=pose,
        previous_from_current=motion,
        seconds_since_previous=torch.full((batch,), 1 / 12),
        weather=torch.zeros(batch, dtype=torch.int64),
        time_of_day=torch.zeros(batch, dtype=torch.int64),
        present=Presence(ones, ones, ones, ones, ones, ones),
    )  # fmt: skip


def random_image(config: ModelConfig, scene: int = 0, batch: int = 1, views: int = 1) -> Tensor:
    rng = np.random.default_rng([scene, 999])
    return torch.from_numpy(rng.random((batch, views, 3, config.height_px, config.width_px), dtype=np.float32))


class Kit:
    """What the tests of this folder share."""

    config = CONFIG
    build = staticmethod(build_fake)
    conditions = staticmethod(random_conditions)
    image = staticmethod(random_image)
    replace = staticmethod(replace)


@pytest.fixture(scope="session")
def kit() -> type[Kit]:
    return Kit


@pytest.fixture(scope="session")
def fake() -> FakeWorldModel:
    return build_fake()
