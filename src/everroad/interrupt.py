"""SIGTERM as an interrupt: what was half-written goes again, as with Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn


@contextmanager
def sigterm_interrupts() -> Iterator[None]:
    """Turns the first SIGTERM, where it would kill the process, into ``KeyboardInterrupt``; others do nothing meanwhile."""
    killing = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not killing or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _interrupt(*_: object) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt
