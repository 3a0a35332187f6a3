"""COCO detection files of key frames: boxes and masks of the visible pixels, with the ten nuScenes detection classes."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool
from numpy import ndarray

from everroad.scenario.types import DETECTION_CLASSES

CATEGORIES = [{"id": i, "name": name, "supercategory": ""} for i, name in enumerate(DETECTION_CLASSES, start=1)]
CATEGORY_ID = {name: i for i, name in enumerate(DETECTION_CLASSES, start=1)}


def run_lengths(mask: Bool[ndarray, "h w"]) -> dict[str, Any]:
    """COCO's uncompressed run-length code: column after column, lengths of runs of 0 and 1 in turn, 0 first."""
    flat = np.concatenate([[False], mask.ravel(order="F"), [False]])
    changes = np.flatnonzero(flat[1:] != flat[:-1])
    bounds = np.concatenate([[0], changes, [] if len(changes) and changes[-1] == mask.size else [mask.size]]).astype(int)
    return {"size": list(mask.shape), "counts": np.diff(bounds).tolist()}


def coco_file(pictures: list[dict[str, Any]]) -> dict[str, Any]:
    """One COCO file of the pictures that the shards hold; ids count from 1 in their order."""
    images, annotations = [], []
    for image_id, picture in enumerate(pictures, start=1):
        images.append({"id": image_id, **{name: picture[name] for name in ("file_name", "width", "height")}})
        for actor in picture["actors"]:
            left, top, right, bottom = actor["box_px"]
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": CATEGORY_ID[actor["detection_class"]],
                    "bbox": [left, top, right - left, bottom - top],
                    "area": actor["seen_px"],
                    "segmentation": actor["segmentation"],
                    "iscrowd": 0,
                    "track_id": actor["track_id"],
                }
            )
    info = {"description": "Exported by Everroad: boxes and masks of visible pixels", "version": "1"}
    return {"info": info, "images": images, "annotations": annotations, "categories": CATEGORIES}
