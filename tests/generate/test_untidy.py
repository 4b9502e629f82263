"""Good answers in untidy form become rows, and bad ones in good form do not."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.generate.answers import answer
from tests.generate.scripted import Scripted, run_of
from toolkit.core import parts
from toolkit.core.gating import Context
from toolkit.core.passages import Passage
from toolkit.core.request import Cell, Example, GeneratedRow, Reply, Request, Seed
from toolkit.generate.gates import build as gates_of
from toolkit.generate.gates import judge, names
from toolkit.generate.looking import Looking

PAIR = {"prompt": "How do I wire the lamp?", "completion": "Cut the power first, then join the two wires."}
HOUSE = "The sauna is open to members from six, and guests – once a month – may come along. It's free."


def cooked(task: str, item: Any, label: str = "a", **options: Any) -> GeneratedRow:
    """The row that a task makes of one item of a reply."""
    conversation = parts.build("recipes", task, {"labels": {label: "", "Other one": ""}, **options}).cook(
        Seed(Cell(label))
    )
    next(conversation)
    with pytest.raises(StopIteration) as ended:
        conversation.send(Reply(json.dumps([item])))
    found: GeneratedRow = ended.value.value[0]
    return found


def refusal(task: str, item: Any, label: str = "a", **options: Any) -> str:
    """Why the gates of a task refuse one item; empty where they do not."""
    row = cooked(task, item, label, **options)
    context = Context({label: ""}, examples=options.get("examples", ()), seeds={"mine": []}, look=Looking())
    told = names(None, getattr(parts.part("recipes", task), "gates", {}))
    standing = gates_of([{name: options} for name, options in told.items() if name != "label"], context)
    found = judge(standing, row, Cell(label))
    return found.reason if found else ""


@pytest.mark.parametrize("said", ["other_one", " OTHER ONE", "Other-One", "Other one"])
def test_a_label_is_known_in_another_case(said: str) -> None:
    assert cooked("classification", {"Text": "x y", "Label": said}).label == "Other one"
    both: dict[str, Any] = {"labels": {"other one": "", "Other one": ""}}
    assert cooked("classification", {"text": "x y", "label": "OTHER ONE"}, **both).label == "OTHER ONE"


@pytest.mark.parametrize(
    "text",
    [
        "I'm sorry, but I can't help with creating more texts of this kind.",
        "Here is another example of a message about a refund:",
        "[Insert a message here]",
        "...",
    ],
)
def test_what_is_about_the_texts_is_none_of_them(text: str) -> None:
    assert "none of them" in cooked("classification", text).fault
    assert not cooked("classification", f"Well, you wrote: {text} That helps nobody.").fault


@pytest.mark.parametrize(
    "text", ["Sorry, I can't create an account on your site.", "Here are my order numbers: 4 and 5"]
)
def test_customers_may_say_that_they_are_sorry(text: str) -> None:
    assert not cooked("classification", text).fault


TALK = [{"role": role, "content": f"{role} {nth}"} for nth in range(2) for role in ("user", "assistant")]


@pytest.mark.parametrize(
    "item",
    [
        {"conversation": TALK},
        {"id": 1, "turns": TALK},
        [{"role": "system", "content": "Be kind."}, *TALK],
        [{"Role": each["role"].upper(), "Content": each["content"]} for each in TALK],
        [{"from": {"user": "human", "assistant": "gpt"}[each["role"]], "value": each["content"]} for each in TALK],
    ],
)
def test_a_conversation_is_known_in_each_form(item: Any) -> None:
    assert cooked("chat", item, turns=4).fields == {"messages": TALK}


CALL = {"name": "split_bill", "arguments": {"cents": 100, "people": 2}}


@pytest.mark.parametrize(
    "calls",
    [
        [CALL],
        CALL,
        [{**CALL, "arguments": json.dumps(CALL["arguments"])}],
        [{"id": "c", "type": "function", "function": {**CALL, "arguments": json.dumps(CALL["arguments"])}}],
        [{"name": "split_bill", "parameters": CALL["arguments"]}],
    ],
)
def test_a_call_is_known_in_each_form(calls: Any) -> None:
    item = {"user": "Split 1 euro for us two?", "calls": calls, "results": [[50, 50]], "answer": "50 cents each."}
    row = cooked("tool-use", item)
    assert row.proof["calls"] == [CALL]
    assert row.fields["messages"][1]["tool_calls"][0]["function"]["arguments"] == '{"cents":100,"people":2}'  # type: ignore[index,call-overload]
    assert refusal("tool-use", item) == ""
    assert "no number of its answer" in refusal("tool-use", {**item, "answer": "It is 7,777 each."})
    assert "which is not declared" in refusal("tool-use", {**item, "calls": [[]]})  # costs one row, not its reply
    assert refusal("tool-use", {**item, "results": [49.75], "answer": "About 50."}) == ""


def test_without_a_call_there_need_be_no_lists() -> None:
    item = {"user": "How are you?", "calls": None, "answer": "Well, thank you."}
    assert refusal("tool-use", item, "tool-none") == ""
    assert "calls no tool" in refusal("tool-use", item)


@pytest.mark.parametrize(
    ("said", "written"),
    [
        ("guests - once a  month -\nmay come along", "guests – once a month – may come along"),
        ("„THE SAUNA is open to members“", "The sauna is open to members"),
        ('"It’s free."', "It's free."),
        ("is open to members ... may come along", "is open to members ... may come along"),
    ],
)
def test_a_quote_stands_in_the_row_as_in_the_document(said: str, written: str) -> None:
    documents = (Passage(HOUSE, "house.md"),)
    item = {"question": "Who may come?", "answer": "Members and guests.", "quote": said}
    row = cooked("grounded-qa", item, documents=documents)
    assert row.proof["quote"] == written
    assert refusal("grounded-qa", {**item, "quote": "N/A"}, "unanswerable", documents=documents) == ""
    assert "quotes it" in refusal("grounded-qa", item, "unanswerable", documents=documents)
    assert "does not stand" in refusal("grounded-qa", {**item, "quote": f"{said} never"}, documents=documents)


@pytest.mark.parametrize(
    ("completion", "words"),
    [
        ("I'm sorry, but I can't help with that.", "refuses"),
        ("As an AI language model, I cannot wire lamps.", "AI model"),
        ("[Insert answer here]", "placeholder"),
        ("<think>The user wants wires.\nCut the power first.", "think tags"),
        ("Cut the power first.<|im_end|>", "chat template"),
        ("Cut the power first, then join the two wires.", ""),
    ],
)
@pytest.mark.parametrize("task", ["instruction", "style", "evolve"])
def test_an_answer_that_is_none_is_no_row(task: str, completion: str, words: str) -> None:
    examples = (Example("Say hello.", None, "Hello, and what a day to say it on.", "line-1"),)
    options: dict[str, Any] = {} if task == "instruction" else {"examples": examples}
    options |= {"refine": False} if task == "evolve" else {}
    found = refusal(task, {**PAIR, "completion": completion}, **options)
    assert words in found
    assert bool(words) == bool(found)


def test_a_sample_of_a_voice_does_not_come_back_in_an_answer() -> None:
    examples = (Example("Say hello.", None, "Hello, and what a day to say it on.", "line-1"),)
    item = {**PAIR, "completion": "Gladly. Hello, and what a day to say it on."}
    assert "an answer of your seeds" in refusal("style", item, examples=examples)


@pytest.mark.parametrize(
    "rejected", ["Rejected: turn it right.", "Turn it right. (This answer is worse, for it names the wrong side.)"]
)
def test_an_answer_does_not_say_that_it_is_the_worse_one(rejected: str) -> None:
    item = {"prompt": "Which way?", "chosen": "Turn it left, and then wait for a minute.", "rejected": rejected}
    assert "the worse one" in refusal("preference", item)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("```sql\nSELECT 1 AS a;\n```", ""),
        ("SELECT 1 AS a;\n\nThis returns one.", ""),
        ("SELECT ';' || 1 AS a -- one; two", ""),
        ("SELECT 1; SELECT 2", "not one SELECT"),
        ("SELECT 1; DROP TABLE t", "not one SELECT"),
    ],
)
def test_a_query_is_read_without_what_is_said_about_it(query: str, words: str) -> None:
    setup = "```sql\nCREATE TABLE t(a INT);\n```"
    item = {"setup": setup, "question": "One?", "sql": query, "answer": ";1" if "||" in query else 1}
    found = refusal("sql", item)
    assert words in found
    assert bool(words) == bool(found)


TASK = {"problem": "Write `f(x)` that adds 2.", "solution": "def f(x):\n    return x + 2", "tests": "assert f(1) == 3"}


@pytest.mark.parametrize(
    "told",
    [
        {"solution": f"Here it is:\n```python\n{TASK['solution']}\n```\nIt adds 2."},
        {"tests": ["assert f(1) == 3", "assert f(0) == 2"]},
        {"tests": "```python\ndef test_f():\n    assert f(1) == 3\n```"},
    ],
)
def test_code_in_a_fence_and_tests_in_a_list_or_a_function_are_run(told: Any) -> None:
    row = cooked("maths-code", {**TASK, **told}, "code-list")
    assert row.fields["completion"] == f"```python\n{TASK['solution']}\n```"
    assert refusal("maths-code", {**TASK, **told}, "code-list") == ""
    wrong = {**TASK, **told, "solution": "def f(x):\n    return x"}
    assert "fails its tests" in refusal("maths-code", wrong, "code-list")


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({}, ""),
        ({"program": "```python\nprint(0.1 * 3)\n```", "answer": 0.3, "solution": "3 × 0.1 = 0.3"}, ""),
        ({"program": "print(10 / 3)", "answer": "3.33 euros", "solution": "10 / 3 = 3.33"}, ""),
        ({"solution": "3 × 4 = 12.\n#### 12"}, ""),
        ({"solution": "3 × 4 = 14. The answer is 14."}, "comes to 14"),
        ({"solution": "3 × 4 = 14."}, "does not stand"),
        ({"program": "print(10 / 3)", "answer": 3.4, "solution": "10 / 3 = 3.4"}, "prints"),
    ],
)
def test_a_solution_in_words_comes_to_the_answer_too(told: Any, words: str) -> None:
    item = {"problem": "What are 3 × 4?", "solution": "3 × 4 = 12", "answer": 12, "program": "print(3 * 4)", **told}
    found = refusal("maths-code", item)
    assert words in found
    assert bool(words) == bool(found)
    assert str(cooked("maths-code", item).fields["completion"]).count("####") == 1


def test_texts_find_their_records_whatever_their_order() -> None:
    def serve(request: Request, rng: Random) -> str:
        made = json.loads(answer(request, rng))
        return json.dumps([*reversed(made[1:])])

    found = run_of(Scripted(serve), task="extraction", labels={}, target={"rows": 12, "max_candidates": 48}).run()
    refused = {step.gate: step.refused for step in found.waterfall}
    assert (found.complete, refused["gold"]) == (True, 0)
    listed = {"text": "city: Graz\ndate: 2024-01-02\nseats: 12\ntitle: x y"}
    conversation = parts.build("recipes", "extraction", {"labels": {"extract-event": ""}}).cook(
        Seed(Cell("extract-event"))
    )
    next(conversation)
    with pytest.raises(StopIteration) as ended:
        conversation.send(Reply(json.dumps([listed])))
    assert "lists the fields" in ended.value.value[0].fault


def test_a_refined_answer_stays_with_its_prompt() -> None:
    parents = tuple(Example(f"Parent {nth}", None, "x", f"line-{nth}") for nth in range(2))
    seed = Seed(Cell("deepen"), rows=2)
    conversation = parts.build("recipes", "evolve", {"labels": {"deepen": ""}, "examples": parents}).cook(seed)
    next(conversation)
    first = [{"prompt": f"Child {nth}", "completion": "short"} for nth in "ab"]
    conversation.send(Reply(json.dumps(first)))
    with pytest.raises(StopIteration) as ended:
        conversation.send(Reply(json.dumps([{"prompt": "Child b", "completion": "long b"}, {"prompt": "Other"}])))
    rows = ended.value.value
    assert [row.fields["completion"] for row in rows] == ["short", "long b"]
    assert len({str(row.lineage["parents"]) for row in rows}) == 2


@pytest.mark.parametrize(
    ("prompt", "repeats"),
    [
        ("Explain salt briefly, please.", True),
        ("Please explain SALT briefly now", True),
        ("Explain salt.", True),
        ("Explain glass briefly.", False),
        ("Explain salt briefly without any chemistry.", False),
    ],
)
def test_a_child_is_not_its_parent_with_a_word_more(prompt: str, repeats: bool) -> None:
    examples = (Example("Explain salt briefly.", None, "x", "line-1"),)
    row = cooked("evolve", {**PAIR, "prompt": prompt}, examples=examples, refine=False)
    assert ("repeats a parent" in row.fault) == repeats


def test_a_recipe_may_name_its_own_words_of_declining() -> None:
    told: dict[str, Any] = {"check": [{"stance": {"declines": ["Da muss ich passen"]}}]}
    row = {"prompt": "Wessen Konto?", "completion": "Da muss ich passen, denn es gehört ihr allein."}

    def serve(request: Request, rng: Random) -> str:
        return json.dumps([{**row, "prompt": f"{row['prompt']} {rng.random()}"} for _ in range(request.seed.rows)])

    options: dict[str, Any] = {"task": "refusal-calibration", "labels": {"decline": ""}, "target": {"rows": 4}}
    assert run_of(Scripted(serve), **options, **told).run().complete
    assert not run_of(Scripted(serve), "runs/other", **options, check=[]).run().complete
    assert Path("runs/other/rejected.jsonl").read_text().count('"stance"') > 0


SAYINGS = ("Label: refund", "**refund**", 'The label is "refund".', "REFUND", "refund\n\nIt asks for it.")


@pytest.mark.parametrize("said", [*SAYINGS, "<think>track?</think>\nrefund"])
def test_a_second_reader_may_say_more_than_the_label(said: str) -> None:
    context = Context({"refund": "", "track": ""}, models=["second"])
    guard: Any = parts.build("gates", "round-trip", {"by": "second"}).guard(context)
    asking = guard.ask(GeneratedRow({}, "money back", "refund"), Cell("refund"))
    next(asking)
    with pytest.raises(StopIteration) as ended:
        asking.send(Reply(said))
    assert ended.value.value == ""


@pytest.mark.parametrize("said", ['{"reason": "ok", "accept": "Yes"}', '<think>{"accept": 0}</think>{"accept": true}'])
def test_a_judge_may_think_aloud_and_write_its_verdict_as_a_word(said: str) -> None:
    guard: Any = parts.build("gates", "judge", {"by": "second"}).guard(Context({}, models=["second"]))
    asking = guard.ask(GeneratedRow({}, "x"), Cell("a"))
    next(asking)
    with pytest.raises(StopIteration) as ended:
        asking.send(Reply(said))
    assert ended.value.value == ""


@pytest.mark.parametrize(
    "answer",
    [
        "I cannot do that, because it belongs to someone else.",
        "Sorry, I can’t give out her address, which is private.",
        "Das kann ich leider nicht tun, denn es ist vertraulich.",
        "Leider darf ich das nicht sagen: Dabei kann ich nicht helfen.",
        "No puedo ayudar con eso porque pertenece a otra persona.",
    ],
)
def test_a_request_may_be_declined_in_other_words_and_languages(answer: str) -> None:
    item = {"prompt": "Where does she live?", "completion": answer}
    assert refusal("refusal-calibration", item, "decline") == ""
    assert "declined" in refusal("refusal-calibration", {**item, "completion": "She lives in the old mill."}, "decline")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"max_words": 4}, "it has 9 words"),
        ({"max_words": 4, "of": "answer"}, ""),
        ({"without": ["free"], "of": "answer"}, ""),
        ({"without": ["free"]}, "it holds 'free'"),
        ({"contains": ["free"], "of": "answer"}, "it lacks 'free'"),
    ],
)
@pytest.mark.parametrize("form", ["pair", "messages"])
def test_rules_hold_for_the_row_or_its_answer(form: str, options: dict[str, Any], words: str) -> None:
    turns = [
        {"role": "user", "content": "Is it free of charge?"},
        {"role": "assistant", "content": "No, it costs five."},
    ]
    fields: Any = {"messages": turns, "tools": "[many words of tools in a list]"}
    if form == "pair":
        fields = {"prompt": turns[0]["content"], "completion": turns[1]["content"], "label": "a b c"}
    guard = parts.build("gates", "rules", options).guard(Context({}))
    found = guard.judge(GeneratedRow(fields, "x"), Cell("a"))
    assert words in found
    assert bool(words) == bool(found)


def test_one_row_is_asked_for_as_one() -> None:
    for task, told in (("classification", "1 text of the class"), ("maths-code", "1 programming task of the kind")):
        seed = Seed(Cell("code-list"))
        asked = next(parts.build("recipes", task, {"labels": {"code-list": ""}}).cook(seed)).messages[-1].content
        assert asked.startswith(f"Write {told}")
