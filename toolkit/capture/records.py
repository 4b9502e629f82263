"""Records of another tool's file: JSON lines, a JSON array or page, one JSON object, or an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from toolkit.core.errors import InputError
from toolkit.core.imported import Item
from toolkit.core.jsontext import Malformed, parse
from toolkit.store import streams

SQLITE = b"SQLite format 3\0"
Broken = Callable[[int, str], None]


def items(path: Path, broken: Broken) -> Iterator[Item]:
    """Every record in order; one that cannot be read goes to `broken` with its position and the reason.

    JSON lines stream; a JSON array or object is read whole. A page of an API (`{"data": [...]}`) gives its
    records, an SQLite file its tables' rows with `$table`. Raises InputError for a file that cannot be read.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file", "name the file that the tool wrote")
    if streams.head(path, len(SQLITE)) == SQLITE:
        yield from _tables(path)
        return
    for position, value in enumerate(_values(path), 1):
        if isinstance(value, dict):
            yield Item(position, value)
        elif isinstance(value, Malformed):
            broken(position, value.reason)
        else:
            broken(position, "not a JSON object")


def _values(path: Path) -> Iterator[Any]:
    stream = streams.open_stream(path)
    told = streams.lines(stream)
    first = next((line for line in told if line.strip()), b"")
    if not first:
        return
    value = _value(first)
    if isinstance(value, list) or (isinstance(value, Malformed) and first.strip() in (b"[", b"{")):
        yield from _listed(_value(b"\n".join([first, *told])))
    elif isinstance(value, Malformed) and first.lstrip().startswith((b"[", b"{")):
        rest = list(told)
        whole = _value(b"\n".join([first, *rest]))
        yield from [value, *map(_value, rest)] if isinstance(whole, Malformed) else _listed(whole)
    else:
        yield from _listed(value)
        yield from (_value(line) for line in told if line.strip())
    if stream.broken:
        yield Malformed("truncated-file", stream.broken)


def _value(text: bytes) -> Any:
    found = parse(text)
    return found if isinstance(found, Malformed) else found.value


def _listed(value: Any) -> list[Any]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict) and isinstance(value.get("data"), list) and "custom_id" not in value:
        return list(value["data"])
    return [value]


def _tables(path: Path) -> Iterator[Item]:
    position = 0
    try:
        with sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True) as file:
            file.row_factory = sqlite3.Row
            names = file.execute("select name from sqlite_master where type = 'table' order by name = 'responses' desc")
            for name in [each[0] for each in names if "_fts" not in each[0]]:
                quoted = name.replace('"', '""')
                for row in file.execute(f'select * from "{quoted}"'):
                    position += 1
                    yield Item(position, {"$table": name, **dict(row)})
    except sqlite3.Error as failure:
        raise InputError(f"{path} cannot be read: {failure}", "copy the file while no program writes it") from failure
