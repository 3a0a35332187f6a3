"""What the engine trains: a recipe, a frozen dataclass with everything that decides the weights.

Two clocks: a *train step* is one optimiser update. ``train_step`` counts finished updates, so ``loss`` is asked for the one
from ``train_step`` to ``train_step + 1``.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from math import cos, inf, isnan, pi
from typing import Any, Literal

from jaxtyping import Float, UInt8
from numpy import ndarray
from torch import Tensor, nn

from everroad.training.overrides import leaves

MAY_BE_INFINITE = ("optimiser.gradient_clip", "loop.checkpoint_minutes")  # for none and for never


@dataclass(frozen=True)
class OptimiserConfig:
    """AdamW (Loshchilov & Hutter 2019) or, for kernels, Muon (``training.muon``); its learning rate over the train steps, and
    the average of the weights.

    The rate rises linearly over ``warmup_steps``, then stays or falls as a half cosine to ``final_fraction`` of itself.
    Weight decay acts on parameters of two or more axes. ``ema_decay`` is of the moving average that is sampled and shipped.
    """

    method: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = 2e-4
    schedule: Literal["constant", "cosine"] = "cosine"
    warmup_steps: int = 500
    final_fraction: float = 0.05
    betas: tuple[float, float] = (0.9, 0.99)
    weight_decay: float = 0.01
    gradient_clip: float = 1.0
    ema_decay: float = 0.999

    def __post_init__(self) -> None:
        if not 0 < self.learning_rate < inf:
            raise ValueError(f"learning_rate: expected a positive finite number, got {self.learning_rate}")
        if self.warmup_steps < 0:
            raise ValueError(f"warmup_steps: expected 0 or more, got {self.warmup_steps}")
        if not self.gradient_clip > 0:
            raise ValueError(f"gradient_clip: expected a positive number, got {self.gradient_clip}; use inf for none")
        if not 0 <= self.weight_decay < inf:
            raise ValueError(f"weight_decay: expected a finite number, 0 or more, got {self.weight_decay}")
        shares = {
            "final_fraction": self.final_fraction,
            "ema_decay": self.ema_decay,
            "betas[0]": self.betas[0],
            "betas[1]": self.betas[1],
        }
        for name, value in shares.items():
            if not 0 <= value <= 1 or (value == 1 and name != "final_fraction"):
                raise ValueError(f"{name}: expected 0 to 1, got {value}")


@dataclass(frozen=True)
class LoopConfig:
    """How often the loop saves, writes metrics and draws sample strips. Nothing here changes the weights.

    A checkpoint is written every ``checkpoint_steps`` train steps and every ``checkpoint_minutes``, whichever comes first.
    """

    checkpoint_steps: int = 1000
    checkpoint_minutes: float = 10.0
    log_steps: int = 20
    strip_steps: int = 1000

    def __post_init__(self) -> None:
        for name in ("checkpoint_steps", "checkpoint_minutes", "log_steps", "strip_steps"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name}: expected a positive number, got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class Recipe(ABC):
    """One experiment. Subclasses are frozen dataclasses of plain values that implement the four abstract methods.

    Randomness is addressed: whatever ``loss`` and ``batches`` draw is a function of (``seed``, train step, purpose). Layers
    that draw from torch's generator (dropout) may be used: the engine seeds it for each train step inside a fork.
    """

    name: str
    seed: int = 0
    train_steps: int
    optimiser: OptimiserConfig = field(default_factory=OptimiserConfig)
    loop: LoopConfig = field(default_factory=LoopConfig)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9][\w.-]*", self.name):
            raise ValueError(f"name: expected letters, digits, dots and dashes (folders are named by it), got '{self.name}'")
        if self.train_steps < 1:
            raise ValueError(f"train_steps: expected at least 1, got {self.train_steps}")
        for name, value in leaves(self).items():
            if isinstance(value, int) and not -(2**63) <= value < 2**63:
                raise ValueError(f"{name}: expected a 64-bit integer, got one of {len(str(abs(value)))} digits")
            if isinstance(value, float) and (isnan(value) or (abs(value) == inf and name not in MAY_BE_INFINITE)):
                raise ValueError(f"{name}: expected a finite number, got {value}")

    def check(self) -> None:
        """Raises ``ValueError`` where the machine cannot do what the settings ask. Called before anything is made."""
        return

    @abstractmethod
    def build(self) -> nn.Module:
        """The network, with its weights before train step 0: fresh, or read from an earlier stage."""

    @abstractmethod
    def loss(self, module: nn.Module, batch: Any, train_step: int) -> tuple[Float[Tensor, ""], dict[str, Tensor | float]]:
        """The loss of one train step and what to log beside it (scalars). Changes nothing: no state on the module."""

    @abstractmethod
    def batches(self, first_train_step: int, carried: Mapping[str, Tensor] | None = None) -> Iterator[Any]:
        """The batches of train steps ``first_train_step``, ``first_train_step + 1``, …, the same whatever the first one is.

        ``carried`` is what ``carried`` gave when the run was saved before ``first_train_step``. A batch is a dataclass of
        tensors (nested, tuples too) on the CPU; the engine moves its tensors to the device. Where this is a generator it is
        closed at the end, so resources may be held in ``with``.
        """

    def parameters(self, module: nn.Module) -> Iterable[nn.Parameter]:
        """The parameters that train; the others are frozen. All of them, unless overridden."""
        return module.parameters()

    def ready(self, averaged: nn.Module, batch: Any) -> None:
        """Makes what the batch needs of the averaged weights, in evaluation mode, before ``loss`` is asked for."""
        return

    def by_adamw(self, name: str) -> bool:
        """Whether the parameter of that name is left to AdamW where the method is Muon."""
        return False

    def rate_share(self, name: str) -> float:
        """The learning rate of the parameter of that name, as a share of the recipe's."""
        return 1.0

    def carried(self, batch: Any) -> dict[str, Tensor]:
        """What later train steps read beside weights and optimiser, after the train step of this batch: saved with them."""
        return {}

    def sample_strip(self, module: nn.Module, train_step: int) -> UInt8[ndarray, "h w 3"] | None:
        """A picture that shows how far training is, from the averaged weights; ``None`` for none."""
        return None

    def may_pause(self, train_step: int) -> bool:
        """Whether weights, optimiser and ``carried`` are all that the run remembers before this train step.

        Checkpoints are taken only there. A recipe that walks clips and carries features from one train step to the next in the
        objects its ``batches`` yields says true where the walks start.
        """
        return True

    def free_fields(self) -> tuple[str, ...]:
        """Fields (or groups of them) that may differ when a run is resumed: those that only say how long and how often."""
        return ("train_steps", "loop")

    def learning_rate_at(self, train_step: int) -> float:
        """The learning rate of the update from ``train_step`` to ``train_step + 1``."""
        return learning_rate_at(self.optimiser, train_step, self.train_steps)


def learning_rate_at(config: OptimiserConfig, train_step: int, train_steps: int) -> float:
    """Linear warm-up to the peak, which is first used at ``warmup_steps``; then constant, or a half cosine to the last step."""
    if train_step < config.warmup_steps:
        return config.learning_rate * (train_step + 1) / (config.warmup_steps + 1)
    if config.schedule == "constant":
        return config.learning_rate
    progress = min((train_step - config.warmup_steps) / max(train_steps - config.warmup_steps, 1), 1.0)
    return config.learning_rate * (config.final_fraction + (1 - config.final_fraction) * (1 + cos(pi * progress)) / 2)
