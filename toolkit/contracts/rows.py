"""The rows that break a rule, by SQL over the same flat table that the suite judged."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.contracts.expectations import ROW, TABLE, quoted
from toolkit.contracts.model import Rule

if TYPE_CHECKING:
    import duckdb


class FlatTable:
    """A flat table in an in-memory DuckDB; close it, or use it in a `with`."""

    def __init__(self, table: pa.Table) -> None:
        import duckdb

        self._db = duckdb.connect()
        self._db.register(TABLE, table)
        _add_python_search(self._db)

    def __enter__(self) -> FlatTable:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def count(self, rule: Rule) -> int:
        """How many rows break a rule."""
        return int(self._one(f"SELECT count(*) FROM {TABLE} WHERE {_broken(rule)}"))

    def rows(self, rule: Rule, limit: int) -> npt.NDArray[np.int64]:
        """The ordinals of the first `limit` rows that break a rule, in row order."""
        sql = f"SELECT {ROW} FROM {TABLE} WHERE {_broken(rule)} ORDER BY {ROW} LIMIT {int(limit)}"
        found: npt.NDArray[np.int64] = np.array(self._db.execute(sql).fetchall(), np.int64).reshape(-1)
        return found

    def measure(self, rule: Rule) -> float | None:
        """The value that a rule about the whole table is about; None where there is none."""
        if rule.spec.measured is None:
            raise ValueError(f"{rule.expectation} is about rows")
        sql = rule.spec.measured(quoted(rule.column or ROW.strip('"')))
        found = self._one(f"{sql} FROM {TABLE}")
        return None if found is None else float(found)

    def _one(self, sql: str) -> Any:
        return self._db.execute(sql).fetchall()[0][0]


def _broken(rule: Rule) -> str:
    if rule.spec.broken is None:
        raise ValueError(f"{rule.expectation} is about the whole table")
    return rule.spec.broken(rule.columns, rule.arguments)


def _add_python_search(database: duckdb.DuckDBPyConnection) -> None:
    from duckdb.func import PythonUDFType

    database.create_function("python_search", _search, ["varchar", "varchar"], "boolean", type=PythonUDFType.ARROW)


def _search(patterns: Any, texts: Any) -> Any:
    """Whether `re.search` finds the pattern, each distinct text looked at once; SQL has one pattern a call."""
    if len(texts) == 0:
        return pa.array([], pa.bool_())
    find = re.compile(patterns[0].as_py()).search
    values = pc.dictionary_encode(texts)
    values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    found = pa.array([find(text) is not None for text in values.dictionary.to_pylist()], pa.bool_())
    return found.take(values.indices)
