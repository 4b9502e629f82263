"""Answers that refuse, stop too early, switch languages, run in circles, or do not parse."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from toolkit.core import languages
from toolkit.core.planting import Around, Row, Spoiled, Way

REFUSALS = (
    "I'm sorry, but I can't help with that request.",
    "I cannot assist with this. Is there anything else you need?",
    "I apologize, but I'm not able to provide that information.",
    "As an AI language model, I don't have personal opinions on this.",
    "I'm just an AI and have no way of knowing that.",
)
FOREIGN: Mapping[str, str] = {
    "es": "Para cambiar la fecha de la entrega, entre en su cuenta y abra la lista de los pedidos. Allí puede elegir"
    " otro día, y le enviamos un correo con la confirmación en pocos minutos.",
    "de": "Um das Datum der Lieferung zu ändern, melden Sie sich an und öffnen die Liste der Bestellungen. Dort können"
    " Sie einen anderen Tag wählen, und wir schicken Ihnen die Bestätigung in wenigen Minuten.",
    "fr": "Pour changer la date de la livraison, ouvrez la liste des commandes dans votre compte. Vous pouvez y choisir"
    " un autre jour, et nous vous envoyons la confirmation par courrier dans les minutes qui suivent.",
    "en": "To change the date of the delivery, log in to your account and open the list of orders. There you can choose"
    " another day, and we will send you the confirmation by mail in a few minutes.",
}
SUM = re.compile(r"(\d[\d,.]*\s*[-+*/x×÷]\s*\d[\d,.]*\s*=\s*\$?\s*)(\d+)(?![\d.,%]*\d)")


@dataclass(frozen=True, slots=True)
class Refused:
    """An answer in the place of which a refusal stands, or one in which a model speaks of itself."""

    id: ClassVar[str] = "refused"
    tests: ClassVar[str] = "refusal"

    def ways(self) -> Mapping[str, Way]:
        return {"refusal": lambda row, around: row.edit("answer", lambda _: around.rng.choice(REFUSALS))}


@dataclass(frozen=True, slots=True)
class CutShort:
    """An answer that ends at a random word, in the middle of a code block, or under a finish reason that says so."""

    id: ClassVar[str] = "cut-short"
    tests: ClassVar[str] = "cut-off"

    def ways(self) -> Mapping[str, Way]:
        return {"at-a-word": _at_a_word, "in-a-block": _in_a_block, "finish-reason": _finish_reason}


def _at_a_word(row: Row, around: Around) -> Spoiled | None:
    """Cut behind a word that ends no sentence, with 80 characters and more left."""
    whole = row.answer
    ends = [match.end() for match in re.finditer(r"\w(?= \w)", whole) if match.end() >= 80]
    if not ends or "```" in whole:
        return None
    cut = around.rng.choice(ends)
    return row.edit("answer", lambda text: text[:cut])


def _in_a_block(row: Row, around: Around) -> Spoiled | None:
    block = re.search(r"```\w*\n.{40,}?\n```", row.answer, re.DOTALL)
    return row.edit("answer", lambda text: text[: block.end() - 20]) if block else None


def _finish_reason(row: Row, around: Around) -> Spoiled | None:
    return row.with_value(finish_reason="length") if row.answer else None


@dataclass(frozen=True, slots=True)
class OtherLanguage:
    """An answer, or the text of a row without answers, in another language than the prompt or the file."""

    id: ClassVar[str] = "other-language"
    tests: ClassVar[str] = "language"

    def ways(self) -> Mapping[str, Way]:
        return {"other-language": _other_language}


def _other_language(row: Row, around: Around) -> Spoiled | None:
    own = languages.detect(row.prompt)
    if not own or not (row.answer or row.form.id in ("text", "text-label")):
        return None
    chosen = around.rng.choice([text for language, text in sorted(FOREIGN.items()) if language != own])
    return row.edit("text", lambda _: chosen)


@dataclass(frozen=True, slots=True)
class Broken:
    """A text that runs in a circle, was read in a wrong encoding, lost a character, or holds markup."""

    id: ClassVar[str] = "broken-text"
    tests: ClassVar[str] = "garbled"

    def ways(self) -> Mapping[str, Way]:
        return {"loop": _loop, "mojibake": _mojibake, "lost-character": _lost, "markup": _markup}


def _loop(row: Row, around: Around) -> Spoiled | None:
    """The end of the answer eight times over."""
    tail = " ".join((row.answer or row.prompt).split()[-8:])
    if len(tail) < 20 or (not row.answer and row.form.id != "text"):
        return None
    return row.edit("text", lambda text: text + f" {tail}" * 8)


def _mojibake(row: Row, around: Around) -> Spoiled | None:
    """A curly apostrophe, and every other letter outside ASCII, as UTF-8 that was read as Windows-1252."""

    def change(text: str) -> str:
        curly = text.replace("'", "\u2019", 1) if "'" in text else f"{text} \u2013 \u201cthanks\u201d"
        return curly.encode().decode("cp1252", errors="replace")

    return row.edit("text", change)


def _lost(row: Row, around: Around) -> Spoiled | None:
    at = around.rng.randrange(max(1, len(row.answer or row.prompt)))
    return row.edit("text", lambda text: f"{text[:at]}\ufffd{text[at + 1 :]}")


def _markup(row: Row, around: Around) -> Spoiled | None:
    if not row.answer or "<" in row.prompt + row.answer or "```" in row.answer:
        return None
    return row.edit("answer", lambda text: f"<p>{text}</p><br/>&nbsp;")


@dataclass(frozen=True, slots=True)
class Unparseable:
    """JSON or Python in an answer that lost a bracket, a quote or a colon."""

    id: ClassVar[str] = "unparseable"
    tests: ClassVar[str] = "structured-answer"

    def ways(self) -> Mapping[str, Way]:
        return {"json": _bad_json, "json-block": _block("json", "}\n```", "\n```"), "python-block": _bad_python}


def _bad_json(row: Row, around: Around) -> Spoiled | None:
    whole = row.answer.strip()
    if not (whole.startswith('{"') and whole.endswith("}")):
        return None
    return row.edit("answer", lambda text: text.replace('":', '"', 1))


def _block(language: str, end: str, without: str) -> Way:
    def way(row: Row, around: Around) -> Spoiled | None:
        fits = f"```{language}\n" in row.answer and end in row.answer
        return row.edit("answer", lambda text: text.replace(end, without, 1)) if fits else None

    return way


def _bad_python(row: Row, around: Around) -> Spoiled | None:
    """The colon of a block's first definition or loop is gone."""
    head = re.search(r"```python\n(?:.*\n)*?[ \t]*(?:def|for|while|if|class) [^\n]*:(?=\n)", row.answer)
    return row.edit("answer", lambda text: text[: head.end() - 1] + text[head.end() :]) if head else None


@dataclass(frozen=True, slots=True)
class WrongSum:
    """A computation in an answer whose result is off."""

    id: ClassVar[str] = "wrong-sum"
    tests: ClassVar[str] = "suspicious-answer"

    def ways(self) -> Mapping[str, Way]:
        return {"wrong-result": _wrong_result}


def _wrong_result(row: Row, around: Around) -> Spoiled | None:
    """The result of one computation, wherever the same number follows it directly too (as in `<<2+3=5>>5`)."""
    found = list(SUM.finditer(row.answer))
    if not found:
        return None
    match, off = around.rng.choice(found), around.rng.randrange(1, 10)
    wrong = str(int(match.group(2)) + off)
    return row.edit("answer", _put(match.start(2), match.group(2), wrong))


def _put(at: int, old: str, new: str) -> Callable[[str], str]:
    def change(text: str) -> str:
        rest = text[at + len(old) :]
        again = f">>{old}"
        rest = f">>{new}{rest[len(again) :]}" if rest.startswith(again) else rest
        return text[:at] + new + rest

    return change
