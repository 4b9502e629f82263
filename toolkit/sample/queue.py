"""The queue of rows to label, as it lies in `queue.jsonl`: one JSON object a line, in the order of asking.

| key | what it is |
|---|---|
| `rank` | place in the queue, from 1 |
| `id` | the pool row's own id, else `line-N` or `row-N` of the pool |
| `hash` | `content_hash` of `text`: an answer whose hash is another is about another text |
| `kind` | `class` (choose a label), `text` (edit the draft answer) or `preference` (choose between drafts) |
| `text` | what is to be judged |
| `group` | `hard`, `novel` (new topic or out of scope?) or `audit` (drawn by chance) |
| `hardness` | 0..1, the share of the pool that is easier |
| `probability` | the chance of the row's collapsed text to be drawn; null where it was chosen, not drawn |
| `n_similar` | pool rows that this one stands for, itself among them: its weight in traffic |
| `nearest` | `{id, label, text, similarity}` of the nearest labelled row, or null |
| `reason` | why it is asked, in words |
| `draft` | `{label, confidence}`, `{answer}` or `{answers}` of the model, or null |
| `row` | the pool's record as it was read |
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from toolkit.core.errors import InputError
from toolkit.core.jsontext import written
from toolkit.write import whole_file

VERSION = 1
FILE = "queue.jsonl"
KINDS = ("class", "text", "preference")


@dataclass(frozen=True, slots=True)
class QueueRow:
    """One row to label; the module's table says what each field is."""

    rank: int
    id: str
    hash: str
    kind: str
    text: str
    group: str
    hardness: float
    probability: float | None
    n_similar: int
    nearest: Mapping[str, Any] | None
    reason: str
    draft: Mapping[str, Any] | None
    row: Mapping[str, Any]


def content_hash(text: str) -> str:
    """16 hex digits of blake2b-64 of the text's UTF-8, lone surrogates kept."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def write_queue(rows: Iterable[QueueRow], path: Path) -> None:
    """Write the whole queue or nothing; the same rows are the same bytes."""
    with whole_file(path) as file:
        for row in rows:
            file.write(written(asdict(row)) + b"\n")


def read_queue(path: Path) -> Iterator[QueueRow]:
    """The rows of a queue in their order. Raises InputError for a line that is none, or that was changed."""
    try:
        lines = path.read_bytes().splitlines()
    except OSError as failure:
        raise InputError(
            f"{path} cannot be read: {failure.strerror}", "toolkit sample POOL --train F writes one"
        ) from (failure)
    for at, line in enumerate(lines, 1):
        if line.strip():
            yield _row(line, f"{path.name}, line {at}")


def _row(line: bytes, where: str) -> QueueRow:
    try:
        value = orjson.loads(line)
        row = QueueRow(**value)
    except (ValueError, TypeError) as failure:
        what = f"{where} is no row of a queue: {failure}"
        raise InputError(what, "name the queue.jsonl of `toolkit sample`") from failure
    if content_hash(row.text) != row.hash:
        what = f"{where}: the text of {row.id} was changed"
        raise InputError(what, "draw the queue again; answers go to another file")
    return row
