from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everroad.training.overrides import NEVER_EMPTY, apply_overrides, leaves, overrides_between


@dataclass(frozen=True)
class Inner:
    rate: float = 0.1
    ages: tuple[int, ...] = (1, 5, 10)
    betas: tuple[float, float] = (0.9, 0.99)

    def __post_init__(self) -> None:
        if self.rate < 0:
            raise ValueError(f"rate: expected 0 or more, got {self.rate}")


@dataclass(frozen=True)
class Middle:
    inner: Inner = field(default_factory=Inner)
    on: bool = True


@dataclass(frozen=True)
class Outer:
    middle: Middle = field(default_factory=Middle)
    steps: int = 100
    most: int = 200
    word: str = "town"
    kind: Literal["cosine", "constant"] = "cosine"
    seed: int | None = None
    folder: Path = Path("runs")
    named: str = field(default="name", metadata=NEVER_EMPTY)

    def __post_init__(self) -> None:
        if self.steps > self.most:
            raise ValueError(f"steps: expected at most {self.most}, got {self.steps}")


finite = st.floats(allow_nan=False, allow_infinity=False)
configs = st.builds(
    Outer,
    middle=st.builds(
        Middle,
        inner=st.builds(
            Inner,
            rate=finite.map(abs),
            ages=st.lists(st.integers(), max_size=4).map(tuple),
            betas=st.tuples(finite, finite),
        ),
        on=st.booleans(),
    ),
    steps=st.integers(-(10**9), 200),
    most=st.integers(200, 10**9),
    word=st.text(),
    kind=st.sampled_from(["cosine", "constant"]),
    seed=st.none() | st.integers(),
    folder=st.text("abc/.=", min_size=1).map(Path),
)


@given(configs, configs)
def test_overrides_lead_from_any_config_to_any_other(one, other):
    assert apply_overrides(one, overrides_between(one, other)) == other
    assert overrides_between(one, one) == []


@given(configs, st.sampled_from(list(leaves(Outer()))))
def test_what_is_not_named_stays(config, key):
    changed = apply_overrides(config, [f"{key}={'none' if key == 'seed' else _text(leaves(config)[key])}"])
    ours, theirs = leaves(changed), leaves(config)
    assert {name: value for name, value in ours.items() if name != key} == {n: v for n, v in theirs.items() if n != key}


def _text(value):
    return ",".join(str(item) for item in value) if isinstance(value, tuple) else str(value)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("steps=1_0", 10),
        ("steps=1e2", 100),
        ("most=5e5", 500_000),
        ("middle.inner.rate=1e-4", 1e-4),
        ("middle.inner.rate=3", 3.0),
        ("middle.inner.ages=1", (1,)),
        ("middle.inner.ages=(2, 3)", (2, 3)),
        ("middle.inner.ages=", ()),
        ("middle.inner.betas=0.5,0.6", (0.5, 0.6)),
        ("middle.on=False", False),
        ("middle.on=yes", True),
        ("kind=constant", "constant"),
        ("seed=7", 7),
        ("seed=None", None),
        ("word=a=b", "a=b"),
        ("word=", ""),
        ("folder=a/b", Path("a/b")),
    ],
)
def test_values_are_parsed_by_type(override, expected):
    value = leaves(apply_overrides(Outer(seed=1), [override]))[override.split("=")[0]]
    assert value == expected
    assert type(value) is type(expected) or isinstance(value, Path)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("step=3", r"'step': expected a field of Outer, got an unknown one; did you mean steps"),
        ("rate=3", r"did you mean middle\.inner\.rate\?"),
        ("midle.inner.rate=3", r"did you mean middle\.inner\.rate"),
        ("xyzzy=3", r"known: middle\.inner\.rate, .*, folder"),
        ("steps.more=3", "unknown one"),
        ("middle.inner=3", r"got a group; set one of middle\.inner\.rate, middle\.inner\.ages"),
        ("steps", "'steps': expected key=value, got another form; write it like "),
        ("=3", "expected key=value"),
        ("named=", "^override 'named=': expected a value, got none; name one, or leave it out$"),
        ("steps=1.5", "expected int, got '1.5'; write one such"),
        ("steps=inf", "expected int, got 'inf'"),
        ("middle.on=2", "expected bool, got '2'"),
        ("middle.inner.betas=1", "expected a tuple of float, float, got '1'"),
        ("middle.inner.ages=1,x", "expected a tuple of int, …"),
        ("kind=linear", "expected one of cosine, constant, got 'linear'"),
        ("seed=x", "expected int or none, got 'x'"),
        ("middle.inner.rate=-1", r"^middle\.inner\.rate: expected 0 or more, got -1.0; name another$"),
    ],
)
def test_bad_overrides_are_refused_and_explained(override, message):
    with pytest.raises(ValueError, match=message):
        apply_overrides(Outer(), [override])


def test_every_refusal_says_what_to_do():
    for override in ("step=3", "xyzzy=3", "middle.inner=3", "steps", "steps=x", "kind=x", "steps=300", "middle.inner.rate=-1"):
        with pytest.raises(ValueError, match=r"^[^;]+: expected [^;]+, got [^;]+; .+"):
            apply_overrides(Outer(), [override])


def test_overrides_are_applied_together():
    # Alone, either order would pass through a config that is refused.
    assert apply_overrides(Outer(), ["steps=300", "most=400"]).steps == 300
    assert apply_overrides(Outer(), ["most=400", "steps=300", "steps=350"]).steps == 350
    with pytest.raises(ValueError, match="at most 200"):
        apply_overrides(Outer(), ["steps=300"])
