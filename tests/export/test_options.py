from __future__ import annotations

import pytest

from everroad.export.options import ExportOptions, folder_name
from everroad.export.tokens import token


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"version": "../x"}, "version: expected up to 100 letters"),
        ({"location": ""}, "location: expected up to 100 letters"),
        ({"split": "val"}, "use everroad_val"),
        ({"split": "all"}, "split: expected none of the taken"),
        ({"scene_name": "a/b"}, "scene_name: expected up to 100 letters"),
        ({"location": "no-map"}, "scenes without a map"),
        ({"version": "samples"}, "no other folder"),
        ({"also": ("voc",)}, "also: expected some of coco"),
        ({"image_format": "gif"}, "image_format|Type-check"),
    ],
)
def test_refused_options(options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ExportOptions(**options)


def test_names_become_folder_names():
    assert folder_name("My drive #2") == "My-drive-2"
    assert folder_name("../..") == "scene"
    assert folder_name("") == "scene"
    assert len(folder_name("x" * 300)) == 100


def test_tokens_tell_records_apart_and_stay():
    assert token("sample", "a", 1) == token("sample", "a", 1)
    assert len({token("sample", "a", 1), token("sample", "a1"), token("scene", "a", 1), token("sample", "a", "1")}) == 4
    assert len(token("x")) == 32
    assert int(token("x"), 16) >= 0
