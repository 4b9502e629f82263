"""The decision: pure, adds up, and a copy leaves only while its partner stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit.core.policy import CheckRule, KindRule, Policy, reached
from toolkit.core.types import Fact, Finding, Findings, Level
from toolkit.decide import Kind, Outcome, _copies, decide
from toolkit.judge import reasons, verdict
from toolkit.renderers.terminal import outcomes
from toolkit.store.ledger import Ledger, Run

PAIRS = st.lists(st.tuples(st.integers(0, 14), st.integers(0, 14)).filter(lambda pair: pair[0] != pair[1]), max_size=40)


def _ledger(folder: Path, records: int, found: dict[str, list[Any]], **status: str) -> Ledger:
    ledger = Ledger(folder / "ledger.duckdb")
    ledger.clear()
    ledger.set_meta("records", str(records))
    ledger.set_meta("rows", str(records))
    for check, results in found.items():
        said: Any = status.get(check, "ran")
        ledger.write(Run(check, "X01", "input", 1, "", "{}", said, "", records, records, 0.0), results)
    return ledger


@settings(max_examples=200, deadline=None)
@given(pairs=PAIRS, out=st.sets(st.integers(0, 14)))
def test_every_copy_that_leaves_has_a_partner_that_stays(pairs: list[tuple[int, int]], out: set[int]) -> None:
    preferred = sorted({(max(pair), min(pair)) for pair in pairs})  # the lower number is preferred
    row, other = (np.array([pair[at] for pair in preferred], dtype=np.int64) for at in (0, 1))
    gone = set(_copies(row, other, np.array(sorted(out), dtype=np.int64)).tolist())
    stays = set(range(15)) - out - gone
    for one in gone:
        assert any(a == one and b in stays for a, b in preferred)
        assert one not in out
    for a, b in preferred:
        assert not (a in stays and b in stays), "two that are alike both stay"


def test_a_long_chain_keeps_every_other_row() -> None:
    n = 2000
    gone = _copies(np.arange(1, n), np.arange(n - 1), np.array([], dtype=np.int64))
    assert gone.tolist() == list(range(1, n, 2))


def test_pairs_that_point_at_each_other_end() -> None:
    both = _copies(np.array([0, 1]), np.array([1, 0]), np.array([], dtype=np.int64))
    assert both.tolist() == []


def test_rows_leave_by_checks_and_kinds_that_are_named(tmp_path: Path) -> None:
    kinds = {"mere": KindRule(level="info"), "held": KindRule(reject=False, level="error")}
    policy = Policy(checks={"leak": CheckRule(levels={"warning": 0.0}, kinds=kinds)})
    found = [Finding(nth, 0.9, "a leak", kind=kind) for nth, kind in enumerate(("exact", "mere", "held"))]
    ledger = _ledger(tmp_path, 4, {"leak": found, "odd": [Finding(3, 0.9, "odd", kind="k")]})
    for named, leaves in (
        ([], []),
        (["leak"], [0, 2]),
        (["leak:mere"], [1]),
        (["leak:mere", "leak"], [0, 1, 2]),
        (["odd"], [3]),
        (["odd:k", "odd:none"], [3]),
    ):
        assert decide(ledger, policy.leaving_out(named)).rejected.tolist() == leaves, named


def test_a_copy_stays_when_its_partner_is_rejected(tmp_path: Path) -> None:
    policy = Policy(
        checks={
            "copies": CheckRule(reject=True, keep_one=True, levels={"warning": 0.0}),
            "bad": CheckRule(reject=True, levels={"error": 0.0}),
        }
    )
    found = {"copies": [Finding(1, 1.0, "copy", "exact", other=0)], "bad": [Finding(0, 1.0, "bad", "bad")]}
    with _ledger(tmp_path, 3, found) as ledger:
        decision = decide(ledger, policy)
    assert decision.rejected.tolist() == [0]
    assert decision.kept == 2
    levels = {each.check: (each.level, each.level_input) for each in decision.outcomes}
    assert levels == {"copies": (Level.OK, Level.WARNING), "bad": (Level.OK, Level.ERROR)}


def test_kinds_depart_from_their_check(tmp_path: Path) -> None:
    rule = CheckRule(
        reject=True,
        levels={"error": 0.0},
        kinds={"mild": KindRule(reject=False, level="warning"), "noise": KindRule(flag=False)},
    )
    found = [
        Finding(0, 1.0, "a", "hard"),
        Finding(1, 1.0, "b", "mild"),
        Finding(2, 1.0, "c", "noise"),
        Finding(3, 0.4, "d", "hard"),
    ]
    with _ledger(tmp_path, 5, {"one": found}) as ledger:
        decision = decide(ledger, Policy(checks={"one": rule}))
    assert decision.rejected.tolist() == [0]
    outcome = decision.outcomes[0]
    assert (outcome.flagged, outcome.flagged_kept, outcome.rejected) == (2, 1, 1)
    assert (outcome.level, outcome.level_input) == (Level.WARNING, Level.ERROR)


@pytest.mark.parametrize(
    ("flagged", "total", "level"),
    [(0, 100, Level.OK), (1, 100, Level.OK), (2, 100, Level.WARNING), (11, 100, Level.ERROR), (5, 0, Level.ERROR)],
)
def test_levels_are_shares(flagged: int, total: int, level: Level) -> None:
    assert reached({"warning": 0.01, "error": 0.1}, flagged, total) == level


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    scores=st.lists(st.tuples(st.integers(0, 19), st.floats(0, 1)), max_size=30),
    bars=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_a_stricter_policy_never_keeps_more(scores: Any, bars: tuple[float, float], tmp_path: Path) -> None:
    strict, loose = sorted(bars)
    found = {"one": [Finding(row, score, "m", "k") for row, score in scores]}
    with _ledger(tmp_path, 20, found) as ledger:
        kept = [
            decide(ledger, Policy(checks={"one": CheckRule(flag_at=bar, reject=True)})).kept for bar in (strict, loose)
        ]
        assert kept[0] <= kept[1]
        assert kept[0] == 20 - len({row for row, score in scores if score >= strict})


def test_deciding_twice_gives_the_same(tmp_path: Path) -> None:
    rows = np.arange(0, 50, 3)
    found = {"one": [Findings(rows, np.linspace(0, 1, len(rows)), "m", "k"), Fact("n", 1.0)]}
    with _ledger(tmp_path, 50, found) as ledger:
        policy = Policy(checks={"one": CheckRule(reject=True, levels={"error": 0.1})})
        first, second = decide(ledger, policy), decide(ledger, policy)
    assert first.outcomes == second.outcomes
    assert first.rejected.tolist() == second.rejected.tolist()


def test_a_failed_check_is_not_clean(tmp_path: Path) -> None:
    from toolkit.judge import reasons, verdict

    policy = Policy(needs={"all": ["one"]}, checks={"one": CheckRule()})
    with _ledger(tmp_path, 5, {"one": []}, one="failed") as ledger:
        why = reasons(decide(ledger, policy).outcomes, policy, "text")
    assert verdict(why).words == "CANNOT TELL"
    with _ledger(tmp_path, 5, {"two": []}) as ledger:
        assert verdict(reasons(decide(ledger, policy).outcomes, policy, "text")).words == "CANNOT TELL"
    with _ledger(tmp_path, 5, {"one": []}) as ledger:
        assert verdict(reasons(decide(ledger, policy).outcomes, policy, "text")).words == "READY"


def test_many_losses_are_a_warning(tmp_path: Path) -> None:
    from toolkit.judge import losses

    policy = Policy(checks={"one": CheckRule(reject=True)})
    found = {"one": [Finding(row, 1.0, "it is bad", "bad") for row in range(3)]}
    with _ledger(tmp_path, 10, found) as ledger:
        said = losses(decide(ledger, policy))
    assert [(reason.level, reason.title, reason.detail) for reason in said] == [
        ("warning", "3 of 10 records were quarantined", "3 of them because: it is bad")
    ]
    with _ledger(tmp_path, 100, found) as ledger:
        assert losses(decide(ledger, policy)) == []


@pytest.mark.parametrize(
    ("check", "level", "words"),
    [
        ("secret", Level.ERROR, "CANNOT TELL"),
        ("refusal", Level.ERROR, "READY WITH RISKS"),
        ("secret", Level.INFO, "READY"),
    ],
)
def test_an_unproven_check_leaves_the_verdict_open_where_it_is_needed(check: str, level: Level, words: str) -> None:
    kinds = (Kind(check, "it finds 3 of 40 planted defects", 1, 1, 1, 0, level, level, ""),)
    ran = Outcome("secret", "P01", "input", "ran", "", 9, 9, 9, 0.0, 0, 0, 0, Level.OK, Level.OK, (), "")
    tried = replace(
        ran, check="self-test", code="V01", flagged=1, flagged_kept=1, level=level, kinds=kinds, remedy="read"
    )
    told = reasons([ran, tried], Policy(needs={"all": ["secret"]}), "text")
    assert verdict(told).words == words
    assert level is Level.INFO or told[0].title == f"{check} is unproven"


def test_what_is_counted_together_counts_no_kind_with_a_bar_of_its_own(tmp_path: Path) -> None:
    own = {"url": KindRule(level="info"), "email": KindRule(level="warning")}
    policy = Policy(checks={"pii": CheckRule(levels={"error": 0.0}, kinds=own)})
    found = [Finding(row, 1.0, f"a {kind}", kind=kind) for row, kind in enumerate(["url"] * 7 + ["email"] * 2)]
    found += [Finding(0, 1.0, "a card", kind="card"), Finding(9, 1.0, "a card", kind="card")]
    with _ledger(tmp_path, 3000, {"pii": found}) as ledger:
        (outcome,) = decide(ledger, policy).outcomes
        told = {reason.title: reason for reason in reasons([outcome], policy, "text")}
    assert outcome.flagged == 10 and outcome.together == (2, 2)
    assert told["A card"].level == "error"
    assert told["A card"].detail == "2 of the rows that stay (<0.1 %); 2 of 3,000 rows that were looked at"
    assert told["A email"].detail.startswith("2 of the rows that stay (<0.1 %)")


def test_a_reason_whose_rows_differ_is_named_by_its_kind(tmp_path: Path) -> None:
    policy = Policy(checks={"noise": CheckRule(levels={"error": 0.0})})
    found = [Finding(at, 1 - at / 9, f"labelled 'x', like '{at}'", kind="label-noise") for at in range(3)]
    with _ledger(tmp_path, 9, {"noise": found}) as ledger:
        (reason,) = reasons(decide(ledger, policy).outcomes, policy, "text")
    assert reason.title == "Label-noise, such as: labelled 'x', like '0'"


@pytest.mark.parametrize("message", ["n_calls is below 1", "trl 1.16.0 cuts the answer off"])
def test_names_in_a_title_stay_as_they_are(message: str, tmp_path: Path) -> None:
    policy = Policy(checks={"noise": CheckRule(levels={"error": 0.0})})
    with _ledger(tmp_path, 9, {"noise": [Finding(1, 1.0, message, kind="a")]}) as ledger:
        (reason,) = reasons(decide(ledger, policy).outcomes, policy, "text")
    assert reason.title == message


def test_the_terminal_has_a_line_for_what_was_found_and_names_the_rest(tmp_path: Path) -> None:
    found = [Finding(at, 1.0, "m", kind=f"k{at % 7}") for at in range(9)]
    with _ledger(tmp_path, 9, {"bad": found, "calm": [], "late": []}, late="skipped") as ledger:
        ledger.write(Run("away", "X02", "input", 1, "", "{}", "not applicable", "no labels", 0, 9, 0.0), [])
        lines = outcomes(decide(ledger, Policy(checks={"bad": CheckRule(levels={"error": 0.0})})))
    assert [line.split()[1] for line in lines if line.startswith("X0")] == ["bad", "late"]
    assert [line.split()[0] for line in lines if line.startswith("      k")] == ["k0", "k1", "k2", "k3", "k4"]
    assert "      … and 2 more kinds" in lines
    assert "found nothing: X01 calm" in lines and "not applicable here, --json says why: X02 away" in lines
