"""Q03: answers that stop before they end."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core import jsontext
from toolkit.core.fences import fences
from toolkit.core.types import Finding, Findings, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

REASON = (
    r'"(?:finish_reason|stop_reason|finishReason|stopReason)"\s*:\s*'
    r'"(?:length|max_tokens|MAX_TOKENS|max_length|max_output_tokens|model_length)"'
)
ENDED = re.compile(r"[.!?…。！？؟।॥;][\s\"'”’»)\]}*_`]*$")
OPEN_END = r"[\p{L}\p{M},，、:：]\s*\z"
OPEN_BRACKET = r"[\p{L}\p{N}] \([^()\n]{1,80}\z"
OPEN_ITEM = re.compile(r"(?:^|\n)[ \t]*(?:(?P<number>\d{1,3})(?P<sign>[.)])|(?P<bullet>[-*•]))[ \t]*\Z")
OPENED = OPEN_BRACKET + r"|\n[ \t]*(?:\d{1,3}[.)]|[-*•])[ \t]*\z"
JSON_START = r'\A\s*(?:\{\s*"|\[\s*[{"\[])'
# Words that no sentence ends with, in the languages that most rows are in.
MID_SENTENCE = re.compile(
    r"(?:^|[\s(])(?:and|or|but|the|an|of|because|although|whose|than|und|oder|eine|einen|et|ou|les|des|du|los|las|del"
    r"|della|gli|dos|и|или)$"
)
LIST_ITEM = re.compile(r"\s*(?:[-*•+–]|\(?\w{1,3}[.)])\s|\s*[#|>]")
# Hashtags, links, handles, and the name under a quotation.
OWN_END = re.compile(
    r"(?:[#@]\w+|\S*(?:://|www\.)\S*|\w\.(?:com|org|net|io|edu|gov)\b\S*|[-–—]\s?(?:[\w.'’]+\s?){1,5})$"
)
LONG, LINE = 80, 60
SOME, RARE, ENOUGH = 0.05, 0.01, 20


@dataclass(frozen=True, slots=True)
class CutOff:
    """Answers that ran into a token limit teach a model to stop in the middle.

    Found in answers: a finish reason in the row that says so (`length`, `max_tokens`), a code fence that
    does not close, JSON that ends before it closes, an end in a comma, in a word such as "and" or "the",
    within a bracket or behind the number of a list's next item (`mid-sentence`), a colon with nothing
    behind it (`colon`), and a last line that ends in a bare word (`no-end`). The latter counts only in a
    file of whose long answers at most one in twenty ends so, and is told with a low score otherwise; where
    one in a hundred does, a short last line counts too. Headings, tables, and lists whose other items have
    no end either, may end as they like.

    Only the finish reason is proof; the rest is for review. Missed: answers that stop after a whole
    sentence. Example: `The three causes are heat, wind and`.
    """

    id: ClassVar[str] = "cut-off"
    code: ClassVar[str] = "Q03"
    version: ClassVar[int] = 3
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("turns", "raw")

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        limited = _hits(batch.column("raw"), REASON)
        if len(limited):
            rows = batch.column("row").to_numpy()[limited]
            yield Findings(rows, 1.0, "the row's own finish reason says that it was cut off", "finish-reason")
        texts, owners = _answers(batch)
        if not len(texts):
            return
        fenced = np.flatnonzero(pc.count_substring(texts, "```").to_numpy() % 2)
        as_json = _hits(texts, JSON_START)
        blocks = np.union1d(fenced, as_json)
        yield from _once(_unclosed(int(owners[at]), texts[at].as_py()) for at in blocks.tolist())
        opened = np.setdiff1d(_hits(texts, OPENED), blocks)
        yield from _once(_opened(int(owners[at]), texts[at].as_py()) for at in opened.tolist())
        open_end = np.setdiff1d(_hits(texts, OPEN_END), np.union1d(blocks, opened))
        if len(open_end):
            usual = view.once("cut-off: share of bare ends", lambda: _bare_share(view))
            yield from _once(_ending(int(owners[at]), texts[at].as_py(), usual) for at in open_end.tolist())


def _once(found: Iterable[Iterable[Finding]]) -> Iterator[Finding]:
    """The first finding of every kind of a row, which may have many answers."""
    told: set[tuple[int | None, str]] = set()
    for each in (each for some in found for each in some):
        if (each.row, each.kind) not in told:
            told.add((each.row, each.kind))
            yield each


def _answers(batch: pa.RecordBatch) -> tuple[pa.Array, np.ndarray]:
    """The content of every assistant turn that has any, and the rows they are of."""
    content = cols.turn_field(batch, "content")
    wanted = pc.and_(pc.equal(cols.turn_field(batch, "role"), "assistant"), content.is_valid())
    mask = pc.fill_null(wanted, False)
    return content.filter(mask), cols.turn_rows(batch)[mask.to_numpy(zero_copy_only=False)]


def _hits(texts: pa.Array, pattern: str) -> np.ndarray:
    return np.flatnonzero(cols.matches(texts, pattern))


def _bare_share(view: View, batches: int = 4) -> float:
    """The share of long answers that end in a bare word, a comma or a colon; 1 where there are too few to tell."""
    long = bare = 0
    for batch in islice(view.batches("turns"), batches):
        texts, _ = _answers(batch)
        some = texts.filter(pc.greater_equal(pc.utf8_length(texts), LONG)) if len(texts) else texts
        long += len(some)
        bare += len(_hits(some, OPEN_END))
    return bare / long if long >= ENOUGH else 1.0


def _unclosed(row: int, text: str) -> Iterator[Finding]:
    blocks = fences(text)
    if blocks and not blocks[-1].closed:
        yield Finding(row, 0.9, "a code fence is opened and not closed", kind="unclosed-fence", column="answer")
    elif not blocks and re.match(r"\s*[{\[]", text):
        found = jsontext.parse(text.strip().encode(errors="replace"))
        if isinstance(found, jsontext.Malformed) and found.code == "truncated":
            yield Finding(
                row, 0.9, "the JSON of an answer ends before it closes", kind="unclosed-json", column="answer"
            )


def _opened(row: int, text: str) -> Iterator[Finding]:
    """A bracket that does not close, or the sign of a list's next item with nothing behind it."""
    item = OPEN_ITEM.search(text)
    if item is None:
        yield Finding(row, 0.6, "an answer ends within a bracket", kind="mid-sentence", column="answer")
        return
    sign = f"{int(item['number']) - 1}{item['sign']}" if item["number"] else item["bullet"]
    if re.search(rf"(?m)^[ \t]*{re.escape(sign)}[ \t]+\S", text):
        yield Finding(row, 0.8, "an answer ends where an item of a list begins", kind="mid-sentence", column="answer")


def _ending(row: int, text: str, usual: float) -> Iterator[Finding]:
    """What is wrong with an end in a word, a comma or a colon. usual: the share of such ends in the file."""
    whole = text.rstrip()
    before, _, last = whole.rpartition("\n")
    if len(whole) < LONG // 2 or (LIST_ITEM.match(last) and not _ends_items(before, usual)):
        return
    if MID_SENTENCE.search(last[-LINE:]):
        yield Finding(row, 0.8, "an answer stops in the middle of a sentence", kind="mid-sentence", column="answer")
    elif whole[-1] in ",，、":
        score = 0.7 if len(last) >= LINE else 0.3  # a letter closes with `Best regards,`
        yield Finding(row, score, "an answer ends in a comma", kind="mid-sentence", column="answer")
    elif whole[-1] in ":：":
        yield Finding(row, 0.6, "an answer announces something and ends", kind="colon", column="answer")
    elif len(whole) >= LONG and (len(last) >= LINE or usual <= RARE) and not OWN_END.search(last[-80:]):
        score = 0.6 if usual <= SOME else 0.3
        message = "an answer has no end where the others end a sentence"
        yield Finding(row, score, message, kind="no-end", column="answer")


def _ends_items(before: str, usual: float) -> bool:
    """Whether the list items in front of the last line end as sentences do, in a file where ends are the rule."""
    items = [line for line in before.splitlines() if LIST_ITEM.match(line)]
    return usual <= SOME and len(items) > 0 and all(ENDED.search(line) for line in items)
