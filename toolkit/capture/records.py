"""Records of another tool's file: JSON lines, a JSON array or page, one JSON object, or an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, NamedTuple

import orjson

from toolkit.core.errors import InputError
from toolkit.core.imported import Item
from toolkit.core.jsontext import Malformed, parse, written
from toolkit.store import streams

SQLITE = b"SQLite format 3\0"
HELD = "held"
"""What a line of an import's quarantine calls the records that it holds."""
PAGE = {"count", "cursor", "data", "error", "first_id", "has_more", "last_id", "meta", "next_page", "object", "total"}
SPANS = (("resourceSpans", "scopeSpans", "spans"), ("resourceLogs", "scopeLogs", "logRecords"))
Broken = Callable[[int, str, bytes], Any]


class Records:
    """Records by position as they came, held on disk: what gives no row is written with them, each once."""

    def __init__(self, aside: IO[bytes]) -> None:
        self._aside, self._places, self._size = aside, dict[int, tuple[int, int]](), 0
        self._given: set[int] = set()

    def __len__(self) -> int:
        return len(self._places)

    def keep(self, told: Iterable[Item]) -> Iterator[Item]:
        """The records again, each held before it is given on."""
        for item in told:
            self._aside.seek(self._size)
            length = self._aside.write(written(item.value))
            self._places[item.position] = self._size, length
            self._size += length
            yield item

    def of(self, positions: Iterable[int]) -> list[orjson.Fragment]:
        """What is held of some positions, as JSON, without what was given before."""
        fresh = [at for at in positions if at in self._places and at not in self._given]
        self._given.update(fresh)
        return [orjson.Fragment(self._read(*self._places[at])) for at in fresh]

    def _read(self, place: int, length: int) -> bytes:
        self._aside.seek(place)
        return self._aside.read(length)


def items(path: Path, broken: Broken) -> Iterator[Item]:
    """Every record in order; one that cannot be read goes to `broken` with its position, the reason and its text.

    JSON lines stream; a JSON array or object is read whole. A page of an API (`{"data": [...]}`) gives its
    records, an export of OpenTelemetry its spans and events, an SQLite file its tables' rows with `$table`, a
    line of an import's quarantine those that it holds. Raises InputError for a file that cannot be read.
    """
    if not path.is_file():
        raise InputError(f"{path} is not a file", "name the file that the tool wrote")
    if streams.head(path, len(SQLITE)) == SQLITE:
        yield from _tables(path)
        return
    for position, value in enumerate(_values(path), 1):
        if isinstance(value, dict):
            yield Item(position, value)
        elif isinstance(value, _Unread):
            broken(position, value.why, value.text)
        else:
            broken(position, "not a JSON object", written(value))


class _Unread(NamedTuple):
    """A text that is no record, and why."""

    why: str
    text: bytes


def _values(path: Path) -> Iterator[Any]:
    stream = streams.open_stream(path)
    told = streams.lines(stream)
    first = next((line for line in told if line.strip()), b"")
    if not first:
        return
    value = _value(first)
    if isinstance(value, list) or (isinstance(value, _Unread) and first.strip() in (b"[", b"{")):
        yield from _listed(_value(b"\n".join([first, *told])))
    elif isinstance(value, _Unread) and first.lstrip().startswith((b"[", b"{")):
        rest = list(told)
        whole = _value(b"\n".join([first, *rest]))
        yield from [value, *map(_value, rest)] if isinstance(whole, _Unread) else _listed(whole)
    else:
        yield from _listed(value)
        for line in told:
            if line.strip():
                yield from _one(_value(line))
    if stream.broken:
        yield _Unread(stream.broken, b"")


def _value(text: bytes) -> Any:
    found = parse(text)
    return _Unread(found.reason, text) if isinstance(found, Malformed) else found.value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else _one(value)


def _one(value: Any) -> list[Any]:
    """The records of one value: of a page, of an export of spans, those that a quarantine holds, or itself."""
    if not isinstance(value, dict):
        return [value]
    if isinstance(value.get("data"), list) and set(value) <= PAGE:
        return list(value["data"])
    if isinstance(value.get(HELD), list) and {"records", "reason"} <= set(value):
        return list(value[HELD])
    spans = [each for kind in SPANS if kind[0] in value for each in _spans(value, *kind)]
    return spans or [value]


def _spans(export: dict[str, Any], *names: str) -> list[Any]:
    """What an export of OpenTelemetry holds, without what its resources and scopes say."""
    found: list[Any] = [export]
    for name in names:
        lists = [each.get(name) for each in found if isinstance(each, dict)]
        found = [each for listed in lists if isinstance(listed, list) for each in listed]
    return found


def _tables(path: Path) -> Iterator[Item]:
    position = 0
    try:
        with sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True) as file:
            file.row_factory = sqlite3.Row
            names = file.execute(
                "select name from sqlite_master where type = 'table' order by name in ('responses', 'turns') desc"
            )
            for name in [each[0] for each in names if "_fts" not in each[0]]:
                quoted = name.replace('"', '""')
                for row in file.execute(f'select * from "{quoted}"'):
                    position += 1
                    yield Item(position, {"$table": name, **dict(row)})
    except sqlite3.Error as failure:
        raise InputError(f"{path} cannot be read: {failure}", "copy the file while no program writes it") from failure
