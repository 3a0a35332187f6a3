"""docs/evaluation.md says what the code has: protocols, public files, the measures of the headline."""

from __future__ import annotations

import re
from pathlib import Path

from everroad.evaluation.networks.manifest import load_manifest
from everroad.evaluation.protocols import PROTOCOLS, Protocol
from everroad.evaluation.report.headline import ROWS

PAGE = (Path(__file__).parents[3] / "docs" / "evaluation.md").read_text(encoding="utf-8")


def row_of(protocol: Protocol) -> list[str]:
    def shown(value: object, *fields: str) -> str:
        return f"*{value}*" if set(fields) & set(protocol.ours) else str(value)

    stride = shown(protocol.clip_stride, "clip_stride") if protocol.clip_stride else "once"
    prepared = (shown(getattr(protocol, name), name) for name in ("picture_preparation", "clip_preparation"))
    return [
        f"`{protocol.name}`",
        shown(protocol.frames, "frames"),
        shown(f"{protocol.frame_rate_hz:g}", "frame_rate_hz"),
        f"{shown(protocol.clip_frames, 'clip_frames')}, {stride}",
        shown(protocol.picture_stride, "picture_stride"),
        ", ".join(prepared),
        shown(protocol.scenarios, "scenarios"),
    ]


def test_the_table_of_protocols() -> None:
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line.startswith("| `")]
    found = [[cells[0], *cells[2:]] for cells in rows if len(cells) == 8]
    assert found[1:] == [row_of(protocol) for protocol in PROTOCOLS.values()]
    assert all(protocol.start == "left out" for protocol in PROTOCOLS.values())


def test_public_files_are_those_that_are_looked_for() -> None:
    for name in ("inception-2015-12-05", "i3d-kinetics-400", "alexnet", "lpips-alex"):
        for file in load_manifest(name).files:
            assert f"`{file}`" in PAGE


def test_every_measure_of_the_headline_is_explained() -> None:
    words = set(re.findall(r"`([^`]+)`", PAGE))
    for row in ROWS:
        name = re.sub("( above)? floor.*", "", row.path[-1].removeprefix("share "))
        assert {name, f"iou {name}"} & words, row
