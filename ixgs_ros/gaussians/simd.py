"""Explicit SIMD vectors of float32 inside numba functions, with no compiler at the user's side.

numba's own vectoriser gives up on loops as irregular as splatting. Here an LLVM vector type
becomes a numba type, and a dozen intrinsics work on it; LLVM lowers them to whatever the CPU has
(AVX-512, AVX2, SSE2, NEON), so any number of lanes is right on any machine and only the speed
differs.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model

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
        undefined = ir.Constant(_FLOATS, ir.Undefined)
        first = builder.insert_element(undefined, arguments[0], _I32(0))
        return builder.shuffle_vector(first, undefined, ir.Constant(_INTEGERS, [0] * LANES))
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


def _binary(instruction: str, meaning: str) -> Any:
    def typed(typing: Any, x: Any, y: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return getattr(builder, instruction)(*arguments, flags=_FLAGS)
        return vector(vector, vector), generate
    typed.__doc__ = meaning
    return intrinsic(typed)


add = _binary('fadd', 'Return x + y, lane by lane.')
subtract = _binary('fsub', 'Return x - y, lane by lane.')
multiply = _binary('fmul', 'Return x · y, lane by lane.')


@intrinsic
def multiply_add(typing: Any, x: Any, y: Any, z: Any) -> Any:
    """Return x · y + z, rounded once where the CPU has FMA."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _multiply_add(builder, *arguments)
    return vector(vector, vector, vector), generate


@intrinsic
def where_at_least(typing: Any, test: Any, threshold: Any, x: Any) -> Any:
    """Return x where test >= threshold, else 0 (also where test is NaN)."""
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        mask = builder.fcmp_ordered('>=', arguments[0], arguments[1])
        return builder.select(mask, arguments[2], _constant(0.0))
    return vector(vector, vector, vector), generate


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


# 2^f on [-½, ½] by Taylor's series in f·ln 2, highest power first: relative error below 2e-7.
_POWERS_OF_TWO = (1.5403530e-4, 1.3333558e-3, 9.6181291e-3, 5.5504109e-2, 2.4022651e-1,
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
