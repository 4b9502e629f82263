"""T03: quotes and citations stand in the documents given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson

from toolkit.core.errors import NotApplicable
from toolkit.core.quotes import Documents, Unsupported, unsupported
from toolkit.core.secrets import excerpt
from toolkit.core.types import Fact, Finding, Result
from toolkit.store.view import View

COLUMNS = ("document", "documents", "context", "contexts", "passage", "passages", "article", "source_text", "source")
LONG = 400
LEAST_DOCUMENT = 80
CLAIMED = 0.2
"""Share of the word triples of a quote that a prompt must hold, where nothing says that it is quoted."""
SAYS = re.compile(
    r"\b(?:says?|said|states?|stated|according to|reads|mentions?|(?:text|document|passage|article|letter|email)\b)"
    r"[^.!?\n]{0,40}$",
    re.IGNORECASE,
)
SHOWN = 100


@dataclass(frozen=True, slots=True)
class Quote:
    """An answer that quotes what its document does not say teaches the model to invent evidence.

    Looked up in the row's documents and prompt: text in quotation marks or block quotes of four words
    and more (words alone count: no case, punctuation or white space; parts around `...` apart), `[3]`
    where passages are numbered, `(Source: name)`. The score is the share of word triples that are
    missing, so a quote with a small edit stays under the bar. Documents are the columns of `columns`,
    texts or lists of texts or of objects with a text (`unsupported`, `citation`); else a prompt of 400
    characters and more, which need not be one, is looked at with less trust (`unsupported-in-prompt`): only
    quotes of which it holds some words in a row, or before which the answer says what a text says.

    Not applicable without documents. Missed: claims without quotes, quotes of under four words, quotes
    given to the wrong speaker. Example: a document says `closes at nine`, the answer quotes `"closes at
    ten every day"`.
    """

    id: ClassVar[str] = "quote"
    code: ClassVar[str] = "T03"
    version: ClassVar[int] = 3
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("answer", "prompt", "system", "raw")

    columns: tuple[str, ...] = COLUMNS

    def run(self, view: View) -> Iterator[Result]:
        looked = found = 0
        if view.manifest.format in ("text", "text-label"):
            raise NotApplicable("the rows have no answers")
        for batch in view.batches(*self.reads):
            for row in batch.to_pylist():
                given, declared = _documents(row, self.columns)
                if not given or not row["answer"]:
                    continue
                looked += 1
                worst = _worst(row, given, declared)
                if worst is not None:
                    found += 1
                    yield _finding(int(row["row"]), worst, declared)
        if not looked:
            raise NotApplicable(f"no row has a document ({', '.join(self.columns[:4])}, ...) or a long prompt")
        yield Fact("answers with a document", float(looked), "rows")


def _worst(row: dict[str, Any], given: list[str], declared: bool) -> Unsupported | None:
    """The quote or citation of an answer with the least support; None where all is well."""
    answer = _readable(row["answer"])
    if not any(sign in answer for sign in '"“«„>[') and "ource:" not in answer:
        return None
    texts = [*given, row["prompt"] or "", row["system"] or ""]
    numbers = range(1, len(given) + 1) if declared and len(given) > 1 else None
    wrong = [each for each in unsupported(answer, Documents(texts, numbers)) if declared or _claimed(answer, each)]
    return min(wrong, key=lambda each: (each.support, each.kind, each.text), default=None)


def _claimed(answer: str, wrong: Unsupported) -> bool:
    """Whether something speaks for words in quotation marks being taken from the prompt."""
    if wrong.kind == "citation" or wrong.support >= CLAIMED:
        return True
    return SAYS.search(answer[: max(answer.find(wrong.text) - 1, 0)]) is not None


def _readable(answer: str) -> str:
    """JSON with its letters as they are read, not as they are escaped."""
    if "\\u" not in answer or answer.lstrip()[:1] not in ("{", "["):
        return answer
    try:
        return orjson.dumps(orjson.loads(answer)).decode()
    except orjson.JSONDecodeError:
        return answer


def _finding(row: int, wrong: Unsupported, declared: bool) -> Finding:
    score = 1 - wrong.support
    words = excerpt(wrong.text)[:SHOWN]
    if wrong.kind == "citation":
        return Finding(row, score, f"{words} names no passage that is given", kind="citation", column="answer")
    kind = "unsupported" if declared else "unsupported-in-prompt"
    message = f"the quote '{words}' does not stand in the {'document' if declared else 'prompt'}"
    return Finding(row, score if declared else 0.7 * score, message, kind=kind, column="answer")


def _documents(row: dict[str, Any], columns: tuple[str, ...]) -> tuple[list[str], bool]:
    """The documents of a row and whether a column declares them."""
    raw = row["raw"]
    if any(f'"{name}"' in raw for name in columns):
        value = orjson.loads(raw)
        found = [text for name in columns for text in _texts(value.get(name))] if isinstance(value, dict) else []
        if sum(map(len, found)) >= LEAST_DOCUMENT:
            return found, True
    prompt = row["prompt"] or ""
    return ([prompt], False) if len(prompt) >= LONG else ([], False)


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for each in value for text in _texts(each)]
    if isinstance(value, dict):
        return [text for name in ("title", "text", "content", "body") for text in _texts(value.get(name))]
    return []
