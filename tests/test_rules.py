"""Rules for the whole of src: no pickle, and no random number that is not addressed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[1] / "src"
PICKLING_MODULES = {"pickle", "cPickle", "_pickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
# What numpy.random offers without a state that others share.
NUMPY_RANDOM_ALLOWED = {"Generator", "BitGenerator", "Philox", "PCG64", "PCG64DXSM", "SeedSequence", "default_rng"}
TORCH_DRAWS = {
    "rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "bernoulli", "multinomial", "normal",
    "poisson", "normal_", "uniform_", "bernoulli_", "random_", "exponential_",
}  # fmt: skip
GLOBAL_SEEDS = {"manual_seed", "manual_seed_all", "seed_all", "set_rng_state", "seed_everything"}


def dotted(node: ast.AST) -> str:
    """``np.random.rand`` of the expression that says so; other expressions are "?"."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def forked_lines(tree: ast.AST) -> set[int]:
    """Lines inside ``with torch.random.fork_rng(...)``: the global generator comes back as it was."""
    lines: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.With) and any("fork_rng" in ast.dump(item.context_expr) for item in node.items):
            lines.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return lines


def broken_rules(source: str) -> Iterator[str]:
    tree = ast.parse(source)
    forked = forked_lines(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            modules = [node.module or ""]
            if node.module in ("numpy.random", "torch", "torch.random"):
                modules += [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            modules = []
        for module in modules:
            last = module.split(".")[-1]
            if module.split(".")[0] in PICKLING_MODULES:
                yield f"{node.lineno}: imports {module}; write safetensors or JSON"
            if module == "random" or (module.startswith("numpy.random.") and last not in NUMPY_RANDOM_ALLOWED):
                yield f"{node.lineno}: imports {module}, a generator that everybody shares"
            if module.startswith("torch.") and last in TORCH_DRAWS | GLOBAL_SEEDS | {"load", "save"}:
                yield f"{node.lineno}: imports {module} by name, where this test cannot see its calls"
        if isinstance(node, ast.Call):
            yield from (f"{node.lineno}: {text}" for text in broken_by_call(node, node.lineno in forked))


def broken_by_call(call: ast.Call, forked: bool) -> Iterator[str]:
    name = dotted(call.func)
    first, last = name.split(".")[0], name.split(".")[-1]
    keywords = {keyword.arg: keyword.value for keyword in call.keywords}
    if name == "torch.load":
        only = keywords.get("weights_only")
        if not (isinstance(only, ast.Constant) and only.value is True):
            yield "torch.load without weights_only=True unpickles whatever the file says"
    if name == "torch.save":
        yield "torch.save writes a pickle; write safetensors"
    allow = keywords.get("allow_pickle", ast.Constant(False))
    if not (isinstance(allow, ast.Constant) and allow.value is False):
        yield f"{name} with allow_pickle"
    if name.startswith(("np.random.", "numpy.random.")) and last not in NUMPY_RANDOM_ALLOWED:
        yield f"{name} draws from NumPy's global generator"
    if last == "default_rng" and not call.args and not call.keywords:
        yield f"{name}() without a seed cannot be repeated"
    if last in GLOBAL_SEEDS and first == "torch" and not forked:
        yield f"{name} sets torch's global generator"
    drawn_from_torch = first == "torch" or (last.endswith("_") and isinstance(call.func, ast.Attribute))
    if last in TORCH_DRAWS and drawn_from_torch and "generator" not in keywords and not forked:
        yield f"{name} without generator= draws from torch's global generator"


@pytest.mark.parametrize("path", sorted(SRC.rglob("*.py")), ids=lambda path: str(path.relative_to(SRC)))
def test_rules_hold(path: Path) -> None:
    assert list(broken_rules(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "def f():\n    from cloudpickle import dumps",
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "torch.save(model, path)",
        "from torch import load",
        "np.load(path, allow_pickle=True)",
        "np.random.seed(0)",
        "x = numpy.random.randn(3)",
        "from numpy.random import rand",
        "rng = np.random.default_rng()",
        "import random",
        "torch.manual_seed(0)",
        "torch.cuda.manual_seed_all(0)",
        "noise = torch.randn(3)",
        "noise = torch.randn_like(x)",
        "weight.normal_(0, 1)",
        "torch.nn.init.normal_(weight)",
    ],
)
def test_the_checker_finds_a_broken_rule(source: str) -> None:
    assert len(list(broken_rules(source))) == 1


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(path, weights_only=True)",
        "np.load(path, allow_pickle=False)",
        "rng = np.random.default_rng(seed)\nx = rng.random(3)",
        "rng = np.random.Generator(np.random.Philox(key=3))\nx = rng.normal(size=3)",
        "noise = torch.randn(3, generator=generator)",
        "with torch.random.fork_rng(devices=[]):\n    torch.manual_seed(0)\n    model = make()",
    ],
)
def test_the_checker_lets_addressed_randomness_pass(source: str) -> None:
    assert list(broken_rules(source)) == []
