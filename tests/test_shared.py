"""What the rows of a data set share: instructions in the user's turn, and answers that are classes."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from toolkit.core.errors import UsageError
from toolkit.read import ReadOptions, read
from toolkit.renderers import terminal
from toolkit.store import columns as cols
from toolkit.store.sampler import SAMPLE, Sampler
from toolkit.store.shared import are_labels, form, instructions
from toolkit.verify import VerifyOptions, verify

RULE = "Read the request of a customer and name the one intent of our catalogue that it belongs to.\n\nRequest: "
OTHER = "Translate the request of a customer into plain French, and keep names and numbers as they are.\n\nRequest: "
THINGS = ("order", "invoice", "parcel", "voucher", "account", "password", "newsletter", "refund", "contract", "basket")
VERBS = ("cancel", "find", "change", "explain", "check", "repeat", "print", "delete", "renew", "split", "reopen")
ENDS = ("please", "today", "before noon", "for my sister", "again", "from last week", "if you can")


def _texts(n: int) -> list[str]:
    rng = random.Random(5)
    made = {f"{rng.choice(VERBS)} the {rng.choice(THINGS)} {rng.choice(ENDS)} number {at}" for at in range(n)}
    return sorted(made)


def _chat(prompt: str, answer: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}]}


def _write(folder: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_an_instruction_ends_where_its_texts_go_on_in_many_ways() -> None:
    assert instructions(sorted(RULE + text for text in _texts(200))) == [RULE]


def test_of_two_instructions_each_is_found() -> None:
    texts = sorted(rule + text for rule in (RULE, OTHER) for text in _texts(100))
    assert sorted(instructions(texts)) == sorted([RULE, OTHER])


def test_first_words_of_many_questions_are_no_instruction() -> None:
    assert instructions(sorted(f"what is the {text}" for text in _texts(30)) + sorted(_texts(400))) == []


def test_copies_of_one_text_with_typing_errors_have_no_instruction() -> None:
    text = " ".join(_texts(12))
    copies = {text[:at] + "#" + text[at + 1 :] for at in range(0, len(text), 2)}
    assert len(copies) > 150
    assert instructions(sorted(copies)) == []


def test_rows_with_a_long_instruction_are_compared_by_what_they_ask(tmp_path: Path) -> None:
    texts = _texts(120)
    rows = [_chat(RULE + text, f"About {text}, I did that at {at} o'clock.") for at, text in enumerate(texts)]
    rows.append(_chat(RULE + texts[0].replace("number", "numbr"), rows[0]["messages"][1]["content"]))
    found = verify(_write(tmp_path, rows), run=tmp_path / "run", options=VerifyOptions(embed=False))
    near = next(each for each in found.decision.outcomes if each.check == "near-duplicate")
    assert near.flagged < 20
    assert any(f"an instruction of {len(RULE)} characters" in note for note in found.data.manifest.sources[0].notes)


def test_what_the_prompt_says_is_still_there_for_those_who_read_it(tmp_path: Path) -> None:
    rows = [_chat(RULE + text, f"Answer {at}") for at, text in enumerate(_texts(120))]
    table = read(_write(tmp_path, rows), tmp_path / "data").table(("prompt", "question", "body"))
    prompts, questions = table.column("prompt").to_pylist(), table.column("question").to_pylist()
    assert all(prompt == RULE + question for prompt, question in zip(prompts, questions, strict=True))
    assert table.column("body")[0].as_py() == f"{questions[0]}\nAnswer 0"


def test_the_same_text_under_another_instruction_is_another_question(tmp_path: Path) -> None:
    rows = [_chat(rule + text, "done") for text in _texts(120) for rule in (RULE, OTHER)]
    questions = read(_write(tmp_path, rows), tmp_path / "data").table(("question",)).column("question").to_pylist()
    assert questions[0] != questions[1]
    assert len(set(questions)) == len(rows)


def test_answers_that_come_again_and_again_are_labels(tmp_path: Path) -> None:
    texts = _texts(200)
    rows = [_chat(text, text.split()[0]) for text in texts]
    found = read(_write(tmp_path, rows), tmp_path / "data")
    assert found.table(("label",)).column("label").to_pylist() == [text.split()[0] for text in texts]
    assert found.table(("body",)).column("body").to_pylist() == texts
    silent = read(tmp_path / "rows.jsonl", tmp_path / "other", ReadOptions(labels=False))
    assert set(silent.table(("label",)).column("label").to_pylist()) == {None}


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["yes", "no"] * 40, True),
        ([str(at % 5) for at in range(100)], True),
        ([str(at % 50) for at in range(500)], False),
        ([f"answer {at}" for at in range(100)], False),
        (["yes"] * 100, False),
        (["an answer of more words than a name ever has", "and this too is no name of a class"] * 40, False),
        (["yes", "no"] * 10, False),
    ],
)  # fmt: skip
def test_which_answers_are_labels(answers: list[str], expected: bool) -> None:
    assert are_labels(answers) is expected


def _as_json(text: str) -> str:
    verb, _, thing, *_ = text.split()
    return json.dumps(
        {"intent": verb, "confidence": "high", "slots": [{"name": "thing", "value": thing, "text": text}]}
    )


def _as_letter(text: str) -> str:
    return f"Thank you for writing to us! We have read your request.\nYou want to {text}. Is there anything else?"


@pytest.mark.parametrize("answer", [_as_json, _as_letter])
def test_the_form_of_answers_is_left_out_where_rows_are_compared(tmp_path: Path, answer: Callable[[str], str]) -> None:
    texts = _texts(150)
    found = read(_write(tmp_path, [_chat(text, answer(text)) for text in texts]), tmp_path / "data")
    bodies, answers = (found.table((name,)).column(name).to_pylist() for name in ("body", "answer"))
    assert answers == [answer(text) for text in texts]
    assert all(text in body for text, body in zip(texts, bodies, strict=True))
    assert not any("confidence" in body or "Thank you" in body for body in bodies)


def test_answers_that_share_little_have_no_form() -> None:
    texts = _texts(150)
    assert form([f"Yes. I did what you asked, that is to {text}, for {text[::-1]}" for text in texts]) == frozenset()
    assert form(["The same answer to everyone."] * 40) == frozenset()


def test_another_answer_in_one_form_is_no_copy(tmp_path: Path) -> None:
    rows = [_chat(text, json.dumps({"request": text, "urgent": at % 2 == 0})) for at, text in enumerate(_texts(120))]
    prompt = rows[0]["messages"][0]["content"]
    rows.append(_chat(prompt + "!", json.dumps({"request": prompt, "urgent": False})))
    rows.append(_chat(prompt + "?", json.dumps({"request": prompt, "urgent": True})))
    found = verify(_write(tmp_path, rows), run=tmp_path / "run", options=VerifyOptions(embed=False))
    kept = (tmp_path / "run" / "kept.jsonl").read_text().splitlines()
    near = next(each for each in found.decision.outcomes if each.check == "near-duplicate")
    assert near.flagged >= 2
    told = {json.loads(line)["messages"][1]["content"] for line in kept if prompt in line}
    assert len(told) == 2, "one row of each answer stays"


def test_a_leak_is_found_in_held_out_rows_too_few_to_show_the_instruction(tmp_path: Path) -> None:
    texts = _texts(150)
    train = _write(tmp_path, [_chat(RULE + text, f"I did that, {at}") for at, text in enumerate(texts)])
    heldout = tmp_path / "heldout.jsonl"
    heldout.write_text(json.dumps(_chat(RULE + texts[3], "Gladly")) + "\n")
    options = VerifyOptions(embed=False, only=("leak",))
    found = verify(train, run=tmp_path / "run", against=[heldout], options=options)
    leak = next(each for each in found.decision.outcomes if each.check == "leak")
    assert leak.flagged == 1


def test_columns_of_any_name_are_read_as_prompt_and_answer(tmp_path: Path) -> None:
    path = _write(tmp_path, [{"frage": f"Was ist {at}?", "antwort": f"Das ist {at}."} for at in range(5)])
    found = read(path, tmp_path / "data", ReadOptions(prompt="frage", answer="antwort"))
    assert found.table(("prompt",)).column("prompt")[1].as_py() == "Was ist 1?"
    assert found.table(("answer",)).column("answer")[1].as_py() == "Das ist 1."
    with pytest.raises(UsageError):
        read(path, tmp_path / "data", ReadOptions(prompt="frage"))
    with pytest.raises(UsageError):
        read(path, tmp_path / "data", ReadOptions(prompt="frage", answer="answer"))


def test_columns_of_no_known_name_are_told(tmp_path: Path) -> None:
    path = _write(tmp_path, [{"frage": f"Was ist {at}?", "antwort": f"Das ist {at}."} for at in range(5)])
    said = terminal.verified(verify(path, run=tmp_path / "run", options=VerifyOptions(embed=False)))
    assert "no row has a known format: --prompt and --answer, or --text, of frage, antwort" in said


def test_what_an_instruction_is_about_belongs_to_the_prompt(tmp_path: Path) -> None:
    path = _write(tmp_path, [{"instruction": "Shorten.", "context": f"Text {at}", "response": "T"} for at in range(5)])
    prompts = read(path, tmp_path / "data").table(("prompt",)).column("prompt").to_pylist()
    assert prompts[2] == "Shorten.\nText 2"


def test_the_sample_is_the_same_in_any_order_and_bounded() -> None:
    rng = random.Random(3)
    rows = [(rng.getrandbits(64), f"text {at}") for at in range(3 * SAMPLE)]
    found = []
    for order in (rows, rows[::-1]):
        sampler = Sampler()
        for at in range(0, len(order), 8192):
            sampler.take(_stored(order[at : at + 8192]))
            assert len(sampler.rows) <= 3 * SAMPLE
        sampler.found()
        assert len(sampler.rows) == SAMPLE
        found.append(sorted(sampler.rows))
    assert found[0] == found[1]


def _stored(rows: list[tuple[int, str]]) -> pa.RecordBatch:
    turn = {"kind": "text", "calls": None, "trains": None, "reply_to": None}
    columns = {
        "hash": pa.array([row for row, _ in rows], pa.uint64()),
        "turns": pa.array([[{"role": "user", "content": text, **turn}] for _, text in rows], pa.list_(cols.TURN)),
        "rejected": pa.nulls(len(rows), pa.list_(cols.TURN)),
        "label": pa.nulls(len(rows), pa.string()),
    }
    return pa.RecordBatch.from_pydict(columns)
