"""The random network: repeatable, of the common interface, and never called FID or FVD."""

from __future__ import annotations

import json

import pytest
import torch

from everroad.evaluation.networks.random_network import random_features
from everroad.evaluation.networks.types import FeatureNetwork


def network_of(kind: str, width: int = 7, seed: int = 3) -> FeatureNetwork:
    return random_features(seed, width, kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "shape"), [("picture", (3, 3, 20, 30)), ("clip", (3, 4, 3, 20, 30))])
def test_features_are_the_seeds(drawn_pictures, kind: str, shape: tuple[int, ...]) -> None:
    samples = drawn_pictures(*shape)
    state = torch.random.get_rng_state()
    features = network_of(kind).features(samples)
    assert torch.equal(torch.random.get_rng_state(), state)
    assert features.shape == (3, 7)
    assert bool(features.isfinite().all())
    assert torch.equal(network_of(kind).features(samples), features)
    assert not torch.equal(network_of(kind, seed=4).features(samples), features)
    assert not torch.equal(network_of(kind).features(samples.flip(0)), features)


def test_a_frozen_clip_differs_from_a_moving_one(drawn_pictures) -> None:
    moving = drawn_pictures(1, 6, 3, 16, 16)
    network = network_of("clip")
    assert not torch.equal(network.features(moving), network.features(moving[:, :1].expand_as(moving)))


@pytest.mark.parametrize("kind", ["picture", "clip"])
def test_it_is_never_called_by_a_public_name(kind: str) -> None:
    description = network_of(kind).described()
    text = json.dumps(description).lower()
    assert not [name for name in ("fid", "fvd", "kid", "kvd", "lpips", "inception", "i3d") if name in text]
    assert network_of(kind).name.startswith("random")
    assert all(name.startswith("random") for name in description["measures"].values())
    assert description["verified_against"] == "unverified"


def test_another_kind_and_no_width_are_refused(drawn_pictures) -> None:
    with pytest.raises(ValueError, match="expected pictures of b 3 h w in uint8, got uint8 of 1x4x3x8x8"):
        network_of("picture").features(drawn_pictures(1, 4, 3, 8, 8))
    with pytest.raises(ValueError, match="expected clips of b f 3 h w in uint8, got uint8 of 4x3x8x8"):
        network_of("clip").features(drawn_pictures(4, 3, 8, 8))
    with pytest.raises(ValueError, match="width: expected 1 feature at least, got 0"):
        random_features(0, 0)
