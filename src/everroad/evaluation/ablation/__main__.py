"""Which conditions a model ignores: ``python -m everroad.evaluation.ablation --towns 4 --frames 24 --out ablation.json``.

Each condition of the first evaluation towns is zeroed, shuffled and mirrored; a table in Markdown, and the report as JSON.
"""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from everroad.evaluation.ablation.report import ablation_table
from everroad.evaluation.ablation.run import ablate
from everroad.evaluation.candidates import load_candidates
from everroad.evaluation.module_command import ModuleParser, whole_number
from everroad.evaluation.progress import say_progress
from everroad.scenario.files import write_atomically
from everroad.stream.folder import check_can_be_made
from everroad.stream.state import COMPUTE_DTYPES


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line. What is refused is one line, and exit status 2."""
    parser = ModuleParser("everroad.evaluation.ablation", __doc__)
    parser.add_argument("--weights", type=Path, help="a weights file; else the packaged ones of the preset")
    parser.add_argument("--preset", default="town")
    parser.add_argument("--out", type=Path, help="the report (.json)")
    for name, value, most in (("towns", 4, 1000), ("frames", 24, 100_000), ("steps", None, 1000)):
        parser.add_argument(f"--{name}", type=whole_number(1, most), default=value)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32", choices=list(COMPUTE_DTYPES))
    asked = parser.parse_args(arguments)
    command = shlex.join(["python", "-m", "everroad.evaluation.ablation", *(sys.argv[1:] if arguments is None else arguments)])
    options = {"steps": asked.steps, "device": asked.device, "dtype": asked.dtype, "command": command}
    with parser.exits():
        if asked.out is not None:
            check_can_be_made(asked.out, "--out", folder=False)
            if asked.out.is_dir():
                raise ValueError(f"{asked.out}: expected the name of a file, got a folder; name a .json file in it")
        candidate = load_candidates([asked.weights] if asked.weights else (), asked.preset, zero_memory=False)[0]
        report = ablate(candidate, towns=asked.towns, frames=asked.frames, progress=say_progress, **options)
        print(ablation_table(report))
        if asked.out is not None:
            asked.out.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(asked.out, (json.dumps(report, indent=2, allow_nan=False) + "\n").encode())


if __name__ == "__main__":
    main()
