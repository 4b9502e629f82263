"""Queries that nobody has read, run in a DuckDB of their own that can reach no file and no network."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from typing import Any, NamedTuple

WALL_S = 5.0
MOST_ROWS = 1_000
CLOSED: Mapping[str, Any] = {
    "enable_external_access": "false",
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "memory_limit": "256MB",
    "threads": 1,
    "lock_configuration": "true",
}
COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
MAKING = frozenset({"CREATE", "INSERT", "UPDATE", "DELETE", "ALTER", "DROP"})
MADE = re.compile(
    r"(?i)\s*create\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+)?(?:table|view|type|index|schema|sequence)\b"
)
"""What a script may create: all of it is undone by a rollback, which a secret, for one, outlives."""


class Failed(Exception):  # noqa: N818 - it is an answer, not an accident
    """A script or a query does not run; the text says why."""


class Result(NamedTuple):
    """columns: names. rows: at most 1,000 tuples of plain values; more is a failure."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


class Room:
    """Tables made by a script of CREATE and INSERT, in a transaction that is rolled back at the end of a `with`.

    One database in memory serves all rooms of a thread, one after the other: opening one takes 25 ms,
    a transaction under 1.
    """

    def __init__(self, script: str, wall_s: float = WALL_S) -> None:
        self.wall_s = wall_s
        self.door = _door()
        self.door.execute("BEGIN")
        try:
            for statement in self._parsed(script):
                kind = statement.type.name
                if kind not in MAKING or (kind == "CREATE" and not MADE.match(COMMENT.sub(" ", statement.query))):
                    raise Failed(f"a script makes tables; this one holds {kind}")
                self._within(statement)
        except Failed:
            self.close()
            raise

    def __enter__(self) -> Room:
        return self

    def __exit__(self, *failure: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the tables; a database that will not is not used again."""
        import duckdb

        try:
            self.door.execute("ROLLBACK")
        except duckdb.Error:
            self.door.close()
            del _open.door

    def ask(self, query: str) -> Result:
        """The rows of one SELECT. Raises Failed for anything else, too many rows, or too long a time; the room is
        over then."""
        parsed = self._parsed(query)
        if len(parsed) != 1 or parsed[0].type.name != "SELECT":
            raise Failed("it is not one SELECT")
        found = self._within(parsed[0], MOST_ROWS + 1)
        if len(found.rows) > MOST_ROWS:
            raise Failed(f"it returns over {MOST_ROWS:,} rows")
        return found

    def _parsed(self, script: str) -> list[Any]:
        import duckdb

        try:
            found: list[Any] = self.door.extract_statements(script)
            return found
        except duckdb.Error as failure:
            raise Failed(_line(failure)) from failure

    def _within(self, statement: Any, rows: int = 0) -> Result:
        """Run a statement, interrupted when its time is over."""
        import duckdb

        clock = threading.Timer(self.wall_s, self.door.interrupt)
        clock.start()
        try:
            ran = self.door.execute(statement)
            names = tuple(str(each[0]) for each in ran.description or ())
            return Result(names, tuple(ran.fetchmany(rows)) if rows else ())
        except duckdb.InterruptException as failure:
            raise Failed(f"it ran for over {self.wall_s:g} s") from failure
        except (duckdb.Error, RuntimeError, ValueError, OverflowError) as failure:
            raise Failed(_line(failure)) from failure
        finally:
            clock.cancel()


_open = threading.local()


def _door() -> Any:
    """This thread's database."""
    import duckdb

    if not hasattr(_open, "door"):
        _open.door = duckdb.connect(":memory:", config=dict(CLOSED))
    return _open.door


def _line(failure: Exception) -> str:
    return str(failure).strip().splitlines()[0][:200] if str(failure).strip() else type(failure).__name__
