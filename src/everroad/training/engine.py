"""The training loop: one recipe, one run folder, resumed by itself and the same to the bit.

A run folder holds ``recipe.json``, ``checkpoints/``, ``metrics.jsonl``, ``strips/`` and, where installed, ``tensorboard/``.
On the CPU, with the same threads and dtype, a run that was killed and resumed ends with the same weights as one that was not:
every draw is addressed by (seed, train step), and a checkpoint holds all that the next train step reads.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from everroad import __version__
from everroad.conditions.types import map_tensors
from everroad.data.addressing import digest, plain
from everroad.data.cache import tensors_by_name
from everroad.data.tensor_files import save_tensors
from everroad.stream.hardware import describe_hardware
from everroad.training.checkpoint import MEND, Checkpoint, load_newest, save_checkpoint
from everroad.training.interrupt import StopSignals
from everroad.training.log import RunLog
from everroad.training.overrides import defaults, leaves
from everroad.training.recipe import Recipe
from everroad.training.run_folder import PARTIAL_RECIPE, RECIPE, check_run_folder
from everroad.training.state import (
    TrainState,
    addressed_torch_generator,
    create_state,
    restore_tensors,
    state_tensors,
    update_ema,
)


class TrainingDivergedError(RuntimeError):
    """The loss or the gradient is no longer a finite number; the message says where the batch lies."""


@dataclass(frozen=True)
class TrainResult:
    """The network as trained and its average, in eval mode; ``finished`` is false where the time ran out first."""

    module: nn.Module
    ema: nn.Module
    train_step: int
    finished: bool


def train(
    recipe: Recipe,
    run_dir: Path,
    *,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
    threads: int | None = None,
    quiet: bool = False,
    max_seconds: float | None = None,
) -> TrainResult:
    """Trains a recipe to its last train step, from the newest checkpoint in ``run_dir`` where there is one.

    Args:
        recipe: what to train.
        run_dir: the run's folder; made where missing.
        device: a torch device.
        dtype: ``torch.float32``, or ``torch.bfloat16`` for autocast around the loss; weights and moments stay float32.
        threads: torch's CPU threads while this runs; ``None`` leaves them as they are.
        quiet: no progress bar.
        max_seconds: stop (saved) when this much time has passed.

    Raises:
        ValueError: another dtype, time below 0, a folder that cannot be made or holds no run of this recipe, a damaged
            checkpoint. Nothing is made then.
        TrainingDivergedError: a loss or gradient that is not finite; the batch is saved in the run folder.
        KeyboardInterrupt: after SIGINT or SIGTERM, once the train step at hand (or the walk, see ``Recipe.may_pause``) is
            finished and saved. A second signal stops at once and leaves the last checkpoint.
    """
    if dtype not in (torch.float32, torch.bfloat16):
        raise ValueError(f"dtype: expected torch.float32 or torch.bfloat16, got {dtype}")
    if max_seconds is not None and not max_seconds >= 0:
        raise ValueError(f"minutes: expected 0 or more, or none for no end, got {max_seconds / 60:g}")
    until = time.monotonic() + max_seconds if max_seconds is not None else float("inf")
    with _threads(threads), StopSignals() as stop:
        check_run_folder(run_dir)
        recipe.check()
        state = create_state(recipe, torch.device(device))
        newest, carried = load_newest(run_dir), {}
        if newest:
            _check_same_recipe(recipe, newest, run_dir)
            restore_tensors(state, newest.groups, newest.train_step)
            carried = newest.groups.get("carried", {})
        run_dir.mkdir(parents=True, exist_ok=True)  # what is refused was refused before
        _write_recipe(recipe, run_dir, torch.device(device), dtype)
        title, steps, loop = recipe.name, recipe.train_steps, recipe.loop
        with RunLog(run_dir, title, state.train_step, steps, loop.log_steps, quiet) as log:
            _loop(recipe, state, carried, run_dir, torch.device(device), dtype, log, stop, until)
    state.module.eval()
    return TrainResult(state.module, state.ema, state.train_step, state.train_step >= recipe.train_steps)


def _loop(
    recipe: Recipe,
    state: TrainState,
    carried: dict[str, Tensor],
    run_dir: Path,
    device: torch.device,
    dtype: torch.dtype,
    log: RunLog,
    stop: StopSignals,
    until: float,
) -> None:
    if state.train_step >= recipe.train_steps:
        return
    if stop.asked:  # while the model was built
        raise KeyboardInterrupt
    saved_at, saved_step, every = time.monotonic(), state.train_step, recipe.loop.checkpoint_steps
    with _closing(recipe.batches(state.train_step, carried)) as batches:
        while state.train_step < recipe.train_steps:
            asked_at = time.monotonic()
            may_pause = recipe.may_pause(state.train_step)
            try:
                with stop.waiting() if may_pause else nullcontext():
                    batch = next(batches)
            except KeyboardInterrupt:
                if may_pause:
                    _save(recipe, state, carried, run_dir, log)
                raise
            began_at = time.monotonic()
            metrics = _update(recipe, state, map_tensors(batch, lambda tensor: tensor.to(device)), dtype, device, run_dir)
            carried = recipe.carried(batch)
            clocks = {"seconds": time.monotonic() - began_at, "seconds_waiting": began_at - asked_at}
            log.record(state.train_step, metrics | clocks)

            last = state.train_step == recipe.train_steps
            if last or state.train_step % recipe.loop.strip_steps == 0:
                _draw_strip(recipe, state, device, log)
            # Where a run may not pause at the multiple itself, it is saved at the next place where it may.
            due = state.train_step // every > saved_step // every
            due |= time.monotonic() - saved_at > 60 * recipe.loop.checkpoint_minutes
            out_of_time = time.monotonic() > until
            if last or ((due or stop.asked or out_of_time) and recipe.may_pause(state.train_step)):
                _save(recipe, state, carried, run_dir, log)
                saved_at, saved_step = time.monotonic(), state.train_step
                if stop.asked and not last:
                    raise KeyboardInterrupt
                if out_of_time:
                    return


def _update(
    recipe: Recipe, state: TrainState, batch: Any, dtype: torch.dtype, device: torch.device, run_dir: Path
) -> dict[str, Tensor | float]:
    """One train step, in place; returns its metrics."""
    rate = recipe.learning_rate_at(state.train_step)
    for group in state.optimiser.param_groups:
        group["lr"] = rate * group["rate_share"]
    state.module.train()
    with addressed_torch_generator(device, recipe.seed, "train step", state.train_step):
        with torch.autocast(device.type, torch.bfloat16, enabled=dtype == torch.bfloat16):
            recipe.ready(state.ema, batch)
            loss, metrics = recipe.loss(state.module, batch, state.train_step)
        loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(state.trained.values(), recipe.optimiser.gradient_clip)
    if not (torch.isfinite(loss) and torch.isfinite(norm)):
        _give_up(recipe, state, batch, run_dir, float(loss.detach()), float(norm))
    state.optimiser.step()
    state.optimiser.zero_grad(set_to_none=True)
    state.train_step += 1
    update_ema(state, recipe.optimiser.ema_decay)
    return {"loss": loss.detach(), **metrics, "gradient_norm": norm, "learning_rate": rate}


def _give_up(recipe: Recipe, state: TrainState, batch: Any, run_dir: Path, loss: float, norm: float) -> None:
    path = run_dir / f"diverged-{state.train_step:09d}.safetensors"
    save_tensors({name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors_by_name(batch).items()}, path)
    raise TrainingDivergedError(
        f"recipe {recipe.name}, train step {state.train_step}: expected finite numbers, got loss {loss} and gradient norm "
        f"{norm}; the batch is in {path}; try a lower optimiser.learning_rate"
    )


def _draw_strip(recipe: Recipe, state: TrainState, device: torch.device, log: RunLog) -> None:
    with torch.no_grad(), addressed_torch_generator(device, recipe.seed, "strip", state.train_step):
        picture = recipe.sample_strip(state.ema, state.train_step)
    if picture is not None:
        log.strip(state.train_step, picture)


def _save(recipe: Recipe, state: TrainState, carried: dict[str, Tensor], run_dir: Path, log: RunLog) -> None:
    log.flush()
    about = {"everroad": __version__, "torch": torch.__version__, "digest": digest(_fixed(recipe)), "recipe": _fixed(recipe)}
    groups = state_tensors(state) | ({"carried": carried} if carried else {})
    save_checkpoint(run_dir, Checkpoint(state.train_step, groups, about))


def _fixed(recipe: Recipe) -> dict[str, Any]:
    """The settings that a resumed run must share."""
    free = recipe.free_fields()
    return {
        name: plain(value)
        for name, value in leaves(recipe).items()
        if not any(name == field or name.startswith(f"{field}.") for field in free)
    }


def _check_same_recipe(recipe: Recipe, newest: Checkpoint, run_dir: Path) -> None:
    ours, theirs = _fixed(recipe), newest.about.get("recipe")
    if not isinstance(theirs, dict) or "digest" not in newest.about:
        state = run_dir / "checkpoints" / f"{newest.train_step:09d}" / "state.json"
        raise ValueError(f"{state}: expected the run's recipe and its digest in about, got none; {MEND}")
    if digest(ours) == newest.about["digest"]:
        return
    # A setting that came with a later version is one whose default changes nothing.
    theirs = {name: plain(value) for name, value in defaults(recipe).items() if name in ours} | theirs
    names = [name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
    if not names:
        return
    changes = ", ".join(f"{name} {theirs.get(name)} → {ours.get(name)}" for name in names)
    raise ValueError(f"{run_dir}: expected the settings this run began with, got changes: {changes}; use another run folder")


def _write_recipe(recipe: Recipe, run_dir: Path, device: torch.device, dtype: torch.dtype) -> None:
    beside = run_dir / PARTIAL_RECIPE
    ran = {"dtype": str(dtype).removeprefix("torch."), "hardware": describe_hardware(device)}
    try:
        beside.write_text(json.dumps({"everroad": __version__, **ran, "recipe": plain(recipe)}, indent=1))
        beside.replace(run_dir / RECIPE)
    finally:
        beside.unlink(missing_ok=True)


@contextmanager
def _threads(count: int | None) -> Iterator[None]:
    before = torch.get_num_threads()
    if count is not None:
        torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _closing(batches: Iterator[Any]) -> Any:
    """A generator is closed at the end, so that what it holds in ``with`` ends too; a plain iterator holds nothing."""
    return closing(batches) if hasattr(batches, "close") else _nothing(batches)  # type: ignore[arg-type]


@contextmanager
def _nothing(batches: Iterator[Any]) -> Iterator[Iterator[Any]]:
    yield batches
