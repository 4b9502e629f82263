"""Streams cut into events: the short way and the long way say the same."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.capture.decode import DONE, _data, _simple, events
from toolkit.capture.privacy import Keys, Prints

EVENT = st.dictionaries(st.text(max_size=4), st.text(max_size=8) | st.integers(-9, 9) | st.none(), max_size=3)


@given(st.lists(EVENT, min_size=1, max_size=6), st.booleans())
@settings(max_examples=80, deadline=None)
def test_a_stream_of_single_lines_is_read_as_any_other(told: list[dict[str, object]], ends: bool) -> None:
    wire = b"".join(b"data: %b\n\n" % orjson.dumps(each) for each in told) + b"data: [DONE]\n\n" * ends
    wanted = told + [DONE] * ends
    assert _simple(wire) == wanted
    assert events(wire) == events(b"event: x\n" + wire) == events(wire.replace(b"\n", b"\r\n")) == wanted


@pytest.mark.parametrize(
    ("wire", "wanted"),
    [
        (b'data: {"a":1}\n\ndata: {"b"', [{"a": 1}]),
        (b'data: {"a":\ndata: 1}\n\n', [{"a": 1}]),
        (b'data: {"a":1}\n\n\n\ndata: {"b":2}\n\n', [{"a": 1}, {"b": 2}]),
        (b'data: {"a":1}\n\n: ping\n\ndata: {"b":2}\n\n', [{"a": 1}, {"b": 2}]),
        (b'data: [DONE]\n\ndata: {"a":1}\n\n', [DONE, {"a": 1}]),
        (b'data:{"a":1}\n\n', [{"a": 1}]),
        (b"data: [DONE]\n\n", [DONE]),
        (b"", []),
    ],
)
def test_other_streams_take_the_long_way(wire: bytes, wanted: list[dict[str, object]]) -> None:
    assert _simple(wire) is None and events(wire) == wanted


@pytest.mark.parametrize("wire", [b'data: {"a":1},{"b":2}\n\n', b"data: 1\n\n", b"data: {\n\n", b"data: [1]\n\n"])
def test_what_is_no_object_is_refused(wire: bytes) -> None:
    assert list(_data(wire))
    with pytest.raises(ValueError):
        events(wire)


def test_a_print_is_looked_for_only_where_a_run_is_long_enough_for_it() -> None:
    key = b"abcdefghij-KLMNOP_123"
    hide = Prints(Keys().learn([(b"x-api-key", key)], b"/")).hide
    for text in (key, b"x " + key, key + b".", b"z" * 40 + key, b'{"said": "' + key + b'"}' * 3):
        assert key not in hide(text)
    assert hide(key[:-1] + b" " + key[1:]) == key[:-1] + b" " + key[1:]
