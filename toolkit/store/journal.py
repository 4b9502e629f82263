"""The journal of a generation run: append-only JSON lines, the only truth about what was bought.

State is a fold over its events, so a killed run goes on where its last whole line ends:

    run       schema, digest of the recipe, model
    planned   key, cell, sample, rows, messages, to
    sent      key, attempt, usd, tokens     written before the request leaves, with the worst that it may cost
    failed    key, attempt, reason, unknown
    reply     key, text, usage, stop, model, origins, usd, calls
    handing   keys                      written before a batch leaves
    batch     id, keys                  a batch that a server has taken
    untaken                             the batch that was leaving was refused
    landed    id                        its replies and failures stand before this
    verdict   key, row, gate, reason    a row that was refused
    accepted  key, row
"""

from __future__ import annotations

import errno
import itertools
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from toolkit.core.errors import InputError, UsageError
from toolkit.core.request import NO_TOKENS, Reply, Request, Usage
from toolkit.store.folder import folder_error
from toolkit.store.spare import FULL, Spare

SCHEMA = 1
SYNC_S = 0.25
READ_BYTES = 4096
CLOSED = -1
NAME = "journal.jsonl"
_sync = getattr(os, "fdatasync", os.fsync)


class Hold(NamedTuple):
    """A sum of US dollars and tokens, set aside or spent."""

    usd: float = 0.0
    tokens: int = 0

    def plus(self, other: Hold) -> Hold:
        return Hold(self.usd + other.usd, self.tokens + other.tokens)

    def minus(self, other: Hold) -> Hold:
        """The difference; a sum that all was taken from is nothing, whatever floats make of it."""
        left = self.tokens - other.tokens
        return Hold(max(0.0, self.usd - other.usd), left) if left > 0 else Hold()


NOTHING = Hold()


class Header(NamedTuple):
    """What a run was begun with. recipe: digest of all in the recipe that decides a reply or a verdict."""

    recipe: str
    model: str


@dataclass
class State:
    """What the events so far add up to. replies: byte offset of the reply to each key.

    failure: what the last request failed for, empty once one was answered. open: what was set aside for
    each request that was sent and never answered. lost: the same for requests whose end is not known.
    batches: keys by the id of a batch that has not landed. handing: keys of a batch of which it is not known
    whether a server has taken it, and when.
    """

    header: dict[str, Any] | None = None
    replies: dict[str, int] = field(default_factory=dict)
    planned: set[str] = field(default_factory=set)
    judged: set[tuple[str, int]] = field(default_factory=set)
    sent: int = 0
    failure: str = ""
    accepted: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    open: dict[str, Hold] = field(default_factory=dict)
    paid: Hold = NOTHING
    lost: Hold = NOTHING
    usage: Usage = NO_TOKENS
    batches: dict[str, tuple[str, ...]] = field(default_factory=dict)
    handing: tuple[float, tuple[str, ...]] | None = None

    @property
    def in_flight(self) -> set[str]:
        """Keys that were sent and never answered: what a kill may have cost."""
        return set(self.open)

    def take(self, event: Mapping[str, Any], offset: int) -> None:
        """Fold in one event that stands at a byte offset of the file."""
        kind, key = event["e"], event.get("key", "")
        if kind == "run":
            self.header = dict(event)
        elif kind == "planned":
            self.planned.add(key)
        elif kind == "sent":
            self.sent += 1
            self._lose(key)
            self.open[key] = Hold(event.get("usd", 0.0), event.get("tokens", 0))
        elif kind == "failed":
            if event.get("unknown"):
                self._lose(key)
            self.open.pop(key, None)
            self.failure = event["reason"]
        elif kind == "reply":
            self.open.pop(key, None)
            self.failure = ""
            self.replies[key] = offset
            usage = Usage(*event["usage"])
            self.usage = self.usage.plus(usage)
            self.paid = self.paid.plus(Hold(event.get("usd", 0.0), usage.total))
        elif kind in ("handing", "batch", "untaken", "landed"):
            self._batch(event)
        elif kind in ("verdict", "accepted"):
            self._judge(event)

    def _lose(self, key: str) -> None:
        """What was set aside for a request stays spent: nobody knows how it ended."""
        self.lost = self.lost.plus(self.open.pop(key, NOTHING))

    def _batch(self, event: Mapping[str, Any]) -> None:
        if event["e"] == "handing":
            self.handing = (event["t"], tuple(event["keys"]))
        elif event["e"] == "batch":
            self.handing = None
            self.batches[event["id"]] = tuple(event["keys"])
        elif event["e"] == "untaken":
            self.handing = None
        else:
            self.batches.pop(event["id"], None)

    def _judge(self, event: Mapping[str, Any]) -> None:
        self.judged.add((event["key"], event["row"]))
        if event["e"] == "accepted":
            self.accepted += 1
        else:
            self.refused[event["gate"]] += 1


class Journal:
    """The open journal of one run folder; the folder must be locked by the caller.

    An event is in the file when `append` returns, and on the disk at most `SYNC_S` seconds after: while
    `clocked` by the engine's clock alone, so that nobody waits for the disk. Raises UsageError when the
    journal belongs to another recipe, InputError when it is damaged before its end, MachineError when
    the disk fails.
    """

    def __init__(self, folder: Path, header: Header, *, fresh: bool = False, rejudged: bool = False) -> None:
        self.path = folder / NAME
        self.spare = Spare(folder)
        self.clocked = False
        self.notes: list[str] = []
        if fresh:
            self._set_aside()
        self._file = self._open()
        try:
            self.state, self._size = self._recover()
            self._agree(header, rejudged=rejudged)
        except BaseException:
            os.close(self._file)
            raise

    def _open(self) -> int:
        try:
            return os.open(self.path, os.O_CREAT | os.O_RDWR | os.O_APPEND, 0o600)
        except OSError as failure:
            raise folder_error(self.path.parent, failure) from failure

    def _set_aside(self) -> None:
        """Keep the old journal under the next free number: what it holds was paid for."""
        if not self.path.exists():
            return
        names = (self.path.with_name(f"journal-{nth}.jsonl") for nth in itertools.count(1))
        aside = next(each for each in names if not each.exists())
        self.path.rename(aside)
        self.notes.append(f"the earlier journal is kept as {aside.name}")

    def _recover(self) -> tuple[State, int]:
        """Fold what is there and cut what a kill or a full disk left half written at the end."""
        state, good, ends = State(), 0, True
        broken: int | None = None
        for number, (offset, line) in enumerate(_lines(self.path), 1):
            event = _event(line)
            if event is None:
                broken = broken or number
                continue
            if broken is not None:
                what = f"{self.path} is damaged in line {broken}, and whole lines follow it"
                fix = f"restore the file, or take line {broken} out: what it held may be bought again"
                raise InputError(what, fix)
            state.take(event, offset)
            good, ends = offset + len(line), line.endswith(b"\n")
        torn = os.fstat(self._file).st_size - good
        if torn:
            os.ftruncate(self._file, good)
            self.notes.append(f"cut {torn} bytes of a torn last line from {self.path.name}")
        if not ends:
            good += os.write(self._file, b"\n")
        self._due, self._dirty = time.monotonic() + SYNC_S, ends is False
        return state, good

    def _agree(self, header: Header, *, rejudged: bool) -> None:
        """Hold the journal to its recipe. rejudged: the recipe has changed and is taken over."""
        found = self.state.header
        agrees = found is not None and found["recipe"] == header.recipe and found["model"] == header.model
        if found is None or (rejudged and not agrees and found["schema"] <= SCHEMA):
            self.append({"e": "run", "schema": SCHEMA, **header._asdict()})
            return
        if found["schema"] > SCHEMA:
            what = f"{self.path} was written by a later version (schema {found['schema']}, this one knows {SCHEMA})"
            raise UsageError(what, "update the toolkit")
        if found["recipe"] != header.recipe or found["model"] != header.model:
            changed = "recipe" if found["recipe"] != header.recipe else "model"
            what = f"the {changed} has changed since the run in {self.path.parent} was begun"
            again = f"`toolkit rejudge {self.path.parent}` judges what was bought by the new one, for $0"
            raise UsageError(what, f"{again}; --out FOLDER or --fresh begin anew (the old journal is kept)")

    def append(self, event: Mapping[str, Any]) -> None:
        """Write one event as one line and fold it into the state. A reply may take the room that was kept for it."""
        line = orjson.dumps(event) + b"\n"
        try:
            self._write(line)
        except OSError as failure:
            if failure.errno not in FULL or event["e"] != "reply" or not self.spare.free():
                raise folder_error(self.path.parent, failure) from failure
            self.append(event)
            return
        self.state.take(event, self._size)
        self._size += len(line)
        self._dirty = True
        if not self.clocked:
            self.sync_if_due()

    def _write(self, line: bytes) -> None:
        """Write a whole line, or none of it."""
        if os.write(self._file, line) < len(line):
            os.ftruncate(self._file, self._size)
            raise OSError(errno.ENOSPC, "no space left")

    def sync_if_due(self) -> None:
        """Put what was written on the disk, unless that was done a moment ago."""
        if self._dirty and time.monotonic() >= self._due:
            self.sync()

    def sync(self) -> None:
        """Put what was written on the disk. Raises MachineError where it fails."""
        self._dirty = False  # before: what is written meanwhile is for the next time
        try:
            _sync(self._file)
        except OSError as failure:
            self._dirty = True
            raise folder_error(self.path.parent, failure) from failure
        self._due = time.monotonic() + SYNC_S

    def close(self) -> None:
        self.spare.free()
        try:
            self.sync()
        finally:
            file, self._file = self._file, CLOSED
            os.close(file)

    def planned(self, key: str, request: Request) -> None:
        if key in self.state.planned:
            return
        seed = request.seed
        event: dict[str, Any] = {
            "e": "planned",
            "key": key,
            "cell": seed.cell.values(),
            "sample": seed.sample,
            "rows": seed.rows,
            "messages": request.prompt(),
        }
        self.append({**event, "to": request.to} if request.to else event)

    def sent(self, key: str, attempt: int, hold: Hold = NOTHING) -> None:
        event: dict[str, Any] = {"e": "sent", "key": key, "attempt": attempt, "t": round(time.time(), 3)}
        self.append({**event, **hold._asdict()} if hold.tokens else event)

    def failed(self, key: str, attempt: int, reason: str, *, unknown: bool = False) -> None:
        event: dict[str, Any] = {"e": "failed", "key": key, "attempt": attempt, "reason": reason}
        self.append({**event, "unknown": True} if unknown else event)

    def replied(self, key: str, reply: Reply, usd: float = 0.0) -> None:
        event: dict[str, Any] = {
            "e": "reply",
            "key": key,
            "text": reply.text,
            "usage": list(reply.usage),
            "stop": reply.stop,
            "model": reply.model,
            "origins": reply.origins,
            "t": round(time.time(), 3),
        }
        told = {"usd": usd, "detail": reply.detail, "batch": reply.batch, "calls": reply.calls}
        self.append({**event, **{name: value for name, value in told.items() if value}})

    def handing(self, keys: Sequence[str]) -> None:
        """A batch is about to leave: on the disk before it does."""
        self.append({"e": "handing", "keys": list(keys), "t": time.time()})
        self.sync()

    def handed(self, batch: str, keys: Sequence[str]) -> None:
        """A server has taken a batch: on the disk before anybody waits for it."""
        self.append({"e": "batch", "id": batch, "keys": list(keys)})
        self.sync()

    def not_taken(self) -> None:
        """The batch that was leaving was refused: its requests may leave again."""
        self.append({"e": "untaken"})

    def landed(self, batch: str) -> None:
        self.append({"e": "landed", "id": batch})

    def refused(self, key: str, row: int, gate: str, reason: str) -> None:
        if (key, row) not in self.state.judged:
            self.append({"e": "verdict", "key": key, "row": row, "gate": gate, "reason": reason})

    def accepted(self, key: str, row: int) -> None:
        if (key, row) not in self.state.judged:
            self.append({"e": "accepted", "key": key, "row": row})

    def _line(self, offset: int) -> bytes:
        """The line that stands at an offset; of a journal that was closed as well."""
        if self._file == CLOSED:
            with self.path.open("rb") as file:
                file.seek(offset)
                return file.readline()
        size = READ_BYTES
        while True:
            read = os.pread(self._file, size, offset)
            line, end, _ = read.partition(b"\n")
            if end or len(read) < size:
                return line
            size *= 8

    def reply_to(self, key: str) -> Reply | None:
        """The stored reply to a request, or None where it was never answered."""
        offset = self.state.replies.get(key)
        if offset is None:
            return None
        event = orjson.loads(self._line(offset))
        usage = Usage(*event["usage"])
        told = {"detail": event.get("detail", ""), "batch": event.get("batch", False)}
        told["calls"] = tuple(event.get("calls", ()))
        return Reply(event["text"], event["model"], usage, event["stop"], tuple(event["origins"]), **told)


def events(path: Path) -> Iterator[dict[str, Any]]:
    """Every whole event of a journal, in order, without opening it for writing."""
    for _, line in _lines(path):
        event = _event(line)
        if event is not None:
            yield event


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    offset = 0
    with path.open("rb") as file:
        for line in file:
            yield offset, line
            offset += len(line)


def _event(line: bytes) -> dict[str, Any] | None:
    """An event, or None for a line that is torn. JSON objects end themselves, so a newline may be missing."""
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) and "e" in event else None
