"""Captured bytes as what they say: content codings taken off, streams cut into events, media set aside."""

from __future__ import annotations

import base64
import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import orjson

LARGEST = 512 << 20
DONE = {"[DONE]": True}
_MEDIA = re.compile(rb'"(?:data:[\w/+.-]{1,80};base64,)?([A-Za-z0-9+/]{4096,}={0,2})"')
MEDIA_FROM = 4096
_LAST = b"\n\ndata: [DONE]\n\n"
_ALONE = re.compile(rb"\ndata:(.*)(?=\n\n)")
"""A line of data that is its event's only one and its last; where all are such, no event is looked at line by line."""


class Undecodable(Exception):  # noqa: N818 - it is an answer, not an accident
    """A body whose coding is unknown, broken or larger than can be held."""


def decoded(headers: Mapping[str, str], body: bytes) -> bytes:
    """A body without its Content-Encoding; one that was cut off gives what there is. Raises Undecodable."""
    for coding in reversed(headers.get("content-encoding", "").lower().split(",")):
        name = coding.strip()
        if name in ("", "identity") or not body:
            continue
        if name not in _CODINGS:
            raise Undecodable(f"a body in the coding {name[:20]}")
        try:
            body = _CODINGS[name](body)
        except Exception as failure:  # each library has an error of its own
            raise Undecodable(f"a body that is not {name}") from failure
        if len(body) > LARGEST:
            raise Undecodable("a body of more than 512 MB")
    return body


def _zlib(bits: int) -> Callable[[bytes], bytes]:
    def read(body: bytes) -> bytes:
        found = b""
        while body:
            machine = zlib.decompressobj(bits)
            found += machine.decompress(body, LARGEST + 1 - len(found))
            body = machine.unused_data if len(found) <= LARGEST else b""
        return found

    return read


def _deflate(body: bytes) -> bytes:
    try:
        return _zlib(15)(body)
    except zlib.error:
        return _zlib(-15)(body)  # what some servers call deflate


def _brotli(body: bytes) -> bytes:
    import brotli

    found: bytes = brotli.Decompressor().process(body)
    return found


def _zstd(body: bytes) -> bytes:
    import zstandard

    found: bytes = zstandard.ZstdDecompressor().decompressobj(read_across_frames=True).decompress(body)
    return found


_CODINGS: Mapping[str, Callable[[bytes], bytes]] = {
    "gzip": _zlib(31),
    "x-gzip": _zlib(31),
    "deflate": _deflate,
    "br": _brotli,
    "zstd": _zstd,
}


def events(body: bytes) -> list[dict[str, Any]]:
    """The data of each server-sent event, parsed; `[DONE]` as a key of that name. Raises ValueError.

    What follows the last blank line is an event cut off, and no event.
    """
    if (parsed := _simple(body)) is not None:
        return parsed
    lines = b"\n" + body
    found = _ALONE.findall(lines)
    if b"\r" in body or len(found) != lines.count(b"\ndata:"):
        found = list(_data(body))
    if found and found[-1].strip() == b"[DONE]":
        found[-1] = b'{"[DONE]":true}'
    elif b"[DONE]" in body:
        found = [piece if piece.strip() != b"[DONE]" else b'{"[DONE]":true}' for piece in found]
    parsed = orjson.loads(b"[" + b",".join(found) + b"]")
    if len(parsed) != len(found) or set(map(type, parsed)) - {dict}:
        raise ValueError("an event that is no JSON object")
    return parsed  # type: ignore[no-any-return]


def _simple(body: bytes) -> list[dict[str, Any]] | None:
    """The events of a stream that is written as OpenAI's servers do, one line of data each; None for any other."""
    ends = body.endswith(_LAST)
    text = body[6:-2].removesuffix(_LAST[:-2]) if body.startswith(b"data: ") and body.endswith(b"\n\n") else b""
    listed = text.replace(b"\n\ndata: ", b",")
    if not listed or b"\n" in listed or b"\r" in listed:
        return None
    try:
        parsed = orjson.loads(b"[" + listed + b"]")
    except ValueError:
        return None
    if len(parsed) != text.count(b"\n") // 2 + 1 or set(map(type, parsed)) - {dict}:
        return None
    return [*parsed, DONE] if ends else parsed


def _data(body: bytes) -> Iterator[bytes]:
    """The data of each event. Lines may end in LF, CRLF or CR."""
    if b"\r" in body:
        body = b"\n".join(body.splitlines()) + (b"\n" if body.endswith((b"\n", b"\r")) else b"")
    for block in body.split(b"\n\n")[:-1]:
        lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
        if lines:
            yield b"\n".join(lines)


def without_media(body: bytes, keep: Callable[[str, bytes], None]) -> bytes:
    """A body whose long base64 texts stand as `blob:sha256:HEX`, each given to `keep` under its name.

    A text that base64 writes in no other way is kept decoded, any other as it stands, with the name
    ending in `.b64`.
    """
    if len(body) < MEDIA_FROM or b"base64" not in body:
        return body

    def put(match: re.Match[bytes]) -> bytes:
        text = match[1]
        try:
            plain = base64.b64decode(text, validate=True)
        except ValueError:
            plain = b""
        exact = base64.b64encode(plain) == text
        content, end = (plain, "") if exact else (text, ".b64")
        name = hashlib.sha256(content).hexdigest() + end
        keep(name, content)
        return match[0].replace(text, f"blob:sha256:{name}".encode())

    return _MEDIA.sub(put, body)


def with_media(body: bytes, load: Callable[[str], bytes]) -> bytes:
    """The body as it was, to the byte; `load` gives a blob's content by its name."""

    def put(match: re.Match[bytes]) -> bytes:
        name = match[1].decode()
        content = load(name)
        return content if name.endswith(".b64") else base64.b64encode(content)

    return re.sub(rb"blob:sha256:([0-9a-f]{64}(?:\.b64)?)", put, body)
