"""LPIPS: a distance, by its formula, and what is refused."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from everroad.evaluation.networks.lpips import PerceptualDistance, load_lpips
from everroad.evaluation.networks.manifest import load_manifest


@pytest.fixture
def distance(drawn_weights, tmp_path: Path) -> Callable[[str], PerceptualDistance]:
    def load(trunk: str) -> PerceptualDistance:
        for name in ({"alex": "alexnet", "vgg": "vgg16"}[trunk], f"lpips-{trunk}"):
            torch.save(drawn_weights(name), tmp_path / load_manifest(name).files[0])
        return load_lpips(trunk, tmp_path)

    return load


@pytest.mark.parametrize("trunk", ["alex", "vgg"])
def test_equal_pictures_are_at_zero_and_the_distance_is_symmetric_and_grows(distance, drawn_pictures, trunk: str) -> None:
    lpips = distance(trunk)
    first, second = drawn_pictures(2, 3, 48, 64, seed=1), drawn_pictures(2, 3, 48, 64, seed=2)
    assert torch.equal(lpips.between(first, first), torch.zeros(2))
    there, back = lpips.between(first, second), lpips.between(second, first)
    assert there.shape == (2,)
    assert bool((there > 0).all())
    torch.testing.assert_close(there, back)
    near = (first.float() * 0.9 + second.float() * 0.1).to(torch.uint8)
    assert bool((lpips.between(first, near) < there).all())


@torch.no_grad()
def test_the_distance_is_the_papers_formula(distance, drawn_pictures) -> None:
    """Equation 1: the mean over places of the weighted squared difference of unit features, summed over depths."""
    lpips = distance("alex")
    pair = [2 * drawn_pictures(1, 3, 40, 40, seed=seed).float() / 255 - 1 for seed in (1, 2)]
    shift, scale = torch.tensor([-0.030, -0.088, -0.188]), torch.tensor([0.458, 0.448, 0.450])
    maps = [[(x[0].permute(1, 2, 0) - shift).div(scale).permute(2, 0, 1)[None]] for x in pair]
    expected, depth = 0.0, 0
    for index, layer in enumerate(lpips.network.features):
        maps = [[layer(each[0])] for each in maps]
        if index in (1, 4, 7, 9, 11):  # after each ReLU
            unit = [torch.nn.functional.normalize(each[0][0].flatten(1), dim=0) for each in maps]
            weights = lpips.network.state_dict()[f"lin{depth}.model.1.weight"].flatten()
            expected, depth = expected + float((weights @ (unit[0] - unit[1]) ** 2).mean()), depth + 1
    assert depth == 5
    assert float(lpips.network(*pair)) == pytest.approx(expected, rel=1e-5)


def test_pairs_are_taken_a_few_at_a_time(distance, drawn_pictures, monkeypatch) -> None:
    lpips = distance("alex")
    first, second = drawn_pictures(5, 3, 31, 40, seed=1), drawn_pictures(5, 3, 31, 40, seed=2)
    whole = lpips.between(first, second)
    monkeypatch.setattr("everroad.evaluation.networks.lpips.CHUNK_PAIRS", 2)
    torch.testing.assert_close(lpips.between(first, second), whole)


@pytest.mark.parametrize(("trunk", "least"), [("alex", 31), ("vgg", 16)])
def test_the_least_size_is_taken_and_a_smaller_one_refused(distance, drawn_pictures, trunk: str, least: int) -> None:
    lpips = distance(trunk)
    assert lpips.between(*[drawn_pictures(1, 3, least, least, seed=seed) for seed in (1, 2)]).isfinite().all()
    small = drawn_pictures(1, 3, least - 1, 64)
    with pytest.raises(ValueError, match=f"expected sides of {least} pixels at least, got {least - 1}x64; give larger"):
        lpips.between(small, small)
    with pytest.raises(RuntimeError):
        lpips.network(*[picture.float() for picture in (small, small)])  # the limit is the network's, not ours


def test_two_batches_of_different_shapes_are_refused(distance, drawn_pictures) -> None:
    between = inspect.unwrap(PerceptualDistance.between)  # past the tests' own check of shapes
    with pytest.raises(
        ValueError, match=r"expected two batches of one shape, got \(1, 3, 40, 40\) and \(1, 3, 40, 48\); resize"
    ):
        between(distance("alex"), drawn_pictures(1, 3, 40, 40), drawn_pictures(1, 3, 40, 48))


def test_both_files_are_described(distance) -> None:
    description = distance("vgg").described()
    assert description["measures"] == {"distance": "LPIPS (vgg, v0.1)"}
    assert [each["file"] for each in description["weights"]] == ["vgg16-397923af.pth", "vgg.pth"]
    assert description["verified_against"][0]["package"] == "lpips"
