"""From a contract as it is written to one over flat columns: which features, which columns of the row's own.

A column of the user's own row has whatever type each row gives it. A rule that needs numbers sees
the numbers; a second rule, made here, finds the rows that hold something else. So a text in the
place of a number is found, not converted and not passed over.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from toolkit.contracts.model import Contract, Rule
from toolkit.core.errors import UsageError, closest

PREFIX = "row."
SEVERITIES = ("info", "warning", "error", "blocker")
IS = {"number": "number", "text": "text", "flag": "true or false"}


class Plan(NamedTuple):
    """contract: the same rules over flat columns. features: those to compute. own: keys of the row, each with the
    types under which it is to be read."""

    contract: Contract
    features: tuple[str, ...]
    own: dict[str, set[str]]


def plan(contract: Contract, known: Mapping[str, pa.DataType]) -> Plan:
    """Lay out the columns of a contract. known: the features and their types.

    Raises UsageError where an expectation does not fit the type of a feature.
    """
    if contract.where and known.get(contract.where) != pa.bool_():
        yes_no = [name for name, kind in known.items() if kind == pa.bool_()]
        what = f"contract '{contract.name}': where: {contract.where} is not a yes-or-no feature"
        raise UsageError(what + closest(contract.where, yes_no), f"one of: {', '.join(yes_no)}")
    own: dict[str, set[str]] = {}
    rules, features = [], set()
    for rule in contract.rules:
        names = {}
        for column in rule.columns:
            names[column] = _place(rule, column, known, own)
            if names[column] in known:
                features.add(names[column])
        rules.append(_renamed(rule, names))
    rules += _type_rules(rules, own)
    flat = contract.model_copy(update={"rules": rules})
    return Plan(flat, tuple(name for name in known if name in features), own)


def _place(rule: Rule, column: str, known: Mapping[str, pa.DataType], own: dict[str, set[str]]) -> str:
    """The flat column that a rule's column is read from; what it needs of the row is noted in `own`."""
    need = _need(rule)
    if column in known:
        _must_fit(rule, column, need, known[column])
        return column
    key = column.removeprefix(PREFIX)
    own.setdefault(key, set()).add(need)
    return f"{key} ({need})"


def _need(rule: Rule) -> str:
    """What a rule's columns must hold: number, text, flag, or json for anything."""
    if rule.spec.needs == "set":
        value = rule.arguments["value_set"][0]
        return "flag" if isinstance(value, bool) else "text" if isinstance(value, str) else "number"
    return "json" if rule.spec.needs == "any" else rule.spec.needs


def _must_fit(rule: Rule, column: str, need: str, kind: pa.DataType) -> None:
    holds = "flag" if kind == pa.bool_() else "text" if kind == pa.string() else "number"
    if need not in (holds, "json"):
        what = f"rule '{rule.title}': {column} holds {_many(holds)}, and {rule.expectation} needs {_many(need)}"
        raise UsageError(what, f"ask for a column of {_many(need)}, or for another expectation")


def _many(kind: str) -> str:
    return {"number": "numbers", "text": "texts", "flag": "true or false"}[kind]


def _renamed(rule: Rule, names: Mapping[str, str]) -> Rule:
    given: dict[str, Any] = dict(rule.arguments)
    for argument in ("column_A", "column_B"):
        if argument in given:
            given[argument] = names[given[argument]]
    if "column_list" in given:
        given["column_list"] = [names[column] for column in given["column_list"]]
    column = None if rule.column is None else names[rule.column]
    return rule.model_copy(update={"column": column, "arguments": given, "name": rule.title})


def _type_rules(rules: Iterable[Rule], own: Mapping[str, set[str]]) -> list[Rule]:
    """A rule for every type that a key is asked to have, as strict as the strictest rule that asks."""
    made = []
    for key, needs in own.items():
        for need in sorted(needs - {"json"}):
            asking = [rule for rule in rules if f"{key} ({need})" in rule.columns]
            made.append(
                Rule(
                    name=f"{key} is {IS[need]}",
                    column=f"{key} (type)",
                    expectation="expect_column_values_to_be_in_set",
                    arguments={"value_set": [IS[need], "null", "missing"]},
                    mostly=max(rule.mostly for rule in asking),
                    severity=max((rule.severity for rule in asking), key=SEVERITIES.index),
                )
            )
    return made


def own_columns(batches: Iterable[pa.RecordBatch], wanted: Mapping[str, set[str]]) -> dict[str, pa.Array]:
    """Flat columns of the rows' own top-level keys, by name. batches: with the column `raw`.

    Costs a parse of every row. Raises UsageError for a key that no row has.
    """
    cells: dict[str, list[Any]] = {key: [] for key in wanted}
    seen: dict[str, None] = {}
    for batch in batches:
        for raw in batch.column("raw").to_pylist():
            row = orjson.loads(raw)
            if len(seen) < 200:
                seen.update(dict.fromkeys(row))
            for key, values in cells.items():
                values.append(row.get(key, _MISSING))
    for key, values in cells.items():
        if all(value is _MISSING for value in values):
            what = f"the contract asks for the column '{key}', which no row has{closest(key, seen)}"
            raise UsageError(
                what, f"columns of the rows: {', '.join(list(seen)[:20])}; features: `toolkit parts contract`"
            )
    return {name: column for key, values in cells.items() for name, column in _typed(key, values, wanted[key])}


_MISSING = object()


def _typed(key: str, values: list[Any], needs: set[str]) -> Iterable[tuple[str, pa.Array]]:
    kinds = [_kind(value) for value in values]
    yield f"{key} (type)", pa.array(kinds, pa.string())
    for need in sorted(needs):
        if need == "json":
            yield f"{key} (json)", pa.array(map(_json, values, kinds), pa.string())
        else:
            wanted = IS[need]
            held = [value if kind == wanted else None for value, kind in zip(values, kinds, strict=True)]
            yield f"{key} ({need})", _array(held, need)


def _kind(value: Any) -> str:
    if value is _MISSING:
        return "missing"
    kinds = {str: "text", bool: "true or false", int: "number", float: "number", list: "list", dict: "object"}
    return kinds.get(type(value), "null")


def _json(value: Any, kind: str) -> str | None:
    return None if kind in ("missing", "null") else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()


def _array(values: list[Any], need: str) -> pa.Array:
    if need != "number":
        return pa.array(values, pa.string() if need == "text" else pa.bool_())
    whole = all(value is None or (isinstance(value, int) and -(2**63) <= value < 2**63) for value in values)
    return pa.array(values if whole else [None if v is None else float(v) for v in values], _NUMBER[whole])


_NUMBER = {True: pa.int64(), False: pa.float64()}
