"""What all commands share: options, exit statuses and the one line for an error, refused outputs, a progress bar."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import CycloptsError, Parameter, validators

OK, FAILED, REFUSED, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141
# What a full or failing disk says; any other OSError is about a path that the user can mend.
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
LONGEST_TEXT = 1000  # characters

AtLeastOne = Annotated[int, Parameter(validator=validators.Number(gte=1))]
NotNegative = Annotated[int, Parameter(validator=validators.Number(gte=0))]


@Parameter(name="*")
@dataclass(frozen=True)
class Compute:
    """Where and how the networks run."""

    device: str = "cpu"
    "cpu, cuda or cuda:N."
    dtype: Literal["float32", "bfloat16", "auto"] = "float32"
    "What the networks compute in; auto is bfloat16 where the device has its instructions, which alone make it quicker."
    threads: AtLeastOne | None = None
    "Threads of torch on the CPU; its own choice if not given."
    quiet: bool = False
    "Print nothing but errors."


@Parameter(name="*")
@dataclass(frozen=True)
class Model:
    """Which weights."""

    preset: str = "town"
    "Packaged weights of this preset."
    weights: Path | None = None
    "A weights file (.safetensors) instead of packaged ones."


COMPUTE, MODEL = Compute(), Model()


def exit_status(command: Callable[[], object]) -> int:
    """Runs a command. Whatever goes wrong is one line on stderr; its traceback is shown only with ``EVERROAD_TRACEBACK=1``."""
    try:
        command()
        sys.stdout.flush()
    except (Exception, KeyboardInterrupt) as error:
        if isinstance(error, BrokenPipeError) or getattr(error, "errno", None) in DISK_ERRORS:
            _drop_stdout()
        if isinstance(error, BrokenPipeError):
            return BROKEN_PIPE
        if os.environ.get("EVERROAD_TRACEBACK") == "1":
            traceback.print_exception(error)
        status, text = explain(error)
        print(f"everroad: {text}", file=sys.stderr)
        return status
    return OK


def explain(error: BaseException) -> tuple[int, str]:
    """Exit status and the one line for an error; its notes, which say what was kept, follow the text."""
    if isinstance(error, KeyboardInterrupt):
        status, text = INTERRUPTED, "interrupted"
    elif getattr(error, "errno", None) in DISK_ERRORS:
        status, text = FAILED, f"{_of_path(error)}; make room and run it again"
    elif isinstance(error, OSError):
        status, text = REFUSED, _of_path(error)
    elif isinstance(error, CycloptsError | ValueError | TypeError):
        status, text = REFUSED, str(error)
    else:
        status, text = FAILED, f"{type(error).__name__}: {error} (EVERROAD_TRACEBACK=1 shows where)"
    text = " ".join(text.split())
    text = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} …"
    return status, "; ".join([text, *getattr(error, "__notes__", [])])


def _of_path(error: BaseException) -> str:
    name, reason = getattr(error, "filename", None), getattr(error, "strerror", None) or str(error)
    return f"{name}: {reason}" if name else reason


def _drop_stdout() -> None:
    """What could not be printed goes nowhere; else the interpreter tries, and complains, again when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def check_writable(path: Path) -> None:
    """Raises ``ValueError`` unless a file or folder may be made there. Makes nothing."""
    standing = next(folder for folder in path.absolute().parents if folder.exists())
    if not standing.is_dir() or not os.access(standing, os.W_OK | os.X_OK):
        raise ValueError(f"{path}: expected a path that can be written, but {standing} cannot; name another")


@contextmanager
def output_file(path: Path, *endings: str) -> Iterator[None]:
    """Refuses a path that cannot be written before any work; makes its folder, which goes again if the work fails."""
    if not path.name.endswith(endings):
        raise ValueError(f"{path}: expected a file name that ends in {' or '.join(endings)}")
    if path.is_dir():
        raise ValueError(f"{path}: expected a file to write, got a folder; name a file in it")
    check_writable(path)
    missing = [folder for folder in path.absolute().parents if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()  # only an empty one goes
        raise


@contextmanager
def kept_is_said(folder: Path, pattern: str) -> Iterator[None]:
    """Adds to an interrupt and to an error of the disk what is kept: the paths in ``folder`` that match."""
    try:
        yield
    except (KeyboardInterrupt, OSError) as error:
        kept = sorted(str(path) for path in folder.glob(pattern))
        error.add_note(f"kept {', '.join(kept)}" if kept else "nothing was kept")
        raise


@contextmanager
def progress_bar(title: str, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr, from the first frame on: input that is refused leaves a clean line."""
    if quiet:
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
    task = bar.add_task(title, total=None, rate="")

    def progress(done: int, total: int) -> None:
        bar.start()
        speed = bar.tasks[0].speed
        bar.update(task, completed=done, total=total, rate=f"{speed:.1f} frames/s" if speed else "")

    try:
        yield progress
    finally:
        if bar.live.is_started:
            bar.stop()


def networks_dtype(compute: Compute) -> str:
    """ "float32" or "bfloat16", what "auto" stands for on the device; says so where bfloat16 will be slow."""
    from everroad.stream.hardware import computes_bfloat16, usable_device

    quick = computes_bfloat16(usable_device(compute.device))
    if compute.dtype == "auto":
        return "bfloat16" if quick else "float32"
    if compute.dtype == "bfloat16" and not quick and not compute.quiet:
        print(f"{compute.device} has no bfloat16 instructions: --dtype float32 is many times as fast", file=sys.stderr)
    return compute.dtype


def load_model(model: Model, compute: Compute) -> tuple[Any, dict[str, Any]]:
    """The ``WorldModel`` of the options and its card; sets torch's threads."""
    import torch

    from everroad.model.checkpoint import load_packaged, load_world_model

    if compute.threads is not None:
        torch.set_num_threads(compute.threads)
    return load_packaged(model.preset) if model.weights is None else load_world_model(model.weights)


def say(text: str, quiet: bool) -> None:
    """Prints a result on stdout."""
    if not quiet:
        print(text)
