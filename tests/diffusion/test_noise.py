from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from everroad.diffusion.noise import addressed_noise, noise_key

SHAPE = (4, 6, 8)
GOLDEN_KEY = 279018997493876209420356286738334542597
GOLDEN_NOISE = [0.3859129, -1.171821, -0.7280325]
addresses = st.tuples(
    st.integers(-(2**63), 2**63 - 1),
    st.integers(0, 10**9),
    st.sampled_from(["CAM_FRONT", "CAM_BACK"]),
    st.sampled_from(["initial", "previous"]),
)


def test_noise_is_standard_normal():
    values = addressed_noise([5], [0], ["CAM_FRONT"], "initial", (16, 64, 64)).numpy().ravel()
    assert stats.kstest(values, "norm").pvalue > 1e-3
    assert abs(values.mean()) < 5 / np.sqrt(values.size)
    assert abs(values.var() - 1) < 5 * np.sqrt(2 / values.size)
    assert abs(stats.kurtosis(values)) < 5 * np.sqrt(24 / values.size)


def test_neighbouring_values_of_one_draw_are_uncorrelated():
    noise = addressed_noise([5], [0], ["CAM_FRONT"], "initial", (16, 64, 64))[0, 0].numpy()
    for axis in range(3):
        here, there = np.take(noise, range(noise.shape[axis] - 1), axis), np.take(noise, range(1, noise.shape[axis]), axis)
        assert abs(np.corrcoef(here.ravel(), there.ravel())[0, 1]) < 5 / np.sqrt(here.size)


def test_neighbouring_addresses_are_independent():
    n = 40_000

    def one(seed: int, frame: int, camera: str, purpose: str) -> np.ndarray:
        return addressed_noise([seed], [frame], [camera], purpose, (n,))[0, 0].numpy()

    base = one(7, 3, "CAM_FRONT", "initial")
    others = [(8, 3, "CAM_FRONT", "initial"), (7, 4, "CAM_FRONT", "initial"), (7, 3, "CAM_BACK", "initial"),
              (7, 3, "CAM_FRONT", "previous"), (3, 7, "CAM_FRONT", "initial")]  # fmt: skip
    for address in others:
        other = one(*address)
        assert abs(np.corrcoef(base, other)[0, 1]) < 5 / np.sqrt(n), address
        assert abs(np.corrcoef(base**2, other**2)[0, 1]) < 5 / np.sqrt(n), address
        shared_runs = np.isin(base[:-1], other) & np.isin(base[1:], other)
        assert shared_runs.mean() < 0.01, address  # a shifted counter would repeat the draw elsewhere


def test_a_frame_sequence_at_one_pixel_is_standard_normal():
    frames = range(4000)
    values = addressed_noise([1] * len(frames), frames, ["CAM_FRONT"], "initial", (1,)).numpy().ravel()
    assert stats.kstest(values, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 5 / np.sqrt(values.size)


@settings(max_examples=50, deadline=None)
@given(st.lists(addresses, min_size=1, max_size=4), st.randoms(use_true_random=False))
def test_noise_depends_on_the_address_alone(streams: list[tuple[int, int, str, str]], rng):
    """Any batch, any order of calls, with anything drawn in between: the same bits."""
    alone = {a: addressed_noise([a[0]], [a[1]], [a[2]], a[3], SHAPE) for a in streams}
    shuffled = rng.sample(streams, len(streams))
    for purpose in ("initial", "previous"):
        batch = addressed_noise(
            torch.tensor([a[0] for a in shuffled]),
            torch.tensor([a[1] for a in shuffled]),
            ["CAM_BACK", "CAM_FRONT"],
            purpose,
            SHAPE,
        )
        for row, address in zip(batch, shuffled, strict=True):
            if address[3] == purpose:
                view = ["CAM_BACK", "CAM_FRONT"].index(address[2])
                assert torch.equal(row[view : view + 1], alone[address][0])


@given(addresses, addresses)
def test_two_addresses_have_two_keys(one: tuple[int, int, str, str], other: tuple[int, int, str, str]):
    assert (noise_key(*one) == noise_key(*other)) == (one == other)


def test_joined_names_do_not_collide():
    assert noise_key(1, 11, "a", "b") != noise_key(11, 1, "a", "b")
    assert noise_key(1, 1, "a,b", "c") != noise_key(1, 1, "a", "b,c")


def test_known_value():
    """Golden: videos of a seed repeat across versions. Change it only with a note in CHANGELOG.md."""
    assert noise_key(0, 1, "CAM_FRONT", "initial") == GOLDEN_KEY
    assert addressed_noise([0], [1], ["CAM_FRONT"], "initial", (3,)).flatten().tolist() == pytest.approx(GOLDEN_NOISE, abs=1e-6)


def test_fp32_on_the_cpu_and_no_global_generator():
    before_np, before_torch = np.random.get_state()[1].copy(), torch.random.get_rng_state()  # noqa: NPY002
    noise = addressed_noise([0, 1], [1, 1], ["CAM_FRONT"], "initial", SHAPE)
    assert noise.dtype == torch.float32
    assert noise.device.type == "cpu"
    assert noise.shape == (2, 1, *SHAPE)
    assert np.array_equal(before_np, np.random.get_state()[1])  # noqa: NPY002
    assert torch.equal(before_torch, torch.random.get_rng_state())


def test_refuses_what_would_repeat_noise():
    with pytest.raises(ValueError, match="one frame index a seed"):
        addressed_noise([0, 1], [1], ["CAM_FRONT"], "initial", SHAPE)
    with pytest.raises(ValueError, match="camera names that differ"):
        addressed_noise([0], [1], ["CAM_FRONT", "CAM_FRONT"], "initial", SHAPE)
