"""Contract 3's promises: bit-identical frames whatever the chunking, interleaving, resume or fork; batches to tolerance."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from everroad.diffusion.noise import addressed_noise
from everroad.diffusion.sampler import Earlier, initial_noise_scale, multistep_update
from everroad.model.alignment import flow_grids
from everroad.model.memory import read_memory, zero_memory
from everroad.model.presets import get_preset
from everroad.model.world_model import WorldModel
from everroad.stream.generate import Frame, last_frame, next_frame, stream
from everroad.stream.start import start
from everroad.stream.state import cat, split, state_bytes, tensors_of
from everroad.stream.storage import load_state, save_state

FRAMES = 7


def begin(kit, fake, seed: int = 3, scene: int = 0, dtype: str = "float32"):
    return start(fake, kit.image(kit.config, scene), kit.conditions(kit.config, 0, scene), seed, ["CAM_FRONT"], dtype=dtype)


def told(kit, scene: int = 0, frames: int = FRAMES) -> list:
    return [kit.conditions(kit.config, i, scene) for i in range(1, frames + 1)]


def video(fake, state, conditions) -> torch.Tensor:
    return torch.stack([frame.latents for frame, _ in stream(fake, state, conditions)])


@pytest.fixture(scope="module")
def straight(kit, fake):
    """The reference: one stream, start to end, in one go."""
    return video(fake, begin(kit, fake), told(kit))


@settings(max_examples=25)
@given(st.lists(st.integers(0, FRAMES), max_size=4))
def test_chunking_changes_no_bit(kit, fake, straight, cuts: list[int]):
    state, parts = begin(kit, fake), []
    edges = [0, *sorted(cuts), FRAMES]
    for first, last in pairwise(edges):
        for frame, state_after in stream(fake, state, told(kit)[first:last]):
            parts.append(frame.latents)
            state = state_after
    assert torch.equal(torch.stack(parts), straight)


@settings(max_examples=25)
@given(st.permutations([0] * FRAMES + [1] * FRAMES))
def test_interleaving_two_streams_changes_no_bit(kit, fake, straight, turns: list[int]):
    states = [begin(kit, fake), begin(kit, fake, seed=4, scene=1)]
    conditions = [iter(told(kit, 0)), iter(told(kit, 1))]
    frames: list[list[torch.Tensor]] = [[], []]
    for which in turns:
        frame, states[which] = next_frame(fake, states[which], next(conditions[which]))
        frames[which].append(frame.latents)
    assert torch.equal(torch.stack(frames[0]), straight)
    assert torch.equal(torch.stack(frames[1]), video(fake, begin(kit, fake, seed=4, scene=1), told(kit, 1)))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize("at", range(FRAMES))
def test_resume_from_a_file_changes_no_bit(kit, fake, tmp_path, at: int, dtype: str):
    state = begin(kit, fake, dtype=dtype)
    whole = video(fake, state, told(kit))
    for _frame, state_after in stream(fake, state, told(kit)[:at]):
        state = state_after
    save_state(state, tmp_path / "stream.safetensors")
    resumed = load_state(tmp_path / "stream.safetensors", state.made_with)
    assert torch.equal(video(fake, resumed, told(kit)[at:]), whole[at:])


@settings(max_examples=15)
@given(st.integers(0, FRAMES - 1))
def test_fork_leaves_the_original_and_follows_its_own_conditions(kit, fake, straight, at: int):
    state = begin(kit, fake)
    for _frame, state_after in stream(fake, state, told(kit)[:at]):
        state = state_after
    before = [tensor.clone() for tensor in tensors_of(state)]
    fork = split(state)[0]
    what_if = video(fake, fork, told(kit, scene=9)[at:])
    assert all(torch.equal(one, other) for one, other in zip(before, tensors_of(state), strict=True))
    assert torch.equal(video(fake, state, told(kit)[at:]), straight[at:])
    assert torch.equal(video(fake, fork, told(kit)[at:]), straight[at:])  # same seed, same conditions: the same video
    assert not torch.allclose(what_if, straight[at:])


@settings(max_examples=10)
@given(st.permutations(range(4)))
def test_streams_in_one_batch_equal_the_streams_alone(kit, fake, order: list[int]):
    states = [begin(kit, fake, seed=10 + s, scene=s) for s in order]
    states[0] = advance(kit, fake, states[0], order[0], 2)  # streams of one batch need not be at the same frame
    joined = cat(states)
    for _ in range(3):
        indices = [int(state.frame_index) + 1 for state in states]
        conditions = [kit.conditions(kit.config, index, s) for index, s in zip(indices, order, strict=True)]
        noise = addressed_noise(joined.seed, joined.frame_index + 1, joined.camera_names, "initial", joined.previous.shape[2:])
        frame, joined = next_frame(fake, joined, cat_of(conditions))
        for b, alone in enumerate(states):
            own = addressed_noise(alone.seed, alone.frame_index + 1, alone.camera_names, "initial", alone.previous.shape[2:])
            assert torch.equal(noise[b : b + 1], own)
            single, states[b] = next_frame(fake, alone, conditions[b])
            torch.testing.assert_close(frame.latents[b : b + 1], single.latents, rtol=1e-4, atol=1e-5)
    for part, alone in zip(split(joined), states, strict=True):
        assert int(part.frame_index) == int(alone.frame_index)
        for one, other in zip(tensors_of(part), tensors_of(alone), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


def cat_of(conditions):
    from everroad.conditions.types import cat_conditions

    return cat_conditions(conditions)


def advance(kit, fake, state, scene: int, frames: int):
    return list(stream(fake, state, told(kit, scene, frames)))[-1][1]


@pytest.mark.parametrize("solver", ["euler", "multistep"])
def test_next_frame_is_the_sampler_written_out(kit, fake, solver):
    """A second implementation, straight from the formulas, with the memory in its raw form."""
    config = kit.config
    state = start(fake, kit.image(config), kit.conditions(config, 0), 3, ["CAM_FRONT"], form="raw")
    state = replace(state, made_with=replace(state.made_with, solver=solver))
    history: list[list[torch.Tensor]] = []  # newest first: features by denoise step
    for i in range(1, 6):
        conditions = kit.conditions(config, i)
        frame, after = next_frame(fake, state, conditions)
        with torch.no_grad():
            level = config.sampler.previous_sigma
            noise = addressed_noise([3], [i], ["CAM_FRONT"], "previous", state.previous.shape[2:])
            context = fake.prepare(conditions, state.anchor)
            previous = fake.align(state.previous + level * noise, torch.tensor([level]), context)
            sigmas = state.made_with.sigmas
            x = initial_noise_scale(sigmas[0]) * addressed_noise([3], [i], ["CAM_FRONT"], "initial", state.previous.shape[2:])
            written, earlier = [], None
            for k in range(4):
                blank = torch.zeros(1, 1, 32, config.latent_rows, config.latent_columns)
                ages = [history[a - 1][k] if a <= len(history) else blank for a in config.htft.ages]
                row = replace(read_memory(state.memory, k, config.htft.ages), sites=(torch.stack(ages, 2),))
                denoised, (features,) = fake.denoise(x, torch.tensor([sigmas[k]]), previous, context, row, config.belief)
                x = multistep_update(x, denoised, sigmas[k], sigmas[k + 1], earlier)
                earlier = Earlier(denoised, sigmas[k]) if solver == "multistep" else None
                written.append(features)
            history = [written, *history]
        assert torch.equal(frame.latents, x)
        with torch.no_grad():
            assert torch.equal(after.previous, fake.fed_back(x, fake.decode(x, conditions), context.grids))
        state = after
    assert state.frame_index.tolist() == [5]
    assert torch.equal(state.memory.entries[1][0][:, :, 2], history[1][2])


def test_both_forms_of_memory_give_the_same_video(kit, fake):
    ways = [
        start(fake, kit.image(kit.config), kit.conditions(kit.config, 0), 3, ["CAM_FRONT"], form=form)
        for form in ("raw", "projected")
    ]
    one, other = (video(fake, state, told(kit)) for state in ways)
    torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("part", ["anchor", "previous", "memory", "seed", "frame_index", "anchor_present"])
def test_every_part_of_the_state_matters(kit, fake, part: str):
    state = advance(kit, fake, begin(kit, fake), 0, 5)
    changed = {
        "anchor": state.anchor + 1,
        "previous": state.previous + 1,
        "memory": zero_memory(kit.config, 1, 1, 4, "projected", torch.float32),
        "seed": state.seed + 1,
        "frame_index": state.frame_index + 1,
        "anchor_present": ~state.anchor_present,
    }
    conditions = kit.conditions(kit.config, 6)
    frame, _ = next_frame(fake, state, conditions)
    other, _ = next_frame(fake, replace(state, **{part: changed[part]}), conditions)
    assert not torch.allclose(frame.latents, other.latents, atol=1e-4)


def test_state_bytes_do_not_grow(kit, fake):
    state = begin(kit, fake)
    first = state_bytes(state)
    assert first == sum(tensor.nbytes for tensor in tensors_of(state))
    state = advance(kit, fake, state, 0, 12)
    assert state_bytes(state) == first


def test_views_have_noise_of_their_own_by_name(kit, fake):
    """A camera's noise hangs on its name and not on its place in the list."""
    config, conditions = kit.config, kit.conditions(kit.config, 0, views=2)
    names = ["CAM_FRONT", "CAM_BACK"]
    frame, _ = next_frame(
        fake, start(fake, kit.image(config, views=2), conditions, 0, names), kit.conditions(config, 1, views=2)
    )
    assert frame.latents.shape[:2] == (1, 2)
    alone = addressed_noise([0], [1], ["CAM_BACK"], "initial", (2,))
    assert torch.equal(addressed_noise([0], [1], names, "initial", (2,))[:, 1:], alone)


def test_frame_0_without_an_image_comes_from_the_conditions(kit, fake):
    conditions = kit.conditions(kit.config, 0)
    one = start(fake, None, conditions, 3, ["CAM_FRONT"])
    again = start(fake, None, conditions, 3, ["CAM_FRONT"])
    other_seed = start(fake, None, conditions, 4, ["CAM_FRONT"])
    other_scene = start(fake, None, kit.conditions(kit.config, 0, scene=1), 3, ["CAM_FRONT"])
    assert one.frame_index.tolist() == [0]
    assert torch.equal(one.anchor, one.previous)
    assert one.anchor_present.all()
    assert torch.equal(one.previous, again.previous)
    assert not torch.allclose(one.previous, other_seed.previous)
    assert not torch.allclose(one.previous, other_scene.previous)
    assert one.memory.entries[0][0].abs().max() > 0  # frame 0 was denoised, so frame 1 may read its features
    assert all(entry[0].abs().max() == 0 for entry in one.memory.entries[1:])


def test_frame_0_is_the_encoded_start_image(kit, fake):
    image = kit.image(kit.config)
    state = begin(kit, fake)
    with torch.no_grad():
        assert torch.equal(state.previous, fake.encode(image))
    assert state.memory.entries[0][0].abs().max() == 0
    decoded = last_frame(state).decode(fake)
    assert decoded.shape == image.shape
    pixels = last_frame(state).decode_uint8(fake)
    torch.testing.assert_close(pixels.float() / 255, decoded, rtol=0, atol=0.5 / 255 + 1e-6)


def test_a_frame_is_decoded_under_its_own_conditions(kit, fake):
    conditions = kit.conditions(kit.config, 1)
    frame, state = next_frame(fake, begin(kit, fake), conditions)
    with torch.no_grad():
        assert torch.equal(frame.decode(fake), fake.decode(frame.latents, conditions))
        assert torch.equal(last_frame(state).decode(fake), fake.decode(state.previous))  # a state does not know them
    assert not torch.equal(frame.decode(fake), last_frame(state).decode(fake))


@pytest.mark.parametrize("feedback", [0.0, 0.35])
def test_what_goes_on_is_the_frame_with_its_share_of_detail(kit, feedback):
    model = kit.build(config=replace(kit.config, finish=replace(kit.config.finish, feedback=feedback)))
    frame, state = next_frame(model, begin(kit, model), told(kit)[0])
    pictures = frame.decode(model)
    assert torch.equal(pictures, model.decode(frame.latents, frame.conditions))
    assert (frame.pictures is None) == (feedback == 0)
    expected = model.fed_back(frame.latents, pictures, flow_grids(frame.conditions)) if feedback else frame.latents
    assert torch.equal(state.previous, expected)
    assert torch.equal(state.previous, frame.latents) == (feedback == 0)


def test_no_gradient_but_tensors_that_may_enter_autograd(kit, fake):
    frame, _ = next_frame(fake, begin(kit, fake), kit.conditions(kit.config, 1))
    assert not frame.latents.requires_grad
    assert not frame.latents.is_inference()
    weight = torch.ones(1, requires_grad=True)
    (frame.latents * weight).sum().backward()
    assert weight.grad is not None


def test_inside_a_training_autocast_region_gradients_survive(kit):
    """Autocast caches cast weights; one cast without gradients would cut the next training step off from its weights."""
    model = kit.build()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        state = begin(kit, model, dtype="bfloat16")
        next_frame(model, state, kit.conditions(kit.config, 1))
        model.encode(kit.image(kit.config)).sum().backward()
    assert model.encoder.weight.grad is not None


def test_the_callers_autocast_region_changes_no_bit(kit, fake, straight):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(video(fake, begin(kit, fake), told(kit)), straight)


def test_bf16_is_used_and_recorded(kit, fake, straight):
    state = begin(kit, fake, dtype="bfloat16")
    assert state.made_with.dtype == "bfloat16"
    frame, after = next_frame(fake, state, kit.conditions(kit.config, 1))
    assert after.memory.entries[0][0].dtype == torch.bfloat16
    assert frame.latents.dtype == torch.float32
    assert not torch.equal(frame.latents, straight[0])
    torch.testing.assert_close(frame.latents, straight[0], rtol=0.1, atol=0.1)


def test_refuses_conditions_and_models_that_do_not_fit(kit, fake):
    state = begin(kit, fake)
    with pytest.raises(ValueError, match="expected 1 streams of 1 views at 32x48 pixels, got 2 of 1"):
        next_frame(fake, state, kit.conditions(kit.config, 1, batch=2))
    with pytest.raises(ValueError, match="got 1 of 1 at 64x48"):
        next_frame(fake, state, kit.conditions(replace(kit.config, height_px=64), 1))
    with pytest.raises(ValueError, match="evaluation mode"):
        next_frame(kit.build().train(), state, kit.conditions(kit.config, 1))
    with pytest.raises(ValueError, match="start image: expected shape"):
        start(fake, kit.image(kit.config, views=2), kit.conditions(kit.config, 0), 0, ["CAM_FRONT"])
    with pytest.raises(ValueError, match="seeds: expected 1"):
        start(fake, None, kit.conditions(kit.config, 0), [1, 2], ["CAM_FRONT"])
    with pytest.raises(ValueError, match="at least 1 denoise step"):
        start(fake, None, kit.conditions(kit.config, 0), 0, ["CAM_FRONT"], steps=0)
    with pytest.raises(ValueError, match="float32 or bfloat16, got 'float16'"):
        start(fake, None, kit.conditions(kit.config, 0), 0, ["CAM_FRONT"], dtype=torch.float16)


@pytest.mark.parametrize("steps", [1, 2])
def test_other_numbers_of_denoise_steps(kit, fake, steps: int):
    state = start(fake, kit.image(kit.config), kit.conditions(kit.config, 0), 0, ["CAM_FRONT"], steps=steps)
    frame, after = next_frame(fake, state, kit.conditions(kit.config, 1))
    assert isinstance(frame, Frame)
    assert after.memory.entries[0][0].shape[2] == steps


def test_the_real_model_streams_the_same_way(kit):
    """town-nano, untrained but with its zero-initialised layers filled: chunks, resume of a batch, constant bytes."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = WorldModel(get_preset("town-nano")).eval()
        for parameter in model.parameters():
            if not parameter.detach().any():
                torch.nn.init.normal_(parameter, std=0.05)
    config = model.config
    image = kit.image(config, batch=2)
    state = start(model, image, kit.conditions(config, 0, batch=2), [1, 2], ["CAM_FRONT"])
    told_all = [kit.conditions(config, i, batch=2) for i in range(1, 4)]
    whole = video(model, state, told_all)
    assert torch.isfinite(whole).all()
    first, state_1 = next_frame(model, state, told_all[0])
    assert torch.equal(first.latents, whole[0])
    assert torch.equal(video(model, state_1, told_all[1:]), whole[1:])
    assert state_bytes(state_1) == state_bytes(state)
    alone = split(state)[1]
    single = video(model, alone, [conditions.split()[1] for conditions in told_all])
    torch.testing.assert_close(single, whole[:, 1:], rtol=1e-3, atol=1e-3)
