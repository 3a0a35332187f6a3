"""The report's folder, sheet and table."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from everroad.evaluation import quick_report
from everroad.evaluation.quick_report import ROWS, check_folder, quick_table, sheet, sheet_frames, write


def test_folders_that_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    other, earlier = tmp_path / "other", tmp_path / "earlier"
    other.mkdir()
    (other / "report.json").write_text('{"format": "everroad.run"}')
    write(earlier, {"format": quick_report.FORMAT}, np.zeros((4, 4, 3), dtype=np.uint8))
    for folder, overwrite, words in [
        (file, False, "Not a directory"),
        (file / "below", False, "Not a directory"),
        (other, True, "something else"),
        (earlier, False, "--overwrite"),
    ]:
        with pytest.raises(ValueError, match=words):
            check_folder(folder, overwrite)
    check_folder(earlier, True)
    (earlier / "sheet.png").unlink()
    (earlier / "sheet.png").mkdir()
    with pytest.raises(ValueError, match=r"sheet\.png: expected a picture"):
        check_folder(earlier, True)
    (other / "report.json").write_text("[" * 200_000)
    with pytest.raises(ValueError, match="something else"):
        check_folder(other, True)
    check_folder(tmp_path / "new" / "deep", False)
    assert not (tmp_path / "new").exists()


def test_writing_leaves_report_and_sheet_and_refuses_nan(tmp_path: Path) -> None:
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    write(tmp_path / "out", {"value": 1.5}, picture)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["report.json", "sheet.png"]
    assert json.loads((tmp_path / "out" / "report.json").read_text()) == {"value": 1.5}
    with pytest.raises(ValueError, match="JSON"):
        write(tmp_path / "out", {"value": float("nan")}, picture)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["sheet.png"]


@pytest.mark.parametrize(
    ("frames", "expected"), [(240, [1, 40, 120, 240]), (300, [1, 40, 120, 240]), (60, [1, 40]), (6, [1, 6]), (1, [1])]
)
def test_the_sheet_shows_the_frames_of_the_statistics(frames: int, expected: list[int]) -> None:
    assert sheet_frames(frames) == expected


def test_the_sheet_has_the_painter_above_the_models(kit) -> None:
    shown = {
        frame: [[np.full((8, 12, 3), 100 * town + 10 * row + frame, dtype=np.uint8) for row in range(3)] for town in range(2)]
        for frame in (1, 4)
    }
    picture = sheet(shown, ["one", "two"], kit.towns)
    assert picture.shape[1] == 24
    rows = picture.reshape(6, -1, 24, 3)[:, -4]
    assert [rows[:, 3, 0].tolist(), rows[:, 15, 0].tolist()] == [[1, 11, 21, 101, 111, 121], [4, 14, 24, 104, 114, 124]]


def test_the_table_shows_values_intervals_and_verdicts() -> None:
    def measure(value: float | None) -> dict[str, object]:
        return {"value": value, "valid": value is not None, "interval": None if value is None else [value - 0.1, value + 0.1]}

    def model(name: str, value: float | None) -> dict[str, object]:
        tree: dict = {"name": name, "acceptance": {"a bar": {"bar": 0.5, "value": value, "passed": value and value >= 0.5}}}
        for _, path in ROWS:
            branch = tree
            for part in path[:-1]:
                branch = branch.setdefault(part, {})
            branch[path[-1]] = measure(value)
        return tree

    report = {"protocol": {"town_seeds": [1, 2], "frames": 60}, "models": [model("stage1", 0.25), model("stage2", None)]}
    console = Console(file=StringIO(), width=160)
    console.print(quick_table(report))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "stage1" in text
    assert "0.250 [0.150, 0.350]" in text
    assert "0.250 ✗ 0.5" in text
    assert "2 evaluation towns, 60 frames" in text
    assert all(title in text for title, _ in ROWS)
