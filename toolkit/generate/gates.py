"""The gates of a run: built from a recipe, asked in order, the cheapest first.

They judge in the order of the plan, so what is accepted does not hang on which reply came first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from toolkit.core import parts
from toolkit.core.errors import UsageError, closest
from toolkit.core.gating import Context, Gate, Guard, Refusal
from toolkit.core.request import Cell, GeneratedRow

USUAL = ("schema", "label", "dedupe", "avoid")
Asked = Sequence[str | Mapping[str, Any]]


class Standing(NamedTuple):
    """A gate in a run. costly: it judges a candidate once, before its turn comes."""

    gate: Gate
    guard: Guard

    @property
    def id(self) -> str:
        return self.gate.id

    @property
    def costly(self) -> bool:
        return self.gate.costly

    @property
    def blocks(self) -> bool:
        return getattr(self.gate, "blocks", False)


def names(asked: Asked | None, task: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """The gates of a recipe with their options. asked: its `check`, None for the usual ones.

    task: the gates that prove rows of its task. They stand whatever the recipe lists, with the options
    that it gives them; what it lists besides is its own choice.
    """
    told: dict[str, dict[str, Any]] = {}
    for each in USUAL if asked is None else asked:
        for name, options in {each: {}}.items() if isinstance(each, str) else each.items():
            if name in told and name != "python":
                raise UsageError(f"the check '{name}' is listed twice", "write its options in one place")
            told[name] = _joined(told.get(name, {}), _options(name, options))
    for name, options in task.items():
        if name in told or name not in USUAL or asked is None:
            told[name] = {**options, **told.get(name, {})}
        elif name != "dedupe":
            told[name] = dict(options)
    return told


def build(asked: Asked | None, context: Context, task: Mapping[str, Mapping[str, Any]] | None = None) -> list[Standing]:
    """The gates of a recipe, cheapest first whatever its order. Raises UsageError for an unknown one."""
    shelf = parts.parts("gates")
    built: list[Gate] = []
    for name, options in names(asked, task or {}).items():
        if name not in shelf:
            what = f"unknown check '{name}'{closest(name, shelf)}"
            raise UsageError(what, f"one of: {', '.join(shelf)}")
        built.append(parts.build("gates", name, options))
    return [Standing(gate, gate.guard(context)) for gate in sorted(built, key=lambda gate: (gate.rank, gate.id))]


def judge(gates: Sequence[Standing], row: GeneratedRow, cell: Cell) -> Refusal | None:
    """The first gate that refuses a candidate, or None where all let it pass."""
    for each in gates:
        reason = row.verdicts[each.id] if each.id in row.verdicts else each.guard.judge(row, cell)
        if reason:
            return Refusal(each.id, reason)
    return None


def _joined(before: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a check; several functions of the user's stand behind one gate, in their order."""
    if not before:
        return dict(told)
    return {"call": [call for each in (before, told) for call in _listed(each.get("call", []))]}


def _listed(told: Any) -> list[Any]:
    return list(told) if isinstance(told, list) else [told]


def _options(name: str, told: Any) -> dict[str, Any]:
    """The options of one gate; `{python: "checks.py:function"}` is short for its one option."""
    if isinstance(told, Mapping):
        return dict(told)
    if name == "python" and isinstance(told, str | list):
        return {"call": told}
    if told is None:
        return {}
    what = f"the options of the check '{name}' are {str(told)[:40]!r}"
    raise UsageError(what, f"write {{{name}: {{option: value}}}}")
