"""SIGINT and SIGTERM during training: finish the train step, save, then stop."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any


class StopSignals:
    """A context manager that turns the first SIGINT or SIGTERM into ``asked`` and the second into ``KeyboardInterrupt``.

    While ``waiting`` nothing of a train step is under way, and already the first raises. Outside the main thread, where Python
    delivers no signals, it does nothing.
    """

    def __init__(self) -> None:
        self.asked = False
        self._waiting = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> StopSignals:
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """While the next batch is awaited, which may take long."""
        self._waiting = True
        try:
            yield
        finally:
            self._waiting = False

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self.asked or self._waiting:
            self.asked = True
            raise KeyboardInterrupt
        self.asked = True
