"""The ledger: what was looked at, what was found, what was measured. Three tables in one DuckDB file.

runs: one line for each check and scope, also where it was skipped or failed: not looked is never
clean. findings: one line an observation. facts: one line a number. `meta` holds the schema version
and the manifest of the data set. The report is made from this file alone.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from toolkit.core.errors import InputError, MachineError
from toolkit.core.types import Fact, Finding, Findings, Result, Status

VERSION = 1
TABLES = """
CREATE TABLE IF NOT EXISTS meta (key VARCHAR PRIMARY KEY, value VARCHAR);
CREATE TABLE IF NOT EXISTS runs (
  run INTEGER PRIMARY KEY, "check" VARCHAR, code VARCHAR, scope VARCHAR, version INTEGER, digest VARCHAR,
  options VARCHAR, status VARCHAR, reason VARCHAR, seen BIGINT, total BIGINT, seconds DOUBLE);
CREATE TABLE IF NOT EXISTS findings (
  run INTEGER, "row" BIGINT, ref VARCHAR, other BIGINT, other_ref VARCHAR, kind VARCHAR, "column" VARCHAR,
  score DOUBLE, message VARCHAR, evidence VARCHAR, excerpt VARCHAR);
CREATE TABLE IF NOT EXISTS facts (
  run INTEGER, name VARCHAR, value DOUBLE, unit VARCHAR, "group" VARCHAR, low DOUBLE, high DOUBLE);
"""
FINDING = pa.schema(
    [
        ("row", pa.int64()),
        ("other", pa.int64()),
        ("kind", pa.string()),
        ("column", pa.string()),
        ("score", pa.float64()),
        ("message", pa.string()),
        ("evidence", pa.string()),
    ]
)
BUFFERED = 20_000
OF_SCOPES = "findings.run IN (SELECT run FROM runs WHERE list_contains(?, scope))"


@dataclass(frozen=True, slots=True)
class Run:
    """One look of one check. seen and total count rows; options is JSON text."""

    check: str
    code: str
    scope: str
    version: int
    digest: str
    options: str
    status: Status
    reason: str
    seen: int
    total: int
    seconds: float


class Ledger:
    """An open ledger. Each check is written in one transaction, so a run that is cut off leaves whole checks."""

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        import duckdb

        self.path = path
        if read_only and not path.exists():
            raise InputError(f"{path.parent} holds no ledger", "run `toolkit verify FILE` first")
        try:
            self._db = duckdb.connect(str(path), read_only=read_only)
        except duckdb.IOException as failure:
            what = f"the ledger of {path.parent.name} cannot be opened: {str(failure).splitlines()[0][:160]}"
            raise MachineError(what, "wait for the other run in this folder, or name another with --run") from failure
        except duckdb.Error as failure:
            raise InputError(
                f"the ledger of {path.parent.name} is damaged", "delete the run folder and verify again"
            ) from (failure)
        if not read_only:
            self._db.execute(TABLES)
            self._db.execute("INSERT OR IGNORE INTO meta VALUES ('version', ?)", [str(VERSION)])
        self._check_version()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._db.close()

    def _check_version(self) -> None:
        found = self.meta("version")
        if found != str(VERSION):
            self.close()
            what = f"the ledger of {self.path.parent.name} has version {found}, this toolkit reads {VERSION}"
            raise InputError(what, "verify the file again into a new folder with --run")

    def meta(self, key: str) -> str | None:
        found = self._db.sql("SELECT value FROM meta WHERE key = ?", params=[key]).fetchall()
        return found[0][0] if found else None

    def set_meta(self, key: str, value: str) -> None:
        self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", [key, value])

    def clear(self, scope: str | None = None, check: str | None = None) -> None:
        """Forget every run, or those of one scope, of one check, or of both."""
        sql = 'SELECT run FROM runs WHERE scope = coalesce(?, scope) AND "check" = coalesce(?, "check")'
        for (run,) in self._db.execute(sql, [scope, check]).fetchall():
            self._drop(run)

    def digest_of(self, check: str, scope: str) -> str | None:
        """The digest of the finished run of a check, None where it has to be run."""
        sql = """SELECT digest FROM runs WHERE "check" = ? AND scope = ? AND status IN ('ran', 'not applicable')"""
        found = self._db.sql(sql, params=[check, scope]).fetchall()
        return found[0][0] if found else None

    def write(self, run: Run, results: Iterable[Result]) -> None:
        """Replace what an earlier run of the same check and scope left, in one transaction."""
        self._db.execute("BEGIN")
        try:
            old = self._db.execute(
                'SELECT run FROM runs WHERE "check" = ? AND scope = ?', [run.check, run.scope]
            ).fetchall()
            for (number,) in old:
                self._drop(number)
            number = self._db.execute("SELECT coalesce(max(run), 0) + 1 FROM runs").fetchall()[0][0]
            for table in _tables(results, number, self._db):
                self._insert(table, number)
            values = [number, run.check, run.code, run.scope, run.version, run.digest, run.options, run.status]
            values += [run.reason, run.seen, run.total, run.seconds]
            self._db.execute("INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def revise(self, check: str, scope: str, changed: pa.Table, facts: Sequence[Fact]) -> None:
        """Give findings of one run another score and evidence, and put facts in the place of those of their names.

        changed: columns `place` (the finding's rowid in this connection), `score` and `evidence`.
        """
        ((number,),) = self._db.execute(
            'SELECT run FROM runs WHERE "check" = ? AND scope = ?', [check, scope]
        ).fetchall()
        self._db.register("changed", changed)
        self._db.execute("BEGIN")
        try:
            self._db.execute(
                """UPDATE findings SET score = c.score, evidence = c.evidence FROM changed c
                WHERE findings.rowid = c.place"""
            )
            names = [each.name for each in facts]
            self._db.execute("DELETE FROM facts WHERE run = ? AND list_contains(?, name)", [number, names])
            list(_tables(facts, number, self._db))
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")
        self._db.unregister("changed")

    def _insert(self, table: pa.Table, number: int) -> None:
        self._db.register("incoming", table)
        self._db.execute(
            f"""INSERT INTO findings SELECT {number}, "row", NULL, other, NULL, kind, "column", score, message,
            evidence, NULL FROM incoming"""
        )
        self._db.unregister("incoming")

    def _drop(self, number: int) -> None:
        for table in ("findings", "facts", "runs"):
            self._db.execute(f"DELETE FROM {table} WHERE run = ?", [number])

    def name_rows(self, names: pa.Table, scopes: Sequence[str]) -> None:
        """Fill in the refs of findings of some scopes; names has `row` and `ref` of every record."""
        self._db.register("names", names)
        for column, ref in (("row", "ref"), ("other", "other_ref")):
            self._db.execute(
                f"""UPDATE findings SET {ref} = n.ref FROM names n
                WHERE findings."{column}" = n."row" AND findings.{ref} IS NULL AND {OF_SCOPES}""",
                [list(scopes)],
            )
        self._db.unregister("names")

    def set_excerpts(self, excerpts: pa.Table, scopes: Sequence[str]) -> None:
        """Put excerpts, columns `row` and `excerpt`, beside the findings of those rows."""
        self._db.register("excerpts", excerpts)
        self._db.execute(
            f"""UPDATE findings SET excerpt = e.excerpt FROM excerpts e
            WHERE findings."row" = e."row" AND {OF_SCOPES}""",
            [list(scopes)],
        )
        self._db.unregister("excerpts")

    def query(self, sql: str, parameters: list[Any] | None = None) -> pa.Table:
        """One query over runs, findings, facts and meta, as an Arrow table."""
        return self._db.sql(sql, params=parameters or []).to_arrow_table()

    def rows(self, sql: str, parameters: list[Any] | None = None) -> list[dict[str, Any]]:
        """One small query as dicts."""
        found: list[dict[str, Any]] = self.query(sql, parameters).to_pylist()
        return found

    def stream(self, sql: str, parameters: list[Any] | None = None) -> Iterator[pa.RecordBatch]:
        """One large query, batch by batch."""
        with self._db.cursor() as cursor:  # a connection of its own, so that others may ask meanwhile
            yield from cursor.sql(sql, params=parameters or []).to_arrow_reader(BUFFERED)


def _tables(results: Iterable[Result], number: int, database: Any) -> Iterator[pa.Table]:
    """Findings as Arrow tables; facts go straight to their small table."""
    singles: list[Finding] = []
    for result in results:
        if isinstance(result, Fact):
            values = [number, result.name, result.value, result.unit, result.group, result.low, result.high]
            database.execute("INSERT INTO facts VALUES (?, ?, ?, ?, ?, ?, ?)", values)
        elif isinstance(result, Findings):
            if len(result.row):
                yield _bulk(result)
        else:
            singles.append(result)
            if len(singles) >= BUFFERED:
                yield _single(singles)
                singles = []
    if singles:
        yield _single(singles)


def _single(found: list[Finding]) -> pa.Table:
    rows = [
        {
            "row": each.row,
            "other": each.other,
            "kind": each.kind,
            "column": each.column,
            "score": float(each.score),
            "message": each.message,
            "evidence": None if each.evidence is None else json.dumps(each.evidence, ensure_ascii=False),
        }
        for each in found
    ]
    return pa.Table.from_pylist(rows, schema=FINDING)


def _bulk(found: Findings) -> pa.Table:
    n = len(found.row)
    score = np.broadcast_to(np.asarray(found.score, np.float64), (n,))
    other = pa.nulls(n, pa.int64()) if found.other is None else pa.array(found.other, pa.int64())
    evidence = pa.nulls(n, pa.string()) if found.evidence is None else found.evidence
    evidence = evidence if isinstance(evidence, pa.Array) else pa.array(list(evidence), pa.string())
    columns = [
        pa.array(found.row, pa.int64()),
        other,
        _same(found.kind, n),
        _same(found.column, n),
        pa.array(score),
        _same(found.message, n),
        evidence,
    ]
    return pa.Table.from_arrays(columns, schema=FINDING)


def _same(value: str | None, n: int) -> pa.Array:
    return pa.nulls(n, pa.string()) if value is None else pa.repeat(pa.scalar(value, pa.string()), n)
