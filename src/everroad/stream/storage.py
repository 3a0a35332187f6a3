"""Stream states on disk: one safetensors file, its header's metadata holding JSON. Bit exact; never a pickle."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from everroad.model.memory import Memory
from everroad.scenario.files import write_atomically
from everroad.stream.state import MadeWith, StreamState, refuse_other

FORMAT = "everroad.stream"
FORMAT_VERSION = 1


def save_state(state: StreamState, path: Path) -> None:
    """Writes a state, atomically: beside the target, then renamed.

    Raises ``ValueError`` for a path that cannot be written, ``OSError`` for a disk that is full.
    """
    header = {
        "format_version": FORMAT_VERSION,
        "camera_names": state.camera_names,
        "made_with": asdict(state.made_with),
        "memory_entries": len(state.memory.entries),
        "memory_sites": len(state.memory.entries[0]) if state.memory.entries else 0,
    }
    # Copies, since entries of a cold start are one tensor and the format refuses tensors that share bytes.
    tensors = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in _named_tensors(state).items()}
    write_atomically(path, save(tensors, metadata={FORMAT: json.dumps(header)}))


def load_state(path: Path, made_with: MadeWith, device: torch.device | str = "cpu") -> StreamState:
    """The state of a file, to go on with ``made_with`` (``state.make_with`` of the model at hand).

    Raises ``ValueError`` for a file that is no stream state, of an unknown version, broken, or made with something else.
    """
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            header = _header(path, file.metadata())
            stored = MadeWith(**(header["made_with"] | {"sigmas": tuple(header["made_with"]["sigmas"])}))
            refuse_other(stored, made_with, f"{path}")
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        return _state(header, stored, tensors, device)
    except FileNotFoundError:
        raise ValueError(f"{path}: expected a stream state, got no such file") from None
    except SafetensorError as error:
        raise ValueError(f"{path}: expected a stream state (safetensors), got a file that cannot be read: {error}") from None
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: expected a whole stream state, got one with an entry missing or unknown: {error}") from None


def _header(path: Path, metadata: dict[str, str] | None) -> dict[str, Any]:
    if FORMAT not in (metadata or {}):
        raise ValueError(f"{path}: expected a stream state, got a safetensors file of something else")
    try:
        header = json.loads((metadata or {})[FORMAT])
    except json.JSONDecodeError as error:
        raise ValueError(f"{path}: expected JSON in the header, got {error}") from None
    version = header.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"{path}: expected stream state format_version {FORMAT_VERSION}, got {version}; use the version that wrote it"
        )
    return header


def _named_tensors(state: StreamState) -> dict[str, Tensor]:
    own = ("frame_index", "seed", "anchor", "anchor_present", "previous")
    entries = enumerate(state.memory.entries)
    memory = {_memory_name(i, j): site for i, entry in entries for j, site in enumerate(entry)}
    return {name: getattr(state, name) for name in own} | memory


def _state(header: dict[str, Any], made_with: MadeWith, tensors: dict[str, Tensor], device: torch.device | str) -> StreamState:
    entries = tuple(
        tuple(tensors[_memory_name(i, j)].to(device) for j in range(header["memory_sites"]))
        for i in range(header["memory_entries"])
    )
    return StreamState(
        frame_index=tensors["frame_index"],
        seed=tensors["seed"],
        anchor=tensors["anchor"].to(device),
        anchor_present=tensors["anchor_present"].to(device),
        previous=tensors["previous"].to(device),
        memory=Memory(made_with.form, entries),
        camera_names=tuple(header["camera_names"]),
        made_with=made_with,
    )


def _memory_name(entry: int, site: int) -> str:
    return f"memory.{entry}.{site}"
