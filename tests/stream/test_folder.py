from __future__ import annotations

import json
from pathlib import Path

import pytest

from everroad.stream.folder import check_can_be_made, check_folder, holds_a_run, make_folder, write_report


def finished_run(folder):
    make_folder(folder, png=True)
    write_report(folder, {"seed": 1}).replace(folder / "report.json")
    for name in ("video.mp4", "panels.mp4", "sheet.png", "frames/000001.png", "frames/1000000.png"):
        (folder / name).write_bytes(b"x")


def test_knows_its_own(tmp_path):
    finished_run(tmp_path / "run")
    assert holds_a_run(tmp_path / "run")
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "video.partial.mp4").write_bytes(b"x")
    assert holds_a_run(tmp_path / "part")


@pytest.mark.parametrize(
    "report", ["", "[1]", "{", pytest.param("[" * 200_000, id="deep"), '{"seed": 1}', '{"format": "other"}']
)
def test_another_programs_report_is_not_ours(tmp_path, report: str):
    (tmp_path / "report.json").write_text(report)
    assert not holds_a_run(tmp_path)
    with pytest.raises(ValueError, match="holds something else"):
        check_folder(tmp_path, overwrite=True)


def test_only_files_of_a_run_are_taken_away(tmp_path):
    run = tmp_path / "run"
    finished_run(run)
    (run / "frames" / "best.png").write_bytes(b"mine")
    (run / "export").mkdir()
    (run / "export" / "table.json").write_bytes(b"mine")
    check_folder(run, overwrite=True)
    make_folder(run, png=False)
    left = sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())
    assert left == ["export/table.json", "frames/best.png"]


def test_a_linked_frames_folder_is_not_followed(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "000001.png").write_bytes(b"mine")
    run = tmp_path / "run"
    run.mkdir()
    (run / "video.partial.mp4").write_bytes(b"x")
    (run / "frames").symlink_to(tmp_path / "elsewhere")
    make_folder(run, png=False)
    assert (tmp_path / "elsewhere" / "000001.png").exists()


def test_a_file_where_the_frames_belong_is_refused_before_anything_goes(tmp_path):
    run = tmp_path / "run"
    make_folder(run, png=False)
    write_report(run, {"seed": 1}).replace(run / "report.json")
    (run / "frames").write_text("mine")
    check_folder(run, overwrite=True)
    with pytest.raises(ValueError, match=r"frames: expected a folder for the frames, got a file"):
        check_folder(run, overwrite=True, png=True)
    assert (run / "report.json").is_file()


@pytest.mark.parametrize("name", ["video.mp4", "sheet.png", "frames/000002.png"])
def test_a_folder_with_the_name_of_a_file_is_refused_before_anything_goes(tmp_path, name: str):
    run = tmp_path / "run"
    finished_run(run)
    (run / name).unlink(missing_ok=True)
    (run / name).mkdir()
    with pytest.raises(ValueError, match=rf"{name}: expected a file of an earlier run, got a folder"):
        check_folder(run, overwrite=True)
    assert (run / "report.json").is_file()


def test_paths_where_no_folder_can_be_made_are_refused(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "astray").symlink_to(tmp_path / "gone" / "away")
    for name, got in [
        ("file", "Not a directory"),
        ("file/below", "Not a directory"),
        ("loop", "Too many levels of symbolic links"),
        ("astray", "No such file or directory"),
        ("loop/below", "Too many levels of symbolic links"),
        ("x" * 300, "File name too long"),
    ]:
        with pytest.raises(
            ValueError, match=f"{tmp_path / name}: expected a place that can be written, got '{got}'; choose another"
        ):
            check_can_be_made(tmp_path / name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["astray", "file", "loop"]
    with pytest.raises(ValueError, match=r"^the cache .*got 'Not a directory'"):
        check_can_be_made(tmp_path / "file", "the cache")


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="there is no /proc here")
def test_folders_that_only_seem_writable_are_refused():
    for folder in (Path("/proc/x"), Path("/proc/x/y")):
        with pytest.raises(ValueError, match="expected a place that can be written"):
            check_folder(folder, overwrite=True)


def test_checking_makes_nothing(tmp_path):
    check_folder(tmp_path / "a" / "b", overwrite=False)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_is_bad_input(tmp_path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(ValueError, match="Permission denied"):
        make_folder(tmp_path / "run", png=False)


def test_a_full_disk_is_no_bad_input(tmp_path, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.mkdir", refuse)
    with pytest.raises(OSError, match="No space"):
        make_folder(tmp_path / "run", png=False)


def test_the_report_says_what_it_is(tmp_path):
    report = json.loads(write_report(tmp_path, {"seed": 1}).read_text())
    assert report == {"format": "everroad.run", "format_version": 1, "seed": 1}
