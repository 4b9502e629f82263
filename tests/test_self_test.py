"""Planted defects: each way spoils what it says it does, recall and precision count what they should."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

import pytest

from toolkit.cli import main
from toolkit.core import parts
from toolkit.core.planting import Around, Row, row_of
from toolkit.store.ledger import Ledger
from toolkit.verify import VerifyOptions, verify

NOUNS = ("parcel", "invoice", "refund", "ticket", "password", "voucher", "contract", "delivery", "battery", "screen")
VERBS = ("check", "cancel", "change", "track", "explain", "extend", "repair", "replace", "confirm", "review")


def texts(n: int) -> list[dict[str, Any]]:
    rows = []
    for at in range(n):
        noun, verb = NOUNS[at % 10], VERBS[at // 10 % 10]
        said = (
            f"Please {verb} the {noun} of customer {7919 * at % 9973} because the {NOUNS[(at * 3 + 1) % 10]} was late"
        )
        rows.append({"id": f"r{at}", "text": f"{said} on day {at * 31 % 365}", "label": noun})
    return rows


def chats(n: int) -> list[dict[str, Any]]:
    said = "The {} is with the team now. They look at it today, and you hear from them about case {} by mail."
    return [
        {
            "id": f"c{at}",
            "messages": [
                {"role": "user", "content": row["text"] + "?"},
                {"role": "assistant", "content": said.format(row["label"], 13 * at) + f" Thank you for part {at}."},
            ],
        }
        for at, row in enumerate(texts(n))
    ]


def measured(rows: list[dict[str, Any]], folder: Path, **options: Any) -> dict[str, dict[str, float]]:
    """Facts of the self-test by check and name."""
    file = folder / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = verify(file, run=folder / "run", options=VerifyOptions(embed=False, self_test=True, **options))
    told: dict[str, dict[str, float]] = {}
    with Ledger(found.run.ledger, read_only=True) as ledger:
        sql = """SELECT name, f."group", value FROM facts f JOIN runs USING (run) WHERE "check" = 'self-test'"""
        for fact in ledger.rows(sql):
            told.setdefault(fact["group"], {})[fact["name"]] = fact["value"]
    return told


def test_known_defects_in_texts_are_found(tmp_path: Path) -> None:
    told = measured(texts(300), tmp_path)
    for check in ("parse", "row-format", "exact-duplicate", "near-duplicate", "conflict", "leak", "secret", "pii"):
        assert told[check]["planted"] >= 10, check
        assert told[check]["recall"] >= 0.9, check
        assert told[check]["precision"] == 1.0, check
    assert "label-noise" not in told  # it could not look


def test_known_defects_in_chats_are_found_and_the_same_seed_gives_the_same(tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    told = measured(chats(200), tmp_path)
    for check in ("roles", "empty-answer", "template-residue", "refusal", "garbled", "language"):
        assert told[check]["recall"] >= 0.9, check
    assert told == measured(chats(200), tmp_path / "again")


BLIND = """
from dataclasses import dataclass
from typing import ClassVar
from toolkit.core.types import Finding

@dataclass(frozen=True, slots=True)
class Shouting:
    '''Texts in capitals alone, of which this check sees only those that begin with P, and too many others.'''
    id: ClassVar[str] = "shouting"
    code: ClassVar[str] = "X01"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("text",)

    def look(self, batch, view):
        rows, texts = batch.column("row").to_pylist(), batch.column("text").to_pylist()
        for row, text in zip(rows, texts):
            if text.isupper() and "VOUCHER" not in text:
                yield Finding(row, 1.0, "all capitals", kind="capitals")

@dataclass(frozen=True, slots=True)
class Capitals:
    '''A text in capitals, planted for the check of this file; no list names it.'''
    id: ClassVar[str] = "capitals"
    tests: ClassVar[str] = "shouting"

    def ways(self):
        return {"capitals": lambda row, around: row.edit("prompt", str.upper)}
"""


def test_a_check_of_ones_own_brings_its_own_defects(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(BLIND)
    parts.load_local(tmp_path / "mine.py")
    told = measured(texts(300), tmp_path, only=("shouting", "self-test", "exact-duplicate"))
    assert told["shouting"]["planted"] == 40
    assert 0.5 < told["shouting"]["recall"] < 1.0
    assert set(told) >= {"shouting: capitals", "exact-duplicate"}


def test_what_was_flagged_before_is_no_false_alarm(tmp_path: Path) -> None:
    rows = texts(200)
    for at in range(0, 200, 2):
        rows[at]["text"] += " my mail is someone.else@gmail.com"
    told = measured(rows, tmp_path, only=("pii", "self-test"))
    assert told["pii"]["false alarms"] == 0
    assert told["pii"]["planted"] == 40


def test_few_rows_are_said_to_be_too_few(tmp_path: Path) -> None:
    assert measured(texts(4), tmp_path) == {}


def test_the_command_shows_recall_beside_each_check(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in texts(120)))
    main(["verify", str(file), "--run", "runs/rows", "--self-test", "--no-embeddings"])
    said = capsys.readouterr().out
    assert "recall 1.00 on " in said
    main(["verify", str(file), "--run", "runs/rows", "--no-embeddings"])
    without = capsys.readouterr().out
    assert "recall" not in without and "V01 self-test" in without.partition("not applicable")[2]
    assert main(["readiness", "runs/rows", "--self-test"]) == 2


def _rows() -> list[Row]:
    call = {"id": "c1", "type": "function", "function": {"name": "find", "arguments": '{"city": "Oslo", "n": 2}'}}
    tool = {
        "type": "function",
        "function": {
            "name": "find",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}, "n": {"type": "integer"}},
                "required": ["city"],
            },
        },
    }
    trace = {
        "messages": [
            {"role": "user", "content": "How do I find rooms in Oslo for two people?"},
            {"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c1", "content": "[]"},
            {
                "role": "assistant",
                "content": "There is none, and it is 2 + 3 = 5 days until the next one is free again.",
            },
        ],
        "tools": [tool],
    }
    code = "Here it is:\n```python\ndef f(x):\n    return x + 1\n\nprint(f(1), f(2), f(3))\n```\n"
    code += '```json\n{"a": 1}\n```\nDone.'
    pair = {"prompt": "Where is it?", "chosen": "In the box on the left.", "rejected": "No idea at all."}
    values = {
        "messages": [trace, *chats(30)],
        "text-label": texts(30),
        "preference": [pair],
        "prompt-completion": [
            {"prompt": "Write code", "completion": code},
            {"prompt": "As JSON", "completion": '{"a": 1}'},
        ],
        "alpaca": [{"instruction": "Add the numbers up for me please now", "input": "1 2", "output": "1 + 2 = 3"}],
    }
    made = [(form, row) for form, rows in values.items() for row in rows]
    found = [row_of(json.dumps(value), parts.build("formats", form)) for form, value in made]
    return [row for row in found if row is not None]


@pytest.mark.parametrize("defect", sorted(parts.parts("defects")))
def test_every_way_suits_some_row_and_changes_it(defect: str) -> None:
    rows = _rows()
    for name, way in parts.part("defects", defect)().ways().items():
        around = Around(Random(3), rows, rows)
        made = [(row, spoiled) for row in rows if (spoiled := way(row, around)) is not None]
        assert made, f"{defect}: {name} suits no row"
        again = Around(Random(3), rows, rows)
        repeated = [spoiled for row in rows if (spoiled := way(row, again)) is not None]
        assert repeated == [each for _, each in made]
        for row, spoiled in made:
            assert b"\n" not in spoiled.line
            assert (
                spoiled.adds
                or json.dumps(row.value, separators=(",", ":"), ensure_ascii=False).encode() != spoiled.line
            )


def test_defects_name_checks_that_are_there_or_planned() -> None:
    ids = {name for check in parts.parts("checks").values() for name in (check.id, check.code)}
    planned = {"D03", "L02", "L03"}
    assert {each.tests for each in parts.parts("defects").values()} <= ids | planned
