"""The sketch's closed-form start: ``python -m everroad.training.sketch town``.

Ridge regression of the latents on the map, box and depth pictures' patches, over painted towns. The height in the picture, the
weather and the time of day are regressors too, so that the weights of the pictures do not stand in for them; these are dropped.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from jaxtyping import Float
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from everroad.conditions.types import Conditions, cat_conditions
from everroad.data.addressing import addressed_generator
from everroad.data.clips import ClipSpec, render_town
from everroad.model.autoencoder import PatchCode
from everroad.model.checkpoint import load_weights, packaged_path, read_safetensors
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel
from everroad.scenario.types import TIMES_OF_DAY, WEATHERS

TOWNS, SEGMENTS = 128, 3
RIDGE = 10.0


def regressors(conditions: Conditions, patch_px: int) -> Float[Tensor, "n d y x"]:
    """Patches of the layout pictures (map layers first, then boxes and depth), then what is dropped."""
    pictures = torch.cat([conditions.map_image, conditions.box_image, conditions.depth_image], 2)[:, 0].float() / 255
    patches = F.pixel_unshuffle(pictures, patch_px)
    n, _, rows, columns = patches.shape
    height = torch.linspace(-1, 1, rows).view(1, 1, rows, 1).expand(n, 1, rows, columns)
    moods = torch.cat([F.one_hot(conditions.weather, len(WEATHERS)), F.one_hot(conditions.time_of_day, len(TIMES_OF_DAY))], 1)
    moods = moods.float()[:, :, None, None].expand(-1, -1, rows, columns)
    return torch.cat([patches, height, height.square(), moods, moods * height, torch.ones_like(height)], 1)


def ridge(inputs: Float[Tensor, "n d y x"], outputs: Float[Tensor, "n z y x"], strength: float) -> Float[Tensor, "z d"]:
    """Weights that bring inputs to outputs with the least squared error plus ``strength`` times their own square."""
    a, b = (t.movedim(1, -1).flatten(0, -2).double() for t in (inputs, outputs))
    return torch.linalg.solve(a.T @ a + strength * torch.eye(a.shape[1], dtype=a.dtype), a.T @ b).T.float()


def fit_sketch(preset: str, path: Path, towns: int = TOWNS) -> None:
    """Fits and writes the sketch's weights of a preset."""
    config = get_preset(preset)
    code = PatchCode(config.autoencoder)
    load_weights(code, read_safetensors(packaged_path(f"{preset}-code.safetensors"))[0], "packaged patch code")
    inputs, outputs = [], []
    for town_seed in addressed_generator(2, "code towns").choice(1_000_000, size=towns, replace=False):
        specs = [ClipSpec(int(town_seed), 30 + 90 * i, 1, int(town_seed), town_seconds=20.0) for i in range(SEGMENTS)]
        clips = render_town(specs, config.height_px, config.width_px)
        inputs.append(regressors(cat_conditions([clip.conditions for clip in clips]), code.patch))
        outputs.append(code.encode(torch.cat([clip.images for clip in clips]).float() / 255))
    weight = ridge(torch.cat(inputs), torch.cat(outputs), RIDGE)
    layout = WorldModel(config).layout
    of_map, of_box = layout.sketch_map.in_channels, layout.sketch_box.in_channels
    shares = {"sketch_map": weight[:, :of_map], "sketch_box": weight[:, of_map : of_map + of_box]}
    tensors = {f"{name}.weight": share[:, :, None, None].contiguous().to(torch.bfloat16) for name, share in shares.items()}
    save_file(tensors, path, {"preset": preset})


def load_sketch(model: WorldModel) -> None:
    """Puts the packaged fit in place of the sketch's initial weights; a size for which none was fitted starts at zero."""
    path = packaged_path(f"{model.config.name}-sketch.safetensors")
    tensors = read_safetensors(path)[0] if path.is_file() else {}
    with torch.no_grad():
        for name in ("sketch_map", "sketch_box"):
            weight = getattr(model.layout, name).weight
            weight.copy_(tensors.get(f"{name}.weight", torch.zeros_like(weight)))


if __name__ == "__main__":
    fit_sketch(sys.argv[1], packaged_path(f"{sys.argv[1]}-sketch.safetensors"))
