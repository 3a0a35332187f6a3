"""Degradation: addressed, at the asked rates, and exactly what its formula says."""

from __future__ import annotations

import pytest
import torch
from tests.model.conftest import make_conditions

from everroad.training.degrade import DegradeConfig, degrade_previous, draw_degradation, drop_conditions


def test_same_address_same_draw():
    a, b, c = (draw_degradation(DegradeConfig(), 7, s, 16, 8) for s in (3, 3, 4))
    assert torch.equal(a.previous_sigma, b.previous_sigma)
    assert torch.equal(a.component_gain, b.component_gain)
    assert not torch.equal(a.previous_sigma, c.previous_sigma)


def test_rates():
    config = DegradeConfig(drop_previous=0.15, drop_map=0.05, clean_share=0.25, filter_share=0.4)
    draws = draw_degradation(config, 0, 0, 20000, 16)
    assert abs(float((~draws.previous_present).float().mean()) - 0.15) < 0.01
    assert abs(float((~draws.map_present).float().mean()) - 0.05) < 0.01
    assert abs(float((draws.previous_sigma == 0).float().mean()) - 0.25) < 0.02
    assert abs(float((draws.component_gain[:, -1] < 1).float().mean()) - 0.4) < 0.02
    noisy = draws.previous_sigma[draws.previous_sigma > 0]
    assert float(noisy.min()) >= config.noise_low
    assert float(noisy.max()) <= config.noise_high


def test_filter_takes_detail_and_leaves_shape():
    gain = draw_degradation(DegradeConfig(filter_share=1.0), 0, 0, 64, 16).component_gain
    assert (gain[:, :2] == 1).all()
    assert (gain.diff(dim=1) <= 0).all()


def test_previous_is_filtered_then_noised():
    draws = draw_degradation(DegradeConfig(), 0, 0, 4, 8)
    previous, noise = torch.randn(4, 1, 8, 2, 3), torch.randn(4, 1, 8, 2, 3)
    out = degrade_previous(previous, noise, draws)
    i = 2
    want = previous[i, 0] * draws.component_gain[i, :, None, None] + draws.previous_sigma[i] * noise[i, 0]
    torch.testing.assert_close(out[i, 0], want)


def test_dropping_marks_absent_and_hides_box_depth():
    conditions = make_conditions(batch=400)
    conditions.depth_image.fill_(9)
    draws = draw_degradation(DegradeConfig(drop_boxes=0.5), 0, 0, 400, 8)
    dropped = drop_conditions(conditions, draws)
    assert torch.equal(dropped.present.boxes, draws.boxes_present)
    assert (dropped.depth_image.flatten(1).any(1) == draws.boxes_present).all()
    assert bool(conditions.present.boxes.all())  # the input is as it was


@pytest.mark.parametrize("changes", [{"drop_map": 1.5}, {"noise_low": 0.0}, {"noise_low": 3.6}])
def test_refuses_impossible_values(changes):
    with pytest.raises(ValueError, match="expected"):
        DegradeConfig(**changes)
