"""Ask a model a list of questions: a judge, a rung of the ladder, labels by a model, recorded calls once more.

It is the engine of `generate` without a plan: the same journal, resume, budget, pace and deadlines.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from toolkit.core.prices import Price
from toolkit.core.request import NO_TOKENS, Provider, Reply, Request, Usage
from toolkit.core.types import JSON
from toolkit.generate.budget import Budget
from toolkit.generate.engine import Dead, Drained, Engine, Limits
from toolkit.generate.loop import run
from toolkit.store.folder import RunFolder
from toolkit.store.journal import Header, Journal

ANY = "any"
RESTING = 200
USUAL = Limits()


class Answer(NamedTuple):
    """What came of one request: a reply, or why there is none (`dead`); both empty where the run ended before."""

    request: Request
    key: str
    reply: Reply | None = None
    dead: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """The answers in the order of the requests.

    stopped: why not all were sent, or empty. usage: tokens of all replies in the journal. cost_usd: what
    may have been billed so far, earlier runs in the same folder included; None for a model without a
    price. saved_usd: by prompt caching. requests: sent by this call, which asks nothing twice.
    """

    answers: tuple[Answer, ...]
    stopped: str = ""
    usage: Usage = NO_TOKENS
    cost_usd: float | None = None
    saved_usd: float = 0.0
    requests: int = 0

    @property
    def replies(self) -> list[Reply | None]:
        return [answer.reply for answer in self.answers]

    @property
    def complete(self) -> bool:
        """Whether every request has a reply."""
        return all(answer.reply is not None for answer in self.answers)


def ask(
    provider: Provider,
    requests: Iterable[Request],
    *,
    folder: Path | None = None,
    budget: Budget | None = None,
    limits: Limits = USUAL,
    params: Mapping[str, JSON] | None = None,
    price: Price | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Asked:
    """Send requests to one model and wait for what comes of them.

    folder: where the journal lies; what it holds a reply to is not asked again, by whichever call or
    model it was asked. None keeps nothing. budget: caps, which may be shared by several calls. price:
    wins over the table. progress: called as (stage, done, total). SIGINT and SIGTERM drain: what is in
    the air lands and the rest has neither reply nor reason.

    Raises UsageError for a budget in dollars and a model without a price, ProviderError where the model
    cannot be asked at all, MachineError where the folder cannot be written.
    """
    listed = list(requests)
    with ExitStack() as stack:
        home = folder or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="toolkit-")))
        stack.enter_context(RunFolder(home).locked())
        journal = Journal(home, Header("asked", ANY))
        stack.callback(journal.close)
        engine = Engine(journal, budget or Budget(), limits)
        engine.add(provider, params=params, price=price)
        before, answers = journal.state.sent, [Answer(each, "") for each in listed]
        run(_all(engine, listed, answers, progress))
        sent = journal.state.sent - before
        return Asked(tuple(answers), engine.stopped, journal.state.usage, engine.cost_usd(), engine.saved_usd(), sent)


async def _all(
    engine: Engine,
    requests: list[Request],
    answers: list[Answer],
    progress: Callable[[str, int, int], None] | None,
) -> None:
    """Answer every request, somewhat more at once than may be in the air, or all that wait for a batch."""
    todo, done = iter(enumerate(requests)), 0

    async def work() -> None:
        nonlocal done
        for nth, request in todo:
            answers[nth] = await _one(engine, request)
            done += 1
            if progress is not None:
                progress("asked", done, len(requests))

    # More than may be in the air: a request that rests before it is sent again keeps no other from its place.
    air = engine.limits.concurrency
    many = len(requests) if engine.limits.batch else min(len(requests), air + min(2 * air, RESTING))
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(engine.running())
        workers = [asyncio.create_task(work()) for _ in range(many)]
        try:
            # All of them, also after a failure: what is in the air was paid for.
            ended = await asyncio.gather(*workers, return_exceptions=True)
        except asyncio.CancelledError:
            for worker in workers:
                worker.cancel()
            raise
        for failure in ended:
            if isinstance(failure, BaseException):
                raise failure


async def _one(engine: Engine, request: Request) -> Answer:
    bound = engine.bound(request)
    try:
        return Answer(request, bound.key(), await engine.answer(bound))
    except Dead as failure:
        return Answer(request, bound.key(), dead=str(failure))
    except Drained:
        return Answer(request, bound.key())
