"""What modules that ``python -m`` runs share: a refusal is one line and exit status 2, a full disk 1, an interrupt 130."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NoReturn

from everroad.interrupt import sigterm_interrupts
from everroad.stream.folder import DISK_ERRORS

FAILED, REFUSED, INTERRUPTED = 1, 2, 130


class ModuleParser(argparse.ArgumentParser):
    """Of ``python -m MODULE``. What it refuses it says in one line, without the usage."""

    def __init__(self, module: str, description: str | None) -> None:
        super().__init__(
            prog=f"python -m {module}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
        )

    def error(self, message: str) -> NoReturn:
        self.exit(REFUSED, f"{self.prog}: {' '.join(message.split())}\n")

    @contextmanager
    def exits(self) -> Iterator[None]:
        """Turns what goes wrong in it into its line and its exit status. SIGTERM is an interrupt."""
        with sigterm_interrupts():
            try:
                yield
            except KeyboardInterrupt:
                self.exit(INTERRUPTED, f"\n{self.prog}: interrupted\n")
            except OSError as error:
                where = f"{error.filename}: " if error.filename else ""
                if error.errno in DISK_ERRORS:
                    self.exit(FAILED, f"{self.prog}: {where}{error.strerror}; make room and run it again\n")
                self.error(f"{where}expected a path that can be used, got '{error.strerror or error}'; choose another")
            except ValueError as error:
                self.error(str(error))


def whole_number(least: int, most: int) -> Callable[[str], int]:
    """For ``add_argument(type=…)``: a whole number of ``least`` to ``most``."""

    def read(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            shown = text if len(text) <= 40 else f"{text[:40]}…"
            raise argparse.ArgumentTypeError(f"expected a whole number of {least} to {most}, got '{shown}'; mend it")
        return value

    return read
