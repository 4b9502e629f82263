"""What all connections of one proxy share: settings, log, keys, pool, counters."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toolkit.capture.heads import Heads
from toolkit.capture.privacy import Keys
from toolkit.capture.spend import KINDS, Tokens, add
from toolkit.capture.upstream import Pool
from toolkit.store.frames import FrameLog, Sync

if TYPE_CHECKING:
    from toolkit.capture.client import Client
    from toolkit.capture.exchange import Exchange

LOCAL = b"/-/toolkit/"
HEAD_S, BODY_S, IDLE_S, STALLED_S, LINGER_S, DRAIN_S = 15.0, 60.0, 120.0, 300.0, 2.0, 600.0
MOST_CONNECTIONS = 2_000


@dataclass(frozen=True, slots=True)
class Settings:
    """How a proxy is to run. refuse: no call without its record. drain: let replies end whose client is gone."""

    upstream: str
    folder: Path
    host: str = "127.0.0.1"
    port: int = 8787
    token: str = ""
    sync: Sync = "interval"
    refuse: bool = False
    drain: bool = False
    ca: Path | None = None
    most: int = MOST_CONNECTIONS


@dataclass(slots=True)
class Counters:
    """What passed since the start. tokens: by model as `Tokens.counts` has them, where a reply told them."""

    calls: int = 0
    open: int = 0
    received: int = 0
    incomplete: int = 0
    refused: int = 0
    statuses: Counter[int] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    tokens: dict[str, list[int]] = field(default_factory=dict)
    began: float = field(default_factory=time.time)


class Door:
    """The shared state of a proxy; lives on one event loop."""

    def __init__(self, settings: Settings, log: FrameLog, pool: Pool, loop: asyncio.AbstractEventLoop) -> None:
        self.settings, self.log, self.pool, self.loop = settings, log, pool, loop
        self.keys = Keys()
        self.heads = Heads(pool.target, self.keys)
        self.counters = Counters()
        self.clients: set[Client] = set()
        self.idle: dict[Client, None] = {}
        self.draining: set[Exchange] = set()
        self.stopping = False
        self._synced: list[Callable[[], None]] = []
        self._syncing = False

    def count(self, outcome: str, status: int, tokens: Tokens, whole: bool) -> None:
        """A call is over."""
        told = self.counters
        told.open -= 1
        if tokens.told:
            add(told.tokens, tokens)
        told.outcomes[outcome] += 1
        if status:
            told.statuses[status] += 1
        if not whole:
            told.incomplete += 1

    def after_sync(self, then: Callable[[], None]) -> None:
        """Call `then` once all that is written now is on the disk; calls that wait share a sync."""
        self._synced.append(then)
        if not self._syncing:
            self._sync_now()

    def _sync_now(self) -> None:
        self._syncing = True
        waiting, self._synced = self._synced, []

        def over(_: asyncio.Future[None]) -> None:
            self._syncing = False
            for then in waiting:
                then()
            if self._synced:
                self._sync_now()

        self.loop.run_in_executor(None, self.log.sync).add_done_callback(over)

    def sweep(self) -> None:
        """Bound what waits: heads and bodies that do not come, connections that idle, replies that nobody reads."""
        now = time.monotonic()
        for client in list(self.clients):
            client.sweep(now)
        for exchange in list(self.draining):
            if now - exchange.touched > DRAIN_S:
                exchange.stop("client-gone")
        self.pool.sweep()

    def room(self) -> bool:
        """Make room for one more connection, by closing the one that has idled longest; false where none idles."""
        if len(self.clients) < self.settings.most:
            return True
        if not self.idle:
            self.counters.refused += 1
            return False
        next(iter(self.idle)).close()
        return True

    def health(self) -> dict[str, Any]:
        """What the local endpoint answers. status: `ok`, or `gap` while or after calls went unrecorded."""
        told, log = self.counters, self.log
        return {
            "status": "gap" if log.gap is not None or log.gaps or told.incomplete else "ok",
            "writable": log.gap is None,
            "gaps": log.gaps,
            "lost_frames": log.lost_frames,
            "last_error": log.trouble,
            "calls": told.calls,
            "open": told.open,
            "calls_with_gap": told.incomplete,
            "outcomes": dict(told.outcomes),
            "statuses": {str(status): n for status, n in sorted(told.statuses.items())},
            "output_tokens_seen": sum(counts[1] for counts in told.tokens.values()),
            "tokens": {model: dict(zip(KINDS, counts, strict=True)) for model, counts in told.tokens.items()},
            "reply_bytes": told.received,
            "connections": len(self.clients),
            "connections_refused": told.refused,
            "log": {"folder": str(log.folder), "frames": log.frames, "bytes": log.bytes, "fsync": log.mode},
            "upstream": self.pool.target.origin,
            "uptime_s": round(time.time() - told.began, 1),
        }
