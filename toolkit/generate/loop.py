"""Where a run's coroutine runs: a loop of its own, and a calmer garbage collector while it does."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import Coroutine, Iterator
from typing import Any

COLLECT_FROM = 20_000


@contextlib.contextmanager
def calm_collector() -> Iterator[None]:
    """Look for garbage less often: thousands of open requests are no garbage, and each look walks them all."""
    usual = gc.get_threshold()
    gc.set_threshold(max(usual[0], COLLECT_FROM) if usual[0] else 0, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)


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
