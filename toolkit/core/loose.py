"""What a reply holds under what models put around it: thoughts, fences, a preamble, JSON with their usual slips.

Nothing is guessed: a slip is mended where it has one reading, such as a comma before a closing bracket, and
what has none is left out, so that it is asked for again.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from toolkit.core.fences import fences

LONGEST = 1_000_000
TRIES = 40
"""Brackets that may turn out to begin nothing; a reply full of them would take long."""
_OPENS = re.compile(r"\s*<(think|thinking|thought|reasoning)>")
# A lone end of thoughts, for the start may stand in the prompt; in a JSON string no such line break follows.
_CLOSES = re.compile(r"</(?:think|thinking|thought|reasoning)>(?=\s*[\[{`\n]|\s*\Z)")
# Strings first, so that what looks like a slip inside one is left alone.
_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|(?<![:\w])//[^\n]*|,(?=\s*[\]}])', re.DOTALL)
_ESCAPE = re.compile(r'\\(u[0-9a-fA-F]{4}|["\\/bfnrt]|.)', re.DOTALL)
_NUMBERED = re.compile(r"\A(?:\d+[.)]|[-*•])\s+")
_BETWEEN = re.compile(r"[\s,]*")
_AFTER = re.compile(r"\s*[,\]]")
_DECODER = json.JSONDecoder(strict=False)
_WRAPS = frozenset(("items", "data", "examples", "rows", "list", "texts", "questions", "conversations", "tasks"))
"""Names of the list in an object that says more, such as how many there are."""
_SPEAKS = frozenset({"role", "from"})
# `\f` and `\b` are escapes of JSON and the start of a command of LaTeX; nobody types these characters.
_LOST = re.compile(r"[\x08\x0c](?=[a-z])|\t(?=imes\b|ext(?:bf|it)?\{|heta\b|herefore\b)|\r(?=ight|ho\b|angle\b)")


def plain(text: str) -> str:
    """A reply without what the model thought aloud before it, between tags of which the first may be missing."""
    while (opened := _OPENS.match(text)) and (end := text.find(f"</{opened[1]}>", opened.end())) >= 0:
        text = text[end + len(opened[1]) + 3 :]
    closed = None if opened else _CLOSES.search(text)
    return (text if closed is None else text[closed.end() :]).strip()


def items(text: str) -> list[Any] | None:
    """The items of a reply that should be a JSON list; None where it holds none.

    Also read: values one after the other or one a line, a list as the one value of an object, a Python list, one
    object alone. Of a list that is cut off or breaks in the middle, the items before that place.
    """
    bare = plain(text)[:LONGEST]
    whole = _exact(bare)
    if whole is None:
        whole = next((found for each in fences(bare) if (found := _exact(each.code.strip())) is not None), None)
    if whole is not None:
        return _listed(whole)
    lines = _by_line(bare)
    if len(lines) > 1:
        return lines
    found = list(_values(bare))
    lists = [each for each in found if isinstance(each, list) and any(isinstance(x, str | list | dict) for x in each)]
    objects = [each for each in found if isinstance(each, dict)]
    spoken = [each for each in lists if _is_talk(each)]
    if len(spoken) > 1:
        return spoken
    if lists and len(repr(longest := max(lists, key=lambda each: len(repr(each))))) >= len(repr(objects)):
        return _listed(longest)
    return _listed(objects[0]) if len(objects) == 1 else objects or None


def an_object(text: str) -> Mapping[str, Any] | None:
    """The last JSON object of a reply; None where it holds none."""
    found = [each for each in _values(plain(text)[:LONGEST], "{") if isinstance(each, dict)]
    return found[-1] if found else None


def code(text: str) -> str:
    """A program or a query without the fence and the words around it; what has no fence, or several, as it is."""
    found = fences(text)
    return found[0].code.strip() if len(found) == 1 and found[0].code.strip() else text.strip()


def unlisted(texts: Sequence[Any]) -> list[Any]:
    """Texts without the marks of a list that all of them carry: quotation marks, numbers in order, bullets."""
    if not texts or not all(isinstance(each, str) for each in texts):
        return list(texts)
    bare = [each.strip() for each in texts]
    marks = [f"{nth}." if bare[0].startswith("1.") else f"{nth})" for nth in range(1, len(bare) + 1)]
    if all(each.startswith(f"{mark} ") for each, mark in zip(bare, marks, strict=True)):
        bare = [each.removeprefix(mark).strip() for each, mark in zip(bare, marks, strict=True)]
    elif len(bare) > 1 and bare[0][:2] in ("- ", "* ", "• ") and all(each[:2] == bare[0][:2] for each in bare):
        bare = [each[2:].strip() for each in bare]
    if all(len(each) > 2 and each[0] + each[-1] in ('""', "“”", "„“", "«»") and '"' not in each[1:-1] for each in bare):
        return [each[1:-1].strip() for each in bare]
    return bare if bare != [each.strip() for each in texts] else list(texts)


def lost_backslash(value: Any) -> bool:
    """Whether a text in a JSON value holds what is left of a command of LaTeX whose backslash was not escaped."""
    if isinstance(value, str):
        return _LOST.search(value) is not None
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    return any(lost_backslash(each) for each in inside)


def _exact(text: str) -> Any:
    """The list or object that a text is; None where it is neither, or not JSON."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, list | dict) else None


def _by_line(text: str) -> list[Any]:
    """The values of a text in which every line is one, numbered or not; none where a line is not."""
    lines = [_NUMBERED.sub("", line.strip()).removesuffix(",") for line in text.split("\n") if line.strip()]
    if len(lines) < 2 or not all(line[:1] in '{["' for line in lines):
        return []
    try:
        return [orjson.loads(line) for line in lines]
    except orjson.JSONDecodeError:
        return []


def _listed(value: Any) -> list[Any]:
    """A value as a list of items: a conversation is one item, and so is an object that wraps no list of others."""
    if isinstance(value, list):
        return [value] if _is_talk(value) else value
    named = [value[name] for name in value if len(value) == 1 or name.lower() in _WRAPS]
    inner = named[0] if len(named) == 1 else None
    return inner if isinstance(inner, list) and inner and not _is_talk(inner) else [value]


def _is_talk(value: Any) -> bool:
    return bool(value) and isinstance(value, list) and all(isinstance(m, dict) and _SPEAKS & m.keys() for m in value)


def _values(text: str, opens: str = "[{") -> Iterator[Any]:
    """The lists and objects that stand in a text one after the other."""
    at = failed = 0
    begins = re.compile(f"[{re.escape(opens)}]")
    while failed < TRIES and (sign := begins.search(text, at)):
        start = sign.start()
        found, end = _value(text, start)
        failed += found is None
        if found is not None:
            yield found
        at = max(end, start + 1)


def _value(text: str, start: int) -> tuple[Any, int]:
    """The value that begins at a place and where it ends; None where none does."""
    try:
        return _DECODER.raw_decode(text, start)
    except (json.JSONDecodeError, RecursionError):
        pass
    mended = _TOKEN.sub(_mended, text[start:])
    try:
        found, _ = _DECODER.raw_decode(mended)
    except (json.JSONDecodeError, RecursionError):
        broken = (_python(text[start:]) or _before_the_break(mended)) if text[start] == "[" else None
        return broken, start if broken is None else len(text)
    # Mending changes lengths: what is behind this value is looked for behind the last bracket of its kind.
    return found, text.rfind("]" if text[start] == "[" else "}") + 1


def _mended(token: re.Match[str]) -> str:
    """A string with valid escapes; a comment, or a comma before a closing bracket, as nothing."""
    found = token.group()
    return _ESCAPE.sub(_escape, found) if found[0] == '"' else ""


def _escape(match: re.Match[str]) -> str:
    sign = match.group(1)
    if len(sign) > 1 or sign in '"\\/bfnrt':
        return match.group()
    return sign if sign in "'`\n" else f"\\\\{sign}"


def _python(text: str) -> list[Any] | None:
    """A list as Python writes it, of what JSON has as well."""
    if "'" not in text[:40]:
        return None
    try:
        found = ast.literal_eval(text[: text.rfind("]") + 1])
        orjson.dumps(found)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def _before_the_break(text: str) -> list[Any] | None:
    """The items of a list before the place where it breaks off; an item counts where a comma or the end follows."""
    found: list[Any] = []
    at = 1
    while True:
        at = _BETWEEN.match(text, at).end()  # type: ignore[union-attr]  # it matches an empty text too
        try:
            value, at = _DECODER.raw_decode(text, at)
        except (json.JSONDecodeError, RecursionError):
            return found or None
        if _AFTER.match(text, at) is None:
            return found or None
        found.append(value)
