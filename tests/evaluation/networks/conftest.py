"""Weights drawn to a manifest's names and shapes, as tensors and as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from everroad.evaluation.networks.manifest import load_manifest

Draw = Callable[..., dict[str, Tensor]]


@pytest.fixture
def drawn_weights() -> Draw:
    """Of a manifest's needed parameters: kernels that keep the size of what passes, and lively batch normalisation."""

    def draw(name: str, seed: int = 0) -> dict[str, Tensor]:
        generator = np.random.default_rng(seed)
        tensors = {}
        for parameter, shape in load_manifest(name).needed.items():
            if parameter.endswith("running_var"):
                values = generator.uniform(0.5, 1.5, shape)
            elif len(shape) > 1 and not name.startswith("lpips"):
                values = generator.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
            elif name.startswith("lpips"):
                values = generator.uniform(0, 1, shape)
            else:
                values = generator.standard_normal(shape) * 0.1 + parameter.endswith("bn.weight")
            tensors[parameter] = torch.from_numpy(np.asarray(values)).float()
        return tensors

    return draw


@pytest.fixture
def drawn_file(drawn_weights: Draw, tmp_path: Path) -> Callable[[str], Path]:
    """Writes drawn weights under a manifest's public file name, as ``torch.save`` does, into a folder, and returns that."""

    def write(name: str) -> Path:
        torch.save(drawn_weights(name), tmp_path / load_manifest(name).files[0])
        return tmp_path

    return write


@pytest.fixture
def drawn_pictures() -> Callable[..., Tensor]:
    """Noise in uint8 of a shape that ends in 3, height, width."""

    def draw(*shape: int, seed: int = 0) -> Tensor:
        values = np.random.default_rng([seed, *shape]).integers(0, 256, shape, dtype=np.uint8)
        return torch.from_numpy(values)

    return draw
