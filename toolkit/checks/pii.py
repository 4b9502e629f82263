"""P02: no personal data in the rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core import pii
from toolkit.core.errors import Skip
from toolkit.core.pii import placeholders
from toolkit.core.pii.names import Finder, finder
from toolkit.core.pii.spans import Span, apart
from toolkit.core.types import JSON, Finding, Result
from toolkit.store.view import View

WORDS = {
    "card": "a payment card's number",
    "iban": "an IBAN",
    "email": "a mail address",
    "phone": "a phone number",
    "ip": "an IP address",
    "mac": "a device's MAC address",
    "url": "a web address",
    "profile": "the address of a person's page",
    "wallet": "a wallet's address",
    "birth-date": "a date of birth",
    "driver-license": "the number of a driving licence",
    "passport": "the number of a passport",
    "medical-record": "the number of a medical record",
    "person": "a name",
    "location": "a place",
}


@dataclass(frozen=True, slots=True)
class PersonalData:
    """A model can repeat what it was trained on, and the law of many countries asks for a reason to hold it.

    Found, by published shape and check digits: payment cards (Luhn, issuer ranges), IBANs (ISO 13616),
    identity, tax and health numbers of some thirty countries, Bitcoin addresses; by shape: mail, web,
    IP and MAC addresses; by shape and the words around them: phone numbers, driving licences,
    passports, medical records, dates of birth. A number that chance could make needs words that say
    what it is. All strings of a row are searched; spans are characters of its text, and each finding of
    a row carries all of them. The values themselves are never written to a report.

    names: look for people and places too, through presidio and the spaCy `model` of a `language`; it
    needs `finetune-toolkit[names]` and runs the model over every row. Where they were asked for and
    cannot be looked for, that is a finding of its own (`names-not-looked-at`), never silence.

    Missed: names and postal addresses (without `names`), bank accounts without an IBAN, numbers that a
    row holds as JSON numbers, identifiers in words ("four one five ..."), pictures.
    Example: `call me on 0490 75 40 81`.
    """

    id: ClassVar[str] = "pii"
    code: ClassVar[str] = "P02"
    version: ClassVar[int] = 3
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("text", "raw")

    names: bool = False
    model: str = "en_core_web_lg"
    language: str = "en"

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        rows, texts, raws = (batch.column(name) for name in ("row", "text", "raw"))
        hit = pc.match_substring_regex(raws, pii.FIRST).to_numpy(zero_copy_only=False)
        people: dict[int, list[Span]] = {}
        if self.names:
            found = view.once("names", self._finder)
            if isinstance(found, str):
                yield from _once(view, found)
            else:
                people = dict(enumerate(found(["" if text is None else text for text in texts.to_pylist()])))
        for at in range(len(hit)) if people else np.flatnonzero(hit).tolist():
            if hit[at] or people.get(at):
                yield from _findings(rows[at].as_py(), texts[at].as_py() or "", raws[at].as_py(), people.get(at, []))

    def _finder(self) -> Finder | str:
        """What finds names, or why nothing does."""
        try:
            return finder(self.model, self.language)
        except Skip as reason:
            return str(reason)


def _once(view: View, reason: str) -> Iterator[Finding]:
    if "names: told" not in view.memo:
        view.memo["names: told"] = True
        yield Finding(None, 1.0, reason, kind="names-not-looked-at")


def _findings(row: int, text: str, raw: str, people: list[Span]) -> Iterator[Finding]:
    """One finding for each type in the row; each carries the spans of all, so that one line tells the row."""
    found = apart([*pii.find(text), *people])
    spans: list[JSON] = [{"start": each.start, "end": each.end, "type": each.type} for each in found]
    beside = pii.find(placeholders.lines(raw, text))
    own = {each.type for each in found}
    for kind in sorted({each.type for each in (*found, *beside)}):
        score = max(each.score for each in (*found, *beside) if each.type == kind)
        where = "the text" if kind in own else "a column beside the text"
        yield Finding(
            row,
            score,
            f"{where} holds what looks like {WORDS.get(kind, f'an identity number ({kind})')}",
            kind=kind,
            evidence={"spans": spans},
        )
