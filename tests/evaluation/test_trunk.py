"""The judges' trunk with its normalisation folded away."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from everroad.evaluation.trunk import Trunk, fold_normalisation


def trained() -> Trunk:
    """Statistics that are not those of the beginning."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        trunk = Trunk((4, 6, 8, 8))
        for _ in range(3):
            trunk(torch.rand(4, 3, 32, 48))
    return trunk.eval()


def test_a_folded_trunk_sees_the_same() -> None:
    trunk, pictures = trained(), torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = trunk(pictures)
        fold_normalisation(trunk)
        after = trunk(pictures)
    assert not any(isinstance(module, nn.BatchNorm2d) for module in trunk.modules())
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def test_a_trunk_in_training_is_refused() -> None:
    with pytest.raises(ValueError, match="judge: expected evaluation mode, got training mode"):
        fold_normalisation(Trunk((4, 4, 4, 4)))
