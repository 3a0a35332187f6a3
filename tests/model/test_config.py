"""Configs come back from JSON as they were; a field of another type or out of its range is refused by its name."""

from __future__ import annotations

import json
from typing import Any

import pytest

from everroad.model.config import FinishConfig, ModelConfig, config_from_json, config_to_json
from everroad.model.presets import PRESETS
from tests.model.conftest import TINY


def as_json(changes: dict[str, Any]) -> dict[str, Any]:
    """The tiny model's config as a file has it, with changes by dotted name."""
    values = json.loads(json.dumps(config_to_json(TINY)))
    for path, value in changes.items():
        *groups, name = path.split(".")
        group = values
        for part in groups:
            group = group[part]
        group[name] = value
    return values


@pytest.mark.parametrize("config", [TINY, *PRESETS.values()], ids=lambda config: config.name)
def test_round_trip(config: ModelConfig) -> None:
    assert config_from_json(ModelConfig, json.loads(json.dumps(config_to_json(config)))) == config
    assert config_from_json(ModelConfig, {"name": "few", "height_px": 32, "width_px": 48}).height_px == 32
    assert type(config_from_json(ModelConfig, as_json({"frame_rate_hz": 10})).frame_rate_hz) is float


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("height_px", "128", 'height_px: expected a whole number, got "128"'),
        ("height_px", 128.0, "height_px: expected a whole number"),
        ("height_px", True, "height_px: expected a whole number"),
        ("height_px", 10**30, "height_px: expected a whole number"),
        ("height_px", 32_000, "height_px: expected 1 to 4096"),
        ("width_px", 0, "frame size: expected multiples"),
        ("name", 5, "name: expected a text, got 5"),
        ("frame_rate_hz", 0, "frame_rate_hz: expected 1 to 1000"),
        ("frame_rate_hz", float("nan"), "frame_rate_hz: expected a finite number, got NaN"),
        ("frame_rate_hz", 10**400, "frame_rate_hz: expected a finite number"),
        ("frame_rate_hz", None, "frame_rate_hz: expected a finite number, got null"),
        ("unet", None, "unet: expected a group of fields, got null"),
        ("unet", [], "unet: expected a group of fields"),
        ("unet.extra", 1, "unet: expected fields .*, got unknown 'extra'"),
        ("unet.widths", "abc", 'unet.widths: expected a list, got "abc"'),
        ("unet.widths", [64, "96"], r'unet\.widths\[1\]: expected a whole number, got "96"'),
        ("unet.widths", [-32], "unet.widths: expected multiples of 32"),
        ("unet.heads", 0, "unet.heads: expected 1 to"),
        ("unet.heads", 3, "unet.heads: expected a divisor of 64"),
        ("unet.blocks", 0, "unet.blocks: expected 1 to"),
        ("unet.embed_width", -1, "unet.embed_width: expected 1 to"),
        ("unet.token_width", 1, "unet.token_width: expected 2 to"),
        ("unet.attention_levels", [7], "unet.attention_levels: expected 0 to 1"),
        ("unet.attention_levels", [1, 1], "unet.attention_levels: expected 0 to 1, each once"),
        ("unet.widths", [2048] * 60, "unet.widths: expected at most 8 levels, got 60"),
        ("htft.ages", [1, 1], "htft.ages: expected each age once"),
        ("htft.enabled", "yes", "htft.enabled: expected true or false"),
        ("htft.sites", "some", 'htft.sites: expected last or all, got "some"'),
        ("htft.heads", 0, "htft.heads: expected 1 to"),
        ("htft.dropout", 2, "htft.dropout: expected 0 to 1"),
        ("autoencoder.patch_px", 0, "autoencoder.patch_px: expected an even number"),
        ("autoencoder.channels", 1000, "autoencoder.channels: expected 1 to 192"),
        ("autoencoder.decoder_blocks", -1, "autoencoder.decoder_blocks: expected 0 to"),
        ("sampler.steps", 10**9, "sampler.steps: expected 1 to 1000"),
        ("sampler.solver", ["euler"], "sampler.solver: expected euler or multistep"),
        ("sketch.widths", [0], "sketch.widths: expected multiples of 32"),
        ("finish.widths", [40], "finish.widths: expected multiples of 32"),
        ("finish.feedback", 1.5, "finish.feedback: expected 0 to 1"),
        ("finish.moving_px", -1.0, "finish.moving_px: expected 0 to 64"),
        ("unet.widths", [], "unet.widths: expected one or more"),
    ],
)
def test_fields_that_cannot_be_are_refused_by_name(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{message}"):
        config_from_json(ModelConfig, as_json({field: value}))


def test_without_a_network_that_finishes_frames_nothing_is_fed_back() -> None:
    with pytest.raises(ValueError, match=r"finish\.feedback: expected 0 without a network that finishes frames, got 0\.5"):
        FinishConfig(feedback=0.5)


def test_a_config_that_is_none_and_a_missing_field_are_refused() -> None:
    with pytest.raises(ValueError, match=r"ModelConfig: expected a group of fields, got \[1\]"):
        config_from_json(ModelConfig, [1])
    with pytest.raises(ValueError, match="ModelConfig: expected the field 'height_px', got none"):
        config_from_json(ModelConfig, {"name": "x"})
