"""JSON Schemas as people write them in tool lists and requests, and what about a value does not fit.

Schemas are data of strangers: nothing is fetched for a `$ref`, patterns run in RE2, and a schema that
cannot be used is told as such instead of raising.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache, lru_cache
from typing import Any, NamedTuple

import orjson

ALIASES: Mapping[str, str] = {
    "dict": "object",
    "map": "object",
    "str": "string",
    "text": "string",
    "int": "integer",
    "long": "integer",
    "float": "number",
    "double": "number",
    "decimal": "number",
    "bool": "boolean",
    "list": "array",
    "tuple": "array",
    "none": "null",
}
"""Type names of Python and of other schema languages, which many tool lists use."""
TYPES = frozenset({"object", "string", "integer", "number", "boolean", "array", "null"})
LISTS = ("required", "enum", "anyOf", "oneOf", "allOf")
OBJECTS = ("properties", "$defs", "definitions")
KINDS: Mapping[str, str] = {
    "required": "missing",
    "dependentRequired": "missing",
    "type": "type",
    "enum": "enum",
    "const": "enum",
    "additionalProperties": "extra",
    "unevaluatedProperties": "extra",
}


class Misfit(NamedTuple):
    """One thing that does not fit. kind: `missing`, `type`, `enum`, `extra`, `other`, or `schema` for a bad schema.

    reason never quotes the value.
    """

    kind: str
    reason: str


def misfits(schema: bytes, value: Any) -> list[Misfit]:
    """What about `value` does not fit the schema, given as its JSON text; empty where it fits."""
    try:
        return [_misfit(error) for error in _validator(schema).iter_errors(value)]
    except RecursionError:
        return [Misfit("schema", "the schema refers to itself without end")]
    except Exception as failure:  # the library has no common error for what a malformed schema leads to
        return [Misfit("schema", f"the schema cannot be used ({type(failure).__name__})")]


@lru_cache(maxsize=4096)
def _validator(schema: bytes) -> Any:
    from referencing import Registry

    return _class()(usable(orjson.loads(schema)), registry=Registry())


@cache
def _class() -> Any:
    """Draft 2020-12 with patterns in RE2, whose time is linear in the text."""
    from jsonschema import Draft202012Validator, ValidationError, validators

    def pattern(_: Any, wanted: Any, value: Any, __: Any) -> Iterator[Any]:
        if isinstance(value, str) and isinstance(wanted, str) and not _matches(wanted, value):
            yield ValidationError("pattern")

    return validators.extend(Draft202012Validator, {"pattern": pattern})


def _matches(pattern: str, text: str) -> bool:
    """Whether RE2 finds the pattern; one that RE2 does not know, such as a look-ahead, counts as found."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        return bool(pc.match_substring_regex(pa.scalar(text), pattern).as_py())
    except pa.ArrowInvalid:
        return True


def usable(schema: Any) -> Any:
    """A schema with foreign type names translated, and without what no draft since 6 can read."""
    if isinstance(schema, list):
        return [usable(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: usable(value) for key, value in schema.items() if not _unusable(key, value)}
    if "type" in found and isinstance(found["type"], str | list):
        found["type"] = _types(found["type"])
        if not found["type"]:
            del found["type"]
    if "patternProperties" in found:  # its patterns would run in an engine that can be made to hang
        found.pop("patternProperties")
        found.pop("additionalProperties", None)
    return found


def _unusable(key: str, value: Any) -> bool:
    if key in ("$id", "$schema"):
        return isinstance(value, str)
    if key in ("exclusiveMinimum", "exclusiveMaximum"):  # a boolean up to draft 4
        return isinstance(value, bool)
    if key in LISTS:
        return not isinstance(value, list | dict)  # an object is a property of that name
    return key in OBJECTS and not isinstance(value, dict)


def _types(given: str | list[Any]) -> Any:
    """Known type names; empty where one of them is unknown, because then nothing can be said."""
    names = [given] if isinstance(given, str) else given
    known = [ALIASES.get(str(name).lower(), str(name).lower()) for name in names]
    if not set(known) <= TYPES:
        return []
    return known[0] if isinstance(given, str) else known


def _misfit(error: Any) -> Misfit:
    at = ".".join(str(each) for each in error.absolute_path)[:80]
    kind = KINDS.get(error.validator, "other")
    return Misfit(kind, _words(error, f"'{at}'" if at else "the object"))


def _words(error: Any, where: str) -> str:
    rule, wanted = error.validator, error.validator_value
    if rule == "required":
        missing = [str(name) for name in wanted if name not in error.instance]
        return f"{where} lacks {', '.join(missing)[:120]}"
    if rule == "type":
        return f"{where} is {_name(error.instance)}, not {wanted if isinstance(wanted, str) else ' or '.join(wanted)}"
    if rule in ("enum", "const"):
        return f"{where} is none of the listed values"
    if KINDS.get(rule) == "extra":
        return f"{where} holds what the schema does not allow"
    return f"{where} breaks the rule '{rule}'"


def _name(value: Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {str: "string", int: "integer", float: "number", list: "array", dict: "object"}
    return names.get(type(value), "something else")
