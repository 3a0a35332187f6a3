"""The denoiser's stages on a tiny model and made-up clips: what trains, what is carried, and that learning happens."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from tests.model.conftest import TINY, make_conditions, make_model
from torch import nn

from everroad.data.blocks import Block
from everroad.data.sampler import clip_steps_per_block, frame_steps_per_block
from everroad.diffusion.loss import denoising_loss
from everroad.model.memory import Memory
from everroad.model.presets import PRESETS
from everroad.training.block_plan import BlockPlan
from everroad.training.block_recipe import BlockRecipe
from everroad.training.decoder import DecoderLossConfig, DecoderRecipe
from everroad.training.degrade import DegradeConfig, degrade_previous
from everroad.training.denoiser import DenoiserRecipe
from everroad.training.engine import train
from everroad.training.layout_critic import LayoutCritic, RealismConfig
from everroad.training.overrides import apply_overrides
from everroad.training.own_frames import OwnFramesConfig, RollOuts
from everroad.training.recipes import get_recipe
from everroad.training.state import create_state
from everroad.training.walks import RolloutRecipe, WalkRecipe

PLAN = BlockPlan(towns=2, segments=2, frames=5, uses=4, workers=0)


def made_up_block(index: int) -> Block:
    draw = torch.Generator().manual_seed(index)
    images = torch.randint(0, 256, (PLAN.shape.clips, PLAN.frames, 3, 32, 48), dtype=torch.uint8, generator=draw)
    return Block(index, images, make_conditions(batch=PLAN.shape.clips * PLAN.frames, seed=index))


class MadeUpBlocks:
    """Stands in for the prefetcher."""

    def __init__(self, first_block: int) -> None:
        self.next = first_block

    def __enter__(self) -> MadeUpBlocks:
        return self

    def __exit__(self, *_: object) -> None: ...

    def __iter__(self) -> Iterator[Block]:
        while True:
            yield made_up_block(self.next)
            self.next += 1


@pytest.fixture(autouse=True)
def _tiny_preset(monkeypatch):
    monkeypatch.setitem(PRESETS, "tiny", TINY)
    for recipe in (BlockRecipe, DenoiserRecipe, WalkRecipe, RolloutRecipe):
        monkeypatch.setattr(recipe, "prefetcher", lambda self, first_block: MadeUpBlocks(first_block))
        monkeypatch.setattr(recipe, "build", lambda self: make_model().train())


def recipe_of(kind: type[DenoiserRecipe], **changes: object) -> DenoiserRecipe:
    return kind(name="test", preset="tiny", batch=4, train_steps=8, plan=PLAN, **changes)  # type: ignore[arg-type]


def batches_of(recipe: DenoiserRecipe, first: int, count: int) -> list:
    iterator = recipe.batches(first)
    return [next(iterator) for _ in range(count)]


def losses_in_both_dtypes(recipe: BlockRecipe) -> list[float]:
    """The first batch's loss in fp32 and under autocast, each with its backward pass."""
    losses = []
    for enabled in (False, True):
        model, batch = make_model().train(), next(iter(recipe.batches(0)))
        torch.manual_seed(0)
        model.critic = LayoutCritic(8)
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            recipe.ready(model, batch)
            loss = recipe.loss(model, batch, 0)[0]
        loss.backward()
        losses.append(float(loss.detach()))
    return losses


def losses_of_updates(recipe: DenoiserRecipe, model: nn.Module) -> tuple[list[float], dict]:
    """The losses of twenty updates on the first batch, and what the last one logs."""
    optimiser = torch.optim.Adam(recipe.parameters(model), lr=3e-3)
    losses = []
    for _ in range(20):
        batch = batches_of(recipe, 0, 1)[0]
        loss, metrics = recipe.loss(model, batch, 0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses, metrics


@pytest.mark.parametrize("kind", [DenoiserRecipe, WalkRecipe, RolloutRecipe])
def test_batches_do_not_depend_on_where_the_run_began(kind):
    recipe = recipe_of(kind)
    later = batches_of(recipe, 4, 1)[0]  # a walk of four train steps starts there
    same = batches_of(recipe, 0, 5)[4]
    a, b = (getattr(x, "data", x) for x in (later, same))
    for name in ("target", "previous", "anchor", "sigma", "noise", "previous_noise"):
        assert torch.equal(getattr(a, name), getattr(b, name)), name


def test_stage_1_targets_follow_their_previous_frames():
    recipe = recipe_of(DenoiserRecipe)
    block = made_up_block(0)
    for batch in batches_of(recipe, 0, 3):
        for target, previous in zip(batch.target[:, 0], batch.previous[:, 0], strict=True):
            places = [(c, f) for c in range(4) for f in range(5) if torch.equal(block.images[c, f], target)]
            assert len(places) == 1
            clip, frame = places[0]
            assert torch.equal(block.images[clip, frame - 1], previous)


def test_stage_2_trains_htft_alone_and_stage_3_all_but_autoencoder_and_detail():
    model = make_model()
    two = {id(p) for p in recipe_of(WalkRecipe).parameters(model)}
    assert two == {id(p) for n, p in model.named_parameters() if n.startswith("unet.htft.")}
    three = {id(p) for p in recipe_of(RolloutRecipe).parameters(model)}
    apart = ("autoencoder.", "sketch.", "finish.")
    assert three == {id(p) for n, p in model.named_parameters() if not n.startswith(apart)}
    one = {id(p) for p in recipe_of(DenoiserRecipe).parameters(model)}
    assert one == three - two


def test_stage_2_holds_the_noise_level_and_remembers_the_walk():
    recipe, model = recipe_of(WalkRecipe), make_model().train()
    walk = batches_of(recipe, 0, PLAN.frames)
    assert [b.frame for b in walk] == [1, 2, 3, 4, 1]
    assert all(torch.equal(walk[0].data.sigma, b.data.sigma) for b in walk[1:4])
    assert not torch.equal(walk[0].data.sigma, walk[4].data.sigma)
    assert walk[0].walk is walk[3].walk
    assert walk[4].walk is not walk[0].walk
    for i in range(3):
        recipe.loss(model, walk[i], i)
    memory: Memory = walk[0].walk.memory
    filled = [bool(entry[0].any()) for entry in memory.entries]
    assert filled == [True] * 3 + [False] * (TINY.htft.length - 3)
    assert not any(site.requires_grad for entry in memory.entries for site in entry)


def test_stage_3_follows_its_own_frames_but_for_the_scheduled_truth():
    recipe, model = recipe_of(RolloutRecipe, double_steps=100), make_model().train()  # w = 2
    walk = batches_of(recipe, 0, 4)
    with torch.no_grad():
        truth = [model.encode(b.data.previous.float() / 255) for b in walk]
    previous = []
    for i, batch in enumerate(walk):
        previous.append(recipe._state(model, batch, i, truth[i]).previous)
        recipe.loss(model, batch, i)
        assert model.training  # rolled out in evaluation mode, given back in training mode
    is_truth = [torch.equal(p, q) for p, q in zip(previous, truth, strict=True)]
    assert is_truth == [True, False, True, False]
    assert walk[0].walk.state.frame_index.tolist() == [3, 3, 3, 3]


def test_stage_3_asks_for_the_truth_after_the_truth_and_for_what_goes_on_after_its_own(monkeypatch):
    recipe, model = recipe_of(RolloutRecipe, double_steps=100), make_model().train()  # w = 2
    asked = []

    def loss(denoised, target, *rest):
        asked.append(target)
        return denoising_loss(denoised, target, *rest)

    monkeypatch.setattr("everroad.training.walks.denoising_loss", loss)
    same = []
    for i, batch in enumerate(batches_of(recipe, 0, 4)):
        unmapped = replace(batch.data.conditions, map_image=torch.zeros_like(batch.data.conditions.map_image))
        recipe.loss(model, replace(batch, data=replace(batch.data, conditions=unmapped)), i)
        clean = model.encode(batch.data.target.float() / 255)
        same.append(torch.allclose(asked[-1], clean, atol=1e-5))
    assert same == [True, False, True, False]


def test_stage_3_trains_at_levels_of_the_sampler():
    batch = batches_of(recipe_of(RolloutRecipe), 0, 1)[0]
    from everroad.diffusion.sampler import schedule_of

    levels = schedule_of(TINY.sampler)[:-1].float()
    torch.testing.assert_close(batch.data.sigma, levels[batch.level])


@pytest.mark.parametrize("kind", [DenoiserRecipe, WalkRecipe, RolloutRecipe])
def test_a_few_updates_on_one_batch_lower_the_loss(kind):
    recipe, model = recipe_of(kind), make_model().train()
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    losses, metrics = losses_of_updates(recipe, model)
    assert losses[-1] < 0.98 * losses[0]
    assert set(metrics) <= {"loss_sigma_low", "loss_sigma_middle", "loss_sigma_high"}


def test_the_decoder_alone_learns_to_show_worn_pictures_as_they_were():
    recipe = recipe_of(DecoderRecipe, terms=DecoderLossConfig(wear=2, latent_noise=0.1))
    model = make_model().train()
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    batch = batches_of(recipe, 0, 1)[0]
    assert 0 < int(batch.wear.times.max()) <= 2
    losses, _ = losses_of_updates(recipe, model)
    assert losses[-1] < 0.98 * losses[0]
    changed = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert changed
    assert all(name.startswith("autoencoder.detail.") for name in changed)


def test_boxes_weigh_more():
    recipe = recipe_of(DenoiserRecipe, object_weight=3.0)
    conditions = make_conditions(batch=1)
    picture = torch.zeros_like(conditions.box_image)
    picture[0, 0, 2, :8, :8] = 255
    weight = recipe.weight_map(replace(conditions, box_image=picture))
    assert weight[0, 0, 0, 0, 0] == 4
    assert float(weight.sum()) == weight.numel() + 3


@pytest.mark.parametrize("power", [0.0, 1.0, 2.0])
def test_components_weigh_by_their_deviation(power: float):
    recipe, model = recipe_of(DenoiserRecipe, component_power=power), make_model()
    model.autoencoder.code.scale.copy_(torch.linspace(3, 0.3, len(model.autoencoder.code.scale)))
    conditions = make_conditions(batch=1)
    weight = recipe.weight(model, conditions)
    assert float(weight[0, 0, 0, 0, 0] / weight[0, 0, -1, 0, 0]) == pytest.approx(10**power, rel=1e-5)
    torch.testing.assert_close(weight.mean(2, keepdim=True), recipe.weight_map(conditions))


def test_walks_divide_the_recipes_train_steps():
    from everroad.training.recipes import RECIPES

    for name, recipe in RECIPES.items():
        if isinstance(recipe, WalkRecipe):
            assert recipe.train_steps % (recipe.plan.frames - 1) == 0, name
            assert clip_steps_per_block(recipe.batch, recipe.plan.shape, recipe.plan.uses) > 0


def test_own_frames_take_the_place_of_the_truth_where_drawn():
    recipe, model = recipe_of(DenoiserRecipe, own=OwnFramesConfig(share=0.5)), make_model().train()
    batch = batches_of(recipe, 0, 1)[0]
    batch = replace(batch, own=torch.tensor([True, False, True, False]))
    recipe.ready(model, batch)
    truth = model.encode(batch.previous.float() / 255)
    previous, sigma, present = recipe._previous(model, truth, batch)
    level = TINY.sampler.previous_sigma
    made = batch.roll_outs.at(batch.clip, batch.frame - 1) + level * batch.previous_noise
    degraded = degrade_previous(truth, batch.previous_noise, batch.degradation)
    for sample, (own, given) in enumerate(zip(made, degraded, strict=True)):
        assert torch.equal(previous[sample], own if sample % 2 == 0 else given)
        assert sigma[sample] == (level if sample % 2 == 0 else batch.degradation.previous_sigma[sample])
    assert present[[0, 2]].all()


def test_a_run_with_own_frames_saved_within_a_block_ends_with_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(DenoiserRecipe, "sample_strip", lambda *_: None)  # which would paint a town
    recipe = recipe_of(DenoiserRecipe, own=OwnFramesConfig(share=1.0))
    per_block = frame_steps_per_block(recipe.batch, PLAN.shape, PLAN.uses)
    assert per_block > 3
    whole = train(replace(recipe, train_steps=per_block + 1), tmp_path / "whole", quiet=True)
    for steps in (2, per_block, per_block + 1):
        parts = train(replace(recipe, train_steps=steps), tmp_path / "parts", quiet=True)
    for (name, a), b in zip(whole.module.state_dict().items(), parts.module.state_dict().values(), strict=True):
        assert torch.equal(a, b), name


def test_own_frames_are_made_with_the_averaged_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(DenoiserRecipe, "sample_strip", lambda *_: None)
    seen, original = [], RollOuts.make
    monkeypatch.setattr(RollOuts, "make", lambda self, model, _: seen.append(model) or original(self, model, _))
    result = train(recipe_of(DenoiserRecipe, own=OwnFramesConfig(share=1.0)), tmp_path, quiet=True)
    assert seen
    assert all(model is result.ema for model in seen)


def test_the_critic_pulls_in_proportion_and_learns_apart(monkeypatch):
    """The gradient at the denoised latents is the denoising loss's own plus the pull of the asked size; what the critic learns
    by does not reach the model."""
    recipe, model = recipe_of(DenoiserRecipe, realism=RealismConfig(weight=0.5, ramp_steps=10, sigma_low=0.0)), make_model()
    model.critic = LayoutCritic(8)
    batch = batches_of(recipe, 0, 1)[0]
    caught = []
    denoise = model.denoise

    def catching(*arguments):
        denoised, features = denoise(*arguments)
        caught.append(denoised)
        return denoised, features

    monkeypatch.setattr(model, "denoise", catching)
    gradients, plain = [], replace(recipe, realism=RealismConfig())
    for maker, train_step in ((plain, 0), (recipe, 0), (recipe, 5), (recipe, 99)):
        model.zero_grad()
        loss, metrics = maker.loss(model, batch, train_step)
        gradients += torch.autograd.grad(loss, caught[-1], retain_graph=True)
        loss.backward()
        learns = [parameter.grad is not None for parameter in model.critic.parameters()]
        assert all(learns) if maker is recipe else not any(learns)
        assert ("critic_loss" in metrics) == (maker is recipe)
    own, at_first, half_way, full = gradients
    torch.testing.assert_close(at_first, own)  # nothing but its own: the critic has yet to learn
    size = own.flatten(1).norm(dim=1)
    torch.testing.assert_close((half_way - own).flatten(1).norm(dim=1), 0.25 * size)
    torch.testing.assert_close((full - own).flatten(1).norm(dim=1), 0.5 * size)


def test_the_critic_is_by_adamw_and_its_weights_are_taken_over_or_left(tmp_path, monkeypatch):
    monkeypatch.undo()
    recipe = replace(get_recipe("town-nano-stage1"), realism=RealismConfig(weight=0.5, width=8))
    state = create_state(recipe, torch.device("cpu"))
    by_muon = {id(p) for group in state.optimiser.param_groups if group["orthogonal"] for p in group["params"]}
    names = {name for name, p in state.module.named_parameters() if id(p) in by_muon}
    assert not any(name.startswith("critic.") for name in names)
    assert "input.weight" in names
    assert any(name.startswith("critic.") for name in state.trained)
    shares = {name: group["rate_share"] for group in state.optimiser.param_groups for p in group["params"]
              for name in [n for n, q in state.module.named_parameters() if q is p]}  # fmt: skip
    assert all(share == (0.25 if name.startswith("critic.") else 1.0) for name, share in shares.items())
    save_file(state.module.state_dict(), tmp_path / "run.safetensors")
    init = str(tmp_path / "run.safetensors")
    again = replace(recipe, init=init).build()
    assert torch.equal(again.critic.mix.weight, state.module.critic.mix.weight)
    assert not hasattr(replace(recipe, init=init, realism=RealismConfig()).build(), "critic")


def test_after_an_own_frame_that_disagrees_the_target_goes_on_from_it_where_the_layout_says_nothing():
    recipe = recipe_of(DenoiserRecipe, own=OwnFramesConfig(share=0.5, from_nothing=0.0))
    batch = batches_of(recipe, 0, 1)[0]
    model = recipe.build().eval()
    conditions = batch.conditions
    picture, boxes = torch.zeros_like(conditions.map_image), torch.zeros_like(conditions.box_image)
    picture[:, 0, 2, :8] = 255  # the first row of cells
    conditions = replace(conditions, map_image=picture, box_image=boxes)
    batch = replace(batch, conditions=conditions, own=torch.tensor([True, False, True, False]))
    context = model.prepare(conditions, None)
    recipe.ready(model, batch)
    made = batch.roll_outs.at(batch.clip, batch.frame - 1)
    clean = torch.randn(made.shape, generator=torch.Generator().manual_seed(3))
    same, asked = recipe._target(model, clean, made, context, batch)  # the same town
    torch.testing.assert_close(same, clean)
    torch.testing.assert_close(asked, torch.ones_like(asked))
    batch.roll_outs.latents = torch.randn(batch.roll_outs.latents.shape, generator=torch.Generator().manual_seed(4)).half()
    made = batch.roll_outs.at(batch.clip, batch.frame - 1)
    target, asked = recipe._target(model, clean, -made, context, batch)  # another one: the negative
    assert asked[1::2].eq(1).all()
    assert asked[::2, ..., 0, :].eq(1).all()
    own, true = (model.align(z, torch.zeros(4), context).near for z in (made, -made))
    torch.testing.assert_close(target[1::2], clean[1::2])
    torch.testing.assert_close(target[::2, ..., 0, :], clean[::2, ..., 0, :])
    torch.testing.assert_close(target, clean + (1 - asked) * (own - true))
    code = model.autoencoder.code
    difference = (code.decode(own[:, 0]) - code.decode(true[:, 0]))[:, None]
    agreement = recipe.own.agreement(difference, TINY.autoencoder.patch_px)
    torch.testing.assert_close(asked[::2, ..., 1:, :], agreement[::2, ..., 1:, :], rtol=1e-3, atol=1e-3)
    assert asked[::2, ..., 1:, :].min() < 0.01


@pytest.mark.parametrize(
    ("name", "setting"),
    [
        *((name, "own.share") for name in ("town-stage2", "town-stage3", "town-decoder")),
        *((name, "realism.weight") for name in ("town-stage2", "town-decoder")),
    ],
)
def test_what_a_recipe_does_not_read_is_refused(name, setting):
    with pytest.raises(ValueError, match=rf"^{setting}: expected 0 in {name}"):
        apply_overrides(get_recipe(name), [f"{setting}=0.5"])


@pytest.mark.parametrize(
    "override",
    [
        *(f"batch={value}" for value in (0, -1, "1e9", 9999)),
        *(f"plan.{name}=0" for name in ("towns", "segments", "frames", "uses", "town_seconds")),
        *(f"plan.{name}=-1" for name in ("towns", "segments", "frames", "uses", "town_seconds", "workers")),
        *("plan.frames=1", "plan.town_seconds=nan", "plan.town_seconds=1", "plan.towns=1e9", "plan.workers=1e9"),
        *("object_weight=nan", "object_weight=-1"),
        *("optimiser.learning_rate=inf", "degrade.noise_low=0", "seed=1e30", "preset=twon"),
    ],
)
@pytest.mark.parametrize("name", ["town-nano-stage1", "town-nano-stage2", "town-nano-decoder"])
def test_settings_that_cannot_be_are_refused_by_the_name_that_was_typed(name, override):
    with pytest.raises(ValueError, match=rf"^{override.split('=')[0]}: expected") as caught:
        apply_overrides(get_recipe(name), [override])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "override"),
    [
        *(
            ("town-nano-decoder", f"terms.{term}=-1")
            for term in ("gradient", "spectrum", "adversarial", "latent_noise", "wear")
        ),
        ("town-nano-decoder", "terms.gradient=nan"),
        ("town-nano-decoder", "terms.wear=1e9"),
        ("town-nano-stage3", "double_steps=0"),
        *(
            (f"town-nano-stage{stage}", override)
            for stage in (1, 2)
            for override in ("levels.schedule_share=-1", "levels.std=nan", "component_power=1000")
        ),
    ],
)
def test_a_stages_own_settings_are_refused_too(name, override):
    with pytest.raises(ValueError, match=rf"^{override.split('=')[0]}: expected"):
        apply_overrides(get_recipe(name), [override])


def test_a_cache_that_cannot_be_made_is_refused_before_anything_is(tmp_path):
    (tmp_path / "file").write_text("in the way")
    plan = replace(PLAN, workers=1, cache_dir=str(tmp_path / "file"))
    with pytest.raises(ValueError, match=r"^plan\.cache_dir .*got 'Not a directory'"):
        train(replace(recipe_of(DenoiserRecipe), plan=plan), tmp_path / "run", quiet=True)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("kind", [DenoiserRecipe, WalkRecipe, RolloutRecipe])
def test_every_stage_draws_a_frames_sketch_once_a_block_and_learns_the_same(kind, monkeypatch):
    recipe, model = recipe_of(kind, degrade=DegradeConfig(drop_map=0.0, drop_boxes=0.0, drop_scalars=0.0)), make_model()
    sizes, sketch, losses = [], model.sketch.forward, []
    monkeypatch.setattr(model.sketch, "forward", lambda c, code: sizes.append(c.batch_size) or sketch(c, code))
    for made in (False, True):
        batches = batches_of(recipe, 0, 3)
        if made:
            recipe.ready(model, batches[0])
            assert sum(sizes) == len(made_up_block(0).conditions.weather)
        sizes.clear()
        torch.manual_seed(0)  # HTFT's dropout
        losses.append([float(recipe.loss(model, batch, i)[0].detach()) for i, batch in enumerate(batches)])
        assert bool(sizes) != made
        sizes.clear()
    assert losses[1] == pytest.approx(losses[0], rel=1e-3)


@pytest.mark.parametrize("kind", [DenoiserRecipe, WalkRecipe, RolloutRecipe])
def test_every_stage_computes_in_bfloat16_too(kind):
    settings = {"own": OwnFramesConfig(share=0.5)} if kind is DenoiserRecipe else {}
    settings |= {"realism": RealismConfig(weight=0.3)} if kind is not WalkRecipe else {}
    losses = losses_in_both_dtypes(recipe_of(kind, **settings))
    assert losses[0] != losses[1]
    assert losses[1] == pytest.approx(losses[0], rel=0.1)


@pytest.mark.parametrize("kind", [DenoiserRecipe, RolloutRecipe])
def test_the_critic_alone_learns_first(kind, tmp_path, monkeypatch):
    monkeypatch.setattr(kind, "sample_strip", lambda *_: None)
    realism = RealismConfig(weight=0.5, alone_steps=4, ramp_steps=0, sigma_low=0.0)
    recipe = recipe_of(kind, realism=realism)

    def with_critic(_: DenoiserRecipe) -> nn.Module:
        model = make_model().train()
        torch.manual_seed(0)
        model.critic = LayoutCritic(8)
        return model

    monkeypatch.setattr(kind, "build", with_critic)
    before = make_model().state_dict()
    for steps, stays in ((4, True), (8, False)):
        after = train(replace(recipe, train_steps=steps), tmp_path / str(steps), quiet=True).module.state_dict()
        assert all(torch.equal(after[name], tensor) for name, tensor in before.items()) == stays
    again = train(replace(recipe, train_steps=4), tmp_path / "four", quiet=True).module.state_dict()
    critic = {name for name in after if name.startswith("critic.")}
    assert critic
    assert not all(torch.equal(again[name], after[name]) for name in critic)
