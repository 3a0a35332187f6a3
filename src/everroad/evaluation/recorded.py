"""How well models go on from recorded frames: ``python -m everroad.evaluation.recorded RECORDINGS --from-s S --out DIR``.

Each stretch of the recordings from ``S`` on is held out: its first frame starts a stream, under the recording's own conditions,
and what is generated is compared with what was recorded,

    PSNR            = -10 log10(mean of (picture - recorded)²)  in dB, pictures in [0, 1], by frame;
    gradient energy = Σ G(picture) / Σ G(recorded),  G as in ``picture_statistics``;

squared errors and energies summed over stretches. Beside the models stand the start frame repeated; the same blurred, since
blur is less wrong where nothing is known, and a model that gains no more than that has only learnt to blur; and what encoder
and decoder alone make of each recorded frame. The packaged weights come first.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import UInt8
from numpy import ndarray

from everroad.data.recorded_clips import RecordedSpec, read_recorded
from everroad.data.recordings import find_stretches
from everroad.evaluation.candidates import Candidate, load_candidates
from everroad.evaluation.colour import lab
from everroad.evaluation.first_frame_baselines import mean_squared_error
from everroad.evaluation.picture_statistics import picture_statistics
from everroad.media import contact_sheet, write_png
from everroad.model.inference import for_inference
from everroad.stream.folder import check_can_be_made
from everroad.stream.generate import next_frame
from everroad.stream.hardware import describe_hardware
from everroad.stream.start import start

FORMAT_VERSION = 1
SHOWN = (1, 5, 10, 15, 20)
REPEAT, BLURRED = "start repeated", "start repeated, blurred"
BLUR_PX = 0.6  # standard deviation: about half of a sharp picture's gradient energy is left
Pictures = UInt8[ndarray, "f h w 3"]


# Pictures of one stretch by who made them, frame 0 (the start) first; "recorded" is the truth.
Rows = dict[str, Pictures]


@torch.no_grad()
def continue_stretch(candidates: Sequence[Candidate], spec: RecordedSpec) -> Rows:
    """The recorded frames, the first one repeated and blurred, and of each model its stream and encoder and decoder alone."""
    config = candidates[0].world_model.config
    clip = read_recorded([spec], config.height_px, config.width_px)[0]
    images, conditions = clip.images.float() / 255, clip.conditions.split()
    recorded = _bytes(images)
    still = {REPEAT: recorded[0], BLURRED: cv2.GaussianBlur(recorded[0], (0, 0), BLUR_PX)}
    pictures = {"recorded": recorded} | {name: np.repeat(first[None], len(recorded), 0) for name, first in still.items()}
    for candidate in candidates:
        model = for_inference(candidate.world_model, torch.device("cpu"), torch.float32)
        state, made = start(model, images[:1, None], conditions[0], 0, [spec.camera]), [recorded[:1]]
        for told in conditions[1:]:
            frame, state = next_frame(model, state, told)
            made.append(_bytes(frame.decode(model)[0]))
        pictures[candidate.name] = np.concatenate(made)
        back = [model.decode(model.encode(image[None, None]), told)[0] for image, told in zip(images, conditions, strict=True)]
        pictures[f"{candidate.name}, encoded and decoded"] = _bytes(torch.cat(back))
    return pictures


def measures(stretches: Sequence[Rows]) -> dict[str, dict[str, list[float]]]:
    """PSNR and gradient energy of frames 1, 2, … of everything that is compared with the recorded frames."""
    found = {}
    for name in (name for name in stretches[0] if name != "recorded"):
        pairs = [(rows[name][1:], rows["recorded"][1:]) for rows in stretches]
        errors = np.mean([[mean_squared_error(a, b) for a, b in zip(*pair, strict=True)] for pair in pairs], axis=0)
        ours, theirs = (np.sum([[_energy(picture) for picture in pair[i]] for pair in pairs], axis=0) for i in (0, 1))
        psnr = -10 * np.log10(np.maximum(errors, 1e-10))
        energy = ours / np.maximum(theirs, 1e-12)
        found[name] = {"psnr_db": psnr.round(2).tolist(), "gradient_energy": energy.round(3).tolist()}
    return found


def evaluate_recorded(
    candidates: Sequence[Candidate], recordings: Path, from_s: float, out: Path, frames: int, vertical_anchor: float = 0.5
) -> dict[str, Any]:
    """Continues every stretch of at least ``frames`` frames after its start; writes ``report.json`` and, of the first stretch,
    ``sheet.png``. Raises ``ValueError`` for recordings that are refused or models of different sizes."""
    sizes = {(candidate.world_model.config.height_px, candidate.world_model.config.width_px) for candidate in candidates}
    if len(sizes) != 1:
        raise ValueError(f"--weights: expected models of one frame size, got {sorted(sizes)}; compare others apart")
    check_can_be_made(out, "--out")
    stretches = find_stretches(recordings, frames + 1, from_s=from_s)
    specs = [RecordedSpec(s.path, s.camera, s.first_frame, frames + 1, vertical_anchor) for s in stretches]
    rows = [continue_stretch(candidates, spec) for spec in specs]
    report = {
        "format": "everroad.recorded",
        "format_version": FORMAT_VERSION,
        "stretches": [{"recording": Path(s.path).name, "camera": s.camera, "first_frame": s.first_frame} for s in specs],
        "frames": frames,
        "hardware": describe_hardware(torch.device("cpu")),
        "models": [{"name": candidate.name, "sha256": candidate.card.get("sha256")} for candidate in candidates],
        "measures": measures(rows),
    }
    out.mkdir(parents=True, exist_ok=True)
    write_png(out / "sheet.png", sheet(rows[0], candidates))
    beside = out / "report.partial.json"
    beside.write_text(json.dumps(report, indent=1))
    beside.replace(out / "report.json")
    return report


def sheet(rows: Rows, candidates: Sequence[Candidate]) -> UInt8[ndarray, "sheet_h sheet_w 3"]:
    """Rows: recorded, then each model. Columns: the start and those of the frames ``SHOWN`` that there are, else the last."""
    last = len(rows["recorded"]) - 1
    shown = [0, *sorted({min(frame, last) for frame in SHOWN})]
    names = ["recorded", *(candidate.name for candidate in candidates)]
    pictures = [rows[name][frame] for name in names for frame in shown]
    return contact_sheet(pictures, [f"{name} {frame}" for name in names for frame in shown], columns=len(shown))


def _bytes(images: torch.Tensor) -> Pictures:
    return images.clamp(0, 1).mul(255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()


def _energy(picture: UInt8[ndarray, "h w 3"]) -> float:
    return float(picture_statistics(picture, lab(picture)).gradient_energy)


def main() -> None:
    """Prints a table of means over the frames; the report has them by frame."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("recordings", type=Path, help="folder of scenario files with recorded images, or one file")
    parser.add_argument("--from-s", type=float, required=True, help="what lies before this time of each recording is not used")
    parser.add_argument("--frames", type=int, default=18, help="frames after the start")
    parser.add_argument("--weights", type=Path, nargs="*", default=[], help="model files beside the packaged weights")
    parser.add_argument("--preset", default="town")
    parser.add_argument("--out", type=Path, required=True, help="folder for report.json and sheet.png")
    arguments = parser.parse_args()
    try:
        packaged = load_candidates(preset=arguments.preset, zero_memory=False)
        others = load_candidates(arguments.weights, zero_memory=False) if arguments.weights else []
        report = evaluate_recorded(
            [*packaged, *others], arguments.recordings, arguments.from_s, arguments.out, arguments.frames
        )
    except ValueError as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    print("| | PSNR, dB | gradient energy |\n|---|---|---|")
    for name, found in report["measures"].items():
        print(f"| {name} | {np.mean(found['psnr_db']):.1f} | {np.mean(found['gradient_energy']):.2f} |")


if __name__ == "__main__":
    main()
