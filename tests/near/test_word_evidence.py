"""What words add to edits: surprise of those in common, words of one side alone, misspellings."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa

from toolkit.near.folded import folded
from toolkit.near.word_evidence import Language, log_odds

CITIES = ("leeds", "porto", "turin", "graz", "lyon", "malmo", "gent", "bari", "cork", "brno")
KNOWN = [f"what is the weather in {city} {day}" for city in CITIES for day in ("today", "now", "tonight")]
ODD = "could my neighbour's parrot be insured against loud music"


def test_common_words_surprise_less_than_seldom_ones() -> None:
    language = Language.of([*KNOWN, ODD])
    common = language.agreement("what is the weather in leeds then", KNOWN[0])
    seldom = language.agreement("could my neighbour's parrot be insured against noise", ODD)
    assert common is not None and seldom is not None
    assert seldom.bits > 2 * common.bits


def test_a_misspelling_is_told_from_another_word() -> None:
    language = Language.of(KNOWN)
    told = [language.agreement(f"what is the weather in {city} today", KNOWN[0]) for city in ("leedss", "lyon")]
    assert [each is not None and each.misspelt for each in told] == [True, False]


def test_one_that_stands_in_the_other_is_a_part() -> None:
    language = Language.of(KNOWN)
    told = [language.agreement(f"{before} {KNOWN[0]}", KNOWN[0]) for before in ("dear friends please tell me", "")]
    assert [each is not None and (each.part, each.lost) for each in told] == [(True, 0), (True, 0)]
    assert language.agreement("too short", KNOWN[0]) is None


def test_odds_rise_for_a_copy_and_fall_for_a_neighbour() -> None:
    rows = [*KNOWN, ODD]
    random.Random(2).shuffle(rows)
    own = folded(
        pa.array(["could my neighbor's parrot be insured against loud music", "what is the weather in oslo today"])
    )
    at = np.array([rows.index(ODD), rows.index(KNOWN[0])])
    odds = log_odds(own, folded(pa.array(rows)), at, np.zeros(2))
    assert odds[0] > 2 > -2 > odds[1]
    assert log_odds(own, folded(pa.array(rows)), np.array([-1, -1]), np.zeros(2)).tolist() == [0.0, 0.0]
