"""Small towns, a judge and world models of a few weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import pytest
import torch

from everroad.evaluation.reference import EvaluationTown, open_town
from everroad.evaluation.segmenter import Segmenter, SegmenterConfig
from everroad.model.config import AutoencoderConfig, HTFTConfig, ModelConfig, UNetConfig
from everroad.model.world_model import WorldModel

CONFIG = ModelConfig(
    name="tiny",
    height_px=64,
    width_px=112,
    autoencoder=AutoencoderConfig(channels=8, decoder_width=16, decoder_blocks=1, fine_width=8),
    unet=UNetConfig(widths=(32, 32), blocks=1, attention_levels=(), embed_width=32, token_width=32, condition_width=32),
    htft=HTFTConfig(zero_init=False),
)


def build_judge() -> Segmenter:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Segmenter(SegmenterConfig((8, 8, 8))).eval()


def build_model(seed: int = 0, config: ModelConfig = CONFIG) -> WorldModel:
    """Random weights everywhere, in zero-initialised layers too, so that the memory is heard."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = WorldModel(config)
        for parameter in model.parameters():
            if not parameter.any():
                torch.nn.init.normal_(parameter, std=0.05)
    return model.eval()


@dataclass(frozen=True)
class Kit:
    """What the tests of this folder share."""

    config: ModelConfig
    judge: Segmenter
    model: WorldModel
    towns: list[EvaluationTown]
    open_town: Callable[[int, int, ModelConfig], EvaluationTown]


kept_town = lru_cache(maxsize=None)(open_town)  # a town paints the same whoever asks


@pytest.fixture(scope="session")
def kit() -> Kit:
    return Kit(CONFIG, build_judge(), build_model(), [kept_town(seed, 6, CONFIG) for seed in (1_000_000, 1_000_001)], kept_town)
