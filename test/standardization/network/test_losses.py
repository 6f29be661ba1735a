"""The terms of the loss against numbers worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch

from ixgs_ros.standardization.network.losses import (
    adversarial_error,
    amplitude_error,
    presence_error,
    quantile_error,
    relative_l1,
)

TRUTH = torch.tensor([[1.0, 0.0], [3.0, 9.0]])[None, None]
MASK = torch.tensor([[1.0, 1.0], [1.0, 0.0]])[None, None]


def test_relative_l1_counts_errors_inside_the_mask():
    bone = torch.tensor([[1.5, 0.5], [2.0, 0.0]])[None, None]
    assert float(relative_l1(bone, TRUTH, MASK)) == pytest.approx(2.0 / 4.0)


def test_one_half_is_the_relative_l1():
    bone = torch.tensor([[1.5, 0.5], [2.0, 0.0]])[None, None]
    assert float(quantile_error(bone, TRUTH, MASK, 0.5)) == float(relative_l1(bone, TRUTH, MASK))


def test_the_least_error_is_at_the_quantile_of_what_may_be_there():
    # A pixel that has bone in four of ten images: less than half, so the median is none.
    truth = torch.tensor([0.0] * 6 + [1.0] * 4).reshape(10, 1, 1, 1)
    def error(amount: float, quantile: float) -> float:
        return float(quantile_error(torch.full_like(truth, amount), truth,
                                    torch.ones_like(truth), quantile))
    assert error(0.0, 0.5) < error(0.5, 0.5) < error(1.0, 0.5)
    assert error(1.0, 0.65) < error(0.5, 0.65) < error(0.0, 0.65)


def test_errors_that_cancel_leave_the_amplitude_right():
    bone = torch.tensor([[2.0, 0.0], [2.0, 0.0]])[None, None]
    assert float(amplitude_error(bone, TRUTH, MASK)) == 0.0
    assert float(amplitude_error(0.75 * TRUTH, TRUTH, MASK)) == pytest.approx(0.25)


def test_an_image_without_bone_is_not_divided_by_nothing():
    nothing = torch.zeros(1, 1, 10, 10)
    value = relative_l1(nothing + 0.1, nothing, nothing + 1.0)
    assert float(value) == pytest.approx(0.1 / 0.05)


def test_presence_is_asked_of_usable_pixels():
    logit = torch.tensor([[0.0, 0.0], [0.0, -50.0]])[None, None]
    assert float(presence_error(logit, TRUTH, MASK)) == pytest.approx(math.log(2.0))
    sure = torch.where(TRUTH > 0.1, 30.0, -30.0)
    assert float(presence_error(sure, TRUTH, MASK)) < 1e-6


def test_scores_are_asked_to_be_one_or_zero():
    assert float(adversarial_error(torch.ones(3), True)) == 0.0
    assert float(adversarial_error(torch.ones(3), False)) == 1.0
