from __future__ import annotations

import torch

from everroad.training.critic import PatchCritic, critic_loss, realism_loss


def pictures(seed: int) -> torch.Tensor:
    return torch.rand(2, 3, 32, 48, generator=torch.Generator().manual_seed(seed))


def test_each_loss_reaches_its_own_side_alone() -> None:
    critic, made = PatchCritic(8), pictures(0).requires_grad_()
    realism_loss(critic, made).backward()
    assert made.grad is not None
    assert made.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in critic.parameters())
    made.grad = None
    critic_loss(critic, made, pictures(1)).backward()
    assert made.grad is None
    assert all(parameter.grad is not None for parameter in critic.parameters())


def test_a_critic_learns_to_tell_flat_pictures_from_noisy_ones() -> None:
    critic = PatchCritic(8)
    optimiser = torch.optim.Adam(critic.parameters(), lr=3e-3)
    flat = torch.full((2, 3, 32, 48), 0.5)
    before = float(critic_loss(critic, flat, pictures(1)).detach())
    for step in range(40):
        optimiser.zero_grad()
        critic_loss(critic, flat, pictures(step)).backward()
        optimiser.step()
    after = float(critic_loss(critic, flat, pictures(99)).detach())
    assert after < 0.3 * before
    assert realism_loss(critic, pictures(98)) < realism_loss(critic, flat)


def test_hinge_values() -> None:
    class Fixed(PatchCritic):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return images.mean((1, 2, 3), keepdim=True)

    zeros, ones, threes = (torch.full((1, 3, 8, 8), value) for value in (0.0, 1.0, 3.0))
    assert float(critic_loss(Fixed(8), zeros, threes)) == 1.0
    assert float(critic_loss(Fixed(8), threes, zeros)) == 5.0
    assert float(realism_loss(Fixed(8), ones)) == -1.0
