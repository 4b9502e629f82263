"""The flat feature table says of every row what a slow reading of its turns says."""

from __future__ import annotations

import string
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.near.features import FEATURES, feature_table, features, reads
from toolkit.read import read
from toolkit.store import columns as cols
from toolkit.store.view import View

TEXTS = st.one_of(
    st.none(),
    st.sampled_from(["", " ", "\t\n", "\u00a0\u3000", " " * 8 + "x", " " * 40, "日本 語", "naïve café", "a\nc"]),
    st.text(alphabet=string.ascii_letters + " \n\té日🙂", max_size=30),
)
CALLS = st.sampled_from([None, None, None, '[{"id":"1"},{"id":"2"}]', '{"name":"f"}', "not json", "[]"])
TURN = st.fixed_dictionaries(
    {
        "role": st.sampled_from([None, "system", "developer", "user", "assistant", "tool", "text", "Assistant"]),
        "content": TEXTS,
        "kind": st.sampled_from(["text", "null", "missing", "number", "list", "parts", "not a turn"]),
        "calls": CALLS,
        "trains": st.booleans(),
        "reply_to": st.none(),
    }
)
ROW = st.fixed_dictionaries(
    {
        "turns": st.lists(TURN, max_size=5),
        "rejected": st.one_of(st.none(), st.lists(TURN, max_size=2)),
        "tools": st.sampled_from([None, '[{"name":"a"},{"name":"b"}]', "[]", "say hello", '{"name":"a"}']),
        "label": st.sampled_from([None, "", "billing", "été"]),
    }
)


def batch_of(rows: list[dict[str, Any]]) -> pa.RecordBatch:
    whole = [
        {
            "row": at,
            "hash": at,
            "nth": 0,
            "ref": str(at),
            "format": "messages",
            "source_kind": "real",
            "raw": "{}",
            **row,
        }
        for at, row in enumerate(rows)
    ]
    return pa.RecordBatch.from_pylist(whole, schema=cols.STORED)


def letter(role: str | None) -> str:
    return {"system": "s", "developer": "s", "user": "u", "assistant": "a", "tool": "t"}.get(role or "", "x")


def items(text: str | None) -> int:
    known = {'[{"id":"1"},{"id":"2"}]': 2, '[{"name":"a"},{"name":"b"}]': 2, "[]": 0, None: 0}
    return known.get(text, 1)


def says(turn: dict[str, Any]) -> bool:
    written = (turn["content"] or "").strip() or turn["calls"] is not None
    return bool(written) or turn["role"] == "tool" or turn["kind"] == "parts"


def slowly(row: dict[str, Any]) -> dict[str, Any]:
    """Every feature of a row, in the plainest words."""
    turns, rejected = row["turns"], row["rejected"] or []
    texts = [turn["content"] or "" for turn in turns]
    letters = "".join(letter(turn["role"]) for turn in turns)
    answer_turn = turns[-1] if letters.endswith("a") else None
    answer = answer_turn["content"] if answer_turn else None
    chars = sum(map(len, texts))
    silent = [turn for turn in turns if turn["calls"] is None]
    n_calls, n_tools = sum(items(turn["calls"]) for turn in turns), items(row["tools"])
    odd = ("number", "bool", "object", "list", "not a turn")
    return {
        "n_turns": len(turns),
        "roles": letters,
        "first_role": turns[0]["role"] if turns else None,
        "last_role": turns[-1]["role"] if turns else None,
        "system_turns": letters.count("s"),
        "late_system_turns": letters[1:].count("s"),
        "user_turns": letters.count("u"),
        "assistant_turns": letters.count("a"),
        "tool_turns": letters.count("t"),
        "other_turns": letters.count("x"),
        "trained_turns": sum(turn["role"] == "assistant" and turn["trains"] for turn in turns),
        "text_chars": chars,
        "prompt_chars": chars - len(answer or ""),
        "answer_chars": None if answer is None else len(answer),
        "answer_words": None if answer is None else len(answer.encode().split()),
        "answer_is_empty": answer_turn is not None and not says(answer_turn),
        "rejected_empty_turns": [says(turn) for turn in rejected].count(False),
        "empty_turns": [says(turn) for turn in turns].count(False),
        "null_contents": sum(turn["kind"] in ("null", "missing") for turn in silent),
        "odd_contents": sum(turn["kind"] in odd for turn in silent),
        "non_ascii_share": sum(not each.isascii() for text in texts for each in text) / chars if chars else None,
        "rejected_turns": len(rejected),
        "rejected_chars": sum(len(turn["content"] or "") for turn in rejected),
        "label": row["label"],
        "label_chars": None if row["label"] is None else len(row["label"]),
        "n_tools": n_tools,
        "n_calls": n_calls,
        "has_tools": n_tools > 0,
        "uses_tools": n_tools > 0 or any(turn["calls"] is not None for turn in turns) or "t" in letters,
    }


@settings(max_examples=150, deadline=None)
@given(st.lists(ROW, max_size=6))
def test_features_are_those_of_a_slow_reading(rows: list[dict[str, Any]]) -> None:
    wanted = [slowly(row) for row in rows]
    names = list(slowly({"turns": [], "rejected": None, "tools": None, "label": None}))
    found = features(batch_of(rows), names).drop_columns(["row"]).to_pylist()
    for one, other in zip(found, wanted, strict=True):
        assert one["non_ascii_share"] == pytest.approx(other["non_ascii_share"])
        assert one | {"non_ascii_share": 0} == other | {"non_ascii_share": 0}


@given(st.lists(ROW, max_size=6))
@settings(max_examples=50, deadline=None)
def test_roles_are_the_derived_column(rows: list[dict[str, Any]]) -> None:
    batch = batch_of(rows)
    assert features(batch, ["roles"]).column("roles").to_pylist() == cols.roles(batch).to_pylist()


def test_a_slice_of_a_batch_gives_its_own_rows() -> None:
    turn = {"role": "assistant", "kind": "text", "calls": None, "trains": True, "reply_to": None}
    rows = [
        {"turns": [{**turn, "content": text}], "rejected": None, "tools": None, "label": text}
        for text in ["a", "b é c", "日", "d e f"]
    ]
    whole = batch_of(rows)
    assert features(whole.slice(1, 2), FEATURES).to_pylist() == features(whole, FEATURES).to_pylist()[1:3]


def test_a_table_holds_only_what_was_asked_and_reads_only_what_it_needs(tmp_path: Any) -> None:
    rows = [{"text": "Hallo", "label": "x"}, {"text": "Tschüss", "label": "y"}]
    view = View(read(rows, tmp_path / "data"), reads(["text_chars"]))
    table = feature_table(view, ["text_chars"])
    assert table.to_pydict() == {"row": [0, 1], "text_chars": [5, 7]}
    with pytest.raises(LookupError, match="label"):
        feature_table(view, ["label"])


def test_an_empty_view_gives_an_empty_table_of_the_same_columns(tmp_path: Any) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("no json\n")
    view = View(read(path, tmp_path / "data"), reads(FEATURES))
    table = feature_table(view, FEATURES)
    assert len(table) == 0
    assert table.schema.names == ["row", *FEATURES]
