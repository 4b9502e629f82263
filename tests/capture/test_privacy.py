"""Keys: none is written, in whatever place and however it is cut; everything else is, to the byte."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.capture.privacy import Keys, Mask, Prints, kept_headers, kept_target

KEY = b"sk-ant-" + b"api03-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MA"
OWN = b"my+own/secret=key.0001"
TEXT = b'{"error": "invalid x-api-key: %b", "disk-like": "task-sk-", "next": "%b"}' % (KEY, OWN)


def _keys() -> Keys:
    keys = Keys()
    keys.learn([(b"authorization", b"Bearer " + OWN)], b"/v1/messages")
    return keys


def _logged(pieces: list[bytes], keys: Keys) -> tuple[bytes, list[tuple[int, int]], bytes]:
    """What the log holds, its masked spans, and all bytes that ever stood in a frame."""
    mask, side, spans, written = Mask(keys), bytearray(), list[tuple[int, int]](), b""
    for at, piece in enumerate(pieces):
        body, meta = mask(piece, last=at == len(pieces) - 1)
        restored = (meta or {}).get("restores", 0)
        if restored:
            del side[-restored:]
            spans = [each for each in spans if each[0] < len(side)]
        spans += [(len(side) + start, size) for start, size in (meta or {}).get("masked", ())]
        side += body
        written += b"|" + body
    return bytes(side), spans, written


@given(st.lists(st.integers(1, 40), max_size=30))
@settings(max_examples=80, deadline=None)
def test_a_key_is_masked_however_the_body_is_cut_and_the_rest_is_exact(cuts: list[int]) -> None:
    pieces, at = [], 0
    for size in [*cuts, len(TEXT)]:
        pieces.append(TEXT[at : at + size])
        at += size
    logged, spans, written = _logged(pieces, _keys())
    assert len(logged) == len(TEXT)
    shown = bytearray(TEXT)
    for start, size in spans:
        shown[start : start + size] = b"*" * size
    assert logged == bytes(shown)
    assert sum(size for _, size in spans) == len(KEY) + len(OWN)
    for key in (KEY, OWN):
        assert key not in written
        assert all(key[start : start + 16] not in written for start in range(len(key) - 15))


def test_every_place_to_cut_in_two() -> None:
    for at in range(len(TEXT)):
        logged, _, written = _logged([TEXT[:at], TEXT[at:]], _keys())
        assert KEY not in written and OWN not in written
        assert logged.count(b"*") == len(KEY) + len(OWN)


def test_words_are_no_keys() -> None:
    keys = Keys()
    for text in (b"task-sk-learn and risk-based-assessments-of-everything", b"sk-circle-fade-dot-animation", b"AIza"):
        assert keys.hide(text) == text
    assert keys.hide(b'{"t": "line\\n' + KEY + b'"}') == b'{"t": "line\\n' + b"*" * len(KEY) + b'"}'


@pytest.mark.parametrize(
    ("target", "shown"),
    [
        (b"/v1/x?key=abcdefgh12345&alt=sse", "/v1/x?key=********&alt=sse"),
        (b"/v1/x?api-key=abc&beta", "/v1/x?api-key=********&beta"),
        (b"/v1/x?access_token=abc&monkey=1", "/v1/x?access_token=********&monkey=1"),
        (b"/v1/x?page=2&after=msg_1", "/v1/x?page=2&after=msg_1"),
        (b"/v1/" + KEY, "/v1/" + "*" * len(KEY)),
    ],
)
def test_urls(target: bytes, shown: str) -> None:
    keys = Keys()
    keys.learn([], target)
    assert kept_target(target, keys) == shown


def test_only_listed_headers_are_kept() -> None:
    keys = _keys()
    headers = [
        (b"authorization", b"Bearer " + OWN),
        (b"x-api-key", KEY),
        (b"cookie", b"session=abcdefghijkl"),
        (b"x-internal", b"secret"),
        (b"user-agent", b"app/1 " + OWN),
        (b"x-stainless-retry-count", b"1"),
        (b"request-id", b"req_1"),
    ]
    found = kept_headers(headers, keys)
    assert found == {"user-agent": "app/1 " + "*" * len(OWN), "x-stainless-retry-count": "1", "request-id": "req_1"}


def test_a_key_is_found_again_by_its_print() -> None:
    keys = Keys()
    key = b"abcdefghij-KLMNOP_123"
    prints = keys.learn([(b"x-api-key", key)], b"/")
    assert key.decode() not in str(prints)
    hide = Prints(prints).hide
    assert hide(b'{"said": "your key n' + key + b'"}') == b'{"said": "your key n' + b"*" * len(key) + b'"}'
    assert hide(b"nothing here") == b"nothing here"
