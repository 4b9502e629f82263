"""R01: preference pairs that say something, and say it once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.errors import NotApplicable
from toolkit.core.types import Finding, Findings, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

ASKS = ("user", "system", "developer")
DIALOGUE = "\n\nAssistant:"


@dataclass(frozen=True, slots=True)
class PreferencePair:
    """A pair teaches by its difference: equal sides teach nothing, and a pair given both ways round contradicts itself.

    Found: chosen equal to rejected (white space apart), a side that is empty, a prompt that is not the
    same on both sides, and pairs that stand elsewhere the other way round (the same prompt, chosen and
    rejected exchanged, after Unicode NFKC and lower case). Told with a low score: sides that part before
    the last answer, which some trainers take for one long answer.

    Not applicable to other formats. Missed: pairs in which the worse answer was chosen.
    Example: `{"prompt": "a", "chosen": "b", "rejected": "b "}`.
    """

    id: ClassVar[str] = "preference-pair"
    code: ClassVar[str] = "R01"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("turns", "rejected", "format", "prompt", "system", "answer")

    def run(self, view: View) -> Iterator[Result]:
        if view.manifest.format != "preference":
            raise NotApplicable("the rows are no preference pairs")
        rows, given, taken = [], [], []
        for batch in view.batches(*self.reads):
            pairs = batch.filter(pc.equal(batch.column("format").cast(pa.string()), "preference"))
            if not len(pairs):
                continue
            rejected = _last_rejected(pairs)
            yield from _sides(pairs, rejected)
            yield from _prompts(pairs)
            rows.append(pairs.column("row").to_numpy())
            given.append(_key(pairs, pairs.column("answer"), rejected))
            taken.append(_key(pairs, rejected, pairs.column("answer")))
        if rows:
            yield from _flipped(np.concatenate(rows), given, taken)


def _last_rejected(batch: pa.RecordBatch) -> pa.Array:
    """The last answer of the rejected side, null where it has none."""
    sides = pa.RecordBatch.from_arrays([batch.column("row"), batch.column("rejected")], names=["row", "turns"])
    return cols.answer(sides)


def _blank(texts: pa.Array) -> np.ndarray:
    seen = pc.fill_null(pc.match_substring_regex(texts, r"[^\s\p{Z}\p{C}]"), False)
    return ~np.asarray(seen.to_numpy(zero_copy_only=False), dtype=bool)


def _calls(batch: pa.RecordBatch, column: str) -> np.ndarray:
    """Whether a side calls a tool, so that it may be without words, shape (n_rows,)."""
    called = cols.turn_field(batch, "calls", column).is_valid().to_numpy(zero_copy_only=False)
    return np.isin(batch.column("row").to_numpy(), cols.turn_rows(batch, column)[called])


def _sides(batch: pa.RecordBatch, rejected: pa.Array) -> Iterator[Findings]:
    rows, chosen = batch.column("row").to_numpy(), batch.column("answer")
    no_chosen = _blank(chosen) & ~_calls(batch, "turns")
    no_rejected = _blank(rejected) & ~_calls(batch, "rejected")
    for side, empty in (("chosen", no_chosen), ("rejected", no_rejected)):
        if empty.any():
            yield Findings(rows[empty], 1.0, f"the {side} answer is empty", "empty-side", column=side)
    squeezed = [pc.utf8_trim_whitespace(pc.replace_substring_regex(side, r"\s+", " ")) for side in (chosen, rejected)]
    same = cols.mask(pc.equal(*squeezed)) & ~no_chosen
    if same.any():
        yield Findings(rows[same], 1.0, "the chosen and the rejected answer are the same", "same-answer")


def _prompts(batch: pa.RecordBatch) -> Iterator[Finding]:
    """Sides that carry more than an answer: their turns before it must be the same."""
    longer = pc.fill_null(pc.greater(pc.list_value_length(batch.column("rejected")), 1), False)
    dialogue = pc.fill_null(pc.match_substring(batch.column("answer"), DIALOGUE), False)
    some = batch.filter(pc.or_(longer, dialogue)).select(["row", "turns", "rejected"])
    for at in range(len(some)):
        turns, rejected = some.column("turns")[at].as_py(), some.column("rejected")[at].as_py() or []
        kind = _difference([_told(turn) for turn in turns], [_told(turn) for turn in rejected])
        row = some.column("row")[at].as_py()
        if kind == "prompt-differs":
            yield Finding(row, 1.0, "the chosen and the rejected side answer different prompts", kind=kind)
        elif kind:
            yield Finding(row, 0.4, "the two sides part before the last answer", kind=kind)


def _told(turn: dict[str, str | None]) -> tuple[str, str]:
    return turn["role"] or "", " ".join((turn["content"] or "").split())


def _difference(turns: list[tuple[str, str]], rejected: list[tuple[str, str]]) -> str:
    """`prompt-differs`, `parts-early`, or nothing."""
    before = rejected[:-1]
    theirs = turns[-len(rejected) : -1] if rejected else []
    if len(theirs) < len(before):
        return "prompt-differs"
    first = next((at for at, (one, other) in enumerate(zip(theirs, before, strict=True)) if one != other), None)
    if first is not None:
        asked = theirs[first][0] in ASKS or before[first][0] in ASKS
        return "prompt-differs" if asked else "parts-early"
    if turns and rejected and DIALOGUE.strip() in turns[-1][1]:
        return _dialogue(turns[-1][1], rejected[-1][1])
    return ""


def _dialogue(chosen: str, rejected: str) -> str:
    """Sides that are whole dialogues as text: what stands before the last answer must be the same."""
    one, other = (side.rpartition(DIALOGUE.strip())[0] for side in (chosen, rejected))
    if one == other:
        return ""
    first = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    speaker = max(("Human:", "Assistant:"), key=lambda name: one.rfind(name, 0, first))
    return "prompt-differs" if speaker == "Human:" else "parts-early"


def _key(batch: pa.RecordBatch, one: pa.Array, other: pa.Array) -> pa.Array:
    parts = [pc.fill_null(each, "") for each in (batch.column("system"), batch.column("prompt"), one, other)]
    return pc.binary_join_element_wise(*parts, pa.scalar("\x1f", pa.large_string()))


def _flipped(rows: np.ndarray, given: list[pa.Array], taken: list[pa.Array]) -> Iterator[Findings]:
    from toolkit.near.pairs import exact_groups

    n = len(rows)
    first = exact_groups(pa.chunked_array([*given, *taken]))
    straight, turned = first[:n], first[n:]
    # A turned pair is equal to a straight one where its group's first member is a straight pair.
    flipped = np.flatnonzero((turned < n) & (turned != straight))
    if len(flipped):
        message = "the same pair stands elsewhere the other way round"
        yield Findings(rows[flipped], 1.0, message, "flipped", rows[turned[flipped]])
