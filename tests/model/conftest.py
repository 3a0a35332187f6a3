"""Small models and made-up conditions."""

from __future__ import annotations

import pytest
import torch

from everroad.conditions.types import BoxList, Conditions, Presence
from everroad.model.config import AutoencoderConfig, FinishConfig, HTFTConfig, ModelConfig, SketchConfig, UNetConfig
from everroad.model.world_model import WorldModel

TINY = ModelConfig(
    name="tiny",
    height_px=32,
    width_px=48,
    autoencoder=AutoencoderConfig(channels=8, decoder_width=16, decoder_blocks=1, fine_width=8),
    unet=UNetConfig(widths=(32, 64), blocks=2, attention_levels=(1,), embed_width=32, token_width=32, condition_width=32),
    htft=HTFTConfig(zero_init=False),
    sketch=SketchConfig(widths=(32, 64)),
    finish=FinishConfig(widths=(32, 64), feedback=0.35),
)


def make_conditions(
    batch: int = 2, views: int = 1, height: int = 32, width: int = 48, seed: int = 0, boxes: int = 3
) -> Conditions:
    draw = torch.Generator().manual_seed(seed)
    intrinsics = torch.tensor([[0.8 * width, 0, (width - 1) / 2], [0, 0.8 * width, (height - 1) / 2], [0, 0, 1.0]])
    ego_from_camera = torch.eye(4)
    ego_from_camera[:3, :3] = torch.tensor([[0, 0, 1.0], [-1, 0, 0], [0, -1, 0]])
    ego_from_camera[:3, 3] = torch.tensor([1.7, 0.0, 1.5])
    motion = torch.eye(4).repeat(batch, 1, 1)
    motion[:, 0, 3] = 0.8
    yes = torch.ones(batch, dtype=torch.bool)
    return Conditions(
        map_image=torch.randint(0, 256, (batch, views, 7, height, width), dtype=torch.uint8, generator=draw),
        box_image=torch.randint(0, 256, (batch, views, 6, height, width), dtype=torch.uint8, generator=draw),
        depth_image=torch.zeros(batch, views, 1, height, width, dtype=torch.uint8),
        boxes=BoxList(
            corners_m=torch.randn(batch, views, boxes, 8, 3, generator=draw) + torch.tensor([0, 0, 15.0]),
            velocity_mps=torch.randn(batch, views, boxes, 3, generator=draw),
            class_index=torch.randint(0, 11, (batch, views, boxes), generator=draw),
            mask=torch.ones(batch, views, boxes, dtype=torch.bool),
        ),
        intrinsics=intrinsics.expand(batch, views, 3, 3).clone(),
        ego_from_camera=ego_from_camera.expand(batch, views, 4, 4).clone(),
        previous_from_current=motion,
        seconds_since_previous=torch.full((batch,), 1 / 12),
        weather=torch.zeros(batch, dtype=torch.int64),
        time_of_day=torch.zeros(batch, dtype=torch.int64),
        present=Presence(yes, yes, yes, yes, yes, yes),
    )


def make_model(config: ModelConfig = TINY, seed: int = 0) -> WorldModel:
    """Random weights everywhere, the zero-initialised layers too, so that nothing is switched off."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = WorldModel(config)
        for parameter in model.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.05)
        model.sketch.weight.normal_(std=0.05)
    return model.eval()


@pytest.fixture(scope="session")
def tiny_model() -> WorldModel:
    return make_model()
