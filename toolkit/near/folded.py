"""Text as a reader sees it: letters that look alike are one letter, and marks and punctuation are gone.

Two texts with the same skeleton look the same, or differ in case, blanks, accents, punctuation or
`0` for `o` alone. After the skeletons of Unicode Technical Standard 39, with three changes: case is
folded, letters of another script are folded only where Latin ones stand around them (a Russian word
stays Russian), and digits become letters only inside words that are mostly letters.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.core.text import normal_text
from toolkit.near.compiled import kernel
from toolkit.near.normal import Normal, is_wide, normalise
from toolkit.near.pairs import Texts

# Letters of other scripts by what they look like; upper and lower case look like different letters.
_FOREIGN = {
    "аеорсухіјѕһԁԛԝӏѵүкпмтвьнг": "aeopcyxijshdqwlvyknmtbbhr",
    "АВЕКМНОРСТУХІЈЅԚԜӀҮѴЬ": "ABEKMHOPCTYXIJSQWIYVb",
    "αβγειηκνοπρστυχωϲϳ": "abyeinkvonpotuxwcj",
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧϹͿ": "ABEZHIKMNOPTYXCJ",
    "օսհոցյզքՕՍՏԼ": "ouhngjqpOUSL",
    "ᎪᏴᏟᎠᎬᏀᎻᎫᏦᏞᎷᏢᎡᏚᎢᏙᎳᏃ": "ABCDEGHJKLMPRSTVWZ",
}
# Latin letters that no normal form takes apart, and enclosed ones.
_LATIN = {
    "ɑɡıɩɪʟʀɴʜʙʏᴀᴄᴅᴇᴊᴋᴍᴏᴘᴛᴜᴠᴡᴢꜱøłđħŧƙƒɓɗɋʋɍƴȥØŁĐĦŦ": "agiiilrnhbyacdejkmoptuvwzsoldhtkfbdqvryzOLDHT",
    "".join(map(chr, range(0x1F150, 0x1F16A))): "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "".join(map(chr, range(0x1F170, 0x1F18A))): "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "−‐‑‒–—―": "-------",
    "’‘ʼʻ′": "'''''",
}
_LEET = str.maketrans("013457", "oleast")
_ENDS = '.,;:!?"()[]{}_`'
_MARKS = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]")
_WORD = re.compile(r"[^\W_]+")
_HYPHEN = re.compile(r"-(?![0-9])|(?<=[^\W_])-")
_DIGIT = re.compile("[0-9]")


# A letter of another script beside a Latin one, or one of the alphabets that only dress Latin letters up.
_DISGUISED = (
    r"[A-Za-z][\p{Greek}\p{Cyrillic}\p{Armenian}\p{Cherokee}]|[\p{Greek}\p{Cyrillic}\p{Armenian}\p{Cherokee}][A-Za-z]"
    r"|[\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A}\x{1D400}-\x{1D7FF}\x{1F130}-\x{1F189}\x{24B6}-\x{24E9}]"
)


def undisguised(texts: pa.ChunkedArray) -> tuple[pa.ChunkedArray, np.ndarray]:
    """Texts with look-alikes of Latin letters as Latin letters, and which rows that changed, shape (n,).

    Only rows that mix scripts within a word, or hold full-width, enclosed or mathematical letters, are
    touched: plain text of whatever language costs one search.
    """
    changed = np.zeros(len(texts), np.bool_)
    wide = np.flatnonzero(pc.invert(pc.fill_null(pc.string_is_ascii(texts), True)).to_numpy())  # the cheaper question
    at = wide[pc.match_substring_regex(texts.take(pa.array(wide)), _DISGUISED).to_numpy().astype(np.bool_)]
    if not len(at):
        return texts, changed
    chosen = texts.take(pa.array(at)).to_pylist()
    made = [_latin(text) for text in chosen]
    changed[at] = [one != other for one, other in zip(made, chosen, strict=True)]
    hit = np.zeros(len(texts), np.bool_)
    hit[at] = True
    return pc.replace_with_mask(texts, pa.array(hit), pa.array(made, texts.type)), changed


def folded(texts: Texts) -> Normal:
    """The skeleton of every row as UTF-8; a row of nothing but marks is empty, as a null one.

    Rows of plain ASCII never become a Python string.
    """
    rows = normalise(texts)
    wide = np.zeros(len(rows.start), np.bool_)
    stop = rows.stop.copy()
    _fold_ascii(rows, _CLASSES, _LETTERS, stop, wide)
    at = np.flatnonzero(wide)
    if not len(at):
        return Normal(rows.data, rows.start, stop)
    chosen = texts.cast(pa.large_string()).take(pa.array(at))
    made = [skeleton(text).encode() for text in chosen.to_pylist()]
    ends = len(rows.data) + np.cumsum([len(text) for text in made])
    start = rows.start.copy()
    start[at], stop[at] = ends - [len(text) for text in made], ends
    return Normal(np.concatenate([rows.data, np.frombuffer(b"".join(made), np.uint8)]), start, stop)


def skeleton(text: str) -> str:
    """The skeleton of one text; `folded` makes the same of a whole column."""
    if not text.isascii():
        text = _latin(text)
    text = _HYPHEN.sub(" ", normal_text(text)).replace("'", "").translate(_BLANKS)
    if _DIGIT.search(text):
        text = _WORD.sub(_unleet, text)
    return " ".join(text.split())


def _latin(text: str) -> str:
    """Accents off, and what looks like a Latin letter made one."""
    text = unicodedata.normalize("NFKC", text)
    # Marks of an Indic or Arabic script are vowels: only the accents of all scripts go.
    text = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))
    text = text.translate(_FROM_LATIN)
    latin = sum(letter < "\x80" and letter.isalpha() for letter in text)
    foreign = sum(ord(letter) in _FROM_FOREIGN for letter in text)
    if not latin or not foreign:
        return text
    mostly = latin >= foreign
    return _WORD.sub(lambda word: _unmixed(word.group(), mostly), text)


def _unmixed(word: str, mostly: bool) -> str:
    """A word with Latin letters in it, or one in a Latin text that looks Latin throughout, in Latin letters."""
    if word.isascii():
        return word
    mixed = any(letter < "\x80" and letter.isalpha() for letter in word)
    alike = word.translate(_FROM_FOREIGN)
    return alike if mixed or (mostly and alike.isascii()) else word


def _unleet(found: re.Match[str]) -> str:
    word = found.group()
    digits = sum("0" <= letter <= "9" for letter in word)
    letters = sum(letter.isalpha() for letter in word)
    return word.translate(_LEET) if letters > max(digits - word[0].isalpha(), 1) else word


class _Blanks(dict[int, Any]):
    """Punctuation and white space to a blank, anything else to itself, learnt one code point at a time.

    Signs that carry meaning in mathematics and code (+ = / * < > % & | ^ ~ # $ @) stay.
    """

    def __missing__(self, code: int) -> Any:
        letter = chr(code)
        ascii_blank = letter in _ENDS or code <= 32 or code == 127
        self[code] = " " if (ascii_blank if code < 0x80 else unicodedata.category(letter)[0] in "PZC") else letter
        return self[code]


_BLANKS = _Blanks()
_FROM_LATIN = {ord(one): other for ours, theirs in _LATIN.items() for one, other in zip(ours, theirs, strict=True)}
_FROM_FOREIGN = {ord(one): other for ours, theirs in _FOREIGN.items() for one, other in zip(ours, theirs, strict=True)}
_SIGN, _LETTER, _NUMBER, _END, _GONE, _DASH = range(6)


def _classes() -> Any:
    found = np.full(128, _SIGN, np.uint8)
    found[[*range(97, 123)]], found[[*range(48, 58)]] = _LETTER, _NUMBER
    found[[ord(letter) for letter in _ENDS]] = _END
    found[:33], found[127] = _END, _END
    found[ord("'")], found[ord("-")] = _GONE, _DASH
    return found


_CLASSES = _classes()
_LETTERS = np.array([ord(chr(code).translate(_LEET)) for code in range(128)], np.uint8)


@kernel
def _fold_ascii(rows: Any, classes: Any, letters: Any, stop: Any, wide: Any) -> None:
    """Skeletons of ASCII rows, written over them: none is longer than its row. Others are marked `wide`."""
    for row in range(len(rows.start)):
        text = rows.data[rows.start[row] : rows.stop[row]]
        wide[row] = is_wide(text)
        if not wide[row]:
            stop[row] = rows.start[row] + _fold(text, classes, letters)


@kernel
def _fold(text: Any, classes: Any, letters: Any) -> Any:
    used = begin = 0
    before = 3
    for at in range(len(text)):
        letter = text[at]
        kind = classes[letter]
        if kind == 5:
            # A minus before a number is no hyphen.
            kind = 0 if before != 1 and before != 2 and at + 1 < len(text) and classes[text[at + 1]] == 2 else 3
        before = kind
        if kind == 4:
            continue
        if kind == 0 or kind == 3:
            _spell(text[begin:used], classes, letters)
        if kind != 3 or (used > 0 and text[used - 1] != 32):
            text[used] = 32 if kind == 3 else letter
            used += 1
        begin = used if kind == 0 or kind == 3 else begin
    _spell(text[begin:used], classes, letters)
    return used - 1 if used > 0 and text[used - 1] == 32 else used


@kernel
def _spell(word: Any, classes: Any, letters: Any) -> None:
    """Digits of a word that is mostly letters become letters; see `_unleet`."""
    n_letters = n_digits = 0
    for at in range(len(word)):
        n_letters += classes[word[at]] == 1
        n_digits += classes[word[at]] == 2
    if n_digits > 0 and n_letters > max(n_digits - (classes[word[0]] == 1), 1):
        for at in range(len(word)):
            word[at] = letters[word[at]]
