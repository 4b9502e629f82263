"""The pace against servers made of a few lines, and the budget under many at once."""

from __future__ import annotations

import asyncio
import time
from random import Random

import pytest

from toolkit.core.answered import retry_after, seconds_of
from toolkit.core.errors import UsageError
from toolkit.core.prices import Price, price_of
from toolkit.core.request import Pace, Usage
from toolkit.generate.budget import Budget, Spent
from toolkit.generate.limiter import AHEAD, Limiter
from toolkit.store.journal import Hold


def test_a_slot_is_let_go_whatever_happens_and_never_more_are_out_than_may() -> None:
    async def work(limiter: Limiter, nth: int) -> None:
        async with limiter.slot() as slot:
            busiest.append(limiter.busy)
            await asyncio.sleep(0.001)
            if nth % 7 == 0:
                raise ValueError
            slot.served()

    async def all_of_them() -> None:
        limiter = Limiter(20)
        tasks = [asyncio.create_task(work(limiter, nth)) for nth in range(300)]
        await asyncio.sleep(0.005)
        for task in tasks[200:240]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert limiter.busy == 0

    busiest: list[int] = []
    asyncio.run(all_of_them())
    assert max(busiest) == 20


def test_a_leaked_slot_is_taken_back() -> None:
    async def leak() -> None:
        limiter = Limiter(1)
        await limiter.acquire(limiter.slot())
        waiting = asyncio.create_task(limiter.acquire(limiter.slot()))
        await asyncio.sleep(0.02)
        assert not waiting.done()
        assert limiter.reclaim(10) == 0
        assert limiter.reclaim(0.01) == 1
        await asyncio.wait_for(waiting, 1)

    asyncio.run(leak())


def test_a_handful_goes_ahead_and_the_rest_follows_the_first_answer() -> None:
    async def ramp() -> list[int]:
        limiter, seen = Limiter(500), []

        async def one() -> None:
            async with limiter.slot() as slot:
                await answered.wait()
                slot.served()

        answered = asyncio.Event()
        tasks = [asyncio.create_task(one()) for _ in range(500)]
        await asyncio.sleep(0.05)
        seen.append(limiter.busy)
        answered.set()
        await asyncio.gather(*tasks)
        return seen

    assert asyncio.run(ramp()) == [AHEAD]


def paced(rate: float, count: int, *, told: bool, order: Random | None = None) -> tuple[float, int]:
    """A server with a bucket of `rate` requests that fills in a second; seconds taken and answers of 429.

    order: requests reach it up to 60 ms late and overtake each other, as they do on new connections.
    """
    left, at, refused = rate, time.monotonic(), 0

    async def one(limiter: Limiter) -> None:
        nonlocal left, at, refused
        while True:
            async with limiter.slot() as slot:
                await asyncio.sleep(order.choice((0.0, 0.06)) if order else 0.0)
                now = time.monotonic()
                left, at = min(rate, left + rate * (now - at)), now
                good = left >= 1
                left -= good
                pace = Pace(int(rate), int(left), (rate - left) / rate) if told else None
                await asyncio.sleep(0.01)
                if good:
                    slot.served(pace)
                    return
                refused += 1
                slot.throttled(0.05, pace)
            await asyncio.sleep(0.05)

    async def everybody() -> None:
        limiter = Limiter(100)
        await asyncio.gather(*(one(limiter) for _ in range(count)))

    begun = time.monotonic()
    asyncio.run(everybody())
    return time.monotonic() - begun, refused


def test_a_rate_limit_that_is_told_is_kept() -> None:
    took_s, refused = paced(200, 600, told=True)
    assert refused <= 12
    assert took_s < 1.5 * (600 - 200) / 200


def test_words_of_requests_that_overtook_others_are_not_believed() -> None:
    _, refused = paced(60, 150, told=True, order=Random(1))
    assert refused <= 2


def test_a_rate_limit_that_is_not_told_is_learnt() -> None:
    took_s, refused = paced(200, 600, told=False)
    assert refused < 400
    assert took_s < 2.5 * (600 - 200) / 200


def test_a_stray_throttle_slows_nobody_down() -> None:
    async def stray() -> Limiter:
        limiter = Limiter(50)
        rng = Random(1)

        async def one() -> None:
            async with limiter.slot() as slot:
                await asyncio.sleep(0.001)
                if rng.random() < 0.05:
                    slot.throttled(30.0)
                else:
                    slot.served()

        await asyncio.gather(*(one() for _ in range(400)))
        return limiter

    limiter = asyncio.run(stray())
    assert limiter.throttles > 0
    assert limiter.cuts == 0
    assert limiter.gate == 0


def test_a_burst_of_throttles_cuts_once() -> None:
    async def burst() -> Limiter:
        limiter = Limiter(64)
        slots = [limiter.slot() for _ in range(AHEAD)]
        for slot in slots:
            await limiter.acquire(slot)
        for slot in slots:
            slot.throttled(0.01)
            limiter.release(slot)
        return limiter

    assert asyncio.run(burst()).cuts == 1


def test_the_budget_holds_whatever_comes_back() -> None:
    async def spend(seed: int) -> Budget:
        rng, budget = Random(seed), Budget(usd=1.0)

        async def one() -> None:
            hold = Hold(0.05, 100)
            try:
                await budget.reserve(hold)
            except Spent:
                return
            await asyncio.sleep(rng.random() / 500)
            outcome = rng.random()
            if outcome < 0.6:
                budget.settle(hold, Hold(0.05 * rng.random(), 50))
            else:
                budget.release(hold, unknown=outcome < 0.8)
            assert budget.spent.plus(budget.held).usd <= 1.0 + 1e-9

        await asyncio.gather(*(one() for _ in range(200)))
        return budget

    for seed in range(10):
        budget = asyncio.run(spend(seed))
        assert 0.95 - 1e-9 <= budget.spent.usd <= 1.0 + 1e-9
        assert budget.held == Hold()


def test_a_request_that_never_fits_is_an_error() -> None:
    with pytest.raises(UsageError, match="less than one request may cost"):
        asyncio.run(Budget(tokens=10).reserve(Hold(0.0, 11)))


def test_prices_are_dated_and_the_users_own_win(tmp_path: object, monkeypatch: pytest.MonkeyPatch) -> None:
    shipped = price_of("anthropic:claude-haiku-4-5")
    assert shipped is not None
    assert shipped.seen is not None
    assert price_of("anthropic:claude-haiku-4-5-20251001") == shipped
    assert price_of("openai:qwen3") is None
    with open("own.yaml", "w") as file:  # noqa: PTH123
        file.write("version: 1\nmodels: {'openai:qwen3': {input: 0, output: 0}}\n")
    monkeypatch.setenv("TOOLKIT_PRICES", "own.yaml")
    assert price_of("openai:qwen3") == Price(input=0, output=0)
    assert price_of("anthropic:claude-haiku-4-5") == shipped


def test_cached_and_long_prompts_are_priced_as_they_are_billed() -> None:
    price = Price(input=1, output=5, cached=0.1, written=1.25, batch=0.5)
    usage = Usage(100, 200, 3000, 1000)
    assert price.usd(usage) == pytest.approx((100 + 1000 + 300 + 1250) / 1e6)
    assert price.usd(usage, batch=True) == pytest.approx(price.usd(usage) / 2)
    assert price.saved_usd(usage) == pytest.approx((2700 - 250) / 1e6)
    tiered = price_of("anthropic:claude-haiku-5-5")
    assert tiered is not None
    assert tiered.usd(Usage(100_001, 0)) > 4.9 * tiered.usd(Usage(100_000, 0))


@pytest.mark.parametrize(
    ("told", "seconds"), [("1.5", 1.5), ("250ms", 0.25), ("1m30s", 90.0), ("2s", 2.0), ("soon", None), ("", None)]
)
def test_times_of_headers(told: str, seconds: float | None) -> None:
    assert seconds_of(told) == seconds


def test_a_wish_to_retry_later_is_read_in_each_of_its_forms() -> None:
    assert retry_after({"retry-after-ms": "1500"}) == 1.5
    assert retry_after({"retry-after": "2"}) == 2
    assert retry_after({}) is None
    when = time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 30))
    wish = retry_after({"retry-after": when})
    assert wish is not None
    assert 25 < wish < 31
