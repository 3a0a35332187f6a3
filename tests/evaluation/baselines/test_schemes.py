"""The schemes over denoisers that are known: a perfect one, and one that only sees what it is asked."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
import torch
from torch import Tensor

from everroad.evaluation.baselines.schemes import Sampling, chunked, diagonal, one_shot, whole_window

SIGMAS, QUEUE = (10.0, 2.0, 0.2, 0.0), (10.0, 4.0, 1.5, 0.5, 0.2, 0.0)
SAMPLING, FRAMES, OVERLAP = Sampling(SIGMAS), 5, 2


def truth(frame_index: int) -> Tensor:
    return torch.randn(2, 3, 2, 4, generator=torch.Generator().manual_seed(frame_index + 1))


@dataclass
class Known:
    """Says the truth of each frame, and remembers what it was asked."""

    asked: list[tuple[int, int, tuple[float, ...]]] = field(default_factory=list)
    share: float = 1.0  # of the truth; the rest is the mean of the window as it came in

    def denoised(self, noisy: Tensor, sigmas: tuple[float, ...], first_frame: int, given: int) -> Tensor:
        assert noisy.shape[1] == len(sigmas)
        self.asked.append((first_frame, given, sigmas))
        if self.share == 1:
            for place in range(given):
                torch.testing.assert_close(noisy[:, place], truth(first_frame + place), rtol=1e-4, atol=1e-4)
        right = torch.stack([truth(first_frame + i) for i in range(noisy.shape[1])], 1)
        return self.share * right + (1 - self.share) * torch.tanh(noisy.mean(1, keepdim=True))

    def noise(self, frame_index: int, purpose: str) -> Tensor:
        draw = torch.Generator().manual_seed(10_000 + 2 * frame_index + (purpose == "queue"))
        return torch.randn(2, 3, 2, 4, generator=draw)

    def finished(self, latents: Tensor) -> Tensor:
        return latents


def videos(clip: Known, last: int, solver: str = "euler") -> dict[str, Iterator[Tensor]]:
    sampling, queue = Sampling(SIGMAS, solver), Sampling(QUEUE, solver)
    return {
        "one-shot": one_shot(clip, truth(0), last, FRAMES, sampling),
        "chunked": chunked(clip, truth(0), last, FRAMES, OVERLAP, sampling),
        "diagonal": diagonal(clip, truth(0), last, FRAMES, queue, sampling, False),
        "diagonal-lookahead": diagonal(clip, truth(0), last, FRAMES, queue, sampling, True),
    }


SCHEMES = ("one-shot", "chunked", "diagonal", "diagonal-lookahead")


@pytest.mark.parametrize("solver", ["euler", "multistep"])
@pytest.mark.parametrize("last", [1, 3, 4, 5, 6, 13])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_with_a_perfect_denoiser_every_scheme_returns_the_truth(scheme: str, last: int, solver: str) -> None:
    made = list(videos(Known(), last, solver)[scheme])
    assert len(made) == last
    for frame_index, frame in enumerate(made, start=1):
        torch.testing.assert_close(frame, truth(frame_index), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_frames_do_not_depend_on_how_many_are_asked_for(scheme: str) -> None:
    """With a denoiser whose frames depend on each other; as long as the conditions reach one clip further."""
    long = list(itertools.islice(videos(Known(share=0.5), 60)[scheme], 20))
    short = list(itertools.islice(videos(Known(share=0.5), 20 + FRAMES)[scheme], 20))
    assert len(long) == 20
    assert all(torch.equal(a, b) for a, b in zip(long, short, strict=True))
    assert not torch.equal(long[0], truth(1))


def test_a_clip_is_made_at_one_noise_level_a_call_and_the_first_frame_given_to_the_first_alone() -> None:
    clip = Known()
    list(videos(clip, 11)["one-shot"])
    windows = [(first, given, len(sigmas)) for first, given, sigmas in clip.asked]
    assert windows == [(0, 1, 5)] * 3 + [(5, 0, 5)] * 3 + [(10, 0, 2)] * 3
    assert [set(sigmas) for _, _, sigmas in clip.asked[:3]] == [{sigma} for sigma in SIGMAS[:-1]]


def test_chunks_are_given_the_last_frames_of_the_chunk_before() -> None:
    clip = Known()
    list(videos(clip, 12)["chunked"])
    windows = [(first, given, len(sigmas)) for first, given, sigmas in clip.asked[:: len(SIGMAS) - 1]]
    assert windows == [(0, 1, 5), (3, 2, 5), (6, 2, 5), (9, 2, 4)]


def test_the_queue_climbs_from_clean_to_noisy_and_moves_by_one_frame_a_turn() -> None:
    clip = Known()
    list(videos(clip, 20)["diagonal"])
    base, turns = clip.asked[: len(SIGMAS) - 1], clip.asked[len(SIGMAS) - 1 :]
    assert [(first, given) for first, given, _ in base] == [(0, 1)] * 3
    rising = QUEUE[-2::-1]
    assert [first for first, _, _ in turns] == list(range(1, 21))
    assert all(sigmas == rising[: len(sigmas)] and given == 0 for _, given, sigmas in turns)
    assert [len(sigmas) for _, _, sigmas in turns] == [5] * 16 + [4, 3, 2, 1]


def test_lookahead_denoises_each_frame_behind_cleaner_ones() -> None:
    clip = Known()
    list(itertools.islice(videos(clip, 40)["diagonal-lookahead"], 4))
    turn = clip.asked[-3:]  # five frames in parts of two
    rising = QUEUE[-2::-1]
    assert turn[0] == (2, 2, (0.0, 0.0, *rising[:2]))
    assert turn[1] == (4, 0, rising[:4])
    assert turn[2] == (6, 0, rising[2:])


def test_new_frames_of_a_window_start_from_their_own_noise() -> None:
    """Whatever stands before them: the same frame begins the same in another window."""
    starts: dict[int, list[Tensor]] = {}

    class Watched(Known):
        def denoised(self, noisy: Tensor, sigmas: tuple[float, ...], first_frame: int, given: int) -> Tensor:
            if sigmas[0] == SIGMAS[0]:
                for place in range(given, noisy.shape[1]):
                    starts.setdefault(first_frame + place, []).append(noisy[:, place])
            return super().denoised(noisy, sigmas, first_frame, given)

    whole_window(Watched(), [truth(0)], 0, 3, SAMPLING)
    whole_window(Watched(), [truth(1), truth(2)], 1, 1, SAMPLING)
    assert torch.equal(*starts[3])
    assert not torch.equal(starts[2][0], starts[3][0])
    assert starts[3][0].std() == pytest.approx((1 + SIGMAS[0] ** 2) ** 0.5, rel=0.4)
