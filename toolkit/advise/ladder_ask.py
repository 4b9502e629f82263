"""One rung through a provider: every row asked once, with time and price of what came back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from toolkit.advise.ladder_prompt import Form
from toolkit.core.errors import ProviderError, UsageError
from toolkit.core.prices import price_of
from toolkit.core.request import Capacity, Cell, Provider, Remote, Reply, Request, Usage
from toolkit.generate.ask import Answer, Asked, ask
from toolkit.generate.budget import Budget
from toolkit.generate.models import asked_model
from toolkit.write import whole_file

TIMES = "latency.json"
LOST = 0.05


class Stopped(Exception):  # noqa: N818 - it is an answer, not an accident
    """The budget is spent, or somebody said stop: what was answered is kept."""


class Unanswered(ProviderError):  # noqa: N818 - the ladder goes on without the rung
    """Too many rows of one rung got no answer, as where its prompt is longer than the model reads."""


class Outcome(NamedTuple):
    """hits, shaped: (n,), whether a row was named right and was in the shape. unanswered: rows without a reply.

    agreed: share of judged rows of which a judge says the same in both orders; None without a judge.
    """

    hits: npt.NDArray[np.bool_]
    shaped: npt.NDArray[np.bool_]
    cost_per_1000: float | None = None
    latency_s: float | None = None
    unanswered: int = 0
    agreed: float | None = None


@dataclass(slots=True)
class Timed:
    """A remote provider with a clock. seconds: of each request by its key, the last attempt alone."""

    of: Provider
    remote: Remote
    seconds: dict[str, float] = field(default_factory=dict)

    id: ClassVar[str] = "timed"
    source_kind: ClassVar[str] = "llm"
    free: ClassVar[bool] = False
    reads_prompt: ClassVar[bool] = True
    per_call: ClassVar[int] = 1

    @property
    def model(self) -> str:
        return self.of.model

    def capacity(self, cell: Cell) -> Capacity | None:
        return self.of.capacity(cell)

    def worst(self, request: Request) -> Usage:
        return self.remote.worst(request)

    async def open(self) -> None:
        await self.remote.open()

    async def close(self) -> None:
        await self.remote.close()

    async def complete(self, request: Request) -> Reply:
        begun = time.monotonic()
        reply = await self.of.complete(request)
        self.seconds[request.key()] = time.monotonic() - begun
        return reply


@dataclass(frozen=True, slots=True)
class Desk:
    """Where rungs are asked. folder: of the journal, which answers what was asked before. usd: cap over all calls."""

    folder: Path
    usd: float | None = None
    progress: Callable[[str, int, int], None] | None = None

    def run(self, model: Timed, form: Form, requests: Sequence[Request], labels: Sequence[str]) -> Outcome:
        """Ask and judge. Raises Stopped where not all were asked, Unanswered where too many got no answer."""
        found = self.ask(model, requests)
        named = [form.answer(each.reply.text) if each.reply else None for each in found.answers]
        shaped = np.array([name is not None for name in named])
        hits = np.array([name == label for name, label in zip(named, labels, strict=True)])
        unanswered = sum(each.reply is None for each in found.answers)
        return Outcome(hits, shaped, cost(model, found.answers), self.latency(model, found.answers), unanswered)

    def ask(self, model: Timed, requests: Sequence[Request]) -> Asked:
        """What came of the requests."""
        found = ask(model, requests, folder=self.folder, budget=Budget(usd=self.usd), progress=self.progress)
        self._keep(model)
        if found.stopped or any(each.reply is None and not each.dead for each in found.answers):
            raise Stopped(found.stopped or "it was stopped")
        dead = [each.dead for each in found.answers if each.dead]
        if len(dead) > LOST * len(found.answers):
            what = f"{len(dead)} of {len(found.answers)} requests to {model.model} got no answer: {dead[0]}"
            raise Unanswered(what, "run the same command again: what was answered is not asked twice")
        return found

    def _keep(self, model: Timed) -> None:
        path = self.folder / TIMES
        try:
            known = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            known = {}
        model.seconds = {**known, **model.seconds}
        with whole_file(path) as file:
            file.write(json.dumps(model.seconds, sort_keys=True).encode())

    def latency(self, model: Timed, answers: Sequence[Answer]) -> float | None:
        """Median seconds of the requests whose time is known."""
        found = [model.seconds[each.key] for each in answers if each.key in model.seconds]
        return median(found) if found else None


def timed(use: str, flag: str, *, base_url: str = "", capped: bool = False) -> Timed:
    """The model of `use`, ready to be asked. Raises UsageError for what is no model, or has no price under a cap."""
    built = asked_model(use, flag, base_url=base_url, capped=capped)
    if not isinstance(built, Remote):
        raise UsageError(f"{use} cannot be asked across a network", f"name one: {flag} openai:NAME")
    return Timed(built, built)


def cost(model: Timed, answers: Sequence[Answer]) -> float | None:
    """US dollars per 1,000 calls, of the replies; None without a price."""
    price = price_of(model.model)
    replies = [each.reply for each in answers if each.reply is not None]
    if price is None or not replies:
        return None
    return 1_000 * sum(price.usd(reply.usage) for reply in replies) / len(replies)
