"""The sketch's fit: ``python -m everroad.training.sketch town``.

Ridge regression of the latents on the features of the conditions (``model.sketch``) over painted towns: first one for all
lights, then one for each weather and time of day, drawn towards it: a rare light has the common weights at least.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from everroad.conditions.types import cat_conditions
from everroad.data.addressing import addressed_generator
from everroad.data.clips import ClipSpec, render_town
from everroad.data.tensor_files import save_tensors
from everroad.model.autoencoder import PatchCode
from everroad.model.checkpoint import load_weights, packaged_path, read_safetensors
from everroad.model.lights import LIGHTS, light_of
from everroad.model.presets import get_preset
from everroad.model.sketch import features
from everroad.model.world_model import WorldModel

TOWNS, PICTURES = 160, 5
RIDGE, RIDGE_BY_LIGHT = 10.0, 100.0
SKETCH = "sketch."  # what the sketch's weights in a model file begin with


def ridge(
    inputs: Float[Tensor, "n d y x"],
    outputs: Float[Tensor, "n z y x"],
    strength: float,
    towards: Float[Tensor, "z d"] | None = None,
) -> Float[Tensor, "z d"]:
    """Weights that bring inputs to outputs with the least squared error plus ``strength`` times their squared distance from
    those to draw them ``towards`` (zero if none)."""
    a, b = (t.movedim(1, -1).flatten(0, -2).double() for t in (inputs, outputs))
    right = a.T @ b
    if towards is not None:
        right = right + strength * towards.T.double()
    return torch.linalg.solve(a.T @ a + strength * torch.eye(a.shape[1], dtype=a.dtype), right).T.float()


def fit_lights(
    inputs: Float[Tensor, "n d y x"], outputs: Float[Tensor, "n z y x"], light: Int[Tensor, "n"]
) -> Float[Tensor, "l z d"]:
    """The weights of each light, and last those for all of them."""
    common = ridge(inputs, outputs, RIDGE)
    weights = [common] * (LIGHTS + 1)
    for index in light.unique().tolist():
        if index < LIGHTS:
            weights[index] = ridge(inputs[light == index], outputs[light == index], RIDGE_BY_LIGHT, common)
    return torch.stack(weights)


def fit_sketch(preset: str, path: Path, towns: int = TOWNS) -> None:
    """Fits and writes the sketch's weights of a preset."""
    config = get_preset(preset)
    code = PatchCode(config.autoencoder)
    load_weights(code, read_safetensors(packaged_path(f"{preset}-code.safetensors"))[0], "packaged patch code")
    inputs, outputs, lights = [], [], []
    for town_seed in addressed_generator(2, "code towns").choice(1_000_000, size=towns, replace=False):
        specs = [ClipSpec(int(town_seed), 10 + 45 * i, 1, int(town_seed), town_seconds=20.0) for i in range(PICTURES)]
        clips = render_town(specs, config.height_px, config.width_px)
        conditions = cat_conditions([clip.conditions for clip in clips])
        inputs.append(features(conditions, code.patch))
        lights.append(light_of(conditions))
        outputs.append(code.encode(torch.cat([clip.images for clip in clips]).float() / 255))
    weight = fit_lights(torch.cat(inputs), torch.cat(outputs), torch.cat(lights))
    beside = path.with_name(path.name + ".part")
    save_tensors({"weight": weight.to(torch.bfloat16)}, beside, {"preset": preset})
    beside.replace(path)


def load_sketch(model: WorldModel) -> None:
    """Puts the packaged sketch in place: of the packaged weights, with the network on top of it, or of a fit alone; a size for
    which nothing was fitted keeps zero, which is no sketch."""
    fit, weights = (packaged_path(f"{model.config.name}{end}.safetensors") for end in ("-sketch", ""))
    if weights.is_file():
        tensors = read_safetensors(weights)[0].items()
        found = {name.removeprefix(SKETCH): tensor for name, tensor in tensors if name.startswith(SKETCH)}
    else:
        found = read_safetensors(fit)[0] if fit.is_file() else {}
    load_weights(model.sketch, model.sketch.state_dict() | found, str(weights if weights.is_file() else fit))


if __name__ == "__main__":
    fit_sketch(sys.argv[1], packaged_path(f"{sys.argv[1]}-sketch.safetensors"))
