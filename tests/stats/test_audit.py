from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.stats.audit import Stratum, allocate, audit_rate
from toolkit.stats.intervals import wilson


@st.composite
def strata(draw: st.DrawFn) -> Stratum:
    rows = draw(st.integers(1, 5000))
    audited = draw(st.integers(1, rows))
    return Stratum(rows, audited, draw(st.integers(0, audited)))


def test_rate_by_hand() -> None:
    """500 flagged rows at 80 %, 9,500 others at 2 %: .05 x .8 + .95 x .02 = .059."""
    found = audit_rate([Stratum(500, 50, 40), Stratum(9500, 150, 3)])
    assert found.rate == pytest.approx(0.059)
    assert (found.rows, found.audited) == (10_000, 200)
    assert found.low < 0.059 < found.high


def test_one_stratum_of_a_large_set_is_wilson() -> None:
    found = audit_rate([Stratum(10_000_000, 200, 12)])
    assert (found.low, found.high) == pytest.approx(wilson(12, 200), abs=1e-4)


def test_a_clean_stratum_still_widens_upwards() -> None:
    """No error in 100 of 9,500 rows bounds their rate near 3.7 %, so the total cannot be known to a point."""
    found = audit_rate([Stratum(500, 500, 400), Stratum(9500, 100, 0)])
    assert found.rate == pytest.approx(0.04)
    assert found.low == pytest.approx(0.04)
    assert found.high == pytest.approx(0.04 + 0.95 * wilson(0, 100).high, abs=5e-4)


def test_everything_audited_is_certain() -> None:
    found = audit_rate([Stratum(10, 10, 3), Stratum(0, 0, 0), Stratum(30, 30, 0)])
    assert (found.rate, found.low, found.high) == pytest.approx((0.075,) * 3)


def test_rows_drawn_without_replacement_leave_less_unknown() -> None:
    """Cochran (1977): auditing nine tenths of the rows leaves sqrt(1 - .9) of the standard error."""
    found = audit_rate([Stratum(1000, 900, 450)])
    assert found.high - found.rate == pytest.approx(1.96 * (0.25 / 900) ** 0.5 * 0.1**0.5, rel=0.01)


@given(st.lists(strata(), min_size=1, max_size=4))
def test_interval_holds_the_rate_and_stays_inside(groups: list[Stratum]) -> None:
    found = audit_rate(groups)
    assert 0.0 <= found.low <= found.rate + 1e-12
    assert found.rate - 1e-12 <= found.high <= 1.0


@given(strata(), strata())
def test_more_confidence_is_wider(one: Stratum, two: Stratum) -> None:
    near, far = audit_rate([one, two], level=0.8), audit_rate([one, two], level=0.95)
    assert far.low <= near.low
    assert far.high >= near.high


@pytest.mark.parametrize("rows", [(500, 9500), (100, 900), (2000, 98_000)])
@pytest.mark.parametrize("rates", [(0.8, 0.01), (0.4, 0.03), (0.9, 0.001), (0.3, 0.1)])
@pytest.mark.parametrize("audited", [(50, 50), (50, 150), (20, 200)])
def test_coverage(rows: tuple[int, int], rates: tuple[float, float], audited: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    errors = [round(n * rate) for n, rate in zip(rows, rates, strict=True)]
    truth, covered = sum(errors) / sum(rows), 0
    for _ in range(600):
        seen = [
            Stratum(n, k, int(rng.hypergeometric(bad, n - bad, k)))
            for n, k, bad in zip(rows, audited, errors, strict=True)
        ]
        found = audit_rate(seen)
        covered += found.low <= truth <= found.high
    assert covered / 600 >= 0.9


def test_estimate_is_unbiased_where_the_plain_share_is_not() -> None:
    rng, rates, shares = np.random.default_rng(8), [], []
    for _ in range(2000):
        flagged, rest = int(rng.hypergeometric(400, 100, 50)), int(rng.hypergeometric(95, 9405, 150))
        rates.append(audit_rate([Stratum(500, 50, flagged), Stratum(9500, 150, rest)]).rate)
        shares.append((flagged + rest) / 200)
    assert np.mean(rates) == pytest.approx(0.0495, abs=0.0006)
    assert np.mean(shares) > 0.2


def test_allocation_is_near_neyman() -> None:
    """Neyman (1934): 500 x sqrt(.24) against 9,500 x sqrt(.0196), so 31 and 169 of 200."""
    assert allocate([500, 9500], [0.6, 0.02], 200) == [31, 169]
    assert allocate([5, 100], [0.5, 0.5], 1000) == [5, 100]
    assert allocate([1000, 1000], [0.0, 0.0], 100) == [50, 50]
    assert allocate([0, 50], [0.5, 0.5], 20) == [0, 20]


@given(
    st.lists(st.tuples(st.integers(0, 400), st.floats(0, 1)), min_size=1, max_size=5),
    st.integers(50, 300),
)
def test_allocation_adds_up_within_bounds(groups: list[tuple[int, float]], total: int) -> None:
    rows = [n for n, _ in groups]
    given_rows = allocate(rows, [rate for _, rate in groups], total)
    assert sum(given_rows) == min(total, sum(rows))
    assert all(min(10, n) <= k <= n for k, n in zip(given_rows, rows, strict=True))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: audit_rate([]), "no rows"),
        (lambda: audit_rate([Stratum(0, 0, 0)]), "no rows"),
        (lambda: audit_rate([Stratum(100, 10, 1), Stratum(900, 0, 0)]), "not audited"),
        (lambda: audit_rate([Stratum(100, 10, 11)]), "cannot be"),
        (lambda: audit_rate([Stratum(100, 101, 11)]), "cannot be"),
        (lambda: allocate([], [], 10), "guessed rate"),
        (lambda: allocate([10], [0.5, 0.5], 10), "guessed rate"),
        (lambda: allocate([10, -1], [0.5, 0.5], 10), "not negative"),
        (lambda: allocate([10], [5.0], 10), "in 0..1"),
        (lambda: allocate([100, 100], [0.5, 0.5], 19), "too few"),
        (lambda: allocate([100, 100], [0.5, 0.5], 19, least=0), "the least is 1"),
    ],
)
def test_what_cannot_be_answered_is_an_error(call: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()
