"""A generation run on a terminal: what it could give before, and what each gate let through after."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from toolkit.generate import GenerateResult, Prepared
    from toolkit.generate.result import Step

WORDS = {
    "dead": "asked for, never delivered",
    "schema": "not what was asked for, or empty",
    "asked-for": "another language or length than asked for",
    "label": "another label than asked for",
    "dedupe": "the same as another row",
    "avoid": "words of a file that is to be avoided",
    "rules": "too long, too short, or words that must or must not be there",
    "verify": "a check of verify found something",
    "grounding": "not what the document says",
    "gold": "the text does not hold the record",
    "length-control": "the wrong side is the longer one",
    "stance": "answered or declined, the other way round",
    "query": "its query does not give the answer",
    "code": "its program does not give the answer, or fails its tests",
    "arguments": "calls that do not fit the tools",
    "python": "refused by your function",
    "round-trip": "a second reader gives another label",
    "judge": "refused by the judge",
    "surplus": "its cell was full already",
}
MOST_LOSSES, LEAST_LOST = 3, 0.1
"""Reasons that are told of a run that fell short, and their share of the candidates."""
MOST_CELLS = 12
"""Cells that the table shows, the ones with most refused first; generation.json holds all."""


def capacity(prepared: Prepared) -> list[str]:
    """What the provider can make at all, and every label that asks for more than that."""
    found = prepared.capacities()
    if not found:
        return []
    smallest = min(found, key=lambda each: each.masked)
    provider = prepared.loaded.provider.id
    texts, masked = sum(each.texts for each in found), sum(each.masked for each in found)
    lines = [
        f"{provider} capacity: {large(texts)} texts, {large(masked)} with numbers masked; "
        f"least for label '{smallest.label}' ({large(smallest.masked)})"
    ]
    short = [each for each in found if each.wanted > each.masked]
    return lines + [
        f"note: label '{each.label}' can give {each.masked:,} of the {each.wanted:,} rows" for each in short
    ]


def generated(found: GenerateResult) -> str:
    """The waterfall from candidates to accepted rows, and where they are."""
    ways = f"{found.accepted:,} accepted + {found.rejected:,} rejected + {found.dead:,} dead"
    lines = [
        f"{found.name}: {found.accepted:,} of {found.target:,} rows accepted, made by {found.provider}",
        "",
        f"{'gate':<15}{'reached':>10}{'refused':>10}",
        *(_step(step) for step in found.waterfall if step.refused or step.gate not in ("dead", "surplus")),
        f"{'accepted':<15}{found.accepted:>10,}",
        "",
        *_cells(found),
        f"{found.candidates:,} candidates = {ways}",
        *_spent(found),
        f"unique among candidates: {found.unique:.1%}, with numbers masked {found.unique_masked:.1%}",
        _labels(found),
        *_coverage(found),
        *(f"stopped: {reason}" for reason in found.stops),
        *_losses(found),
        f"  {found.rows}\n  {found.folder / 'rejected.jsonl'}\n  {found.folder / 'generation.json'}",
    ]
    if found.accepted:
        lines.append(f"next: toolkit verify {found.rows}")
    return "\n".join(lines)


def large(number: int) -> str:
    """A count in words where its digits would say no more: `1,234`, `5.1 million`, `over 10^15`."""
    if number < 1_000_000:
        return f"{number:,}"
    if number < 10**9:
        return f"{number / 10**6:.1f} million"
    if number < 10**12:
        return f"{number / 10**9:.1f} billion"
    return f"over 10^{len(str(number)) - 1}"


def _step(step: Step) -> str:
    words = f"  {WORDS.get(step.gate, '')}" if step.refused else ""
    return f"{step.gate:<15}{step.reached:>10,}{step.refused:>10,}{words}"


def _spent(found: GenerateResult) -> list[str]:
    """What the models took, where they counted anything."""
    usage = found.usage
    if not usage.total:
        return []
    tokens = f"{usage.total - usage.output_tokens:,} tokens in, {usage.output_tokens:,} out"
    if found.cost_usd is None:
        return [f"spent: {tokens}; the price of {found.model} is not known"]
    each = f", ${found.cost_usd / found.accepted:.4f} per accepted row" if found.accepted else ""
    saved = f"; the prompt cache saved ${found.saved_usd:.4f}" if usage.cached_tokens else ""
    return [f"spent: ${found.cost_usd:.4f} for {tokens}{each}{saved}"]


def _losses(found: GenerateResult) -> list[str]:
    """The commonest reason of the gates that lost most, of a run that fell short."""
    if found.complete:
        return []
    told = [each for each in found.losses if each.gate != "surplus" and each.rows >= LEAST_LOST * found.candidates]
    return [f"  {each.gate}, {each.rows:,} times: {' '.join(each.reason.split())}" for each in told[:MOST_LOSSES]]


def _cells(found: GenerateResult) -> list[str]:
    """A table of the cells with most refused rows: planned, accepted, and what each gate refused."""
    lossy = sorted((each for each in found.cells if each.refused), key=lambda each: -each.refused.total())
    if len(found.cells) < 2 or not lossy:
        return []
    width = max(len(each.cell.name) for each in lossy[:MOST_CELLS]) + 2
    lines = [f"{'cell':<{width}}{'planned':>8}{'accepted':>10}  refused by"]
    for each in lossy[:MOST_CELLS]:
        gates = ", ".join(f"{gate} {count:,}" for gate, count in each.refused.most_common())
        lines.append(f"{each.cell.name:<{width}}{each.planned:>8,}{each.accepted:>10,}  {gates}")
    left = len(lossy) - MOST_CELLS
    return [*lines, *([f"and {left:,} more cells with refused rows"] if left > 0 else []), ""]


def _coverage(found: GenerateResult) -> list[str]:
    """What was varied and how much of the plan was reached; values that stayed behind by name."""
    varied = [each for each in found.coverage() if each.name != "label"]
    if not varied:
        return []
    behind = [each for each in varied if each.reached < each.planned and each.name != "persona"]
    names = ", ".join(dict.fromkeys(each.name for each in varied))
    told = ", ".join(f"{each.name}={each.value} {each.reached:,} of {each.planned:,}" for each in behind[:MOST_CELLS])
    return [f"coverage of {names}: {f'short in {told}' if behind else 'every value as planned'}"]


def _labels(found: GenerateResult) -> str:
    counts = Counter(found.labels())
    least, most = min(counts.values(), default=0), max(counts.values(), default=0)
    span = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{len(counts):,} labels with {span} rows each"
