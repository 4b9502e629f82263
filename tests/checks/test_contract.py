"""Contracts: strict to read, judged by Great Expectations, named by SQL, and silent about the rows' text."""

from __future__ import annotations

import json
import math
import re
import socket
import sys
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.checks.contract import ContractCheck
from toolkit.contracts.expectations import EXPECTATIONS, ROW_RULES, TABLE_RULES
from toolkit.contracts.model import Contract, Rule, load, shipped_contracts
from toolkit.contracts.plan import plan
from toolkit.contracts.rows import FlatTable
from toolkit.contracts.suite import judge
from toolkit.core import parts
from toolkit.core.errors import NotApplicable, Skip, UsageError
from toolkit.core.types import Fact, Finding, Findings
from toolkit.near.features import FEATURES
from toolkit.read import ReadOptions, read
from toolkit.store.view import View

TYPES = {name: feature.type for name, feature in FEATURES.items()}


def rule(expectation: str, column: str | None = None, mostly: float = 1.0, **arguments: Any) -> dict[str, Any]:
    written: dict[str, Any] = {"expectation": expectation, "arguments": arguments}
    if mostly < 1:
        written["mostly"] = mostly
    return written if column is None else {**written, "column": column}


RULES = [
    *[rule("expect_column_values_to_be_between", name, min_value=0, max_value=2) for name in "if"],
    rule("expect_column_values_to_be_between", "i", 0.6, max_value=2, strict_max=True),
    rule("expect_column_values_to_be_between", "f", min_value=-0.5, strict_min=True),
    rule("expect_column_value_lengths_to_be_between", "s", min_value=2, max_value=3),
    rule("expect_column_value_lengths_to_be_between", "s", 0.5, min_value=1, strict_min=True),
    *[rule("expect_column_values_to_be_in_set", "i", mostly, value_set=[0, 1, -3]) for mostly in (1.0, 0.3)],
    rule("expect_column_values_to_be_in_set", "f", value_set=[0.5, 1]),
    rule("expect_column_values_to_be_in_set", "s", value_set=["a", "it's", 'say "x"']),
    rule("expect_column_values_to_be_in_set", "b", value_set=[True]),
    rule("expect_column_values_to_not_be_in_set", "i", value_set=[2]),
    rule("expect_column_values_to_not_be_in_set", "f", value_set=[0.5, 0.25]),
    rule("expect_column_values_to_not_be_in_set", "s", 0.8, value_set=["a", ""]),
    *[rule("expect_column_values_to_match_regex", "s", regex=regex) for regex in ("^(a|b)", r"\d$", r"^\w+$", "(?i)A")],
    *[
        rule("expect_column_values_to_not_match_regex", "s", regex=regex)
        for regex in (r"^\s|\s$", "b$", "a.b", r"(.)\1")
    ],
    *[rule("expect_column_values_to_not_be_null", name, 0.7) for name in "ijfsb"],
    *[rule("expect_column_values_to_be_null", name) for name in "ijfsb"],
    *[rule("expect_column_values_to_be_unique", name) for name in "ijfsb"],
    rule("expect_compound_columns_to_be_unique", column_list=["i", "s"]),
    rule("expect_compound_columns_to_be_unique", column_list=["f", "b", "j"]),
    rule("expect_column_pair_values_a_to_be_greater_than_b", column_A="i", column_B="j"),
    rule("expect_column_pair_values_a_to_be_greater_than_b", None, 0.5, column_A="i", column_B="f", or_equal=True),
    rule("expect_column_pair_values_to_be_equal", column_A="i", column_B="j"),
    rule("expect_column_pair_values_to_be_equal", column_A="s", column_B="r"),
    rule("expect_table_row_count_to_be_between", min_value=3),
    *[
        rule(name, column, min_value=0.5, max_value=4)
        for name in TABLE_RULES
        if "_count" not in name
        for column in "if"
    ],
    *[rule(name, column, min_value=2) for name in TABLE_RULES if "_unique" in name for column in "ifsb"],
]
SUITE = Contract(name="all", version=1, rules=[Rule(**each, name=f"r{at}") for at, each in enumerate(RULES)])
WORDS = st.sampled_from(
    ["", "a", "b", "ab", "a\nb", "b\n", " a", "é", "٣", "7", "aa", "it's", 'say "x"', "日本", "\x00", "NaN", "None"]
)
ROW = st.tuples(
    st.one_of(st.none(), st.integers(-3, 5)),
    st.one_of(st.none(), st.integers(-3, 5)),
    st.one_of(st.none(), st.sampled_from([0.5, 1.0, -0.5, 0.25]), st.floats(-9, 9, width=32)),
    st.one_of(st.none(), WORDS),
    st.one_of(st.none(), WORDS),
    st.one_of(st.none(), st.booleans()),
)


def flat(rows: list[Any]) -> pa.Table:
    kinds = [("i", pa.int64()), ("j", pa.int64()), ("f", pa.float64()), ("s", pa.string()), ("r", pa.string())]
    columns = {name: pa.array([row[at] for row in rows], kind) for at, (name, kind) in enumerate(kinds)}
    columns["b"] = pa.array([row[5] for row in rows], pa.bool_())
    return pa.table({"row": pa.array(range(len(rows)), pa.int64()), **columns})


def test_the_rules_below_use_every_expectation() -> None:
    assert {each["expectation"] for each in RULES} == set(EXPECTATIONS)


@settings(max_examples=12, deadline=None, derandomize=True)
@given(st.lists(ROW, max_size=30))
def test_great_expectations_and_sql_count_the_same(rows: list[Any]) -> None:
    table = flat(rows)
    with FlatTable(table) as database:
        for outcome in judge(SUITE, table):
            asked = outcome.rule
            if asked.expectation in ROW_RULES:
                assert database.count(asked) == outcome.unexpected, asked
                assert len(database.rows(asked, len(rows) + 1)) == outcome.unexpected, asked
                fits = outcome.considered - outcome.unexpected
                assert outcome.passed == (not outcome.considered or fits / outcome.considered >= asked.mostly), asked
            else:
                measured = database.measure(asked)
                assert (measured is None) == (outcome.observed is None or math.isnan(outcome.observed)), asked
                assert measured is None or measured == pytest.approx(outcome.observed), asked


def test_integers_longer_than_a_float_holds_are_told_apart() -> None:
    table = pa.table({"row": pa.array([0, 1, 2]), "i": pa.array([2**53, 2**53 + 1, None], pa.int64())})
    contract = Contract(name="x", version=1, rules=[Rule(**rule("expect_column_values_to_be_unique", "i"))])
    assert judge(contract, table)[0].unexpected == 0


def chat(*turns: tuple[str, Any]) -> dict[str, Any]:
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


GOOD = chat(("user", "How do I reset it?"), ("assistant", "Hold the button."))


def view_of(rows: Any, folder: Path, options: ReadOptions | None = None) -> View:
    return View(read(rows, folder / "data", options), ContractCheck.reads)


def broken(results: list[Any]) -> dict[str, list[int]]:
    """The rows that are flagged, by rule."""
    found: dict[str, list[int]] = {}
    for each in results:
        if isinstance(each, Findings) and each.evidence and each.score == 1.0:
            found.setdefault(json.loads(each.evidence[0] or "")["rule"], []).extend(each.row.tolist())
        elif isinstance(each, Finding) and each.evidence:
            found.setdefault(str(each.evidence["rule"]), []).append(-1)
    return found


CALLS = {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}
CASES = [
    ([chat(("user", "Hi"))], {"chat-prompt-and-answer", "chat-ends-with-answer", "chat-something-to-train"}),
    ([chat(("bot", "Hi"), ("assistant", "Yes?"))], {"chat-known-roles", "chat-opens-with-prompt"}),
    ([chat(("user", "Hi"), ("system", "Be kind."), ("assistant", "Yes?"))], {"chat-system-first"}),
    ([chat(("user", "Hi"), ("user", "Hello?"), ("assistant", "Yes?"))], {"chat-speakers-alternate"}),
    ([chat(("user", "Hi"), ("assistant", " \n"))], {"chat-no-empty-turn"}),
    ([chat(("user", 7), ("assistant", "Seven."))], {"chat-content-is-text"}),
    (
        [chat(("user", "Hi"), ("tool", "4"), ("assistant", "4"))],
        {"tools-declared", "tools-result-follows-call", "tools-result-has-call", "tools-are-used"},
    ),
    ([{"prompt": "Hi", "chosen": "Hello.", "rejected": ""}], {"pair-rejected-not-empty"}),
    ([{"prompt": "", "chosen": "Hello.", "rejected": "No."}], {"pair-has-prompt"}),
    ([{"prompt": "Hi", "chosen": "", "rejected": "No."}], {"pair-chosen-not-empty"}),
    ([{"text": "a", "label": "x"}, {"text": "b", "label": "y "}], {"class-label-is-trimmed"}),
    ([{"text": "a", "label": "x"}, {"text": "b", "label": None}], {"class-has-label", "class-two-or-more"}),
    ([{"text": "", "label": "x"}, {"text": "b", "label": "y" * 101}], {"class-text-not-empty", "class-label-is-name"}),
    ([{"prompt": "", "completion": "b"}], {"completion-has-prompt"}),
    ([{"prompt": "a", "completion": ""}], {"completion-not-empty"}),
    ([{"prompt": "a", "completion": 3}], {"completion-content-is-text"}),
    ([{"prompt": [{"role": "user", "content": "a"}], "completion": [CALLS]}], {"tools-declared"}),
    ([{"text": "\n"}], {"text-not-empty"}),
    ([{"text": ["a"]}], {"text-is-text"}),
    ([{"text": {"a": 1}}], {"text-is-text"}),
    ([{"prompt": "a", "completion": "b", "label": True}], {"vote-both-ways"}),
    ([{"prompt": "", "completion": "", "label": True}], {"vote-both-ways", "vote-has-prompt", "vote-answer-not-empty"}),
    ([{"traj": GOOD["messages"]}], set()),
    ([GOOD], set()),
]


@pytest.mark.parametrize(
    ("rows", "rules"), CASES, ids=lambda value: None if isinstance(value, list) else "+".join(sorted(value))
)
def test_a_shipped_contract_finds_the_rule_that_is_broken(rows: list[Any], rules: set[str], tmp_path: Path) -> None:
    results = list(ContractCheck().run(view_of(rows, tmp_path)))
    assert set(broken(results)) == rules


def test_rows_are_named_and_counted(tmp_path: Path) -> None:
    rows = [GOOD, chat(("user", "Hi")), GOOD, chat(("user", "Hi"), ("assistant", ""))]
    results = list(ContractCheck().run(view_of(rows, tmp_path)))
    assert broken(results)["chat-ends-with-answer"] == [1]
    assert broken(results)["chat-no-empty-turn"] == [3]
    facts = {(each.name, each.group): each.value for each in results if isinstance(each, Fact)}
    assert facts["rows under contract", "chat"] == 4
    assert facts["rules kept", "chat"] + facts["rules broken", "chat"] == 9
    assert facts["rows that fit the rule", "chat: chat-ends-with-answer"] == 75
    assert facts["rows that break the rule", "chat: chat-ends-with-answer"] == 1


def test_mixed_formats_are_judged_each_by_its_own_contract(tmp_path: Path) -> None:
    rows = [GOOD, {"prompt": "a", "completion": ""}, {"text": "a", "label": "x"}]
    found = broken(list(ContractCheck().run(view_of(rows, tmp_path))))
    assert found == {"completion-not-empty": [1], "class-two-or-more": [-1]}


def test_rows_within_what_mostly_allows_are_found_and_not_flagged(tmp_path: Path) -> None:
    odd = chat(("user", "Hi"), ("user", "Hello?"), ("assistant", "Yes?"))
    results = list(ContractCheck().run(view_of([GOOD] * 199 + [odd], tmp_path)))
    assert broken(results) == {}
    allowed = [each for each in results if isinstance(each, Findings)]
    assert [(each.row.tolist(), each.score, each.kind) for each in allowed] == [([199], 0.2, "warning")]


def test_over_the_cap_the_data_set_itself_is_flagged(tmp_path: Path) -> None:
    view = view_of([chat(("user", "Hi"), ("assistant", ""))] * 7, tmp_path)
    results = list(ContractCheck(most=5).run(view))
    whole = next(each for each in results if isinstance(each, Finding))
    assert (whole.row, whole.kind, whole.score) == (None, "error", 1.0)
    assert whole.message.startswith("2 rows more than are listed")
    assert sum(len(each.row) for each in results if isinstance(each, Findings)) == 5


def own(tmp_path: Path, *rules: str, head: str = "") -> str:
    path = tmp_path / "mine.yaml"
    path.write_text(f"name: mine\nversion: 1\n{head}rules:\n" + "".join(f"  - {each}\n" for each in rules))
    return str(path)


RATED = [{**GOOD, "rating": value, "format": "pdf"} for value in (1, 5, 9, "4", None, 2.5, True, [3])] + [GOOD]


def test_a_contract_of_the_user_speaks_of_their_own_columns(tmp_path: Path) -> None:
    schema = own(
        tmp_path,
        "{name: stars, column: rating, expectation: ExpectColumnValuesToBeBetween, "
        "arguments: {min_value: 1, max_value: 5}}",
        "{name: rated, column: rating, expectation: column_values_to_not_be_null, severity: warning}",
        "{name: kind, column: row.format, expectation: expect_column_values_to_be_in_set, "
        "arguments: {value_set: [html]}}",
    )
    results = list(ContractCheck(schema=schema).run(view_of(RATED, tmp_path)))
    assert broken(results) == {
        "stars": [2],
        "rating is number": [3, 6, 7],  # a text, true, a list: found, not read as numbers and not passed over
        "rated": [4, 8],
        "kind": [0, 1, 2, 3, 4, 5, 6, 7],
    }
    kinds = {each.kind for each in results if isinstance(each, Findings)}
    assert kinds == {"error", "warning"}


def test_a_where_limits_a_contract(tmp_path: Path) -> None:
    rule_ = "{column: n_turns, expectation: expect_column_values_to_be_between, arguments: {min_value: 3}}"
    tools = {**GOOD, "tools": [{"name": "f"}]}
    schema = own(tmp_path, rule_, head="where: has_tools\n")
    found = broken(list(ContractCheck(schema=schema).run(view_of([GOOD, tools], tmp_path))))
    assert list(found.values()) == [[1]]


def asks(expectation: str, more: str = "", column: str = "n_turns") -> str:
    return f"{{column: {column}, expectation: {expectation}{more}}}"


BETWEEN, IN_SET, NULL = "expect_column_values_to_be_between", "expect_column_values_to_be_in_set", "values_to_be_null"
REGEX, MAXIMUM = "expect_column_values_to_match_regex", "expect_column_max_to_be_between"
WRONG = [
    (asks("values_between"), "not an expectation that is supported"),
    ("{column: n_turns, expectaton: expect_column_values_to_be_null}", "did you mean 'expectation'"),
    (asks(BETWEEN), "needs min_value or max_value"),
    (asks(BETWEEN, ", arguments: {min_val: 1}"), "did you mean 'min_value'"),
    (asks(BETWEEN, ", arguments: {min_value: x}"), "must be a number"),
    (asks(REGEX, ", arguments: {regex: '('}"), "regular expression"),
    (asks(REGEX), "needs the argument 'regex'"),
    (asks(IN_SET, ", arguments: {value_set: [1, a]}"), "must be a list"),
    (asks(IN_SET, ", arguments: {value_set: []}"), "must be a list"),
    (f"{{expectation: column_{NULL}}}", "needs a `column`"),
    (asks(f"column_{NULL}", ", mostly: 1.5"), "mostly"),
    (asks(MAXIMUM, ", mostly: .5, arguments: {max_value: 9}"), "no `mostly`"),
    (asks(f"column_{NULL}", ", severity: fatal"), "severity"),
]


@pytest.mark.parametrize(("written", "said"), WRONG, ids=lambda each: each[:40])
def test_a_contract_that_cannot_be_meant_is_refused_with_its_line(written: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        load(Path(own(tmp_path, written)))
    assert said in refused.value.what
    assert re.search(r"mine\.yaml, line 4", refused.value.what)


MISFITS = [
    ("{column: ratng, expectation: expect_column_values_to_not_be_null}", "", "did you mean 'rating'"),
    ("{column: roles, expectation: expect_column_values_to_be_between, arguments: {min_value: 1}}", "", "holds texts"),
    ("{column: n_turns, expectation: expect_column_values_to_be_null}", "applies_to: [mesages]\n", "mesages"),
    ("{column: n_turns, expectation: expect_column_values_to_be_null}", "where: n_tools\n", "yes-or-no"),
]


@pytest.mark.parametrize(("written", "head", "said"), MISFITS)
def test_a_contract_that_does_not_fit_the_rows_is_refused(written: str, head: str, said: str, tmp_path: Path) -> None:
    view = view_of(RATED, tmp_path)
    with pytest.raises(UsageError) as refused:
        list(ContractCheck(schema=own(tmp_path, written, head=head)).run(view))
    assert said in refused.value.what + refused.value.fix


def test_no_text_of_a_row_is_in_a_result(tmp_path: Path) -> None:
    secret = "hunter2-correct-horse"
    rows = [{"text": secret, "label": f"{secret}{at} ", "note": secret} for at in range(30)]
    schema = own(
        tmp_path,
        "{column: label, expectation: expect_column_values_to_match_regex, arguments: {regex: '^x'}}",
        "{column: note, expectation: expect_column_values_to_be_unique}",
        "{column: note, expectation: expect_column_values_to_be_between, arguments: {min_value: 3}}",
        "{column: label, expectation: expect_column_unique_value_count_to_be_between, arguments: {max_value: 3}}",
    )
    view = view_of(rows, tmp_path)
    results = [*ContractCheck(schema=schema).run(view), *ContractCheck().run(view)]
    assert len(broken(results)) >= 5
    assert secret not in repr(results)


def test_nothing_is_printed_written_or_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    view = view_of([GOOD, chat(("user", "Hi"))], tmp_path)
    place = tmp_path / "place"
    place.mkdir()

    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(tempfile, "tempdir", str(place))
    monkeypatch.setenv("HOME", str(place))
    monkeypatch.chdir(place)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    list(ContractCheck().run(view))
    said = capfd.readouterr()
    assert (said.out, said.err) == ("", "")
    assert list(place.rglob("*")) == []


def test_without_great_expectations_it_is_a_skip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    view = view_of([GOOD], tmp_path)
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    with pytest.raises(Skip, match="great_expectations"):
        list(ContractCheck().run(view))


def test_rows_of_no_format_have_no_contract(tmp_path: Path) -> None:
    with pytest.raises(NotApplicable, match="unknown"):
        list(ContractCheck().run(view_of([{"a": 1}], tmp_path)))


def test_the_digest_follows_the_contract_and_not_its_name(tmp_path: Path) -> None:
    line = "{column: n_turns, expectation: expect_column_values_to_be_between, arguments: {min_value: %d}}"
    schema = own(tmp_path, line % 1)
    before = ContractCheck(schema=schema).inputs()
    assert ContractCheck(schema=schema).inputs() == before
    own(tmp_path, line % 2)
    assert ContractCheck(schema=schema).inputs() != before


def test_every_format_has_a_contract_and_every_rule_a_name_and_a_reason() -> None:
    contracts = shipped_contracts()
    assert {name for each in contracts for name in each.applies_to} == set(parts.parts("formats")) - {"unknown"}
    names = [each.name for contract in contracts for each in contract.rules]
    assert len(names) == len(set(names))
    for contract in contracts:
        assert plan(contract, TYPES).own == {}
        assert all(each.name and each.why for each in contract.rules)
