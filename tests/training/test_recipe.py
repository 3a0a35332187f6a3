from __future__ import annotations

import pytest
from tiny_recipe import TinyRecipe

from everroad.training.recipe import LoopConfig, OptimiserConfig, learning_rate_at


def test_warm_up_is_a_line_that_meets_the_peak():
    config = OptimiserConfig(learning_rate=3.0, warmup_steps=2, schedule="constant")
    assert [learning_rate_at(config, train_step, 10) for train_step in range(4)] == pytest.approx([1.0, 2.0, 3.0, 3.0])


def test_cosine_falls_from_the_peak_to_its_fraction():
    config = OptimiserConfig(learning_rate=2.0, warmup_steps=10, schedule="cosine", final_fraction=0.1)
    assert learning_rate_at(config, 10, 110) == pytest.approx(2.0)
    assert learning_rate_at(config, 60, 110) == pytest.approx((2.0 + 0.2) / 2)
    assert learning_rate_at(config, 110, 110) == learning_rate_at(config, 500, 110) == pytest.approx(0.2)
    rates = [learning_rate_at(config, train_step, 110) for train_step in range(10, 111)]
    assert rates == sorted(rates, reverse=True)


@pytest.mark.parametrize(
    "bad",
    [
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"learning_rate": float("inf")},
        {"weight_decay": float("inf")},
        {"warmup_steps": -1},
        {"gradient_clip": 0.0},
        {"weight_decay": -0.1},
        {"ema_decay": 1.0},
        {"betas": (0.9, 1.0)},
        {"final_fraction": 1.1},
    ],
)
def test_bad_optimiser_settings_are_refused(bad):
    with pytest.raises(ValueError, match="expected"):
        OptimiserConfig(**bad)


def test_bad_loops_and_lengths_are_refused():
    with pytest.raises(ValueError, match="log_steps: expected a positive number, got 0"):
        LoopConfig(log_steps=0)
    with pytest.raises(ValueError, match="train_steps: expected at least 1"):
        TinyRecipe(train_steps=0)
    for name in ("", "../../x", "a/b", ".x"):
        with pytest.raises(ValueError, match="name: expected letters, digits, dots and dashes"):
            TinyRecipe(name=name)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_numbers_that_are_none_are_refused_wherever_they_stand(value):
    with pytest.raises(ValueError, match=r"^dropout: expected a finite number"):
        TinyRecipe(dropout=value)
    with pytest.raises(ValueError, match=r"^seed: expected a 64-bit integer, got one of 31 digits"):
        TinyRecipe(seed=10**30)
    assert TinyRecipe(optimiser=OptimiserConfig(gradient_clip=float("inf"))).optimiser.gradient_clip == float("inf")
