"""Three ways to make a video of any length with a model of short clips, as formulas over a denoiser: no network, no conditions.

All begin after frame 0, which is given, and yield frames 1, 2, … one by one. The clip model is asked for windows of consecutive
frames, the first few of which may be given clean. Axis letters: ``b`` streams, ``w`` frames of a window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor

from everroad.diffusion.sampler import Earlier, Solver, initial_noise_scale, multistep_update

Latents = Float[Tensor, "b z y x"]


@runtime_checkable
class ClipDenoiser(Protocol):
    """What the schemes ask of a clip model and of where it is used."""

    def denoised(
        self, noisy: Float[Tensor, "b w z y x"], sigmas: tuple[float, ...], first_frame: int, given: int
    ) -> Float[Tensor, "b w z y x"]:
        """The denoised latents of frames ``first_frame`` and on, each at its own noise level; the first ``given`` are clean."""
        ...

    def noise(self, frame_index: int, purpose: Literal["initial", "queue"]) -> Latents:
        """Standard normal noise of one frame."""
        ...

    def finished(self, latents: Latents) -> Latents:
        """A denoised frame as it is shown and given on."""
        ...


@dataclass(frozen=True)
class Sampling:
    """Noise levels that fall to 0, and the solver."""

    sigmas: tuple[float, ...]
    solver: Solver = "euler"


def whole_window(clip: ClipDenoiser, given: list[Latents], first_frame: int, new: int, sampling: Sampling) -> list[Latents]:
    """``new`` frames after the ``given`` ones, the first of which is ``first_frame``, all at one noise level at a time."""
    g, sigmas = len(given), sampling.sigmas
    start = initial_noise_scale(sigmas[0])
    noisy = torch.stack([start * clip.noise(first_frame + g + i, "initial") for i in range(new)], 1)
    earlier: Earlier | None = None
    for sigma, following in pairwise(sigmas):
        window = torch.cat([*(frame[:, None] for frame in given), noisy], 1)
        clean = clip.denoised(window, (sigma,) * (g + new), first_frame, g)[:, g:]
        noisy = multistep_update(noisy, clean, sigma, following, earlier)
        earlier = Earlier(clean, sigma) if sampling.solver == "multistep" else None
    return [clip.finished(noisy[:, i]) for i in range(new)]


def one_shot(clip: ClipDenoiser, first: Latents, last: int, frames: int, sampling: Sampling) -> Iterator[Latents]:
    """Clips of ``frames`` frames, each at once and each by itself: frame 0 is given to the first, nothing to the others."""
    yield from whole_window(clip, [first], 0, min(frames - 1, last), sampling)
    for begin in range(frames, last + 1, frames):
        yield from whole_window(clip, [], begin, min(frames, last + 1 - begin), sampling)


def chunked(clip: ClipDenoiser, first: Latents, last: int, frames: int, overlap: int, sampling: Sampling) -> Iterator[Latents]:
    """Windows of ``frames`` frames, the last ``overlap`` of each given to the next (Vista, Gao et al. 2024)."""
    known, begin = [first], 0
    while begin + len(known) <= last:
        new = min(frames - len(known), last + 1 - begin - len(known))
        made = whole_window(clip, known, begin, new, sampling)
        yield from made
        behind = [*known, *made]
        known, begin = behind[-overlap:], begin + max(len(behind) - overlap, 0)


@dataclass(frozen=True)
class Queued:
    """One frame of the queue: its noisy latents, their noise level's place in the schedule, and what the solver remembers."""

    noisy: Latents
    level: int
    earlier: Earlier | None = None


def diagonal(
    clip: ClipDenoiser, first: Latents, last: int, frames: int, sampling: Sampling, base: Sampling, lookahead: bool
) -> Iterator[Latents]:
    """A queue of as many frames as there are denoise steps in ``sampling`` (``frames``), cleanest first: each turn denoises
    every frame by one step, lets the first one go and takes in noise (FIFO-Diffusion, Kim et al. 2024).

    The queue begins as a clip made at once by ``base``, noised up to its levels. With ``lookahead`` each half of the queue is
    denoised behind another half of cleaner frames, finished ones for the first: two calls for one (theirs too). Towards the end
    there is nothing to take in, and the queue runs empty.
    """
    assert len(sampling.sigmas) == frames + 1, "one denoise step for each place of the queue"
    queue = _filled(clip, first, last, frames, sampling, base)
    past, head = [first], 1
    while queue:
        queue = _advanced(clip, queue, head, past, frames // 2 if lookahead else frames, lookahead, sampling)
        made = clip.finished(queue[0].noisy)
        yield made
        past, queue, head = [*past, made][-(frames // 2) :], queue[1:], head + 1
        if head + len(queue) <= last:
            queue = [*queue, _entering(clip, head + len(queue), sampling)]


def _filled(clip: ClipDenoiser, first: Latents, last: int, frames: int, sampling: Sampling, base: Sampling) -> list[Queued]:
    made = whole_window(clip, [first], 0, min(frames - 1, last), base)
    levels = [frames - 1 - place for place in range(len(made))]
    queue = [
        Queued(frame + sampling.sigmas[level] * clip.noise(1 + place, "queue"), level)
        for place, (frame, level) in enumerate(zip(made, levels, strict=True))
    ]
    return [*queue, _entering(clip, frames, sampling)] if frames <= last else queue


def _entering(clip: ClipDenoiser, frame_index: int, sampling: Sampling) -> Queued:
    return Queued(initial_noise_scale(sampling.sigmas[0]) * clip.noise(frame_index, "initial"), 0)


def _advanced(
    clip: ClipDenoiser, queue: list[Queued], head: int, past: list[Latents], part: int, lookahead: bool, sampling: Sampling
) -> list[Queued]:
    """The queue one denoise step on, in parts of ``part`` frames; ``head`` is the frame index of its first frame."""
    advanced: list[Queued] = []
    for begin in range(0, len(queue), part):
        # Cleaner frames before the part: those of the queue as it was, and finished ones where the part is its first.
        behind = queue[max(begin - part, 0) : begin] if lookahead else []
        given = past if lookahead and begin == 0 else []
        whole = [*behind, *queue[begin : begin + part]]
        window = torch.stack([*given, *(frame.noisy for frame in whole)], 1)
        sigmas = (0.0,) * len(given) + tuple(sampling.sigmas[frame.level] for frame in whole)
        clean = clip.denoised(window, sigmas, head + begin - len(behind) - len(given), len(given))
        for place in range(len(given) + len(behind), window.shape[1]):
            advanced.append(_stepped(queue[len(advanced)], clean[:, place], sampling))
    return advanced


def _stepped(frame: Queued, clean: Latents, sampling: Sampling) -> Queued:
    sigma, following = sampling.sigmas[frame.level], sampling.sigmas[frame.level + 1]
    noisy = multistep_update(frame.noisy, clean, sigma, following, frame.earlier)
    return replace(
        frame,
        noisy=noisy,
        level=frame.level + 1,
        earlier=Earlier(clean, sigma) if sampling.solver == "multistep" else None,
    )
