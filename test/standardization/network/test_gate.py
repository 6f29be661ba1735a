"""The gate: what the network hardly believes to be bone is none; how much that may cost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ixgs_ros.standardization.network.finishing import (
    ALLOWED,
    bone_by,
    camera_of,
    choose_gate,
    evaluate,
    GATES,
    sample,
)
from ixgs_ros.standardization.network.inference import BoneNetwork


def errors_of(weights, examples):
    """Relative L1 of each gate."""
    return [evaluate(bone_by(BoneNetwork(replace(weights, gate=gate))), examples)['relative_l1']
            for gate in GATES]


def test_a_gate_takes_away_the_faintest_bone_only(weights, unseen):
    example = unseen.example(3, np.random.default_rng(2))
    bones = [BoneNetwork(replace(weights, gate=gate)).standardize(
        example.line_integrals, example.mask, camera_of(example)).bone for gate in (0.0, 0.5, 0.9)]
    for open_, gated in zip(bones, bones[1:], strict=False):
        assert (gated <= open_ + 1e-6).all() and gated.sum() < open_.sum()
    kept = bones[1] > 0.9 * bones[0]
    removed = (bones[1] == 0.0) & (bones[0] > 0.0)
    assert bones[0][kept].mean() > 5 * bones[0][removed].mean()


def test_the_highest_gate_within_the_allowance_is_chosen(weights, unseen):
    examples = sample(unseen, 10, seed=0)
    errors = errors_of(weights, examples)
    gate = choose_gate(weights.generator, weights.domain, examples)
    limit = min(errors) + ALLOWED
    assert errors[GATES.index(gate)] <= limit
    assert all(error > limit for error in errors[GATES.index(gate) + 1:])
