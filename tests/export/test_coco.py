from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from everroad.export.coco import CATEGORY_ID, coco_file, run_lengths


@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 6), st.integers(1, 6))))
def test_run_lengths_come_back(mask):
    code = run_lengths(mask)
    values = np.arange(len(code["counts"])) % 2 == 1
    assert code["size"] == list(mask.shape)
    assert all(count > 0 for count in code["counts"][1:])
    np.testing.assert_array_equal(np.repeat(values, code["counts"]).reshape(mask.shape, order="F"), mask)


def test_file():
    seen = {"track_id": "a", "detection_class": "car", "box_px": [1, 2, 4, 6], "seen_px": 7, "segmentation": {}}
    pictures = [{"file_name": f"{i}.jpg", "width": 8, "height": 9, "actors": [seen] * i} for i in range(3)]
    made = coco_file(pictures)
    assert [image["id"] for image in made["images"]] == [1, 2, 3]
    assert [annotation["image_id"] for annotation in made["annotations"]] == [2, 3, 3]
    assert [annotation["id"] for annotation in made["annotations"]] == [1, 2, 3]
    assert made["annotations"][0]["bbox"] == [1, 2, 3, 4]
    assert made["annotations"][0]["category_id"] == CATEGORY_ID["car"] == 1
    assert len(made["categories"]) == 10
