"""What the autoencoder keeps: ``python -m everroad.evaluation.reconstruction [--channels 16 32 …] [--weights FILE …]``.

Pictures of evaluation towns go through encoder and decoder; the error is pooled over all pixels and over those where detail
matters: lane markings, facades near enough to show their windows, and vehicles far enough to be a few pixels.
Models with a network that finishes frames are measured without and with the pictures' conditions.
Axis letters: ``n`` pictures, ``h w`` pixels.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from everroad.conditions.types import Conditions, cat_conditions, map_tensors
from everroad.evaluation.reference import evaluation_seeds, open_town
from everroad.model.autoencoder import PatchCode, fit_patch_basis
from everroad.model.checkpoint import load_packaged, load_world_model
from everroad.model.config import ModelConfig
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel
from everroad.render.semantics import BUILDING, LANE_MARKING, VEHICLE
from everroad.training.code import TOWNS, painted_pictures

WINDOWS_WITHIN_M = 40.0
FAR_FROM_M = 30.0
EVERY = 12  # one frame a second
BATCH = 16


@dataclass(frozen=True)
class HeldOut:
    """Pictures in [0, 1], their conditions, and where what is to be kept lies."""

    images: Float[Tensor, "n 3 h w"]
    conditions: Conditions
    masks: dict[str, Bool[Tensor, "n h w"]]


def held_out(config: ModelConfig, towns: int, seconds: int) -> HeldOut:
    """One frame a second of the evaluation towns."""
    images, conditions, semantics, depths = [], [], [], []
    for seed in evaluation_seeds(towns):
        town = open_town(seed, EVERY * seconds, config)
        for index in range(0, EVERY * seconds, EVERY):
            frame = town.source.scenario.frame(index)
            painting = town.painter.paint(frame, town.source.camera, frozenset({"rgb", "semantic", "depth"}))
            assert painting.rgb is not None
            assert painting.semantic is not None
            assert painting.depth_m is not None
            conditions.append(town.source.conditions(index))
            images.append(torch.from_numpy(painting.rgb).permute(2, 0, 1))
            semantics.append(painting.semantic)
            depths.append(painting.depth_m)
    semantic, depth = np.stack(semantics), np.stack(depths)
    masks = {
        "all": np.ones_like(semantic, dtype=bool),
        "lane markings": semantic == LANE_MARKING,
        "windows": (semantic == BUILDING) & (depth < WINDOWS_WITHIN_M),
        "far cars": (semantic == VEHICLE) & (depth > FAR_FROM_M),
    }
    pictures = torch.stack(images).float() / 255
    return HeldOut(pictures, cat_conditions(conditions), {name: torch.from_numpy(mask) for name, mask in masks.items()})


@torch.no_grad()
def there_and_back(of: HeldOut, model: WorldModel, told: bool) -> Float[Tensor, "n 3 h w"]:
    """The pictures through a model's encoder and decoder; ``told`` gives the decoder their conditions."""
    back = []
    for some in torch.arange(len(of.images)).split(BATCH):
        conditions = map_tensors(of.conditions, lambda tensor, some=some: tensor[some]) if told else None
        back.append(model.decode(model.encode(of.images[some, None]), conditions)[:, 0])
    return torch.cat(back)


def measure(of: HeldOut, back: Float[Tensor, "n 3 h w"]) -> dict[str, float]:
    """PSNR in dB inside each mask, and the gradient energy of what comes back over the original's."""
    back = back.clamp(0, 1)
    error = (back - of.images).square().mean(1)
    found = {name: float(-10 * error[mask].mean().log10()) for name, mask in of.masks.items()}
    return found | {"gradient energy": float(_gradient_energy(back) / _gradient_energy(of.images))}


def _gradient_energy(images: Float[Tensor, "n 3 h w"]) -> Float[Tensor, ""]:
    return images.diff(dim=-1).square().mean() + images.diff(dim=-2).square().mean()


def fitted_code(config: ModelConfig, channels: int, images: Float[Tensor, "n 3 h w"]) -> PatchCode:
    """A patch code of so many components."""
    own = replace(config.autoencoder, channels=channels)
    code = PatchCode(own)
    code.load_basis(fit_patch_basis(images, own))
    return code


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--channels", type=int, nargs="*", default=[], help="patch codes of so many components, newly fitted")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="world models with their decoders")
    parser.add_argument("--preset", default="town")
    parser.add_argument("--towns", type=int, default=8)
    parser.add_argument("--seconds", type=int, default=12)
    arguments = parser.parse_args()
    config = get_preset(arguments.preset)
    pictures = held_out(config, arguments.towns, arguments.seconds)
    rows: dict[str, dict[str, float]] = {}
    if arguments.channels:
        images = painted_pictures(0, TOWNS, config.height_px, config.width_px).float() / 255
        for channels in arguments.channels:
            code = fitted_code(config, channels, images)
            rows[f"patch code, {channels}"] = measure(pictures, code.decode(code.encode(pictures.images)))
    models = [(str(path), load_world_model(path)[0]) for path in arguments.weights]
    if not arguments.channels and not models:
        models = [("packaged", load_packaged(arguments.preset)[0])]
    for name, model in models:
        rows[name] = measure(pictures, there_and_back(pictures, model, told=False))
        if model.finish is not None:
            rows[f"{name}, with conditions"] = measure(pictures, there_and_back(pictures, model, told=True))
    names = list(next(iter(rows.values())))
    print(f"| code | {' | '.join(names)} |\n|{'---|' * (len(names) + 1)}")
    for name, found in rows.items():
        print(f"| {name} | {' | '.join(f'{found[column]:.2f}' for column in names)} |")


if __name__ == "__main__":
    main()
