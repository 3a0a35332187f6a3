"""What a run that fails leaves, alone and beside others: of a new folder nothing, of one that was there what it held."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from everroad.export import run
from everroad.export.finalize import finalize
from everroad.export.options import ExportOptions
from everroad.export.run import export_scenario
from everroad.export.writers import writing
from tests.export.scenes import camera, drive, first_frames

OPTIONS = ExportOptions()
ALL = ExportOptions(also=("coco", "kitti", "depth", "instances"))


def tree(root: Path) -> dict[str, bytes | None]:
    """Every file with its content, every folder."""
    return {str(path.relative_to(root)): path.read_bytes() if path.is_file() else None for path in root.rglob("*")}


def small(name: str = "drive"):
    return first_frames(drive(name, map=None, signals=(), cameras=(camera(),)), 2)


def fails(scene, root: Path, error: type[BaseException], progress) -> None:
    with pytest.raises(error):
        export_scenario(scene, root, ALL, progress=progress)


def raising(error: BaseException):
    def progress(*_: int) -> None:
        raise error

    return progress


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), OSError(errno.ENOSPC, "No space left on device")])
def test_a_run_that_fails_leaves_all_as_it_was(tmp_path, error):
    (tmp_path / "empty").mkdir()
    export_scenario(small("first"), tmp_path / "set", ALL)
    before = tree(tmp_path)
    for place in ("new", "deep/er/new", "empty", "set"):
        fails(small(), tmp_path / place, type(error), raising(error))
    assert tree(tmp_path) == before


@pytest.mark.parametrize("written", range(8))
def test_a_disk_that_is_full_at_any_file(tmp_path, monkeypatch, written):
    from everroad.scenario import files

    left = [written]

    def fsync(_: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", fsync)
    with pytest.raises(OSError, match="No space left"):
        export_scenario(small(), tmp_path / "deep" / "set")
    assert tree(tmp_path) == {}


def test_a_finished_scene_that_could_not_be_joined_stays_and_is_said(tmp_path, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(run, "finalize", full)
    with pytest.raises(OSError, match="No space left") as error:
        export_scenario(small(), tmp_path / "set")
    assert error.value.__notes__ == [
        f"scene drive is whole but in no table yet: run everroad scenario finalize {tmp_path / 'set'}"
    ]
    assert finalize(tmp_path / "set") == ["drive"]


def test_a_finished_scene_leaves_no_locks_and_no_note(tmp_path):
    export_scenario(small(), tmp_path / "set")
    assert sorted(path.name for path in (tmp_path / "set" / "everroad").iterdir()) == ["drive", "export.json"]


def test_an_export_whose_last_scene_went_stays(tmp_path):
    export_scenario(small(), tmp_path / "set")
    (tmp_path / "set" / "everroad" / "drive" / "shard.json.gz").unlink()
    with pytest.raises(ValueError, match="no"):
        export_scenario(small("other"), tmp_path / "set", progress=raising(ValueError("no")))
    assert (tmp_path / "set" / "everroad" / "export.json").is_file()


def test_what_others_put_into_a_new_folder_stays(tmp_path):
    def progress(*_: int) -> None:
        (tmp_path / "deep" / "set" / "notes.txt").write_text("mine")
        raise ValueError("no")

    fails(small(), tmp_path / "deep" / "set", ValueError, progress)
    assert (tmp_path / "deep" / "set" / "notes.txt").read_text() == "mine"


def test_the_last_to_go_takes_all_away(tmp_path):
    root = tmp_path / "deep" / "set"
    with writing(root, OPTIONS, "a"):
        with writing(root, OPTIONS, "b"):
            pass
        assert (root / "everroad" / "export.json").is_file()
        with pytest.raises(ValueError, match="expected scene-a free"), writing(root, OPTIONS, "a"):
            pass
        with pytest.raises(ValueError, match="with version v2"), writing(root, ExportOptions(version="v2"), "b"):
            pass
        assert (root / "everroad" / "export.json").is_file()
    assert tree(tmp_path) == {}


def test_what_a_killed_process_left_goes_with_the_next_one_that_fails(tmp_path):
    root = tmp_path / "set"
    with writing(root, OPTIONS, "a"):
        left = tree(root)
    for name, content in left.items():
        if content is None:
            (root / name).mkdir(parents=True)
    for name, content in left.items():
        if content is not None:
            (root / name).write_bytes(content)
    with writing(root, OPTIONS, "b"):
        pass
    assert tree(tmp_path) == {}


COME_AND_GO = """
import json, sys
from pathlib import Path
from everroad.export.options import ExportOptions
from everroad.export.writers import scene_is_finished, writing
root, number, finishes = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3] == "finishes"
for i in range(300):
    with writing(root, ExportOptions(), f"{number}-{i}") as folder:
        card = root / "everroad" / "export.json"
        assert json.loads(card.read_text())["version"] == "v1.0-everroad"
        if finishes and number == 0 and i == 150:
            folder.scene("kept").mkdir()
            (folder.scene("kept") / "shard.json.gz").write_bytes(b"")
            scene_is_finished(folder)
        assert card.is_file()
"""


def started(code: str, *arguments: str) -> subprocess.Popen:
    here = Path(__file__).resolve().parents[2]
    path = os.pathsep.join([str(here), str(here / "src"), os.environ.get("PYTHONPATH", "")])
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.Popen(command, **pipes, env={**os.environ, "PYTHONPATH": path}, text=True)


@pytest.mark.slow
@pytest.mark.parametrize("finishes", [False, True])
def test_many_that_come_and_go_at_once(tmp_path, finishes):
    root = tmp_path / "set"
    several = [started(COME_AND_GO, str(root), str(number), "finishes" if finishes else "") for number in range(6)]
    assert [one.communicate()[1] for one in several] == [""] * 6
    kept = {"everroad", "everroad/export.json", "everroad/kept", "everroad/kept/shard.json.gz"}
    assert (set(tree(root)) if finishes else set(tree(tmp_path))) == (kept if finishes else set())


CHILD = """
import sys
from pathlib import Path
from everroad.console import exit_status
from everroad.export.run import export_scenario
from tests.export.scenes import drive
def progress(done, total):
    print(done, flush=True)
    if done == 7 and sys.stdin.readline() == "fail\\n":
        raise ValueError("it fails")
sys.exit(exit_status(lambda: export_scenario(drive(sys.argv[2]), Path(sys.argv[1]), progress=progress)))
"""


def child(root: Path, name: str) -> subprocess.Popen:
    """A process that exports and waits after its seventh frame."""
    return started(CHILD, str(root), name)


def waits(one: subprocess.Popen) -> None:
    assert one.stdout is not None
    assert "7\n" in iter(one.stdout.readline, "")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_that_is_told_to_end_leaves_nothing(tmp_path, number):
    one = child(tmp_path / "deep" / "set", "one")
    waits(one)
    assert list((tmp_path / "deep" / "set").rglob("*.jpg"))
    one.send_signal(number)
    _, error = one.communicate()
    assert (one.returncode, error) == (130, "everroad: interrupted\n")
    assert tree(tmp_path) == {}


@pytest.mark.slow
@pytest.mark.parametrize("first_fails", [True, False])
def test_of_two_at_once_one_fails(tmp_path, first_fails):
    root = tmp_path / "deep" / "set"
    first = child(root, "first")
    waits(first)
    second = child(root, "second")
    waits(second)
    failing, other = (first, second) if first_fails else (second, first)
    _, error = failing.communicate("fail\n")
    assert (failing.returncode, error) == (2, "everroad: it fails\n")
    assert (root / "everroad" / "export.json").is_file()
    assert other.communicate("go on\n")[1] == ""
    assert other.returncode == 0
    name = "second" if first_fails else "first"
    assert finalize(root) == [name]
    assert not [path for path in tree(root) if "/.locks" in path or ("first" if first_fails else "second") in path]


@pytest.mark.slow
def test_of_two_at_once_both_fail(tmp_path):
    several = [child(tmp_path / "deep" / "set", name) for name in ("a", "b")]
    for one in several:
        waits(one)
    for one in several:
        one.communicate("fail\n")
    assert [one.returncode for one in several] == [2, 2]
    assert tree(tmp_path) == {}
