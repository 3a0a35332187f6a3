"""Model files: one safetensors file with its config inside, and a JSON card beside it. Never a pickle.

``town.safetensors`` holds the weights (bf16 or fp32) and, in its metadata, ``format_version`` and the config; ``town.json`` is
the card: data, recipe, command, hardware, time, scores, git commit and the sha256 of the weights file.
"""

from __future__ import annotations

import hashlib
import json
import struct
from importlib import resources
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from everroad.data.tensor_files import save_tensors
from everroad.model.config import ModelConfig, config_from_json, config_to_json
from everroad.model.presets import PRESETS
from everroad.model.world_model import WorldModel
from everroad.scenario.files import finite_json

FORMAT_VERSION = 1
_PICKLE_STARTS = (b"\x80", b"PK\x03\x04")  # a bare pickle, and the zip that torch.save writes


def model_hash(model: nn.Module) -> str:
    """sha256 over names, shapes and fp32 values of all weights: what a stream's state is tied to; layout and dtype are not."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} ".encode())
        digest.update(tensor.detach().cpu().float().reshape(-1).contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def file_sha256(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_world_model(model: WorldModel, path: Path, card: dict[str, Any], dtype: torch.dtype = torch.bfloat16) -> None:
    """Writes ``path`` and its card (same name, ``.json``), each beside and renamed. The patch code stays in fp32."""
    tensors = {name: _stored(name, tensor, dtype) for name, tensor in model.state_dict().items()}
    metadata = {"format_version": str(FORMAT_VERSION), "config": json.dumps(config_to_json(model.config))}
    beside = path.with_name(path.name + ".part")
    save_tensors(tensors, beside, metadata)
    card = {**card, "format_version": FORMAT_VERSION, "preset": model.config.name, "sha256": file_sha256(beside)}
    card_beside = path.with_name(path.name + ".card.part")
    card_beside.write_text(json.dumps(card, indent=2) + "\n")
    beside.replace(path)
    card_beside.replace(path.with_suffix(".json"))


def _stored(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.to(dtype) if tensor.is_floating_point() and ".code." not in name else tensor


def load_world_model(path: Path) -> tuple[WorldModel, dict[str, Any]]:
    """The model in evaluation mode, fp32, and its card ({} where there is none).

    Raises ``ValueError``: a pickle, a truncated file, another format version, a config that is none, weights that do not fit it
    or are not finite, a damaged card.
    """
    tensors, metadata = read_safetensors(path)
    if metadata.get("format_version") != str(FORMAT_VERSION) or "config" not in metadata:
        found = metadata.get("format_version", "none")
        raise ValueError(
            f"{path}: expected a world model of format_version {FORMAT_VERSION}, got {found}; train or fetch it again"
        )
    try:
        model = WorldModel(config_from_json(ModelConfig, json.loads(metadata["config"])))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected a model's config in the header, but {error}; train or fetch it again") from None
    load_weights(model, tensors, str(path))
    return model.eval(), _card(path.with_suffix(".json"))


def _card(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        card = finite_json(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: expected the weights' card in JSON, but {error}; fetch it again or delete it") from None
    if not isinstance(card, dict):
        found = type(card).__name__
        raise ValueError(f"{path}: expected the weights' card, a JSON object, got a {found}; fetch it again or delete it")
    return card


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata of a safetensors file. Raises ``ValueError`` for what is none."""
    if not path.is_file():
        got = "a folder" if path.is_dir() else "no file"
        raise ValueError(f"{path}: expected a safetensors file, got {got}; check the path")
    with path.open("rb") as file:
        start = file.read(9)
    # A safetensors file has its header's length in 8 bytes, which may be anything, and then a brace.
    if start[8:] != b"{" and start.startswith(_PICKLE_STARTS):
        raise ValueError(
            f"{path}: expected a safetensors file, got a pickle (torch.save), which may run code; convert it where you trust it"
        )
    try:
        with safe_open(path, framework="pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (SafetensorError, struct.error, OSError) as error:
        raise ValueError(
            f"{path}: expected a whole safetensors file, got a damaged or truncated one ({error}); train or fetch it again"
        ) from None


def load_weights(model: nn.Module, tensors: dict[str, Tensor], source: str) -> None:
    """Fills the model in place of its initial weights. Raises ``ValueError`` unless every name, shape and kind of number fits
    and every number is finite."""
    own = model.state_dict()
    missing, extra = sorted(set(own) - set(tensors)), sorted(set(tensors) - set(own))
    wrong = [n for n in own if n in tensors and own[n].shape != tensors[n].shape]
    if missing or extra or wrong:
        what = (
            f"missing '{missing[0]}'" if missing
            else f"unknown '{extra[0]}'" if extra
            else f"'{wrong[0]}' of shape {tuple(tensors[wrong[0]].shape)} where {tuple(own[wrong[0]].shape)} belongs"
        )  # fmt: skip
        raise ValueError(f"{source}: expected weights of this architecture, got {what}; use the preset it was trained with")
    for name, tensor in tensors.items():
        if tensor.is_floating_point() != own[name].is_floating_point():
            raise ValueError(f"{source}: expected '{name}' as {own[name].dtype}, got {tensor.dtype}; train or fetch it again")
        if tensor.is_floating_point() and not bool(tensor.float().isfinite().all()):
            raise ValueError(f"{source}: expected finite numbers in '{name}', got nan or infinity; train or fetch it again")
    model.load_state_dict({name: tensor.to(own[name].dtype) for name, tensor in tensors.items()})


def packaged_path(name: str) -> Path:
    """Where a file of the package's ``weights`` folder lies."""
    return Path(str(resources.files("everroad") / "weights" / name))


def load_packaged(preset: str = "town") -> tuple[WorldModel, dict[str, Any]]:
    """The weights that ship with the package. Raises ``ValueError`` where that preset ships none."""
    shipped = [name for name in PRESETS if packaged_path(f"{name}.safetensors").is_file()]
    if preset not in shipped:
        raise ValueError(
            f"preset: expected one that ships weights ({', '.join(shipped) or 'none yet'}), got '{preset}'; "
            "choose one, or name a file of your own as the weights"
        )
    return load_world_model(packaged_path(f"{preset}.safetensors"))
