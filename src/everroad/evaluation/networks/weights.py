"""Public weights in a local folder: found by name, read without running anything, checked against their manifest."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn

from everroad.evaluation.networks.manifest import UNUSED_END, Manifest
from everroad.model.checkpoint import file_sha256, read_safetensors

WEIGHTS_VARIABLE = "EVERROAD_WEIGHTS"
# Folder inside the zip of a TorchScript archive; a state dict has none of it.
_SCRIPT_PARTS = ("/code/", "/constants.pkl")
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True)
class WeightsFile:
    """A file that was read: its name, its sha256, and whether it is byte for byte the published one."""

    file: str
    sha256: str
    published: bool


def weights_folder() -> Path:
    """The folder that the environment variable ``EVERROAD_WEIGHTS`` names. Raises ``ValueError`` where it names none."""
    named = os.environ.get(WEIGHTS_VARIABLE, "")
    if not named:
        raise ValueError(f"{WEIGHTS_VARIABLE}: expected the folder of the public weights, got nothing; set it to that folder")
    folder = Path(named)
    if not folder.is_dir():
        raise ValueError(f"{WEIGHTS_VARIABLE}: expected the folder of the public weights, got {folder}; make it or set another")
    return folder


def find_weights(manifest: Manifest, folder: Path) -> Path:
    """The public file in ``folder`` under one of its names, or the same name with ``.safetensors``.

    Raises ``ValueError`` that says which file is missing, where it is looked for, and who publishes it.
    """
    names = [*manifest.files, *(str(Path(name).with_suffix(".safetensors")) for name in manifest.files)]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise ValueError(
        f"{folder}: expected {' or '.join(manifest.files)}, got no such file; fetch it as {manifest.published_by} has it "
        f"and put it there, or set {WEIGHTS_VARIABLE} to the folder that has it"
    )


def load_weights_file(manifest: Manifest, folder: Path) -> tuple[dict[str, Tensor], WeightsFile]:
    """What the network needs, in float32, and which file it came from.

    Raises ``ValueError``: no such file, a TorchScript archive, a pickle of objects, a damaged file, another network's weights.
    """
    path = find_weights(manifest, folder)
    sha256 = file_sha256(path)
    if sha256 in manifest.others:
        raise ValueError(
            f"{path}: expected the weights of {manifest.name}, got {manifest.others[sha256]}; "
            f"give {manifest.files[0]} as {manifest.published_by} has it"
        )
    tensors = manifest.checked(read_state_dict(path), str(path))
    return tensors, WeightsFile(path.name, sha256, sha256.startswith(manifest.sha256))


def read_state_dict(path: Path) -> dict[str, Tensor]:
    """Names and tensors of a state dict that ``torch.save`` wrote, or of a safetensors file. Nothing in it is run.

    Raises ``ValueError`` for a TorchScript archive, a pickle of anything but tensors, and a damaged file.
    """
    if path.suffix == ".safetensors":
        return read_safetensors(path)[0]
    wanted = f"{path}: expected a state dict (names and tensors)"
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if any(part in name for name in archive.namelist() for part in _SCRIPT_PARTS):
                raise ValueError(f"{wanted}, got a TorchScript archive, which holds a program; give the plain weights")
    try:
        loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file makes torch raise anything, an OSError of a readable file too
        if "Unsupported global" in str(error):
            raise ValueError(f"{wanted}, got a pickle of other objects, which may run code; save the weights alone") from None
        raise ValueError(f"{wanted}, got a damaged or truncated file, or none of PyTorch's; fetch it again") from None
    if not isinstance(loaded, dict) or not all(isinstance(each, Tensor) for each in loaded.values()):
        raise ValueError(f"{wanted}, got a {type(loaded).__name__} of other things; save the weights alone")
    return loaded


def filled(build: Callable[[], Network], tensors: Mapping[str, Tensor]) -> Network:
    """A network with these weights, in evaluation mode and without gradients. Nothing is drawn on the way."""
    with torch.device("meta"):
        network = build()
    counters = {name: torch.tensor(0) for name in network.state_dict() if name.endswith(UNUSED_END)}
    network.load_state_dict(counters | dict(tensors), assign=True)
    return network.eval().requires_grad_(False)
