"""What of a call is written down: headers by a list, no credential in any place, exact bytes elsewhere.

A key is known from the headers and the URL of the calls that bring it, and by its shape where it comes
from elsewhere. Where a chunk ends in what may be the beginning of a key, that end is written as `*` and
given again with the next frame when it was none. What is missed: a key in another coding (base64, or
compressed; `compact` masks what it decodes), and one that a model spells over several events.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import quote, unquote_to_bytes

Headers = Sequence[tuple[bytes, bytes]]

KEPT = frozenset(
    b"accept accept-encoding anthropic-beta anthropic-version cf-ray content-encoding content-length content-type date "
    b"helicone-id idempotency-key openai-beta openai-model openai-processing-ms openai-version request-id retry-after "
    b"server transfer-encoding user-agent x-request-id x-should-retry".split()
)
KEPT_STARTS = (b"x-stainless-", b"anthropic-ratelimit-", b"x-ratelimit-")
TAG = b"x-toolkit-tag-"
SECRET_HEADERS = frozenset(
    b"api-key authorization cookie ocp-apim-subscription-key proxy-authorization set-cookie x-api-key x-auth-token "
    b"x-goog-api-key x-toolkit-token".split()
)
SECRET_QUERY = re.compile(rb"(?i)(?:^|[-_.])(?:key|apikey|token|secret|sig|signature|password|auth|credential|code)$")
SHORTEST, MOST_KEYS, LONGEST = 8, 64, 4096
_START = rb"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbf]))"
SHAPES = (
    (b"sk-", re.compile(_START + rb"sk-(?=[A-Za-z_-]{0,40}[0-9])[A-Za-z0-9_-]{20,}|sk-ant-[A-Za-z0-9_-]{20,}")),
    (b"AIza", re.compile(rb"AIza[A-Za-z0-9_-]{35}")),
    (b"hf_", re.compile(_START + rb"hf_[A-Za-z0-9]{30,}")),
    (b"gsk_", re.compile(_START + rb"gsk_[A-Za-z0-9]{30,}")),
    (b"xai-", re.compile(_START + rb"xai-[A-Za-z0-9]{30,}")),
)
"""Keys of model providers: a literal that must be there, and the shape around it."""
_SIGN = b"\1\2\3"
_CLASSES = bytes(1 + (byte in b"kfiI") + 2 * (byte in b"-_z") if byte in b"shaAkfiI-_z" else 0 for byte in range(256))
_TAIL = re.compile(rb"(?:sk-|AIza|hf_|gsk_|xai-)[A-Za-z0-9_-]*\Z|(?:s|sk|A|AI|AIz|h|hf|g|gs|gsk|x|xa|xai)\Z")
_RUN = re.compile(rb"[A-Za-z0-9_-]+")
_SHAPE_BYTES = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_RUNS = bytes(byte not in _SHAPE_BYTES for byte in range(256))
_WORDS = bytes(byte if byte in _SHAPE_BYTES else 32 for byte in range(256))


class Keys:
    """The credentials that passed through this process; they are held in memory and written nowhere.

    The print of a key is what `compact` finds it again by where it was compressed: length, salt and
    digest of its longest run of letters, digits, `_` and `-`.
    """

    def __init__(self) -> None:
        self._salt = os.urandom(8)
        self._prints: dict[bytes, list[Any]] = {}
        self._forms: tuple[bytes, ...] = ()
        self._unsigned: tuple[bytes, ...] = ()
        self.learnt = 0
        self._last = _SHAPE_BYTES

    def learn(self, headers: Headers, target: bytes) -> list[list[Any]]:
        """Take in the credentials of a request; returns their prints."""
        found = {value: name for name, value in headers if name in SECRET_HEADERS}
        keys = [key for value, name in found.items() for key in _credentials(name, value)]
        if b"?" in target:
            keys += [unquote_to_bytes(value) for name, value in _query(target) if SECRET_QUERY.search(name)]
        return [self._add(key) for key in keys if len(key) >= SHORTEST]

    def _add(self, key: bytes) -> list[Any]:
        known = self._prints.get(key)
        if known is None:
            run = max(_RUN.findall(key), key=len, default=b"")
            digest = hashlib.blake2b(run, digest_size=12, salt=self._salt).hexdigest()
            while len(self._prints) >= MOST_KEYS:
                del self._prints[next(iter(self._prints))]
            known = self._prints[key] = [len(run), self._salt.hex(), digest]
            forms = {form for each in self._prints for form in _forms(each)}
            self._forms = tuple(sorted(forms, key=len, reverse=True))
            self._unsigned = tuple(form for form in self._forms if not _signed(form))
            self.learnt += 1
            self._last = _SHAPE_BYTES | {byte for form in forms for byte in form}
        return known

    def spans(self, data: bytes) -> list[tuple[int, int]]:
        """Start and end of each key in `data`, in order, without overlaps."""
        signed = _signed(data)
        found = _shaped(data) if signed else []
        for form in self._forms if signed else self._unsigned:
            if form in data:
                found += [match.span() for match in re.finditer(re.escape(form), data)]
        return _merged(found) if found else found

    def tail(self, data: bytes) -> int:
        """Where the end of `data` begins that may be the beginning of a key; its length where there is none."""
        if not data or data[-1] not in self._last:
            return len(data)
        start = max(0, len(data) - LONGEST)
        shape = _TAIL.search(data, start)
        best = shape.start() if shape else len(data)
        for form in self._forms:
            at = data.find(form[:1], max(start, len(data) - len(form) + 1))
            while 0 <= at < best:
                if form.startswith(data[at:]):
                    best = at
                at = data.find(form[:1], at + 1)
        return best

    def hide(self, data: bytes) -> bytes:
        """`data` with each key as `*`."""
        spans = self.spans(data)
        return _starred(data, spans) if spans else data

    def masked(self, data: bytes) -> tuple[bytes, dict[str, Any] | None]:
        """All of a body as it is written, and what its meta must say of it; None where nothing is masked."""
        spans = self.spans(data)
        return (_starred(data, spans), _meta(spans)) if spans else (data, None)


class Mask:
    """One side of one call on its way into the log, key by key."""

    __slots__ = ("_carry", "_keys")

    def __init__(self, keys: Keys) -> None:
        self._keys, self._carry = keys, b""

    def __call__(self, data: bytes, *, last: bool = False) -> tuple[bytes, dict[str, Any] | None]:
        """The body of the next frame, and what its meta must say of it; None where nothing is masked or restored."""
        restored = self._carry
        whole = restored + data if restored else data
        spans = self._keys.spans(whole)
        tail = len(whole) if last else self._keys.tail(whole)
        if len(whole) - tail > LONGEST:
            tail = len(whole)
        self._carry = whole[tail:]
        if not (spans or restored or self._carry):
            return data, None
        if self._carry:
            spans = _merged([*spans, (tail, len(whole))])
        meta = _meta(spans) if spans else {}
        if restored:
            meta["restores"] = len(restored)
        return _starred(whole, spans), meta


class Prints:
    """Keys that were recorded as prints, to be masked in what was compressed when it passed."""

    __slots__ = ("_known",)

    def __init__(self, prints: Iterable[Sequence[Any]]) -> None:
        self._known: dict[int, list[tuple[bytes, str]]] = {}
        for size, salt, digest in prints:
            if size >= SHORTEST:
                self._known.setdefault(size, []).append((bytes.fromhex(salt), digest))

    def hide(self, data: bytes) -> bytes:
        """`data` with each key, by print or by shape, as `*`."""
        spans = _shaped(data) if _signed(data) else []
        least = min(self._known, default=0)
        if least and bytes(least) in data.translate(_RUNS):
            for word in {word for word in data.translate(_WORDS).split() if len(word) >= least}:
                for key in self._in(word):
                    spans += [(at.start(), at.end()) for at in re.finditer(re.escape(key), data)]
        return _starred(data, _merged(spans)) if spans else data

    def _in(self, word: bytes) -> Iterable[bytes]:
        """The keys in a run of letters; of a long run, the ends are looked at."""
        for size, known in self._known.items():
            last = len(word) - size
            starts = range(last + 1) if last < 64 else (*range(32), *range(last - 31, last + 1))
            for at in starts:
                piece = word[at : at + size]
                for salt, digest in known:
                    if hashlib.blake2b(piece, digest_size=12, salt=salt).hexdigest() == digest:
                        yield piece


def kept_headers(headers: Headers, keys: Keys) -> dict[str, str]:
    """The headers on the list, keys in them masked; a header that comes twice is joined with a comma."""
    found: dict[str, str] = {}
    kept = [each for each in headers if each[0] in KEPT or each[0].startswith(KEPT_STARTS)]
    if keys.spans(b"\n".join([value for _, value in kept])):  # one look at all of them: there is hardly ever one
        kept = [(name, keys.hide(value)) for name, value in kept]
    for name, value in kept:
        shown = str(name, "latin-1")
        found[shown] = f"{found[shown]}, {str(value, 'latin-1')}" if shown in found else str(value, "latin-1")
    return found


def tags(headers: Headers, keys: Keys) -> dict[str, str]:
    """What the application said about the call with `x-toolkit-tag-NAME`."""
    cut = len(TAG)
    return {
        name[cut:].decode("latin-1"): keys.hide(value).decode("utf-8", "replace")
        for name, value in headers
        if name.startswith(TAG)
    }


def kept_target(target: bytes, keys: Keys) -> str:
    """A request target without the credentials of its query."""
    path, mark, _ = target.partition(b"?")
    if not mark:
        return keys.hide(target).decode("latin-1")
    parts = [
        name + b"=" + b"*" * 8 if SECRET_QUERY.search(name) else pair
        for pair in target.partition(b"?")[2].split(b"&")
        for name in (pair.partition(b"=")[0],)
    ]
    return keys.hide(path + mark + b"&".join(parts)).decode("latin-1")


def _query(target: bytes) -> Iterable[tuple[bytes, bytes]]:
    for pair in target.partition(b"?")[2].split(b"&"):
        name, _, value = pair.partition(b"=")
        yield name, value


def _credentials(name: bytes, value: bytes) -> list[bytes]:
    """The secrets in the value of a header: without its scheme, or each cookie's."""
    if name in (b"cookie", b"set-cookie"):
        return [pair.partition(b"=")[2].strip() for pair in value.split(b";")]
    return [value.rpartition(b" ")[2]]


def _forms(key: bytes) -> set[bytes]:
    """A key as it stands in text, in JSON and in a URL."""
    return {key, key.replace(b"/", b"\\/"), key.replace(b'"', b'\\"'), quote(key, safe="").encode()}


def _meta(spans: list[tuple[int, int]]) -> dict[str, Any]:
    return {"masked": [(start, end - start) for start, end in spans]}


def _signed(data: bytes) -> bool:
    """Whether the literal of some shape may be there: one look for all of them, a quarter of the cost."""
    return _SIGN in data.translate(_CLASSES)


def _shaped(data: bytes) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for literal, shape in SHAPES:
        if literal in data:
            found += [match.span() for match in shape.finditer(data)]
    return found


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _starred(data: bytes, spans: Iterable[tuple[int, int]]) -> bytes:
    shown = bytearray(data)
    for start, end in spans:
        shown[start:end] = b"*" * (end - start)
    return bytes(shown)
