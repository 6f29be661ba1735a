"""Explicit SIMD vectors of float32 inside numba functions, with no compiler at the user's side.

numba's own vectoriser gives up on loops as irregular as splatting. Here an LLVM vector type
becomes a numba type, and a dozen intrinsics work on it; LLVM lowers them to whatever the CPU has
(AVX-512, AVX2, SSE2, NEON), so any number of lanes is right on any machine and only the speed
differs.
"""

from __future__ import annotations

import math
import operator
from typing import Any, TypeAlias

from llvmlite import ir
from numba.core import cgutils, types
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

from ixgs_ros.gaussians.jit import cpu_has

LANES = 16 if cpu_has('avx512f') else 8
"""Floats in a vector: one register wide; two are slower in 3-D, where registers run out."""

_I32 = ir.IntType(32)
_FLOATS = ir.VectorType(ir.FloatType(), LANES)
_INTEGERS = ir.VectorType(_I32, LANES)
_FLAGS = ('contract', 'nsz')


class _Vector(types.Type):
    def __init__(self) -> None:
        super().__init__(name=f'float32x{LANES}')


@register_model(_Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Any) -> None:
        super().__init__(manager, kind, _FLOATS)


vector = _Vector()
# What annotations call a vector inside a kernel: numba infers types, Python never sees a value.
Vector: TypeAlias = Any


def _constant(value: float) -> ir.Constant:
    return ir.Constant(_FLOATS, [value] * LANES)


def _multiply_add(builder: Any, x: Any, y: Any, z: Any) -> Any:
    # fmuladd fuses where the CPU has FMA and is a plain product and sum where it has not; llvm.fma
    # would call a software routine there.
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_FLOATS, [_FLOATS] * 3), f'llvm.fmuladd.v{LANES}f32')
    return builder.call(function, (x, y, z))


def _pointer(context: Any, builder: Any, kind: Any, array: Any, index: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), _FLOATS.as_pointer())


@intrinsic
def broadcast(typing: Any, x: Any) -> Any:
    """Return a vector with the float32 ``x`` in every lane."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _lanes(builder, signature.args[0], arguments[0])
    return vector(types.float32), generate


@intrinsic
def lane_numbers(typing: Any) -> Any:
    """Return the numbers of the lanes: 0, 1, 2 and so on."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(_FLOATS, [float(lane) for lane in range(LANES)])
    return vector(), generate


@intrinsic
def load(typing: Any, array: Any, index: Any) -> Any:
    """Return the elements of a flat float32 array from ``index`` on."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        value = builder.load(pointer)
        value.align = 4
        return value
    return vector(array, types.intp), generate


@intrinsic
def store(typing: Any, array: Any, index: Any, value: Any) -> Any:
    """Write a vector into a flat float32 array from ``index`` on."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointer = _pointer(context, builder, signature.args[0], arguments[0], arguments[1])
        builder.store(arguments[2], pointer).align = 4
        return context.get_dummy_value()
    return types.void(array, types.intp, vector), generate


def _lanes(builder: Any, kind: Any, value: Any) -> Any:
    """Return ``value`` as a vector: itself, or a scalar in every lane."""
    if isinstance(kind, _Vector):
        return value
    undefined = ir.Constant(_FLOATS, ir.Undefined)
    first = builder.insert_element(undefined, value, _I32(0))
    return builder.shuffle_vector(first, undefined, ir.Constant(_INTEGERS, [0] * LANES))


def _operator(symbol: Any, instruction: str) -> None:
    """Give vectors a binary operator, also with a float32 on either side."""
    operands = [(vector, vector), (vector, types.float32), (types.float32, vector)]

    @infer_global(symbol)
    class _Template(ConcreteTemplate):
        cases = [signature(vector, *pair) for pair in operands]

    def generate(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
        x, y = (_lanes(builder, kind, value) for kind, value in zip(sig.args, arguments))
        return getattr(builder, instruction)(x, y, flags=_FLAGS)

    for pair in operands:
        lower_builtin(symbol, *pair)(generate)


# The flag 'contract' lets LLVM fuse x * y + z where the CPU has FMA.
for _symbol, _instruction in ((operator.add, 'fadd'), (operator.sub, 'fsub'),
                              (operator.mul, 'fmul'), (operator.truediv, 'fdiv'),
                              (operator.iadd, 'fadd'), (operator.imul, 'fmul')):
    _operator(_symbol, _instruction)


@infer_global(operator.neg)
@infer_global(math.sqrt)
class _Unary(ConcreteTemplate):
    cases = [signature(vector, vector)]


@lower_builtin(operator.neg, vector)
def _negative(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    return builder.fsub(_constant(-0.0), arguments[0], flags=_FLAGS)


def _call(builder: Any, name: str, x: Any) -> Any:
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(_FLOATS, [_FLOATS]), f'llvm.{name}.v{LANES}f32')
    return builder.call(function, [x])


@lower_builtin(math.sqrt, vector)
def _square_root(context: Any, builder: Any, sig: Any, arguments: Any) -> Any:
    return _call(builder, 'sqrt', arguments[0])


@intrinsic
def floor(typing: Any, x: Any) -> Any:
    """Return the largest whole number not above x, in each lane."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _call(builder, 'floor', arguments[0])
    return vector(vector), generate


@intrinsic
def choose(typing: Any, test: Any, threshold: Any, yes: Any, no: Any) -> Any:
    """Return ``yes`` where test >= threshold, else ``no`` (also where test is NaN)."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x, y, yes, no = (_lanes(builder, kind, value)
                         for kind, value in zip(signature.args, arguments))
        return builder.select(builder.fcmp_ordered('>=', x, y), yes, no)
    return vector(test, threshold, yes, no), generate


def _row_pointers(context: Any, builder: Any, kind: Any, array: Any, rows: Any,
                  column: Any) -> list[Any]:
    """Return pointers to the lanes' elements: rows i, i + 1, … but none beyond ``last``."""
    structure = context.make_array(kind)(context, builder, array)
    columns = cgutils.unpack_tuple(builder, structure.shape)[1]
    first, last = rows
    pointers = []
    for lane in range(LANES):
        row = builder.add(first, ir.Constant(first.type, lane))
        row = builder.select(builder.icmp_signed('<', row, last), row, last)
        index = builder.add(builder.mul(row, columns), column)
        pointers.append(builder.gep(structure.data, [index]))
    return pointers


@intrinsic
def take(typing: Any, array: Any, first: Any, last: Any, column: Any) -> Any:
    """Return column ``column`` of the rows from ``first`` on, row ``last`` in lanes beyond it."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointers = _row_pointers(context, builder, signature.args[0], arguments[0], arguments[1:3],
                                 arguments[3])
        value = ir.Constant(_FLOATS, ir.Undefined)
        for lane, pointer in enumerate(pointers):
            value = builder.insert_element(value, builder.load(pointer), _I32(lane))
        return value
    return vector(array, types.intp, types.intp, types.intp), generate


@intrinsic
def put(typing: Any, array: Any, first: Any, last: Any, column: Any, value: Any) -> Any:
    """Write what :func:`take` reads; lanes beyond ``last`` must hold what lane ``last`` does."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        pointers = _row_pointers(context, builder, signature.args[0], arguments[0], arguments[1:3],
                                 arguments[3])
        for lane, pointer in enumerate(pointers):
            builder.store(builder.extract_element(arguments[4], _I32(lane)), pointer)
        return context.get_dummy_value()
    return types.void(array, types.intp, types.intp, types.intp, vector), generate


@intrinsic
def total(typing: Any, x: Any) -> Any:
    """Return the sum of the lanes, added in pairs."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        # Fold the upper half onto the lower one until one lane is left.
        value, width = arguments[0], LANES
        while width > 1:
            width //= 2
            numbers = ir.VectorType(_I32, width)
            lower, upper = (ir.Constant(numbers, list(range(start, start + width)))
                            for start in (0, width))
            undefined = ir.Constant(value.type, ir.Undefined)
            value = builder.fadd(builder.shuffle_vector(value, undefined, lower),
                                 builder.shuffle_vector(value, undefined, upper))
        return builder.extract_element(value, _I32(0))
    return types.float32(vector), generate


# 2^f on [-½, ½], highest power first: of the polynomials that are 1 at 0 the one of least relative
# error, 2e-9, which is below float32's own.
_POWERS_OF_TWO = (1.5353362e-4, 1.3398875e-3, 9.6184369e-3, 5.5503324e-2, 2.4022648e-1,
                  6.9314718e-1, 1.0)
_LOWEST = -86.0


@intrinsic
def exp(typing: Any, x: Any) -> Any:
    """Return e^x; exactly 0 below -86 (no subnormal numbers) and e^86 above 86."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        x = arguments[0]
        below = builder.fcmp_ordered('<', x, _constant(_LOWEST))
        inside = builder.select(below, _constant(_LOWEST), x)
        above = builder.fcmp_ordered('>', inside, _constant(-_LOWEST))
        inside = builder.select(above, _constant(-_LOWEST), inside)
        binary = builder.fmul(inside, _constant(1.44269504))
        # Adding 1.5 · 2^23 leaves the nearest integer in the low bits of the mantissa.
        shifted = builder.fadd(binary, _constant(12582912.0))
        whole = builder.sub(builder.bitcast(shifted, _INTEGERS),
                            ir.Constant(_INTEGERS, [0x4B400000] * LANES))
        fraction = builder.fsub(binary, builder.fsub(shifted, _constant(12582912.0)))
        result = _constant(_POWERS_OF_TWO[0])
        for coefficient in _POWERS_OF_TWO[1:]:
            result = _multiply_add(builder, result, fraction, _constant(coefficient))
        exponent = builder.shl(whole, ir.Constant(_INTEGERS, [23] * LANES))
        scaled = builder.bitcast(builder.add(builder.bitcast(result, _INTEGERS), exponent),
                                 _FLOATS)
        return builder.select(below, _constant(0.0), scaled)
    return vector(vector), generate
