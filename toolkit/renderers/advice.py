"""An advice laid out: what to do, why, what it rests on, the break-even, and the tables beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toolkit.advise import tables
from toolkit.advise.answers import QUESTIONS, Rung, Stated, question
from toolkit.advise.break_even import BreakEven, Case
from toolkit.advise.decide import Advice
from toolkit.renderers import money_chart
from toolkit.renderers.document import Document, Section, Table
from toolkit.renderers.money_chart import dollars, when

TITLES = {"don't": "do not fine-tune"}


def document(advice: Advice, data: str = "") -> Document:
    """The whole advice. data: the run or file that was measured, for the commands."""
    branch = f": {advice.branch}" if advice.branch else ""
    kind = "Fine-tune" if advice.tunes else "Not a fine-tune, or not yet"
    mood = "ready" if advice.tunes else "not" if advice.leaf == "don't" else "risks"
    return Document(
        kind=f"Advice · {kind}",
        title=TITLES.get(advice.leaf, str(advice.leaf)) + branch,
        mood=mood,
        lead=advice.why,
        sections=(
            Section("Next", items=tuple(tables.next_steps(advice, data))),
            Section("What it rests on", table=_rests_on(advice), notes=advice.contradicted),
            Section("What the rows say besides", table=_measured(advice)),
            Section("What would change it", items=_changes(advice)),
            Section("Warnings", items=tuple(f"{each.name}: {each.says}. Try: {each.fix}" for each in advice.warned)),
            *([_money(advice.break_even)] if advice.break_even else []),
            *([_rungs(advice)] if advice.answers.measured.rungs else []),
            Section("Closed or open", lines=(tables.closed_or_open(advice.answers),)),
            Section("What to try first", table=_scenarios(advice)),
            Section("What each approach takes", table=_needs(advice), notes=("Rules of thumb of early 2026.",)),
        ),
    )


def _measured(advice: Advice) -> Table | None:
    """Measured answers that the tree did not come by."""
    found = {name: getattr(advice.answers, name) for name in QUESTIONS if name not in advice.rests_on}
    return _table({name: stated for name, stated in found.items() if stated.source == "measured"})


def _rests_on(advice: Advice) -> Table | None:
    return _table(advice.rests_on)


def _table(answers: Mapping[str, Stated[Any]]) -> Table | None:
    rows = []
    for name, stated in answers.items():
        source = {"measured": "measured", "you": "you said"}[stated.source] if stated.known else ""
        rows.append((question(name), _word(stated.answer), stated.evidence or source))
    return Table(("question", "answer", "evidence"), tuple(rows)) if rows else None


def _word(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _changes(advice: Advice) -> tuple[str, ...]:
    return tuple(f"{question(each.question)} If {each.answer}: {each.leaf}" for each in advice.turns)


def _money(found: BreakEven) -> Section:
    head = ("case", "saved a month", "costs a month", "before the first call", "paid back", "left at the end")
    rows = tuple(_case(each) for each in found.cases)
    moves = [f"{each.name}: {dollars(each.at_low)} to {dollars(each.at_high)} at the end" for each in found.moves[:4]]
    notes = [f"What moves the likely case most: {'; '.join(moves)}."] if moves else []
    if found.left_out:
        notes.append(f"Counted as nothing, because nobody said: {', '.join(found.left_out)}.")
    lead = {"pays": "It pays in every case.", "depends": "It depends: the cases disagree."}
    return Section(
        "Break-even",
        lines=(lead.get(found.answer, "It does not pay, not even in the best case."), _volume(found)),
        table=Table(head, rows, right=frozenset(range(1, 6)), marked=frozenset({1})),
        chart=money_chart.curve(found),
        blocks=money_chart.blocks(found),
        notes=tuple(notes),
    )


def _case(case: Case) -> tuple[str, ...]:
    end = f"{dollars(case.net)} in {case.months:g} months"
    return (
        case.name,
        dollars(case.saving_per_month),
        dollars(case.cost_per_month),
        dollars(case.upfront),
        when(case.month),
        end,
    )


def _volume(found: BreakEven) -> str:
    told = [f"{each.name} {'no volume' if each.volume is None else f'{each.volume:,.0f}'}" for each in found.cases]
    calls = found.likely.calls_per_month
    return f"Calls a month with which it pays: {', '.join(told)}; yours are {calls:,.0f}."


def _rungs(advice: Advice) -> Section:
    head: tuple[str, ...] = ("step", "right", "95 % interval", "rows", "off the shape", "seconds", "$ per 1,000 calls")
    found = advice.answers.measured
    rows = [_rung(each) for each in found.rungs]
    every = [*found.rungs, *([found.final] if found.final else [])]
    if found.final is not None:
        rows.append(_rung(found.final, f"held-out, run once: {found.final.name}"))
    if any(each.agreed is not None for each in every):
        head += ("judge agrees",)
        told = ("" if each.agreed is None else f"{each.agreed:.0%}" for each in every)
        rows = [(*row, agreed) for row, agreed in zip(rows, told, strict=True)]
    marked = frozenset({len(rows) - 1}) if found.final is not None else frozenset()
    table = Table(head, tuple(rows), right=frozenset(range(1, len(head))), marked=marked)
    return Section("The ladder, measured", table=table, notes=found.notes)


def _rung(rung: Rung, name: str = "") -> tuple[str, ...]:
    return (
        name or rung.name,
        f"{rung.score:.1%}",
        f"{rung.low:.1%} to {rung.high:.1%}",
        f"{rung.rows:,}",
        "" if rung.off_shape is None else f"{rung.off_shape:.1%}",
        "" if rung.latency_s is None else f"{rung.latency_s:.2f}",
        "" if rung.cost_per_1000 is None else f"{rung.cost_per_1000:.2f}",
    )


def _scenarios(advice: Advice) -> Table:
    found = tables.scenarios(advice)
    marked = frozenset(at for at, each in enumerate(found) if each.here)
    return Table(("where", "what to try first"), tuple((each.case, each.first) for each in found), marked=marked)


def _needs(advice: Advice) -> Table:
    found = tables.needs(advice)
    marked = frozenset(at for at, each in enumerate(found) if each.here)
    rows = tuple((each.approach, each.data, each.time, each.cost) for each in found)
    return Table(("approach", "data", "time", "cost"), rows, marked=marked)
