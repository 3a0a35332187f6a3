"""Every measure that a report can hold has a sentence, and the page shows it."""

from __future__ import annotations

import html
import re

from everroad.evaluation.report.glossary import SCENARIOS
from everroad.evaluation.report.headline import headline
from everroad.evaluation.report.html import page
from everroad.evaluation.report.meanings import meaning
from everroad.evaluation.report.panels import panels_of
from everroad.evaluation.report.tree import leaves
from everroad.evaluation.run.measures import PUBLIC_NAMES


def test_every_measure_has_a_meaning_that_its_name_shows(report, film) -> None:
    public = [f"{name}{end}" for pair in PUBLIC_NAMES for name in pair for end in ("", " floor", " above floor")]
    source = report["sources"][1]
    given = source["measures"]["realism"]["town-KID"]
    source["measures"]["realism"] |= dict.fromkeys([*public, "LPIPS"], given)
    source["drift"] |= dict.fromkeys(["KID drift ratio", "FVD long over short"], given)
    trees = [source["measures"], {"drift": source["drift"]}, {SCENARIOS: report[SCENARIOS]}]
    paths = [path for tree in trees for path, _ in leaves(tree)]
    assert len(paths) > 150
    shown = page(report, film, panels_of(report))
    titles = {html.unescape(title) for title in re.findall(r'<th[^>]* title="(.*?)"', shown)}
    for path in paths:
        said = meaning(path)
        assert said is not None, path
        assert said.endswith(".")
        assert "{" not in said
        if not path[-1].startswith("share ") and "bus" not in path:
            assert said in titles, path
    assert meaning(("ablation", "follows")) is None


def test_the_headline_says_what_its_rows_mean(report, film) -> None:
    shown = html.unescape(page(report, film, panels_of(report)))
    text = shown[shown.index('id="headline"') : shown.index('id="worst-cases"')]
    assert "What the measures mean" in text
    for row in headline(report):
        assert (meaning(row.path) or "nothing") in text
    assert "too few to tell the two apart" in text
