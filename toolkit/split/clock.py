"""When rows happened: a column of the rows as they were read, in seconds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import UsageError
from toolkit.core.jsontext import Malformed, parse
from toolkit.store.view import View


def times(view: View, column: str, warnings: list[str]) -> npt.NDArray[np.float64]:
    """Seconds since 1970 of every row, shape (n,), NaN where the row has no time; ISO 8601 or a number.

    Raises UsageError where no row has the column or no value of it is a time.
    """
    found = np.array([_seconds(value) for value in _values(view, column)], np.float64)
    missing = int(np.isnan(found).sum())
    if missing == len(found):
        what = f"no row has a time in the column '{column}'"
        raise UsageError(what, "name a column of ISO 8601 dates or of numbers with --time")
    if missing:
        warnings.append(f"{missing:,} of {len(found):,} rows have no time in '{column}': they count as the earliest")
    return found


def _values(view: View, column: str) -> Iterator[Any]:
    for batch in view.batches("raw"):
        for text in batch.column("raw").to_pylist():
            found = parse(text.encode("utf-8"))
            value = None if isinstance(found, Malformed) else found.value
            yield value.get(column) if isinstance(value, dict) else None


def _seconds(value: Any) -> float:
    """Seconds of a number or an ISO 8601 text; a time without a zone is taken for UTC."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    try:
        when = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return _number(value)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")
