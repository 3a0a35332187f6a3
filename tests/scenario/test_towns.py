from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import pytest

from everroad.scenario import towns
from everroad.scenario.storage import load_scenario
from everroad.scenario.town import author_town
from everroad.scenario.towns import MANIFEST, TownOptions, author_towns, town_path

from .strategies import difference

SHORT = TownOptions(seconds=0.5)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_each_seed_is_a_file_with_its_town(tmp_path):
    seen = []
    made = author_towns(tmp_path / "towns", [3, 4, 3], SHORT, progress=lambda *done: seen.append(done))
    assert made == 2
    assert seen == [(0, 2), (1, 2), (2, 2)]
    assert names(tmp_path / "towns") == ["town-3.json.gz", "town-4.json.gz", MANIFEST]
    assert difference(load_scenario(town_path(tmp_path / "towns", 4)), author_town(4, 0.5)) is None


def test_it_goes_on_where_it_was_and_half_files_go(tmp_path):
    author_towns(tmp_path, [3], SHORT)
    before = town_path(tmp_path, 3).stat().st_mtime_ns
    (tmp_path / ".town-4.json.gz.0123abcd.tmp").write_bytes(b"half")
    assert author_towns(tmp_path, range(3, 6), SHORT) == 2
    assert town_path(tmp_path, 3).stat().st_mtime_ns == before
    assert names(tmp_path) == ["town-3.json.gz", "town-4.json.gz", "town-5.json.gz", MANIFEST]
    assert author_towns(tmp_path, range(3, 6), SHORT) == 0


def test_an_interrupt_leaves_whole_files(tmp_path, monkeypatch):
    made = []

    def interrupted(*arguments):
        if made:
            raise KeyboardInterrupt
        made.append(1)
        return author_town(*arguments)

    monkeypatch.setattr(towns, "author_town", interrupted)
    with pytest.raises(KeyboardInterrupt):
        author_towns(tmp_path, range(3, 6), SHORT)
    assert names(tmp_path) == ["town-3.json.gz", MANIFEST]


@pytest.mark.slow
def test_several_processes_make_the_same_and_end(tmp_path):
    assert author_towns(tmp_path / "two", range(3, 6), SHORT, workers=2) == 3
    author_towns(tmp_path / "one", range(3, 6), SHORT)
    for seed in range(3, 6):
        assert town_path(tmp_path / "two", seed).read_bytes() == town_path(tmp_path / "one", seed).read_bytes()
    assert multiprocessing.active_children() == []


def test_folders_of_something_else_are_refused_and_stay(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    with pytest.raises(ValueError, match="expected a new folder or one of towns, got one that holds something else"):
        author_towns(tmp_path, [3], SHORT)
    assert names(tmp_path) == ["mine.txt"]


@pytest.mark.parametrize("options", [TownOptions(seconds=1.0), TownOptions(0.5, 10.0), TownOptions(0.5, rig="nuscenes-6")])
def test_other_options_are_refused(options, tmp_path):
    author_towns(tmp_path, [3], SHORT)
    with pytest.raises(
        ValueError, match=r"expected the same \w+ as the towns in it, got .* there, .* now; name another folder"
    ):
        author_towns(tmp_path, [4], options)
    assert names(tmp_path) == ["town-3.json.gz", MANIFEST]


def test_a_broken_manifest_and_bad_arguments_are_refused(tmp_path):
    (tmp_path / MANIFEST).write_text(json.dumps({"format": "everroad.towns", "format_version": 2}))
    with pytest.raises(ValueError, match=r"towns\.json: format_version: expected 1, got 2"):
        author_towns(tmp_path, [3], SHORT)
    for seeds, options in (([-1], SHORT), ([1], TownOptions(seconds=-1.0)), ([1], TownOptions(rig="none"))):
        with pytest.raises(ValueError, match="expected"):
            author_towns(tmp_path / "new", seeds, options)
        assert not (tmp_path / "new").exists()


def test_more_towns_than_a_folder_holds_are_refused_at_once(tmp_path):
    # A list of all of them would fill the memory.
    with pytest.raises(ValueError, match=r"^count: expected at most 1000000 towns in one folder, got more; ask for fewer$"):
        author_towns(tmp_path / "new", range(3, 10**17), SHORT)
    with pytest.raises(ValueError, match=r"^rig: expected"):
        author_towns(tmp_path / "new", range(3, 10**17), TownOptions(rig="none"))
    assert not (tmp_path / "new").exists()
