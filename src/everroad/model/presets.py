"""Named model configurations. Values not said to be a paper's are ours."""

from __future__ import annotations

import difflib

from everroad.model.config import AutoencoderConfig, BeliefConfig, FinishConfig, ModelConfig, SketchConfig, UNetConfig

PRESETS: dict[str, ModelConfig] = {
    # Seeds, ablations, baselines and tests run on this one: at most 2 M parameters.
    "town-nano": ModelConfig(
        name="town-nano",
        height_px=64,
        width_px=112,
        autoencoder=AutoencoderConfig(channels=32, decoder_width=64, decoder_blocks=1, fine_width=16),
        unet=UNetConfig(widths=(64, 96), attention_levels=(1,), blocks=1, embed_width=128, token_width=64, condition_width=32),
    ),
    # The embedded default.
    "town": ModelConfig(
        name="town", height_px=128, width_px=224,
        sketch=SketchConfig(widths=(64, 96, 192)), finish=FinishConfig(widths=(64, 64, 96), feedback=0.15, moving_px=1.0),
        belief=BeliefConfig(retention=0.5, retention_untold=1.5, choice=3.0, sketched=1.5),
    ),
    # Trained on a GPU only.
    "town-hd": ModelConfig(
        name="town-hd", height_px=256, width_px=448, unet=UNetConfig(widths=(64, 128, 256), attention_levels=(2,)),
        sketch=SketchConfig(widths=(64, 96, 192)), finish=FinishConfig(widths=(64, 64, 96)),
    ),
}  # fmt: skip


def get_preset(name: str) -> ModelConfig:
    """The preset of that name. Raises ``ValueError`` with the names there are."""
    if name not in PRESETS:
        near = difflib.get_close_matches(name, PRESETS, n=1)
        hint = f"; did you mean '{near[0]}'?" if near else ""
        raise ValueError(f"preset: expected one of {', '.join(PRESETS)}, got '{name}'{hint}")
    return PRESETS[name]
