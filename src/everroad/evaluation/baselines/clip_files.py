"""Files of clip models: one safetensors file with both configs inside, and a JSON card beside it, as world models have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from everroad.data.tensor_files import save_tensors
from everroad.evaluation.baselines.clip_model import ClipConfig, ClipModel
from everroad.evaluation.judge_files import filled, read_judge
from everroad.model.checkpoint import file_sha256
from everroad.model.config import ModelConfig, config_to_json

KIND, VERSION = "clip model", 1


@dataclass(frozen=True)
class ClipModelConfig:
    """What a clip model is made of."""

    model: ModelConfig
    clip: ClipConfig = field(default_factory=ClipConfig)


def save_clip_model(model: ClipModel, path: Path, card: Mapping[str, Any]) -> None:
    """Writes ``path`` and its card (same name, ``.json``), each beside and renamed: bfloat16, but for the patch code."""
    tensors = {}
    for name, tensor in model.state_dict().items():
        kept = ".code." in name or not tensor.is_floating_point()
        tensors[name] = tensor.detach().cpu().contiguous() if kept else tensor.detach().cpu().contiguous().to(torch.bfloat16)
    config = json.dumps(config_to_json(ClipModelConfig(model.config, model.clip)))
    beside, card_beside = path.with_name(path.name + ".part"), path.with_name(path.name + ".card.part")
    save_tensors(tensors, beside, {"format_version": str(VERSION), "kind": KIND, "config": config})
    whole = {**card, "format_version": VERSION, "kind": KIND, "sha256": file_sha256(beside)}
    card_beside.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)
    card_beside.replace(path.with_suffix(".json"))


def load_clip_model(path: Path) -> tuple[ClipModel, dict[str, Any]]:
    """The model in evaluation mode, fp32, and its card.

    Raises ``ValueError``: no such file, a pickle, a truncated file, another kind or version, weights that do not fit.
    """
    config, tensors, card = read_judge(path, KIND, VERSION, ClipModelConfig)
    return filled(ClipModel(config.model, config.clip), tensors, path), card
