"""The page: whole, without a network, with everything that was measured."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from everroad.evaluation.report.html import measured, page
from everroad.evaluation.report.names import shown_name
from everroad.evaluation.report.panels import panels_of
from everroad.evaluation.report.tree import leaves

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Tags that are open, every attribute, and the text, by the heading above it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.text: dict[str, str] = {}
        self.heading = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag == "h2":
            self.heading = dict(attrs)["id"] or ""
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "svg"} & set(self.open):
            self.text[self.heading] = self.text.get(self.heading, "") + data + "\n"


def read(report: Any, film: Any) -> Reader:
    reader = Reader()
    reader.feed(page(report, film, panels_of(report)))
    reader.close()
    assert not reader.open
    return reader


def test_it_is_whole_and_loads_nothing(report, film) -> None:
    reader = read(report, film)
    loads = {"src", "href", "srcset", "data", "action", "poster", "background", "xlink:href"}
    for tag, name, value in reader.attributes:
        assert not name.startswith("on")
        if name in loads:
            assert value.startswith("data:image/jpeg;base64," if tag == "img" else "#")
    tags = {tag for tag, _, _ in reader.attributes}
    assert not tags & {"script", "link", "iframe", "object", "embed", "base"}
    assert "url(" not in page(report, film, panels_of(report))


def test_a_hostile_name_is_text(report, film, hostile) -> None:
    reader = read(report, film)
    text = page(report, film, panels_of(report))
    assert hostile not in text
    assert "<img src=&quot;http" not in text
    for heading in ("headline", "worst-cases", "film-strips", "all-measures", "differences", "protocol", "sources"):
        assert hostile in reader.text[heading]


def test_every_measure_of_every_source_is_there(report, film) -> None:
    """Every name once a group at least; of what no source has a value the part's name and the reason."""
    text = read(report, film).text["all-measures"]
    for source in report["sources"]:
        for tree in (source["measures"], {"drift": source["drift"]}):
            for path, leaf in leaves(tree):
                assert leaf["valid"] or "bus" in path
                assert shown_name(path).removeprefix("share of ") in text, path
                assert path[0] in text
    assert re.search(r"bus\s+: – no such things in these towns", text)
    for key in ("lane_marking", "official_mAP", "AP_at", "iou ", "classes (100)"):
        assert key not in text
    assert "classes (2)" in text
    assert "AP at 0.5 m" in text


def test_values_and_intervals_stand_in_the_row_of_their_measure(report, film) -> None:
    layout = report["sources"][1]["measures"]["layout"]
    layout["iou road"] = {"value": 0.12345, "valid": True, "interval": [0.1, 0.2]}
    layout["share road"] = {"value": 0.98765, "valid": True, "interval": None}
    text = page(report, film, panels_of(report))
    row = next(row for row in re.findall(r"<tr>.*?</tr>", text) if ">IoU of road</th>" in row)
    cells = [re.sub(r"<.*?>", "", cell) for cell in re.findall(r"<td.*?</td>", row)]
    assert cells == [
        "↑",
        "1.000 [0.900, 1.100]",
        "0.123 [0.100, 0.200]",
        "0.988",  # grey: no interval
        "0.500 [0.400, 0.600]",
        "0.500 [0.400, 0.600]",
    ]


def test_what_is_unknown_appears(report, film) -> None:
    report["sources"][1]["measures"]["ablation"] = {
        "map, zero": {
            "verdict": "used only",
            "follows": {"value": 0.4321, "valid": True, "interval": None},
            "deep": {"er": [1, 2]},
        }
    }
    report["sources"][2]["loop"] = {"comes back": {"value": 0.8765, "valid": True, "interval": None}}
    report["gains"] = {"on both": {"value": 0.2468, "valid": True, "interval": None}}
    report["remark"] = "by night"
    text = read(report, film).text
    for word in ("ablation", "map, zero", "used only", "0.432", "1, 2", "loop", "comes back", "0.876"):
        assert word in text["all-measures"], word
    for word in ("gains", "on both", "0.247", "by night"):
        assert word in text["further"]


def test_worst_cases_show_their_frames_the_painter_above(report, film, packed) -> None:
    report["sources"][2]["worst"] = []
    text = page(report, film, panels_of(report))
    part = text[text.index('id="worst-cases"') : text.index('id="curves"')]
    shown = re.findall(r'src="data:image/jpeg;base64,(.*?)" alt="(.*?)"', part)
    assert [alt for _, alt in shown[:8]] == [f"b, {name}, frame {i}" for name in ("painter", "model") for i in (50, 60, 70, 80)]
    assert base64.b64decode(shown[0][0]) == packed(50 + 20)
    assert base64.b64decode(shown[4][0]) == packed(50 + 60 + 20)
    assert part.index("0.500") < part.index("0.600")
    assert "No stretch has a layout to follow." in part


def test_few_stretches_show_half_of_them_at_most(report, film) -> None:
    report["protocol"] |= {"frames": 40, "scenarios": ["a", "b"]}
    for source in report["sources"]:
        source["curve"] = {}
    text = page(report, film, panels_of(report))
    part = text[text.index('id="worst-cases"') : text.index('id="curves"')]
    assert part.count("<summary>1. b") == 2
    assert "<summary>2." not in part


def test_one_window_has_no_plots_but_a_sentence(report, film) -> None:
    for source in report["sources"]:
        source["curve"] = {"1-40": source["curve"]["1-40"]}
    assert panels_of(report) == []
    assert "Curves need 80 frames" in read(report, film).text["curves"]


def test_a_measure_without_an_interval_is_grey_and_has_no_arrow(report, film) -> None:
    for source in report["sources"]:
        source["measures"]["realism"]["town-FVD"] = {"value": 120.5, "valid": True, "interval": None}
    report["sources"][1]["measures"]["realism"]["town-KID above floor"] |= {"value": -0.2, "interval": [-0.3, -0.1]}
    report["sources"][2]["measures"]["realism"]["town-KID above floor"] |= {"value": 0.2, "interval": [-0.1, 0.3]}
    text = page(report, film, panels_of(report))
    rows = {name: re.search(f">{name}</th>.*?</tr>", text) for name in ("town-FVD", "town-KID above floor")}
    found = {name: "" if row is None else row[0] for name, row in rows.items()}
    assert found["town-FVD"].count('class="number lone" title="no interval') == 3
    assert "↓" not in found["town-FVD"]
    assert found["town-KID above floor"].count('title="not told apart from the painter"') == 2
    assert "↓" in found["town-KID above floor"]


def test_official_scores_stand_with_the_boxes_and_name_their_tool(report, film) -> None:
    text = read(report, film).text["all-measures"]
    assert text.index("boxes") < text.index("By nuscenes-devkit 1.2.0.") < text.index("consistency")
    assert "official detection scores" not in text
    report["sources"][0]["official detection scores"] = {"tool": "everroad", "mAP": 0.12345, "NDS": None}
    text = read(report, film).text["all-measures"]
    for words in ("everroad's own implementation", "nuscenes-devkit 1.2.0", "0.1235"):
        assert words in text
    for source in report["sources"]:
        del source["official detection scores"]
    assert "nuScenes' detection scores" not in read(report, film).text["all-measures"]


def test_networks_and_sources_are_one_line_and_the_rest_folded(report, film) -> None:
    card = {
        "name": "segmenter",
        "sha256": "0123456789abcdef",
        "data": "pictures",
        "samples": 24000,
        "hardware": "a CPU, 1 core",
    }
    report["judges"] = {"segmenter": {**card, "purpose": "judges", "scores": {"mean": {"value": 0.5, "valid": True}}}}
    report["sources"][1]["described"] = {"kind": "world model", "preset": "town", "zero_memory": False, "card": card}
    text = read(report, film).text
    line = "sha256 0123456789ab; data: pictures; 24,000 samples; trained on a CPU, 1 core"
    assert f"segmenter; {line}\n" in text["judges"]
    assert f"world model; town; with its memory; {line}\n" in text["sources"]
    html = page(report, film, panels_of(report))
    assert all("<details" in html[: at.start()][-4000:] for at in re.finditer("0123456789abcdef", html))


def test_strips_of_all_towns_at_the_frames_there_are(report, film) -> None:
    text = page(report, film, panels_of(report))
    part = text[text.index('id="film-strips"') : text.index('id="all-measures"')]
    alts = re.findall(r'alt="(.*?)"', part)
    assert alts[:10] == [f"a, {name}, frame {i}" for name in ("painter", "model") for i in (1, 20, 40, 60, 84)]
    assert len(alts) == 3 * 3 * 5


def test_warnings(report, film) -> None:
    text = page(report, film, panels_of(report))
    for words in (
        "than the protocol has: 3 of 150",
        "10 frames a second, where the source has 12",
        "stage-long was changed: frames.",
    ):
        assert words in text
    assert "drift ratio says little" not in text
    report["protocol"]["ours"].remove("scenarios")
    assert "than the source used: 3 of 150" in page(report, film, panels_of(report))
    report["protocol"] |= {"frames": 240, "made_at_hz": 12.0, "scenarios": ["a", "b", *map(str, range(148))]}
    report["sources"][1]["drift"]["town-KID above floor, first window"] |= {"value": -0.01}
    text = read(report, make_wide(film)).text
    assert "The town-KID drift ratio says little of model: the first" in text[""]
    assert "changed" not in text[""]
    assert "Fewer" not in text[""]


def test_public_networks_with_other_weights_are_warned_of(report, film) -> None:
    files = [{"file": "own.pt", "sha256": "abc", "published": False}, {"file": "alex.pth", "sha256": "def", "published": True}]
    report["public_networks"] = [{"name": "i3d", "weights": files, "verified_against": "unverified"}]
    text = read(report, film).text
    assert "Not the published weights: own.pt of i3d." in text[""]
    for word in ("abc", "def", "unverified"):
        assert word in text["judges"]


def make_wide(film: Any) -> Any:
    for frame, of_frame in film.frames.items():
        film.frames[frame] = [towns[:1] * 150 for towns in of_frame]
    return film


def test_a_few_frames_of_one_town_with_the_painter_alone(report, film) -> None:
    """No curve, no worst case, nothing valid, no difference, no command: a page all the same."""
    painter = report["sources"][0]
    painter |= {"curve": {}, "worst": []}
    invalid = {"value": None, "valid": False, "interval": None}
    for tree in (painter["measures"]["realism"], painter["drift"]):
        tree |= dict.fromkeys(tree, invalid)
    report |= {"sources": [painter], "differences": [], "command": None}
    report["protocol"] |= {"frames": 6, "scenarios": ["a"]}
    text = read(report, film).text
    assert "Curves need 80 frames" in text["curves"]
    assert "needs two scenarios" in text["headline"]
    assert "differences" not in text
    assert measured(report) == (
        "painter beside the painter: 1 scenario, 6 frames of each after the start picture at 10 frames a second; "
        "protocol stage-long."
    )


def test_bold_differences_are_those_whose_interval_does_not_hold_0(report, film) -> None:
    less = report["differences"][0]["measures"]["layout"]
    less["share mean"] = {"value": 0.05, "valid": True, "interval": [-0.01, 0.11]}
    less["share told"] = {"value": 0.07, "valid": True, "interval": [0.01, 0.12]}
    text = page(report, film, panels_of(report))
    part = text[text.index('id="differences"') :]
    assert '<td class="number">0.0500 ' in part
    assert "<b>0.0700</b>" in part


@pytest.mark.parametrize("missing", ["window", "measure", "group"])
def test_a_window_or_a_measure_that_one_source_lacks(report, film, missing) -> None:
    source = report["sources"][1]
    if missing == "window":
        del source["curve"]["1-40"]
    elif missing == "measure":
        del source["curve"]["41-80"]["layout"]["share mean"], source["measures"]["layout"]["share mean"]
    else:
        del source["measures"]["consistency"], source["curve"]["1-40"]["consistency"]
    assert "layout share" in read(report, film).text["headline"]


def test_the_same_twice(report, film) -> None:
    assert page(report, film, panels_of(report)) == page(report, film, panels_of(report))
