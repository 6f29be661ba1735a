"""Muon's steps: orthogonal whatever the gradient's strengths, and down to the minimum."""

from __future__ import annotations

import pytest
import torch

from ixgs_ros.standardization.network.muon import Muon, orthogonal


def with_singular_values(rows, columns, values, seed=0):
    generator = torch.Generator().manual_seed(seed)
    u, _, v = torch.linalg.svd(torch.randn(rows, columns, generator=generator),
                               full_matrices=False)
    return u, v, (u * values) @ v


@pytest.mark.parametrize(('rows', 'columns'), [(16, 216), (48, 48), (96, 32)])
def test_all_directions_become_about_equally_long(rows, columns):
    values = torch.logspace(0.0, -1.5, min(rows, columns))
    u, v, matrix = with_singular_values(rows, columns, values)
    found = orthogonal(matrix)
    assert found.shape == matrix.shape
    lengths = torch.linalg.svdvals(found)
    assert 0.6 < lengths.min() and lengths.max() < 1.25
    # The directions are those of the matrix: U^T (U S V) V^T is diagonal.
    inside = u.T @ found @ v.T
    assert (inside - torch.diag(inside.diag())).abs().max() < 2e-3


def test_nothing_stays_nothing():
    assert torch.equal(orthogonal(torch.zeros(4, 9)), torch.zeros(4, 9))


def error_after(optimizer_of, wanted, curvature, rate, steps=300):
    """Return what least squares are left with, steps shrinking to nothing."""
    kernel = torch.nn.Parameter(torch.zeros_like(wanted))
    optimizer = optimizer_of([kernel], rate)
    for step in range(steps):
        for group in optimizer.param_groups:
            group['lr'] = rate * (1.0 - step / steps)
        optimizer.zero_grad()
        ((kernel - wanted).flatten(1) ** 2 @ curvature).sum().backward()
        optimizer.step()
    return float((kernel - wanted).detach().norm() / wanted.norm())


def test_small_directions_are_learned_as_well():
    """Least squares whose curvatures differ by 10^4, beside plain steps of the best length."""
    wanted = 0.3 * torch.randn(8, 4, 3, 3, generator=torch.Generator().manual_seed(1))
    curvature = torch.logspace(0.0, -4.0, 36)
    plain = error_after(torch.optim.SGD, wanted, curvature, 0.9)
    assert error_after(Muon, wanted, curvature, 0.05) < 0.15 < 0.5 < plain


def test_decay_shrinks_what_has_no_gradient():
    kernel = torch.nn.Parameter(torch.ones(2, 3))
    kernel.grad = torch.zeros(2, 3)
    Muon([kernel], rate=0.1, decay=0.5).step()
    assert torch.allclose(kernel, torch.full((2, 3), 0.95))
