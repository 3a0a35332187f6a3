"""How far a module's command line is, said on stderr."""

from __future__ import annotations

import sys


def say_progress(done: int, total: int) -> None:
    """One line that is written over until it is whole."""
    print(f"\r{done} of {total} frames", end="\n" if done == total else "", file=sys.stderr, flush=True)
