"""Bad tables: each is refused in one line that names the table and the record."""

from __future__ import annotations

import json

import numpy as np
import pytest

from everroad.scenario.nuscenes.index import TABLES, build_index
from everroad.scenario.nuscenes.reader import read_nuscenes

from . import fake


def change(table, row, **fields):
    def apply(made):
        made[table][row] |= fields

    return apply


def drop(table, row, field):
    return lambda made: made[table][row].pop(field)


def same_instance_twice(made):
    second = next(
        box for box in made["sample_annotation"][1:] if box["instance_token"] == made["sample_annotation"][0]["instance_token"]
    )
    second |= {"sample_token": made["sample_annotation"][0]["sample_token"], "prev": "", "next": ""}
    made["sample_annotation"][0]["next"] = ""
    made["sample_annotation"][2]["prev"] = ""


def back(number):
    return fake.token("data", "scene-0061", "CAM_BACK", number)


BAD = [
    (
        change("sample_annotation", 3, visibility_token="5"),
        "sample_annotation.json: record 3, field 'visibility_token': expected a token of visibility.json, got '5'; complete",
    ),
    (drop("sample_annotation", 3, "visibility_token"), "record 3, field 'visibility_token': expected a text, got nothing"),
    (change("visibility", 1, token="1"), "visibility.json: expected every token once, got '1' in records 0 and 1; drop one"),
    (change("map", 0, log_tokens=["x"]), "map.json: expected every log among the 'log_tokens' of a map, got none for '"),
    (change("map", 0, log_tokens="x"), "map.json: record 0, field 'log_tokens': expected a list of texts, got 'x'"),
    (drop("map", 0, "token"), "map.json: record 0, field 'token': expected a text, got nothing"),
    (
        change("sample", 1, scene_token="x"),
        "sample.json: record 1, field 'scene_token': expected a token of scene.json, got 'x'",
    ),
    (change("scene", 0, log_token="x"), "scene.json: record 0, field 'log_token': expected a token of log.json, got 'x'"),
    (
        change("scene", 0, first_sample_token="x"),
        "scene.json: record 0, field 'first_sample_token': expected a token of sample",
    ),
    (change("sample", 1, next="x"), "sample.json: record 1, field 'next': expected a token of sample.json, got 'x'"),
    (change("calibrated_sensor", 2, sensor_token="x"), "calibrated_sensor.json: record 2, field 'sensor_token'"),
    (change("sample_data", 5, calibrated_sensor_token="x"), "sample_data.json: record 5, field 'calibrated_sensor_token'"),
    (
        change("sample_data", 20, ego_pose_token="x"),
        "sample_data.json: record 20, field 'ego_pose_token': expected a token of ego",
    ),
    (
        change("sample_data", 20, sample_token="x"),
        "sample_data.json: record 20, field 'sample_token': expected a token of sample",
    ),
    (change("sample_annotation", 3, instance_token="x"), "sample_annotation.json: record 3, field 'instance_token'"),
    (change("sample_annotation", 3, sample_token="x"), "sample_annotation.json: record 3, field 'sample_token'"),
    (
        change("sample_annotation", 3, attribute_tokens=["x"]),
        "record 3, field 'attribute_tokens': expected a token of attribute",
    ),
    (change("sample_annotation", 3, next="x"), "record 3, field 'next': expected a token of sample_annotation.json, got 'x'"),
    (
        change("instance", 1, category_token="x"),
        "instance.json: record 1, field 'category_token': expected a token of category",
    ),
    (
        drop("sample_annotation", 2, "rotation"),
        "sample_annotation.json: record 2, field 'rotation': expected a unit quaternion",
    ),
    (drop("sample_data", 7, "filename"), "sample_data.json: record 7, field 'filename': expected a text, got nothing"),
    (
        drop("ego_pose", 7, "translation"),
        "ego_pose.json: record 7, field 'translation': expected 3 finite numbers, got nothing",
    ),
    (change("ego_pose", 7, rotation=[0.5, 0, 0, 0]), "ego_pose.json: record 7, field 'rotation': expected a unit quaternion"),
    (change("ego_pose", 1, token=fake.token("pose", "scene-0061", "CAM_FRONT", 0)), "expected every token once, got '"),
    (change("instance", 1, token=fake.token("instance", "scene-0061", "leader")), "in records 0 and 1; drop one"),
    (change("sample", 2, timestamp=fake.START_US), "sample.json: expected increasing timestamps, got "),
    (change("sample", 1, next=""), "expected 'next' to lead through all 4 samples of scene 'scene-0061', got 2 of them"),
    (change("sample", 2, next=fake.token("sample", "scene-0061", 0)), "got a chain that comes back or leaves the scene"),
    (change("scene", 0, first_sample_token=""), "expected 'next' to lead through all 4 samples of scene 'scene-0061', got 0"),
    (
        change("sample_annotation", 1, prev=fake.token("box", "scene-0061", "walker", 1)),
        "record 1, field 'prev': expected an earl",
    ),
    (
        change("sample_annotation", 1, next=fake.token("box", "scene-0061", "leader", 0)),
        "record 1, field 'next': expected a later",
    ),
    (change("sample", 2, prev="x"), "sample.json: record 2, field 'prev': expected a token of sample.json, got 'x'"),
    (
        change("sample", 2, prev=""),
        "sample.json: record 2, field 'prev': expected record 1, whose 'next' leads here, got none; mend the table",
    ),
    (
        change("sample", 2, prev=fake.token("sample", "scene-0061", 0)),
        "sample.json: record 2, field 'prev': expected record 1, whose 'next' leads here, got record 0; mend the table",
    ),
    (
        change("sample", 0, prev=fake.token("sample", "scene-0061", 3)),
        "sample.json: record 3, field 'next': expected record 0, whose 'prev' leads here, got none; mend the table",
    ),
    (
        change("scene", 0, nbr_samples=5),
        "scene.json: record 0, field 'nbr_samples': expected 4, the samples that it has, got 5; mend the table",
    ),
    (drop("scene", 0, "nbr_samples"), "scene.json: record 0, field 'nbr_samples': expected a whole number"),
    (
        change("scene", 0, last_sample_token=fake.token("sample", "scene-0061", 2)),
        "field 'last_sample_token': expected the last sample of its chain, record 3 of sample.json, got record 2; mend",
    ),
    (change("scene", 0, last_sample_token=""), "record 3 of sample.json, got none; mend the table"),
    (change("scene", 0, last_sample_token="x"), "field 'last_sample_token': expected a token of sample.json, got 'x'"),
    (change("sample", 2, timestamp=str(fake.START_US)), "sample.json: record 2, field 'timestamp': expected microseconds"),
    (change("sample_data", 2, timestamp=True), "sample_data.json: record 2, field 'timestamp': expected microseconds, a num"),
    (change("sample", 2, timestamp=2.0**53), "sample.json: record 2, field 'timestamp': expected microseconds, a number belo"),
    (
        drop("ego_pose", 2, "timestamp"),
        "ego_pose.json: record 2, field 'timestamp': expected microseconds, a number below 2^53",
    ),
    (change("sample_data", 35, next="x"), "sample_data.json: record 35, field 'next': expected a token of sample_data.json"),
    (change("sample_data", 35, prev="x"), "sample_data.json: record 35, field 'prev': expected a token of sample_data.json"),
    (
        change("sample_data", 35, next=back(2)),
        "sample_data.json: record 35, field 'next': expected a later record of the same camera and scene, got record 34; mend",
    ),
    (
        change("sample_data", 35, next=back(3)),
        "sample_data.json: record 35, field 'next': expected a later record of the same camera and scene, got record 35; mend",
    ),
    (
        change("sample_data", 35, next=fake.token("data", "scene-0061", "CAM_FRONT", 5)),
        "record 35, field 'next': expected a later record of the same camera and scene, got record 5",
    ),
    (
        change("sample_data", 35, next=fake.token("data", "scene-0061", "LIDAR_TOP", 5)),
        "record 35, field 'next': expected a later record of the same camera and scene, got record 53",
    ),
    (
        change("sample_data", 35, next=""),
        "sample_data.json: record 35, field 'next': expected record 36, whose 'prev' leads here, got none; mend the table",
    ),
    (
        change("sample_data", 35, next=back(5)),
        "sample_data.json: record 37, field 'prev': expected record 35, whose 'next' leads here, got record 36; mend the table",
    ),
    (change("sample_data", 50, token=back(2)), "sample_data.json: expected every token once, got '"),
    (same_instance_twice, "expected one annotation of an instance in a sample, got two, records 0 and 1"),
    (change("sensor", 0, modality=None), "sensor.json: record 0, field 'modality': expected a text, got None"),
]


@pytest.mark.parametrize(("spoil", "message"), BAD, ids=[message[:40] for _, message in BAD])
def test_bad_tables(tmp_path, spoil, message):
    made = fake.tables()
    spoil(made)
    root = fake.write(tmp_path, made)
    with pytest.raises(ValueError) as caught:
        build_index(root / "v1.0-mini")
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(root / "v1.0-mini"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("table", TABLES)
def test_a_missing_table(tmp_path, table):
    root = fake.write(tmp_path, fake.tables())
    (root / "v1.0-mini" / f"{table}.json").unlink()
    with pytest.raises(ValueError, match=rf"{table}\.json: expected this table of the data set, got nothing"):
        read_nuscenes(root)


@pytest.mark.parametrize("table", TABLES)
def test_a_table_cut_off(tmp_path, table):
    root = fake.write(tmp_path, fake.tables())
    path = root / "v1.0-mini" / f"{table}.json"
    path.write_text(path.read_text()[:-30])
    with pytest.raises(ValueError, match=rf"{table}\.json: expected a whole JSON list of records"):
        read_nuscenes(root)


def test_maps_may_name_other_logs_and_visibility_may_be_untold(tmp_path):
    made = fake.tables()
    made["map"][0]["log_tokens"] += [fake.token("log of another version")]
    made["sample_annotation"][2]["visibility_token"] = ""
    assert len(build_index(fake.write(tmp_path, made) / "v1.0-mini")["box.instance"]) == 9


def test_tokens_may_be_any_text(tmp_path):
    made = fake.tables()
    text = json.dumps(made)
    known = {record["token"] for records in made.values() for record in records}
    for number, token in enumerate(sorted(known)):
        text = text.replace(f'"{token}"', f'"Token № {number}"')
    plain = read_nuscenes(fake.write(tmp_path / "a", made), sweeps=False)
    other = read_nuscenes(fake.write(tmp_path / "b", json.loads(text)), sweeps=False)
    assert [actor.track_id.split()[0] for actor in other.actors] == ["Token"] * 4
    for a, b in zip(plain.actors, other.actors, strict=True):
        assert np.array_equal(a.poses.translation_m, b.poses.translation_m)


def test_fractions_of_microseconds_are_rounded(tmp_path):
    made = fake.tables()
    plain = read_nuscenes(fake.write(tmp_path / "a", made))
    for name in ("sample", "sample_data", "ego_pose"):
        for record in made[name]:
            record["timestamp"] += 0.4 if record["token"] < "8" else -0.25
    other = read_nuscenes(fake.write(tmp_path / "b", made))
    assert np.array_equal(plain.time_s, other.time_s)
    assert plain.start_stamp_ns == other.start_stamp_ns


def test_the_order_of_records_does_not_matter(tmp_path):
    made = fake.tables()
    plain = read_nuscenes(fake.write(tmp_path / "a", made))
    turned = read_nuscenes(fake.write(tmp_path / "b", {name: records[::-1] for name, records in made.items()}))
    assert np.array_equal(plain.time_s, turned.time_s)
    assert np.array_equal(plain.world_from_ego.translation_m, turned.world_from_ego.translation_m)
    by_name = {actor.track_id: actor for actor in turned.actors}
    for actor in plain.actors:
        assert np.array_equal(actor.poses.translation_m, by_name[actor.track_id].poses.translation_m)
        assert np.array_equal(actor.valid, by_name[actor.track_id].valid)


def test_records_of_other_sensors_are_left_out(root):
    index = build_index(root / "v1.0-mini")
    assert len(index["image.camera"]) == 16 * len(fake.CAMERAS)
