"""Calls of tools that fail: faults that a trace must not teach."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from toolkit.core import tools
from toolkit.core.jsontext import written
from toolkit.core.planting import Around, Row, Spoiled, Way, message_list

RESULTS = ("tool", "function", "observation")


@dataclass(frozen=True, slots=True)
class FaultyCall:
    """A call of an unknown tool, with arguments that do not parse or fit, or without its result."""

    id: ClassVar[str] = "faulty-call"
    tests: ClassVar[str] = "tool-call"

    def ways(self) -> Mapping[str, Way]:
        return {
            "unknown-tool": _called(_unknown),
            "arguments-not-json": _called(_torn),
            "missing-argument": _called(_missing),
            "unlisted-argument": _called(_unlisted),
            "wrong-type": _called(_wrong_type),
            "missing-result": _missing_result,
            "orphan-result": _orphan_result,
        }


Change = Callable[[dict[str, Any], Mapping[str, tools.Tool]], bool]


def _called(change: Change) -> Way:
    """A way that changes one random call of a row with declared tools; the change answers whether it could."""

    def way(row: Row, around: Around) -> Spoiled | None:
        known = tools.declared(row.parsed.tools) if row.parsed.tools else None
        draft = row.draft()
        turns = [turn for turn in message_list(draft) or () if _calls_of(turn)]
        if not known or not turns:
            return None
        return Spoiled(written(draft)) if _change(around.rng.choice(turns), change, known) else None

    return way


def _calls_of(turn: dict[str, Any]) -> list[dict[str, Any]]:
    """The calls of a turn as `{"name", "arguments"}`; those of ShareGPT are JSON text and come as a copy."""
    if turn.get("from") == "function_call":
        found = _loads(turn.get("value"))
    else:
        found = turn.get("tool_calls") or turn.get("function_call")
    each = found if isinstance(found, list) else [found]
    inner = [one.get("function", one) if isinstance(one, dict) else None for one in each]
    return [one for one in inner if isinstance(one, dict) and "name" in one]


def _change(turn: dict[str, Any], change: Change, known: Mapping[str, tools.Tool]) -> bool:
    calls = _calls_of(turn)
    call = calls[0]
    key = "arguments" if "arguments" in call else "parameters"
    as_text = isinstance(call.get(key), str)
    call["arguments"] = _loads(call.pop(key, None)) if as_text else call.pop(key, {})
    if not isinstance(call["arguments"], dict) or not change(call, known):
        return False
    given = call.pop("arguments")
    call[key] = orjson.dumps(given).decode() if as_text and not isinstance(given, str) else given
    if turn.get("from") == "function_call":
        turn["value"] = orjson.dumps(calls if len(calls) > 1 else call).decode()
    return True


def _loads(text: Any) -> Any:
    try:
        return orjson.loads(text) if isinstance(text, str) else text
    except orjson.JSONDecodeError:
        return None


def _unknown(call: dict[str, Any], known: Mapping[str, tools.Tool]) -> bool:
    call["name"] = f"{call['name']}_v2"
    return call["name"] not in known


def _torn(call: dict[str, Any], known: Mapping[str, tools.Tool]) -> bool:
    call["arguments"] = orjson.dumps({"query": 1, **call["arguments"]}).decode()[:-2]
    return True


def _schema(call: dict[str, Any], known: Mapping[str, tools.Tool]) -> dict[str, Any]:
    tool = known.get(call["name"])
    found = orjson.loads(tool.schema) if tool is not None else {}
    return found if isinstance(found, dict) else {}


def _missing(call: dict[str, Any], known: Mapping[str, tools.Tool]) -> bool:
    required = _schema(call, known).get("required") or []
    given = [name for name in required if isinstance(name, str) and name in call["arguments"]]
    if not given:
        return False
    del call["arguments"][given[0]]
    return True


def _unlisted(call: dict[str, Any], known: Mapping[str, tools.Tool]) -> bool:
    tool = known.get(call["name"])
    call["arguments"]["extra_note"] = "none"
    return tool is not None and tool.listed is not None and "extra_note" not in tool.listed


def _wrong_type(call: dict[str, Any], known: Mapping[str, tools.Tool]) -> bool:
    """An object where the schema wants a text or a number."""
    listed = _schema(call, known).get("properties") or {}
    for name, schema in listed.items():
        simple = isinstance(schema, dict) and schema.get("type") in ("string", "integer", "number", "boolean")
        if simple and name in call["arguments"]:
            call["arguments"][name] = {"value": call["arguments"][name]}
            return True
    return False


def _missing_result(row: Row, around: Around) -> Spoiled | None:
    """All results of a call are gone, and the conversation goes on."""
    draft = row.draft()
    found = message_list(draft) or []
    at = [at for at, turn in enumerate(found[:-1]) if _calls_of(turn) and _is_result(found[at + 1])]
    at = [each for each in at if each + 2 < len(found) and not _is_result(found[each + 2])]
    if not at:
        return None
    del found[around.rng.choice(at) + 1]
    return Spoiled(written(draft))


def _orphan_result(row: Row, around: Around) -> Spoiled | None:
    """A result once more behind an answer in words."""
    draft = row.draft()
    found = message_list(draft) or []
    results = [turn for turn in found if _is_result(turn)]
    said = [at for at, turn in enumerate(found) if (turn.get("role") or turn.get("from")) in ("user", "human")]
    if not results or not said:
        return None
    found.insert(said[-1] + 1, dict(results[0]))
    return Spoiled(written(draft))


def _is_result(turn: dict[str, Any]) -> bool:
    return (turn.get("role") or turn.get("from")) in RESULTS
