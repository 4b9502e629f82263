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
    "label": "another label than asked for",
    "dedupe": "the same as another row",
    "surplus": "its cell was full already",
}


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
        f"{'gate':<12}{'reached':>10}{'refused':>10}",
        *(_step(step) for step in found.waterfall if step.refused or step.gate not in ("dead", "surplus")),
        f"{'accepted':<12}{found.accepted:>10,}",
        "",
        f"{found.candidates:,} candidates = {ways}",
        f"unique among candidates: {found.unique:.1%}, with numbers masked {found.unique_masked:.1%}",
        _labels(found),
        *(f"stopped: {reason}" for reason in found.stops),
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
    return f"{step.gate:<12}{step.reached:>10,}{step.refused:>10,}{words}"


def _labels(found: GenerateResult) -> str:
    counts = Counter(found.labels())
    least, most = min(counts.values(), default=0), max(counts.values(), default=0)
    span = f"{least:,}" if least == most else f"{least:,} to {most:,}"
    return f"{len(counts):,} labels with {span} rows each"
