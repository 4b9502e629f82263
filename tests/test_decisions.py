"""Decisions about findings carried out on a file: by content, with a diff, and only where people agree."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from toolkit.core.errors import InputError
from toolkit.fix import fix, undo
from toolkit.label.answers import Answer, append
from toolkit.read import read

ROWS = [
    b'{"text": "one",  "label": "a"}\n',
    b'{"label": "a", "text": "two", "n": 1.50}\n',
    b'{"text": "one", "label": "a"}\n',
    b"no JSON\n",
    b'{"text": "three", "label": "b", "lineage": {"source_kind": "llm"}}',
]
LOG = Path("decisions.jsonl")


@pytest.fixture
def ids() -> list[str]:
    """The toolkit's ids of the rows, as findings have them."""
    Path("rows.jsonl").write_bytes(b"".join(ROWS))
    found = read("rows.jsonl", Path("frozen"))
    return [str(each) for each in found.table(("row_id",)).column("row_id").to_pylist()]


def decide(row: str, value: str, by: str = "Ada", status: str = "answered") -> None:
    append(LOG, Answer(row, row, "finding", value if status == "answered" else None, by, status=status))


def carried_out() -> bytes:
    made = fix("rows.jsonl", "fixed.jsonl", decisions=LOG)
    undo("fixed.jsonl", "back.jsonl")
    assert Path("back.jsonl").read_bytes() == b"".join(ROWS)
    assert made.decided is not None
    return Path("fixed.jsonl").read_bytes()


def test_a_copy_goes_a_row_is_mended_in_its_own_spacing_and_nothing_else_changes(ids: list[str]) -> None:
    decide(ids[0], "keep")
    decide(ids[2], "drop")
    decide(ids[1], json.dumps({"label": "c", "text": "two", "n": 1.5}, indent=2))
    decide(ids[3], "drop")
    assert carried_out() == ROWS[0] + b'{"label": "c", "text": "two", "n": 1.50}\n' + ROWS[3]
    listed = [json.loads(line)["repair"] for line in Path("fixed.jsonl.fixes.jsonl").read_text().splitlines()]
    assert listed == ["decision"] * 3


def test_where_people_differ_or_took_it_back_the_row_stays(ids: list[str]) -> None:
    decide(ids[0], "drop")
    decide(ids[0], "keep", "Ben")
    decide(ids[1], "drop")
    decide(ids[1], "", status="undone")
    decide(ids[2], "", status="skipped")
    decide(ids[3], '{"text": "three",  "label": "c"}')
    decide(ids[3], '{"label": "c", "text": "three"}', "Ben")
    decide("0" * 16, "drop")
    made = fix("rows.jsonl", None, decisions=LOG)
    assert made.decided is not None
    assert made.decided._asdict() == {"keep": 0, "drop": 0, "fix": 1, "differ": 1, "absent": 1}


def test_repairs_are_made_only_where_they_are_named_as_well(ids: list[str]) -> None:
    decide(ids[1], "drop")
    assert carried_out() == ROWS[0] + ROWS[2] + ROWS[3] + ROWS[4]
    fix("rows.jsonl", "both.jsonl", decisions=LOG, only=["copies"])
    assert Path("both.jsonl").read_bytes() == ROWS[0] + ROWS[3] + ROWS[4]


@pytest.mark.parametrize("content", [None, b"", b'{"text": "a row"}\n'])
def test_a_file_without_decisions_is_refused(ids: list[str], content: bytes | None) -> None:
    if content is not None:
        LOG.write_bytes(content)
    with pytest.raises(InputError):
        fix("rows.jsonl", "fixed.jsonl", decisions=LOG)
    assert not Path("fixed.jsonl").exists()
