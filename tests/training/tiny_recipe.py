"""A recipe that trains in a second and has all that makes resuming hard: convolutions in channels_last, dropout, batch
statistics in buffers, a frozen part, weight decay groups and a schedule."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from everroad.data.addressing import addressed_generator
from everroad.training.engine import train
from everroad.training.recipe import LoopConfig, OptimiserConfig, Recipe

OPTIMISER = OptimiserConfig(learning_rate=1e-2, warmup_steps=4, ema_decay=0.9)
LOOP = LoopConfig(checkpoint_steps=5, log_steps=4, strip_steps=10)


@dataclass(frozen=True)
class TinyBatch:
    images: Tensor  # b 3 8 8
    targets: Tensor  # b 2 8 8


class TinyNet(nn.Module):
    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.frozen = nn.Conv2d(3, 4, 1)
        self.stem = nn.Conv2d(4, 8, 3, padding=1, bias=False)  # a bias before the norm has no gradient but rounding
        self.norm = nn.BatchNorm2d(8)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Conv2d(8, 2, 1)

    def forward(self, images: Tensor) -> Tensor:
        features = self.dropout(torch.relu(self.norm(self.stem(self.frozen(images)))))
        return self.head(features)


@dataclass(frozen=True, kw_only=True)
class TinyRecipe(Recipe):
    name: str = "tiny"
    train_steps: int = 24
    seed: int = 5
    dropout: float = 0.25
    pace: int = 1  # pauses only before every so many train steps
    poison_step: int | None = None  # the train step whose batch is no number
    optimiser: OptimiserConfig = OPTIMISER
    loop: LoopConfig = LOOP

    def build(self) -> nn.Module:
        return TinyNet(self.dropout).to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def parameters(self, module: nn.Module) -> Iterable[nn.Parameter]:
        return (parameter for name, parameter in module.named_parameters() if not name.startswith("frozen"))

    def batches(self, first_train_step: int, carried: Mapping[str, Tensor] | None = None) -> Iterator[TinyBatch]:
        train_step = first_train_step
        while True:
            draw = addressed_generator(self.seed, "images", train_step)
            images = torch.from_numpy(draw.standard_normal((4, 3, 8, 8), dtype=np.float32))
            if train_step == self.poison_step:
                images = images * float("nan")
            yield TinyBatch(images, torch.stack([images.mean(1), images.amax(1)], 1))
            train_step += 1

    def loss(self, module: nn.Module, batch: Any, train_step: int) -> tuple[Tensor, dict[str, Tensor | float]]:
        error = (module(batch.images) - batch.targets).square().mean()
        return error, {"error": error.detach(), "index": float(train_step)}

    def sample_strip(self, module: nn.Module, train_step: int) -> np.ndarray:
        # Draws from torch's generator, which must not reach into training.
        assert not module.training
        picture = module(torch.randn(1, 3, 8, 8)).clamp(0, 1)
        return (picture[0, :1].repeat(3, 1, 1).permute(1, 2, 0).numpy() * 255).astype(np.uint8)

    def may_pause(self, train_step: int) -> bool:
        return train_step % self.pace == 0


if __name__ == "__main__":
    # tiny_recipe.py RUN_DIR DEATH…: one process after the other trains, each from where the one before died of SIGKILL.
    # DEATH is "in 7", inside that train step; "after 0.3", so many seconds from the start; or "never".
    import os
    import signal
    import time

    import torch._dynamo  # the optimiser would import it in every process anew

    sys.modules["torch.utils.tensorboard"] = None  # type: ignore[assignment]  # slow to import; as if not installed

    @dataclass(frozen=True, kw_only=True)
    class DyingRecipe(TinyRecipe):
        def loss(self, module: nn.Module, batch: Any, train_step: int) -> tuple[Tensor, dict[str, Tensor | float]]:
            if how == "in" and train_step == int(when):
                os.kill(os.getpid(), signal.SIGKILL)
            time.sleep(0.1 if how == "after" else 0)  # so slow that it cannot finish before
            return super().loss(module, batch, train_step)

    for death in sys.argv[2:]:
        how, _, when = death.partition(" ")
        # Forked before this process computes anything, so that torch is imported once.
        pid = os.fork()
        if pid == 0:
            train(DyingRecipe(), Path(sys.argv[1]), threads=1, quiet=True)
            os._exit(0)
        if how == "after":
            time.sleep(float(when))
            os.kill(pid, signal.SIGKILL)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        folders = sorted(path.name for path in Path(sys.argv[1], "checkpoints").glob("[0-9]*"))
        print(f"{death}: exit {status}, newest checkpoint {int(folders[-1]) if folders else None}", flush=True)
