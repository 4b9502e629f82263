"""Requests handed in as batches: for less, and later. A batch's id is in the journal before anybody waits for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

from toolkit.core.errors import ProviderError, ToolkitError
from toolkit.core.prices import Price
from toolkit.core.request import Batching, Declined, Landed, Request, Retry
from toolkit.generate.budget import Budget, cost
from toolkit.store.journal import NOTHING, Hold, Journal

FILL_S = 0.5
MOST = 10_000
ATTEMPTS = 5
POLL_S = 1.0
LONGEST_POLL_S = 60.0


@dataclass(slots=True)
class Batches:
    """The batches of one model: requests gather until none has come for `FILL_S` seconds, then leave together.

    A run that was killed takes up the batches that its journal names. One that was killed while a batch
    left looks for it at the server; where it is not found, what it may have cost stays spent.
    """

    provider: Batching
    journal: Journal
    budget: Budget
    price: Price | None
    draining: asyncio.Event
    _homes: dict[str, str] = field(init=False)
    _pending: dict[str, tuple[Request, Hold]] = field(default_factory=dict)
    _holds: dict[str, Hold] = field(default_factory=dict)
    _waiting: dict[str, asyncio.Future[Landed | None]] = field(default_factory=dict)
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _timer: asyncio.TimerHandle | None = None

    def __post_init__(self) -> None:
        batches = self.journal.state.batches
        self._homes = {key: batch for batch, keys in batches.items() for key in keys}
        self._begin(self._watch())
        if self.journal.state.handing is not None:
            self._begin(self._seek())
        for batch in list(batches):
            self._begin(self._land(batch))

    def knows(self, key: str) -> bool:
        """Whether a request is in a batch already: its money is set aside."""
        handing = self.journal.state.handing
        return key in self._homes or (handing is not None and key in handing[1])

    async def answer(self, key: str, request: Request, hold: Hold) -> Landed | None:
        """What becomes of a request; None where the run ends before."""
        known = self.journal.reply_to(key)
        if known is not None:
            return Landed(known)
        if self.draining.is_set():
            return None
        future: asyncio.Future[Landed | None] = asyncio.get_running_loop().create_future()
        self._waiting[key] = future
        if not self.knows(key):
            self._pending[key] = (request, hold)
            self._gather()
        return await future

    async def close(self) -> None:
        """End what waits; batches at the server go on, and a resumed run collects them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _gather(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        wait_s = 0.0 if len(self._pending) >= MOST else FILL_S
        self._timer = asyncio.get_running_loop().call_later(wait_s, lambda: self._begin(self._hand_in()))

    async def _hand_in(self) -> None:
        taken, self._pending = self._pending, {}
        if not taken:
            return
        for key, (_, hold) in taken.items():
            self._holds[key] = hold
            self.journal.sent(key, 1, hold)
        self.journal.handing(list(taken))
        batch = await self._submitted({key: request for key, (request, _) in taken.items()})
        if batch is None:
            return
        self.journal.handed(batch, list(taken))
        self._homes.update(dict.fromkeys(taken, batch))
        self._begin(self._land(batch))

    async def _submitted(self, requests: dict[str, Request]) -> str | None:
        reason, unknown = "", False
        for attempt in range(ATTEMPTS):
            try:
                return await self.provider.submit(requests)
            except Retry as failure:
                reason, unknown = str(failure), unknown or failure.unknown
                await asyncio.sleep(failure.after_s if failure.after_s is not None else 0.5 * 2.0**attempt)
            except (Declined, ToolkitError) as failure:
                self._turned_away(list(requests), failure)
                return None
        if not unknown:
            self.journal.not_taken()
        for key in requests:
            self._failed(key, f"the batch was not taken: {reason}", unknown=unknown)
        return None

    def _turned_away(self, keys: list[str], failure: Declined | ToolkitError) -> None:
        """The server will not have the batch: the run ends, nothing was bought and all may be handed in again."""
        if isinstance(failure, Declined):
            fix = "check the model's name and the parameters that the recipe sends"
            failure = ProviderError(f"the batch was refused: {failure}", fix)
        self._fail(keys, failure)
        self.journal.not_taken()
        for key in keys:
            self._failed(key, failure.what)

    async def _land(self, batch: str) -> None:
        """Ask for a batch, less and less often, until it has ended; then keep all that came of it."""
        pause_s = POLL_S
        while (found := await self._collected(batch)) is None:
            await asyncio.sleep(pause_s)
            pause_s = min(1.5 * pause_s, LONGEST_POLL_S)
        for key in self.journal.state.batches.get(batch, ()):
            landed = found.get(key, Landed(None, "the batch came back without it"))
            if landed.reply is None:
                self._failed(key, landed.failure)
            else:
                self._arrived(key, landed)
        self.journal.landed(batch)

    async def _collected(self, batch: str) -> dict[str, Landed] | None:
        try:
            found = await self.provider.collect(batch)
        except Retry:
            return None
        except ToolkitError as failure:
            self._fail(list(self.journal.state.batches.get(batch, ())), failure)
            raise asyncio.CancelledError from failure
        return None if found is None else dict(found)

    def _arrived(self, key: str, landed: Landed) -> None:
        assert landed.reply is not None  # noqa: S101 - the caller looked
        paid = cost(self.price, landed.reply.usage, batch=landed.reply.batch)
        hold = self._hold(key)
        self.journal.replied(key, landed.reply, paid.usd if hold.tokens else 0.0)
        self.budget.settle(hold, paid if hold.tokens else NOTHING)
        self._resolve(key, landed)

    def _failed(self, key: str, reason: str, *, unknown: bool = False) -> None:
        self.budget.release(self._hold(key), unknown=unknown)
        self.journal.failed(key, 1, reason, unknown=unknown)
        self._resolve(key, Landed(None, reason))

    def _hold(self, key: str) -> Hold:
        """What is set aside for a request; that of an earlier run was counted as lost, and is found again."""
        hold = self._holds.pop(key, None)
        if hold is None:
            hold = self.journal.state.open.get(key, NOTHING)
            self.budget.find(hold)
        return hold

    def _resolve(self, key: str, landed: Landed | None) -> None:
        self._homes.pop(key, None)
        future = self._waiting.pop(key, None)
        if future is not None and not future.done():
            future.set_result(landed)

    def _fail(self, keys: list[str], failure: ToolkitError) -> None:
        for key in keys:
            future = self._waiting.pop(key, None)
            if future is not None and not future.done():
                future.set_exception(failure)

    async def _seek(self) -> None:
        """Look for a batch that was leaving when the run was killed."""
        handing = self.journal.state.handing
        assert handing is not None  # noqa: S101 - the caller looked
        since, keys = handing
        batch = None
        with contextlib.suppress(Retry, ToolkitError):
            batch = await self.provider.seek(keys, since)
        if batch is not None:
            self.journal.handed(batch, keys)
            self._homes.update(dict.fromkeys(keys, batch))
            self._begin(self._land(batch))
            return
        for key in keys:
            self._failed(key, "the run was killed while its batch left", unknown=True)
        self.journal.state.handing = None

    async def _watch(self) -> None:
        await self.draining.wait()
        for key in list(self._waiting):
            self._resolve(key, None)

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """An accident here is told to all who wait: they would wait for ever."""
        self._tasks.discard(task)
        failure = None if task.cancelled() else task.exception()
        if isinstance(failure, ToolkitError):
            self._fail(list(self._waiting), failure)
        elif failure is not None:
            what = f"waiting for a batch broke: {type(failure).__name__}: {failure}"
            self._fail(list(self._waiting), ProviderError(what, "run the same command to go on: batches are collected"))
