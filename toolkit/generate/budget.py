"""Money and tokens: the worst case of a request is set aside before it is sent, so a cap is never passed."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from toolkit.core.errors import UsageError
from toolkit.core.prices import Price
from toolkit.core.request import Usage
from toolkit.store.journal import NOTHING, Hold, State

RAISE = "raise the budget, or lower `max_tokens` of the model: what a request may cost is set aside before it is sent"
CHEAPEST = 0.03
"""Dollars for a million tokens of answers, under which hardly a model is sold and many a thousand tokens are."""


class Spent(Exception):  # noqa: N818 - it is an answer, not an accident
    """What is left would not pay for the request, whatever comes back of what is in the air."""


@dataclass(slots=True)
class Budget:
    """Caps in US dollars and in tokens, shared by all models of a run; None is no cap.

    paid: what replies cost. lost: what was set aside for requests whose end is not known, such as those
    of a killed run: they may have been billed, so they count. held: set aside for what is in the air.
    """

    usd: float | None = None
    tokens: int | None = None
    paid: Hold = NOTHING
    lost: Hold = NOTHING
    held: Hold = NOTHING
    _waiting: deque[asyncio.Future[None]] = field(default_factory=deque)

    @property
    def capped(self) -> bool:
        return self.usd is not None or self.tokens is not None

    @property
    def spent(self) -> Hold:
        """All that may have been billed."""
        return self.paid.plus(self.lost)

    def adopt(self, state: State) -> None:
        """Count what an earlier run in the same journal has spent, and lost when it was killed."""
        self.paid = self.paid.plus(state.paid)
        self.lost = self.lost.plus(state.lost)
        for hold in state.open.values():
            self.lost = self.lost.plus(hold)

    async def reserve(self, hold: Hold) -> None:
        """Set a request's worst case aside; waits while what is in the air may still leave enough.

        Raises Spent when it cannot be paid for any more, UsageError when it never could.
        """
        while not self._fits(self.spent.plus(self.held).plus(hold)):
            if not self._fits(self.spent.plus(hold)):
                self._too_much(hold)
            await self._change()
        self.held = self.held.plus(hold)

    def settle(self, hold: Hold, cost: Hold) -> None:
        """A request came back and cost so much."""
        self.held = self.held.minus(hold)
        self.paid = self.paid.plus(cost)
        self._wake()

    def release(self, hold: Hold, *, unknown: bool = False) -> None:
        """A request failed. unknown: it may have been billed all the same, so its worst case stays spent."""
        self.held = self.held.minus(hold)
        if unknown:
            self.lost = self.lost.plus(hold)
        self._wake()

    def find(self, hold: Hold) -> None:
        """What counted as lost is in the air after all, in a batch that an earlier run has handed in."""
        self.lost = self.lost.minus(hold)
        self.held = self.held.plus(hold)

    def wake_all(self) -> None:
        """Let every request that waits for money look again, as when a run ends."""
        self._wake()

    def words(self) -> str:
        """What was spent of what, in words."""
        told = []
        if self.usd is not None:
            told.append(f"${self.spent.usd:.4g} of ${self.usd:.4g}")
        if self.tokens is not None:
            told.append(f"{self.spent.tokens:,} of {self.tokens:,} tokens")
        return " and ".join(told)

    def _fits(self, total: Hold) -> bool:
        # A sum of many small floats may pass the cap by its last digit; the cap itself may be used up.
        in_usd = self.usd is None or total.usd <= self.usd * (1 + 1e-12)
        return in_usd and (self.tokens is None or total.tokens <= self.tokens)

    def _too_much(self, hold: Hold) -> None:
        if self.spent == self.held == NOTHING:
            worst = f"${hold.usd:.4g}" if self.usd is not None else f"{hold.tokens:,} tokens"
            cap = f"${self.usd:.4g}" if self.usd is not None else f"{self.tokens:,} tokens"
            raise UsageError(f"the budget of {cap} is less than one request may cost ({worst})", RAISE)
        more = [f"${hold.usd:.4g}"] * (self.usd is not None) + [f"{hold.tokens:,} tokens"] * (self.tokens is not None)
        raise Spent(f"the budget is spent: {self.words()}, and one more request may cost {' and '.join(more)}")

    async def _change(self) -> None:
        woken = asyncio.get_running_loop().create_future()
        self._waiting.append(woken)
        await woken

    def _wake(self) -> None:
        while self._waiting:
            woken = self._waiting.popleft()
            if not woken.done():
                woken.set_result(None)


def cost(price: Price | None, usage: Usage, *, batch: bool = False) -> Hold:
    """What a reply costs, without dollars where its model has no price."""
    return Hold(price.usd(usage, batch=batch) if price is not None else 0.0, usage.total)


def guarded(budget: Budget, price: Price | None, model: str) -> None:
    """Raises UsageError for a cap in dollars on a model whose price nobody has said."""
    if budget.usd is not None and price is None:
        raise no_price(model)


def doubtful(price: Price | None, model: str) -> str:
    """What to say of a price that looks like that of a thousand tokens, or an empty text."""
    if price is None or not 0 < price.output < CHEAPEST:
        return ""
    told = f"the price of {model} is ${price.output:g} for a million tokens"
    return f"{told}: if that is the price of a thousand, correct it"


def no_price(model: str) -> UsageError:
    fix = "write `price: {input: ..., output: ...}` (dollars a million tokens) under `budget`, or cap `tokens` instead"
    return UsageError(f"the budget is in dollars and the price of {model} is not known", fix)
