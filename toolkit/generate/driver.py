"""The one file that waits: drives conversations between recipes and a provider.

It owns concurrency, deadlines, attempts and the journal. A request that the journal holds a reply to is
answered from there. Results come back in the order of the plan, whatever the order of the replies.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from toolkit.core.errors import ProviderError, ToolkitError
from toolkit.core.request import GeneratedRow, Malformed, Provider, Recipe, Reply, Request, Retry, Seed
from toolkit.core.types import JSON
from toolkit.store.journal import SYNC_S, Journal

AHEAD = 4
LONGEST_PAUSE_S = 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """concurrency: requests in the air at once. deadline_s: for one whole reply, not for its first byte.

    requests: the most that may be sent over all resumptions of a run, or None.
    """

    concurrency: int = 32
    deadline_s: float = 120.0
    attempts: int = 3
    backoff_s: float = 0.5
    requests: int | None = None


@dataclass(frozen=True, slots=True)
class Cooked:
    """What became of one seed: its rows, or why there are none, with the last reply's text."""

    seed: Seed
    key: str
    rows: tuple[GeneratedRow, ...] = ()
    dead: str = ""
    raw: str = ""
    prompt_sha256: str | None = None


Judge = Callable[[Cooked], None]


class Dead(Exception):  # noqa: N818 - it is an answer, not an accident
    """A request was not answered within its attempts."""


class Drained(Exception):  # noqa: N818 - it is an answer, not an accident
    """The run is ending and nothing more is sent."""


@dataclass(slots=True)
class Driver:
    """Drives seeds to rows. stopped: why nothing more is sent, or empty."""

    recipe: Recipe
    provider: Provider
    journal: Journal
    limits: Limits = Limits()
    params: dict[str, JSON] = field(default_factory=dict)
    stopped: str = ""
    _model: str = ""
    _slots: asyncio.Semaphore = field(init=False)
    _draining: asyncio.Event = field(init=False)

    async def drive(self, waves: Iterable[list[Seed]], judge: Judge) -> None:
        """Cook wave after wave and hand each result to `judge`, in the order of the plan.

        Returns early, `stopped` set, when a signal or the budget ends the run. Replies that were in the
        air then are waited for and kept in the journal. Raises ProviderError when the provider cannot
        serve at all.
        """
        self._model = self.provider.model
        self._slots = asyncio.Semaphore(self.limits.concurrency)
        self._draining = asyncio.Event()
        clock = asyncio.create_task(self._keep_synced())
        try:
            with self._signals():
                for wave in waves:
                    await self._wave(wave, judge)
                    if self.stopped:
                        return
        finally:
            clock.cancel()

    def drain(self, reason: str) -> None:
        """Send nothing more; what is in the air may land."""
        self.stopped = self.stopped or reason
        self._draining.set()

    async def _wave(self, seeds: list[Seed], judge: Judge) -> None:
        """One wave through a window of conversations; the oldest is judged first."""
        window: deque[asyncio.Task[Cooked]] = deque()
        try:
            # After the first seed that a drain left unfinished nothing is judged: a resumed run goes on there.
            with contextlib.suppress(Drained):
                for seed in seeds:
                    window.append(asyncio.create_task(self._cook(seed)))
                    if len(window) >= AHEAD * self.limits.concurrency:
                        judge(await window.popleft())
                while window:
                    judge(await window.popleft())
        except asyncio.CancelledError:
            for task in window:
                task.cancel()
            raise
        finally:
            if window:
                self.drain("an error")
                await asyncio.gather(*window, return_exceptions=True)

    async def _cook(self, seed: Seed) -> Cooked:
        """One conversation: the recipe's requests answered until it returns rows."""
        reply: Reply | None = None
        request = Request(seed)
        try:
            conversation = self.recipe.cook(seed)
            request = self._bound(next(conversation))
            while True:
                reply = await self._answer(request)
                request = self._bound(conversation.send(reply))
        except StopIteration as done:
            rows = tuple(done.value)
            return Cooked(seed, request.key(), rows, raw=_raw(reply), prompt_sha256=request.prompt_sha256())
        except (Malformed, Dead) as failure:
            return Cooked(seed, request.key(), dead=str(failure), raw=_raw(reply))
        except Drained:
            raise
        except ToolkitError as failure:
            # At once, not when its turn to be judged comes: what is sent after a full disk is paid for and lost.
            self.drain(failure.what)
            raise
        except Exception as failure:  # a recipe may be anyone's code: its accident costs one request, not the run
            return Cooked(seed, request.key(), dead=f"{type(failure).__name__}: {failure}", raw=_raw(reply))

    def _bound(self, request: Request) -> Request:
        """A request with the model and parameters of this run; without a prompt where none is read."""
        messages = request.messages if self.provider.reads_prompt else ()
        return replace(request, model=self._model, params={**self.params, **request.params}, messages=messages)

    async def _answer(self, request: Request) -> Reply:
        """The reply to a request: from the journal where it was bought before, else from the provider."""
        key = request.key()
        known = self.journal.reply_to(key)
        if known is not None:
            return known
        self.journal.planned(key, request)
        async with self._slots:
            return await self._send(key, request)

    async def _send(self, key: str, request: Request) -> Reply:
        reason = ""
        for attempt in range(1, self.limits.attempts + 1):
            self._may_send()
            self.journal.sent(key, attempt)
            try:
                async with asyncio.timeout(self.limits.deadline_s):
                    reply = await self.provider.complete(request)
            except TimeoutError:
                reason, pause = f"no whole reply within {self.limits.deadline_s:g} s", 0.0
            except Retry as failure:
                reason, pause = str(failure), self._pause(key, attempt, failure.after_s)
            except ToolkitError as failure:
                self.journal.failed(key, attempt, failure.what)
                raise
            except Exception as failure:
                what = f"the provider {self.provider.id} broke: {type(failure).__name__}: {failure}"
                self.journal.failed(key, attempt, what)
                raise ProviderError(what, "what was made so far is kept; run the same command to go on") from failure
            else:
                self.journal.replied(key, reply)
                return reply
            self.journal.failed(key, attempt, reason)
            await self._rest(pause if attempt < self.limits.attempts else 0.0)
        raise Dead(f"{reason}, {self.limits.attempts} times")

    def _may_send(self) -> None:
        most = self.limits.requests
        if most is not None and self.journal.state.sent >= most:
            self.drain(f"budget.requests ({most:,}) is spent")
        if self._draining.is_set():
            raise Drained

    def _pause(self, key: str, attempt: int, wish_s: float | None) -> float:
        """Seconds to wait: the provider's wish, or doubling from `backoff_s` with a jitter that the key decides."""
        if wish_s is not None:
            return min(wish_s, LONGEST_PAUSE_S)
        jitter = 0.5 + Random(f"{key}{attempt}").random()  # noqa: S311 - no secret is made
        return min(self.limits.backoff_s * 2.0 ** (attempt - 1) * jitter, LONGEST_PAUSE_S)

    async def _rest(self, pause_s: float) -> None:
        """Sleep, but not through the end of a run."""
        with contextlib.suppress(TimeoutError):
            if pause_s:
                await asyncio.wait_for(self._draining.wait(), pause_s)

    async def _keep_synced(self) -> None:
        while True:
            await asyncio.sleep(SYNC_S)
            self.journal.sync_if_due()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """SIGINT and SIGTERM drain the run; a second one ends it at once."""
        loop, task = asyncio.get_running_loop(), asyncio.current_task()

        def caught(name: str) -> None:
            if self._draining.is_set() and task is not None:
                task.cancel()
            self.drain(f"stopped by {name}")

        ours = threading.current_thread() is threading.main_thread()
        held = [signal.SIGINT, signal.SIGTERM] if ours else []
        for each in held:
            loop.add_signal_handler(each, caught, each.name)
        try:
            yield
        finally:
            for each in held:
                loop.remove_signal_handler(each)


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine to its end, also from a notebook, where a loop is running already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        _to_the_end(work)
        return
    failures: list[BaseException] = []

    def inside() -> None:
        try:
            _to_the_end(work)
        except BaseException as failure:
            failures.append(failure)

    thread = threading.Thread(target=inside, name="generate")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]


def _to_the_end(work: Coroutine[Any, Any, None]) -> None:
    try:
        asyncio.run(work)
    except asyncio.CancelledError as failure:
        raise KeyboardInterrupt from failure


def _raw(reply: Reply | None) -> str:
    return reply.text if reply else ""
