"""What came of merging answers and of labels by a model, on a terminal and as plain values."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from toolkit.label.by_model import Labelled
    from toolkit.label.merge import Merged

SHOWN = 5


def text(made: Merged) -> str:
    """What was merged, what was not and why, who answered, and the next command."""
    changed = [f"{count:,} {name}" for name in ("changed", "removed") if (count := getattr(made, name))]
    lines = [f"{made.into}: {made.added:,} rows added{''.join(f', {each}' for each in changed)} (round {made.round})"]
    lines += [f"{count:,} {words}" for count, words in _counts(made) if count]
    if made.disputed:
        lines.append(f"{len(made.disputed):,} disputed, they wait for another voice: {_some(list(made.disputed))}")
    for each in made.left[:SHOWN]:
        lines.append(f"not merged: {each.where}, {_flat(each.id)}: {each.why}")
    if len(made.left) > SHOWN:
        lines.append(f"not merged: {len(made.left) - SHOWN:,} more; --json lists them all")
    if len(made.annotators) > 1:
        lines += ["", f"{'annotator':<28}{'answers':>8}{'shared':>8}{'agree':>8}{'quality':>9}"]
        for one in made.annotators:
            cells = f"{one.answered:>8,}{one.shared:>8,}{_share(one.agreement):>8}{_share(one.quality):>9}"
            lines.append(f"{_flat(one.name):<28}{cells}")
    if made.classes:
        lines += ["", "labels: " + ", ".join(f"{_flat(name)} {count:,}" for name, count in _most(made.classes))]
    return "\n".join([*lines, *(["", f"next: toolkit verify {made.into}"] if made.into.is_file() else [])])


def as_json(made: Merged) -> dict[str, Any]:
    """The same as plain values."""
    told = asdict(made)
    return {
        **told,
        "into": str(made.into),
        "labels": str(made.labels),
        "left": [each._asdict() for each in made.left],
        "annotators": [each._asdict() for each in made.annotators],
    }


def labelled(made: Labelled) -> str:
    """How far a model's labels are those of people, and what was done with them."""
    lines = [
        f"{made.model}: {made.answered:,} of {made.rows:,} rows labelled in {made.path}"
        + (f", {made.unclear:,} answers name no class" if made.unclear else "")
        + ("" if made.cost_usd is None else f", ${made.cost_usd:.4f}"),
    ]
    if made.stopped:
        lines.append(f"stopped: {made.stopped}")
    lines.append(f"agreement with people on the audit slice: {_agreement(made.audit)}")
    if made.rest is not None:
        lines.append(f"agreement on the other rows that people answered: {_agreement(made.rest)}")
    return "\n".join([*lines, made.verdict])


def labelled_json(made: Labelled) -> dict[str, Any]:
    """The same as plain values."""
    told = {name: getattr(made, name) for name in ("model", "rows", "answered", "unclear", "cost_usd", "stopped")}
    sides = {name: side._asdict() if (side := getattr(made, name)) else None for name in ("audit", "rest")}
    merged = as_json(made.merged) if made.merged else None
    return {**told, "path": str(made.path), **sides, "accepted": made.accepted, "verdict": made.verdict,
            "merged": merged}  # fmt: skip


def _agreement(found: Any) -> str:
    if found is None:
        return "CANNOT TELL, nobody has answered a row of it"
    return f"{found.rate:.1%} ({found.low:.1%} to {found.high:.1%}), {found.hits:,} of {found.rows:,} rows"


def _counts(made: Merged) -> list[tuple[int, str]]:
    return [
        (made.same, "decided before, as they were"),
        (made.rejected, "rejected: neither they nor what is like them is asked again"),
        (made.skipped, "skipped: they may be asked again"),
        (made.waiting, "rows of the queue without an answer"),
        (made.again, "answers to rows of earlier queues, merged already"),
    ]


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.0%}"


def _most(counts: Any) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:10]


def _some(names: list[str]) -> str:
    return ", ".join(_flat(each) for each in names[:SHOWN]) + (" ..." if len(names) > SHOWN else "")


def _flat(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)[:60]
