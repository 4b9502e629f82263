"""Prompt templates: a small, safe part of Jinja, for data and not for programs.

A template may print names, attributes and filtered values, choose with `if` and loop over what it was
given. It may not call, assign, import or compute: with those, a recipe from a stranger could run for
ever or fill the memory, which Jinja's own sandbox does not prevent.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from toolkit.core.errors import UsageError

if TYPE_CHECKING:
    from jinja2 import Template, nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

FILTERS = ("capitalize", "default", "first", "join", "last", "length", "lower", "title", "tojson", "trim", "upper")
NODES = frozenset(
    (
        *("Template", "Output", "TemplateData", "Const", "Name", "Getattr", "Getitem", "Filter", "If", "For"),
        *("CondExpr", "Compare", "Operand", "And", "Or", "Not", "Test", "Tuple", "List", "Slice", "Concat"),
    )
)
LONGEST = 20_000
DEEPEST_LOOP = 2
DEEPEST_FILTER = 3
LONGEST_ARGUMENT = 40


def render(source: str, values: Mapping[str, Any], name: str = "template") -> str:
    """The template filled with `values`. Raises UsageError for what is refused, undefined or broken."""
    from jinja2 import TemplateError

    try:
        return _compiled(source, name).render(**values)
    except (TemplateError, TypeError, ValueError, ArithmeticError) as failure:
        what = f"{name}: {failure}"
        raise UsageError(what, f"a template sees: {', '.join(sorted(values))}") from failure


def check(source: str, name: str = "template") -> None:
    """Refuse a template that is broken or more than data; raises UsageError with its line."""
    _compiled(source, name)


@lru_cache(maxsize=256)
def _compiled(source: str, name: str) -> Template:
    from jinja2 import TemplateError

    if len(source) > LONGEST:
        raise UsageError(f"{name} has {len(source)} characters", f"keep it under {LONGEST}")
    room = _environment()
    try:
        _inspect(room.parse(source), name)
        return room.from_string(source)
    except TemplateError as failure:
        line = getattr(failure, "lineno", None)
        where = f"{name}, line {line}" if line else name
        raise UsageError(f"{where}: {failure}", "see the example in `pipelines/recipes`") from failure


@lru_cache(maxsize=1)
def _environment() -> ImmutableSandboxedEnvironment:
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    room = ImmutableSandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    room.filters = {each: room.filters[each] for each in FILTERS}
    room.globals = {}
    return room


def _inspect(node: nodes.Node, name: str, loops: int = 0, filters: int = 0) -> None:
    """Walk the parsed template; whatever is not on the list of harmless nodes is refused."""
    kind = type(node).__name__
    loops += kind == "For"
    filters += kind == "Filter"
    refused = _refusal(node, kind, loops, filters)
    if refused:
        fix = f"a template prints, chooses and loops; its filters: {', '.join(FILTERS)}"
        raise UsageError(f"{name}, line {node.lineno}: {refused} is not allowed in a template", fix)
    for child in node.iter_child_nodes():
        _inspect(child, name, loops, filters)


def _refusal(node: Any, kind: str, loops: int, filters: int) -> str:
    if kind == "Keyword" or kind not in NODES:
        return {"Call": "a call", "Assign": "`set`"}.get(kind, f"`{kind}`")
    named = str(getattr(node, "attr", "") if kind == "Getattr" else getattr(node, "name", ""))
    if kind in ("Getattr", "Name") and named.startswith("_"):
        return "a name that begins with an underscore"
    if loops > DEEPEST_LOOP:
        return f"a loop {loops} deep"
    if filters > DEEPEST_FILTER:
        return f"a chain of {filters} filters"
    if kind == "Filter" and any(not _is_short(each) for each in node.args):
        return f"a filter argument other than a text of at most {LONGEST_ARGUMENT} characters"
    return ""


def _is_short(argument: Any) -> bool:
    return type(argument).__name__ == "Const" and len(str(argument.value)) <= LONGEST_ARGUMENT
