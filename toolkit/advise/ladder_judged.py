"""Free answers on the ladder: a model says whether an answer is as good as the row's own, in both orders.

A judge prefers what stands first (or last) and what is long; asked once, its score is partly the order. So each
pair is shown twice, swapped, and an answer counts as right only where it is no worse both times (Zheng et al.
2023, who call a win in one order alone a tie). How often the two agree is told beside the score.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import orjson

from toolkit.advise.ladder_ask import Desk, Outcome, Timed, cost
from toolkit.advise.ladder_rows import Part
from toolkit.core.marked import FENCED, fenced
from toolkit.core.request import Message, Reply, Request
from toolkit.generate.ask import Answer

SYSTEM = (
    "You compare two answers to the same request: which is more correct, complete and useful? "
    f"Length and order are no merits. {FENCED}"
)
SHAPE = 'Answer with JSON alone: {"reason": "one sentence", "better": "A", "B" or "same"}.'
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"reason": {"type": "string"}, "better": {"type": "string", "enum": ["A", "B", "same"]}},
    "required": ["reason", "better"],
    "additionalProperties": False,
}

Winner = Literal["answer", "own", "same"]


class Judged(NamedTuple):
    """What the judge said of one row in both orders; None where that is no verdict."""

    first: Winner | None
    swapped: Winner | None

    @property
    def as_good(self) -> bool:
        return self.first in ("answer", "same") and self.swapped in ("answer", "same")


def graded(desk: Desk, model: Timed, judge: Timed, requests: Sequence[Request], part: Part) -> Outcome:
    """Ask the model, then the judge twice about each answer that is not the row's own, word for word.

    An empty answer is off the shape. The judge's calls are in the budget but not in the price of the rung.
    Raises Stopped where not all were asked, Unanswered where too many got no answer.
    """
    answers = desk.ask(model, requests).answers
    texts = [each.reply.text.strip() if each.reply else "" for each in answers]
    own = [label.strip() for label in part.labels]
    open_rows = [at for at, text in enumerate(texts) if text and text != own[at]]
    found = _judged(desk, judge, part.texts, texts, own, open_rows)
    hits = np.array([bool(text) and text == own[at] for at, text in enumerate(texts)])
    hits[open_rows] = [each.as_good for each in found]
    sure = [each.first == each.swapped for each in found if each.first and each.swapped]
    return Outcome(
        hits=hits,
        shaped=np.array([bool(text) for text in texts]),
        cost_per_1000=cost(model, answers),
        latency_s=desk.latency(model, answers),
        unanswered=sum(each.reply is None for each in answers),
        agreed=float(np.mean(sure)) if sure else None,
    )


def _judged(
    desk: Desk, judge: Timed, asked: Sequence[str], texts: Sequence[str], own: Sequence[str], rows: Sequence[int]
) -> list[Judged]:
    pairs = [(texts[at], own[at]) for at in rows]
    forward = [_comparing(asked[at], *pair) for at, pair in zip(rows, pairs, strict=True)]
    backward = [_comparing(asked[at], *pair[::-1]) for at, pair in zip(rows, pairs, strict=True)]
    said = desk.ask(judge, [*forward, *backward]).answers if rows else ()
    first = [_winner(each, "answer", "own") for each in said[: len(rows)]]
    swapped = [_winner(each, "own", "answer") for each in said[len(rows) :]]
    return [Judged(*both) for both in zip(first, swapped, strict=True)]


def _comparing(asked: str, one: str, other: str) -> Request:
    told = f"The request:\n{fenced(asked)}\n\nAnswer A:\n{fenced(one)}\n\nAnswer B:\n{fenced(other)}\n\n{SHAPE}"
    return Request(messages=(Message("system", SYSTEM), Message("user", told)), schema=SCHEMA)


def _winner(said: Answer, a: Winner, b: Winner) -> Winner | None:
    named = _better(said.reply) if said.reply else None
    return {"A": a, "B": b, "same": "same"}.get(named or "")


def _better(reply: Reply) -> str | None:
    text = reply.text
    try:
        found = orjson.loads(text[text.find("{") : text.rfind("}") + 1])
    except orjson.JSONDecodeError:
        return None
    better = found.get("better") if isinstance(found, dict) else None
    return better if isinstance(better, str) else None
