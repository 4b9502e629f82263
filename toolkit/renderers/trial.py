"""What a recipe would make and cost, on a terminal: rows with their prompts, and the estimate of a pilot."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

import orjson

from toolkit.renderers.words import escaped_json

if TYPE_CHECKING:
    from toolkit.generate.estimate import Estimate
    from toolkit.generate.origin import Origin
    from toolkit.generate.preview import Preview, Shown, Trial
    from toolkit.generate.status import CellStatus, Status

MOST_CELLS = 12
LIKELY = 0.8


def previewed(found: Preview) -> str:
    """Each conversation: its prompts in full, its rows with the verdict of the gates; then the cost."""
    result = found.result
    lines = [line for trial in found.trials for line in _trial(trial, result.provider, reads=found.reads_prompt)]
    cost = "a price that is not known" if result.cost_usd is None else f"${result.cost_usd:.4f}"
    return safe(
        "\n".join(
            [
                *lines,
                *(f"stopped: {reason}" for reason in result.stops),
                f"{found.shown:,} of {found.made:,} candidates shown, {result.accepted:,} accepted; "
                f"cost so far: {cost}",
            ]
        )
    )


def state(found: Status) -> str:
    """How far a run is: rows, gates, cells that miss most, money, pace."""
    spent = [f"${found.spent_usd:.4f}", f"{found.tokens:,} tokens"] if found.tokens else ["nothing"]
    caps = ", ".join(f"{name} {cap:,}" for name, cap in found.budget.items())
    refused = ", ".join(f"{gate} {count:,}" for gate, count in found.refused.items())
    short = sorted((each for each in found.cells if each.accepted < each.planned), key=_missing)
    doing = "running" if found.running else "at rest"
    lines = [
        f"{found.name}: {found.accepted:,} of {found.target:,} rows accepted, {doing}",
        f"refused: {refused or 'none'}",
        f"requests: {found.requests:,} sent, {found.in_flight:,} in the air",
        f"spent: {' for '.join(spent)}{f' (budget: {caps})' if caps else ''}",
        *([f"nothing was answered since: {found.failure}"] if found.failure else []),
        *(f"  {each.accepted:,} of {each.planned:,}  {each.cell}" for each in short[:MOST_CELLS]),
    ]
    if len(short) > MOST_CELLS:
        lines.append(f"  and {len(short) - MOST_CELLS:,} more cells that miss rows")
    if found.left_s is not None:
        lines.append(f"{found.per_minute:,.0f} accepted rows a minute, {_time(found.left_s)} left")
    return "\n".join(lines)


def estimated(found: Estimate) -> str:
    """The cost of the whole run with its interval, its time, and the pilot that they rest on."""
    result = found.result
    pilot = f"{result.accepted:,} of {result.candidates:,} candidates accepted in {found.conversations:,} conversations"
    lines = [f"pilot: {pilot}"]
    if found.total is None:
        lines.append("no estimate: no row was accepted; see `toolkit preview`")
    else:
        told = found.total
        whole, low, high = (_amount(each, found.unit) for each in told[:3])
        lines += [
            f"{found.wanted:,} accepted rows: {whole}, 90 % interval {low} to {high}",
            f"per accepted row: {_amount(told.per_row, found.unit)}",
        ]
    if found.total is not None and not found.sharp:
        lines.append("note: the interval is wider than asked; give --most a larger pilot")
    if found.total is not None and found.met < LIKELY:
        lines.append(
            f"note: answers repeat themselves: max_candidates ({found.most:,}) is enough with a chance of "
            f"{found.met:.0%}, and gives about {found.reach:,} rows; more `vary`, `personas` or seeds give more"
        )
    if found.seconds is not None:
        lines.append(f"time: about {_time(found.seconds)}, unless the server slows down")
    return "\n".join([*lines, *(f"stopped: {reason}" for reason in result.stops)])


def _amount(value: float, unit: str) -> str:
    if unit == "usd":
        return f"${value:.4f}" if value < 1 else f"${value:,.2f}"
    return f"{value:,.2f} {unit}" if value < 10 else f"{value:,.0f} {unit}"


def as_json(found: Origin) -> str:
    """Every value, safe to print."""
    return escaped_json(orjson.dumps(found.as_json(), option=orjson.OPT_INDENT_2).decode())


def safe(text: str) -> str:
    """Lines as they are, with what a terminal would obey written out."""
    return "".join(
        each if each == "\n" or each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def came(found: Origin) -> str:
    """Where a generated row is, what refused it, its lineage, its prompt and the reply."""
    refused = f" by {found.gate}: {found.reason}" if found.gate else ""
    lineage = [f"  {name}: {orjson.dumps(value).decode()}" for name, value in found.lineage.items()]
    cost = f", ${found.usd:.4f}" if found.usd else ""
    lines = [f"{found.run} {found.ref}: {found.place}{refused}", indent(orjson.dumps(dict(found.row)).decode(), "  ")]
    lines += ["lineage", *lineage] if lineage else []
    lines += [f"-- {each['role']}\n{indent(each['content'], '  ')}" for each in found.prompt]
    lines += [f"-- reply, with {found.siblings:,} more rows asked for{cost}", indent(found.reply, "  ")]
    return safe("\n".join(lines))


def _missing(each: CellStatus) -> int:
    return each.accepted - each.planned


def _time(seconds: float) -> str:
    """A time in words: `40 s`, `12 min`, `3.5 h`."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _trial(trial: Trial, provider: str, *, reads: bool) -> list[str]:
    lines = [f"== {trial.cell}"]
    for request in trial.asked if reads else ():
        to = f" to {request.to}" if request.to else ""
        lines += [f"-- {told.role}{to}\n{indent(told.content, '  ')}" for told in request.messages]
    if not reads:
        lines.append(f"-- no prompt: {provider} composes rows of the cell")
    lines += [_row(each) for each in trial.shown]
    return [*lines, *([f"-- no rows: {trial.dead}"] if trial.dead else []), ""]


def _row(shown: Shown) -> str:
    verdict = f"refused by {shown.refusal.gate}: {shown.refusal.reason}" if shown.refusal else "accepted"
    return f"-- row, {verdict}\n{indent(orjson.dumps(dict(shown.row.fields)).decode(), '  ')}"
