"""The feature network: shapes, what its parts are made of, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from everroad.evaluation.features.network import REACH, FeatureNetwork, FeaturesConfig, clip_features, correlation
from everroad.evaluation.trunk import Seen

SMALL = FeaturesConfig(widths=(4, 6, 8, 10), picture=5, motion=3, compared=4)


@pytest.fixture(scope="module")
def network() -> FeatureNetwork:
    return FeatureNetwork(SMALL).eval()


def pictures(seed: int, count: int = 2, height: int = 32, width: int = 48) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).random((count, 3, height, width), dtype=np.float32))


def test_every_part_has_its_size(network: FeatureNetwork) -> None:
    seen = network.see(pictures(0))
    logits, log_depth = network.label(seen)
    moved = network.move(seen, seen)
    features, embedding = network.picture_features(seen)
    assert [tuple(h.shape[1:]) for h in seen] == [(4, 16, 24), (6, 8, 12), (8, 4, 6), (10, 2, 3)]
    assert logits.shape == (2, 13, 8, 12)
    assert log_depth.shape == (2, 8, 12)
    assert moved.flow_px.shape == (2, 2, 4, 6)
    assert features.shape == (2, SMALL.pooled + SMALL.texture) == (2, 28)
    assert embedding.shape == (2, 5 + 4)
    assert network.motion_features(seen, seen).shape == (2, 3)


def test_pictures_of_a_batch_do_not_see_one_another(network: FeatureNetwork) -> None:
    both = network.picture_features(network.see(pictures(1)))[0]
    alone = network.picture_features(network.see(pictures(1)[1:]))[0]
    torch.testing.assert_close(both[1:], alone, atol=1e-5, rtol=1e-5)


@given(st.integers(-REACH, REACH), st.integers(-REACH, REACH))
def test_a_shifted_picture_correlates_at_its_shift(down: int, right: int) -> None:
    one = torch.from_numpy(np.random.default_rng(0).standard_normal((1, 8, 12, 12), dtype=np.float32))
    found = correlation(one, torch.roll(one, (down, right), (2, 3)))[0]
    inner = slice(REACH, -REACH)
    best = found[:, inner, inner].argmax(0)
    assert (best == (down + REACH) * (2 * REACH + 1) + right + REACH).all()
    torch.testing.assert_close(found[:, inner, inner].max(0).values, torch.ones(6, 6))


def test_clip_features_are_means_and_deviations_over_time() -> None:
    draw = np.random.default_rng(0)
    frames, motions = draw.standard_normal((2, 6, 4)), draw.standard_normal((2, 5, 3))
    found = clip_features(torch.from_numpy(frames).float(), torch.from_numpy(motions).float()).numpy()
    expected = np.concatenate([frames.mean(1), frames.std(1), motions.mean(1), motions.std(1)], 1)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_features_are_in_units_of_their_deviation(network: FeatureNetwork) -> None:
    scaled = FeatureNetwork(SMALL).eval()
    scaled.load_state_dict(
        network.state_dict() | {"pooled_mean": torch.full((24,), 2.0), "pooled_deviation": torch.full((24,), 4.0)}
    )
    seen = Seen(*network.see(pictures(3)))
    found, plain = scaled.picture_features(seen)[0], network.picture_features(seen)[0]
    torch.testing.assert_close(found[:, :24], (plain[:, :24] - 2) / 4)
    torch.testing.assert_close(found[:, 24:], plain[:, 24:])


def test_texture_is_what_changes_from_place_to_place(network: FeatureNetwork) -> None:
    steps = torch.arange(6.0)
    fine = torch.stack([torch.full((4, 6), 3.0), steps.expand(4, 6), 2 * steps[:4, None].expand(4, 6), steps.expand(4, 6) % 2])
    seen = Seen(fine[None], *[torch.zeros(1, 1, 1, 1)] * 3)
    torch.testing.assert_close(network.texture(seen), torch.tensor([[0.0, 1.0, 2.0, 1.0]]))


def test_bad_sizes_are_refused(network: FeatureNetwork) -> None:
    with pytest.raises(ValueError, match="judge: expected sides of multiples of 16, got 32x40; crop"):
        network.see(pictures(0, width=40))
    with pytest.raises(ValueError, match="widths"):
        FeaturesConfig(widths=(1, 2, 3, 0))
