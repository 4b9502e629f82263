"""The strings of a row's JSON: read with the names that they stand under, or replaced in place.

Replacing works on the text of the JSON, so numbers, key order, spaces and duplicate keys stay as
they were. A string that holds JSON itself, such as the arguments of a tool call, is opened.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

_TOKEN = re.compile(r'("(?:[^"\\]|\\.)*+")(\s*:)?|(?<![\w.+-])-?\d[\d.eE+-]*', re.DOTALL)
_STRING = re.compile(r'("(?:[^"\\]|\\.)*+")(\s*+:)?', re.DOTALL)


def named(raw: str) -> Iterator[tuple[str, str]]:
    """Every string value of a JSON text with the key that it stands under; list items have their list's key."""
    yield from _named("", json.loads(raw))


def _named(key: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield key, value
        opened = _opened(value)
        if opened is not None:
            yield from _named(key, opened)
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _named(name, inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _named(key, inner)


def mapped(raw: str, change: Callable[[str], str], *, opened: bool = True) -> str:
    """The JSON text with every string value, never a key, replaced by `change(value)`.

    opened: change the values inside a string that holds JSON, so that it stays JSON, not its text as a whole.
    """

    def swap(token: re.Match[str]) -> str:
        if token.group(2) is not None:
            return token.group()
        old = json.loads(token.group(1))
        new = _mapped_inside(old, change) if opened and _opened(old) is not None else change(old)
        return token.group() if new == old else json.dumps(new, ensure_ascii=False)

    return _STRING.sub(swap, raw)


def _mapped_inside(text: str, change: Callable[[str], str]) -> str:
    """JSON inside a string: its keys and numbers are text that a model reads, so they are replaced too."""

    def swap(token: re.Match[str]) -> str:
        if token.group(1) is None:
            new = change(token.group())
            return token.group() if new == token.group() else json.dumps(new)
        old = json.loads(token.group(1))
        new = _mapped_inside(old, change) if _opened(old) is not None else change(old)
        return token.group() if new == old else json.dumps(new, ensure_ascii=False) + (token.group(2) or "")

    return _TOKEN.sub(swap, text)


def _opened(text: str) -> Any:
    """The object or list that a string holds as JSON, else None."""
    if not text[:64].lstrip().startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
