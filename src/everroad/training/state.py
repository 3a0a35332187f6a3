"""What a training run holds between train steps: weights, their average, the optimiser's moments, the number of train steps."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from everroad.data.addressing import addressed_seed
from everroad.training.checkpoint import copy_tensors
from everroad.training.muon import Muon
from everroad.training.recipe import Recipe

MOMENTS = ("step", "exp_avg", "exp_avg_sq")


@dataclass
class TrainState:
    """Mutable: the engine works on it in place. ``trained`` names the parameters that train."""

    module: nn.Module
    ema: nn.Module
    optimiser: torch.optim.AdamW
    trained: dict[str, nn.Parameter]
    train_step: int


def create_state(recipe: Recipe, device: torch.device) -> TrainState:
    """The state before train step 0. Raises ``ValueError`` where the recipe trains nothing, or something not of its module."""
    with addressed_torch_generator(device, recipe.seed, "build"):
        module = recipe.build()
    module.to(device)
    # On the CPU, GroupNorm in bf16 takes fourteen times as long over channels_last, and that outweighs the convolutions' gain;
    # there the layout is as the recipe built it.
    if device.type == "cuda":
        module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    chosen = {id(parameter) for parameter in recipe.parameters(module)}
    trained = {name: parameter for name, parameter in module.named_parameters() if id(parameter) in chosen}
    if not chosen or len(trained) != len(chosen):
        raise ValueError(
            f"recipe {recipe.name}: expected parameters of its module, got {len(chosen)}, {len(trained)} of them its"
        )
    for parameter in module.parameters():
        parameter.requires_grad_(id(parameter) in chosen)
    ema = copy.deepcopy(module).eval().requires_grad_(False)
    return TrainState(module, ema, _optimiser(recipe, trained), trained, 0)


def _optimiser(recipe: Recipe, trained: dict[str, nn.Parameter]) -> torch.optim.AdamW:
    config = recipe.optimiser
    groups: dict[tuple[bool, float, float], list[nn.Parameter]] = {}
    for name, parameter in trained.items():
        kernel = parameter.ndim > 1
        orthogonal = kernel and config.method == "muon" and not recipe.by_adamw(name)
        kind = (orthogonal, config.weight_decay if kernel else 0.0, recipe.rate_share(name))
        groups.setdefault(kind, []).append(parameter)
    each = [
        {"params": parameters, "orthogonal": orthogonal, "weight_decay": decay, "rate_share": share}
        for (orthogonal, decay, share), parameters in groups.items()
    ]
    return Muon(each, lr=config.learning_rate, betas=config.betas)


@torch.no_grad()
def update_ema(state: TrainState, decay: float) -> None:
    """Moves the average towards the weights after an update; the decay ramps up, min(decay, (1 + n) / (10 + n)) after n train
    steps, so that the first weights are soon forgotten. Buffers are copied."""
    now = min(decay, (1 + state.train_step) / (10 + state.train_step))
    average = dict(state.ema.named_parameters())
    for name, parameter in state.trained.items():
        average[name].lerp_(parameter, 1 - now)
    for ours, theirs in zip(state.ema.buffers(), state.module.buffers(), strict=True):
        ours.copy_(theirs)


def state_tensors(state: TrainState) -> dict[str, dict[str, Tensor]]:
    """Everything to be saved, in groups; the optimiser's as "<parameter>/<moment>", empty before the first train step."""
    moments = {
        f"{name}/{moment}": state.optimiser.state[parameter][moment]
        for name, parameter in state.trained.items()
        for moment in MOMENTS
        if moment in state.optimiser.state.get(parameter, {})
    }
    return {"weights": state.module.state_dict(), "ema": state.ema.state_dict(), "optimiser": moments}


def restore_tensors(state: TrainState, groups: dict[str, dict[str, Tensor]], train_step: int) -> None:
    """The inverse of ``state_tensors``, in place. Raises ``ValueError`` where names or shapes differ."""
    copy_tensors(state.module.state_dict(), groups["weights"], "checkpoint weights")
    copy_tensors(state.ema.state_dict(), groups["ema"], "checkpoint average")
    moments = groups["optimiser"]
    # Moments get their parameter's strides, as AdamW makes them: its fused kernels run through both in memory order.
    fresh = {
        f"{name}/{moment}": torch.zeros(()) if moment == "step" else torch.zeros_like(parameter)
        for name, parameter in state.trained.items()
        for moment in MOMENTS
        if f"{name}/{moment}" in moments
    }
    copy_tensors(fresh, moments, "checkpoint optimiser")
    for name, parameter in state.trained.items():
        held = {moment: fresh[f"{name}/{moment}"] for moment in MOMENTS if f"{name}/{moment}" in fresh}
        if held:
            state.optimiser.state[parameter] = held
    state.train_step = train_step


@contextmanager
def addressed_torch_generator(device: torch.device, *address: int | str) -> Iterator[None]:
    """Torch's own generators, seeded by an address inside and as they were afterwards.

    Layers such as dropout and the default initialisers can draw from nothing else. This is the one place that seeds them.
    """
    cuda = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if cuda else []):
        torch.default_generator.manual_seed(addressed_seed(*address))
        if cuda:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(addressed_seed(*address))
        yield
