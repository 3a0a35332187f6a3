"""Where a training run may begin or go on, and that looking leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import pytest

from everroad.training.run_folder import check_run_folder

OURS = '{"everroad": "0", "recipe": {}}'


def everything_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    "there", [{}, {"recipe.json.partial": "{"}, {"recipe.json": OURS}, {"recipe.json": OURS, "notes": "mine"}]
)
def test_new_folders_and_runs_of_ours_are_fine(tmp_path: Path, there: dict[str, str]) -> None:
    for name, text in there.items():
        (tmp_path / name).write_text(text)
    check_run_folder(tmp_path)
    check_run_folder(tmp_path / "deep" / "down")
    assert everything_in(tmp_path) == sorted(there)


def test_checkpoints_alone_are_a_run(tmp_path: Path) -> None:
    folder = tmp_path / "checkpoints" / "000000003"
    folder.mkdir(parents=True)
    (folder / "state.json").write_text("{")
    check_run_folder(tmp_path)


@pytest.mark.parametrize("text", ['{"cake": "eggs"}', "[1]", "{", pytest.param("[" * 200_000, id="deep")])
def test_a_recipe_of_something_else_is_no_run(tmp_path: Path, text: str) -> None:
    (tmp_path / "recipe.json").write_text(text)
    with pytest.raises(ValueError, match="choose another folder"):
        check_run_folder(tmp_path)
    assert (tmp_path / "recipe.json").read_text() == text


def test_any_other_file_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("")
    with pytest.raises(ValueError, match="choose another folder"):
        check_run_folder(tmp_path)


@pytest.mark.parametrize("name", ["recipe.json", "metrics.jsonl", "checkpoints", "strips", "tensorboard"])
def test_what_bears_a_name_of_ours_and_is_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "recipe.json").write_text(OURS)
    path = tmp_path / name
    if path.suffix:
        path.unlink(missing_ok=True)
        path.mkdir()
    else:
        path.write_text("")
    before = everything_in(tmp_path)
    with pytest.raises(ValueError, match=rf"^{path}: expected a .* of the run, got a .*; choose another"):
        check_run_folder(tmp_path)
    assert everything_in(tmp_path) == before
