"""Text as it is compared: NFKC, case folded, ignorables gone, white space squeezed to one blank.

The text stays in one byte buffer. Rows of plain ASCII never become a Python string; the others go
through `unicodedata` one at a time and are written back.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from toolkit.core.text import normal_text
from toolkit.near.compiled import kernel

Bytes = npt.NDArray[np.uint8]
Ints = npt.NDArray[np.int64]


class Normal(NamedTuple):
    """Row i is `data[start[i] : stop[i]]`, UTF-8. A null row is an empty one."""

    data: Bytes
    start: Ints
    stop: Ints


def normalise(texts: pa.Array | pa.ChunkedArray) -> Normal:
    """Normalise every row; takes string, large_string and string_view, chunked or not.

    Memory: one copy of the text. Offsets are 64 bits wide, so no length of input overflows.
    """
    chunks = [_views(chunk) for chunk in (texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts])]
    total = sum(int(stop[-1] - start[0]) if len(start) else 0 for _, start, stop in chunks)
    # Untouched pages cost nothing: the slack is for the few rows that grow under NFKC.
    data = np.empty(total + total // 4 + 4096, np.uint8)
    used, starts, stops = 0, [], []
    for raw, start, stop in chunks:
        new_start, new_stop = np.empty_like(start), np.empty_like(stop)
        wide = np.empty(len(start), np.bool_)
        data = _room(data, used, int(stop[-1] - start[0]) if len(start) else 0)
        used = _fold_ascii(raw, start, stop, data, used, _FOLDED, new_start, new_stop, wide)
        data, used = _fold_wide(raw, start, stop, data, used, new_start, new_stop, np.flatnonzero(wide))
        starts.append(new_start)
        stops.append(new_stop)
    empty = [np.empty(0, np.int64)]
    return Normal(data[:used], np.concatenate(starts or empty), np.concatenate(stops or empty))


def join(first: Normal, second: Normal) -> Normal:
    """The rows of `first`, then those of `second`, in one buffer."""
    shift = len(first.data)
    return Normal(
        np.concatenate([first.data, second.data]),
        np.concatenate([first.start, second.start + shift]),
        np.concatenate([first.stop, second.stop + shift]),
    )


def _views(chunk: pa.Array) -> tuple[Bytes, Ints, Ints]:
    """Raw bytes, and where each row starts and stops in them; a null row stops where it starts."""
    if not (pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type)):
        chunk = chunk.cast(pa.large_string())
    width = np.int64 if pa.types.is_large_string(chunk.type) else np.int32
    if len(chunk) == 0:
        return np.zeros(0, np.uint8), np.zeros(0, np.int64), np.zeros(0, np.int64)
    _, offsets, values = chunk.buffers()
    bounds = np.frombuffer(offsets, width, len(chunk) + 1, chunk.offset * np.dtype(width).itemsize).astype(np.int64)
    start, stop = bounds[:-1].copy(), bounds[1:].copy()
    if chunk.null_count:
        null = np.asarray(chunk.is_null())
        stop[null] = start[null]
        # The last stop bounds the buffer that is read, so a null there must not move it below its row.
    raw = np.frombuffer(values, np.uint8) if values is not None and values.size else np.zeros(0, np.uint8)
    return raw, start, stop


def _room(data: Bytes, used: int, more: int) -> Bytes:
    if used + more <= len(data):
        return data
    grown = np.empty((used + more) + (used + more) // 4 + 4096, np.uint8)
    grown[:used] = data[:used]
    return grown


def _fold_wide(
    raw: Bytes, start: Ints, stop: Ints, data: Bytes, used: int, new_start: Ints, new_stop: Ints, rows: Ints
) -> tuple[Bytes, int]:
    for row in rows.tolist():
        text = raw[start[row] : stop[row]].tobytes().decode("utf-8", "replace")
        folded = normal_text(text).encode()
        data = _room(data, used, len(folded))
        data[used : used + len(folded)] = np.frombuffer(folded, np.uint8)
        new_start[row], new_stop[row] = used, used + len(folded)
        used += len(folded)
    return data, used


def _table() -> Bytes:
    table = np.arange(256, dtype=np.uint8)
    table[65:91] += 32
    table[[9, 10, 11, 12, 13, 28, 29, 30, 31]] = 32
    return table


_FOLDED = _table()


@kernel
def _fold_ascii(
    raw: Any, start: Any, stop: Any, data: Any, used: Any, lower: Any, new_start: Any, new_stop: Any, wide: Any
) -> Any:
    """Rows with a byte over 127 are marked `wide` and written by nobody; returns the bytes used."""
    for row in range(len(start)):
        text = raw[start[row] : stop[row]]
        new_start[row], wide[row] = used, False
        if len(text) > 0:
            high, odd = _lower(text, data[used : used + len(text)])
            wide[row] = high > 127
            # Few rows need squeezing: theirs is written once more.
            if odd and not wide[row]:
                used = _squeeze(text, lower, data, used)
            elif not wide[row]:
                used += len(text)
        new_stop[row] = used
    return used


@kernel
def is_wide(text: Any) -> Any:
    """Is there a byte that is not ASCII?"""
    seen = np.uint8(0)
    for at in range(len(text)):
        seen = np.uint8(seen | text[at])
    return seen > 127


@kernel
def _lower(text: Any, out: Any) -> Any:
    """Write a row's letters in lower case; returns its bytes or-ed, and whether it is untidy: a blank at either end,
    two together, or white space that is no blank. Both are said in the one pass, which is vector instructions.
    """
    blank, seen, odd = np.uint8(32), np.uint8(0), np.uint8(0)
    after, last = text[1:], text[-1]
    for at in range(len(after)):
        letter = text[at]
        # Narrowed each time: numba widens what it adds up, to an eighth of the speed.
        seen = np.uint8(seen | letter)
        odd = np.uint8(odd | np.uint8(_is_control(letter) | ((letter == blank) & (after[at] == blank))))
        out[at] = letter + blank * np.uint8(np.uint8(letter - np.uint8(65)) < np.uint8(26))
    out[len(after)] = last + blank * np.uint8(np.uint8(last - np.uint8(65)) < np.uint8(26))
    return seen | last, odd > 0 or text[0] == 32 or last == 32 or _is_control(last)


@kernel
def _is_control(letter: Any) -> Any:
    return (np.uint8(letter - np.uint8(9)) < np.uint8(5)) | (np.uint8(letter - np.uint8(28)) < np.uint8(4))


@kernel
def _squeeze(text: Any, lower: Any, data: Any, used: Any) -> Any:
    first, last = used, np.uint8(32)
    for at in range(len(text)):
        letter = lower[text[at]]
        data[used] = letter
        used += not (letter == 32 and last == 32)
        last = letter
    return used - 1 if used > first and data[used - 1] == 32 else used
