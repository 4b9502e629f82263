"""Which of several near-equal rows is preferred: by place, length, a date or a score of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.errors import UsageError

RULES = "longest, first, last, newest:COLUMN or best:COLUMN"
Ints = npt.NDArray[np.int64]


def parse_rule(keep: str) -> tuple[str, str]:
    """The rule and its column, '' for none. UsageError for what is no rule."""
    rule, _, column = keep.partition(":")
    if rule in ("longest", "first", "last") and not column:
        return rule, ""
    if rule in ("newest", "best") and column:
        return rule, column
    raise UsageError(f"unknown way to keep '{keep}'", f"one of: {RULES}")


class Preference(NamedTuple):
    """Which of some rows are preferred, arrays of shape (n,).

    rank: 0 for the most preferred. value: what decides, the higher the better, -inf for none. shown: it as
    JSON, null where there is none and where the place in the file decides.
    """

    rank: Ints
    value: npt.NDArray[np.float64]
    shown: pa.Array


def preference(texts: pa.Array | pa.ChunkedArray, rule: str, column: str, raws: Sequence[str]) -> Preference:
    """The preference among rows that stand in the order of the file.

    Ties of `longest`, `newest` and `best` go to the longer text, then by the alphabet, so that the order of
    the file does not matter. raws: the rows' own JSON, read for the last two alone. UsageError when no row
    has the column, or when a value is no number (`best`), or neither a number nor an ISO 8601 date (`newest`).
    """
    n = len(texts)
    if rule in ("first", "last"):
        place = np.arange(n)
        rank = place if rule == "first" else place[::-1]
        return Preference(rank, -rank.astype(np.float64), pa.nulls(n, pa.string()))
    chars = pc.fill_null(pc.utf8_length(texts), 0).cast(pa.int64())
    chars = chars.combine_chunks() if isinstance(chars, pa.ChunkedArray) else chars
    value, shown = chars.to_numpy().astype(np.float64), chars.cast(pa.string())
    if column:
        found = [orjson.loads(raw).get(column) for raw in raws]
        value = np.array([_value(each, rule, column) for each in found])
        shown = pa.array([None if each is None else json.dumps(each) for each in found], pa.string())
    if column and n and np.isneginf(value).all():
        raise UsageError(f"no near-duplicate row has a value in '{column}'", f"keep by another rule: {RULES}")
    keys = pa.table({"value": -value, "chars": pc.negate(chars), "text": texts, "row": np.arange(n)})
    order = pc.sort_indices(keys, [(name, "ascending") for name in keys.column_names]).to_numpy()
    rank = np.empty(n, np.int64)
    rank[order] = np.arange(n)
    return Preference(rank, value, shown)


def _value(value: Any, rule: str, column: str) -> float:
    if value is None:
        return -math.inf
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        return float(value) if rule == "best" else _seconds(value)
    except (TypeError, ValueError) as error:
        wanted = "a number" if rule == "best" else "a date such as 2024-05-31 or 2024-05-31T12:00:00Z, nor a number"
        raise UsageError(
            f"a row has a value in '{column}' that is not {wanted}", f"keep by another rule: {RULES}"
        ) from error


def _seconds(value: str) -> float:
    """Seconds since 1970; a time without a zone is taken as UTC."""
    when = datetime.fromisoformat(value)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
