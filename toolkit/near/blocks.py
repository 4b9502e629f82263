"""Many bytes at a time: what the kernels read text with, compiled to the vector instructions of any machine.

Numba indexes one byte at a time, and its compiler does not find these by itself. None of them looks whether
it reads past the end of an array: AHEAD bytes from where a row ends must be there, see `with_room`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from toolkit.near.compiled import kernel

AHEAD = 64
_WORD = ir.IntType(64)
_BLOCK = ir.VectorType(ir.IntType(8), AHEAD)


def instruction(build: Callable[..., Any]) -> Any:
    """What kernels call, without the first argument; `build` is given types, and returns code."""
    return intrinsic(build)


def _load(context: Any, builder: Any, signature: Any, values: Any, kind: Any) -> Any:
    array = context.make_array(signature.args[0])(context, builder, values[0])
    place = builder.gep(array.data, [values[1]])
    return builder.load(builder.bitcast(place, kind.as_pointer()), align=1)


def _all(value: int) -> Any:
    return ir.Constant(_BLOCK, [value] * AHEAD)


@instruction
def eight(typing: Any, data: Any, at: Any) -> Any:
    """The eight bytes from `at` on as a uint64, the first one lowest on a little-endian machine."""
    return types.uint64(data, types.intp), lambda c, b, s, v: _load(c, b, s, v, _WORD)


@instruction
def word_bytes(typing: Any, data: Any, at: Any) -> Any:
    """Bit i of a uint64: is byte `at + i` a lower-case ASCII letter, a digit or an underscore?"""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        block = _load(context, builder, signature, values, _BLOCK)
        letter = builder.icmp_unsigned("<", builder.sub(block, _all(97)), _all(26))
        digit = builder.icmp_unsigned("<", builder.sub(block, _all(48)), _all(10))
        either = builder.or_(builder.or_(letter, digit), builder.icmp_unsigned("==", block, _all(95)))
        return builder.bitcast(either, _WORD)

    return types.uint64(data, types.intp), build


@instruction
def wide_bytes(typing: Any, data: Any, at: Any) -> Any:
    """Bit i of a uint64: is byte `at + i` part of a letter that is not ASCII?"""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        block = _load(context, builder, signature, values, _BLOCK)
        return builder.bitcast(builder.icmp_unsigned(">", block, _all(127)), _WORD)

    return types.uint64(data, types.intp), build


@instruction
def lowest(typing: Any, bits: Any) -> Any:
    """The place of the lowest set bit of a uint64, 64 when none is."""

    def build(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.cttz(values[0], ir.Constant(ir.IntType(1), 0))

    return types.intp(types.uint64), build


@kernel
def with_room(data: Any, start: Any, stop: Any) -> Any:
    """Bytes, start and stop of a row such that AHEAD bytes after it may be read; a copy near the end of the data."""
    if stop + AHEAD <= len(data):
        return data, start, stop
    copy = np.zeros(stop - start + AHEAD, np.uint8)
    copy[: stop - start] = data[start:stop]
    return copy, 0, stop - start
