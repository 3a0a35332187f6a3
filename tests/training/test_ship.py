"""A run becomes a model file whose card says how it was made."""

from __future__ import annotations

import json

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from everroad.data.addressing import plain
from everroad.model.checkpoint import load_world_model
from everroad.training.checkpoint import Checkpoint, save_checkpoint
from everroad.training.layout_critic import LayoutCritic
from everroad.training.overrides import apply_overrides
from everroad.training.recipes import get_recipe
from everroad.training.ship import changed_settings, main, run_facts, scores_of, ship


def make_run(folder, name: str, model, overrides: list[str], steps: int) -> None:
    folder.mkdir()
    recipe = apply_overrides(get_recipe(name), overrides)
    ran = {"dtype": "bfloat16", "hardware": "an abacus, 2 cores"}
    (folder / "recipe.json").write_text(json.dumps({**ran, "recipe": plain(recipe)}))
    line = {"train_step": steps, "over": 20, "loss": 0.5, "seconds": 1.8, "seconds_waiting": 0.0}
    (folder / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    save_checkpoint(folder, Checkpoint(steps, {"ema": model.state_dict(), "weights": {}, "optimiser": {}}, {}))


def test_card_and_weights(tmp_path):
    model = get_recipe("town-nano-stage1").build()
    later = get_recipe("town-nano-stage1").build()
    make_run(tmp_path / "one", "town-nano-stage1", model, ["seed=3"], 100)
    make_run(tmp_path / "two", "town-nano-stage2", later, ["init=/somewhere/else/one.safetensors"], 24)
    card = ship([tmp_path / "one", tmp_path / "two"], None, tmp_path / "new" / "m.safetensors", None)
    loaded, written = load_world_model(tmp_path / "new" / "m.safetensors")
    assert torch.equal(loaded.input.weight, later.input.weight.bfloat16().float())
    assert written["samples"] == card["samples"] == 16 * 124
    assert written["stages"][0]["command"] == "everroad train town-nano-stage1 seed=3 --dtype bfloat16"
    assert "init=one.safetensors" in written["stages"][1]["command"]
    assert "somewhere" not in json.dumps(written)
    assert written["stages"][0]["hours"] == 0.01


def test_what_a_killed_run_trained_beyond_its_checkpoint_does_not_count(tmp_path):
    make_run(tmp_path / "one", "town-nano-stage1", get_recipe("town-nano-stage1").build(), [], 100)
    later = {"train_step": 120, "over": 20, "loss": 0.4, "seconds": 1.8, "seconds_waiting": 0.0}
    with (tmp_path / "one" / "metrics.jsonl").open("a") as file:
        file.write(json.dumps(later) + "\n")
    facts = run_facts(tmp_path / "one")
    assert (facts["train_steps"], facts["samples"], facts["last_loss"], facts["hours"]) == (100, 1600, 0.5, 0.01)


def test_train_steps_of_a_critic_alone_do_not_count(tmp_path):
    settings = ["realism.weight=0.5", "realism.alone_steps=30"]
    make_run(tmp_path / "run", "town-nano-stage1", nn.Linear(1, 1), settings, 100)
    make_run(tmp_path / "none", "town-nano-stage1", nn.Linear(1, 1), ["realism.alone_steps=30"], 100)
    make_run(tmp_path / "short", "town-nano-stage1", nn.Linear(1, 1), settings, 20)
    assert [run_facts(tmp_path / name)["samples"] for name in ("run", "none", "short")] == [16 * 70, 16 * 100, 0]


def test_the_decoder_of_another_run(tmp_path):
    model, other = get_recipe("town-nano-stage1").build(), get_recipe("town-nano-stage1").build()
    make_run(tmp_path / "one", "town-nano-stage1", model, [], 10)
    make_run(tmp_path / "decoder", "town-nano-decoder", other, [], 10)
    ship([tmp_path / "one"], tmp_path / "decoder", tmp_path / "m.safetensors", None)
    loaded, _ = load_world_model(tmp_path / "m.safetensors")
    assert torch.equal(loaded.autoencoder.detail.head.weight, other.autoencoder.detail.head.weight.bfloat16().float())
    assert torch.equal(loaded.input.weight, model.input.weight.bfloat16().float())


@pytest.mark.parametrize(("part", "recipe"), [("sketch", "town-sketch"), ("finish", "town-finish")])
def test_the_detail_of_other_runs(tmp_path, part, recipe):
    model, other = get_recipe("town-stage1").build(), get_recipe(recipe).build()

    def output(world_model):
        return (world_model.sketch.detail if part == "sketch" else world_model.finish).output.weight

    with torch.no_grad():
        output(other).normal_()
        other.input.weight.add_(1.0)
    make_run(tmp_path / "one", "town-stage1", model, [], 10)
    for name, steps in (("first", 20), ("second", 30)):
        make_run(tmp_path / name, recipe, other, [], steps)
    runs = {f"{part}_dirs": [tmp_path / "first", tmp_path / "second"]}
    card = ship([tmp_path / "one"], None, tmp_path / "m.safetensors", None, **runs)
    loaded, _ = load_world_model(tmp_path / "m.safetensors")
    assert torch.equal(output(loaded), output(other).bfloat16().float())
    assert torch.equal(loaded.input.weight, model.input.weight.bfloat16().float())
    assert [run["train_steps"] for run in card[part]] == [20, 30]
    assert card["samples"] == 320  # the denoiser's alone
    again = ship([tmp_path / "one"], None, tmp_path / "n.safetensors", None, card)
    assert again[part] == card[part]
    more = ship([tmp_path / "one"], None, tmp_path / "o.safetensors", None, card, **runs)
    assert [run["train_steps"] for run in more[part]] == [20, 30, 20, 30]


def test_a_new_sketch_alone(tmp_path):
    model, other = get_recipe("town-stage1").build(), get_recipe("town-sketch").build()
    with torch.no_grad():
        other.sketch.detail.output.weight.normal_()
    make_run(tmp_path / "one", "town-stage1", model, [], 10)
    make_run(tmp_path / "two", "town-sketch", other, [], 20)
    ship([tmp_path / "one"], None, tmp_path / "m.safetensors", None)
    loaded, earlier = load_world_model(tmp_path / "m.safetensors")
    card = ship([], None, tmp_path / "n.safetensors", None, earlier, [tmp_path / "m.safetensors"], [tmp_path / "two"])
    after, _ = load_world_model(tmp_path / "n.safetensors")
    assert torch.equal(after.sketch.detail.output.weight, other.sketch.detail.output.weight.bfloat16().float())
    assert torch.equal(after.input.weight, loaded.input.weight)
    assert card["stages"] == earlier["stages"]
    assert (card["samples"], card["mean_of_checkpoints"]) == (320, 1)
    with pytest.raises(ValueError, match="expected a run"):
        ship([], None, tmp_path / "o.safetensors", None, None, [tmp_path / "m.safetensors"])
    assert not (tmp_path / "o.safetensors").exists()


def test_runs_that_were_given_up_are_told_apart(tmp_path):
    model = get_recipe("town-nano-stage1").build()
    other = get_recipe("town-nano-stage1").build()
    for name, weights, steps in (("one", model, 10), ("bad", other, 30), ("worse", other, 40)):
        make_run(tmp_path / name, "town-nano-stage1", weights, [], steps)
    ship([tmp_path / "one"], None, tmp_path / "m.safetensors", None, given_up_dirs=[tmp_path / "bad"])
    _, first = load_world_model(tmp_path / "m.safetensors")
    args = ([], None, tmp_path / "n.safetensors", None, first, [tmp_path / "m.safetensors"])
    card = ship(*args, given_up_dirs=[tmp_path / "worse"])
    assert [run["train_steps"] for run in card["given_up"]] == [30, 40]
    assert (card["samples"], card["stages"]) == (160, first["stages"])
    loaded, _ = load_world_model(tmp_path / "n.safetensors")
    assert torch.equal(loaded.input.weight, model.input.weight.bfloat16().float())


def test_a_run_begins_with_another_runs_average(tmp_path):
    model = get_recipe("town-nano-stage1").build()
    with torch.no_grad():
        model.input.weight.add_(1.0)
    make_run(tmp_path / "one", "town-nano-stage1", model, [], 10)
    begun = apply_overrides(get_recipe("town-nano-stage1"), [f"init={tmp_path / 'one'}"]).build()
    assert torch.equal(begun.input.weight, model.input.weight)


def test_a_critic_does_not_ship_and_an_earlier_decoder_is_told(tmp_path):
    model = get_recipe("town-nano-stage1").build()
    model.critic = LayoutCritic(8)
    make_run(tmp_path / "one", "town-nano-stage1", model, [], 10)
    earlier = {"stages": [], "decoder": {"samples": 7}}
    card = ship([tmp_path / "one"], None, tmp_path / "m.safetensors", None, earlier)
    assert card["decoder"] == {"samples": 7}
    assert not hasattr(load_world_model(tmp_path / "m.safetensors")[0], "critic")


def test_the_mean_of_several_checkpoints(tmp_path):
    model, other = (get_recipe("town-nano-stage1").build() for _ in range(2))
    with torch.no_grad():
        other.input.weight.add_(1.0)
    make_run(tmp_path / "one", "town-nano-stage1", model, [], 100)
    save_file(other.state_dict(), tmp_path / "other.safetensors")
    card = ship([tmp_path / "one"], None, tmp_path / "m.safetensors", None, others=[tmp_path / "other.safetensors"])
    loaded = load_world_model(tmp_path / "m.safetensors")[0]
    expected = ((model.input.weight + other.input.weight) / 2).bfloat16().float()
    torch.testing.assert_close(loaded.input.weight, expected)
    assert card["mean_of_checkpoints"] == 2
    assert card["samples"] == 1600
    save_file({"nothing": torch.zeros(1)}, tmp_path / "wrong.safetensors")
    with pytest.raises(ValueError, match="weights to average"):
        ship([tmp_path / "one"], None, tmp_path / "n.safetensors", None, others=[tmp_path / "wrong.safetensors"])


def test_unchanged_settings_are_not_listed():
    assert changed_settings(plain(get_recipe("town-stage1"))) == []


def test_a_run_from_shipped_weights_goes_on_from_their_card(tmp_path):
    model = get_recipe("town-nano-stage1").build()
    make_run(tmp_path / "one", "town-nano-stage1", model, [], 100)
    make_run(tmp_path / "two", "town-nano-stage1", model, ["seed=2"], 10)
    first = ship([tmp_path / "one"], None, tmp_path / "first.safetensors", None)
    second = ship([tmp_path / "two"], None, tmp_path / "second.safetensors", None, first)
    assert second["samples"] == 16 * 110
    assert [stage["samples"] for stage in second["stages"]] == [1600, 160]
    assert second["stages"][0] == first["stages"][0]


def test_scores_are_the_first_models_figures(tmp_path):
    entry = {"value": 0.5, "bar": 0.85, "passed": False, "valid": True}
    report = {
        "command": "everroad evaluate quick --out /some/where",
        "models": [{"acceptance": {"layout early": entry}}, {"acceptance": {}}],
    }
    (tmp_path / "report.json").write_text(json.dumps(report))
    scores = {"command": "everroad evaluate quick --out where", "figures": {"layout early": {"value": 0.5, "bar": 0.85}}}
    assert scores_of(tmp_path / "report.json") == scores


@pytest.mark.parametrize(
    "words",
    [
        ["nowhere"],
        [],
        ["--mean-with", "none.safetensors", "--after", "card.json"],
        ["one", "--after", "list.json"],
        ["one", "--after", "card.json", "--scores", "card.json"],
        ["one", "--decoder", "one"],
        ["one", "--out", "new"],
        ["one", "--out", "new/m.json"],
    ],
)
def test_what_cannot_ship_is_one_line(tmp_path, words, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "card.json").write_text('{"preset": "town-nano", "stages": []}')
    (tmp_path / "list.json").write_text("[1]")
    make_run(tmp_path / "one", "town-nano-stage1", get_recipe("town-nano-stage1").build(), [], 10)
    monkeypatch.setattr("sys.argv", ["ship", "--out", "new/m.safetensors", *words])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (tmp_path / "new").exists()
