"""Is generated video of use to a detector: ``python -m everroad.evaluation.downstream --out out/downstream``.

Detectors are trained on the painter's pictures ("real"), on a world model's of the same towns, on both, and on one after the
other; the table says how well each finds boxes in the painter's pictures of evaluation towns. Run again it goes on.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from everroad.evaluation.downstream.recipe import SMALL, WHOLE, DownstreamRecipe
from everroad.evaluation.downstream.run import TABLE, downstream
from everroad.evaluation.module_command import ModuleParser, whole_number
from everroad.stream.folder import check_can_be_made
from everroad.stream.state import COMPUTE_DTYPES

MODULE = "everroad.evaluation.downstream"
SCALES = {"small": SMALL, "whole": WHOLE}


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. What is refused is one line, and exit status 2."""
    parser = ModuleParser(MODULE, __doc__)
    parser.add_argument("--out", type=Path, required=True, help="folder of the clips, the trainings and the report")
    parser.add_argument("--scale", choices=list(SCALES), default="small", help="small: a CPU; whole: a GPU and 16 cores")
    parser.add_argument("--model", help="a preset with packaged weights, a weights file or a training's folder")
    for name, text in (("towns", "training towns"), ("train-steps", "of each detector"), ("batch", "clips of a train step")):
        parser.add_argument(f"--{name}", type=int, help=f"{text}; those of the scale if not given")
    parser.add_argument("--streams", type=int, help="towns that the model streams at once")
    parser.add_argument("--workers", type=int, help="processes that paint; 0: this one")
    for name, value in (("seeds", 3), ("eval-towns", 16), ("eval-frames", 240)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--device")
    parser.add_argument("--dtype", choices=list(COMPUTE_DTYPES))
    parser.add_argument("--threads", type=whole_number(1, 1024), help="torch's threads on the CPU")
    asked = parser.parse_args(arguments)
    command = f"python -m {MODULE} {shlex.join(sys.argv[1:] if arguments is None else arguments)}"
    with parser.exits():
        check_can_be_made(asked.out, "--out")
        if asked.threads is not None:
            torch.set_num_threads(asked.threads)
        counts = {"seeds": asked.seeds, "towns": asked.eval_towns, "frames": asked.eval_frames}
        downstream(_recipe(asked), asked.out, **counts, command=command, say=_say)
    print((asked.out / TABLE).read_text(encoding="utf-8"), end="")


def _recipe(asked: argparse.Namespace) -> DownstreamRecipe:
    """That of the scale, with what was asked for instead."""
    base = SCALES[asked.scale]
    own = _given(train_steps=asked.train_steps, batch=asked.batch, workers=asked.workers)
    maker = _given(model=asked.model, streams=asked.streams, device=asked.device, dtype=asked.dtype)
    clips = replace(base.clips, **_given(towns=asked.towns))
    return replace(base, clips=clips, maker=replace(base.maker, **maker), **own)


def _given(**options: object) -> dict[str, object]:
    return {name: value for name, value in options.items() if value is not None}


def _say(what: str, done: int, total: int) -> None:
    print(f"\r{what}: {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
