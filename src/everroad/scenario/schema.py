"""The scenario file's format, version 1: what the JSON holds, checked on reading and published as a JSON Schema.

The fields are those of ``types.py`` with the same units and frames. Two things differ: an unknown ground height is
``null``, and an actor's arrays cover only the frames from its first to its last sight, starting at ``first_frame``.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from everroad.scenario.types import CATEGORIES, MarkColour, MarkType, SignalColour, TimeOfDay, Weather

FORMAT_VERSION = 1

Vector3 = tuple[float, float, float]
Quaternion = tuple[float, float, float, float]
Positive = Annotated[float, Field(gt=0)]
Category = Annotated[str | None, Field(json_schema_extra={"enum": [*CATEGORIES, None]})]


def _whole(version: object) -> object:
    """Refuses ``true`` and ``1.0``, which equal 1."""
    if type(version) in (bool, float):
        raise ValueError(f"the integer {FORMAT_VERSION}")
    return version


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class PosesFile(_Part):
    """One pose a frame: translation in metres and unit quaternion wxyz."""

    translation_m: list[Vector3]
    rotation_wxyz: list[Quaternion]


class CameraFile(_Part):
    """One pinhole camera; matrices by rows."""

    name: str
    width_px: Annotated[int, Field(gt=0)]
    height_px: Annotated[int, Field(gt=0)]
    intrinsics: tuple[Vector3, Vector3, Vector3]
    ego_from_camera: tuple[Quaternion, Quaternion, Quaternion, Quaternion]
    distortion: list[float] | None = None


class DividerFile(_Part):
    """One line of at least two points."""

    points_m: list[Vector3]
    mark: MarkType = "unknown"
    colour: MarkColour = "unknown"


class AreaFile(_Part):
    """One polygon; rings are not closed."""

    exterior_m: list[Vector3]
    holes_m: list[list[Vector3]] = []


class LaneFile(_Part):
    """One lane's centreline in driving direction."""

    lane_id: str
    centerline_m: list[Vector3]
    width_m: float | None = None
    successors: list[str] = []
    left_neighbour: str | None = None
    right_neighbour: str | None = None
    speed_limit_mps: float | None = None
    is_intersection: bool | None = None


class MapFile(_Part):
    """The map's layers; ``null`` is a layer nobody recorded, an empty list one with nothing in it."""

    drivable_areas: list[AreaFile] | None = None
    lane_dividers: list[DividerFile] | None = None
    road_dividers: list[DividerFile] | None = None
    ped_crossings: list[AreaFile] | None = None
    stop_lines: list[DividerFile] | None = None
    walkways: list[AreaFile] | None = None
    lanes: list[LaneFile] | None = None


class GroundFile(_Part):
    """Ground heights by rows; ``null`` where unknown."""

    origin_xy_m: tuple[float, float]
    resolution_m: Positive
    height_m: list[list[float | None]]


class ActorFile(_Part):
    """One tracked object from ``first_frame`` on; ``valid`` is ``null`` when it is seen in every frame of its arrays."""

    track_id: str
    category: Category
    source_category: str | None = None
    size_lwh_m: tuple[Positive, Positive, Positive]
    first_frame: Annotated[int, Field(ge=0)]
    poses: PosesFile
    valid: list[bool] | None = None
    velocity_mps: list[Vector3] | None = None
    attributes: list[str] | None = None


class SignalFile(_Part):
    """A traffic signal with one state a frame."""

    signal_id: str
    position_m: Vector3
    lane_id: str | None = None
    states: list[SignalColour]


class ScenarioFile(_Part):
    """A driving scenario: where the road is, who is on it, where the ego car goes."""

    format_version: Annotated[Literal[1], BeforeValidator(_whole)]
    name: str
    source: str = "unknown"
    start_stamp_ns: Annotated[int, Field(ge=-(2**63), lt=2**63)] = 0
    time_s: Annotated[list[float], Field(min_length=1)]
    world_from_ego: PosesFile
    cameras: list[CameraFile] = []
    map: MapFile | None = None
    ground: GroundFile | None = None
    actors: list[ActorFile] = []
    signals: list[SignalFile] = []
    weather: Weather | None = None
    time_of_day: TimeOfDay | None = None
    appearance_seed: int = 0
    images: dict[str, list[str]] = {}
    ego_motion_known: bool = True
    actors_known: bool = True


def json_schema() -> dict[str, Any]:
    """The published JSON Schema (draft 2020-12) of the scenario file."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:everroad:scenario:{FORMAT_VERSION}",
        **ScenarioFile.model_json_schema(),
    }
