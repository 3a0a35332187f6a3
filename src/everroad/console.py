"""What all commands share: options, exit statuses and the one line for an error, refused outputs, a progress bar."""

from __future__ import annotations

import math
import os
import re
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from cyclopts import (
    CoercionError,
    CycloptsError,
    MissingArgumentError,
    Parameter,
    RepeatArgumentError,
    Token,
    UnknownCommandError,
    UnknownOptionError,
    UnusedCliTokensError,
    ValidationError,
)

from everroad.stream.folder import DISK_ERRORS, check_can_be_made, empty_folders_go

OK, FAILED, REFUSED, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141
LONGEST_TEXT, LONGEST_WORD = 1000, 240  # characters
LINE_SECONDS = 60.0


def _whole(_: object, tokens: Sequence[Token]) -> int:
    """Of "1.5" cyclopts would make 2."""
    return int(tokens[0].value)


def _check(wanted: str, fits: Callable[[Any], bool]) -> Callable[[object, Any], None]:
    def check(_: object, value: Any) -> None:
        if value is not None and not fits(value):
            raise ValueError(wanted)

    return check


AtLeastOne = Annotated[int, Parameter(converter=_whole, validator=_check("a whole number of at least 1", lambda n: n >= 1))]
Threads = Annotated[
    int, Parameter(converter=_whole, validator=_check("a whole number from 1 to 1024", lambda n: 1 <= n <= 1024))
]
NotNegative = Annotated[int, Parameter(converter=_whole, validator=_check("a whole number of at least 0", lambda n: n >= 0))]
Seed = Annotated[
    int, Parameter(converter=_whole, validator=_check(f"a whole number from 0 to {2**63 - 1}", lambda n: 0 <= n < 2**63))
]
Minutes = Annotated[float, Parameter(validator=_check("a number of at least 0", lambda n: 0 <= n < math.inf))]
Device = Annotated[
    str, Parameter(validator=_check("cpu, cuda or cuda:N", lambda name: bool(re.fullmatch(r"cpu|cuda(:\d+)?", name))))
]


@Parameter(name="*")
@dataclass(frozen=True)
class Compute:
    """Where and how the networks run."""

    device: Device = "cpu"
    "cpu, cuda or cuda:N."
    dtype: Literal["float32", "bfloat16", "auto"] = "float32"
    "What the networks compute in; auto is bfloat16 where the device has its instructions, which alone make it quicker."
    threads: Threads | None = None
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
    _open_streams()
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
        status, text = REFUSED, _of_path(error, "expected a path that can be used, got '{}'; choose another")
    elif isinstance(error, CycloptsError):
        status, text = REFUSED, _of_option(error)
    elif isinstance(error, ValueError | TypeError):
        status, text = REFUSED, str(error)
    else:
        status, text = FAILED, f"{type(error).__name__}: {error} (EVERROAD_TRACEBACK=1 shows where)"
    # A long path must not hide the reason behind it.
    text = _shortened(" ".join(_shortened(word, LONGEST_WORD) for word in text.split()), LONGEST_TEXT)
    return status, "; ".join([text, *getattr(error, "__notes__", [])])


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest // 2]} … {text[-longest // 2 :]}"


def _of_path(error: BaseException, sentence: str = "{}") -> str:
    name, reason = getattr(error, "filename", None), getattr(error, "strerror", None) or str(error)
    said = sentence.format(reason)
    return f"{name}: {said}" if name else said


def _of_option(error: CycloptsError) -> str:
    """What the command line's parser says, in the form of all other refusals; its suggestion for a typo stays."""
    found = re.search(r"Did you mean .*?\?", str(error))
    mend = f"d{found[0][1:]}" if found else f"see {' '.join(['everroad', *(error.command_chain or ())])} --help"
    token = getattr(error, "token", None) or next(iter(error.argument.tokens if error.argument else ()), None)
    name = (token.keyword if token else None) or (error.argument.name if error.argument else "")
    match error:
        case ValidationError() if token and error.exception_message:
            return f"{name}: expected {error.exception_message}, got '{token.value}'; {mend}"
        case CoercionError() if token:
            return f"{name}: expected {_kind(error.target_type)}, got '{token.value}'; {mend}"
        case UnknownOptionError():
            return f"{error.token.keyword or error.token.value}: expected an option of the command, got another; {mend}"
        case UnusedCliTokensError():
            return f"arguments: expected no more of them, got {_quoted(error.unused_tokens)}; {mend}"
        case UnknownCommandError():
            return f"command: expected one that there is, got {_quoted((error.unused_tokens or ())[:1])}; {mend}"
        case MissingArgumentError():
            option = error.keyword or name
            got = _after(option, error.root_input_tokens or ())
            if re.match("-[^-]", got):  # which the parser takes for an option
                return f"{option}: expected a value, got '{got}', which begins with -; if it is meant, write {option}={got}"
            return f"{option}: expected a value, got none; {mend}"
        case RepeatArgumentError():
            return f"{name}: expected it once, got it more than once; drop one"
    return f"arguments: expected others, got '{error}'; {mend}"


def _after(option: str, words: Sequence[str]) -> str:
    return next((after for word, after in pairwise(words) if word == option), "")


def _quoted(words: Sequence[str] | None) -> str:
    return ", ".join(f"'{word}'" for word in words or ())


def _kind(wanted: Any) -> str:
    names = {int: "a whole number", float: "a number", bool: "true or false, or no value"}
    parts = [part for part in get_args(wanted) if part is not type(None)]  # of a Literal, or of "X | None"
    if parts and all(isinstance(part, str) for part in parts):
        return f"one of {', '.join(parts)}"
    return names.get(parts[0] if parts else wanted, "another kind of value")


def _open_streams() -> None:
    """Closed ones go nowhere, so that no file of ours gets their number; what stdout's encoding lacks is escaped."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_WRONLY), "w"))
    reconfigure = getattr(sys.stdout, "reconfigure", None)
    if reconfigure is not None:
        reconfigure(errors="backslashreplace")


def _drop_stdout() -> None:
    """What could not be printed goes nowhere; else the interpreter tries, and complains, again when it ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def output_file(path: Path, *endings: str) -> Iterator[None]:
    """Refuses a path that cannot be written before any work; makes its folder, which goes again if the work fails."""
    if not path.name.endswith(endings):
        raise ValueError(
            f"--out {path}: expected a file name that ends in {' or '.join(endings)}, got '{path.name}'; name it so"
        )
    check_can_be_made(path, "--out", folder=False)
    if path.is_dir():
        raise ValueError(f"--out {path}: expected a file to write, got a folder; name a file in it")
    with empty_folders_go(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        yield


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
def progress_bar(title: str, quiet: bool, unit: str = "frames") -> Iterator[Callable[[int, int], None] | None]:
    """A bar on stderr, from the first frame on: what is refused leaves a clean line. Without a terminal a line a minute."""
    if quiet:
        yield None
        return
    if not sys.stderr.isatty():
        yield _progress_lines(title, unit)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))
    bar = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
    task = bar.add_task(title, total=None, rate="")

    def progress(done: int, total: int) -> None:
        bar.start()
        speed = bar.tasks[0].speed
        bar.update(task, completed=done, total=total, rate=f"{speed:.1f} {unit}/s" if speed else "")

    try:
        yield progress
    except BaseException:
        bar.update(task, visible=False)  # what went wrong is one line
        bar.live.transient = True
        bar.live.stop()  # bar.stop() would print an empty line where nobody watches
        raise
    finally:
        if bar.live.is_started:
            bar.stop()


def _progress_lines(title: str, unit: str) -> Callable[[int, int], None]:
    began = said = time.monotonic()

    def progress(done: int, total: int) -> None:
        nonlocal said
        now = time.monotonic()
        if now - said >= LINE_SECONDS:
            said, left = now, (now - began) * (total - done) / max(done, 1)
            print(f"{title}: {done} of {total} {unit}, some {max(1, round(left / 60))} min left", file=sys.stderr, flush=True)

    return progress


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
