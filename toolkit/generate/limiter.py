"""How fast to send: as many at once as was asked for, unless the server says that it is too fast.

Additive increase, multiplicative decrease (Chiu and Jain 1989), with four changes that a rate limit
asks for: a handful goes ahead until it is answered or a moment has passed, and the ramp after it goes by
time and not by round trip; the window is cut to 0.7 once per
epoch, and only when more than 15 % of the recent outcomes were throttled, so a stray 429 costs one
request and not the run; a wish to retry later closes one gate for all; and where the server tells its
rate limit in headers, or shows it by what it serves while it throttles, sending is paced to it.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from types import TracebackType

from toolkit.core.request import Pace

AHEAD = 16
AHEAD_S = 0.25
START = 32
DOUBLES_S, DOUBLES_HEARD_S = 0.04, 0.12
CUT = 0.7
THROTTLED_SHARE = 0.15
RECENT = 128
BY_CHANCE = 6
LONGEST_GATE_S = 60.0
MEASURED_S = 2.0
MEASURED_FROM = 20
TICK_S = 0.005
MARGIN = 2.0
GROW, GROW_SLOWLY, QUIET_S, SLOWER = 0.1, 0.02, 3.0, 0.95
"""How a rate that was learnt from throttling moves: by these shares a second, or at a stray answer."""


@dataclass(slots=True, eq=False)
class Slot:
    """One request in the air. number: how many were sent before it. outcome: set before it is let go."""

    limiter: Limiter
    number: int = 0
    sent_at: float = 0.0
    epoch: int = 0

    async def __aenter__(self) -> Slot:
        await self.limiter.acquire(self)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.limiter.release(self)

    def served(self, pace: Pace | None = None) -> None:
        self.limiter.hear_served(self, pace)

    def throttled(self, after_s: float | None = None, pace: Pace | None = None) -> None:
        self.limiter.hear_throttled(self, after_s, pace)


@dataclass(slots=True)
class Pacer:
    """Requests a second that a server takes, as far as it is known; a bucket that fills at that rate.

    rate: None until the server has said or shown it. size: of the server's bucket. left: what is in it.
    """

    rate: float | None = None
    size: float = 1.0
    left: float = 0.0
    told: bool = False
    at: float = 0.0
    sent: int = 0
    took: float = 0.0
    newest: int = -1
    throttled_at: float = 0.0
    rates: deque[float] = field(default_factory=lambda: deque(maxlen=32))

    def fill(self, now: float) -> None:
        if self.rate is not None:
            if not self.told:
                quiet_s = now - self.throttled_at
                self.rate *= 1 + (GROW if quiet_s > QUIET_S else GROW_SLOWLY) * (now - self.at)
            self.left = min(self.size, self.left + self.rate * (now - self.at))
        self.at = now

    def wait_s(self, now: float) -> float:
        """Seconds until one more request may leave."""
        if self.rate is None:
            return 0.0
        self.fill(now)
        # What a server says may be wrong by hours: one request a minute asks it again.
        return min(max(0.0, (MARGIN - self.left) / self.rate), max(0.0, self.took + LONGEST_GATE_S - now))

    def take(self, now: float) -> None:
        self.sent += 1
        self.left -= 1.0
        self.took = now

    def hear(self, slot: Slot, pace: Pace, now: float, in_air: int) -> None:
        """What a server says of its bucket, if nothing newer was heard: a reply tells of when it was sent."""
        if slot.number <= self.newest or pace.limit <= 0:
            return
        self.newest = slot.number
        first = self.rate is None
        if pace.remaining < pace.limit and pace.reset_s > 0:
            # A reset that is told as a time of day looks nearer the later it is read: the lower quarter holds.
            self.rates.append((pace.limit - pace.remaining) / pace.reset_s)
            self.rate = sorted(self.rates)[len(self.rates) // 4]
            self.told = True
        if self.rate is None:
            return
        self.fill(now)
        since = self.rate * (now - slot.sent_at) - (self.sent - slot.number)
        self.size = max(MARGIN, float(pace.limit))
        # Its words may be as old as the request or as new as the answer, and what was sent since may not
        # have arrived: the lowest is believed at once. What is higher than our own count is believed by and by,
        # as if nothing in the air had arrived: new connections overtake each other.
        safe = min(self.size, float(pace.remaining), pace.remaining + since)
        if first:
            self.left = min(safe, pace.limit - self.sent)
        sure = min(safe, float(pace.remaining - in_air))
        self.left = min(safe, self.left + max(0.0, 0.1 * (sure - self.left)))

    def show(self, rate: float, now: float) -> None:
        """What a server served while it throttled, where it has not told its limit."""
        if not self.told:
            self.rate, self.size, self.left, self.at = rate, max(MARGIN, rate / 4), 0.0, now

    def slow(self, now: float) -> None:
        """A stray answer that it was too fast, at a rate that was learnt: a little less, once a second."""
        if self.rate is not None and not self.told and now - self.throttled_at > 1.0:
            self.rate *= SLOWER
        self.throttled_at = now


@dataclass(slots=True)
class Limiter:
    """Slots for requests to one model; `async with limiter.slot() as slot`. most: at once."""

    most: int
    window: float = 0.0
    busy: int = 0
    gate: float = 0.0
    epoch: int = 0
    cuts: int = 0
    throttles: int = 0
    began: float = 0.0
    pacer: Pacer = field(default_factory=Pacer)
    _ramping: bool = True
    _ramped_s: float = 0.0
    _looked_at: float = 0.0
    _out: set[Slot] = field(default_factory=set)
    _queue: deque[tuple[Slot, asyncio.Future[None]]] = field(default_factory=deque)
    _recent: deque[bool] = field(default_factory=lambda: deque(maxlen=RECENT))
    _served: deque[float] = field(default_factory=deque)
    _timer: asyncio.TimerHandle | None = None

    def slot(self) -> Slot:
        return Slot(self)

    async def acquire(self, slot: Slot) -> None:
        now = time.monotonic()
        if not self.began:
            self.began = self._looked_at = now
        if not self._queue and self._wait_s(now) == 0.0:
            self._take(slot, now)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((slot, turn))
        self._pump()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.release(slot)
            raise

    def release(self, slot: Slot) -> None:
        if slot in self._out:
            self._out.discard(slot)
            self.busy -= 1
            if self._queue:
                self._pump()

    def open_all(self) -> None:
        """Let everybody through who waits, to find that the run ends."""
        self.gate, self.most, self.window, self._ramping = 0.0, 2**31, float(2**31), False
        self.pacer.rate = None
        if self._queue:
            self._pump()

    def reclaim(self, older_s: float) -> int:
        """Take back slots that were never let go: a leaked one would hang the run in silence."""
        now = time.monotonic()
        leaked = [slot for slot in self._out if now - slot.sent_at > older_s]
        for slot in leaked:
            self.release(slot)
        return len(leaked)

    def hear_served(self, slot: Slot, pace: Pace | None) -> None:
        now = time.monotonic()
        self._recent.append(False)
        self._first_word()
        self._served.append(now)
        self._forget(now)
        if pace is not None:
            self.pacer.hear(slot, pace, now, self.busy - 1)
        if not self._ramping:
            self.window = min(self.most, self.window + max(1.0, 0.02 * self.most) / max(self.window, 1.0))

    def hear_throttled(self, slot: Slot, after_s: float | None, pace: Pace | None = None) -> None:
        """Too fast. One such answer among many costs its own request; more of them slow everybody down."""
        now = time.monotonic()
        self.throttles += 1
        self._recent.append(True)
        self._first_word()
        self.pacer.slow(now)
        if pace is not None:
            self.pacer.hear(slot, pace, now, self.busy - 1)
        # Where one answer in twenty says so at random, six more than the share come up less than once in 10^6.
        if sum(self._recent) <= THROTTLED_SHARE * len(self._recent) + BY_CHANCE:
            return
        if after_s is not None:
            self.gate = max(self.gate, now + min(after_s, LONGEST_GATE_S))
        if slot.epoch == self.epoch:
            self._cut(now)

    def _cut(self, now: float) -> None:
        self.epoch += 1
        self.cuts += 1
        self.window = max(1.0, CUT * min(self._most(now), float(max(self.busy, 1))))
        self._ramping = False
        self._recent.clear()
        self._forget(now)
        # A rate from a handful of replies would pace the whole run by the time of its first one.
        if len(self._served) >= MEASURED_FROM:
            self.pacer.show(len(self._served) / max(now - self._served[0], 0.25), now)

    def _first_word(self) -> None:
        """The ramp begins with the first answer, or a moment after the first request."""
        if self._ramped_s < AHEAD_S:
            self._ramped_s = AHEAD_S
            self._pump()

    def _forget(self, now: float) -> None:
        while self._served and self._served[0] < now - MEASURED_S:
            self._served.popleft()

    def _most(self, now: float) -> float:
        if not self._ramping:
            return self.window
        # A process that is kept from running must not find on its return that it may send everything.
        step_s = min(now - self._looked_at, 4 * TICK_S)
        self._ramped_s += step_s
        self._looked_at = now
        if self._ramped_s < AHEAD_S:
            return float(min(self.most, AHEAD))
        # Where answers come within the ramp fewer are needed at once, and a limit is learnt at less cost.
        grown = max(self.window, float(START)) * 2.0 ** (step_s / (DOUBLES_HEARD_S if self._recent else DOUBLES_S))
        self.window = min(float(self.most), grown)
        self._ramping = grown < self.most
        return self.window

    def _wait_s(self, now: float) -> float:
        """Seconds until a slot may be taken; a full window is waited for by ticks while it still grows."""
        if now < self.gate:
            return self.gate - now
        if self.busy >= int(self._most(now)):
            return TICK_S if self._ramping and self.busy < self.most else float("inf")
        return self.pacer.wait_s(now)

    def _take(self, slot: Slot, now: float) -> None:
        self.busy += 1
        slot.number, slot.sent_at, slot.epoch = self.pacer.sent, now, self.epoch
        self.pacer.take(now)
        self._out.add(slot)

    def _pump(self) -> None:
        """Hand slots to those who wait, the first first; come again when the next may be free."""
        now = time.monotonic()
        while self._queue:
            slot, turn = self._queue[0]
            if turn.done():
                self._queue.popleft()
                continue
            wait_s = self._wait_s(now)
            if wait_s > 0:
                self._again(wait_s)
                return
            self._queue.popleft()
            self._take(slot, now)
            turn.set_result(None)

    def _again(self, wait_s: float) -> None:
        if wait_s == float("inf"):
            return  # a release pumps
        loop = asyncio.get_running_loop()
        at = loop.time() + max(wait_s, 0.001)
        if self._timer is not None and not self._timer.cancelled() and loop.time() < self._timer.when() <= at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = loop.call_at(at, self._pump)
