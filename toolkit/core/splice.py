"""JSON text changed in the places where its value changed: everything else keeps its bytes.

Numbers, spaces, key order and escapes that nobody touched stay as they were written.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, NamedTuple

_SPACE = re.compile(r"[ \t\r\n]*")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_ATOM = re.compile(r"[^\s,\]}]+")
Edit = tuple[int, int, str]


class Node(NamedTuple):
    """A value's place in a JSON text. keys, starts: of an object's members; items: what an object or list holds."""

    start: int
    end: int
    items: tuple[Node, ...] = ()
    keys: tuple[str, ...] | None = None
    starts: tuple[int, ...] = ()


def spliced(raw: str, old: Any, new: Any) -> str:
    """The JSON text `raw` of the value `old` as text of `new`."""
    return edited(raw, _edits(raw, scan(raw), old, new))


def without_equal_keys(raw: str) -> str | None:
    """The text without later members of an object that say again what an earlier one said; None where there is none."""
    edits = list(_repeats(raw, scan(raw)))
    return edited(raw, iter(edits)) if edits else None


def scan(raw: str) -> Node:
    """The places of a JSON text that is known to be valid; at most 254 levels."""
    return _value(raw, _after_space(raw, 0))


def edited(raw: str, edits: Iterator[Edit]) -> str:
    """The text with each (start, end, text) put in; edits are in order and apart."""
    pieces, at = [], 0
    for start, end, text in edits:
        pieces += [raw[at:start], text]
        at = end
    return "".join([*pieces, raw[at:]])


def _after_space(raw: str, at: int) -> int:
    found = _SPACE.match(raw, at)
    return found.end() if found else at


def _value(raw: str, at: int) -> Node:
    if raw[at] in "{[":
        return _container(raw, at)
    found = (_STRING if raw[at] == '"' else _ATOM).match(raw, at)
    if found is None:
        raise ValueError(f"not JSON at character {at + 1}")
    return Node(at, found.end())


def _container(raw: str, start: int) -> Node:
    is_object = raw[start] == "{"
    items: list[Node] = []
    keys: list[str] = []
    starts: list[int] = []
    at = _after_space(raw, start + 1)
    while raw[at] not in "}]":
        starts.append(at)
        if is_object:
            name = _value(raw, at)
            keys.append(json.loads(raw[name.start : name.end]))
            at = _after_space(raw, _after_space(raw, name.end) + 1)
        items.append(_value(raw, at))
        at = _after_space(raw, items[-1].end)
        if raw[at] == ",":
            at = _after_space(raw, at + 1)
    return Node(start, at + 1, tuple(items), tuple(keys) if is_object else None, tuple(starts))


def _edits(raw: str, node: Node, old: Any, new: Any) -> Iterator[Edit]:
    if old is new or (type(old) is type(new) and old == new and not isinstance(old, dict | list)):
        return
    if isinstance(old, dict) and isinstance(new, dict) and set(new) <= set(old):
        yield from _of_object(raw, node, old, new)
    elif isinstance(old, list) and isinstance(new, list) and len(new) <= len(old):
        yield from _of_list(raw, node, old, new)
    else:
        yield node.start, node.end, json.dumps(new, ensure_ascii=raw.isascii())


def _of_object(raw: str, node: Node, old: dict[str, Any], new: dict[str, Any]) -> Iterator[Edit]:
    keys = node.keys or ()
    last = {key: at for at, key in enumerate(keys)}  # of a key that stands twice the last one counts
    gone = [key not in new for key in keys]
    tail = _tail(gone)
    for at, key in enumerate(keys):
        if gone[at]:
            yield from _cut(node, tail, at)
        elif last[key] == at:
            yield from _edits(raw, node.items[at], old[key], new[key])


def _of_list(raw: str, node: Node, old: list[Any], new: list[Any]) -> Iterator[Edit]:
    if len(old) == len(new):
        for item, one, other in zip(node.items, old, new, strict=True):
            yield from _edits(raw, item, one, other)
        return
    gone, at = [], 0
    for each in old:
        stays = at < len(new) and (new[at] is each or new[at] == each)
        gone.append(not stays)
        at += stays
    if at < len(new):
        yield node.start, node.end, json.dumps(new, ensure_ascii=raw.isascii())
        return
    tail = _tail(gone)
    for place in range(len(old)):
        if gone[place]:
            yield from _cut(node, tail, place)


def _tail(gone: list[bool]) -> int:
    """From which member on all are gone."""
    at = len(gone)
    while at and gone[at - 1]:
        at -= 1
    return at


def _cut(node: Node, tail: int, at: int) -> Iterator[Edit]:
    """The edit that takes out one member with the comma that it no longer needs."""
    if at < tail:
        yield node.starts[at], node.starts[at + 1], ""
    elif at == tail:  # the first of those that end the container: all of them at once
        yield (node.items[at - 1].end if at else node.starts[0]), node.items[-1].end, ""


def _repeats(raw: str, node: Node) -> Iterator[Edit]:
    first: dict[str, str] = {}
    gone = []
    for key, item in zip(node.keys or (), node.items, strict=True) if node.keys is not None else ():
        text = raw[item.start : item.end]
        gone.append(key in first and first[key] == text)
        first.setdefault(key, text)
    tail = _tail(gone)
    for at, item in enumerate(node.items):
        if gone and gone[at]:
            yield from _cut(node, tail, at)
        else:
            yield from _repeats(raw, item)
