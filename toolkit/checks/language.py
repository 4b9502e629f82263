"""Q02: answers in the language of their prompts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core import languages
from toolkit.core.types import Finding, Result
from toolkit.store import columns as cols
from toolkit.store.view import View

SAMPLE = 400
MOSTLY, MOSTLY_SHORT = 0.95, 0.75
END = 400
# Words of one list that sentences of other languages hold too: two of them tell nothing.
LENT = frozenset(re.findall(r"\w+", "in an so it he was will me no if up be or has my out over men die des son"))
# Who names a language, or translation, may want another one than he writes in.
NAMED = re.compile(
    r"(?i)translat|tradu|übersetz|vertaal|перев|翻[译譯訳]|译[成为]|번역|ترجم|अनुवाद|languages?\b|\blangu[ea]|sprache"
    r"|idioma|語言|语言|言語|언어|язык|\b(?:english|spanish|french|german|italian|portuguese|dutch|chinese|mandarin|cantonese|japanese|korean"
    r"|russian|arabic|hindi|bengali|tamil|turkish|polish|swedish|danish|norwegian|finnish|greek|hebrew|thai|vietnamese"
    r"|indonesian|malay|czech|romanian|hungarian|ukrainian|bulgarian|latin|persian|urdu"
    r"|ingl[eéê]s\w*|españ\w+|franc[eéê]s\w*|français\w*|espagnol|allemand|anglais|englisch\w*|deutsch\w*|spanisch\w*|französisch\w*|italiano|italien\w*|engels|duits)\b"
    r"|[英中法德日韩韓俄汉漢][文语語]|西班牙|английск|немецк|французск"
)


@dataclass(frozen=True, slots=True)
class Language:
    """A model that was shown answers in another language than the question switches languages by itself.

    Found: an answer in another language than both the beginning and the end of its prompt
    (`answer-language`), and a row in another language than at least 95 % of the file (`odd-language`;
    with a low score where prompt and answer agree). A prompt too short to tell is taken to be in the
    usual language of the file where it has one of its small words. Where the prompt or the system turn
    names a language or asks for a translation the score is low. Languages are told by script, and among those
    of Latin and Cyrillic letters by their small words: 32 of them, from about 25 letters of prose on.

    Missed: short texts, a foreign sentence in a longer answer, languages beside these, Danish for
    Norwegian. Code, links and tags are left out. Example: `¿Cómo estás?` answered in English.
    """

    id: ClassVar[str] = "language"
    code: ClassVar[str] = "Q02"
    version: ClassVar[int] = 3
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple[str, ...]] = ("prompt", "system", "answer")

    def look(self, batch: pa.RecordBatch, view: View) -> Iterator[Result]:
        usual = view.once("language: of most rows", lambda: _usual(view))
        rows = batch.column("row").to_numpy()
        for at in np.flatnonzero(_unusual(batch, usual)).tolist():
            prompt, answer, system = (batch.column(name)[at].as_py() or "" for name in ("prompt", "answer", "system"))
            found = _judge(prompt, answer, usual)
            if found is not None:
                kind, score, message = found
                named = NAMED.search(prompt[:2000]) or NAMED.search(prompt[-2000:]) or NAMED.search(system)
                yield Finding(int(rows[at]), min(score, 0.3) if named else score, message, kind=kind)


class _Usual(NamedTuple):
    """The language of most rows and its share (0..1) of those whose language is known."""

    language: str
    share: float


def _usual(view: View) -> _Usual:
    """From rows spread over the first batch."""
    batch = next(iter(view.batches("prompt", "answer")), None)
    if batch is None:
        return _Usual("", 0.0)
    some = batch.take(pa.array(np.unique(np.linspace(0, len(batch) - 1, SAMPLE).astype(np.int64))))
    both = zip(some.column("answer").to_pylist(), some.column("prompt").to_pylist(), strict=True)
    texts = [answer or prompt or "" for answer, prompt in both]
    counts = Counter(found for found in map(languages.detect, texts) if found)
    if not counts:
        return _Usual("", 0.0)
    language, most = min(counts.items(), key=lambda item: (-item[1], item[0]))
    return _Usual(language, most / counts.total())


def _unusual(batch: pa.RecordBatch, usual: _Usual) -> np.ndarray:
    """Rows worth a closer look, shape (n_rows,): a first look for the usual language, and for any other."""
    prompts, answers = batch.column("prompt"), batch.column("answer")
    has_answer = _long(answers)
    without = ~cols.mask(answers.is_valid())
    other = _any_other(prompts, usual.language)
    if not usual.language:  # then only two known languages can differ
        return np.asarray(has_answer & other & _any_other(answers, ""))
    return np.asarray((has_answer & ~_like(answers, usual.language)) | (other & (has_answer | without)))


def _long(texts: pa.Array) -> np.ndarray:
    return cols.mask(pc.greater_equal(pc.binary_length(texts), languages.LEAST_LETTERS))


def _twice(words: tuple[str, ...]) -> str:
    """Two of the words somewhere. RE2's word boundary knows ASCII alone, so blanks and signs stand around."""
    one = r"(?:^|[\s\p{P}])(?:" + "|".join(words) + r")[\s\p{P}]"
    return rf"(?is){one}.*{one}"


def _like(texts: pa.Array, language: str) -> np.ndarray:
    if language in languages.WORDS:
        return cols.matches(texts, _twice(tuple(set(languages.own_words(language)) - LENT)))
    if language == "zh":
        kana = cols.matches(texts, r"\p{Hiragana}|\p{Katakana}")
        return np.asarray(cols.matches(texts, r"\p{Han}{2}") & ~kana)
    return (
        cols.matches(texts, f"[{languages.SCRIPTS[language]}]{{2}}") if language else np.zeros(len(texts), dtype=bool)
    )


def _any_other(texts: pa.Array, language: str) -> np.ndarray:
    words = tuple(word for each in languages.WORDS if each != language for word in languages.own_words(each))
    scripts = "".join(letters for each, letters in languages.SCRIPTS.items() if each != language)
    cyrillic = "" if language in ("ru", "uk", "bg") else "\u0400-\u04ff"
    wide = ~cols.matches(texts, r"\A[\x00-\x7f]*\z")
    found = cols.matches(texts, _twice(words))
    at = np.flatnonzero(wide)
    found[at] |= cols.matches(texts.take(pa.array(at)), f"[{scripts}{cyrillic}]{{2}}")
    return found


def _judge(prompt: str, answer: str, usual: _Usual) -> tuple[str, float, str] | None:
    asked = {languages.detect(prompt[:END]), languages.detect(prompt[-END:])} - {""}
    said = languages.detect(answer) if answer else ""
    if said and asked and said not in asked:
        if languages.holds(prompt[-4000:], said):  # it quotes that language, or is in both
            return None
        return "answer-language", 0.8, f"the prompt is in '{min(asked)}', the answer in '{said}'"
    if said and not asked and said != usual.language and _hints(prompt, usual, said):
        return "answer-language", 0.6, f"the prompt seems to be in '{usual.language}', the answer is in '{said}'"
    whole = said or (min(asked) if len(asked) == 1 and not answer else "")
    if not whole or whole == usual.language or usual.share < MOSTLY:
        return None
    score = 0.3 if asked and answer else 0.6
    return "odd-language", score, f"the row is in '{whole}', most of the file in '{usual.language}'"


def _hints(prompt: str, usual: _Usual, said: str) -> bool:
    """Whether a prompt too short to tell its language has a word of the usual one, and none of what was answered in."""
    words = set(languages.WORD.findall(prompt.lower()))
    own, other = (words.intersection(languages.own_words(each)) for each in (usual.language, said))
    return usual.share >= MOSTLY_SHORT and bool(own) and not other and not languages.holds(prompt, said)
