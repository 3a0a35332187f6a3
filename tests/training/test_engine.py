from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import pytest
import torch
from safetensors.torch import load_file
from tiny_recipe import TinyNet, TinyRecipe

from everroad.training import checkpoint, engine
from everroad.training.checkpoint import checkpoint_folders, load_newest, load_run_weights
from everroad.training.engine import TrainingDivergedError, train
from everroad.training.recipe import LoopConfig, OptimiserConfig


def run(recipe, folder, **options):
    return train(recipe, folder, threads=1, quiet=True, **options)


def final_bytes(folder):
    """Every byte of the newest checkpoint's tensors."""
    newest = load_newest(folder)
    assert newest is not None
    return {
        (group, name): tensor.numpy().tobytes() for group, tensors in newest.groups.items() for name, tensor in tensors.items()
    }


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("uninterrupted")
    result = run(TinyRecipe(), folder)
    assert result.finished
    return folder, result


def test_a_run_killed_again_and_again_ends_with_the_same_bytes(tmp_path, uninterrupted):
    folder, _ = uninterrupted
    # Checkpoints are at 5, 10, …: before the first, right after one, between two; then from outside at no chosen moments.
    deaths = ["in 3", "in 5", "in 12", "in 19", "after 0.1", "after 0.3", "after 0.5", "in 23", "never"]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, Path(__file__).parent / "tiny_recipe.py", tmp_path, *deaths],
        env=environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    told = done.stdout.splitlines()
    assert told[:4] == [
        f"in {train_step}: exit -9, newest checkpoint {newest}"
        for train_step, newest in ((3, None), (5, 5), (12, 10), (19, 15))
    ], done.stderr
    assert [line.split(",")[0] for line in told[4:]] == [
        *(f"after {when}: exit -9" for when in (0.1, 0.3, 0.5)), "in 23: exit -9", "never: exit 0"
    ]  # fmt: skip
    assert final_bytes(tmp_path) == final_bytes(folder)
    assert metrics(tmp_path) == metrics(folder)


@pytest.mark.parametrize(
    ("owner", "name", "call", "newest_step"),
    [
        (Path, "mkdir", 3, 10),
        (checkpoint, "save_tensors", 8, 10),
        (Path, "write_text", 3, 10),
        (Path, "rename", 3, 10),
        (shutil, "rmtree", 1, 15),
    ],
)
def test_a_run_killed_while_saving_ends_with_the_same_bytes(
    tmp_path, uninterrupted, monkeypatch, owner, name, call, newest_step
):
    """A kill inside ``save_checkpoint`` is an exception that nothing cleans up after; it comes in the third checkpoint."""

    class Killed(BaseException):
        pass

    original, calls = getattr(owner, name), []

    def killing(*arguments, **options):
        place = arguments[1] if name == "save_tensors" else arguments[0]
        if name == "rmtree" or ".partial-" in str(place.relative_to(tmp_path)):
            calls.append(place)
            if len(calls) == call:
                if name in ("save_tensors", "write_text"):
                    place.write_bytes(b"half a fi")
                raise Killed
        return original(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(owner, name, killing)
        with pytest.raises(Killed):
            run(TinyRecipe(), tmp_path)
    newest = load_newest(tmp_path)
    assert newest is not None
    assert newest.train_step == newest_step
    run(TinyRecipe(), tmp_path)
    assert final_bytes(tmp_path) == final_bytes(uninterrupted[0])
    assert not list((tmp_path / "checkpoints").glob(".partial-*"))


def metrics(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    means = {}
    for line in lines:
        first = line["train_step"] - line["over"]
        means |= dict.fromkeys(range(first, line["train_step"]))
        assert line["index"] == pytest.approx((first + line["train_step"] - 1) / 2)
    return list(means)


def test_metrics_tell_every_train_step_once(uninterrupted):
    folder, _ = uninterrupted
    assert metrics(folder) == list(range(24))
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert sum(line["over"] for line in lines) == 24
    wanted = {"train_step", "over", "loss", "error", "gradient_norm", "learning_rate", "seconds", "seconds_waiting"}
    assert wanted <= lines[0].keys()
    assert lines[-1]["loss"] < lines[0]["loss"]


def test_strips_and_checkpoints_come_when_due(uninterrupted):
    folder, _ = uninterrupted
    assert [path.name for path in sorted((folder / "strips").iterdir())] == [f"{n:09d}.png" for n in (10, 20, 24)]
    assert cv2.imread(str(folder / "strips" / "000000024.png")).shape == (8, 8, 3)
    assert [path.name for path in checkpoint_folders(folder)] == ["000000020", "000000024"]


@dataclass(frozen=True, kw_only=True)
class Signalled(TinyRecipe):
    """Gets a signal in a train step."""

    number: int
    at: int

    def loss(self, module, batch, train_step):
        if train_step == self.at:
            os.kill(os.getpid(), self.number)
        return super().loss(module, batch, train_step)

    def free_fields(self):
        return (*super().free_fields(), "at")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_saves_after_the_train_step_and_stops(tmp_path, uninterrupted, number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt):
        run(Signalled(number=number, at=8), tmp_path)
    assert signal.getsignal(number) == before
    newest = load_newest(tmp_path)
    assert newest is not None
    assert newest.train_step == 9
    run(Signalled(number=number, at=-1), tmp_path)
    assert final_bytes(tmp_path) == final_bytes(uninterrupted[0])


def test_a_signal_while_the_model_is_built_waits_for_no_batch(tmp_path, monkeypatch):
    class Early(TinyRecipe):
        def build(self):
            os.kill(os.getpid(), signal.SIGINT)
            return super().build()

        def batches(self, first_train_step, carried=None):
            raise AssertionError("asked for")
            yield

    with pytest.raises(KeyboardInterrupt):
        run(Early(), tmp_path)
    assert load_newest(tmp_path) is None


def test_a_second_signal_stops_at_once(tmp_path):
    @dataclass(frozen=True, kw_only=True)
    class Twice(Signalled):
        def loss(self, module, batch, train_step):
            super().loss(module, batch, train_step)
            return super().loss(module, batch, train_step)

    with pytest.raises(KeyboardInterrupt):
        run(Twice(number=signal.SIGTERM, at=8), tmp_path)
    newest = load_newest(tmp_path)
    assert newest is not None
    assert newest.train_step == 5


def test_a_signal_waits_for_the_end_of_a_walk(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        run(Signalled(number=signal.SIGTERM, at=8, pace=7), tmp_path)
    newest = load_newest(tmp_path)
    assert newest is not None
    assert newest.train_step == 14


def test_checkpoints_wait_for_the_end_of_a_walk(tmp_path, monkeypatch):
    saved = []
    original = engine.save_checkpoint
    monkeypatch.setattr(engine, "save_checkpoint", lambda folder, now: (saved.append(now.train_step), original(folder, now)))
    run(TinyRecipe(pace=7, train_steps=30), tmp_path)
    # Due from 5, 10, 15, … on; the end is always saved.
    assert saved == [7, 14, 21, 28, 30]


def test_a_signal_while_waiting_for_data_saves_at_once(tmp_path):
    @dataclass(frozen=True, kw_only=True)
    class Waiting(TinyRecipe):
        def batches(self, first_train_step, carried=None):
            for train_step, batch in enumerate(super().batches(first_train_step), first_train_step):
                if train_step == 3:
                    threading.Timer(0.1, os.kill, (os.getpid(), signal.SIGINT)).start()
                    time.sleep(20)
                yield batch

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(Waiting(), tmp_path)
    assert time.monotonic() - began < 10
    newest = load_newest(tmp_path)
    assert newest is not None
    assert newest.train_step == 3


def test_a_signal_between_the_frames_of_a_walk_waits_for_its_end(tmp_path):
    @dataclass(frozen=True, kw_only=True)
    class Between(TinyRecipe):
        def batches(self, first_train_step, carried=None):
            for train_step, batch in enumerate(super().batches(first_train_step), first_train_step):
                if train_step == 8:  # asked for, not yet answered
                    os.kill(os.getpid(), signal.SIGTERM)
                yield batch

    with pytest.raises(KeyboardInterrupt):
        run(Between(pace=7), tmp_path)
    newest = load_newest(tmp_path)
    assert newest is not None
    assert newest.train_step == 14


def test_time_runs_out_and_the_run_goes_on(tmp_path, uninterrupted):
    parts = 0
    while not run(TinyRecipe(), tmp_path, max_seconds=0.0).finished:
        parts += 1
    assert parts == 23
    assert final_bytes(tmp_path) == final_bytes(uninterrupted[0])
    # A finished run is left as it is.
    result = run(TinyRecipe(), tmp_path)
    assert result.finished
    assert final_bytes(tmp_path) == final_bytes(uninterrupted[0])


def test_only_the_chosen_parameters_train_and_the_average_follows(uninterrupted):
    folder, result = uninterrupted
    fresh = engine.create_state(TinyRecipe(), torch.device("cpu")).module
    for (name, before), after in zip(fresh.named_parameters(), result.module.parameters(), strict=True):
        assert torch.equal(before, after) == name.startswith("frozen")
        assert after.stride() == before.stride()
    assert result.module.stem.weight.is_contiguous(memory_format=torch.channels_last)
    saved = load_run_weights(folder)
    assert all(torch.equal(saved[name], value) for name, value in result.ema.state_dict().items())
    assert not torch.equal(saved["stem.weight"], load_run_weights(folder, "weights")["stem.weight"])


def test_training_leaves_the_generator_and_threads_alone(tmp_path):
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    run(TinyRecipe(train_steps=2), tmp_path)
    assert torch.equal(torch.get_rng_state(), before)
    assert torch.get_num_threads() == threads


def test_updates_are_adamw_on_addressed_batches(tmp_path):
    """The same loop written out with torch's own optimiser, for a network without dropout."""
    optimiser = OptimiserConfig(learning_rate=1e-2, warmup_steps=0, schedule="constant", gradient_clip=0.5, ema_decay=0.5)
    recipe = TinyRecipe(train_steps=3, dropout=0.0, optimiser=optimiser)
    ours = run(recipe, tmp_path)
    net = engine.create_state(recipe, torch.device("cpu")).module.train()
    assert isinstance(net, TinyNet)
    trained = [net.stem.weight, net.head.weight, net.norm.weight, net.norm.bias, net.head.bias]
    groups = [{"params": trained[:2], "weight_decay": 0.01}, {"params": trained[2:], "weight_decay": 0.0}]
    adamw = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.99))
    average = net.head.weight.detach().clone()
    for train_step, batch in zip(range(3), recipe.batches(0), strict=False):
        adamw.zero_grad()
        recipe.loss(net, batch, train_step)[0].backward()
        torch.nn.utils.clip_grad_norm_(trained, 0.5)
        adamw.step()
        decay = min(0.5, (2 + train_step) / (11 + train_step))
        average = decay * average + (1 - decay) * net.head.weight.detach()
    for name, value in net.state_dict().items():
        torch.testing.assert_close(ours.module.state_dict()[name], value, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(ours.ema.head.weight, average.requires_grad_(False), rtol=1e-5, atol=1e-7, check_stride=False)
    assert torch.equal(ours.ema.norm.running_mean, ours.module.norm.running_mean)


def test_dropout_is_addressed_by_seed_and_train_step(tmp_path):
    with_dropout, without = (
        run(TinyRecipe(train_steps=2), tmp_path / "a"),
        run(TinyRecipe(train_steps=2, dropout=0.0), tmp_path / "b"),
    )
    assert not torch.equal(with_dropout.module.head.weight, without.module.head.weight)
    with torch.random.fork_rng():
        torch.manual_seed(123)
        again = run(TinyRecipe(train_steps=2), tmp_path / "c")
    assert torch.equal(with_dropout.module.head.weight, again.module.head.weight)


def test_bfloat16_autocast_trains_float32_weights(tmp_path):
    result = run(TinyRecipe(train_steps=3), tmp_path / "half", dtype=torch.bfloat16)
    single = run(TinyRecipe(train_steps=3), tmp_path / "single")
    assert {parameter.dtype for parameter in result.module.parameters()} == {torch.float32}
    difference = (result.module.stem.weight - single.module.stem.weight).abs().max()
    assert 0 < difference < 0.05
    with pytest.raises(ValueError, match=r"expected torch\.float32 or torch\.bfloat16, got torch\.float16"):
        run(TinyRecipe(), tmp_path / "none", dtype=torch.float16)
    assert not (tmp_path / "none").exists()


def test_a_loss_that_is_no_number_stops_with_its_batch(tmp_path):
    with pytest.raises(TrainingDivergedError, match=r"train step 7: expected finite numbers, got loss nan") as caught:
        run(TinyRecipe(poison_step=7), tmp_path)
    saved = load_file(tmp_path / "diverged-000000007.safetensors")
    assert str(tmp_path / "diverged-000000007.safetensors") in str(caught.value)
    assert saved["images"].shape == (4, 3, 8, 8)
    assert saved["images"].isnan().all()
    newest = load_newest(tmp_path)
    assert newest is not None
    assert newest.train_step == 5


def test_a_run_goes_on_only_with_its_own_settings(tmp_path):
    recipe = TinyRecipe(train_steps=4)
    run(recipe, tmp_path)
    with pytest.raises(ValueError, match=r"got changes: optimiser\.learning_rate 0\.01 → 0\.1; use another run folder"):
        run(replace(recipe, optimiser=replace(recipe.optimiser, learning_rate=0.1)), tmp_path)
    longer = replace(recipe, train_steps=6, loop=LoopConfig(checkpoint_steps=2))
    assert run(longer, tmp_path).train_step == 6


def test_a_run_begun_before_a_setting_existed_goes_on_with_its_default(tmp_path):
    recipe = TinyRecipe(train_steps=2)
    run(recipe, tmp_path)
    state = tmp_path / "checkpoints" / "000000002" / "state.json"
    about = json.loads(state.read_text())
    del about["about"]["recipe"]["optimiser.weight_decay"]
    about["about"]["digest"] = "of an earlier version"
    state.write_text(json.dumps(about))
    default = type(recipe.optimiser)().weight_decay
    other = replace(recipe, train_steps=3, optimiser=replace(recipe.optimiser, weight_decay=default + 0.5))
    with pytest.raises(ValueError, match=rf"got changes: optimiser\.weight_decay {default} → {default + 0.5}; use another"):
        run(other, tmp_path)
    same = replace(recipe, train_steps=3, optimiser=replace(recipe.optimiser, weight_decay=default))
    assert run(same, tmp_path).train_step == 3


def test_a_recipe_must_train_something_of_its_module(tmp_path):
    class Idle(TinyRecipe):
        def parameters(self, module):
            return []

    class Foreign(TinyRecipe):
        def parameters(self, module):
            return torch.nn.Linear(1, 1).parameters()

    for recipe in (Idle(), Foreign()):
        with pytest.raises(ValueError, match="expected parameters of its module"):
            run(recipe, tmp_path)


@pytest.mark.parametrize("seconds", [-60.0, float("nan")])
def test_a_time_below_nothing_is_refused(tmp_path, seconds):
    with pytest.raises(ValueError, match="minutes: expected 0 or more"):
        run(TinyRecipe(), tmp_path / "run", max_seconds=seconds)
    assert not (tmp_path / "run").exists()


def test_what_the_recipe_refuses_is_refused_before_a_folder_is_made(tmp_path):
    class Unable(TinyRecipe):
        def check(self):
            raise ValueError("cannot be done")

    with pytest.raises(ValueError, match="cannot be done"):
        run(Unable(), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_another_programs_folder_is_left_as_it_is(tmp_path):
    (tmp_path / "recipe.json").write_text('{"cake": "eggs"}')
    with pytest.raises(ValueError, match="choose another folder"):
        run(TinyRecipe(), tmp_path)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"recipe.json": '{"cake": "eggs"}'}


@pytest.mark.parametrize("about", [{}, {"recipe": None, "digest": "x"}, {"recipe": {}}])
def test_a_checkpoint_that_does_not_say_its_recipe_is_refused(tmp_path, about):
    run(TinyRecipe(train_steps=2), tmp_path)
    path = checkpoint_folders(tmp_path)[-1] / "state.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"about": about}))
    with pytest.raises(ValueError, match=rf"^{path}: expected .*; delete this folder"):
        run(TinyRecipe(train_steps=4), tmp_path)
