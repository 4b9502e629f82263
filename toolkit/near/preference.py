"""Which of several near-equal rows is preferred: by place, length, a date or a score of its own."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.errors import UsageError

RULES = "longest, first, last, newest:COLUMN or best:COLUMN"
Ints = np.ndarray


def parse_rule(keep: str) -> tuple[str, str]:
    """The rule and its column, '' for none. UsageError for what is no rule."""
    rule, _, column = keep.partition(":")
    if rule in ("longest", "first", "last") and not column:
        return rule, ""
    if rule in ("newest", "best") and column:
        return rule, column
    raise UsageError(f"unknown way to keep '{keep}'", f"one of: {RULES}")


def by_length(texts: pa.ChunkedArray, rows: Ints) -> Ints:
    """`rows` with the longest text first; then by the alphabet, so that the order of the file does not matter."""
    chosen = texts.take(pa.array(rows))
    lengths = pc.negate(pc.fill_null(pc.utf8_length(chosen), 0).cast(pa.int64()))
    columns = pa.table({"length": lengths, "text": chosen, "row": rows})
    return np.asarray(rows[pc.sort_indices(columns, [(name, "ascending") for name in columns.column_names])])


def by_value(raws: Iterable[str], rule: str, column: str, rows: Ints) -> Ints:
    """`rows` with the highest value of their own `column` first, rows without one last; ties as they come.

    `raws` are the rows' own JSON texts, as many as `rows`. UsageError when no row has the column, or
    when a value is no number (`best`), or neither a number nor an ISO 8601 date (`newest`).
    """
    values = np.array([_value(orjson.loads(raw).get(column), rule, column) for raw in raws])
    if len(values) and np.isneginf(values).all():
        raise UsageError(f"no near-duplicate row has a value in '{column}'", f"keep by another rule: {RULES}")
    return np.asarray(rows[np.argsort(-values, kind="stable")])


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
