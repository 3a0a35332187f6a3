"""What ``everroad scenario export`` and ``everroad generate --export`` share: the options of an exported data set."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cyclopts import Parameter

from everroad.stream.folder import check_can_be_made

if TYPE_CHECKING:
    from everroad.export.generated import GeneratedExport
    from everroad.export.options import ExportOptions

Format = Literal["nuscenes"]
Export = tuple[Format, Path]


@Parameter(name="*")
@dataclass(frozen=True)
class Exported:
    """How a data set is written."""

    also: list[Literal["coco", "kitti", "depth", "instances"]] | None = None
    "What to write beside the nuScenes tables; may be repeated: coco, kitti, depth, instances."
    split: str = "everroad"
    "Split of the data set that the scene joins, such as everroad_train; those of nuScenes itself are taken."
    scene_name: str | None = None
    "Name of the scene in the data set; made from the scenario's if not given."
    location: str = "singapore-onenorth"
    "Map name. Tools know the four of nuScenes only, so one of those stands for our map."
    export_version: str = "v1.0-everroad"
    "Name of the folder with the tables."
    image_format: Literal["jpg", "png"] = "jpg"
    "Format of the pictures: jpg (quality 95) or png."


EXPORTED = Exported()


def export_options(exported: Exported, overwrite: bool) -> ExportOptions:
    """The options as the export takes them. Raises ``ValueError`` for names that cannot be."""
    from everroad.export.options import ExportOptions

    return ExportOptions(
        version=exported.export_version,
        location=exported.location,
        split=exported.split,
        scene_name=exported.scene_name,
        image_format=exported.image_format,
        also=tuple(exported.also or ()),
        overwrite=overwrite,
    )


def generated_export(export: Export | None, exported: Exported, overwrite: bool) -> GeneratedExport | None:
    """What takes a run's frames for ``--export nuscenes DIR``. Raises ``ValueError`` for options of an export without it."""
    if export is None:
        if exported != EXPORTED:
            raise ValueError("--export: expected it beside options of a data set, got none; add --export nuscenes DIR")
        return None
    from everroad.export.generated import GeneratedExport

    check_can_be_made(export[1], "--export")
    return GeneratedExport(export[1], export_options(exported, overwrite))
