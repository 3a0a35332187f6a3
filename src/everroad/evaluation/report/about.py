"""What the numbers are worth: protocol, judges, networks, hardware, versions, and what to be warned of."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from everroad.evaluation.protocols import PROTOCOLS
from everroad.evaluation.report.markup import Markup, details, element
from everroad.evaluation.report.tree import is_measure, leaves, numbers

Report = Mapping[str, Any]
_SHA256_DIGITS = 12


def warnings(report: Report) -> list[str]:
    """Where the run is not what the protocol's source did, and what else makes numbers say less; a sentence each."""
    protocol, found = report["protocol"], []
    towns, asked = len(protocol["scenarios"]), protocol.get("scenarios_of_the_source")
    if asked is not None and towns < asked:
        whose = "the protocol has" if "scenarios" in protocol.get("ours", []) else "the source used"
        found.append(
            f"Fewer scenarios than {whose}: {towns} of {asked}. Fréchet distances fall with the number of samples; "
            "read them beside their floor."
        )
    made, rate = protocol.get("made_at_hz"), protocol.get("frame_rate_hz")
    if made is not None and rate is not None and made != rate:
        found.append(f"Another frame rate than the source's: {made:g} frames a second, where the source has {rate:g}.")
    named = PROTOCOLS.get(protocol["name"])
    changed = [] if named is None else [key for key, value in named.to_json().items() if _other(protocol, key, value)]
    if changed:
        found.append(f"The protocol {protocol['name']} was changed: {', '.join(key.replace('_', ' ') for key in changed)}.")
    low: dict[str, list[str]] = {}
    for source in report["sources"]:
        for name, first in _first_windows(source):
            if first["value"] <= 0 or (first.get("interval") and first["interval"][0] <= 0):
                low.setdefault(name, []).append(source["name"])
    found += [
        f"The {name} drift ratio says little of {', '.join(of)}: the first window is not surely above the floor. Read the last."
        for name, of in low.items()
    ]
    if towns == 1:
        found.append("One scenario: there are no intervals.")
    for network in report.get("public_networks") or []:
        files = [of["file"] for of in network.get("weights", []) if not of.get("published", True)]
        if files:
            found.append(f"Not the published weights: {', '.join(files)} of {network.get('name')}.")
    return found


def _first_windows(source: Report) -> Iterator[tuple[str, Report]]:
    """Of each drift ratio that the source has the distance's name and its value in the first window."""
    drift = source.get("drift", {})
    for key, measure in drift.items():
        name = key.removesuffix(" drift ratio")
        first = drift.get(f"{name} above floor, first window")
        if name != key and measure["valid"] and first is not None and first["valid"]:
            yield name, first


def _other(protocol: Report, key: str, value: Any) -> bool:
    """``scenarios`` are names in a report; ``source`` and ``ours`` say only where fields are from."""
    return key not in ("scenarios", "source", "ours") and protocol.get(key) != value


def warning_list(report: Report) -> Markup:
    """The warnings, or nothing."""
    found = warnings(report)
    return element("ul", (element("li", text) for text in found), class_="warnings") if found else Markup()


def protocol_table(report: Report) -> Markup:
    """Every field; those that the source does not say are marked."""
    protocol = report["protocol"]
    # A report's scenarios are those it has, beside the number that the source had.
    ours = {"scenarios_of_the_source" if name == "scenarios" else name for name in protocol.get("ours", [])}
    rows = [
        element(
            "tr",
            element("th", name.replace("_", " "), scope="row"),
            element("td", plain([_named(field) for field in value] if name == "ours" else value)),
            element("td", "ours: the source does not say" if name in ours else ""),
        )
        for name, value in protocol.items()
    ]
    return element("div", element("table", rows, class_="fields"), class_="wide")


def judges_section(report: Report) -> Markup:
    """Of each network that judged one line and what it is for, its scores and its whole card folded away."""
    parts = []
    for name, card in report["judges"].items():
        parts += [element("h3", name), element("p", _summary(card)), element("p", str(card.get("purpose", "")), class_="note")]
        if card.get("scores"):
            parts.append(details("scores", _scores(card)))
        parts.append(details("whole card", _json(card)))
    networks = report.get("public_networks")
    parts.append(element("h3", "public networks"))
    if networks:
        parts += [fields(network) for network in networks]
    else:
        said = "None: FID, KID, FVD and LPIPS were not measured. town-FID, town-KID and town-FVD are no substitutes for them."
        parts.append(element("p", said))
    return element("div", parts)


def _scores(card: Report) -> Markup:
    of = card.get("scores_of") or card.get("scores_mean")
    rows = []
    for path, leaf in leaves(card["scores"]):
        shown = " ".join(numbers(leaf)) if is_measure(leaf) and leaf["valid"] else "–" if is_measure(leaf) else _word(leaf)
        rows.append(element("tr", element("th", _named(" / ".join(path)), scope="row"), element("td", shown)))
    note = element("p", f"Of {of}." if card.get("scores_of") else f"mean: {of}.", class_="note") if of else ""
    return element("div", note, element("table", rows, class_="fields"))


def sources_section(report: Report) -> Markup:
    """What each source is: one line, and everything that it says of itself folded away."""
    parts = []
    for source in report["sources"]:
        described = source["described"]
        parts += [element("h3", source["name"]), element("p", _summary(described))]
        short = {key: value for key, value in described.items() if not isinstance(value, Mapping)}
        cards = [(key, value) for key, value in described.items() if isinstance(value, Mapping)]
        if len(short) > 1 or cards:
            whole = [part for key, value in cards for part in (element("h4", _named(key)), _json(value))]
            parts.append(details("everything that it says of itself", fields(short), whole))
    return element("div", parts)


def _summary(described: Report) -> str:
    """One line of a network or another source: kind, name, how it is run, sha256, data, samples, hardware."""
    card = described.get("card", described)
    sha256 = described.get("model_sha256") or card.get("sha256")
    said = [described.get("kind"), described.get("preset") or card.get("name")]
    if "zero_memory" in described:
        said.append("memory zeroed" if described["zero_memory"] else "with its memory")
    if described.get("steps") is not None:
        said.append(f"{described['steps']} steps")
    said += [described.get("dtype"), described.get("damage")]
    for one in dict.fromkeys(sha256 if isinstance(sha256, list) else [sha256]):
        said.append(f"sha256 {str(one)[:_SHA256_DIGITS]}" if one else None)
    said.append(f"data: {card['data']}" if card.get("data") else None)
    if card.get("samples") is not None:
        said.append(f"{card['samples']:,} samples" if isinstance(card["samples"], int) else f"{card['samples']} samples")
    said.append(f"trained on {card['hardware']}" if card.get("hardware") else None)
    return "; ".join(dict.fromkeys(str(part) for part in said if part))


def seconds_table(report: Report) -> Markup:
    """Seconds by stage, and of all together."""
    seconds = report.get("seconds", {})
    rows = [*seconds.items(), ("together", sum(seconds.values()))]
    body = [
        element("tr", element("th", name, scope="row"), element("td", f"{value:,.1f}", class_="number")) for name, value in rows
    ]
    return element("table", body, class_="fields")


def fields(mapping: Report) -> Markup:
    """Names and values."""
    rows = [
        element("tr", element("th", _named(str(name)), scope="row"), element("td", plain(value)))
        for name, value in mapping.items()
    ]
    return element("div", element("table", rows, class_="fields"), class_="wide")


def plain(value: Any) -> Markup:
    """Any JSON in words."""
    if isinstance(value, Mapping):
        return fields(value)
    if isinstance(value, list) and any(isinstance(part, Mapping | list) for part in value):
        return element("div", (plain(part) for part in value))
    return element("span", ", ".join(map(_word, value)) if isinstance(value, list) else _word(value))


def _named(key: str) -> str:
    return key.replace("_", " ")


def _word(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "–" if value is None else f"{value:g}" if isinstance(value, float) else str(value)


def _json(value: Any) -> Markup:
    return element("pre", json.dumps(value, indent=2, ensure_ascii=False))
