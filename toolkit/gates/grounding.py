"""The gate of grounding: what an answer says stands in the document that it was given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from toolkit.core.answers import numbers
from toolkit.core.gating import Context, Guard, Stateless
from toolkit.core.quotes import Documents, unsupported
from toolkit.core.request import Cell, GeneratedRow

LEAST_QUOTE_WORDS = 3


@dataclass(frozen=True, slots=True)
class Grounding:
    """The quote of a row stands in its document word for word, and the numbers of its answer do too.

    Case, punctuation and white space do not count, `...` joins pieces. A row that says that the document
    does not answer must bring no quote. numbers: whether every number of the answer must stand in the
    document or the question. Rows without a document pass. Missed: words around a true quote that it
    does not carry; a `judge` reads those.
    """

    id: ClassVar[str] = "grounding"
    rank: ClassVar[int] = 60
    costly: ClassVar[bool] = False

    numbers: bool = True

    def guard(self, context: Context) -> Guard:
        return Stateless(self.id, self._judge)

    def _judge(self, row: GeneratedRow, cell: Cell) -> str:
        document, quote, answer = (str(row.proof.get(name, "")) for name in ("document", "quote", "answer"))
        if not document:
            return ""
        known = Documents([document])
        if row.proof.get("unanswerable"):
            return "it says that the document does not answer, and quotes it" if quote.strip() else ""
        if len(quote.split()) < LEAST_QUOTE_WORDS:
            return f"its quote has under {LEAST_QUOTE_WORDS} words"
        if known.support(quote) < 1.0:
            return "its quote does not stand in the document"
        wrong = next(unsupported(answer, known), None)
        if wrong is not None:
            return f"a {wrong.kind} in its answer does not stand in the document"
        question = str(row.proof.get("question", ""))
        loose = numbers(answer) - numbers(document) - numbers(question) if self.numbers else set()
        return f"the number {min(loose)} of its answer does not stand in the document" if loose else ""
