"""The command line as a user meets it: speed of the help, exit statuses, one line for everything that goes wrong."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from everroad import __version__, cli

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "EVERROAD_TRACEBACK"}


def everroad(*arguments: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    code = "import sys; from everroad.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=ENVIRONMENT, timeout=120, **options)  # type: ignore[call-overload]


def refused(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The one line with which these arguments are refused."""
    status = cli.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    assert status == 2, captured
    assert captured.err.startswith("everroad: ")
    assert captured.err.count("\n") == 1, captured.err
    assert captured.out == ""
    return captured.err


@pytest.mark.parametrize("arguments", [["--help"], ["generate", "--help"], ["scenario", "--help"], ["--version"]])
def test_help_imports_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys; from everroad.cli import main; status = main(sys.argv[1:]); "
        "heavy = {'torch', 'numpy', 'scipy', 'cv2', 'av', 'pyarrow', 'shapely', 'pydantic'} & set(sys.modules); "
        "print('imported:', *sorted(heavy)); sys.exit(status)"
    )
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "imported:"


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--help"]) == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("demo", "scenario", "generate", "train", "evaluate", "bench"))


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == __version__


def test_the_schema_is_valid_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    import jsonschema

    assert cli.main(["scenario", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert "format_version" in schema["properties"]


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["generate"],
        ["generate", "town.json"],
        ["generate", "town.json", "--out", "out", "--frames", "many"],
        ["generate", "town.json", "--out", "out", "--frames", "0"],
        ["generate", "town.json", "--out", "out", "--frmes", "3"],
        ["generate", "town.json", "--out", "out", "--dtype", "float16"],
        ["demo", "--threads", "0"],
        ["scenario", "town", "--seed", "-1", "--out", "town.json"],
        ["scenario", "town", "--seed", "1", "--seconds", "nan", "--out", "town.json"],
        ["scenario", "convert"],
        ["train"],
        ["bench", "nonsense"],
    ],
)
def test_arguments_that_do_not_parse(
    arguments: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(capsys, *arguments)
    assert list(tmp_path.iterdir()) == []


def test_a_typo_gets_a_suggestion(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--frames" in refused(capsys, "generate", "town.json", "--out", "out", "--frmes", "3")


@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (ValueError("expected a map, got none;\n  use --without-map"), 2, "expected a map, got none; use --without-map"),
        (TypeError("expected a path"), 2, "expected a path"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "town.json"), 2, "town.json: No such file or directory"),
        (PermissionError(errno.EACCES, "Permission denied", "out"), 2, "out: Permission denied"),
        (IsADirectoryError(errno.EISDIR, "Is a directory", "out"), 2, "out: Is a directory"),
        (OSError(errno.ENOSPC, "No space left on device", "out/video.partial.mp4"), 1, "No space left on device"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (RuntimeError("shape"), 1, "RuntimeError: shape"),
    ],
)
def test_every_error_has_its_status_and_one_line(error: BaseException, status: int, words: str) -> None:
    got, text = cli.explain(error)
    assert got == status
    assert words in text
    assert "\n" not in text


def test_notes_of_an_error_say_what_was_kept() -> None:
    error = KeyboardInterrupt()
    error.add_note("kept out/video.partial.mp4")
    assert cli.explain(error)[1] == "interrupted; kept out/video.partial.mp4"


def test_no_traceback_unless_asked_for(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ["generate", "missing.json", "--out", "out"]
    monkeypatch.delenv("EVERROAD_TRACEBACK", raising=False)
    refused(capsys, *arguments)
    monkeypatch.setenv("EVERROAD_TRACEBACK", "1")
    assert cli.main(arguments) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_reader_that_goes_away_is_no_error() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)
    code = "import sys; from everroad.cli import main; sys.exit(main())"
    with os.fdopen(write_end, "w") as stdout:
        done = subprocess.run(
            [sys.executable, "-c", code, "scenario", "schema"], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_on_a_full_disk() -> None:
    code = "import sys; from everroad.cli import main; sys.exit(main())"
    with Path("/dev/full").open("w") as stdout:
        done = subprocess.run(
            [sys.executable, "-c", code, "scenario", "schema"], stdout=stdout, stderr=subprocess.PIPE, text=True, check=False
        )
    assert done.returncode == 1
    assert done.stderr.startswith("everroad: No space left on device")
    assert done.stderr.count("\n") == 1
