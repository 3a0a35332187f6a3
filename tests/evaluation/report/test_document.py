"""The folder: what may be written over, what is left when writing fails, the same bytes for the same report."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import pytest

from everroad.evaluation.report import document
from everroad.evaluation.report.document import check_folder, write_report


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_it_holds_page_numbers_and_plots_the_same_each_time(tmp_path: Path, report, film) -> None:
    for name in ("one", "two"):
        check_folder(tmp_path / name, False)
        write_report(tmp_path / name, report, film)
    found = contents(tmp_path / "one")
    assert found == contents(tmp_path / "two")
    assert json.loads(found["report.json"]) == report
    assert b"<svg" in found["report.html"]
    assert found["figures/curve-layout-share-mean.svg"].startswith(b"<svg")
    assert {Path(name).suffix for name in found} == {".json", ".html", ".svg"}


def test_folders_that_are_refused(tmp_path: Path, report, film) -> None:
    file, other, earlier = tmp_path / "file", tmp_path / "other", tmp_path / "earlier"
    file.write_text("x")
    other.mkdir()
    (other / "report.json").write_text('{"format": "everroad.evaluation"}')
    write_report(earlier, report, film)
    for folder, overwrite, words in [
        (file, False, "Not a directory"),
        (other, True, "something else"),
        (earlier, False, "--overwrite"),
    ]:
        with pytest.raises(ValueError, match=words):
            check_folder(folder, overwrite)
    check_folder(earlier, True)
    (other / "report.json").write_text("[" * 200_000)
    with pytest.raises(ValueError, match="something else"):
        check_folder(other, True)
    (earlier / "report.html").unlink()
    (earlier / "report.html").mkdir()
    with pytest.raises(ValueError, match=r"report\.html: expected a file, got a folder"):
        check_folder(earlier, True)
    check_folder(tmp_path / "new" / "deep", False)
    assert not (tmp_path / "new").exists()


def test_a_file_where_the_plots_go_is_refused(tmp_path: Path, report) -> None:
    (tmp_path / "report.json").write_text(json.dumps(report))
    (tmp_path / "figures").write_text("x")
    with pytest.raises(ValueError, match="figures: expected a folder, got a file"):
        check_folder(tmp_path, True)


def test_what_a_run_that_was_cut_off_left_may_be_written_over(tmp_path: Path) -> None:
    (tmp_path / "frames.jsonl.part").write_text("{}")
    with pytest.raises(ValueError, match="--overwrite"):
        check_folder(tmp_path, False)
    check_folder(tmp_path, True)
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ValueError, match="something else"):
        check_folder(tmp_path, True)


def test_overwriting_takes_old_plots_and_leaves_the_rest(tmp_path: Path, report, film) -> None:
    write_report(tmp_path, report, film)
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / "figures" / "own.svg").write_text("mine")
    (tmp_path / "figures" / "curve-of-yesterday.svg").write_text("old")
    for source in report["sources"]:
        source["curve"] = {}
    write_report(tmp_path, report, film)
    assert set(contents(tmp_path)) == {"report.json", "report.html", "notes.txt", "figures/own.svg"}


def test_numbers_that_are_not_finite_are_refused_before_anything_is_written(tmp_path: Path, report, film) -> None:
    report["seconds"]["paint"] = float("nan")
    with pytest.raises(ValueError, match="JSON compliant"):
        write_report(tmp_path / "out", report, film)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("failing", ["curve-layout-share-told.svg", "report.html", "report.json"])
def test_a_full_disk_leaves_nothing_half_written(tmp_path: Path, report, film, failing, monkeypatch) -> None:
    def write(path: Path, content: bytes) -> None:
        if path.name == f"{failing}.part":
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        path.write_bytes(content)

    monkeypatch.setattr(document, "write_atomically", write)
    (tmp_path / "frames.jsonl").write_text("{}")
    with pytest.raises(OSError, match="No space"):
        write_report(tmp_path, report, film)
    assert contents(tmp_path) == {"frames.jsonl": b"{}"}
    check_folder(tmp_path, True)
