"""Trees that fill a volume: vessels and airways that branch from a stem to all of its parts."""

from __future__ import annotations

import numpy as np


def grow(stem: np.ndarray, leaves: np.ndarray, rng: np.random.Generator, *, tip: float,
         exponent: float = 3.0, bend: float = 0.12) -> np.ndarray:
    """Return a tree as segments (n, 8): start, radius, end, radius, mm.

    The leaves are joined one by one, the nearest to the stem's end first, each to the place of
    the tree from where its way is shortest; a way has a joint in the middle where others may
    branch off. Radii follow Murray's law: a parent's radius to the power of ``exponent`` is the
    sum of its children's (Murray, PNAS 12(3), 1926: 3).

    Args:
        stem: (m, 3) the line that the tree starts with, m >= 2.
        leaves: (n, 3) where it is to reach.
        rng: bends the ways.
        tip: radius of the last branches.
        exponent: of Murray's law.
        bend: how far a joint is off the straight way, as a share of its length.
    """
    nodes = np.empty((len(stem) + 2 * len(leaves), 3))
    parents = np.empty(len(nodes), dtype=np.int64)
    count = len(stem)
    nodes[:count], parents[:count] = stem, np.arange(-1, count - 1)
    order = np.argsort(np.linalg.norm(leaves - stem[-1], axis=1))
    from_root = np.zeros(len(nodes))
    from_root[1:count] = np.cumsum(np.linalg.norm(np.diff(stem, axis=0), axis=1))
    joints = rng.normal(0.0, bend, (len(leaves), 3))
    for leaf, jitter in zip(leaves[order], joints, strict=True):
        ways = np.linalg.norm(nodes[1:count] - leaf, axis=1)
        # A short way to the tree, but no long detour along it.
        near = 1 + int(np.argmin(ways + 0.15 * from_root[1:count]))
        length = ways[near - 1]
        middle = 0.5 * (nodes[near] + leaf) + length * jitter
        nodes[count:count + 2] = middle, leaf
        parents[count:count + 2] = near, count
        from_root[count:count + 2] = from_root[near] + 0.5 * length, from_root[near] + length
        count += 2
    power = np.full(count, 0.0)
    childless = np.ones(count, dtype=bool)
    childless[parents[1:count]] = False
    power[childless] = tip ** exponent
    for node in range(count - 1, 0, -1):
        power[parents[node]] += power[node]
    radii = power ** (1.0 / exponent)
    ends = np.arange(1, count)
    starts = parents[1:count]
    # A branch is as thick as its own end all along, not as its parent.
    return np.column_stack([nodes[starts], radii[ends], nodes[ends], radii[ends]])
