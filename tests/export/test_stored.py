"""Names in an export's own files decide what is removed: none may lead out of the export."""

from __future__ import annotations

import gzip
import json

import pytest

from everroad.export.finalize import finalize
from everroad.export.folder import CARD, OWN, SHARD
from everroad.export.options import ExportOptions
from everroad.export.run import export_scenario
from tests.export.scenes import drive, first_frames

CARD_OF_OURS = {"format": "everroad.export", "format_version": 1, "version": "v1.0-everroad", "location": "boston-seaport"}
CARD_OF_OURS |= {"also": []}


@pytest.mark.parametrize(
    "changes",
    [
        {"version": "../victim"},
        {"version": ""},
        {"version": "."},
        {"version": None},
        {"location": "../victim"},
        {"format_version": 2},
        {"also": ["voc"]},
        {"also": None},
    ],
)  # fmt: skip
def test_a_card_that_names_anything_else_is_refused_and_nothing_goes(tmp_path, changes):
    victim, root = tmp_path / "victim", tmp_path / "set"
    (root / OWN).mkdir(parents=True)
    victim.mkdir()
    (victim / "keep.txt").write_text("mine")
    (root / "mine.txt").write_text("mine")
    (root / OWN / CARD).write_text(json.dumps({**CARD_OF_OURS, **changes}))
    with pytest.raises(ValueError, match=CARD):
        finalize(root)
    assert (victim / "keep.txt").is_file()
    assert (root / "mine.txt").is_file()


def test_a_card_without_a_version_is_refused(tmp_path):
    (tmp_path / OWN).mkdir()
    (tmp_path / OWN / CARD).write_text(json.dumps({k: v for k, v in CARD_OF_OURS.items() if k != "version"}))
    with pytest.raises(ValueError, match="version: expected this field"):
        finalize(tmp_path)


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    root = tmp_path_factory.mktemp("stored") / "set"
    return root, export_scenario(first_frames(drive(), 2), root, ExportOptions())


@pytest.mark.parametrize(
    "changes",
    [
        {"name": None}, {"name": "other"}, {"split": [{}]}, {"split": "../x"}, {"map_key": None}, {"bounds_m": None},
        {"bounds_m": [{}]}, {"files": ["../victim"]}, {"files": ["/etc/passwd"]}, {"kitti": ["../x"]}, {"tables": []},
    ],
)  # fmt: skip
def test_a_damaged_shard_is_refused_with_its_file(exported, changes):
    root, name = exported
    path = root / OWN / name / SHARD
    whole = path.read_bytes()
    try:
        path.write_bytes(gzip.compress(json.dumps({**json.loads(gzip.decompress(whole)), **changes}).encode()))
        with pytest.raises(ValueError, match=SHARD):
            finalize(root)
    finally:
        path.write_bytes(whole)
    assert finalize(root) == [name]


def test_scenes_may_be_called_like_locks_but_not_like_the_card(tmp_path):
    one = first_frames(drive(), 2)
    export_scenario(one, tmp_path / "a", ExportOptions(scene_name="finalize"))
    other = first_frames(drive(weather="fog"), 2)
    assert export_scenario(other, tmp_path / "a", ExportOptions(scene_name="finalize", overwrite=True)) == "finalize"
    with pytest.raises(ValueError, match="another name"):
        export_scenario(one, tmp_path / "b", ExportOptions(scene_name=CARD))
    assert not (tmp_path / "b").exists()
