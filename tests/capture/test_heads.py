"""Heads that come again: what is not read a second time is the same as what is, to the byte."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.capture.framing import BadMessage, forwarded, request_head
from toolkit.capture.heads import MOST, Heads, Opening
from toolkit.capture.privacy import SHAPES, Keys, _signed
from toolkit.capture.upstream import target

WHERE = target("http://api.test/base")
OTHER = b"a-key-of-another-shape.0001"


def _head(length: bytes = b"5", key: bytes = b"first-key-0001", more: bytes = b"") -> bytes:
    told = b"Host: x\r\nx-api-key: %b\r\n%bContent-Length: %b\r\nAccept: */*\r\n\r\n" % (key, more, length)
    return b"POST /v1/messages HTTP/1.1\r\n" + told


def _read(heads: Heads, raw: bytes) -> Opening:
    return heads.find(raw) or heads.open(raw, request_head(raw))


def test_only_the_length_may_differ_and_it_is_the_calls_own() -> None:
    heads = Heads(WHERE, Keys())
    assert heads.find(_head()) is None
    fresh = [Heads(WHERE, heads._keys).open(_head(length), request_head(_head(length))) for length in (b"5", b"678")]
    for _ in range(2):
        _read(heads, _head())
    assert [heads.find(_head(length)) for length in (b"5", b"678")] == fresh
    assert b'"content-length":"678"' in fresh[1].told and b"Content-Length: 678\r\n" in fresh[1].sent
    assert b"POST /base/v1/messages " in fresh[1].sent
    assert heads.find(_head(key=b"another-key-001")) is None


@pytest.mark.parametrize("length", [b"", b"-1", b"5x", b"\0", b"5\0", b"1" * 19, b"5\r\nContent-Length: 5"])
def test_a_length_that_is_none_is_read_and_refused(length: bytes) -> None:
    heads = Heads(WHERE, Keys())
    for _ in range(3):
        _read(heads, _head())
    assert heads.find(_head(length)) is None
    with pytest.raises(BadMessage):
        _read(heads, _head(length))


def test_another_headers_digits_are_part_of_the_head() -> None:
    heads, more = Heads(WHERE, Keys()), b"X-Content-Length: 7\r\nx: a content-length: 8\r\n"
    for _ in range(3):
        _read(heads, _head(more=more))
    assert heads.find(_head(b"9", more=more)) is not None
    assert heads.find(_head(more=more.replace(b"7", b"9"))) is None
    assert heads.find(_head(more=more.replace(b"8", b"9"))) is None


def test_a_key_that_is_learnt_later_is_masked_in_a_head_that_is_known() -> None:
    keys = Keys()
    heads, raw = Heads(WHERE, keys), _head(more=b"user-agent: " + OTHER + b"\r\n")
    for _ in range(3):
        _read(heads, raw)
    assert OTHER in _read(heads, raw).told
    keys.learn([(b"x-api-key", OTHER)], b"/")
    assert heads.find(raw) is None and OTHER not in _read(heads, raw).told


def test_a_key_that_was_forgotten_is_learnt_again_with_the_head_that_brings_it() -> None:
    keys = Keys()
    heads = Heads(WHERE, keys)
    for _ in range(3):
        _read(heads, _head())
    for at in range(100):
        keys.learn([(b"x-api-key", b"key-number-%04d" % at)], b"/")
    assert not keys.spans(b"said first-key-0001")
    _read(heads, _head())
    assert keys.spans(b"said first-key-0001")


def test_heads_that_never_come_again_are_not_kept_and_others_are_bounded() -> None:
    heads = Heads(WHERE, Keys())
    for at in range(3000):
        _read(heads, _head(more=b"x-id: %d\r\n" % at))
    assert not heads._known and len(heads._seen) <= 1024
    for at in range(3 * MOST):
        _read(heads, _head(more=b"x-id: %d\r\n" % at))
        _read(heads, _head(more=b"x-id: %d\r\n" % at))
    assert len(heads._known) == MOST


def test_a_length_that_connection_names_goes_upstream_all_the_same() -> None:
    head = request_head(_head(more=b"Connection: content-length\r\n"))
    assert b"Content-Length: 5\r\n" in forwarded(head, b"/", b"api.test")


@given(st.binary(max_size=60), st.sampled_from([literal for literal, _ in SHAPES]), st.binary(max_size=60))
@settings(max_examples=80, deadline=None)
def test_the_one_look_sees_every_literal(before: bytes, literal: bytes, after: bytes) -> None:
    assert _signed(before + literal + after)
