"""The frame log of captured traffic: append-only segments of checksummed frames, the only truth about what passed.

A frame is 36 bytes and two parts (little-endian):

    magic 4s | crc32 u32 | size of meta and body u32 | kind u8 | side u8 | 2 unused | size of meta u32
    | call u64 | time in microseconds since 1970 u64 | meta (a JSON object, may be empty) | body (bytes)

The checksum covers all after itself. Kinds:

    BEGIN   a call: method, url, headers, tags; its body is the request's body, or the beginning of it
    CHUNK   more of one side, REQUEST or RESPONSE; the first of the response has status and headers
    END     the rest of the response, and the outcome
    NOTE    what is said about a call later (feedback), or about the segment itself (call 0)
    GAP     the log could not be written for a while: reason, frames, bytes and calls that it cost

`masked` in a meta lists `[offset, length]` of the frame's body that stand as `*`. `restores: n` says that the
last n bytes of that side, written as `*` because a key might have begun there, are given again by this body.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import struct
import threading
import time
import weakref
import zlib
from collections.abc import Callable, Iterator, Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple

import orjson

from toolkit.core.errors import InputError, MachineError

SCHEMA = 1
MAGIC = b"TKF1"
HEAD = struct.Struct("<4sI")
REST = struct.Struct("<IBBxxIQQ")
WHOLE = struct.Struct("<4sIIBBxxIQQ")
SIZE = HEAD.size + REST.size
SUFFIX = ".frames"
SEGMENT_BYTES = 256 << 20
SYNC_S = 0.05
RETRY_S = 0.2
LISTED = 100_000
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""After these the segment is sound and only room is missing; after any other failure another one is begun."""
Sync = Literal["off", "interval", "final"]
_fdatasync = getattr(os, "fdatasync", os.fsync)


class Kind(IntEnum):
    """What a frame is."""

    BEGIN = 1
    CHUNK = 2
    END = 3
    NOTE = 4
    GAP = 5


_KINDS = {int(kind): kind for kind in Kind}
REQUEST, RESPONSE = 0, 1
"""The two sides of a call."""


class Frame(NamedTuple):
    """One frame as it was read. time: seconds since 1970. segment, offset: where it stands."""

    kind: Kind
    side: int
    call: int
    time: float
    meta: dict[str, Any]
    body: bytes
    segment: Path
    offset: int


class Torn(NamedTuple):
    """The end of a segment that holds no whole frame: what a kill or a full disk left."""

    segment: Path
    offset: int
    size: int


class Gap:
    """What a log that cannot be written has cost so far."""

    def __init__(self, reason: str) -> None:
        self.reason, self.since = reason, time.time()
        self.frames = self.bytes = 0
        self.calls: set[int] = set()

    def add(self, call: int, size: int) -> None:
        self.frames += 1
        self.bytes += size
        if call and len(self.calls) < LISTED:
            self.calls.add(call)

    def meta(self) -> dict[str, Any]:
        told = {"reason": self.reason, "since": self.since, "until": time.time(), "frames": self.frames}
        return {**told, "bytes": self.bytes, "calls": sorted(self.calls)}


class FrameLog:
    """The writer: one segment a process, one write a frame; a frame is in the file when `write` returns true.

    Trouble never raises once the log is open: `write` returns false, the loss is counted in `gap`, and as
    soon as a frame can be written again a GAP frame says what is missing. Threads may share a log; a fork
    begins a segment of its own. sync: `interval` puts frames on the disk every 50 ms, `off` and `final`
    leave it to the machine and to who calls `sync`. With `must_open`, raises MachineError when the folder
    cannot be written; else the log begins with a gap.
    """

    def __init__(
        self, folder: Path, *, sync: Sync = "interval", segment_bytes: int = SEGMENT_BYTES, must_open: bool = True
    ) -> None:
        self.folder, self.mode, self._limit = folder, sync, segment_bytes
        self.gap: Gap | None = None
        self.trouble = ""
        self.gaps = self.frames = self.bytes = self.lost_frames = 0
        self._lock = threading.Lock()
        self._file, self._size, self._nth, self._retry = -1, 0, 0, 0.0
        self._wake, self._closed, self._dirty = threading.Event(), False, False
        self._begin_process()
        forked = weakref.WeakMethod(self._forked)
        os.register_at_fork(after_in_child=lambda: (found := forked()) and found())
        try:
            self._open()
        except OSError as failure:
            if must_open:
                what = f"{folder} cannot be written: {failure.strerror}"
                raise MachineError(what, "name another folder with --log") from failure
            self._fail(failure)

    def new_call(self) -> int:
        """An id that no other call of any process has."""
        with self._lock:
            self._calls += 1
            return self._calls

    def write(
        self,
        kind: Kind,
        call: int,
        meta: Mapping[str, Any] | bytes | None = None,
        body: bytes = b"",
        side: int = REQUEST,
    ) -> bool:
        """Append one frame; false where it could not be, and the gap then counts it. meta: bytes are its JSON."""
        with self._lock:
            written = (self.gap is None or self._mend()) and self._put(kind, call, meta, body, side)
            if not written and self.gap is not None:
                self.gap.add(call, len(body))
                self.lost_frames += 1
            return written

    def sync(self) -> None:
        """Put what was written on the disk."""
        with self._lock:
            file = os.dup(self._file) if self._file >= 0 else -1
            self._dirty = False
        if file < 0:
            return
        try:
            _fdatasync(file)
            deleted = os.fstat(file).st_nlink == 0
        except OSError as failure:
            with self._lock:
                self._fail(failure, abandon=True)
        else:
            if deleted:
                with self._lock:
                    self._fail(OSError(2, "the segment was deleted"), abandon=True)
        finally:
            os.close(file)

    def close(self) -> None:
        """Write what is still to say, sync and let go of the segment."""
        self._closed = True
        self._wake.set()
        if self._file >= 0 or self.gap is not None:
            with self._lock:
                if self.gap is not None:
                    self._mend(now=True)
            self.sync()
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _begin_process(self) -> None:
        self._pid = os.getpid()
        self._calls = int.from_bytes(os.urandom(5), "little") << 23
        self._writer = f"{time.time_ns() // 1000:016x}-{self._pid}-{os.urandom(3).hex()}"
        if self.mode == "interval":
            threading.Thread(target=self._sync_always, name="frame-log-sync", daemon=True).start()

    def _forked(self) -> None:
        if self._closed:
            return
        if self._file >= 0:
            os.close(self._file)
        self._lock = threading.Lock()
        self._file, self._nth, self._wake, self._dirty = -1, 0, threading.Event(), False
        self._begin_process()
        try:
            self._open()
        except OSError as failure:
            self._fail(failure)

    def _open(self) -> None:
        """Begin a segment; its first frame says who writes it. The lock tells `purge` that it is in use."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"{self._writer}-{self._nth:05d}{SUFFIX}"
        file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._nth += 1
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if self._file >= 0:
            os.close(self._file)
        self._file, self._size = file, 0
        about = {"schema": SCHEMA, "pid": self._pid, "segment": self._nth}
        self._append(Kind.NOTE, 0, {"log": about}, b"", REQUEST)

    def _put(self, kind: Kind, call: int, meta: Mapping[str, Any] | bytes | None, body: bytes, side: int) -> bool:
        try:
            if self._size >= self._limit or self._file < 0:
                self._open()
            self._append(kind, call, meta, body, side)
        except OSError as failure:
            self._fail(failure)
            return False
        return True

    def _append(self, kind: Kind, call: int, meta: Mapping[str, Any] | bytes | None, body: bytes, side: int) -> None:
        told = meta if isinstance(meta, bytes) else orjson.dumps(meta) if meta else b""
        rest = REST.pack(len(told) + len(body), kind, side, len(told), call, time.time_ns() // 1000) + told
        size = HEAD.size + len(rest) + len(body)
        if len(body) > 4096:
            head = HEAD.pack(MAGIC, zlib.crc32(body, zlib.crc32(rest)))
            written = os.writev(self._file, (head, rest, body))
        else:
            rest += body
            written = os.write(self._file, HEAD.pack(MAGIC, zlib.crc32(rest)) + rest)
        if written < size:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += size
        self.frames += 1
        self.bytes += size
        if not self._dirty:
            self._dirty = True
            self._wake.set()

    def _fail(self, failure: OSError, *, abandon: bool = False) -> None:
        """Begin a gap. What a short write left is cut; where that fails too, or the disk is not just full, the
        segment is given up."""
        self.trouble = failure.strerror or str(failure)
        if self.gap is None:
            self.gap = Gap(self.trouble)
            self.gaps += 1
        self._retry = time.monotonic() + RETRY_S
        if self._file < 0:
            return
        try:
            os.ftruncate(self._file, self._size)
        except OSError:
            abandon = True
        if abandon or failure.errno not in FULL:
            os.close(self._file)
            self._file = -1

    def _mend(self, *, now: bool = False) -> bool:
        """Try to end the gap, at most five times a second."""
        gap = self.gap
        if gap is None or (time.monotonic() < self._retry and not now):
            return gap is None
        self.gap = None
        if self._put(Kind.GAP, 0, gap.meta(), b"", REQUEST):
            return True
        self.gap, self.gaps = gap, self.gaps - 1
        return False

    def _sync_always(self) -> None:
        wake, pid = self._wake, self._pid
        while True:
            wake.wait()
            if self._closed or self._pid != pid:
                return
            wake.clear()
            self.sync()
            time.sleep(SYNC_S)


def segments(folder: Path) -> list[Path]:
    """The segments of a log, each writer's in order. Raises InputError where there are none to look for."""
    if folder.is_file() and folder.suffix == SUFFIX:
        return [folder]
    if not folder.is_dir():
        raise InputError(f"{folder} is not a capture log", "name the folder that `toolkit capture proxy --log` wrote")
    return sorted(folder.glob(f"*{SUFFIX}"))


def frames(segment: Path, *, torn: Callable[[Torn], None] | None = None, damaged: bool = False) -> Iterator[Frame]:
    """The whole frames of one segment in order; what `torn` is called with is what a kill left at its end.

    Raises InputError with the offset where the segment is damaged before its end; with `damaged`, goes on
    at the next whole frame, and yields a GAP frame in the place of what was lost.
    """
    with segment.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if not size:
            return
        with mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ) as view:
            yield from _walk(view, size, segment, torn, damaged)


def _walk(
    view: mmap.mmap, size: int, segment: Path, torn: Callable[[Torn], None] | None, damaged: bool
) -> Iterator[Frame]:
    at = 0
    while at < size:
        frame = _frame(view, at, size, segment)
        if frame is None:
            following = _next(view, at + 1, size, segment)
            if following < 0:
                if torn is not None:
                    torn(Torn(segment, at, size - at))
                return
            if not damaged:
                what = f"{segment} is damaged at byte {at}, and whole frames follow it"
                raise InputError(what, "restore the file, or add --damaged to go on behind the damage")
            told = {"reason": "damaged", "bytes": following - at, "calls": []}
            yield Frame(Kind.GAP, REQUEST, 0, 0.0, told, b"", segment, at)
            at = following
            continue
        yield frame
        at += SIZE + REST.unpack_from(view, at + HEAD.size)[0]


def _frame(view: mmap.mmap, at: int, size: int, segment: Path) -> Frame | None:
    """The frame at an offset, None where no whole one stands there. Raises InputError for a later schema."""
    if size - at < SIZE:
        return None
    magic, crc, length, kind, side, told, call, stamp = WHOLE.unpack_from(view, at)
    if magic != MAGIC or length > size - at - SIZE or told > length:
        return None
    covered = view[at + HEAD.size : at + SIZE + length]
    if zlib.crc32(covered) != crc:
        return None
    body = REST.size + told
    try:
        meta = orjson.loads(covered[REST.size : body]) if told else {}
        return Frame(_KINDS[kind], side, call, stamp / 1e6, meta, covered[body:], segment, at)
    except (ValueError, KeyError):
        what = f"{segment} has a frame at byte {at} that this version does not know"
        raise InputError(what, "update the toolkit") from None


def _next(view: mmap.mmap, at: int, size: int, segment: Path) -> int:
    """The offset of the first whole frame from `at` on, -1 where there is none."""
    while (at := view.find(MAGIC, at)) >= 0:
        if _frame(view, at, size, segment) is not None:
            return at
        at += 1
    return -1
