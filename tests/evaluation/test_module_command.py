"""What modules say when they refuse, are interrupted, or find no room."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from everroad.evaluation.module_command import ModuleParser, whole_number


def run(arguments: tuple[str, ...], fails: BaseException | None) -> None:
    parser = ModuleParser("some.module", "What it does.")
    parser.add_argument("--count", type=whole_number(1, 9), default=1)
    parser.parse_args(arguments)
    with parser.exits():
        if fails is not None:
            raise fails


def said(capsys, fails: BaseException | None, arguments: tuple[str, ...] = ()) -> tuple[object, str]:
    with pytest.raises(SystemExit) as ended:
        run(arguments, fails)
    return ended.value.code, capsys.readouterr().err


def test_what_is_refused_is_one_line(capsys) -> None:
    assert said(capsys, ValueError("a: expected b, got c; mend it")) == (
        2,
        "python -m some.module: a: expected b, got c; mend it\n",
    )
    assert said(capsys, FileExistsError(errno.EEXIST, "File exists", "out")) == (
        2,
        "python -m some.module: out: expected a path that can be used, got 'File exists'; choose another\n",
    )


@pytest.mark.parametrize("got", ["0", "10", "-4", "1.5", "nan", "x" * 50])
def test_numbers_are_whole_and_in_reach(capsys, got: str) -> None:
    status, text = said(capsys, None, ("--count", got))
    assert status == 2
    assert text.count("\n") == 1
    assert "argument --count: expected a whole number of 1 to 9, got '" in text


def test_an_unknown_option_is_one_line_too(capsys) -> None:
    assert said(capsys, None, ("--cout", "1")) == (2, "python -m some.module: unrecognized arguments: --cout 1\n")


def test_a_full_disk_and_an_interrupt_have_their_own_statuses(capsys) -> None:
    full = OSError(errno.ENOSPC, "No space left on device", "report.json")
    assert said(capsys, full) == (
        1,
        "python -m some.module: report.json: No space left on device; make room and run it again\n",
    )
    assert said(capsys, KeyboardInterrupt()) == (130, "\npython -m some.module: interrupted\n")


def test_sigterm_is_an_interrupt(capsys) -> None:
    parser = ModuleParser("some.module", None)
    with pytest.raises(SystemExit) as ended, parser.exits():
        os.kill(os.getpid(), signal.SIGTERM)
    assert ended.value.code == 130
    assert capsys.readouterr().err.endswith("interrupted\n")
