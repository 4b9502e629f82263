"""CSV and TSV with a header line."""

from __future__ import annotations

import codecs
import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice, zip_longest
from typing import ClassVar

import orjson

from toolkit.core.errors import InputError
from toolkit.core.jsontext import Malformed
from toolkit.core.records import Record, Source
from toolkit.store import streams

SUFFIXES = {".csv", ".tsv", ".tab"}
LOOKED_AT = 20


@dataclass(frozen=True, slots=True)
class CsvTable:
    """Delimited text with a header, told by its name or by its first rows.

    The delimiter is the most frequent of , ; tab | in the header. Cells stay strings. A row with more or
    fewer cells than the header stays a row, with a fault; a row that is not UTF-8 is rejected with its
    position. Records are counted, not lines, because a quoted cell may hold line breaks.
    """

    id: ClassVar[str] = "csv"

    def claims(self, source: Source) -> int:
        if source.path is None:
            return 0
        suffixes = {suffix.lower() for suffix in source.path.suffixes}
        if suffixes & SUFFIXES:
            return 8
        # Rows of JSON beside a CSV file, such as a reference, are read with the same options.
        if source.head.lstrip()[:1] in (b"{", b"[", b"<"):
            return 0
        return 8 if source.delimiter else 2 * _is_table(source.head)

    def records(self, source: Source) -> Iterator[Record]:
        assert source.path is not None  # noqa: S101 - claims() took only sources with a path
        csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
        stream = streams.open_stream(source.path)
        source.counts = "row"
        reader = csv.reader(_text(stream), delimiter=source.delimiter or _delimiter(source.head), strict=False)
        header = _header(reader, source)
        position = 0
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                break
            except csv.Error as failure:
                position += 1
                yield Record(position, b"", error=Malformed("csv", f"not CSV: {failure}"))
                continue
            if cells:
                position += 1
                yield _record(position, header, cells)
        if stream.broken:
            yield Record(position + 1, b"", error=Malformed("truncated-file", stream.broken))
        source.notes.extend(stream.notes)


def _text(stream: streams.Stream) -> Iterator[str]:
    """Lines with their ends, undecodable bytes as lone surrogates, so that the row can be named."""
    decoder = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape")
    held = ""
    for piece in stream.chunks():
        *complete, held = (held + decoder.decode(piece)).split("\n")
        for line in complete:
            yield line + "\n"
    held += decoder.decode(b"", final=True)
    if held:
        yield held


def _is_table(head: bytes) -> bool:
    """Whether a file of another name begins with a header and two rows or more of as many cells."""
    text = head.decode("utf-8", "replace")
    try:
        rows = list(islice(csv.reader(text.splitlines(keepends=True), delimiter=_delimiter(head)), LOOKED_AT))
    except csv.Error:
        return False
    if len(head) >= streams.HEAD and len(rows) < LOOKED_AT:
        rows = rows[:-1]
    names = [name.strip() for name in rows[0]] if rows else []
    named = len(names) > 1 and all(names) and len(set(names)) == len(names)
    return named and len(rows) > 2 and all(len(row) == len(names) for row in rows[1:] if row)


def _delimiter(head: bytes) -> str:
    first = head.split(b"\n", 1)[0]
    return max((",", "\t", ";", "|"), key=lambda mark: first.count(mark.encode()))


def _header(reader: Iterator[list[str]], source: Source) -> list[str]:
    header = next(reader, [])
    if not header:
        raise InputError(f"{source.name} is empty", "give a CSV file whose first line names its columns")
    names = [name.strip() or f"column_{at}" for at, name in enumerate(header, 1)]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise InputError(f"{source.name} has two columns named '{twice}'", "rename one of them in the header")
    source.columns = names
    return names


def _record(position: int, header: list[str], cells: list[str]) -> Record:
    faults: tuple[str, ...] = ()
    if len(cells) != len(header):
        faults = (f"{'extra' if len(cells) > len(header) else 'missing'}-cells",)
    value: dict[str, object] = dict(zip_longest(header, cells[: len(header)]))
    if len(cells) > len(header):
        value["_extra"] = cells[len(header) :]
    try:
        raw = orjson.dumps(value)
    except TypeError:
        text = ",".join(cells).encode("utf-8", "surrogateescape")
        return Record(position, text, error=_undecodable(text))
    return Record(position, raw, faults=faults)


def _undecodable(text: bytes) -> Malformed:
    try:
        text.decode("utf-8")
    except UnicodeDecodeError as broken:
        return Malformed("not-utf8", f"not UTF-8 at byte {broken.start + 1} (0x{text[broken.start]:02x})")
    return Malformed("lone-surrogate", "half of a surrogate pair")
