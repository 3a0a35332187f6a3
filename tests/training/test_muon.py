from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from everroad.training.muon import UPDATE_RMS, Muon, _iterated, _wide, orthogonal


@settings(deadline=None, max_examples=30)
@given(rows=st.integers(2, 24), columns=st.integers(2, 24), seed=st.integers(0, 1000))
def test_singular_vectors_stay_and_values_come_near_one(rows: int, columns: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    u = torch.linalg.qr(torch.randn(rows, rows, generator=generator))[0][:, : min(rows, columns)]
    v = torch.linalg.qr(torch.randn(columns, columns, generator=generator))[0][:, : min(rows, columns)]
    values = torch.linspace(0.3, 1.0, min(rows, columns))
    found = u.T @ orthogonal(u * values @ v.T) @ v
    assert ((found.diagonal() > 0.6) & (found.diagonal() < 1.25)).all()
    assert (found - torch.diag(found.diagonal())).abs().max() < 1e-4


@settings(deadline=None, max_examples=30)
@given(rows=st.integers(1, 24), columns=st.integers(24, 80), lowest=st.floats(1e-6, 1.0), seed=st.integers(0, 1000))
def test_wide_matrices_may_be_iterated_among_their_rows(rows: int, columns: int, lowest: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    matrix = torch.randn(rows, columns, generator=generator) * torch.logspace(0, float(np.log10(lowest)), rows)[:, None]
    matrix = matrix / matrix.norm()
    torch.testing.assert_close(_wide(matrix), _iterated(matrix), rtol=0, atol=2e-3)


def test_the_first_update_is_the_orthogonal_gradient_at_the_size_of_adamws() -> None:
    kernel = torch.nn.Parameter(torch.ones(4, 3, 2, 2))
    gradient = torch.randn(4, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    optimiser = Muon([{"params": [kernel], "orthogonal": True, "weight_decay": 0.5}], lr=0.1)
    kernel.grad = gradient.clone()
    optimiser.step()
    expected = 1 - 0.1 * 0.5 - 0.1 * UPDATE_RMS * 12**0.5 * orthogonal(gradient.flatten(1)).view(4, 3, 2, 2)
    torch.testing.assert_close(kernel.detach(), expected, rtol=1e-5, atol=1e-6)


def test_other_groups_are_adamws() -> None:
    def after(make) -> torch.Tensor:
        bias = torch.nn.Parameter(torch.linspace(-1, 1, 5))
        optimiser = make([{"params": [bias], "weight_decay": 0.1}])
        for k in range(4):
            bias.grad = torch.linspace(1, 2, 5) * (k + 1)
            optimiser.step()
        return bias.detach()

    ours = after(lambda groups: Muon(groups, lr=0.01, betas=(0.8, 0.9)))
    assert torch.equal(ours, after(lambda groups: torch.optim.AdamW(groups, lr=0.01, betas=(0.8, 0.9))))


def test_kernels_that_no_gradient_reached_are_left_alone() -> None:
    kernel = torch.nn.Parameter(torch.ones(3, 3))
    optimiser = Muon([{"params": [kernel], "orthogonal": True, "weight_decay": 0.5}], lr=0.1)
    optimiser.step()
    assert torch.equal(kernel.detach(), torch.ones(3, 3))
    assert not optimiser.state[kernel]


def test_matrices_are_updated_as_by_torchs_muon() -> None:
    def after(make) -> torch.Tensor:
        draw = torch.Generator().manual_seed(3)
        matrix = torch.nn.Parameter(torch.randn(6, 10, generator=draw))
        optimiser = make(matrix)
        for _ in range(4):
            matrix.grad = torch.randn(6, 10, generator=draw)
            optimiser.step()
        return matrix.detach()

    theirs = after(lambda m: torch.optim.Muon([m], lr=0.1, weight_decay=0.1, momentum=0.95, adjust_lr_fn="match_rms_adamw"))
    ours = after(lambda m: Muon([{"params": [m], "orthogonal": True, "weight_decay": 0.1}], lr=0.1))
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0.01)  # theirs iterates in bfloat16; an update is some 0.02 an entry
