"""Bytes in, whatever they are wrapped in: gzip, zstd, bzip2, xz, UTF-16, a byte-order mark.

Compression is told by the first bytes, never by the name. A stream that breaks off gives all that it
held and then says so; nothing is read whole.
"""

from __future__ import annotations

import atexit
import codecs
import hashlib
import io
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import IO, Any

from toolkit.core.errors import InputError, MachineError

CHUNK = 1 << 20
HEAD = 1 << 16
PACKED = (".gz", ".zst", ".bz2", ".xz")
"""Suffixes of compressed files."""
MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
)
BOMS: tuple[tuple[bytes, str], ...] = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass
class Stream:
    """A file being read as UTF-8 bytes. `notes` says what was unwrapped or went wrong, once read."""

    path: Path
    compression: str = ""
    encoding: str = "utf-8"
    notes: list[str] = field(default_factory=list)
    broken: str = ""

    def chunks(self) -> Iterator[bytes]:
        """The decoded bytes in pieces of about a mebibyte; ends early, with `broken` set, on a torn stream."""
        pieces = self._raw()
        first = next(pieces, b"")
        for mark, encoding in BOMS:
            if first.startswith(mark):
                self.notes.append(f"byte-order mark ({encoding})")
                self.encoding = encoding
                break
        if self.encoding != "utf-8":
            yield from self._transcode(first, pieces)
            return
        yield first.removeprefix(codecs.BOM_UTF8)
        yield from pieces

    def _raw(self) -> Iterator[bytes]:
        with self.path.open("rb") as file:
            reader = _unwrap(file, self.compression)
            while True:
                try:
                    piece = reader.read(CHUNK)
                except _unpacking_errors() as failure:
                    if not self.compression:
                        raise
                    self.broken = f"the {self.compression} stream breaks off: {failure}"
                    self.notes.append(self.broken)
                    return
                if not piece:
                    return
                yield piece

    def _transcode(self, first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
        decoder = codecs.getincrementaldecoder(self.encoding)(errors="replace")
        yield decoder.decode(first).encode("utf-8", "replace")
        for piece in rest:
            yield decoder.decode(piece).encode("utf-8", "replace")
        yield decoder.decode(b"", final=True).encode("utf-8", "replace")


def open_stream(path: Path) -> Stream:
    """A stream over a file. Raises InputError when it is missing, a folder, or not readable."""
    try:
        with path.open("rb") as file:
            head = file.read(8)
    except FileNotFoundError as failure:
        raise InputError(f"{path} does not exist", "check the path, or give a Hub id such as owner/name") from failure
    except IsADirectoryError as failure:
        raise InputError(f"{path} is a folder", "name a file in it, or a folder saved by `datasets`") from failure
    except PermissionError as failure:
        raise MachineError(f"{path} may not be read", "check the file's permissions") from failure
    name = next((name for magic, name in MAGIC if head.startswith(magic)), "")
    notes = [f"{name} compressed"] if name else []
    if not name and path.suffix in PACKED:
        notes.append(f"named {path.suffix} but not compressed")
    return Stream(path, name, notes=notes)


def is_pipe(path: Path) -> bool:
    """Whether a path is `-` or something that can be read once only."""
    return str(path) == "-" or path.is_fifo() or path.is_char_device()


@cache
def at_rest(path: Path) -> Path:
    """What a pipe gives, as a file that goes when the program ends: rows are read more than once.

    Raises InputError where standard input is a terminal, MachineError where there is no room.
    """
    if str(path) == "-" and sys.stdin.isatty():
        raise InputError("standard input is a terminal", "pipe the rows in, or name a file")
    folder = tempfile.mkdtemp(prefix="toolkit-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    rest = Path(folder) / "stdin"
    try:
        with open(0, "rb", closefd=False) if str(path) == "-" else path.open("rb") as pipe, rest.open("wb") as file:
            shutil.copyfileobj(pipe, file, CHUNK)
    except OSError as failure:
        raise MachineError(f"{path} cannot be kept: {failure.strerror}", "free some space, or name a file") from failure
    return rest


def head(path: Path, size: int = HEAD) -> bytes:
    """The first bytes of a file, decompressed and decoded to UTF-8."""
    found = b""
    for piece in open_stream(path).chunks():
        found += piece
        if len(found) >= size:
            break
    return found[:size]


def lines(stream: Stream) -> Iterator[bytes]:
    """The lines of a stream without their ends: split at LF, CR LF, or CR where there is no LF at all.

    Other line separators that Unicode knows (U+2028 among them) may stand inside a JSON string and
    do not end a line.
    """
    pieces = stream.chunks()
    first = next(pieces, b"")
    mark = b"\n"
    if b"\n" not in first and b"\r" in first.rstrip(b"\r"):
        mark = b"\r"
        stream.notes.append("lines end in CR alone")
    held: list[bytes] = []
    for piece in _chain(first, pieces):
        parts = piece.split(mark)
        if len(parts) == 1:
            held.append(piece)
            continue
        yield _strip(b"".join((*held, parts[0])))
        for middle in parts[1:-1]:
            yield _strip(middle)
        held = [parts[-1]]
    last = _strip(b"".join(held))
    if last:
        yield last


def sha256(path: Path) -> str:
    """The hex sha256 of a file as it lies on disk."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _chain(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _strip(line: bytes) -> bytes:
    return line[:-1] if line.endswith(b"\r") else line


def _unwrap(file: IO[bytes], compression: str) -> Any:
    openers: dict[str, Callable[[IO[bytes]], Any]] = {"gzip": _gzip, "zstd": _zstd, "bzip2": _bzip2, "xz": _xz}
    return openers[compression](file) if compression else file


def _gzip(file: IO[bytes]) -> Any:
    import gzip

    return gzip.GzipFile(fileobj=file)


def _zstd(file: IO[bytes]) -> Any:
    import zstandard

    return io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file, read_across_frames=True))


def _bzip2(file: IO[bytes]) -> Any:
    import bz2

    return bz2.BZ2File(file)


def _xz(file: IO[bytes]) -> Any:
    import lzma

    return lzma.LZMAFile(file)


def _unpacking_errors() -> tuple[type[Exception], ...]:
    import lzma

    import zstandard

    return (EOFError, OSError, zlib.error, ValueError, zstandard.ZstdError, lzma.LZMAError)
