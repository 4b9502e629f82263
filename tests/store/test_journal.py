"""The journal: folding, torn tails, damage, other recipes, later versions."""

from __future__ import annotations

import errno
import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from toolkit.core.errors import InputError, MachineError, UsageError
from toolkit.core.request import Cell, Message, Reply, Request, Seed, Usage
from toolkit.store.journal import Header, Journal, State, events

HEADER = Header("recipe", "model")
REQUEST = Request(Seed(Cell("a"), 3, 2), (Message("user", "hello"),), model="model")


def written(folder: Path) -> bytes:
    """A journal with one answered request, one in flight and three verdicts."""
    journal = Journal(folder, HEADER)
    journal.planned("k1", REQUEST)
    journal.sent("k1", 1)
    journal.failed("k1", 1, "429")
    journal.sent("k1", 2)
    journal.replied("k1", Reply('["é"]', "m", Usage(3, 4), "end_turn", ("a/1",)))
    journal.accepted("k1", 0)
    journal.refused("k1", 1, "dedupe", "the same")
    journal.refused("k1", 1, "dedupe", "the same")
    journal.sent("k2", 1)
    journal.close()
    return journal.path.read_bytes()


def reopened(folder: Path) -> Journal:
    journal = Journal(folder, HEADER)
    journal.close()
    return journal


def test_state_is_a_fold_over_the_events(tmp_path: Path) -> None:
    written(tmp_path)
    journal = reopened(tmp_path)
    state = journal.state
    assert (state.sent, state.accepted, dict(state.refused)) == (3, 1, {"dedupe": 1})
    assert state.in_flight == {"k2"}
    assert state.planned == {"k1"}
    assert journal.reply_to("k1") == Reply('["é"]', "m", Usage(3, 4), "end_turn", ("a/1",))
    assert journal.reply_to("k2") is None
    assert [event["e"] for event in events(journal.path)].count("verdict") == 1


def test_what_was_folded_while_writing_is_what_is_folded_from_the_file(tmp_path: Path) -> None:
    written(tmp_path)
    journal, state = reopened(tmp_path), State()
    offset = 0
    for line in journal.path.read_bytes().splitlines(keepends=True):
        state.take(json.loads(line), offset)
        offset += len(line)
    assert state == journal.state


def test_a_cut_at_any_byte_loses_no_whole_event_and_says_what_it_cut(tmp_path: Path) -> None:
    whole = written(tmp_path)
    path = tmp_path / "journal.jsonl"
    starts = [0, *(nth + 1 for nth, byte in enumerate(whole) if byte == 10)]
    for size in range(1, len(whole)):
        path.write_bytes(whole[:size])
        journal = reopened(tmp_path)
        complete = sum(1 for start in starts[1:] if start <= size + 1)
        if complete:
            assert path.read_bytes() == whole[: starts[complete]]
        torn = size not in starts and size + 1 not in starts
        assert bool(journal.notes) == torn


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(junk=st.binary(min_size=1, max_size=40))
def test_junk_at_the_end_is_cut_or_refused_and_never_read(tmp_path: Path, junk: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    path.unlink(missing_ok=True)
    whole = written(tmp_path)
    path.write_bytes(whole + junk)
    assert reopened(tmp_path).state.sent == 3
    assert path.read_bytes() == whole


def test_damage_before_whole_lines_is_an_error_with_its_line(tmp_path: Path) -> None:
    whole = written(tmp_path)
    lines = whole.splitlines(keepends=True)
    (tmp_path / "journal.jsonl").write_bytes(b"".join([*lines[:3], lines[3][:9] + b"\n", *lines[4:]]))
    with pytest.raises(InputError, match="damaged in line 4"):
        reopened(tmp_path)


@pytest.mark.parametrize(("header", "words"), [(Header("x", "model"), "recipe"), (Header("recipe", "x"), "model")])
def test_another_recipe_or_model_is_refused(tmp_path: Path, header: Header, words: str) -> None:
    whole = written(tmp_path)
    with pytest.raises(UsageError, match=f"the {words} has changed"):
        Journal(tmp_path, header)
    assert (tmp_path / "journal.jsonl").read_bytes() == whole


def test_a_later_schema_is_never_misread(tmp_path: Path) -> None:
    whole = written(tmp_path)
    (tmp_path / "journal.jsonl").write_bytes(whole.replace(b'"schema":1', b'"schema":2'))
    with pytest.raises(UsageError, match="later version"):
        reopened(tmp_path)


def test_no_journal_is_ever_overwritten(tmp_path: Path) -> None:
    for _ in range(3):
        Journal(tmp_path, HEADER, fresh=True).close()
    (tmp_path / "journal-1.jsonl").unlink()
    kept = (tmp_path / "journal-2.jsonl").read_bytes()
    Journal(tmp_path, HEADER, fresh=True).close()
    assert (tmp_path / "journal-2.jsonl").read_bytes() == kept
    assert (tmp_path / "journal-1.jsonl").exists()


def test_only_its_owner_may_read_it(tmp_path: Path) -> None:
    written(tmp_path)
    assert stat.S_IMODE((tmp_path / "journal.jsonl").stat().st_mode) == 0o600


def test_the_key_holds_all_that_decides_a_reply() -> None:
    base = REQUEST.key()
    others = [
        Request(REQUEST.seed, REQUEST.messages, model="other"),
        Request(REQUEST.seed, REQUEST.messages, {"temperature": 1}, "model"),
        Request(REQUEST.seed, (Message("user", "hello!"),), model="model"),
        Request(Seed(Cell("a"), 4, 2), REQUEST.messages, model="model"),
        Request(Seed(Cell("b"), 3, 2), REQUEST.messages, model="model"),
        Request(Seed(Cell("a"), 3, 1), REQUEST.messages, model="model"),
    ]
    assert len({base, *(each.key() for each in others)}) == 7
    assert Request(REQUEST.seed, REQUEST.messages, model="model").key() == base


def test_a_reply_takes_the_room_that_was_kept_for_it_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    journal, write = Journal(Path(), HEADER), os.write

    def full(file: int, line: bytes) -> int:
        if journal.spare.path.exists():
            raise OSError(errno.ENOSPC, "no space left")
        return write(file, line)

    journal.spare.take(10_000)
    assert journal.spare.path.stat().st_size == 10_000
    monkeypatch.setattr(os, "write", full)
    with pytest.raises(MachineError, match="is full"):
        journal.sent("a", 1)
    journal.replied("b", Reply("text"))
    assert journal.reply_to("b") == Reply("text")
    journal.close()
    assert [event["e"] for event in events(Path("journal.jsonl"))] == ["run", "reply"]
