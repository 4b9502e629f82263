"""The user's own tables as a script of CREATE and INSERT, so that queries can be run where no file can be reached."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from toolkit.core.errors import InputError

MOST_ROWS = 300
"""Of each table, from its start: every query is run on them anew."""
READERS = {
    ".csv": "read_csv",
    ".tsv": "read_csv",
    ".parquet": "read_parquet",
    ".json": "read_json_auto",
    ".jsonl": "read_json_auto",
}
DATABASES = (".duckdb", ".db")
SUFFIXES = (*READERS, *DATABASES)
PLAIN = re.compile(
    r"(?:TINY|SMALL|BIG|HUGE|U\w*)?INT(?:EGER)?|DOUBLE|FLOAT|DECIMAL\(.*\)|BOOLEAN|DATE|TIME|TIMESTAMP\w*|VARCHAR"
)


def script(paths: Sequence[Path]) -> str:
    """CREATE and INSERT for the tables of these files, named by them, and for all tables of a DuckDB database.

    A column of a nested or another rare type becomes text. Raises InputError for a file that cannot be read.
    """
    made = [statement for path in paths for statement in _of_file(path)]
    if not made:
        raise InputError(f"{', '.join(map(str, paths))} holds no table", "name a file with one in it")
    return "\n".join(made)


def _of_file(path: Path) -> Iterator[str]:
    import duckdb

    try:
        if path.suffix.lower() in DATABASES:
            with duckdb.connect(str(path), read_only=True) as door:
                named = door.execute("SELECT table_name FROM duckdb_tables() WHERE NOT internal ORDER BY 1").fetchall()
                for (name,) in named:
                    yield _table(door, name, _quoted(name))
            return
        with duckdb.connect() as door:
            source = f"{READERS[path.suffix.lower()]}('{str(path).replace(chr(39), chr(39) * 2)}')"
            yield _table(door, re.sub(r"\W", "_", path.stem), source)
    except duckdb.Error as failure:
        what = f"{path} cannot be read as a table: {str(failure).strip().splitlines()[0][:200]}"
        raise InputError(what, "open it in DuckDB to see why, or write CREATE and INSERT into a file .sql") from failure


def _table(door: Any, name: str, source: str) -> str:
    """One table. Sources are names of tables and of files that the user gave, quoted."""
    columns = [(row[0], row[1]) for row in door.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()]
    kinds = [(_quoted(column), kind if PLAIN.fullmatch(kind) else "VARCHAR") for column, kind in columns]
    wanted = ", ".join(f"CAST({column} AS {kind})" for column, kind in kinds)
    rows = door.execute(f"SELECT {wanted} FROM {source} LIMIT {MOST_ROWS}").fetchall()
    made = f"CREATE TABLE {_quoted(name)}({', '.join(f'{column} {kind}' for column, kind in kinds)});"
    values = ",\n".join(f"({', '.join(map(_literal, row))})" for row in rows)
    return f"{made}\nINSERT INTO {_quoted(name)} VALUES\n{values};" if rows else made


def _quoted(name: str) -> str:
    return name if re.fullmatch(r"[a-z_]\w*", name) and name not in _reserved() else '"' + name.replace('"', '""') + '"'


@cache
def _reserved() -> frozenset[str]:
    """The words that no name may be, and `user`, which is none in DuckDB and one in other databases."""
    import duckdb

    sql = "SELECT keyword_name FROM duckdb_keywords() WHERE keyword_category IN ('reserved', 'type_function')"
    with duckdb.connect() as door:
        return frozenset(("user", *(word for (word,) in door.execute(sql).fetchall())))


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, int | Decimal):
        return str(value)
    text = str(value)
    # Such floats as nan and inf are text to SQL as well.
    return (
        text if isinstance(value, float) and re.fullmatch(r"[-+.\de]+", text) else "'" + text.replace("'", "''") + "'"
    )
