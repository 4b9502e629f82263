"""Every leaf of the tree is reached, no rule is dead, and more never turns the advice the wrong way."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.advise import Answers, Leaf, Rung, Stated, decide
from toolkit.advise.answers import QUESTIONS, choices
from toolkit.advise.decide import TREE, TUNING, next_question

PAYS = {"calls_per_day": 50_000, "cost_per_1000_now": 60, "cost_per_1000_tuned": 0.4, "months": 12, "tune": 500}
NEVER = PAYS | {"calls_per_day": 10, "maintenance_per_month": 500}
TRIED: dict[str, Any] = {
    "prompt_debugged": "yes",
    "constrained_output": "yes",
    "prompt_examples": 5,
    "stronger_tried": "yes",
    "frontier_does_it": "no",
    "eval_set": "yes",
    "score_now": 0.7,
    "score_needed": 0.9,
    "product": "yes",
    "requirements": "stable",
}
COST = TRIED | {"goal": "cost", "examples": 800}
FEW = TRIED | {"goal": "label", "examples": 40, "frontier_does_it": "yes", "stronger_affordable": "no", "money": PAYS}
CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("retrieval", "", "knowledge", {"goal": "knowledge"}),
    ("tools", "", "capability", {"goal": "capability"}),
    ("fix the prompt", "", "prompt", {}),
    ("fix the prompt", "", "prompt", {"goal": "label", "prompt_debugged": "no"}),
    ("fix the prompt", "", "prompt", {"goal": "shape", "prompt_debugged": "yes"}),
    ("don't", "", "enough", TRIED | {"goal": "label", "score_now": 0.89}),
    ("few-shot", "", "few_shot", TRIED | {"goal": "label", "prompt_examples": 2}),
    ("stronger model", "", "stronger", TRIED | {"goal": "label", "stronger_tried": "unknown"}),
    ("stronger model", "", "stronger", TRIED | {"goal": "label", "frontier_does_it": "yes"}),
    ("don't", "", "facts", TRIED | {"goal": "knowledge", "retrieval_tried": "yes"}),
    ("don't", "", "early", TRIED | {"goal": "label", "one_off": "yes"}),
    ("don't", "", "early", TRIED | {"goal": "label", "product": "no"}),
    ("don't", "", "early", TRIED | {"goal": "label", "requirements": "weekly"}),
    ("don't", "", "evaluated", TRIED | {"goal": "label", "eval_set": "unknown"}),
    ("don't", "", "money", COST),
    ("don't", "", "money", COST | {"money": NEVER}),
    ("reasoning RL", "", "reasoning", TRIED | {"goal": "reasoning", "verifier": "yes"}),
    ("don't", "", "reasoning", TRIED | {"goal": "reasoning"}),
    ("DPO", "", "preference", TRIED | {"goal": "preference", "pairs": 3000}),
    ("full SFT", "", "supervised", TRIED | {"goal": "domain", "examples": 40_000, "lora_fell_short": "yes"}),
    ("LoRA SFT", "", "supervised", COST | {"money": PAYS}),
    ("LoRA SFT", "", "supervised", TRIED | {"goal": "style", "examples": 250}),
    ("LoRA SFT", "", "supervised", TRIED | {"goal": "privacy", "examples": 800, "stronger_tried": "no"}),
    ("LoRA SFT", "", "supervised", TRIED | {"goal": "capability", "tools_tried": "yes", "examples": 900}),
    ("collect data", "distil", "collect", FEW | {"real_use": "yes"}),
    ("collect data", "active learning", "collect", FEW | {"real_use": "yes", "people": "yes", "distil_allowed": "no"}),
    ("collect data", "synthetic", "collect", FEW | {"can_verify": "yes"}),
    ("collect data", "few-shot first", "collect", FEW),
    ("collect data", "few-shot first", "collect", TRIED | {"goal": "preference", "examples": 9000}),
]


def advice(values: dict[str, Any]) -> Any:
    return decide(Answers.model_validate(values))


@pytest.mark.parametrize(("leaf", "branch", "rule", "values"), CASES)
def test_leaf(leaf: str, branch: str, rule: str, values: dict[str, Any]) -> None:
    found = advice(values)
    assert (found.leaf, found.branch, found.rule) == (leaf, branch, rule)
    assert found.why and all(found.why)


def test_no_leaf_and_no_rule_is_dead() -> None:
    assert {leaf for leaf, *_ in CASES} == set(Leaf)
    assert {rule for _, _, rule, _ in CASES} == {rule.__name__ for rule in TREE}
    assert {branch for _, branch, *_ in CASES} == {"", "distil", "active learning", "synthetic", "few-shot first"}


def answers() -> st.SearchStrategy[Answers]:
    fields: dict[str, Any] = {}
    for name in QUESTIONS:
        words = choices(name)
        share = name.endswith("_share") or name.startswith("score")
        numbers = st.sampled_from([0.0, 0.5, 0.88, 1.0] if share else [0, 3, 199, 200, 500, 20_000])
        fields[name] = st.sampled_from(words) if words else st.one_of(st.just("unknown"), numbers)
    fields["money"] = st.sampled_from([None, PAYS, NEVER])
    return st.fixed_dictionaries({}, optional=fields).map(Answers.model_validate)


@settings(max_examples=150, deadline=None)
@given(answers())
def test_any_answers_end_in_one_leaf_that_rests_on_what_was_looked_at(given_answers: Answers) -> None:
    found = decide(given_answers)
    assert found == decide(given_answers)
    forgotten = {name: "unknown" for name in QUESTIONS if name not in found.rests_on}
    again = decide(given_answers.model_copy(update={name: Stated(answer="unknown") for name in forgotten}))
    assert (again.leaf, again.branch, again.why) == (found.leaf, found.branch, found.why)
    for turn in found.turns:
        assert turn.question in found.unknown
    if found.tunes:
        assert given_answers.eval_set.answer == "yes" and given_answers.prompt_debugged.answer == "yes"
        assert given_answers.requirements.answer != "weekly"


@settings(max_examples=150, deadline=None)
@given(answers(), st.sampled_from(["examples", "pairs"]), st.integers(0, 50_000))
def test_more_rows_never_turn_tuning_into_collecting(before: Answers, name: str, more: int) -> None:
    known = getattr(before, name)
    n = (known.answer if known.known else 0) + more
    after = decide(before.model_copy(update={name: Stated(answer=n)}))
    if decide(before).tunes:
        assert after.tunes


@settings(max_examples=100, deadline=None)
@given(answers())
def test_an_eval_set_a_goal_reached_and_a_mended_prompt_only_go_one_way(before: Answers) -> None:
    found = decide(before)
    reached = before.model_copy(update={"score_now": Stated(answer=1.0), "score_needed": Stated(answer=0.9)})
    if decide(reached).tunes:
        assert reached.goal.answer in ("cost", "latency"), "with nothing to gain only money is a reason"
    if found.tunes:
        without = before.model_copy(update={"eval_set": Stated(answer="no")})
        assert decide(without).leaf == "don't"


def test_nothing_known_is_the_cheapest_step() -> None:
    found = advice({})
    assert found.leaf == "fix the prompt" and found.unknown == ("goal",)
    assert found.turns[0].question == "goal"


def test_the_interview_asks_only_what_the_tree_looks_at() -> None:
    given_answers, asked = Answers(), []
    replies = TRIED | {"goal": "label", "examples": 800}
    while (name := next_question(given_answers, asked)) is not None:
        asked.append(name)
        given_answers = given_answers.model_copy(update={name: Stated(answer=replies.get(name, "unknown"))})
    assert decide(given_answers).leaf == "LoRA SFT"
    assert asked[0] == "goal" and "retrieval_tried" not in asked and "people" not in asked


def test_what_was_measured_stands_before_what_was_said() -> None:
    rungs = [
        Rung(kind="zero-shot", name="zero-shot", score=0.71, low=0.6, high=0.8, rows=200),
        Rung(kind="few-shot", name="5 examples", score=0.84, low=0.8, high=0.9, rows=200, examples=5),
        Rung(kind="stronger", name="strongest", score=0.92, low=0.9, high=0.95, rows=200, cost_per_1000=60),
    ]
    said = TRIED | {"goal": "label", "score_now": 0.99, "measured": {"rungs": [each.model_dump() for each in rungs]}}
    found = advice(said | {"stronger_affordable": "no", "examples": 800, "money": PAYS})
    assert found.leaf == "LoRA SFT"
    assert found.answers.score_now.answer == 0.84 and found.answers.frontier_does_it.answer == "yes"
    assert any(line.startswith("score_now: you said 0.99, measured is 0.84") for line in found.contradicted)


def test_the_anti_patterns() -> None:
    bad = COST | {
        "money": PAYS, "eval_rows": 40, "prompt_tokens": 5000, "provider": "closed", "epochs": 20, "facts_share": 0.4,
        "synthetic_share": 0.8, "conflict_share": 0.1, "smallest_class": 3, "general_share": 0.1,
    }  # fmt: skip
    assert {each.name for each in advice(bad).warned} == {
        "small eval set", "long prompt", "lock-in", "epochs", "facts in the data", "unverified synthetic data",
        "garbage data", "starved class", "forgetting",
    }  # fmt: skip
    early = {"goal": "label", "examples": 50, "eval_set": "no", "prompt_debugged": "no", "requirements": "weekly"}
    assert {each.name for each in advice(early).warned} == {
        "tiny set", "no held-out set", "tuning instead of debugging", "moving target",
    }  # fmt: skip
    clean = COST | {"money": PAYS, "general_data": "yes"}
    assert advice(clean).warned == ()


def test_tuning_leaves_are_those_that_change_weights() -> None:
    assert {str(leaf) for leaf in TUNING} == {"LoRA SFT", "DPO", "full SFT", "reasoning RL"}
