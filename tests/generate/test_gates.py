"""Gates one by one, and in a run: what each turns away, what it costs, and that timing changes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.generate.answers import answer
from tests.generate.scripted import Scripted, recipe, rows_of, run_of, texts
from toolkit.core import parts
from toolkit.core.errors import UsageError
from toolkit.core.gating import Context
from toolkit.core.passages import passages
from toolkit.core.request import Cell, Example, GeneratedRow, Reply, Request, Seed
from toolkit.generate import GenerateResult, material, prepare
from toolkit.generate.gates import build
from toolkit.generate.looking import Looking
from toolkit.near.growing import Growing
from toolkit.recipes.sql import Sql
from toolkit.runners.limited import Limits, run_python
from toolkit.runners.queries import Failed, Room

LABELS = {"refund": "wants money back", "track": "asks where the parcel is"}
CELL = Cell("refund")


def row(text: str, proof: Mapping[str, Any] = {}, **fields: Any) -> GeneratedRow:
    return GeneratedRow(fields or {"text": text, "label": "refund"}, text, "refund", proof=proof)


def judged(name: str, candidate: GeneratedRow, context: Context | None = None, **options: Any) -> str:
    """What one gate says of one row."""
    context = context or Context(LABELS, look=Looking())
    return str(parts.build("gates", name, options).guard(context).judge(candidate, CELL))


def _turns(*said: str) -> list[dict[str, str]]:
    return [{"role": ("user", "assistant")[nth % 2], "content": each} for nth, each in enumerate(said)]


def test_the_shelf_is_in_order_of_cost() -> None:
    ranks = [gate.rank for gate in parts.parts("gates").values()]
    assert len(set(ranks)) == len(ranks)
    built = [gate.gate.id for gate in build(["python", "dedupe", "label", "schema"][1:], Context(LABELS))]
    assert built == ["schema", "label", "dedupe"]


@pytest.mark.parametrize(
    ("name", "options", "text", "words"),
    [
        ("rules", {"min_words": 3}, "two words", "words, not 3"),
        ("rules", {"max_words": 3}, "it has five words indeed", "not 1 to 3"),
        ("rules", {"without": ["Cheap"]}, "our CHEAP  lamps", "it holds 'cheap'"),
        ("rules", {"contains": ["kind regards"]}, "Regards, kind of", "it lacks 'kind regards'"),
        ("rules", {"contains": ["kind regards"], "min_words": 2}, "Kind\nRegards", ""),
        ("verify", {"use": ["secret"]}, "my key is " + "AKIA" + "Q3EGRJ5TYUI2LMNB", "secret"),
        ("verify", {"use": ["garbled", "secret"]}, "a plain text about parcels", ""),
    ],
)
def test_rules_and_checks(name: str, options: dict[str, Any], text: str, words: str) -> None:
    said = judged(name, row(text), **options)
    assert (words in said) if words else not said


def test_near_copies_of_accepted_rows_seeds_and_avoided_files_are_refused() -> None:
    old = "please tell me when the parcel with the blue lamp will arrive at my house"
    context = Context(
        LABELS, avoid={"heldout.jsonl": [old]}, seeds={"seeds.jsonl": ["where is my big green chair now"]}
    )
    guard = parts.build("gates", "dedupe", {"near": 0.7}).guard(context)
    assert "nearly the same text as heldout.jsonl" in guard.judge(row(old.replace("blue", "blau")), CELL)
    assert "the same text as seeds.jsonl" in guard.judge(row("Where is my BIG green chair now"), CELL)
    fresh = row("a wholly different matter, to do with an invoice that names the wrong company")
    assert guard.judge(fresh, CELL) == ""
    guard.keep(fresh)
    assert "an accepted row" in guard.judge(replace(fresh, text=fresh.text + "!"), CELL)


def test_a_growing_index_finds_what_the_check_finds() -> None:
    import pyarrow as pa

    from toolkit.near.pairs import near_pairs

    rng = Random(3)
    words = [f"word{nth}" for nth in range(400)]
    base = [" ".join(rng.choices(words, k=30)) for _ in range(60)]
    made = base + [" ".join([*each.split()[: rng.randint(18, 30)], *rng.choices(words, k=2)]) for each in base]
    index = Growing(0.7)
    found = set()
    for at, text in enumerate(made):
        met = index.nearest(text)
        if met is not None:
            found.add((met.row, at, round(met.jaccard, 6)))
        index.add(text)
    pairs = near_pairs(pa.array(made), threshold=0.7, exact=True)
    best: dict[int, tuple[float, int]] = {}
    for left, right, jaccard in zip(pairs.left.tolist(), pairs.right.tolist(), pairs.jaccard.tolist(), strict=True):
        best[right] = max(best.get(right, (0.0, 0)), (jaccard, -left))
    assert found == {(-left, right, round(jaccard, 6)) for right, (jaccard, left) in best.items()}
    assert len(found) > 10
    assert index.nearest("") is None


def test_a_leak_is_a_run_of_words_or_a_whole_short_text() -> None:
    long = "when the moon was new the old ferry man left the harbour with three lamps and a dog on board"
    context = Context(LABELS, avoid={"test.jsonl": [long, "who wrote the letter"]})
    assert "13 words of it stand in test.jsonl" in judged("avoid", row(f"He said that {long}, and laughed"), context)
    assert "4 words" in judged("avoid", row("asked", prompt="Tell me", completion="Who wrote the letter?"), context)
    assert judged("avoid", row("when the moon was new the old man slept"), context) == ""
    with pytest.raises(UsageError):
        judged("avoid", row("x"), context, words=2)


DOCUMENT = "The library opens at nine. Members may borrow 12 books for 30 days. Guests read in the hall."


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"quote": "Members may borrow 12 books", "answer": "Twelve: 12 books."}, ""),
        ({"quote": "members MAY borrow... for 30 days", "answer": "For 30 days."}, ""),
        ({"quote": "Members may borrow 20 books", "answer": "20 books."}, "quote does not stand"),
        ({"quote": "Members may borrow 12 books", "answer": "They may keep them 31 days."}, "number 31"),
        ({"quote": "12 books", "answer": "12"}, "under 3 words"),
        ({"quote": "", "answer": "It does not say.", "unanswerable": True}, ""),
        ({"quote": "The library opens at nine", "answer": "It does not say.", "unanswerable": True}, "quotes it"),
    ],
)
def test_grounding(told: dict[str, Any], words: str) -> None:
    said = judged("grounding", row("q", {"document": DOCUMENT, "question": "How many?", **told}))
    assert (words in said) if words else not said


SETUP = "CREATE TABLE t(a INT, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (3, 'y');"


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"query": "SELECT SUM(a) FROM t", "answer": 6}, ""),
        ({"query": "SELECT SUM(a) / 4 FROM t", "answer": [[1.5]]}, ""),
        ({"query": "SELECT b, COUNT(*) FROM t GROUP BY b", "answer": [["y", 2], ["x", 1]]}, ""),
        ({"query": "SELECT b FROM t ORDER BY a DESC", "answer": [["x"], ["y"], ["y"]]}, "its answer is"),
        ({"query": "SELECT SUM(a) FROM t", "answer": 7}, "its answer is"),
        ({"query": "SELECT a FROM t WHERE a > 1", "answer": None, "second": "SELECT a FROM t WHERE b = 'y'"}, ""),
        ({"query": "SELECT a FROM t", "answer": None, "second": "SELECT a FROM t LIMIT 1"}, "something else"),
        ({"query": "SELECT a FROM t", "answer": None, "second": ""}, "neither an answer"),
        ({"query": "SELECT a FROM t WHERE a > 9", "answer": []}, "returns nothing"),
        ({"query": "SELECT c FROM t", "answer": 1}, "does not run"),
        ({"query": "DROP TABLE t", "answer": 1}, "not one SELECT"),
        ({"query": "SELECT * FROM read_text('/etc/hosts')", "answer": 1}, "does not run"),
        ({"query": "SELECT 1; SELECT 2", "answer": 2}, "not one SELECT"),
        ({"query": "SELECT 1", "answer": 1, "setup": "ATTACH 'x.db'"}, "its tables cannot be made"),
        ({"query": "SELECT 1", "answer": 1, "setup": "CREATE SECRET s (TYPE http)"}, "its tables cannot be made"),
        ({"query": "SELECT 1", "answer": 1, "setup": "CREATE TABLE t(a INT); COMMIT"}, "its tables cannot be made"),
        ({"query": "SELECT 1", "answer": 1, "setup": "COPY (SELECT 1) TO 'x.csv'"}, "its tables cannot be made"),
    ],
)
def test_queries_are_run_where_nothing_can_be_reached(told: dict[str, Any], words: str) -> None:
    said = judged("query", row("q", {"setup": SETUP, **told}))
    assert (words in said) if words else not said
    assert not Path("x.csv").exists()


def test_a_room_forgets_its_tables_and_ends_a_query_without_end() -> None:
    with Room(SETUP) as room:
        assert room.ask("SELECT COUNT(*) FROM t").rows == ((3,),)
    with Room("CREATE TABLE u(a INT)", wall_s=0.3) as room, pytest.raises(Failed, match=r"over 0\.3 s|Interrupt"):
        room.ask("SELECT COUNT(*) FROM range(100000000000) a, range(1000) b WHERE a.range % 7 = b.range")
    with pytest.raises(Failed), Room("") as room:
        room.ask("SELECT * FROM t")


@pytest.mark.parametrize(
    ("proof", "words"),
    [
        ({"program": "print(6 * 7)", "answer": "#### 42"}, ""),
        ({"program": "print('so it is', 6 * 7.0)\nprint(42)", "answer": "#### 42.0"}, ""),
        ({"program": "print(41)", "answer": "#### 42"}, "prints 41"),
        ({"program": "1 / 0", "answer": "#### 42"}, "ZeroDivisionError"),
        ({"program": "while True: pass", "answer": "#### 42"}, "over"),
        ({"program": "x = 'a' * 10**11", "answer": "#### 42"}, "MemoryError"),
        ({"solution": "def f(x):\n    return x + 1", "tests": "assert f(1) == 2"}, ""),
        ({"solution": "def f(x):\n    return x", "tests": "assert f(1) == 2"}, "fails its tests"),
        ({"solution": "def f(x):\n    return x + 1", "tests": "f(1)"}, "does nothing"),
        ({"solution": "x = (", "tests": "assert True"}, "defines no function"),
        ({"solution": "(" * 9000, "tests": "assert True"}, "defines no function"),
    ],
)
def test_programs_are_run_within_limits(proof: dict[str, Any], words: str) -> None:
    said = judged("code", row("p", proof), cpu_s=1)
    assert (words in said) if words else not said


def test_a_program_sees_no_environment_and_leaves_no_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-to-be-seen")
    ran = run_python("import os; print(sorted(os.environ), os.listdir())")
    assert "ANTHROPIC" not in ran.out
    assert ran.out.strip().endswith("[]")
    late = run_python("import os, time\nif os.fork() == 0: time.sleep(60)\ntime.sleep(60)", Limits(wall_s=0.5))
    assert late.fault == "it ran for over 0.5 s"
    assert "File too large" in run_python("open('x', 'w').write('y' * 10**7)").fault


TOOL = {
    "type": "function",
    "function": {
        "name": "add",
        "parameters": {
            "type": "object",
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
            "required": ["a", "b"],
        },
    },
}


@pytest.mark.parametrize(
    ("calls", "results", "words"),
    [
        ([{"name": "add", "arguments": {"a": 1, "b": 2}}], [3], ""),
        ([{"name": "add", "arguments": {"a": 1}}], [1], "lacks b"),
        ([{"name": "add", "arguments": {"a": "one", "b": 2}}], [3], "is string"),
        ([{"name": "add", "arguments": {"a": 1, "b": 2, "c": 3}}], [6], "no argument 'c'"),
        ([{"name": "subtract", "arguments": {}}], [0], "not declared"),
        ([{"name": "add", "arguments": {"a": 1, "b": 2}}], [], "1 calls and 0 results"),
        ([], [], "calls no tool"),
        (["add"], [1], "not declared"),
        ([{"name": "add", "arguments": {"a": 1, "b": 2}}], [4], "something else"),
    ],
)
def test_tool_calls_fit_and_are_run_where_the_recipe_says_so(calls: list[Any], results: list[Any], words: str) -> None:
    Path("own.py").write_text("def add(a, b):\n    return a + b\n")
    proof = {"tools": [TOOL], "calls": calls, "results": results, "wants_calls": True}
    said = judged("arguments", row("q", proof), execute="own.py")
    assert (words in said) if words else not said
    if words == "something else":
        assert judged("arguments", row("q", proof)) == ""


def test_numbers_of_an_answer_may_be_any_of_a_list_of_results() -> None:
    calls = [{"name": "add", "arguments": {"a": 1, "b": 2}}]
    proof = {"tools": [TOOL], "calls": calls, "results": [[150, 220]], "user": "q", "wants_calls": True}
    assert judged("arguments", row("q", {**proof, "said": "The prices are 150 and 220 euros."})) == ""
    assert "no number of its answer" in judged("arguments", row("q", {**proof, "said": "The price is 70 euros."}))


@pytest.mark.parametrize(
    ("returned", "words"),
    [("True", ""), ("None", ""), ("'too loud'", "too loud"), ("False", "refused"), ("1 / 0", "ZeroDivision")],
)
def test_a_function_of_the_users_own(returned: str, words: str) -> None:
    Path("own.py").write_text(f"def check(row):\n    assert row['text']\n    return {returned}\n")
    said = judged("python", row("a text"), call="own.py:check")
    assert (words in said) if words else not said
    with pytest.raises(UsageError, match="did you mean 'check'"):
        judged("python", row("a text"), call="own.py:chek")


def test_stance_and_lengths() -> None:
    no, yes = "I can't help with that, it is private.", "Sure, it is three doors down the hall."
    for wanted, said, words in (
        ("decline", no, ""),
        ("decline", yes, "answers what"),
        ("answer", no, "declines what"),
        ("answer", yes, ""),
        ("answer", "Yes.", "under 4 words"),
    ):
        found = judged("stance", row("q", {"stance": wanted, "answer": said}, prompt="q", completion=said))
        assert (words in found) if words else not found
    for chosen, rejected, words in (
        ("a b c d", "a b", ""),
        ("a b", "a b c d", "longer"),
        ("a", "a", "the same"),
        ("a" * 99, "a b", "times"),
    ):
        proof = {"longer": "chosen", "chosen": chosen, "rejected": rejected}
        found = judged("length-control", row("q", proof))
        assert (words in found) if words else not found


def test_a_probe_of_the_seeds_reads_the_label_back(monkeypatch: pytest.MonkeyPatch) -> None:
    from toolkit.near import reader
    from toolkit.near.encode import lazy_encoder

    monkeypatch.setattr(reader, "lazy_encoder", lambda: lazy_encoder("hashed-words"))
    seeds = [
        Example(f"money back for the {thing} please", "refund") for thing in ("lamp", "chair", "mug", "bag", "pen")
    ]
    seeds += [
        Example(f"where is the parcel with the {thing}", "track") for thing in ("lamp", "chair", "mug", "bag", "pen")
    ]
    context = Context(LABELS, examples=seeds)
    assert judged("round-trip", row("I want my money back for the desk please"), context) == ""
    assert "reads it as 'track'" in judged("round-trip", row("where is the parcel with the desk"), context)
    with pytest.raises(UsageError, match="needs 5 seeds of each label, 'track' has 4"):
        judged("round-trip", row("x"), Context(LABELS, examples=seeds[:-1]))


def asked_of(second: Any, check: list[Any], **told: Any) -> GenerateResult:
    """A run with a second model `second` beside the scripted one."""
    loaded = recipe(
        Scripted(texts),
        models={"second": {"use": "procedural"}},
        check=check,
        out={"dir": "runs/asked"},
        **{"target": {"rows": 12, "max_candidates": 60}, **told},
    )

    class Two(type(loaded)):  # type: ignore[misc]
        def others(self) -> Any:
            return {"second": (second, loaded.file.models["second"])}

    both = Two(loaded.file, loaded.name, loaded.folder, loaded.provider, loaded.recipe)
    return prepare(both).run()


def test_a_second_model_reads_the_label_back_and_disagrees_with_half() -> None:
    def serve(request: Request, rng: Random) -> str:
        assert request.seed.cell.name not in request.messages[0].content
        return request.seed.cell.label if len(second.asked) % 2 else "Neither."

    second = Scripted(serve)
    found = asked_of(second, ["schema", "label", "dedupe", {"round-trip": {"by": "second"}}])
    assert found.complete
    refused = {step.gate: step.refused for step in found.waterfall}
    assert refused["round-trip"] > 0
    assert len(second.asked) == refused["round-trip"] + 12 + refused["surplus"]


def test_nobody_is_asked_about_a_row_that_a_cheap_gate_refuses() -> None:
    second = Scripted(answer)
    check = ["schema", {"rules": {"without": ["refund"]}}, {"judge": {"by": "second"}}]
    found = asked_of(second, check, target={"rows": 12, "max_candidates": 24})
    assert found.accepted == 6
    assert len(second.asked) == 6
    assert any("refund" in stop for stop in found.stops)


def test_a_judge_that_answers_nonsense_refuses_and_a_reason_is_kept() -> None:
    def serve(request: Request, rng: Random) -> str:
        refusal = json.dumps({"reason": "It is dull.", "accept": False})
        return ("I like it", refusal)[len(second.asked) % 2]

    second = Scripted(serve)
    found = asked_of(second, [{"judge": {"by": "second", "ask": "It is exciting."}}])
    assert found.accepted == 0
    reasons = {line["reason"] for line in rows_of(found.folder, "rejected.jsonl") if line["gate"] == "judge"}
    assert reasons == {"the judge second gave no verdict", "the judge second: It is dull."}


def test_a_refused_row_is_mended_once_when_the_recipe_says_so() -> None:
    def serve(request: Request, rng: Random) -> str:
        made = json.loads(texts(request, Random(request.messages[1].content + str(request.seed.sample))))
        told = request.messages[-1].content
        if "were refused" in told:
            assert "item 1: it holds 'cheap'" in told
            return json.dumps([f"{each} fine" for each in made])
        return json.dumps([f"{made[0]} cheap", *made[1:]])

    check = ["schema", "label", "dedupe", {"rules": {"without": ["cheap"]}}]
    plain = run_of(Scripted(serve), "runs/plain", check=check, target={"rows": 8, "max_candidates": 80}).run()
    mended = run_of(
        Scripted(serve), "runs/mended", check=check, strategy={"repair": True}, target={"rows": 8, "max_candidates": 80}
    ).run()
    assert {step.gate: step.refused for step in plain.waterfall}["rules"] > 0
    assert mended.candidates == mended.accepted == 8
    assert sum("repaired" in row["lineage"] for row in rows_of(mended.folder)) == 2


def test_refused_copies_are_shown_as_not_to_be_repeated() -> None:
    provider = Scripted(lambda request, rng: json.dumps(["the same again", *json.loads(texts(request, rng))[1:]]))
    found = run_of(provider, strategy={"shun": 2}, target={"rows": 20, "max_candidates": 200}).run()
    assert found.complete
    assert any("Do not repeat or lightly reword: the same again" in prompt for prompt in provider.prompts)
    assert all(prompt.count("Do not repeat") <= 2 for prompt in provider.prompts)


def test_held_out_rows_and_seeds_do_not_come_back_in_any_dress() -> None:
    """A third of what the model says is held-out rows: as they are, with a typo, inside a longer text; or seeds."""
    rng = Random(5)
    words = [f"word{chr(97 + nth // 26)}{chr(97 + nth % 26)}" for nth in range(300)]
    held = [" ".join(rng.choices(words, k=16)) for _ in range(40)]
    seeds = [" ".join(rng.choices(words, k=16)) for _ in range(10)]
    Path("heldout.jsonl").write_text("".join(json.dumps({"text": each, "label": "track"}) + "\n" for each in held))
    Path("seeds.jsonl").write_text("".join(json.dumps({"text": each, "label": "refund"}) + "\n" for each in seeds))

    def serve(request: Request, rng: Random) -> str:
        made = []
        for each in json.loads(texts(request, rng)):
            old = rng.choice(held)
            dressed = (
                old.upper(),
                old.replace("a", "e", 1),
                f"Well, {old}, I would say, and more of it.",
                rng.choice(seeds),
            )
            made.append(rng.choice(dressed) if rng.random() < 0.33 else each)
        return json.dumps(made)

    found = run_of(
        Scripted(serve),
        check=["schema", "label", {"dedupe": {"near": 0.8}}, "avoid"],
        avoid=["heldout.jsonl"],
        seeds={"path": "seeds.jsonl", "text": "text", "label": "label"},
        target={"rows": 120, "max_candidates": 900},
    ).run()
    assert found.complete
    refused = {step.gate: step.refused for step in found.waterfall}
    assert min(refused["dedupe"], refused["avoid"]) > 5
    said = [row["text"] for row in rows_of(found.folder)]
    assert not any(word in text.lower() for text in said for word in words)
    reasons = {row["reason"] for row in rows_of(found.folder, "rejected.jsonl") if row["gate"] == "avoid"}
    assert reasons == {"13 words of it stand in heldout.jsonl"}


INTENT = "Read the request of a customer and name the one intent of our catalogue that it belongs to.\n\nRequest: "
REQUESTS = [
    *("my parcel stood in the rain", "who do I ask for a copy of the bill", "the lamp hums", "cancel the second chair"),
    *("no code comes to my phone", "they charged me twice", "what is in the blue box", "where did my voucher go"),
    *("a friend wants to pay for me", "can the courier ring the bell", "the app shows an old address", "refund me"),
]


def test_an_instruction_that_the_users_rows_share_makes_no_row_a_copy_or_a_leak() -> None:
    held, seeds = ([f"{INTENT}{each}" for each in some] for some in (REQUESTS[:9], ["the door squeaks", "it smells"]))
    context = Context(LABELS, avoid={"heldout.jsonl": held}, seeds={"seeds.jsonl": seeds})
    near = parts.build("gates", "dedupe", {"near": 0.6}).guard(context)
    leak = parts.build("gates", "avoid").guard(context)
    for request in REQUESTS[9:]:
        fresh = row(f"{INTENT}{request}")
        assert near.judge(fresh, CELL) == leak.judge(fresh, CELL) == ""
        near.keep(fresh)
    copied = row(f"{INTENT}{REQUESTS[1]} of the blue chair")
    assert "heldout.jsonl" in leak.judge(copied, CELL)
    assert "an accepted row" in near.judge(row(f"{INTENT}{REQUESTS[9]}s"), CELL)
    few = Context(LABELS, seeds={"seeds.jsonl": seeds})
    assert parts.build("gates", "dedupe", {"near": 0.6}).guard(few).judge(row(f"{INTENT}refund me"), CELL)


@pytest.mark.parametrize(
    "known",
    [
        {"prompt": "Extract name as JSON from this text.\n\nI am Ana", "completion": "{}"},
        {"messages": [{"role": "system", "content": "Be brief."}, *_turns("Hi there", "Hello", "And now?", "Ask me")]},
    ],
)
def test_a_row_of_the_users_is_known_again_in_each_form_that_a_recipe_gives_it(known: dict[str, Any]) -> None:
    Path("heldout.jsonl").write_text(json.dumps(known) + "\n")
    texts = material.compared(material.read_rows(Path("heldout.jsonl")))
    guard = parts.build("gates", "dedupe").guard(Context(LABELS, avoid={"heldout.jsonl": texts}))
    text = "I am Ana" if "prompt" in known else "Hi there\nAnd now?"
    assert "heldout.jsonl" in guard.judge(GeneratedRow(known, text, "refund"), CELL)
    assert guard.judge(GeneratedRow({"prompt": "else"}, "else", "refund"), CELL) == ""


def test_verdicts_do_not_hang_on_which_reply_came_first() -> None:
    files = []
    for nth, (concurrency, delay_s) in enumerate(((1, 0.0), (8, 0.01))):
        provider = Scripted(lambda request, rng: texts(request, Random(request.key()), 60), delay_s)
        made = run_of(
            provider,
            f"runs/{nth}",
            target={"rows": 40, "max_candidates": 900},
            model={"use": "procedural", "concurrency": concurrency},
            check=["schema", "label", {"dedupe": {"near": 0.95}}, {"verify": {"use": ["secret"]}}],
        ).run()
        files.append(
            [(made.folder / name).read_bytes() for name in ("rows.jsonl", "rejected.jsonl", "generation.json")]
        )
    assert files[0] == files[1]


def test_passages_cover_a_document_and_overlap() -> None:
    words = [f"w{nth}." if nth % 9 == 8 else f"w{nth}" for nth in range(300)]
    found = list(passages(" ".join(words), "d.md", words=50, overlap=10))
    assert all(len(each.text.split()) <= 50 for each in found)
    assert [each.ref for each in found] == [f"d.md#{nth}" for nth in range(len(found))]
    seen = [word for each in found for word in each.text.split()]
    assert set(seen) == set(words)
    for one, other in pairwise(found):
        assert other.text.split()[:10] == one.text.split()[-10:]
    assert list(passages(" \n ", "d.md")) == []
    with pytest.raises(UsageError):
        list(passages("a", "d.md", words=5, overlap=5))


def test_own_functions_may_be_several_and_one_that_always_raises_ends_the_run() -> None:
    Path("own.py").write_text(
        "def short(row):\n    return len(row['text']) < 9\ndef calm(row):\n    return '!' not in row['text']\n"
        "def broken(row):\n    return row['nope']\n"
    )
    asked: list[Any] = [{"python": "own.py:short"}, {"python": ["own.py:calm"]}]
    (standing,) = [each for each in build(asked, Context(LABELS)) if each.id == "python"]
    said = [standing.guard.judge(row(text), Cell("a")) for text in ("fine", "too long a text", "loud!")]
    assert said == ["", "own.py:short refused it", "own.py:calm refused it"]
    with pytest.raises(UsageError, match="'dedupe' is listed twice"):
        build(["dedupe", {"dedupe": {"near": 0.9}}], Context(LABELS))
    (broken,) = build([{"python": "own.py:broken"}], Context(LABELS))
    assert "KeyError" in broken.guard.judge(row("one"), Cell("a"))
    with pytest.raises(UsageError, match=r"own.py:broken raised KeyError: 'nope', for each of the first 8 rows"):
        [broken.guard.judge(row(str(nth)), Cell("a")) for nth in range(8)]


def test_questions_about_one_schema_are_no_near_copies_for_it() -> None:
    columns = ", ".join(f"a_long_name_of_column_{nth} INT" for nth in range(12))
    setup = f"CREATE TABLE readings(id INT, {columns}); INSERT INTO readings(id) VALUES (1), (2);"
    asked = ["How many readings are there?", "Which id is the largest?", "which ID is the largest?"]
    items = [{"setup": setup, "question": each, "sql": "SELECT 1"} for each in asked]
    conversation = Sql(second=False).cook(Seed(Cell("sql-filter"), 0, 3))
    next(conversation)
    with pytest.raises(StopIteration) as done:
        conversation.send(Reply(json.dumps(items)))
    (dedupe,) = build([{"dedupe": {"near": 0.85}}], Context(LABELS))
    said = []
    for each in done.value.value:
        said.append(dedupe.guard.judge(each, Cell("sql-filter")))
        dedupe.guard.keep(each)
    assert said[:2] == ["", ""]
    assert said[2].startswith("the same text as")
