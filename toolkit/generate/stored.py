"""The conversations that a journal holds, to be read again by a recipe whose gates have changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from toolkit.core.request import Cell, Malformed, Message, Reply, Request, Reviewer, Reviewing, Seed, Work
from toolkit.generate.driver import Cooked
from toolkit.generate.plan import Plan
from toolkit.store.journal import NAME, events

NEVER = "it needs a reply that was never bought"


class First(NamedTuple):
    """The first request of a conversation, as it was sent."""

    sample: int
    rows: int
    key: str
    messages: tuple[Message, ...]


@dataclass(slots=True)
class Stored:
    """cells: the conversations of each cell by its values, in the order of their samples.

    taken: how many of them. begun: those that were taken and not read yet, by cell and sample.
    """

    cells: dict[tuple[tuple[str, str], ...], list[First]]
    taken: Counter[Cell] = field(default_factory=Counter)
    begun: dict[tuple[Cell, int], First] = field(default_factory=dict)

    @classmethod
    def of(cls, folder: Path) -> Stored:
        """Those that ended, by a reply or for good; what was in the air at the end is left out."""
        found: dict[tuple[tuple[tuple[str, str], ...], int], list[First]] = {}
        ended: set[str] = set()
        for event in events(folder / NAME):
            if event["e"] in ("reply", "failed"):
                ended.add(event["key"])
            elif event["e"] == "planned" and not event.get("to"):
                messages = tuple(Message(**each) for each in event["messages"])
                first = First(event["sample"], event["rows"], event["key"], messages)
                found.setdefault((tuple(event["cell"].items()), event["sample"]), []).append(first)
        cells: dict[tuple[tuple[str, str], ...], list[First]] = {}
        for (cell, _), own in sorted(found.items()):
            whole = [first for first in own if first.key in ended]
            if whole:
                # A run whose target grew asked for more rows from the same place; the first of equals began it.
                cells.setdefault(cell, []).append(max(whole, key=lambda first: first.rows))
        return cls(cells)

    def waves(self, plan: Plan) -> Iterator[list[Seed]]:
        """For each wave of a plan the next stored conversations of its cells, until a wave finds none."""
        for wave in plan.waves():
            wanted = Counter[Cell]()
            for seed in wave:
                wanted[seed.cell] += seed.rows
            seeds: list[Seed] = []
            for cell, rows in wanted.items():
                own = list(self._next(cell, rows))
                more = sum(seed.rows for seed in own) - rows
                plan.cells[cell].asked += more
                plan.asked += more
                seeds += own
            if not seeds:
                return
            yield sorted(seeds, key=plan.order)

    def cook(
        self, recipe: Reviewer, seed: Seed, bound: Callable[[Request], Request], reply_to: Callable[[str], Reply | None]
    ) -> Cooked:
        """A conversation answered from what was bought, whatever its first prompt would be by now."""
        first = self.begun.pop((seed.cell, seed.sample))
        sha256 = replace(Request(seed), messages=first.messages).prompt_sha256()
        reply = reply_to(first.key)
        try:
            conversation = recipe.cook(seed)
            began = _asked(next(conversation), conversation).messages
            while reply is not None:
                request = bound(_asked(conversation.send(reply), conversation))
                reply = reply_to(_as_sent(request, began, first.messages).key())
        except StopIteration as done:
            raw = reply.text if reply else ""
            return Cooked(seed, first.key, tuple(done.value), raw=raw, prompt_sha256=sha256)
        except Malformed as failure:
            return Cooked(seed, first.key, dead=str(failure), raw=reply.text if reply else "")
        except Exception as failure:  # a recipe may be anyone's code: its accident costs one request
            return Cooked(seed, first.key, dead=f"{type(failure).__name__}: {failure}")
        return Cooked(seed, first.key, dead=NEVER)

    def _of(self, cell: Cell) -> list[First]:
        return self.cells.get(tuple(cell.values().items()), [])

    def _next(self, cell: Cell, rows: int) -> Iterator[Seed]:
        while rows > 0 and self.taken[cell] < len(self._of(cell)):
            first = self._of(cell)[self.taken[cell]]
            self.taken[cell] += 1
            rows -= first.rows
            self.begun[cell, first.sample] = first
            yield Seed(cell, first.sample, first.rows)


def _asked(told: Request | Work, conversation: Reviewing) -> Request:
    """The next request of a conversation; what work there is before it is done here and now."""
    while isinstance(told, Work):
        told = conversation.send(told.run())
    return told


def _as_sent(request: Request, began: tuple[Message, ...], sent: tuple[Message, ...]) -> Request:
    """A later request of a conversation with its first messages as they were sent, texts to shun among them."""
    if began and request.messages[: len(began)] == began:
        return replace(request, messages=(*sent, *request.messages[len(began) :]))
    return request
