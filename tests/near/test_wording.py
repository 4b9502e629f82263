"""Words that are joined in one text and apart in the other tell nothing, however their halves are shared."""

from __future__ import annotations

from toolkit.near.wording import Weights, words

ROWS = [f"a {colour} boat on the {water}" for colour in ("red", "blue") for water in ("lake", "river", "sea")]


def test_two_words_with_one_half_in_common() -> None:
    weights = Weights.of(map(words, ROWS))
    joined, apart = words("a football and a footrest on the lake"), words("a foot ball and a rest on the lake")
    assert not weights.differs(joined, joined)
    assert weights.differs(joined, apart) == weights.differs(apart, joined)


def test_a_word_in_two_halves_tells_nothing() -> None:
    weights = Weights.of(map(words, ROWS))
    assert not weights.differs(words("a footrest on the red lake"), words("a foot rest on the red lake"))
