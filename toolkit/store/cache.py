"""Vectors that were computed before, found again by the hash of what they were computed from.

One space (one encoder in one precision) is a folder of segments. A process only ever adds whole
segments, moved to their place when they are complete, so two may work side by side; at worst both
compute the same vectors. Vectors are kept as float32: as float16 a vector would not be the same on
the second run, and duplicates are decided at fixed cosines. A vector can betray something of its
text, so the folders are for their owner alone.

All spaces together keep within `$TOOLKIT_CACHE_MB` (4,096 by default; 0 keeps none after its run): when
vectors are added, the segments that nobody has read for longest go.
"""

from __future__ import annotations

import os
import platform
import struct
import tempfile
import zlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from toolkit.core.errors import UsageError

KEY = np.dtype("S16")
MAGIC = b"TKVECS01"
# magic, dimension, count, CRC-32 of the keys, CRC-32 of the vectors, 4 unused bytes
HEADER = struct.Struct("<8sIQII4x")
MANY = 32
SMALL = 16_384
USUAL_MB = 4_096

Keys = npt.NDArray[np.bytes_]
Floats = npt.NDArray[np.float32]


def cache_folder() -> Path:
    """`$TOOLKIT_CACHE`, else the folder that this platform has for caches of a user."""
    if named := os.environ.get("TOOLKIT_CACHE"):
        return Path(named)
    if platform.system() == "Windows":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "finetune-toolkit"
    if platform.system() == "Darwin":
        return Path.home() / "Library" / "Caches" / "finetune-toolkit"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "finetune-toolkit"


def most_bytes() -> int:
    """`$TOOLKIT_CACHE_MB` in bytes. Raises UsageError where it is no number."""
    said = os.environ.get("TOOLKIT_CACHE_MB", "")
    if said and not said.isdecimal():
        raise UsageError(f"TOOLKIT_CACHE_MB is {said[:40]!r}", "a whole number of megabytes, such as 4096")
    return int(said or USUAL_MB) * 1_000_000


@dataclass(slots=True)
class _Segment:
    """A file of sorted keys and their vectors; the vectors are checked when they are first asked for."""

    path: Path
    keys: Keys
    vectors: Floats
    crc: int
    checked: bool = False

    def whole(self) -> bool:
        if not self.checked:
            self.checked = _crc(self.vectors) == self.crc
        return self.checked


class VectorCache:
    """The vectors of one space. A cache that cannot be read or written is empty, and says so once.

    space: what makes vectors comparable, such as the identity of an encoder. folder: where all spaces
    lie, `cache_folder()` by default. notes: what went wrong so far, a sentence each.
    """

    def __init__(self, space: str, folder: Path | None = None) -> None:
        self.folder = (folder or cache_folder()) / "vectors" / space
        self.notes: list[str] = []
        self._segments: dict[str, _Segment] = {}
        self._ignored: set[str] = set()
        self._works = True

    def get(self, keys: Keys) -> tuple[npt.NDArray[np.bool_], Floats]:
        """Which keys, shape (n,), are known, and the vectors of those, shape (n_known, dim), in order.

        dim is 0 where nothing is known.
        """
        wanted = np.asarray(keys, KEY)
        found = np.zeros(len(wanted), np.bool_)
        whole = np.zeros((len(wanted), 0), np.float32)
        if self._works:
            self._refresh()
        for segment in list(self._segments.values()):
            at, here = _look_up(segment.keys, wanted)
            hit = np.flatnonzero(here & ~found)
            if len(hit) and self._usable(segment):
                found[hit] = True
                _touch(segment.path)
                if whole.shape[1] == 0:
                    whole = np.zeros((len(wanted), segment.vectors.shape[1]), np.float32)
                for begin in range(0, len(hit), SMALL):
                    some = hit[begin : begin + SMALL]
                    whole[some] = segment.vectors[at[some]]
        return found, whole if found.all() else whole[found]

    def put(self, keys: Keys, vectors: Floats) -> None:
        """Add vectors, shape (n, dim), as one segment. A full disk is a note, not an error."""
        if not self._works or len(keys) == 0:
            return
        sorted_keys, first = np.unique(np.asarray(keys, KEY), return_index=True)
        try:
            _write(self.folder, sorted_keys, np.ascontiguousarray(vectors[first], np.float32))
            self._merge()
            _shrink(self.folder.parent, most_bytes())
        except OSError as failure:
            self._stop(failure)

    def _refresh(self) -> None:
        """Open segments that came, let go of those that went."""
        try:
            paths = {path.name: path for path in sorted(self.folder.glob("*.vec"))}
            if self.folder.exists() and not os.access(self.folder, os.R_OK | os.X_OK):
                raise PermissionError(13, "no permission", str(self.folder))
        except OSError as failure:
            self._stop(failure)
            return
        for name in [name for name in self._segments if name not in paths]:
            del self._segments[name]
        for name, path in paths.items():
            if name not in self._segments and name not in self._ignored:
                self._open(path)

    def _open(self, path: Path) -> None:
        try:
            opened = _read(path)
        except FileNotFoundError:
            return  # another process merged it away
        except (OSError, ValueError):
            opened = None
        dims = {segment.vectors.shape[1] for segment in self._segments.values()}
        if opened is None or (dims and opened.vectors.shape[1] not in dims):
            self._ignore(path.name)
        else:
            self._segments[path.name] = opened

    def _usable(self, segment: _Segment) -> bool:
        if not segment.whole():
            self._ignore(segment.path.name)
            del self._segments[segment.path.name]
            return False
        return True

    def _ignore(self, name: str) -> None:
        self._ignored.add(name)
        self.notes = [note for note in self.notes if "damaged" not in note]
        self.notes.append(f"{len(self._ignored)} damaged or foreign file(s) in the vector cache were ignored")

    def _stop(self, failure: OSError) -> None:
        self._works = False
        self.notes.append(f"vectors are not cached: {failure.strerror or failure} ({self.folder})")

    def _merge(self) -> None:
        """Make one segment of many small ones, so that a look-up stays a few searches."""
        self._refresh()
        small = [segment for segment in self._segments.values() if len(segment.keys) < SMALL]
        if len(small) < MANY:
            return
        old = [segment for segment in small if self._usable(segment)]
        keys, first = np.unique(np.concatenate([segment.keys for segment in old]), return_index=True)
        _write(self.folder, keys, np.concatenate([segment.vectors for segment in old])[first])
        for segment in old:
            with suppress(OSError):  # Windows keeps a file that another process reads: a copy stays, no harm
                segment.path.unlink(missing_ok=True)
        self._refresh()


def _touch(path: Path) -> None:
    """Say that a segment is in use; one that another made or merged away is left alone."""
    with suppress(OSError):
        os.utime(path)


def _shrink(folder: Path, most: int) -> None:
    """Take the segments away that were read longest ago, until those of all spaces fit."""
    found = []
    for path in folder.glob("*/*.vec"):
        with suppress(FileNotFoundError):
            stat = path.stat()
            found.append((stat.st_mtime_ns, path.name, stat.st_size, path))
    total = sum(size for _, _, size, _ in found)
    for _, _, size, path in sorted(found):
        if total <= most:
            return
        with suppress(OSError):  # Windows keeps a file that another process reads
            path.unlink(missing_ok=True)
            total -= size


def _look_up(keys: Keys, wanted: Keys) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Where each wanted key stands among sorted keys, and whether it is there."""
    at = np.minimum(np.searchsorted(keys, wanted), len(keys) - 1).astype(np.int64)
    return at, np.asarray(keys[at] == wanted)


def _write(folder: Path, keys: Keys, vectors: Floats) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    head = HEADER.pack(MAGIC, vectors.shape[1], len(keys), zlib.crc32(keys.tobytes()), _crc(vectors))
    handle, draft = tempfile.mkstemp(prefix=".", suffix=".draft", dir=folder)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(head)
            file.write(keys.tobytes())
            file.write(vectors.data)
        Path(draft).replace(folder / f"{Path(draft).name.strip('.').removesuffix('.draft')}-{os.getpid()}.vec")
    except BaseException:
        with suppress(OSError):
            Path(draft).unlink()
        raise


def _crc(vectors: Floats) -> int:
    return zlib.crc32(vectors.data)


def _read(path: Path) -> _Segment:
    """Open a segment. ValueError for one that is torn, cut or of another make."""
    with path.open("rb") as file:
        head = file.read(HEADER.size)
        if len(head) < HEADER.size:
            raise ValueError("cut")
        magic, dim, count, key_crc, crc = HEADER.unpack(head)
        size = HEADER.size + count * (KEY.itemsize + 4 * dim)
        if magic != MAGIC or dim == 0 or count == 0 or os.fstat(file.fileno()).st_size != size:
            raise ValueError("foreign")
        stored = file.read(count * KEY.itemsize)
    if zlib.crc32(stored) != key_crc:
        raise ValueError("torn")
    vectors = np.memmap(path, np.float32, "r", HEADER.size + count * KEY.itemsize, (count, dim))
    return _Segment(path, np.frombuffer(stored, KEY), vectors, crc)
