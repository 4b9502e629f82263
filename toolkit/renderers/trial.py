"""What a recipe would make and cost, on a terminal: rows with their prompts, and the estimate of a pilot."""

from __future__ import annotations

from textwrap import indent
from typing import TYPE_CHECKING

import orjson

if TYPE_CHECKING:
    from toolkit.generate.preview import Preview, Shown, Trial


def previewed(found: Preview) -> str:
    """Each conversation: its prompts in full, its rows with the verdict of the gates; then the cost."""
    result = found.result
    lines = [line for trial in found.trials for line in _trial(trial, result.provider, reads=found.reads_prompt)]
    cost = "a price that is not known" if result.cost_usd is None else f"${result.cost_usd:.4f}"
    return "\n".join(
        [
            *lines,
            *(f"stopped: {reason}" for reason in result.stops),
            f"{found.shown:,} of {found.made:,} candidates shown, {result.accepted:,} accepted; cost so far: {cost}",
        ]
    )


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
