"""What each measure is, in one sentence with its unit and what is good; nothing of what is not known."""

from __future__ import annotations

from everroad.evaluation.report.glossary import SCENARIOS
from everroad.evaluation.report.tree import Path
from everroad.evaluation.run.measures import NEAR_CARS
from everroad.evaluation.run.observer import NEAR_M

BELOW_ITS_FLOOR = (
    "A distance below its floor, or a distance above floor of less than 0, does not mean better than the painter: the "
    "towns are too few to tell the two apart."
)
_TOWN = "by features of Everroad's own small network; comparable with no paper's numbers"
_PUBLIC = "by the public network"
_KERNEL, _FRECHET = "kernel distance (squared MMD)", "Fréchet distance"
_DISTANCES = {
    "town-KID": f"{_KERNEL} from the painter's pictures of other towns, {_TOWN}: lower is better.",
    "town-FID": f"{_FRECHET} from the painter's pictures of other towns, {_TOWN}: lower is better, never without its floor.",
    "town-KVD": f"{_KERNEL} from the painter's clips of other towns, {_TOWN}: lower is better.",
    "town-FVD": f"{_FRECHET} from the painter's clips of other towns, {_TOWN}: lower is better, never without its floor.",
    "KID": f"{_KERNEL} from the painter's pictures of other towns, {_PUBLIC} Inception-v3: lower is better.",
    "FID": f"{_FRECHET} from the painter's pictures of other towns, {_PUBLIC} Inception-v3: lower is better, beside its floor.",
    "KVD": f"{_KERNEL} from the painter's clips of other towns, {_PUBLIC} I3D: lower is better.",
    "FVD": f"{_FRECHET} from the painter's clips of other towns, {_PUBLIC} I3D: lower is better, beside its floor.",
}
_SIMPLE: dict[Path, str] = {
    ("realism", "LPIPS"): "Perceptual distance (AlexNet) to the painter's picture of the same frame: lower is better.",
    ("pictures", "colour error"): "How far the mean colour of a picture is from the painter's, in ΔE*ab (about 2 is just "
    "seen): lower is better.",
    ("pictures", "contrast"): "Spread of brightness over the painter's: 1 is best, below 1 is flat.",
    ("pictures", "gradient energy"): "Sharpness over the painter's: 1 is best, below 1 is blur, above 1 is noise.",
    ("pictures", "psnr, dB"): "How near each pixel is to the painter's, in decibels: higher is better, though other pictures "
    "would be right too.",
    ("layout", "iou mean"): "Mean of the IoU of road, lane markings, vehicles and buildings: higher is better.",
    ("layout", "iou told"): "Mean of the IoU of what the conditions tell: road, lane markings and vehicles, without buildings; "
    "higher is better.",
    ("boxes", "mAP"): "nuScenes' mean average precision of a small detector, over the classes that these towns have: higher is "
    "better.",
    ("boxes", "NDS"): "nuScenes' detection score (mAP and errors) of the classes that these towns have: higher is better.",
    ("boxes", "official_mAP"): "mAP where classes that these towns lack count as missed, as nuScenes does: higher is better.",
    ("boxes", "official_NDS"): "NDS where classes that these towns lack count as missed, as nuScenes does: higher is better.",
    ("map", "mAP"): "Mean average precision of dividers, boundaries and crossings that a small map network finds, within 0.5, "
    "1 and 1.5 m: higher is better.",
}  # fmt: skip
_ERRORS = {
    "translation": "Distance of found boxes from their places, in metres: lower is better.",
    "scale": "1 - IoU of the sizes of found boxes and asked ones: lower is better.",
    "orientation": "Angle between found boxes and asked ones, in radians: lower is better.",
    "velocity": "Difference of found velocities from asked ones, in m/s: lower is better.",
    "attribute": "Share of found boxes whose attribute (moving, parked) is wrong: lower is better.",
}
_WARP = {
    "warp error": "Colour difference between a picture and the one before moved along, in ΔE*ab: lower is better, but blur and "
    "standing pictures lower it too.",
    "warp error to detail": "Warp error of brightness over the picture's detail, so that blur gains less: lower is better.",
    "left by motion": "How much of the change from frame to frame the motion leaves unexplained: 0 is best, 1 is a picture "
    "that stands while the car drives.",
    "static flicker": "Brightness of small blocks that changes without motion, in L* (0 to 100): lower is better.",
    "light flicker": "Shaking of the whole picture's brightness from frame to frame, in L* (0 to 100): lower is better.",
    "still frames": "Share of frames that repeat the one before: lower is better.",
}
_BY_FLOW = {"known motion": "by the true depth and motion", "estimated flow": "by optical flow of the pictures themselves"}
_EGO = {
    "readable frames": "Share of driven frames whose motion can be read off the painter's picture, so that they count: higher "
    "is surer.",
    "speed error": "How far the speed that the video shows is from the one asked for, over the asked: 0 is best, 1 is a car "
    "that stands.",
    "yaw rate error, deg/s": "How far the turning that the video shows is from the one asked for, in degrees a second: lower "
    "is better.",
    "speed correlation": "Whether shown and asked speed rise and fall together: 1 is best, 0 is not at all.",
    "yaw rate correlation": "Whether shown and asked turning go together: 1 is best, 0 is not at all.",
}
_PERSISTENCE = {
    "instances": "How many {} were seen at first and 40 frames later.",
    "change": "How far the mean colour of {} moves in 40 frames, in ΔE*ab: lower is better; read it beside the painter's.",
    "painter's change": "The same in the painter's pictures: what light and viewpoint alone do to {}, in ΔE*ab.",
    "beyond the painter's": "How far the change of the colour of {} is from the change in the painter's pictures, in ΔE*ab: "
    "lower is better.",
    "variety": "Spread of colours over {}, over the painter's: 1 is best; below 1 all become alike.",
}
_SCENARIOS = {
    "ego speed, m/s": "Mean speed of the ego car, in m/s: neither way is good.",
    "ego longitudinal acceleration, rms m/s²": "Root mean square of speeding up and braking, in m/s²: lower is smoother.",
    "ego lateral acceleration, rms m/s²": "Root mean square of sideways acceleration, in m/s²: lower is smoother.",
    "ego jerk, rms m/s³": "Root mean square of the change of acceleration, in m/s³: lower is smoother.",
    "ego yaw rate, rms rad/s": "Root mean square of how fast the ego turns, in rad/s: neither way is good.",
    "ego uncomfortable": "Share of frames where the ego passes one of nuPlan's limits of comfort: lower is better.",
    "ego infeasible": "Share of frames where the ego does what no car can: 0 is best.",
    "actors infeasible": "Share of all actors' frames in which they do what such a thing cannot: 0 is best.",
    "ego in collision": "Share of frames where the ego's box overlaps another: 0 is best.",
    "actors in collision": "Share of actors' frames in which two boxes overlap and one of them moves: 0 is best.",
    "actors in standing overlap": "Share of actors' frames in which the boxes of two that stand overlap: 0 is best.",
    "ego off the road": "Share of frames where the ego is beside the road: 0 is best.",
    "vehicles off the road": "Share of vehicles' frames beside the road: 0 is best.",
    "time gap, s": "Mean time to where the car ahead is now, in seconds: neither way is good.",
    "time gap below 1 s": "Share of frames with a car ahead that is less than 1 s away: lower is better.",
    "time gap below 2 s": "Share of frames with a car ahead that is less than 2 s away: lower is better.",
}


def meaning(path: Path) -> str | None:
    """One sentence. ``path`` begins with the group; a share says what it is a share of."""
    group, name = path[0], path[-1]
    if name.startswith("share "):
        whole = _whole(path)
        return None if whole is None else f"Over the painter's own score; 1 is the painter's own. {whole}"
    if group in ("realism", "drift"):
        return _of_distance(name) or _SIMPLE.get(path)
    if group == SCENARIOS:
        return _of_scenarios(name)
    if group == "consistency":
        return _of_consistency(path)
    if group == "persistence":
        things = {"actor": "actors (cars, people)", "facade": "facades"}.get(path[1], path[1])
        return _PERSISTENCE[name].format(things) if name in _PERSISTENCE else None
    if path in _SIMPLE:
        return _SIMPLE[path]
    if group == "layout" and name.startswith("iou "):
        return (
            f"Pixels that a segmenter names {name.removeprefix('iou ').replace('_', ' ')} and that should be, over those that "
            "are either (intersection over union): 0 to 1, higher is better."
        )
    return _of_boxes(path) if group in ("boxes", "map") else None


def _whole(path: Path) -> str | None:
    name = path[-1].removeprefix("share ")
    return meaning((*path[:-1], f"iou {name}" if path[0] == "layout" else name))


def _of_distance(name: str) -> str | None:
    of = name.split(" ")[0]
    if of not in _DISTANCES:
        return None
    match name.removeprefix(of).strip():
        case "":
            return _DISTANCES[of]
        case "floor":
            return f"The painter's own {of} to the same other towns: what a perfect source would score."
        case "above floor":
            return f"{of} less its floor, what is the source's own doing: lower is better, 0 is like the painter."
        case "above floor, first window":
            return f"{of} above floor in the first 40 frames: lower is better, 0 is like the painter."
        case "above floor, last window":
            return f"{of} above floor in the last 40 frames: lower is better; higher than in the first is drift."
        case "drift ratio":
            return f"{of} above floor in the last 40 frames over that in the first 40: 1 is no drift, above 1 it gets worse."
        case "long over short":
            return f"{of} of the whole video over that of its first 16 frames: near 1 is no drift; it falls with more clips."
    return None


def _of_consistency(path: Path) -> str | None:
    if path[1] in _BY_FLOW and path[-1] in _WARP:
        return f"{_WARP[path[-1]]} Motion {_BY_FLOW[path[1]]}."
    if path[1:] == ("identity", "identity"):
        return "Chance that an object looks more like itself 12 frames ago than like another: 1 is best, 0.5 is chance."
    return _EGO.get(path[-1]) if path[1] == "ego motion" else None


def _of_boxes(path: Path) -> str | None:
    group, name = path[0], path[-1]
    if "errors" in path[:-1]:
        return _ERRORS.get(name)
    what = "map elements" if group == "map" else "boxes"
    if name == NEAR_CARS:
        return f"Average precision of cars within {NEAR_M:g} m of the ego, found within 2 m of their place: higher is better."
    if name == "AP":
        return (
            f"Average precision of such {what} that a small network finds, mean over the distances: 0 to 1, higher is better."
        )
    if "AP_at" in path[:-1]:
        return f"Average precision of such {what}, found within {name} m of their place: 0 to 1, higher is better."
    return None


def _of_scenarios(name: str) -> str | None:
    if name in _SCENARIOS:
        return _SCENARIOS[name]
    for start in ("ego uncomfortable", "ego infeasible", "actors infeasible"):
        if name.startswith(f"{start} "):
            limit = "beyond comfort" if start.endswith("uncomfortable") else "beyond what is possible"
            whose = "the ego's" if start.startswith("ego") else "actors'"
            return f"Share of {whose} frames with {name.removeprefix(f'{start} ')} {limit}: 0 is best."
    return None
