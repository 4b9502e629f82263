"""The one place that sends: concurrency, pace, money, deadlines, attempts and the journal of a run.

A request that the journal holds a reply to is answered from there. Everything else that wants to ask a
model (a recipe, a judge, a labelling) hands its requests to an engine and awaits the replies.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from toolkit.core.errors import ProviderError, ToolkitError, UsageError
from toolkit.core.prices import Price, price_of
from toolkit.core.request import Batching, Declined, Provider, Remote, Reply, Request, Retry, Usage
from toolkit.core.types import JSON
from toolkit.generate.batches import Batches
from toolkit.generate.budget import Budget, Spent, cost, doubtful, guarded
from toolkit.generate.limiter import Limiter, Slot
from toolkit.generate.loop import calm_collector
from toolkit.generate.waiting import GO_ON, patient, pause_s
from toolkit.store.journal import NOTHING, SYNC_S, Hold, Journal

ATTEMPTS_WHILE_DOWN = 6
SPARE_BYTES = 16_384
"""Room on the disk for each reply in the air: what lands when the disk is full was paid for."""
OURS = ("model", "messages", "stream")
COUNTS = ("max_tokens", "max_completion_tokens", "n")
BY_SIGNAL = "stopped by "


@dataclass(frozen=True, slots=True)
class Limits:
    """concurrency: requests in the air at once. deadline_s: for one whole reply, not for its first byte.

    attempts: for one request; being told to slow down uses none up. requests: the most that may be sent
    over all resumptions of a run, or None. patience_s: how long a server may say nothing but `slow down`.
    batch: hand requests in as batches, where the provider takes them.
    """

    concurrency: int = 32
    deadline_s: float = 120.0
    attempts: int = 3
    backoff_s: float = 0.5
    requests: int | None = None
    patience_s: float = 900.0
    batch: bool = False


class Dead(Exception):  # noqa: N818 - it is an answer, not an accident
    """A request was not answered within its attempts."""


class Drained(Exception):  # noqa: N818 - it is an answer, not an accident
    """The run is ending and nothing more is sent."""


@dataclass(slots=True)
class Desk:
    """One model that is asked. price: None where nobody has said it, or where the model is free."""

    provider: Provider
    limiter: Limiter
    price: Price | None = None
    params: Mapping[str, JSON] = field(default_factory=dict)
    model: str = ""
    remote: Remote | None = None
    served: int = 0
    last_served: float = 0.0

    def bound(self, request: Request) -> Request:
        """A request with this model and its parameters; without a prompt where none is read."""
        messages = request.messages if self.provider.reads_prompt else ()
        return replace(request, model=self.model, params={**self.params, **request.params}, messages=messages)

    def worst(self, request: Request) -> Usage | None:
        """The most that an attempt may be billed; None for a provider that bills nothing."""
        return self.remote.worst(request) if self.remote is not None else None


@dataclass(slots=True)
class Engine:
    """Answers requests while it is `running`. stopped: why nothing more is sent, or empty.

    desks: models by the name that a request's `to` says; the empty name is the one that makes the rows.
    watch: called a few times a second while it runs.
    """

    journal: Journal
    budget: Budget = field(default_factory=Budget)
    limits: Limits = Limits()
    desks: dict[str, Desk] = field(default_factory=dict)
    stopped: str = ""
    watch: Callable[[], None] | None = None
    _draining: asyncio.Event = field(init=False)
    _batches: dict[str, Batches] = field(default_factory=dict)

    def add(
        self,
        provider: Provider,
        *,
        to: str = "",
        params: Mapping[str, JSON] | None = None,
        price: Price | None = None,
        concurrency: int | None = None,
    ) -> None:
        """A model that may be asked. price: as the user has said it, else as the table has it.

        Raises UsageError for a budget in dollars and a model without a price, and for parameters that are not
        the user's to set.
        """
        model = provider.model
        _fits(params or {})
        if not provider.free:
            price = price or price_of(model)
            guarded(self.budget, price, model)
            self._note(doubtful(price, model))
        limiter = Limiter(concurrency or self.limits.concurrency)
        remote = provider if isinstance(provider, Remote) else None
        self.desks[to] = Desk(provider, limiter, price, params or {}, model, remote)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Engine]:
        """The time in which requests are answered; signals drain it, and connections end with it."""
        self._draining = asyncio.Event()
        self.budget.adopt(self.journal.state)
        in_air = sum(desk.limiter.most for desk in self.desks.values() if desk.remote is not None)
        if in_air:
            self.journal.spare.take(in_air * SPARE_BYTES)
        self._batches = {
            to: Batches(desk.provider, self.journal, self.budget, desk.price, self._draining)
            for to, desk in self.desks.items()
            if self.limits.batch and isinstance(desk.provider, Batching)
        }
        clock = asyncio.create_task(self._tick())
        self.journal.clocked = True
        try:
            with calm_collector(), self._signals():
                for remote in self._remotes():
                    await remote.open()
                yield self
        finally:
            self.journal.clocked = False
            clock.cancel()
            for batches in self._batches.values():
                await batches.close()
            for desk in self.desks.values():
                left_out = ", ".join(getattr(desk.provider, "left_out", ()))
                self._note(left_out and f"{desk.model} refused {left_out}: sent without")
            for remote in self._remotes():
                await remote.close()

    def _remotes(self) -> list[Remote]:
        return [desk.remote for desk in self.desks.values() if desk.remote is not None]

    def drain(self, reason: str) -> None:
        """Send nothing more; what is in the air may land."""
        self.stopped = self.stopped or reason
        self._draining.set()
        self.budget.wake_all()
        for desk in self.desks.values():
            desk.limiter.open_all()

    def cost_usd(self) -> float | None:
        """What may have been billed, earlier runs of the journal included; None where a price is missing."""
        if any(desk.price is None and not desk.provider.free for desk in self.desks.values()):
            return None
        state = self.journal.state
        return state.paid.usd + state.lost.usd + sum(hold.usd for hold in state.open.values())

    def saved_usd(self) -> float:
        """What prompt caching has saved on the replies of the first model."""
        price = self.desks[""].price
        return price.saved_usd(self.journal.state.usage) if price is not None else 0.0

    @property
    def draining(self) -> bool:
        return self._draining.is_set()

    def bound(self, request: Request) -> Request:
        """A request with the model that it is sent to; its key is that of the reply in the journal."""
        return self.desks[request.to].bound(request)

    async def answer(self, request: Request) -> Reply:
        """The reply to a bound request: from the journal where it was bought before, else from its model.

        Raises Dead after its attempts, Drained when the run ends, ProviderError when nothing is served.
        """
        key, desk = request.key(), self.desks[request.to]
        known = self.journal.reply_to(key)
        if known is not None:
            return known
        self.journal.planned(key, request)
        try:
            if request.to in self._batches:
                return await self._batched(key, request, desk)
            return await self._send(key, request, desk)
        except ToolkitError as failure:
            # At once: what is sent after a full disk or a wrong key is paid for and lost.
            self.drain(failure.what)
            raise

    async def _batched(self, key: str, request: Request, desk: Desk) -> Reply:
        worst = desk.worst(request)
        hold = cost(desk.price, worst, batch=True) if worst is not None else NOTHING
        batches = self._batches[request.to]
        if not batches.knows(key):
            self._may_send()
            await self._reserve(hold)
        landed = await batches.answer(key, request, hold)
        if landed is None:
            raise Drained
        if landed.reply is None:
            raise Dead(landed.failure)
        return landed.reply

    async def _send(self, key: str, request: Request, desk: Desk) -> Reply:
        worst = desk.worst(request)
        hold = cost(desk.price, worst) if worst is not None else NOTHING
        attempt = 1
        while True:
            async with desk.limiter.slot() as slot:
                found = await self._attempt(key, attempt, request, desk, hold, slot)
            if isinstance(found, Reply):
                return found
            self.journal.failed(key, attempt, str(found), unknown=found.unknown)
            attempt += not found.throttled
            if found.down and attempt > self._attempts_while_down(desk):
                raise ProviderError(str(found), f"start the server or check `base_url`; {GO_ON}")
            if attempt > self.limits.attempts and not found.down:
                raise Dead(f"{found}, {self.limits.attempts} times")
            silent_s, limits = self._silent_s(desk), self.limits
            patient(found, desk.model, silent_s=silent_s, patience_s=limits.patience_s)
            await self._rest(pause_s(found, key, attempt, backoff_s=limits.backoff_s, silent_s=silent_s))

    async def _attempt(
        self, key: str, attempt: int, request: Request, desk: Desk, hold: Hold, slot: Slot
    ) -> Reply | Retry:
        """Send once. A reply, or why it may be tried again; the money is settled either way."""
        self._may_send()
        await self._reserve(hold)
        try:
            self.journal.sent(key, attempt, hold)
            async with asyncio.timeout(self.limits.deadline_s):
                reply = await desk.provider.complete(request)
        except TimeoutError:
            failure = Retry(f"no whole reply within {self.limits.deadline_s:g} s", after_s=0.0, unknown=True)
            return self._failed(failure, hold, slot)
        except Retry as failure:
            return self._failed(failure, hold, slot)
        except Declined as failure:
            self._settle(hold, None)
            self._declined(key, attempt, desk, failure)
        except ToolkitError as failure:
            self._settle(hold, None)
            self.journal.failed(key, attempt, failure.what)
            raise
        except Exception as failure:
            what = f"the provider {desk.provider.id} broke: {type(failure).__name__}: {failure}"
            self.budget.release(hold, unknown=True)
            self.journal.failed(key, attempt, what, unknown=hold.tokens > 0)
            raise ProviderError(what, GO_ON) from failure
        except BaseException:
            self.budget.release(hold, unknown=True)
            raise
        return self._served(key, desk, hold, slot, self._counted(reply, request, desk))

    def _counted(self, reply: Reply, request: Request, desk: Desk) -> Reply:
        """A reply that does not tell its tokens counts as the longest that it can have been."""
        worst = None if reply.usage.total else desk.worst(request)
        if worst is None:
            return reply
        self._note(f"{desk.model} does not tell the tokens of its replies: each counts as the most it can have been")
        return replace(reply, usage=worst)

    def _note(self, note: str) -> None:
        if note and note not in self.journal.notes:
            self.journal.notes.append(note)

    def _served(self, key: str, desk: Desk, hold: Hold, slot: Slot, reply: Reply) -> Reply:
        paid = cost(desk.price, reply.usage) if hold.tokens else NOTHING
        self.journal.replied(key, reply, paid.usd)
        self._settle(hold, paid)
        slot.served(reply.pace)
        desk.served += 1
        desk.last_served = time.monotonic()
        return reply

    def _failed(self, failure: Retry, hold: Hold, slot: Slot) -> Retry:
        if hold.tokens:
            self.budget.release(hold, unknown=failure.unknown)
        if failure.throttled:
            slot.throttled(failure.after_s, failure.pace)
        return failure

    def _settle(self, hold: Hold, paid: Hold | None) -> None:
        if not hold.tokens:
            return
        if paid is None:
            self.budget.release(hold)
        else:
            self.budget.settle(hold, paid)

    def _declined(self, key: str, attempt: int, desk: Desk, failure: Declined) -> None:
        """A refused request costs itself; where not one was ever served, the next would be refused as well."""
        self.journal.failed(key, attempt, str(failure))
        if desk.served == 0 and not self.journal.state.replies:
            what = f"{desk.model} refused the first request: {failure}"
            raise ProviderError(what, "check the model's name and the parameters that the recipe sends") from failure
        raise Dead(str(failure)) from failure

    async def _reserve(self, hold: Hold) -> None:
        if not hold.tokens or not self.budget.capped:
            return
        try:
            await self.budget.reserve(hold)
        except Spent as failure:
            self.drain(str(failure))
            raise Drained from failure
        if self.draining:
            self.budget.release(hold)
            raise Drained

    def _may_send(self) -> None:
        most = self.limits.requests
        if most is not None and self.journal.state.sent >= most:
            self.drain(f"budget.requests ({most:,}) is spent")
        if self.draining:
            raise Drained

    def _attempts_while_down(self, desk: Desk) -> int:
        """A server that has answered before is given the time of a restart."""
        return max(self.limits.attempts, ATTEMPTS_WHILE_DOWN) if desk.served else self.limits.attempts

    def silent_s(self) -> float:
        """How long none of the models has answered."""
        return min(map(self._silent_s, self.desks.values()))

    def _silent_s(self, desk: Desk) -> float:
        """How long a model has answered nothing."""
        return time.monotonic() - max(desk.last_served, desk.limiter.began)

    async def _rest(self, for_s: float) -> None:
        """Sleep, but not through the end of a run."""
        if not for_s:
            return
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._draining.wait(), for_s)

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(SYNC_S)
            try:
                await asyncio.to_thread(self.journal.sync_if_due)
            except ToolkitError as failure:  # the end of the run says so again
                self.drain(failure.what)
                return
            if self.watch is not None:
                self.watch()
            for desk in self.desks.values():
                desk.limiter.reclaim(2 * self.limits.deadline_s + 30.0)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM drain the run; a second one ends it at once."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def caught(name: str) -> None:
            if self.draining and task is not None:
                task.cancel()
            self.drain(f"{BY_SIGNAL}{name}")

        ours = threading.current_thread() is threading.main_thread()
        held = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)} if ours else {}
        for each in held:
            loop.add_signal_handler(each, caught, each.name)
        try:
            yield
        finally:
            for each, before in held.items():
                loop.remove_signal_handler(each)
                signal.signal(each, before or signal.SIG_DFL)


def _fits(params: Mapping[str, JSON]) -> None:
    """Raises UsageError for parameters that are the engine's own, and for lengths that bound no cost."""
    clash = next((name for name in OURS if name in params), None)
    if clash is not None:
        raise UsageError(f"params.{clash} is not yours to set", "take it out: a reply is asked for and read whole")
    for name in COUNTS:
        told = params.get(name, 1)
        if isinstance(told, bool) or not isinstance(told, int) or told < 1:
            fix = "write a whole number: it bounds what a reply may cost"
            raise UsageError(f"params.{name} is {str(told)[:40]!r}", fix)
