"""A grammar's section as it stands in a recipe: forms of lexicons, entries and their weights, checked one by one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any

from toolkit.core.errors import UsageError, unknown
from toolkit.providers.expansion import Definition, Entry
from toolkit.providers.letters import CASES

_LIGHTEST, _HEAVIEST = 1e-9, 1e9
_FURTHEST = 10**15
_DAYS = 100_000
_FORMS = (
    "write `[text, text]`, `{digits: '##'}`, `{range: [1, 9]}`, `{dates: [2026-01-01, 2026-12-31], form: '%d %B'}`, "
    "`{by: tone, values: ...}` or `{once: ...}` around one of them"
)


def definition(name: str, told: Any) -> Definition:
    """A lexicon as it stands in a recipe. Raises UsageError for a form that is none."""
    if not isinstance(told, Mapping):
        return Definition(entries=tuple(entries(name, told)))
    keys = set(told)
    if keys == {"once"}:
        return definition(name, told["once"])._replace(once=True)
    if keys == {"digits"}:
        return _digits(name, told["digits"])
    if "range" in keys and keys <= {"range", "pad", "one", "many"}:
        return _range(name, told)
    if "dates" in keys and keys <= {"dates", "form"}:
        return Definition(entries=tuple(_dates(name, told["dates"], told.get("form", "%Y-%m-%d"))))
    if keys == {"by", "values"} and isinstance(told["values"], Mapping):
        values = {str(key): tuple(entries(f"{name}, {key}", each)) for key, each in told["values"].items()}
        return Definition(by=str(told["by"]), values=values)
    raise _no_form(name)


def entries(name: str, told: Any) -> list[Entry]:
    """A list of texts and weighted texts."""
    if isinstance(told, str | Mapping) or not isinstance(told, Sequence):
        raise _no_form(name)
    return [_entry(name, each) for each in told]


def _no_form(name: str) -> UsageError:
    return UsageError(f"'{name}' in the grammar is neither a list nor digits, range, dates, by or once", _FORMS)


def _entry(name: str, told: Any) -> Entry:
    if _is_text(told):
        return Entry(_text(name, str(told)))
    if not isinstance(told, Mapping) or not set(told) <= {"text", "weight", "case"} or not _is_text(told.get("text")):
        what = f"'{name}' in the grammar has an entry {_shown(told)}"
        raise UsageError(what, "write a text (with quotes, if it looks like something else) or {text: ..., weight: 2}")
    case = told.get("case", "")
    if case and case not in CASES:
        raise unknown(f"letter case in '{name}',", str(case), CASES)
    return Entry(_text(name, str(told["text"])), _weight(name, told.get("weight", 1)), str(case))


def _is_text(told: Any) -> bool:
    if isinstance(told, bool) or not isinstance(told, str | int):
        return False
    return isinstance(told, str) or abs(told) <= _FURTHEST


def _weight(name: str, told: Any) -> float:
    if isinstance(told, int | float) and not isinstance(told, bool) and _LIGHTEST <= told <= _HEAVIEST:
        return float(told)
    what = f"'{name}' in the grammar has an entry of weight {_shown(told)}"
    raise UsageError(what, "write a number above 0 and at most 1,000,000,000, or take the entry out")


def _text(name: str, text: str) -> str:
    """The text, if it can be written to a file. Raises UsageError for half a surrogate pair."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError as failure:
            what = f"'{name}' in the grammar has half of a surrogate pair in {text[:60]!r}"
            raise UsageError(what, "write the character itself, not its \\u escapes") from failure
    return text


def _digits(name: str, told: Any) -> Definition:
    if not isinstance(told, str) or not told:
        raise UsageError(f"the digits of '{name}' in the grammar are {_shown(told)}", "write '#' for each digit")
    return Definition(digits=_text(name, told))


def _range(name: str, told: Mapping[str, Any]) -> Definition:
    span, pad = _span(name, told["range"]), told.get("pad", 0)
    if not isinstance(pad, int) or isinstance(pad, bool) or not 0 <= pad <= 20:
        raise UsageError(
            f"the pad of '{name}' in the grammar is {_shown(pad)}", "write the digits of a number, such as 2"
        )
    if ("one" in told) != ("many" in told):
        raise UsageError(f"the range of '{name}' in the grammar counts in one form", "write both `one` and `many`")
    if "one" not in told:
        return Definition(span=span, pad=pad)
    words = (_text(name, str(told["one"])), _text(name, str(told["many"])))
    return Definition(span=span, pad=pad, words=words)


def _span(name: str, told: Any) -> tuple[int, int]:
    if (
        isinstance(told, Sequence)
        and len(told) == 2
        and all(isinstance(each, int) and not isinstance(each, bool) for each in told)
        and -_FURTHEST <= told[0] <= told[1] <= _FURTHEST
    ):
        return int(told[0]), int(told[1])
    what = f"the range of '{name}' in the grammar is {_shown(told)}"
    raise UsageError(what, "write two whole numbers of at most 15 digits, the lower first, or `digits`")


def _dates(name: str, told: Any, form: Any) -> list[Entry]:
    """Every day of a span in a form of `strftime`; `%-d` and `%-m` are days and months without a zero."""
    days = [_day(each) for each in told] if isinstance(told, Sequence) and not isinstance(told, str) else []
    if len(days) != 2 or None in days or not days[0] <= days[1] or (days[1] - days[0]).days >= _DAYS:
        what = f"the dates of '{name}' in the grammar are {_shown(told)}"
        raise UsageError(what, f"write two days such as 2026-01-31, the earlier first, at most {_DAYS:,} days apart")
    if not isinstance(form, str) or "%" not in form:
        raise UsageError(f"the form of the dates of '{name}' is {_shown(form)}", "write one such as '%-d %B %Y'")
    span = (days[0] + timedelta(nth) for nth in range((days[1] - days[0]).days + 1))
    return [Entry(_braces(_dated(day, form))) for day in span]


def _day(told: Any) -> Any:
    """A date of YAML or one written as a text; None for what is neither."""
    if isinstance(told, date):
        return date(told.year, told.month, told.day)
    try:
        return date.fromisoformat(str(told))
    except ValueError:
        return None


def _dated(day: date, form: str) -> str:
    return day.strftime(form.replace("%-d", str(day.day)).replace("%-m", str(day.month)))


def _braces(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")


def _shown(told: Any) -> str:
    """The beginning of a value for an error. Python writes no number of more than 4,300 digits."""
    try:
        return repr(told)[:60]
    except ValueError:
        return "too long to show"
