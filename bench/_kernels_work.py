"""What each kernel has to do at the least, by the definition of its result.

Exponentials: one for each pair of a Gaussian and a pixel (voxel) within the cut, in each pass; the
kernels' recurrence needs fewer, so more than the whole roof is possible.

Floating-point operations of pairs: what the recurrence takes for each (a product and a sum count
one each; seeds, comparisons and lanes outside the cut count nothing). Adding an ellipse: two to
add amplitude · e, two to move e and its factor. Gathering moments: one for e · image, one for
w · dy, one each for the sums of w and of w · dy, two for that of w · dy², two for the recurrence.

Bytes: what is read or written, each once a pass.
"""

from __future__ import annotations

from typing import NamedTuple


class Work(NamedTuple):
    """Exponentials, floating-point operations and bytes; 0: not what bounds the kernel."""

    exps: int = 0
    flops: int = 0
    copied: int = 0

    def plus(self, other: Work) -> Work:
        """Return the work of both."""
        return Work(*(a + b for a, b in zip(self, other)))


def added(pairs: int) -> Work:
    """Return the work of drawing the pairs."""
    return Work(pairs, 4 * pairs)


def gathered(pairs: int) -> Work:
    """Return the work of taking moments over the pairs."""
    return Work(pairs, 8 * pairs)


def projected(count: int) -> Work:
    """Return the work of a projection.

    Operations, counted in `projection`: quaternion and rotation 45, position and slopes 23, U 45,
    B 26, Σ and its determinant 29, centre and factor 21, half width and culling 21, the table's
    other columns 9. Bytes: means, quaternions, scales three times (their exponential), the table.
    """
    return Work(0, 219 * count, (12 + 16 + 3 * 12 + 40) * count)


def stepped(count: int) -> Work:
    """Return the work of a step of Adam.

    For each of 11 parameters 14 operations, and 7 floats read or written: the gradient, and twice
    the parameter and both running means. 13 operations more normalise the quaternion.
    """
    return Work(0, (11 * 14 + 13) * count, 11 * 7 * 4 * count)


def smoothed(voxels: int) -> Work:
    """Return the work of total variation and its gradient.

    Operations: 12 for a voxel's length and its inverse, 18 for its divergence. Floats: volume and
    inverse in the first pass, both and the gradient in the second.
    """
    return Work(0, 30 * voxels, 5 * 4 * voxels)
