"""The sections of a report that `extra` holds, as sentences and tables that every page shows alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from toolkit.core.report import Report
from toolkit.renderers.money_chart import dollars, when
from toolkit.renderers.words import count, number, plural

KNOWN = (
    "since", "fixes", "advice", "minimums", "made", "learning", "leaked", "cost", "confused", "personal", "mix"
)  # fmt: skip


class Section(NamedTuple):
    """lines: sentences. head, rows: a table, empty without one. first: whether it stands right after the reasons."""

    id: str
    title: str
    lines: list[str]
    head: tuple[str, ...] = ()
    rows: Sequence[Sequence[str]] = ()
    first: bool = False


def sections(report: Report) -> list[Section]:
    """Those that the report has, in the order of the page."""
    return [BUILD[name](report.extra[name]) for name in KNOWN if report.extra.get(name)]


def _since(told: Any) -> Section:
    lines = [f"Compared with {told['report']}."]
    lines += [f"Gone: {title}." for title in told["gone"][:20]] + [f"New: {title}." for title in told["new"][:20]]
    rows = [[str(name), _value(was), _value(now)] for name, was, now in [*told["changed"], *told["checks"][:60]]]
    lines += [] if rows or len(lines) > 1 else ["Nothing is different."]
    return Section("since", "Since the report before", lines, ("What", "Before", "Now"), rows, first=True)


def _value(value: Any) -> str:
    if value is None:
        return "none"
    return value if isinstance(value, str) else number(float(value))


def _fixes(told: Any) -> Section:
    lines = [f"{each['reason']}: {each['effect']}" for each in told]
    if len(told) > 1 and told[0].get("together"):
        lines.append(f"Without all {len(told)} of these: {told[0]['together']}.")
    return Section("fixes", "What the fixes with the largest effect bring", lines, first=True)


def _advice(told: Any) -> Section:
    branch = f": {told['branch']}" if told["branch"] else ""
    lines = [f"{_sentence(told['advice'])}{branch}: {told['why'][0]}."]
    lines += [f"{_sentence(each['name'])}: {each['says']}." for each in told["warnings"][:10]]
    if not (money := told["break_even"]):
        return Section("advice", "Whether to fine-tune", lines)
    rows = [
        [each["name"], dollars(each["saving_per_month"]), when(each["month"]), dollars(each["net"])]
        for each in money["cases"].values()
    ]
    head = ("Case", "Saved a month", "Paid back", "Left at the end")
    return Section("advice", "Whether to fine-tune, and the break-even", lines, head, rows)


def _minimums(told: Any) -> Section:
    unmet = [each for each in told if not each["met"]]
    line = f"{len(told) - len(unmet)} of {len(told)} rules of thumb are met; none of them has error bars."
    rows = [
        [
            f"{count(each['least'])} {each['what']}",
            each["for"],
            each["source"],
            f"{count(each['have'])}, {'met' if each['met'] else 'not met'}",
        ]
        for each in told
    ]
    return Section("minimums", "How many rows it takes", [line], ("At least", "For", "Source", "Here"), rows)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _learning(told: Any) -> Section:
    lines = [
        f"{_sentence(told['line'])}.",
        "It is a linear probe on embeddings, not the model that you will train, and more rows of the same kind.",
    ]
    rows = [[count(n), f"{100 * share:.1f} %", "measured"] for n, share, _, _ in told["points"]]
    rows += [
        [count(n), f"{100 * share:.1f} % (90 %: {100 * lo:.1f} to {100 * hi:.1f})", "by the curve"]
        for n, share, lo, hi in told["expected"]
    ]
    return Section("learning", "What more rows would bring", lines, ("Rows", "Labels named right", ""), rows)


def _leaked(told: Any) -> Section:
    none = "Too few held-out rows have a near row in train to compare their scores"
    spoken = f"{_sentence(told['line'] or none)}."
    rows = [
        [name, count(n), f"{100 * share:.1f} % (95 %: {100 * low:.1f} to {100 * high:.1f})"]
        for name, n, share, low, high in told["parts"]
        if n
    ]
    return Section(
        "leaked",
        "The score with and without near rows",
        [spoken],
        ("Held-out rows", "Rows", "Named right by a probe"),
        rows,
    )


def _cost(told: Any) -> Section:
    rows = [[each["name"], each["group"], _money(each)] for each in told["facts"]]
    lines = [
        f"{_sentence(told['line'])}.",
        "Prices are dated, check their page. Hosting, validation and minimum charges are extra.",
    ]
    return Section("cost", "Tokens, epochs and cost", lines, ("What", "How", "About"), rows)


def _money(each: Mapping[str, Any]) -> str:
    wide = each["low"] is not None and each["low"] != each["high"]
    if each["unit"] == "$":
        return f"${each['value']:,.2f}" + (f" (${each['low']:,.2f} to ${each['high']:,.2f})" if wide else "")
    return f"{count(each['value'])} {each['unit']}" + (
        f" ({count(each['low'])} to {count(each['high'])})" if wide else ""
    )


def _confused(told: Any) -> Section:
    line = (
        "Doubted labels, by the label of the rows that are like them. Two classes that people cannot tell apart "
        "want a clearer definition, or one name."
    )
    rows = [[str(pair), count(n)] for pair, n in told]
    return Section("confused", "Classes most often confused", [line], ("Labelled -> rather", "Rows"), rows)


def _personal(told: Any) -> Section:
    rows = [[check, kind, count(found), count(kept)] for check, kind, found, kept in told]
    line = f"{plural(len(told), 'kind')} of secrets and personal data; the values are in no report."
    return Section(
        "personal", "Secrets and personal data", [line], ("Check", "Kind", "Rows of the input", "Rows that stay"), rows
    )


def _made(told: Any) -> Section:
    kept, tried = told["accepted"], told["candidates"]
    line = (
        f"{count(kept)} of {count(tried)} candidates of {told['provider']} became rows, {count(told['target'])} were "
        "asked for. Each gate judges what the gates before it let through."
    )
    rows = [
        [each["gate"], count(each["reached"]), count(each["refused"]), _share(each["refused"], each["reached"])]
        for each in told["waterfall"]
    ]
    return Section("made", "How the rows were made", [line], ("Gate", "Reached it", "Refused", "Share"), rows)


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "-"


def _mix(told: Any) -> Section:
    line = (
        f"{count(told['rows_mixed_in'])} rows of {told['general']}, {100 * told['share']:.1f} % of train.mixed.jsonl; "
        f"{count(told['left_out_as_alike'])} were left out as alike. Score regression.jsonl before and after the tune: "
        "the difference is what was forgotten."
    )
    rows = [[each["name"], count(each["rows"]), each["file"], each["sha256"]] for each in told["files"]]
    return Section("mix", "General data against forgetting", [line], ("Part", "Rows", "File", "sha256"), rows)


BUILD: Mapping[str, Callable[[Any], Section]] = {
    "since": _since,
    "fixes": _fixes,
    "advice": _advice,
    "minimums": _minimums,
    "made": _made,
    "learning": _learning,
    "leaked": _leaked,
    "cost": _cost,
    "confused": _confused,
    "personal": _personal,
    "mix": _mix,
}
