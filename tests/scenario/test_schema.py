from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given, settings

from everroad.scenario.schema import json_schema
from everroad.scenario.storage import save_scenario
from everroad.scenario.types import CATEGORIES

from .strategies import scenarios
from .test_storage import small

# The run-time type checker looks at random items of containers while strategies run; no outcome depends on it.
pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module")

SCHEMA = json.loads(json.dumps(json_schema()))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def test_the_schema_is_a_schema():
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    VALIDATOR.check_schema(SCHEMA)


@settings(max_examples=30)
@given(scenario=scenarios())
def test_every_stored_scenario_follows_the_schema(scenario, tmp_path_factory):
    path = tmp_path_factory.mktemp("schema") / "x.json"
    save_scenario(scenario, path)
    VALIDATOR.validate(json.loads(path.read_text()))


@pytest.fixture
def content(tmp_path):
    save_scenario(small(), tmp_path / "x.json")
    return json.loads((tmp_path / "x.json").read_text())


@pytest.mark.parametrize(
    ("where", "field", "value"),
    [
        ("scenario", "format_version", 2),
        ("scenario", "colour", "red"),
        ("scenario", "time_s", ["0"]),
        ("scenario", "weather", "hail"),
        ("actor", "category", "car"),
        ("actor", "size_lwh_m", [4, -2, 1.5]),
        ("actor", "size_lwh_m", [4, 2]),
        ("actor", "first_frame", -1),
        ("actor", "wheels", 4),
    ],
)
def test_the_schema_refuses(where, field, value, content):
    VALIDATOR.validate(content)
    (content if where == "scenario" else content["actors"][0])[field] = value
    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(content)


@pytest.mark.parametrize("field", ["format_version", "name", "time_s", "world_from_ego"])
def test_the_schema_names_what_is_required(field, content):
    del content[field]
    with pytest.raises(jsonschema.ValidationError, match=field):
        VALIDATOR.validate(content)


@pytest.mark.parametrize("category", [*CATEGORIES, None])
def test_the_schema_knows_every_category(category, content):
    content["actors"][0]["category"] = category
    VALIDATOR.validate(content)
