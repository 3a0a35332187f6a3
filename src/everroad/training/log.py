"""What a training run leaves to look at: metrics.jsonl, TensorBoard events where that is installed, sample strips, a bar."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
from jaxtyping import UInt8
from numpy import ndarray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from torch import Tensor

METRICS_FILE = "metrics.jsonl"
# Where no terminal shows a bar, a plain line this often.
PLAIN_LINE_SECONDS = 30.0


class RunLog:
    """Writes metrics as means over windows of ``log_steps`` train steps; a context manager.

    On a resumed run, lines after the checkpoint's train step are dropped first, since they will be made again.
    """

    def __init__(self, run_dir: Path, title: str, first_train_step: int, train_steps: int, log_steps: int, quiet: bool) -> None:
        self._run_dir, self._log_steps, self._train_steps = run_dir, log_steps, train_steps
        truncate_metrics(run_dir / METRICS_FILE, first_train_step)
        self._file = (run_dir / METRICS_FILE).open("a")
        self._board = _tensorboard(run_dir / "tensorboard", first_train_step)
        self._window: list[Mapping[str, Tensor | float]] = []
        self._train_step = first_train_step
        self._bar = _Bar(title, first_train_step, train_steps, quiet)

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.flush()
        self._file.close()
        self._bar.close()
        if self._board:
            self._board.close()

    def record(self, train_step: int, metrics: Mapping[str, Tensor | float]) -> None:
        """One train step's scalars; ``train_step`` counts this one too."""
        self._window.append(metrics)
        self._train_step = train_step
        self._bar.advance(train_step)
        if train_step % self._log_steps == 0 or train_step == self._train_steps:
            self.flush()

    def flush(self) -> None:
        """Writes what the window holds, so that nothing before a checkpoint is lost."""
        if not self._window:
            return
        names = dict.fromkeys(name for metrics in self._window for name in metrics)
        means = {name: mean_of(self._window, name) for name in names}
        self._file.write(json.dumps({"train_step": self._train_step, "over": len(self._window), **means}) + "\n")
        self._file.flush()
        for name, value in means.items() if self._board else ():
            self._board.add_scalar(name, value, self._train_step)
        self._bar.show(self._train_step, means)
        self._window = []

    def strip(self, train_step: int, picture: UInt8[ndarray, "h w 3"]) -> None:
        """Writes a sample strip (RGB) as ``strips/<train step>.png``."""
        path = self._run_dir / "strips" / f"{train_step:09d}.png"
        path.parent.mkdir(exist_ok=True)
        whole, png = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        assert whole
        path.write_bytes(png.tobytes())
        if self._board:
            self._board.add_image("strip", picture, train_step, dataformats="HWC")


def mean_of(window: list[Mapping[str, Tensor | float]], name: str) -> float:
    """Mean of one metric over the train steps that have it."""
    values = [float(metrics[name]) for metrics in window if name in metrics]
    return sum(values) / len(values)


def truncate_metrics(path: Path, train_step: int) -> None:
    """Drops the lines after a train step, and what follows a line that a kill left half written."""
    if not path.exists():
        return
    keep = []
    for line in path.read_text(errors="replace").splitlines():
        try:
            if json.loads(line)["train_step"] > train_step:
                break
        except (ValueError, TypeError, LookupError, RecursionError):
            break
        keep.append(line + "\n")
    beside = path.with_suffix(".partial")
    beside.write_text("".join(keep))
    beside.replace(path)


def _tensorboard(folder: Path, first_train_step: int) -> Any:
    """TensorBoard's writer, or ``None`` where the ``log`` extra is not installed."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=first_train_step or None)


class _Bar:
    """Progress with rate, loss and time left: a bar on a terminal, else a plain line now and then."""

    def __init__(self, title: str, first_train_step: int, train_steps: int, quiet: bool) -> None:
        self._title, self._train_steps, self._quiet = title, train_steps, quiet
        self._first, self._began, self._spoke = first_train_step, time.monotonic(), 0.0
        self._console = Console(stderr=True)
        self._progress: Progress | None = None
        if not quiet and self._console.is_terminal:
            progress = Progress(
                TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[text]}"),
                TimeRemainingColumn(), console=self._console,
            )  # fmt: skip
            self._task = progress.add_task(title, total=train_steps, completed=first_train_step, text="")
            progress.start()
            self._progress = progress

    def advance(self, train_step: int) -> None:
        if self._progress:
            self._progress.update(self._task, completed=train_step)

    def show(self, train_step: int, means: Mapping[str, float]) -> None:
        now = time.monotonic()
        rate = (train_step - self._first) / max(now - self._began, 1e-9)
        text = f"{rate:.2f} steps/s  loss {means.get('loss', float('nan')):.4f}"
        if self._progress:
            self._progress.update(self._task, text=text)
        elif not self._quiet and (now - self._spoke > PLAIN_LINE_SECONDS or train_step == self._train_steps):
            self._spoke = now
            left = (self._train_steps - train_step) / max(rate, 1e-9)
            print(f"{self._title}  {train_step}/{self._train_steps}  {text}  {left / 60:.0f} min left", flush=True)

    def close(self) -> None:
        if self._progress:
            self._progress.stop()
