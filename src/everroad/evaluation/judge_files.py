"""Files of the small networks that judge: weights in safetensors with their config, and a JSON card beside them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from everroad.data.tensor_files import save_tensors
from everroad.model.checkpoint import file_sha256, load_weights, read_safetensors
from everroad.model.config import config_from_json, config_to_json
from everroad.scenario.files import finite_json

UNIT = ".unit"


def save_judge(module: nn.Module, config: Any, kind: str, version: int, path: Path, card: Mapping[str, Any]) -> None:
    """Writes ``path`` and its card (same name, ``.json``), each beside and renamed. Kernels are stored in 8 bits."""
    tensors = {name: part for of in module.state_dict().items() for name, part in stored(*of).items()}
    beside, card_beside = path.with_name(path.name + ".part"), path.with_name(path.name + ".card.part")
    save_tensors(tensors, beside, {"format_version": str(version), "kind": kind, "config": json.dumps(config_to_json(config))})
    whole = {**card, "format_version": version, "kind": kind, "sha256": file_sha256(beside)}
    card_beside.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    beside.replace(path)
    card_beside.replace(path.with_suffix(".json"))


def stored(name: str, tensor: Tensor) -> dict[str, Tensor]:
    """What the file holds of a tensor: of a kernel whole numbers from -127 to 127 and, for each output, what 1 of them is."""
    tensor = tensor.detach().cpu().contiguous()
    if tensor.ndim < 2:
        return {name: tensor}
    unit = tensor.float().abs().flatten(1).amax(1).clamp(min=1e-12) / 127
    return {name: (tensor.float() / _along(unit, tensor)).round().to(torch.int8), f"{name}{UNIT}": unit}


def restored(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a file as the network has them."""
    return {
        name: tensor.float() * _along(tensors[f"{name}{UNIT}"], tensor) if f"{name}{UNIT}" in tensors else tensor
        for name, tensor in tensors.items()
        if not name.endswith(UNIT)
    }


def as_stored(module: nn.Module) -> None:
    """Gives a network the weights that its file will have, so that what is said of it is said of what ships."""
    tensors = {name: part for of in module.state_dict().items() for name, part in stored(*of).items()}
    module.load_state_dict(restored(tensors))


def _along(unit: Tensor, kernel: Tensor) -> Tensor:
    return unit.view(-1, *[1] * (kernel.ndim - 1))


def read_judge(path: Path, kind: str, version: int, config_class: type[Any]) -> tuple[Any, dict[str, Tensor], dict[str, Any]]:
    """Config, tensors, and the card with the file's own sha256.

    Raises ``ValueError``: no such file, a pickle, a truncated file, another kind or version.
    """
    tensors, metadata = read_safetensors(path)
    found, its_version = metadata.get("kind"), metadata.get("format_version")
    if found != kind or its_version != str(version):
        got = f"a {found} of format {its_version}" if found else "another file"
        raise ValueError(f"{path}: expected a {kind} of format {version}, got {got}; name another, or train it again")
    card_path = path.with_suffix(".json")
    card = finite_json(card_path.read_text(encoding="utf-8")) if card_path.is_file() else {}
    return (
        config_from_json(config_class, json.loads(metadata["config"])),
        restored(tensors),
        {**card, "sha256": file_sha256(path)},
    )


def load_judge(
    path: Path, kind: str, version: int, config_class: type[Any], build: Callable[[Any], nn.Module]
) -> tuple[Any, dict[str, Any]]:
    """A judge of today's classes in evaluation mode, fp32, and its card with the file's own sha256.

    Raises ``ValueError``: no such file, a pickle, a truncated file, another kind, version or classes, weights that do not fit.
    """
    config, tensors, card = read_judge(path, kind, version, config_class)
    today = config_class().classes
    if config.classes != today:
        raise ValueError(f"{path}: expected the classes {', '.join(today)}, got {', '.join(config.classes)}; train it again")
    return filled(build(config), tensors, path), card


def filled(module: nn.Module, tensors: dict[str, Tensor], path: Path) -> Any:
    """The module with those weights, in evaluation mode. Raises ``ValueError`` where they do not fit."""
    load_weights(module, tensors, str(path))
    return module.eval()
