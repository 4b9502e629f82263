"""Drives conversations between recipes and models: what a recipe yields is asked, what comes back is sent to it.

Results come back in the order of the plan, whatever the order of the replies.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field

from toolkit.core.errors import ToolkitError
from toolkit.core.request import GeneratedRow, Malformed, Reply, Request, Reviewer, Seed, Work
from toolkit.generate.engine import Dead, Drained, Engine

AHEAD = 4


@dataclass(frozen=True, slots=True)
class Cooked:
    """What became of one seed: its rows, or why there are none, with the last reply's text.

    asked: every request of the conversation that was answered or tried, those of gates among them.
    """

    seed: Seed
    key: str
    rows: tuple[GeneratedRow, ...] = ()
    dead: str = ""
    raw: str = ""
    prompt_sha256: str | None = None
    asked: tuple[Request, ...] = ()


Judge = Callable[[Cooked], None]


@dataclass(slots=True)
class Driver:
    """Drives seeds to rows. A request's `to` says which of the engine's models it is for."""

    recipe: Reviewer
    engine: Engine
    _threads: ThreadPoolExecutor = field(init=False)

    async def drive(self, waves: Iterable[list[Seed]], judge: Judge) -> None:
        """Cook wave after wave and hand each result to `judge`, in the order of the plan.

        Returns early, the engine `stopped`, when a signal or the budget ends the run. Replies that were
        in the air then are waited for and kept in the journal. Raises ProviderError when a provider
        cannot serve at all.
        """
        self._threads = ThreadPoolExecutor(os.cpu_count() or 1, "gates")
        async with AsyncExitStack() as stack:
            stack.callback(self._threads.shutdown, wait=False, cancel_futures=True)
            await stack.enter_async_context(self.engine.running())
            for wave in waves:
                await self._wave(wave, judge)
                if self.engine.stopped:
                    return

    async def _wave(self, seeds: list[Seed], judge: Judge) -> None:
        """One wave through a window of conversations; the oldest is judged first."""
        window: deque[asyncio.Task[Cooked]] = deque()
        limits = self.engine.limits
        # A batch gathers what waits: all of the wave may.
        ahead = len(seeds) + 1 if limits.batch else AHEAD * limits.concurrency
        ended: list[Cooked | BaseException] = []
        try:
            # After the first seed that a drain left unfinished nothing is judged: a resumed run goes on there.
            with contextlib.suppress(Drained):
                for seed in seeds:
                    window.append(asyncio.create_task(self._cook(seed)))
                    if len(window) >= ahead:
                        judge(await window.popleft())
                while window:
                    judge(await window.popleft())
        except asyncio.CancelledError:
            for task in window:
                task.cancel()
            raise
        finally:
            if window:
                self.engine.drain("an error")
                ended = await asyncio.gather(*window, return_exceptions=True)
        # The oldest may have been told of the end that a younger one's failure has caused.
        for failure in ended:
            if isinstance(failure, ToolkitError):
                raise failure

    async def _cook(self, seed: Seed) -> Cooked:
        """One conversation: the recipe's requests answered until it returns rows."""
        reply: Reply | None = None
        request = Request(seed)
        asked: list[Request] = []
        try:
            conversation = self.recipe.cook(seed)
            told = next(conversation)
            while True:
                if isinstance(told, Work):
                    told = conversation.send(await self._worked(told))
                    continue
                request = self.engine.bound(told)
                asked.append(request)
                reply = await self.engine.answer(request)
                told = conversation.send(reply)
        except StopIteration as done:
            rows, first = tuple(done.value), asked[0] if asked else request
            sha256 = first.prompt_sha256()
            return Cooked(seed, first.key(), rows, raw=_raw(reply), prompt_sha256=sha256, asked=tuple(asked))
        except (Malformed, Dead) as failure:
            return Cooked(seed, request.key(), dead=str(failure), raw=_raw(reply), asked=tuple(asked))
        except Drained:
            raise
        except ToolkitError as failure:
            # At once, not when its turn to be judged comes: what is sent after a full disk is paid for and lost.
            self.engine.drain(failure.what)
            raise
        except Exception as failure:  # a recipe may be anyone's code: its accident costs one request, not the run
            dead = f"{type(failure).__name__}: {failure}"
            return Cooked(seed, request.key(), dead=dead, raw=_raw(reply), asked=tuple(asked))

    async def _worked(self, work: Work) -> str:
        """What a call returns that would hold up everything else, from a thread."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, work.run)


def _raw(reply: Reply | None) -> str:
    return reply.text if reply else ""
