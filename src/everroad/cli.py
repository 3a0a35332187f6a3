"""The command line: parses, checks where the output goes, calls one function. The rest of the package is imported inside commands."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter, validators

from everroad import __version__

OK, FAILED, REFUSED, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141
DEMO_SEED = 1_000_003
DEMO_FRAMES = 120
# What a full or failing disk says; every other OSError is a path that the user can mend.
DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}

AtLeastOne = Annotated[int, Parameter(validator=validators.Number(gte=1))]
NotNegative = Annotated[int, Parameter(validator=validators.Number(gte=0))]
Seconds = Annotated[float, Parameter(validator=validators.Number(gt=0, lte=86_400))]

app = App(
    name="everroad",
    help="Driving scenarios in, endless camera video out, one frame at a time.",
    version=__version__,
    default_parameter=Parameter(negative=""),
    result_action="return_value",
)
scenario_app = App(name="scenario", help="Author, convert and look at scenarios.")
evaluate_app = App(name="evaluate", help="Measure a model.")
bench_app = App(name="bench", help="Measure speed and memory.")
for _sub in (scenario_app, evaluate_app, bench_app):
    app.command(_sub)


@Parameter(name="*")
@dataclass(frozen=True)
class Compute:
    """Where and how the networks run."""

    device: str = "cpu"
    "cpu, cuda or cuda:N."
    dtype: Literal["float32", "bfloat16"] | None = None
    "What the networks compute in. Default: bfloat16 where the device has its instructions, else float32."
    threads: AtLeastOne | None = None
    "Threads of torch on the CPU. Default: torch's own choice."


@app.command
def demo(*, out: Path = Path("out/demo"), quiet: bool = False, compute: Compute = Compute()) -> None:
    """Generate 120 frames of an evaluation town; an earlier demo in the folder is replaced.

    Parameters
    ----------
    out: The run folder.
    quiet: Print errors only.
    """


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and answers its exit status. Everything that goes wrong is one line on stderr."""
    # Idle OpenMP threads that spin steal the core from video encoder and viewer. Read once, when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app(arguments, exit_on_error=False, print_error=False)
        sys.stdout.flush()
    except SystemExit as error:
        return error.code if isinstance(error.code, int) else OK
    except BrokenPipeError:
        # Whoever read the output has gone; the interpreter would complain again while it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except (Exception, KeyboardInterrupt) as error:
        if os.environ.get("EVERROAD_TRACEBACK") == "1":
            traceback.print_exception(error)
        status, text = explain(error)
        print(f"everroad: {text}", file=sys.stderr)
        return status
    return OK


def explain(error: BaseException) -> tuple[int, str]:
    """Exit status and the one line for an error; its notes (what was kept) follow the text."""
    match error:
        case KeyboardInterrupt():
            status, text = INTERRUPTED, "interrupted"
        case Exception() if getattr(error, "errno", None) in DISK_ERRORS:
            status, text = FAILED, f"{_named(error)}; make room and run it again"
        case OSError():
            status, text = REFUSED, _named(error)
        case CycloptsError() | ValueError() | TypeError():
            status, text = REFUSED, str(error)
        case _:
            status, text = FAILED, f"{type(error).__name__}: {error} (EVERROAD_TRACEBACK=1 shows where)"
    return status, " ".join("; ".join([text, *getattr(error, "__notes__", [])]).split())


def _named(error: BaseException) -> str:
    name, reason = getattr(error, "filename", None), getattr(error, "strerror", None) or str(error)
    return f"{name}: {reason}" if name else reason
