"""Calls of a frame log: frames put together again, one record an attempt."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.store.frames import REQUEST, Frame, Kind, Torn, frames, segments


@dataclass(slots=True)
class Call:
    """One attempt of a call. request, response: the entity bytes as they passed, transfer coding taken off.

    Content coding (gzip, br, ...) is still on. begin, head, end: the metas of BEGIN, of the response's
    first frame and of END. outcome: `complete`, or why not: `client-gone`, `upstream-lost`,
    `unreachable`, `stopped`, `unfinished` (no END), and more that END may name. gap: whether frames of
    it are missing. masked: `(side, offset, length)` of what stands as `*`. Times in seconds since 1970;
    `first` is the response's first byte, 0 where there was none.
    """

    id: int
    begin: Mapping[str, Any]
    begun: float
    request: bytearray = field(default_factory=bytearray)
    response: bytearray = field(default_factory=bytearray)
    head: Mapping[str, Any] = field(default_factory=dict)
    end: Mapping[str, Any] = field(default_factory=dict)
    first: float = 0.0
    ended: float = 0.0
    gap: bool = False
    masked: list[tuple[int, int, int]] = field(default_factory=list)
    notes: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def key(self) -> str:
        """The id as it is shown, and as NOTE frames and rows name it."""
        return f"{self.id:016x}"

    @property
    def status(self) -> int:
        return int(self.head.get("status", 0))

    @property
    def outcome(self) -> str:
        return str(self.end.get("outcome", "unfinished"))

    @property
    def whole(self) -> bool:
        """Whether all of both sides is here."""
        return self.outcome == "complete" and not self.gap

    def take(self, frame: Frame) -> None:
        """Add the next frame of this call."""
        meta = frame.meta
        if frame.side != REQUEST and not self.head and "status" in meta:
            self.head, self.first = meta, frame.time
        if frame.kind == Kind.END:
            self.end, self.ended = meta, frame.time
            self.gap = self.gap or bool(meta.get("gap"))
        if frame.body:
            self._add(frame)

    def _add(self, frame: Frame) -> None:
        side = self.request if frame.side == REQUEST else self.response
        if restored := frame.meta.get("restores", 0):
            del side[-restored:]
            self.masked = [each for each in self.masked if each[0] != frame.side or each[1] < len(side)]
        self.masked += [(frame.side, len(side) + at, size) for at, size in frame.meta.get("masked", ())]
        side += frame.body


@dataclass(slots=True)
class Tally:
    """What a log holds beside whole calls. orphans: frames whose BEGIN is not there."""

    segments: int = 0
    frames: int = 0
    bytes: int = 0
    orphans: int = 0
    torn: list[Torn] = field(default_factory=list)
    gaps: list[Mapping[str, Any]] = field(default_factory=list)


def calls(log: Path, tally: Tally | None = None, *, damaged: bool = False) -> Iterator[Call]:
    """Every call of a log once, in the order in which they ended; those without an end last.

    NOTE frames of a call that come after its end are not on it: `notes` reads them. Holds the open
    calls in memory. Raises InputError as `frames` does.
    """
    tally = Tally() if tally is None else tally
    open_calls: dict[int, Call] = {}
    for segment in segments(log):
        tally.segments += 1
        tally.bytes += segment.stat().st_size
        for frame in frames(segment, torn=tally.torn.append, damaged=damaged):
            tally.frames += 1
            if frame.kind == Kind.BEGIN:
                call = open_calls[frame.call] = Call(frame.call, frame.meta, frame.time)
                if frame.body:
                    call._add(frame)
            elif frame.kind == Kind.GAP:
                _mark(frame, open_calls, tally)
            elif frame.call:
                found = open_calls.get(frame.call)
                if found is not None and frame.kind == Kind.NOTE:
                    found.notes.append(frame.meta)
                elif found is not None:
                    found.take(frame)
                    if frame.kind == Kind.END:
                        yield open_calls.pop(frame.call)
                elif frame.kind != Kind.NOTE:
                    tally.orphans += 1
    yield from open_calls.values()


def _mark(frame: Frame, open_calls: Mapping[int, Call], tally: Tally) -> None:
    """A gap tears the open calls that it names; one of damage, which names none, tears all."""
    tally.gaps.append(frame.meta)
    named = frame.meta.get("calls", ())
    for call in (each for at, each in open_calls.items() if not named or at in named):
        call.gap = True


def notes(log: Path, *, having: bytes = b"", damaged: bool = False) -> Iterator[Frame]:
    """Every NOTE that somebody wrote (feedback), in the order of writing; `call` is 0 where it names a reply's id.

    having: bytes that such a note holds; a segment without them is not walked, which is far quicker.
    """
    for segment in segments(log):
        if having and not _holds(segment, having):
            continue
        for frame in frames(segment, damaged=damaged):
            if frame.kind == Kind.NOTE and "log" not in frame.meta:
                yield frame


def _holds(segment: Path, sought: bytes) -> bool:
    with segment.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
            return view.find(sought) >= 0
