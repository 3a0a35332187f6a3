"""The README, the map of the folders and ``.ci/run`` say the same as the repository."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import everroad

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST = "python3 -m venv .venv && .venv/bin/pip install -c constraints.txt -e . && .venv/bin/everroad demo"
SECOND = '.venv/bin/pip install -c constraints.txt -e ".[dev]" && .venv/bin/pytest'


def test_readme_and_ci_run_the_same_two_commands() -> None:
    ci = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for command in (FIRST, SECOND):
        assert f"    {command}\n" in README
        assert f"readme '{command}'\n" in ci


def test_ci_run_is_an_executable_script_that_parses() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], check=False).returncode == 0


def test_the_map_names_every_part_of_the_package_and_nothing_else() -> None:
    named = {name.rstrip("/") for name in re.findall(r"`src/everroad/([a-z_]+(?:\.py|/))`", README)}
    there = {path.name for path in (ROOT / "src" / "everroad").iterdir() if not path.name.startswith("__")}
    assert named == there


@pytest.mark.slow
def test_the_readmes_python_runs(tmp_path: Path) -> None:
    blocks = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    assert blocks
    for block in blocks:
        done = subprocess.run([sys.executable, "-c", block], cwd=tmp_path, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")
    assert {"town.json.gz", "frame_8.png"} <= {path.name for path in tmp_path.iterdir()}


def test_one_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] == everroad.__version__
