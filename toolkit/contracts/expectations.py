"""The expectations that a contract may use: a name, typed arguments, and the SQL of the rows that break it.

Nulls as Great Expectations has them: a null breaks `not_be_null` and nothing else; of a pair, one
null breaks it and two do not. A test holds every predicate here against its verdict.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from toolkit.core.errors import closest

Kind = Literal["number", "text", "any", "set"]
Arguments = Mapping[str, Any]
Scalar = bool | int | float | str

ROW = '"row"'
TABLE = "features"


class Expectation(NamedTuple):
    """One kind of expectation.

    needs: what its columns must hold; `set`: the type of the given values. arguments: each with the
    type it must have, `!` at the end where it must be given. broken: SQL over the table `features`
    of the rows that break it, None for one about the table as a whole. measured: SQL of the one value
    that a whole-table expectation is about. words: what is wrong, for a message.
    """

    needs: Kind
    arguments: Mapping[str, str]
    words: Callable[[Arguments], str]
    broken: Callable[[Sequence[str], Arguments], str] | None = None
    measured: Callable[[str], str] | None = None


def quoted(name: str) -> str:
    """A column name as SQL has it."""
    return '"' + name.replace('"', '""') + '"'


def literal(value: Scalar) -> str:
    """A value of a contract as SQL has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    return f"{float(value)!r}::DOUBLE" if isinstance(value, float) else "'" + value.replace("'", "''") + "'"


def _bounds(value: str, given: Arguments) -> str:
    """SQL that is true where a value lies between the bounds that are given."""
    over = ">" if given.get("strict_min") else ">="
    under = "<" if given.get("strict_max") else "<="
    limits = [(over, given.get("min_value")), (under, given.get("max_value"))]
    return " AND ".join(f"{value} {sign} {literal(limit)}" for sign, limit in limits if limit is not None)


def _range_words(given: Arguments) -> str:
    low, high = given.get("min_value"), given.get("max_value")
    below = f"is at or below {low}" if given.get("strict_min") else f"is below {low}"
    above = f"is at or above {high}" if given.get("strict_max") else f"is above {high}"
    return " or ".join(words for words, limit in ((below, low), (above, high)) if limit is not None)


def _between(columns: Sequence[str], given: Arguments) -> str:
    name = quoted(columns[0])
    return f"{name} IS NOT NULL AND NOT ({_bounds(name, given)})"


def _lengths(columns: Sequence[str], given: Arguments) -> str:
    name = quoted(columns[0])
    return f"{name} IS NOT NULL AND NOT ({_bounds(f'length({name})', given)})"


def _in_set(columns: Sequence[str], given: Arguments, *, inside: bool) -> str:
    name = quoted(columns[0])
    found = f"{name} IN ({', '.join(literal(value) for value in given['value_set'])})"
    return f"{name} IS NOT NULL AND {'NOT ' if inside else ''}({found})"


def _regex(columns: Sequence[str], given: Arguments, *, match: bool) -> str:
    # Python's regular expressions, as the suite uses them: RE2 differs on `$`, `\\d` and `\\w`.
    name = quoted(columns[0])
    return f"{name} IS NOT NULL AND {'NOT ' if match else ''}python_search({literal(given['regex'])}, {name})"


def _unique(columns: Sequence[str], given: Arguments) -> str:
    name = quoted(columns[0])
    twice = f"SELECT {name} FROM {TABLE} WHERE {name} IS NOT NULL GROUP BY {name} HAVING count(*) > 1"
    return f"{name} IN ({twice})"


def _unique_together(columns: Sequence[str], given: Arguments) -> str:
    names = [quoted(name) for name in columns]
    some = " OR ".join(f"{name} IS NOT NULL" for name in names)
    count = f"SELECT {ROW} AS r, count(*) OVER (PARTITION BY {', '.join(names)}) AS n FROM {TABLE} WHERE {some}"
    return f"{ROW} IN (SELECT r FROM ({count}) WHERE n > 1)"


def _pair(columns: Sequence[str], sign: str) -> str:
    left, right = map(quoted, columns)
    return f"({left} IS NOT NULL OR {right} IS NOT NULL) AND NOT coalesce({left} {sign} {right}, false)"


def _greater(columns: Sequence[str], given: Arguments) -> str:
    return _pair(columns, ">=" if given.get("or_equal") else ">")


_RANGE = {"min_value": "number", "max_value": "number", "strict_min": "flag", "strict_max": "flag"}
_LENGTH = {**_RANGE, "min_value": "count", "max_value": "count"}
_PAIR = {"column_A": "column!", "column_B": "column!"}


def _measure(sql: str, words: str, needs: Kind = "number") -> Expectation:
    """An expectation that a measure of the whole table lies in a range."""
    return Expectation(
        needs, _RANGE, lambda given: f"{words}: it {_range_words(given)}", None, lambda at: sql.format(at)
    )


ROW_RULES: dict[str, Expectation] = {
    "expect_column_values_to_be_between": Expectation("number", _RANGE, _range_words, _between),
    "expect_column_value_lengths_to_be_between": Expectation(
        "text", _LENGTH, lambda given: f"has a length that {_range_words(given)}", _lengths
    ),
    "expect_column_values_to_be_in_set": Expectation(
        "set",
        {"value_set": "values!"},
        lambda given: f"is not one of {_listed(given['value_set'])}",
        lambda columns, given: _in_set(columns, given, inside=True),
    ),
    "expect_column_values_to_not_be_in_set": Expectation(
        "set",
        {"value_set": "values!"},
        lambda given: f"is one of {_listed(given['value_set'])}",
        lambda columns, given: _in_set(columns, given, inside=False),
    ),
    "expect_column_values_to_match_regex": Expectation(
        "text",
        {"regex": "regex!"},
        lambda given: f"does not match {given['regex']}",
        lambda columns, given: _regex(columns, given, match=True),
    ),
    "expect_column_values_to_not_match_regex": Expectation(
        "text",
        {"regex": "regex!"},
        lambda given: f"matches {given['regex']}",
        lambda columns, given: _regex(columns, given, match=False),
    ),
    "expect_column_values_to_not_be_null": Expectation(
        "any", {}, lambda _: "is missing", lambda columns, _: f"{quoted(columns[0])} IS NULL"
    ),
    "expect_column_values_to_be_null": Expectation(
        "any", {}, lambda _: "is given", lambda columns, _: f"{quoted(columns[0])} IS NOT NULL"
    ),
    "expect_column_values_to_be_unique": Expectation("any", {}, lambda _: "occurs more than once", _unique),
    "expect_compound_columns_to_be_unique": Expectation(
        "any", {"column_list": "columns!"}, lambda _: "occur together more than once", _unique_together
    ),
    "expect_column_pair_values_a_to_be_greater_than_b": Expectation(
        "number",
        {**_PAIR, "or_equal": "flag"},
        lambda given: f"is {'' if given.get('or_equal') else 'at or '}below {given['column_B']}",
        _greater,
    ),
    "expect_column_pair_values_to_be_equal": Expectation(
        "any", _PAIR, lambda given: f"differs from {given['column_B']}", lambda columns, _: _pair(columns, "=")
    ),
}
TABLE_RULES: dict[str, Expectation] = {
    "expect_table_row_count_to_be_between": _measure("SELECT count(*)", "the number of rows", "any"),
    "expect_column_mean_to_be_between": _measure("SELECT avg({})", "the mean"),
    "expect_column_median_to_be_between": _measure("SELECT median({})", "the median"),
    "expect_column_min_to_be_between": _measure("SELECT min({})", "the smallest value"),
    "expect_column_max_to_be_between": _measure("SELECT max({})", "the largest value"),
    "expect_column_unique_value_count_to_be_between": _measure(
        "SELECT count(DISTINCT {})", "the number of different values", "any"
    ),
    "expect_column_proportion_of_unique_values_to_be_between": _measure(
        "SELECT coalesce(count(DISTINCT {0}) / nullif(count({0}), 0), 0)", "the share of different values", "any"
    ),
    "expect_column_proportion_of_non_null_values_to_be_between": _measure(
        "SELECT coalesce(count({}) / nullif(count(*), 0), 0)", "the share of rows that have it", "any"
    ),
}
EXPECTATIONS: dict[str, Expectation] = {**ROW_RULES, **TABLE_RULES}
"""Every supported expectation by its name in Great Expectations, in snake case."""


def _listed(values: Sequence[Scalar]) -> str:
    shown = ", ".join(str(value)[:40] for value in values[:8])
    return f"{shown} and {len(values) - 8} more" if len(values) > 8 else shown


def snake(name: str) -> str:
    """An expectation's name in snake case, `expect_` in front; ValueError where it is not supported."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
    found = words if words.startswith("expect_") else f"expect_{words}"
    if found not in EXPECTATIONS:
        known = ", ".join(sorted(EXPECTATIONS))
        raise ValueError(f"not an expectation that is supported{closest(found, EXPECTATIONS)}; supported: {known}")
    return found


def check_arguments(name: str, given: Arguments) -> None:
    """ValueError where an argument is unknown, missing or of the wrong type, or a range has no bound."""
    wanted = EXPECTATIONS[name].arguments
    for argument, value in given.items():
        if argument not in wanted:
            known = ", ".join(wanted) or "none"
            raise ValueError(f"{name} has no argument '{argument}'{closest(argument, wanted)}; it has: {known}")
        _check_type(argument, value, wanted[argument].removesuffix("!"))
    for argument, kind in wanted.items():
        if kind.endswith("!") and argument not in given:
            raise ValueError(f"{name} needs the argument '{argument}'")
    if "min_value" in wanted and given.get("min_value") is None and given.get("max_value") is None:
        raise ValueError(f"{name} needs min_value or max_value")


def _check_type(argument: str, value: Any, kind: str) -> None:
    fits, words = _TYPES[kind]
    if not fits(value):
        raise ValueError(f"{argument} must be {words}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300


def _is_regex(value: Any) -> bool:
    try:
        return isinstance(value, str) and bool(re.compile(value))
    except re.error:
        return False


def _is_values(value: Any) -> bool:
    if not isinstance(value, list) or not value:
        return False
    numbers = all(_is_number(each) for each in value)
    return numbers or any(all(isinstance(each, kind) for each in value) for kind in (str, bool))


_TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "number": (_is_number, "a number"),
    "count": (
        lambda value: isinstance(value, int) and not isinstance(value, bool) and value >= 0,
        "a count, 0 or more",
    ),
    "flag": (lambda value: isinstance(value, bool), "true or false"),
    "regex": (_is_regex, "a regular expression that Python can read"),
    "values": (_is_values, "a list of numbers, of texts, or of true and false; quote a yes or no"),
    "column": (lambda value: isinstance(value, str) and bool(value), "a column name"),
    "columns": (
        lambda value: isinstance(value, list) and len(value) > 1 and all(isinstance(each, str) for each in value),
        "a list of two or more column names",
    ),
}
