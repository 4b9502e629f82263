"""Tool calls and tool lists as they are written in rows: OpenAI, its legacy form, ShareGPT, Anthropic, plain lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

import orjson

THOUGHT = re.compile(r"\A\s*<think>.*?</think>", re.DOTALL)
SCHEMA_WORDS = frozenset({"type", "properties", "required", "$ref", "anyOf", "oneOf", "allOf", "additionalProperties"})


class Call(NamedTuple):
    """One call. fault: empty, `call-not-json`, `call-without-name`, `arguments-not-json` or `arguments-not-object`."""

    name: str | None
    arguments: Mapping[str, Any] | None
    id: str | None = None
    fault: str = ""


class Tool(NamedTuple):
    """A declared tool. schema: JSON text of its parameters' schema. listed: argument names that it lists.

    listed is None where the schema is open: it lists nothing, or composes what it lists from other schemas.
    """

    schema: bytes
    listed: frozenset[str] | None


def calls(text: str) -> list[Call]:
    """The calls that one turn makes, from the JSON text of them."""
    found = _loads(THOUGHT.sub("", text))
    if found is None:
        lines = _each_line(text)
        found = lines if len(lines) > 1 and all(isinstance(each, dict) for each in lines) else None
    if found is None:
        return [Call(None, None, fault="call-not-json")]
    return [_call(each) for each in (found if isinstance(found, list) else [found])]


def _call(value: Any) -> Call:
    given = _loads(value) if isinstance(value, str) else value
    if not isinstance(given, Mapping):
        return Call(None, None, fault="call-not-json")
    own = given.get("id")
    name = own if isinstance(own, str) and own else None
    inner = given["function"] if isinstance(given.get("function"), Mapping) else given
    return _named(inner)._replace(id=name)


def _named(value: Mapping[str, Any]) -> Call:
    name = value.get("name")
    if not isinstance(name, str) or not name:
        return Call(None, None, fault="call-without-name")
    given = next((value[key] for key in ("arguments", "parameters", "input") if key in value), None)
    if isinstance(given, str):
        given = _loads(given)
        if given is None:
            return Call(name, None, fault="arguments-not-json")
    elif given is None:
        given = {}
    if not isinstance(given, Mapping):
        return Call(name, None, fault="arguments-not-object")
    return Call(name, given)


def call(name: Any, arguments: Any, id: Any = None) -> dict[str, Any]:
    """A call as OpenAI has it, its arguments as JSON text."""
    text = arguments if isinstance(arguments, str) else orjson.dumps(arguments or {}).decode()
    found: dict[str, Any] = {"type": "function", "function": {"name": name, "arguments": text}}
    return {"id": id, **found} if isinstance(id, str) and id else found


def functions(text: str) -> list[Mapping[str, Any]]:
    """The declared functions as name, description and parameters, from the JSON text of a tool list in any form."""
    found = _loads(text)
    if found is None:
        found = _each_line(text)
    return list(_functions(found))


def between(text: str, tag: str) -> list[str]:
    """What stands between a tag and its end; by splitting, for a search would be quadratic in open tags."""
    parts = (part.partition(f"</{tag}>") for part in text.split(f"<{tag}>")[1:])
    return [inside.strip() for inside, end, _ in parts if end]


def _functions(value: Any) -> Iterator[Mapping[str, Any]]:
    for each in value if isinstance(value, list) else [value]:
        given = _loads(each) if isinstance(each, str) else each
        if not isinstance(given, Mapping):
            continue
        if isinstance(given.get("functionDeclarations"), list):
            yield from _functions(given["functionDeclarations"])
            continue
        inner = given["function"] if isinstance(given.get("function"), Mapping) else given
        schema = next((inner[key] for key in ("parameters", "input_schema", "inputSchema") if key in inner), None)
        rest = {key: inner[key] for key in ("name", "description", "strict") if inner.get(key) is not None}
        yield rest if schema is None else {**rest, "parameters": schema}


def _loads(text: str) -> Any:
    """The JSON value of a text, None where it is none; a bare `null` is no call and no arguments either."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return None


def _each_line(text: str) -> list[Any]:
    """Of JSON lines; a string in one may hold what `splitlines` takes for a line break, such as U+2028."""
    return [_loads(line) for line in text.split("\n") if line.strip()]


@lru_cache(maxsize=1024)
def declared(text: str) -> Mapping[str, Tool] | None:
    """The tools of a tool list by name, from its JSON text; None where it is not JSON or names no tool."""
    found = _loads(text)
    if found is None:
        lines = _each_line(text)
        found = lines if lines and all(isinstance(each, dict) for each in lines) else None
    named = dict(_tools(found))
    return named or None


def _tools(value: Any) -> Iterator[tuple[str, Tool]]:
    for each in value if isinstance(value, list) else [value]:
        given = _loads(each) if isinstance(each, str) else each
        if not isinstance(given, Mapping):
            continue
        if isinstance(given.get("functionDeclarations"), list):
            yield from _tools(given["functionDeclarations"])
            continue
        inner = given["function"] if isinstance(given.get("function"), Mapping) else given
        if isinstance(inner.get("name"), str):
            yield inner["name"], _tool(inner)


def _tool(value: Mapping[str, Any]) -> Tool:
    given = next((value[key] for key in ("parameters", "input_schema", "inputSchema") if key in value), None)
    if not isinstance(given, Mapping):
        return Tool(b"{}", None)
    if given and not (SCHEMA_WORDS & given.keys()) and all(isinstance(each, Mapping) for each in given.values()):
        given = {"type": "object", "properties": given}  # the arguments stand where their schema should
    return Tool(orjson.dumps(given, default=str), _listed(given))


def _listed(schema: Mapping[str, Any]) -> frozenset[str] | None:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or "additionalProperties" in schema:
        return None
    if {"$ref", "anyOf", "oneOf", "allOf", "patternProperties"} & schema.keys():
        return None
    return frozenset(properties)
