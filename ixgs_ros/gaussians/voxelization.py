"""Gaussians evaluated at the points of a box, and the gradient of a loss on the box.

Gaussians are visited in the order of `box.sort`: what is drawn or read next is then in a cache.
"""

from __future__ import annotations

from numba import float32, njit
import numpy as np

from ixgs_ros.gaussians import simd
from ixgs_ros.gaussians.box import box_rows, first_layer, HALF_DEPTH, read_box, SLAB
from ixgs_ros.gaussians.jit import INLINE, KERNEL
from ixgs_ros.gaussians.layers import add_layers, gather_layers, layer_span, STRIPS
from ixgs_ros.gaussians.simd import choose, LANES, put, take
from ixgs_ros.gaussians.strips import cut_threshold
from ixgs_ros.gaussians.vectors import (
    combined,
    dot,
    put_quaternion_gradient,
    put_triple,
    take_triple,
    take_unit_quaternion,
    times,
    Triple,
)


@njit(**KERNEL)
def fill(begin: int, end: int, arranged: np.ndarray, order: np.ndarray, densities: np.ndarray,
         norm: float, cut: float, padded: np.ndarray, volume: np.ndarray) -> None:
    """Write Σ norm · densities · e into the slabs [begin, end) of ``volume`` (z, y, x), 1/m.

    A slab is SLAB layers. Each voxel sums the Gaussians in ``order``, which is that of the rows
    of ``arranged`` but not of ``densities``. ``padded`` is work space, z · (y + 1) · (x + LANES),
    of which these slabs use what belongs to the first.
    """
    threshold = cut_threshold(cut)
    strips = np.empty(STRIPS, np.float32)
    depth, height, width = volume.shape
    stride = width + LANES
    layer = (height + 1) * stride
    base, done = begin * SLAB * layer, 0
    for first in range(begin * SLAB, min(end * SLAB, depth), SLAB):
        last = min(first + SLAB, depth)
        for k in range(base, base + (last - first) * layer):
            padded[k] = float32(0)
        # All before `done` end below this slab; all after one that begins above it do so too.
        while done < order.size and layer_span(arranged, done, first, depth)[1] <= first:
            done += 1
        for k in range(done, order.size):
            if first_layer(arranged, k) >= last:
                break
            low, high = layer_span(arranged, k, first, last)
            amplitude = norm * densities[order[k]]
            if low < high and amplitude != float32(0):
                add_layers(padded, base + (low - first) * layer, strips, arranged, k,
                           (low, high), (height, width), amplitude, cut, threshold)
        for z in range(first, last):
            for y in range(height):
                start = base + (z - first) * layer + y * stride
                for x in range(width):
                    volume[z, y, x] = padded[start + x]


@njit(**KERNEL)
def gather_box(begin: int, end: int, arranged: np.ndarray, order: np.ndarray, padded: np.ndarray,
               shape: tuple[int, int, int], cut: float, moments: np.ndarray) -> None:
    """Write the moments (N, 10) of a padded volume under the Gaussians ``order[begin:end]``.

    They are the sums of volume · e · (1, x, y, z, xx, xy, xz, yy, yz, zz), distances in indices.
    Rows [begin, end) of ``arranged`` are those Gaussians'.
    """
    threshold = cut_threshold(cut)
    strips = np.empty(STRIPS, np.float32)
    for k in range(begin, end):
        i = order[k]
        m0, mx, my, mz, mxx, mxy, mxz, myy, myz, mzz = gather_layers(padded, strips, arranged, k,
                                                                     shape, cut, threshold)
        moments[i, 0], moments[i, 1] = simd.total(m0), simd.total(mx)
        moments[i, 2], moments[i, 3] = simd.total(my), simd.total(mz)
        moments[i, 4], moments[i, 5] = simd.total(mxx), simd.total(mxy)
        moments[i, 6], moments[i, 7] = simd.total(mxz), simd.total(myy)
        moments[i, 8], moments[i, 9] = simd.total(myz), simd.total(mzz)


@njit(**INLINE)
def whitened_moments(moments: np.ndarray, i: int, last: int, rotation: tuple, h: Triple,
                     inverse: Triple) -> tuple:
    """Return A⁻¹ m and T = A⁻¹ M A⁻ᵀ of the rows from ``i`` on.

    A⁻¹ = diag(1/s) (frame R)ᵀ diag(h), with ``rotation`` the rows of frame R.
    """
    x, y, z = (take(moments, i, last, 1), take(moments, i, last, 2), take(moments, i, last, 3))
    xx, xy, xz = (take(moments, i, last, 4), take(moments, i, last, 5), take(moments, i, last, 6))
    yy, yz, zz = (take(moments, i, last, 7), take(moments, i, last, 8), take(moments, i, last, 9))
    # The columns of A⁻¹.
    a, b, c = (times((inverse[0] * h[0], inverse[1] * h[0], inverse[2] * h[0]), rotation[0]),
               times((inverse[0] * h[1], inverse[1] * h[1], inverse[2] * h[1]), rotation[1]),
               times((inverse[0] * h[2], inverse[1] * h[2], inverse[2] * h[2]), rotation[2]))
    columns = (a, b, c)
    half = (combined((xx, xy, xz), columns), combined((xy, yy, yz), columns),
            combined((xz, yz, zz), columns))
    return combined((x, y, z), columns), (combined((a[0], b[0], c[0]), half),
                                          combined((a[1], b[1], c[1]), half),
                                          combined((a[2], b[2], c[2]), half))


@njit(**KERNEL)
def chain_box(begin: int, end: int, scales: np.ndarray, quaternions: np.ndarray,
              densities: np.ndarray, frame: np.ndarray, norm: float, table: np.ndarray,
              moments: np.ndarray, d_means: np.ndarray, d_log_scales: np.ndarray,
              d_quaternions: np.ndarray, d_densities: np.ndarray) -> None:
    """Write d loss / d parameters from the moments (N, 10) of d loss / d volume.

    With A = diag(1/h) (frame R) diag(s) and a the amplitude: dL/dp = a R diag(1/s) A⁻¹ m,
    dL/d ln s_k = a T_kk, dL/dθ_x = a T_zy (s_y/s_z - s_z/s_y) and cyclically. ``densities`` and
    ``d_densities`` are (N, 1).
    """
    box, last, zero, one = read_box(frame), end - 1, float32(0), float32(1)
    axes = (box.x, box.y, box.z)
    for i in range(begin, end, LANES):
        s, seen = take_triple(scales, i, last), take(table, i, last, HALF_DEPTH)
        amplitude = norm * take(densities, i, last, 0)
        quaternion = take_unit_quaternion(quaternions, i, last)
        rotation = box_rows(box, quaternion)
        inverse = (one / s[0], one / s[1], one / s[2])
        first, (tx, ty, tz) = whitened_moments(moments, i, last, rotation, box.spacing, inverse)
        local = times(first, (amplitude * inverse[0], amplitude * inverse[1],
                              amplitude * inverse[2]))
        turned = (dot(rotation[0], local), dot(rotation[1], local), dot(rotation[2], local))
        body = (amplitude * tz[1] * (s[1] * inverse[2] - s[2] * inverse[1]),
                amplitude * tx[2] * (s[2] * inverse[0] - s[0] * inverse[2]),
                amplitude * ty[0] * (s[0] * inverse[1] - s[1] * inverse[0]))
        put_triple(d_means, i, last, combined(turned, axes), seen)
        put_triple(d_log_scales, i, last,
                   (amplitude * tx[0], amplitude * ty[1], amplitude * tz[2]), seen)
        put_quaternion_gradient(d_quaternions, i, last, quaternion, body, seen)
        put(d_densities, i, last, 0, choose(seen, zero, norm * take(moments, i, last, 0), zero))
