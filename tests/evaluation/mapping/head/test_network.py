"""The map head: shapes, independence of the pictures of a batch, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from everroad.evaluation.detector.codes import Lens
from everroad.evaluation.mapping.ground_truth import Window
from everroad.evaluation.mapping.head.config import MapHeadConfig
from everroad.evaluation.mapping.head.find import lens_of
from everroad.evaluation.mapping.head.network import MapHead, below
from everroad.scenario.rigs import level_camera

SMALL = MapHeadConfig(widths=(4, 8, 8, 8), ground=(8, 8), query=16, queries=6, heads=2)


@pytest.fixture(scope="module")
def head() -> MapHead:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return MapHead(SMALL).eval()


def lens(*yaws_deg: float) -> Lens:
    return lens_of(
        [
            level_camera(
                "CAM", position_m=(1.7, 0.0, 1.5), yaw_deg=yaw, focal_px=90.0, centre_px=(56.0, 34.0), size_px=(112, 64)
            )
            for yaw in yaws_deg
        ]
    )


def pictures(count: int) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((count, 3, 64, 112), dtype=np.float32))


def test_every_part_has_its_size(head: MapHead) -> None:
    dense, found = head(pictures(2), lens(0.0, 5.0))
    assert dense.drawn.shape == (2, 3, 60, 60)
    assert dense.heat.shape == (2, 3, 30, 30)
    assert dense.lines_m.shape == (2, 20, 2, 30, 30)
    assert found.logits.shape == (2, 2, 6, 3)
    assert found.lines_m.shape == (2, 2, 6, 20, 2)


def test_the_shipped_size_is_small() -> None:
    assert sum(parameter.numel() for parameter in MapHead().parameters()) <= 850_000


def test_a_picture_is_judged_alone_and_by_its_lens(head: MapHead) -> None:
    with torch.no_grad():
        both = head(pictures(2), lens(0.0, 5.0))
        alone = head(pictures(2)[1:], lens(5.0))
        turned = head(pictures(2)[1:], lens(-5.0))
    for here, there in zip(
        (*alone[0], *alone[1]), (*(part[1:] for part in both[0]), *(part[:, 1:] for part in both[1])), strict=True
    ):
        torch.testing.assert_close(here, there, atol=1e-4, rtol=1e-4)
    assert not torch.allclose(turned[0].heat, alone[0].heat, atol=1e-3)


def test_refinement_begins_by_changing_nothing(head: MapHead) -> None:
    with torch.no_grad():
        dense, found = head(pictures(1), lens(0.0))
    torch.testing.assert_close(found.lines_m[0], found.lines_m[1])
    best = dense.heat[0].flatten().argmax() % 900
    torch.testing.assert_close(found.lines_m[0, 0, 0], dense.lines_m[0].flatten(2)[..., best])


def test_the_lower_part_has_the_lens_of_its_rows() -> None:
    lower, its_lens = below(pictures(1), lens(0.0))
    assert lower.shape[-2] == 48
    torch.testing.assert_close(lower[0, :, 0], pictures(1)[0, :, 16])
    assert its_lens.intrinsics[0, 1, 2] == 34 - 16


def test_bad_sizes_are_refused(head: MapHead) -> None:
    with pytest.raises(ValueError, match="judge: expected sides of multiples of 16, got 60x112; crop"):
        head(pictures(1)[:, :, :60], lens(0.0))
    with pytest.raises(ValueError, match="heads share"):
        MapHeadConfig(query=10, heads=4)
    with pytest.raises(ValueError, match="even numbers of metres"):
        MapHeadConfig(window=Window(0.0, 25.0, -10.0, 10.0))
