"""A row that people keep is no finding again, until the row, the check or the decision changes."""

from __future__ import annotations

import json
from pathlib import Path

from toolkit.findings import findings, policy_of
from toolkit.label.answers import Answer, append
from toolkit.label.page.triage import of_findings
from toolkit.review import FILE, asked
from toolkit.store.ledger import Ledger
from toolkit.verify import Verified, VerifyOptions, verify

SHORT = {"messages": [{"role": "user", "content": "Why?"}, {"role": "assistant", "content": "TODO"}]}
OTHER = {"messages": [{"role": "user", "content": "How?"}, {"role": "assistant", "content": "So it is."}]}
OPTIONS = VerifyOptions(only=("empty-answer",), embed=False)


def _verify(*rows: object) -> Verified:
    Path("rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return verify("rows.jsonl", run="run", options=OPTIONS)


def _decide(value: str, by: str = "Ada", status: str = "answered") -> None:
    task = of_findings("run").tasks[0]
    append(Path("run") / FILE, Answer(task.id, task.hash, "finding", value, by, status=status))


def test_a_kept_row_stays_and_says_who_keeps_it() -> None:
    assert _verify(SHORT, OTHER).decision.kept == 1
    _decide("keep")
    again = _verify(SHORT, OTHER)
    assert again.decision.kept == 2
    assert again.level == 0
    assert again.notes == ("1 findings do not count: people keep their rows (run/decisions.jsonl)",)
    with Ledger(Path("run/ledger.duckdb"), read_only=True) as ledger:
        (told,) = [each for each in findings(ledger, (), policy_of(ledger)) if each["check"] == "empty-answer"]
    assert (told["flag"], told["score"]) == (False, 0.0)


def test_where_people_differ_or_the_row_has_changed_it_counts() -> None:
    _verify(SHORT, OTHER)
    _decide("keep")
    _decide("drop", "Ben")
    assert _verify(SHORT, OTHER).decision.kept == 1
    changed = {"messages": [SHORT["messages"][0], {"role": "assistant", "content": "TBD"}]}
    assert _verify(changed, OTHER).decision.kept == 1


def test_a_decision_that_is_gone_gives_the_score_back() -> None:
    _verify(SHORT, OTHER)
    _decide("keep")
    assert _verify(SHORT, OTHER).decision.kept == 2
    (Path("run") / FILE).unlink()
    back = _verify(SHORT, OTHER)
    assert (back.decision.kept, back.notes) == (1, ())


def test_a_decision_about_another_version_or_check_covers_nothing() -> None:
    _verify(SHORT, OTHER)
    task = of_findings("run").tasks[0]
    for checks in ({"empty-answer": 99}, {"roles": 1}):
        append(Path("run") / FILE, Answer(task.id, asked(task.id, checks), "finding", "keep", "Ada"))
        assert _verify(SHORT, OTHER).decision.kept == 1
