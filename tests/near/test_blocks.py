"""Words found 64 bytes at a time are the words that a reader finds, wherever in the row and the data they stand."""

from __future__ import annotations

import random
import re

import numpy as np
import pyarrow as pa
import pytest

from toolkit.near.groups import groups_of
from toolkit.near.normal import Normal, normalise
from toolkit.near.shingles import distinct, parse_kind, shingles, table_size, unique

KINDS = ["w1", "w2", "w3", "w5"]


def hashes(rows: Normal, row: int, kind: str) -> list[int]:
    out = np.empty(max(1, int(rows.stop[row] - rows.start[row])), np.uint64)
    return [int(each) for each in out[: shingles(rows, row, parse_kind(kind), out)]]


def made(draw: random.Random) -> str:
    """A row with words of 1 to 70 letters; one in three ends at a multiple of 64 bytes."""
    letters = "abcxyz0189_"
    sizes = [draw.choice([1, 2, 5, 7, 8, 9, 15, 16, 17, 24, 25, 63, 64, 65, 70]) for _ in range(draw.randrange(12))]
    text = draw.choice([" ", ", ", "-", "~~"]).join("".join(draw.choices(letters, k=size)) for size in sizes)
    return text + "q" * (-len(text) % 64) if draw.random() < 0.33 else text


@pytest.mark.parametrize("kind", KINDS)
def test_runs_of_words_are_equal_where_the_words_are(kind: str) -> None:
    draw = random.Random(3)
    texts = [made(draw) for _ in range(300)]
    rows, length = normalise(pa.array(texts)), int(kind[1])
    known: dict[int, tuple[str, ...]] = {}
    for at, text in enumerate(texts):
        words = re.findall(r"[a-z0-9_]+", text)
        runs = [tuple(words[i : i + length]) for i in range(len(words) - length + 1)]
        found = hashes(rows, at, kind)
        assert len(found) == len(runs)
        assert all(known.setdefault(one, run) == run for one, run in zip(found, runs, strict=True))
    assert len(set(known.values())) == len(known)


@pytest.mark.parametrize("kind", KINDS)
def test_a_word_has_one_hash_beside_wide_letters_too(kind: str) -> None:
    draw = random.Random(4)
    for _ in range(100):
        text = made(draw)
        rows = normalise(pa.array([text, f"{text} \u00e9t\u00e9"]))
        plain, wide = hashes(rows, 0, kind), hashes(rows, 1, kind)
        words = len(re.findall(r"[a-z0-9_]+", text))
        assert plain == wide[: len(plain)]
        assert len(wide) == max(0, words + 2 - int(kind[1])) or words == 0


def test_what_stands_after_a_row_changes_nothing_in_it() -> None:
    draw = random.Random(5)
    texts = [made(draw) for _ in range(50)]
    together = normalise(pa.array([*texts, "\u00fcber " * 20]))
    for at, text in enumerate(texts):
        assert hashes(normalise(pa.array([text])), 0, "w1") == hashes(together, at, "w1")


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 31, 32, 33, 40, 64, 100])
def test_equal_rows_share_a_hash_and_rows_that_differ_in_one_byte_do_not(size: int) -> None:
    text = ("abcdefgh" * 13)[:size]
    others = [text[:at] + "Z" + text[at + 1 :] for at in range(size)]
    first, key = groups_of(normalise(pa.array([text, *others, text])))
    assert first[-1] == (0 if size else len(first) - 1)
    assert key[0] == key[-1]
    assert len(set(key.tolist())) == size + 1


def test_unique_keeps_one_of_each() -> None:
    draw = np.random.default_rng(6)
    for _ in range(200):
        few = draw.integers(0, 2**64, draw.integers(1, 400), np.uint64)
        # Hashes that agree in all the bits by which they are first placed meet each other again.
        few[: len(few) // 3] &= np.uint64(0x000FFFFF)
        values = draw.choice(few, 600)
        one, other, spare = values.copy(), values.copy(), np.empty(600, np.uint64)
        slots = np.empty(table_size(600), np.uint64)
        kept = one[: unique(one, 600, spare, slots)]
        assert sorted(kept.tolist()) == sorted(other[: distinct(other, 600, slots)].tolist())
        assert len(kept) == len(set(values.tolist()))


def test_what_has_the_hash_of_no_hash_is_left_out_by_both() -> None:
    rows = normalise(pa.array(["\0" * 9 + "abc"]))
    one, spare, slots = (np.empty(64, np.uint64) for _ in range(3))
    count = shingles(rows, 0, parse_kind("c5"), one)
    other = one.copy()
    assert one[0] == 0
    assert unique(one, count, spare, slots) == distinct(other, count, slots) == 3


def test_white_space_is_squeezed_as_python_would() -> None:
    draw = random.Random(7)
    texts = [
        "".join(draw.choices("aZ\u00e9 \t\n\x1c\x0b@[`{", [9, 5, 0.02, 3, 1, 1, 1, 1, 1, 1, 1, 1], k=k))
        for k in range(150)
    ]
    rows = normalise(pa.array(texts))
    for at, text in enumerate(texts):
        found = rows.data[rows.start[at] : rows.stop[at]].tobytes().decode()
        assert found == " ".join(text.casefold().split())
