"""Vectors whose lanes are read or written only in part, or come from scattered places.

They belong to `simd`. Volumes and images are not padded where these are used, so the last vector
of a row is cut short. All arrays are flat; lanes that are masked touch no memory.
"""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.types.containers import UniTuple
from numba.extending import intrinsic

from ixgs_ros.gaussians.simd import LANES, vector

_FLOAT, _FLAG, _BYTE, _I32, _I64 = ir.FloatType(), *map(ir.IntType, (1, 8, 32, 64))


def _vector_of(element: Any, lanes: int = LANES) -> Any:
    return ir.VectorType(element, lanes)


def _everywhere(builder: Any, value: Any) -> Any:
    """Return a scalar in every lane."""
    undefined = ir.Constant(_vector_of(value.type), ir.Undefined)
    first = builder.insert_element(undefined, value, _I32(0))
    return builder.shuffle_vector(first, undefined,
                                  ir.Constant(_vector_of(_I32), [0] * LANES))


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    return builder.gep(context.make_array(kind)(context, builder, array).data, [index])


def _between(builder: Any, begin: Any, end: Any) -> tuple[Any, Any]:
    """Return which lanes are in [begin, end), and whether all are."""
    numbers = ir.Constant(_vector_of(_I32), list(range(LANES)))
    first, last = (_everywhere(builder, builder.trunc(bound, _I32)) for bound in (begin, end))
    mask = builder.and_(builder.icmp_signed('>=', numbers, first),
                        builder.icmp_signed('<', numbers, last))
    return mask, builder.and_(builder.icmp_signed('<=', begin, begin.type(0)),
                              builder.icmp_signed('>=', end, end.type(LANES)))


def _load(builder: Any, pointer: Any, lanes: tuple[Any, Any], otherwise: Any) -> Any:
    """Return what is at the pointer in some lanes.

    Whole vectors are read without a mask, as they are written: before AVX-512 masks are slow.
    """
    kind, (mask, whole) = otherwise.type, lanes
    name, align = ('f32', 4) if kind == _vector_of(_FLOAT) else ('i8', 1)
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind.as_pointer(), _I32, mask.type, kind]),
        f'llvm.masked.load.v{LANES}{name}.p0')
    pointer = builder.bitcast(pointer, kind.as_pointer())
    with builder.if_else(whole) as (then, else_):
        with then:
            at_once, from_then = builder.load(pointer, align=align), builder.block
        with else_:
            masked = builder.call(function, [pointer, _I32(align), mask, otherwise])
            from_else = builder.block
    value = builder.phi(kind)
    value.add_incoming(at_once, from_then)
    value.add_incoming(masked, from_else)
    return value


@intrinsic
def load_part(typing: Any, array: Any, index: Any, begin: Any, end: Any, otherwise: Any) -> Any:
    """Return the elements of a float32 array from ``index`` on in the lanes [begin, end).

    The other lanes are those of the vector ``otherwise``.
    """
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, begin, end, otherwise = arguments
        pointer = _pointer(context, builder, signature.args[0], array, index)
        return _load(builder, pointer, _between(builder, begin, end), otherwise)
    return vector(array, types.intp, types.intp, types.intp, vector), generate


@intrinsic
def load_flags(typing: Any, array: Any, index: Any, count: Any) -> Any:
    """Return ``count`` elements of a uint8 array from ``index`` on as floats, then zeros."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, count = arguments
        pointer = _pointer(context, builder, signature.args[0], array, index)
        values = _load(builder, pointer, _between(builder, count.type(0), count),
                       ir.Constant(_vector_of(_BYTE), [0] * LANES))
        return builder.uitofp(values, _vector_of(_FLOAT))
    return vector(array, types.intp, types.intp), generate


@intrinsic
def store_part(typing: Any, array: Any, index: Any, count: Any, value: Any) -> Any:
    """Write the first ``count`` lanes into a float32 array from ``index`` on."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, index, count, value = arguments
        pointer = _pointer(context, builder, signature.args[0], array, index)
        pointer = builder.bitcast(pointer, value.type.as_pointer())
        mask, whole = _between(builder, count.type(0), count)
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [value.type, pointer.type, _I32, mask.type]),
            f'llvm.masked.store.v{LANES}f32.p0')
        with builder.if_else(whole) as (then, otherwise):
            with then:
                builder.store(value, pointer, align=4)
            with otherwise:
                builder.call(function, [value, pointer, _I32(4), mask])
        return context.get_dummy_value()
    return types.void(array, types.intp, types.intp, vector), generate


@intrinsic
def any_at_least(typing: Any, x: Any, threshold: Any) -> Any:
    """Return whether some lane is >= a float32 threshold."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, threshold = arguments
        lanes = builder.fcmp_ordered('>=', x, _everywhere(builder, threshold))
        bits = builder.bitcast(lanes, ir.IntType(LANES))
        return builder.icmp_unsigned('!=', bits, ir.Constant(bits.type, 0))
    return types.boolean(vector, types.float32), generate


@intrinsic
def least(typing: Any, x: Any) -> Any:
    """Return the least of the lanes."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # Fold the upper half onto the lower one until one lane is left.
        value, width = arguments[0], LANES
        while width > 1:
            width //= 2
            lower, upper = (builder.shuffle_vector(value, ir.Constant(value.type, ir.Undefined),
                                                   ir.Constant(_vector_of(_I32, width), numbers))
                            for numbers in (list(range(width)), list(range(width, 2 * width))))
            value = builder.select(builder.fcmp_ordered('<', lower, upper), lower, upper)
        return builder.extract_element(value, _I32(0))
    return types.float32(vector), generate


def _offsets(builder: Any, *terms: tuple[Any, Any]) -> list[Any]:
    """Return the sum of whole numbers >= 0 (vectors of floats) times strides, lane by lane."""
    total = ir.Constant(_vector_of(_I32), [0] * LANES)
    for number, stride in terms:
        stride = _everywhere(builder, builder.trunc(stride, _I32))
        total = builder.add(total, builder.mul(builder.fptosi(number, total.type), stride))
    # As none is negative, no sign need be extended, which would be an instruction a lane.
    return [builder.zext(builder.extract_element(total, _I32(lane)), _I64)
            for lane in range(LANES)]


def _neighbours(builder: Any, base: Any, offsets: list[Any]) -> tuple[Any, ...]:
    """Return the elements at the offsets, and those one after them: each pair by one load."""
    kind = _vector_of(_FLOAT, 2).as_pointer()
    parts = [builder.load(builder.bitcast(builder.gep(base, [offset]), kind), align=4)
             for offset in offsets]
    # Joined two by two until there are two vectors of pairs, which are then taken apart.
    while len(parts) > 2:
        lanes = 2 * parts[0].type.count
        order = ir.Constant(_vector_of(_I32, lanes), list(range(lanes)))
        parts = [builder.shuffle_vector(one, other, order)
                 for one, other in zip(parts[::2], parts[1::2])]
    return tuple(builder.shuffle_vector(*parts, ir.Constant(
        _vector_of(_I32), list(range(first, 2 * LANES, 2)))) for first in (0, 1))


def _elements(builder: Any, base: Any, offsets: list[Any]) -> Any:
    value = ir.Constant(_vector_of(_FLOAT), ir.Undefined)
    for lane, offset in enumerate(offsets):
        value = builder.insert_element(value, builder.load(builder.gep(base, [offset])),
                                       _I32(lane))
    return value


@intrinsic
def corners(typing: Any, array: Any, first: Any, a: Any, stride_a: Any, b: Any) -> Any:
    """Return the elements (a, b), (a, b + 1), (a + 1, b), (a + 1, b + 1) of a float32 plane.

    The plane lies in an array: its element (0, 0) at ``first``, (a, b) so many strides and b
    elements further. a and b are vectors of whole numbers >= 0, and offsets are below 2³¹.

    Two loads a lane and shuffles: a third faster than the gather instruction of a Zen 4.
    """
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, first, a, stride_a, b = arguments
        near = _pointer(context, builder, signature.args[0], array, first)
        offsets = _offsets(builder, (a, stride_a), (b, _I64(1)))
        far = builder.gep(near, [stride_a])
        return context.make_tuple(builder, signature.return_type, [
            *_neighbours(builder, near, offsets), *_neighbours(builder, far, offsets)])
    return (UniTuple(vector, 4)(array, types.intp, vector, types.intp, vector), generate)


@intrinsic
def corners_apart(typing: Any, array: Any, first: Any, a: Any, stride_a: Any, b: Any,
                  stride_b: Any) -> Any:
    """Return what :func:`corners` does where a step along b is ``stride_b`` elements."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array, first, a, stride_a, b, stride_b = arguments
        near = _pointer(context, builder, signature.args[0], array, first)
        offsets = _offsets(builder, (a, stride_a), (b, stride_b))
        far = builder.gep(near, [stride_a])
        return context.make_tuple(builder, signature.return_type, [
            _elements(builder, start, offsets)
            for start in (near, builder.gep(near, [stride_b]),
                          far, builder.gep(far, [stride_b]))])
    return (UniTuple(vector, 4)(array, types.intp, vector, types.intp, vector, types.intp),
            generate)
