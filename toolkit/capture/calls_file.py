"""Captured calls as Parquet: the provider's own bytes, and beside them what is read out of them."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.capture.decode import without_media
from toolkit.capture.understand import Understood
from toolkit.store.folder import folder_error

NAME = "calls.parquet"
BATCH_CALLS, BATCH_BYTES = 2_000, 32 << 20
_TIME = pa.timestamp("us", "UTC")
SCHEMA = pa.schema(
    [
        ("call", pa.string()),
        ("begun", _TIME),
        ("first", _TIME),  # of the reply's bytes
        ("ended", _TIME),
        ("via", pa.string()),
        ("method", pa.string()),
        ("upstream", pa.string()),
        ("url", pa.string()),
        ("api", pa.string()),  # a part of the shelf `wires`, empty where none reads it
        ("provider", pa.string()),
        ("status", pa.int16()),
        ("outcome", pa.string()),
        ("gap", pa.bool_()),
        ("streamed", pa.bool_()),
        ("model", pa.string()),
        ("reply_id", pa.string()),
        ("stop", pa.string()),
        ("stop_category", pa.string()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("cached_tokens", pa.int64()),
        ("excluded", pa.string()),  # why it gave no row; empty where it did, or is part of a longer one
        ("tags", pa.string()),  # JSON
        ("request_headers", pa.string()),  # JSON
        ("reply_headers", pa.string()),  # JSON
        ("masked", pa.string()),  # JSON: side, offset and length in the bytes as they passed
        ("request", pa.binary()),  # decoded; long base64 stands as blob:sha256:HEX
        ("reply", pa.binary()),  # decoded
        ("message", pa.string()),  # what a stream adds up to, JSON; null where the reply was one piece
    ]
)


class CallsFile:
    """Writes `calls.parquet` and `blobs/` of a folder; the file is there when all of it is.

    Raises MachineError when the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._draft = folder / f".{NAME}.{os.getpid()}"
        self._columns: dict[str, list[Any]] = {name: [] for name in SCHEMA.names}
        self._bytes = 0

    def __enter__(self) -> CallsFile:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.fdopen(os.open(self._draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb")
        except OSError as failure:
            raise folder_error(self._folder, failure) from failure
        self._writer = pq.ParquetWriter(self._file, SCHEMA, compression="zstd", compression_level=1)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, failure: BaseException | None, _: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._flush()
            self._writer.close()
            self._file.close()
            if kind is None:
                self._draft.replace(self._folder / NAME)
        except OSError as trouble:
            raise folder_error(self._folder, trouble) from trouble
        finally:
            self._file.close()
            self._draft.unlink(missing_ok=True)

    def add(self, read: Understood, why: str) -> None:
        """One call, and why it gave no row."""
        request = without_media(read.request, self._keep)
        message = read.joined.decode() if read.joined is not None else None
        values = {**_told(read), "excluded": why, "request": request, "reply": read.response, "message": message}
        for name, value in values.items():
            self._columns[name].append(value)
        self._bytes += len(request) + len(read.response) + len(message or "")
        if len(self._columns["call"]) >= BATCH_CALLS or self._bytes >= BATCH_BYTES:
            self._flush()

    def _flush(self) -> None:
        if self._columns["call"]:
            self._writer.write_batch(pa.RecordBatch.from_pydict(self._columns, SCHEMA))
        for values in self._columns.values():
            values.clear()
        self._bytes = 0

    def _keep(self, name: str, content: bytes) -> None:
        path = self._folder / "blobs" / name[:2] / name
        if path.exists():
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f".{name}.{os.getpid()}")
        draft.touch(0o600)
        draft.write_bytes(content)
        draft.replace(path)


def _told(read: Understood) -> dict[str, Any]:
    call, talk = read.call, read.talk
    answer = talk.answers[0] if talk.answers else None
    begin, usage = call.begin, talk.usage
    return {
        "call": call.key,
        "begun": _microseconds(call.begun),
        "first": _microseconds(call.first),
        "ended": _microseconds(call.ended),
        "via": begin.get("via"),
        "method": begin.get("method"),
        "upstream": begin.get("upstream"),
        "url": begin.get("url"),
        "api": read.api,
        "provider": read.provider,
        "status": call.status,
        "outcome": call.outcome,
        "gap": call.gap,
        "streamed": read.joined is not None,
        "model": talk.model,
        "reply_id": talk.id,
        "stop": answer.stop if answer else None,
        "stop_category": answer.category if answer else None,
        "input_tokens": usage[0],
        "output_tokens": usage[1],
        "cached_tokens": usage[2],
        "tags": _json(begin.get("tags")),
        "request_headers": _json(begin.get("headers")),
        "reply_headers": _json(call.head.get("headers")),
        "masked": _json(call.masked),
    }


def _microseconds(seconds: float) -> int | None:
    return round(seconds * 1e6) if seconds else None


def _json(value: Any) -> str | None:
    return orjson.dumps(value).decode() if value else None
