"""Near-duplicate pairs against brute force in plain Python."""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.core.errors import MachineError, UsageError
from toolkit.near import bands, pairs, prefix
from toolkit.near.normal import normal_text
from toolkit.near.pairs import exact_groups, find_pairs, most_pairs, near_pairs, near_pairs_between

ROW = st.one_of(st.none(), st.text(alphabet="ab c", max_size=24), st.text(max_size=12))
KIND = st.sampled_from(["c2", "c3", "c5", "w1", "w2"])


def shingle_set(text, kind):
    text, k = normal_text(text or ""), int(kind[1])
    # The tests use letters and blanks for words: scripts without blanks have a test of their own.
    units = list(text) if kind[0] == "c" else re.findall(r"[a-z0-9_]+", text)
    return {tuple(units[i : i + k]) for i in range(len(units) - k + 1)}


def brute(left, right, kind, threshold, same):
    found = {}
    ones = [(normal_text(a or ""), shingle_set(a, kind)) for a in left]
    others = [(normal_text(b or ""), shingle_set(b, kind)) for b in right]
    for i, (a, x) in enumerate(ones):
        for j, (b, y) in enumerate(others):
            if same and i >= j:
                continue
            jaccard = 1.0 if a == b != "" else len(x & y) / len(x | y) if x and y else 0.0
            if jaccard >= threshold:
                found[i, j] = jaccard
    return found


def as_dict(found):
    return dict(zip(zip(found.left.tolist(), found.right.tolist(), strict=True), found.jaccard.tolist(), strict=True))


def sentences(n, seed=0, words=12):
    draw = np.random.default_rng(seed)
    known = np.array(["".join(draw.choice(list("abcdefghijklmnop"), 6)) for _ in range(3000)])
    rows = [known[draw.integers(0, 3000, words)] for _ in range(n)]
    for i in range(0, n - 1, 5):
        rows[i + 1] = rows[i].copy()
        rows[i + 1][draw.integers(0, words)] = "changed"
    return [" ".join(row) for row in rows]


@settings(max_examples=60, deadline=None)
@given(st.lists(ROW, max_size=8), st.sampled_from([0.3, 0.5, 0.7, 1.0]), st.sampled_from(["c2", "c3", "c5"]))
def test_exact_self_join_is_brute_force(rows, threshold, kind):
    found = near_pairs(pa.array(rows, pa.string()), threshold=threshold, shingle=kind, exact=True)
    assert as_dict(found) == brute(rows, rows, kind, threshold, True)


WORDS = st.lists(st.text(alphabet="ab ,.", max_size=20), max_size=8)


@settings(max_examples=60, deadline=None)
@given(WORDS, WORDS, st.sampled_from([0.3, 0.6, 0.9]), KIND)
def test_exact_join_between_is_brute_force(rows, others, threshold, kind):
    texts, reference = pa.array(rows, pa.large_string()), pa.array(others, pa.string())
    found = near_pairs_between(texts, reference, threshold=threshold, shingle=kind, exact=True)
    assert as_dict(found) == brute(rows, others, kind, threshold, False)


@pytest.mark.parametrize("kind", ["c5", "w2"])
@pytest.mark.parametrize("threshold", [0.5, 0.7, 0.8])
def test_default_finds_nearly_all_and_nothing_else(kind, threshold):
    rows = pa.array(sentences(3000))
    truth = as_dict(near_pairs(rows, threshold=threshold, shingle=kind, exact=True))
    found = as_dict(near_pairs(rows, threshold=threshold, shingle=kind))
    assert len(truth) > 50
    assert found.items() <= truth.items()
    assert len(found) >= 0.995 * len(truth)


def test_two_runs_agree():
    rows = pa.array(sentences(2000))
    first, second = near_pairs(rows), near_pairs(rows)
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_order_of_rows_does_not_matter():
    rows = sentences(2000)
    order = np.random.default_rng(1).permutation(len(rows))
    plain = as_dict(near_pairs(pa.array(rows)))
    mixed = near_pairs(pa.array([rows[i] for i in order]))
    back = {tuple(sorted((order[i], order[j]))): s for (i, j), s in as_dict(mixed).items()}
    assert back == plain


def test_a_crowd_of_equal_rows_is_a_star():
    rows = pa.array(["the same words again and again"] * 200_000 + ["the same words again and against"])
    found = near_pairs(rows)
    assert len(found.left) == 200_000
    assert set(found.left.tolist()) == {0}
    assert len(set(found.right.tolist())) == 200_000


def test_a_crowd_of_near_rows_stays_small():
    prompt = "you are a careful assistant and you answer every question in one short sentence "
    rows = pa.array([f"{prompt}{i:x}" for i in range(4_000)])
    found = near_pairs(rows)
    assert len(found.left) < 200 * len(rows)
    assert len(set(found.left.tolist()) | set(found.right.tolist())) == len(rows)


def test_an_exact_join_with_too_many_pairs_says_so(monkeypatch):
    monkeypatch.setattr(prefix, "MOST_PAIRS", 1000)
    prompt = "you are a careful assistant and you answer every question in one short sentence "
    with pytest.raises(MachineError, match="too many to list"):
        near_pairs(pa.array([f"{prompt}{i:x}" for i in range(100)]), exact=True)


def test_a_row_longer_than_the_small_filters_is_verified_all_the_same():
    rows = pa.array(sentences(100, words=150))
    truth = as_dict(near_pairs(rows, threshold=0.8, exact=True))
    assert len(truth) == 20
    assert truth == brute(rows.to_pylist(), rows.to_pylist(), "c5", 0.8, True)
    assert as_dict(near_pairs(rows, threshold=0.8)) == truth


def test_small_equal_groups_are_listed_pair_by_pair():
    found = near_pairs(pa.array(["x"] * 64 + ["y"] * 65))
    assert len(found.left) == 64 * 63 // 2 + 64


def test_near_groups_of_equal_rows_meet_row_by_row():
    found = near_pairs(
        pa.array(["one two three four five six"] * 3 + ["one two three four five seven"] * 2), threshold=0.5
    )
    assert len(found.left) == 10


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Caf\u00e9 au lait", "CAFE\u0301  au\u00a0lait"),
        ("ＡＢＣ １２３", "abc 123"),
        ("STRASSE hier", "straße hier"),
        ("zero\u200bwidth joiner", "zerowidth joiner"),
        (" a\tb\r\nc ", "a b c"),
        ("ﬁne ﬂow", "fine flow"),
    ],
)
def test_unicode_folds_to_the_same_text(one, other):
    assert exact_groups(pa.array([one, other])).tolist() == [0, 0]


def test_empty_and_null_rows_are_nobodys_duplicates():
    rows = pa.array(["", None, " ", "", None, "\u200b"])
    assert exact_groups(rows).tolist() == [0, 1, 2, 3, 4, 5]
    assert len(near_pairs(rows).left) == 0


def test_chunks_slices_and_types_change_nothing():
    rows = [*sentences(50), None, "", "é" * 30, "é" * 31]
    plain = as_dict(near_pairs(pa.array(rows)))
    chunked = pa.chunked_array([pa.array(rows[:20]), pa.array([], pa.string()), pa.array(["x", *rows[20:]]).slice(1)])
    assert as_dict(near_pairs(chunked)) == plain
    assert as_dict(near_pairs(pa.array(rows, pa.large_string()))) == plain
    assert as_dict(near_pairs(pa.chunked_array([], pa.string()))) == {}


def test_scripts_without_blanks_have_words():
    rows = pa.array(["今天的天气非常好我们去公园散步吧", "今天的天气非常好我们去公园跑步吧"])
    assert len(near_pairs(rows, shingle="w2", threshold=0.6, exact=True).left) == 1


def test_between_lists_each_row_of_a_large_equal_group():
    found = near_pairs_between(pa.array(["a b c d e"] * 100), pa.array(["a b c d e"] * 70))
    assert set(found.left.tolist()) == set(range(100))
    assert set(found.right.tolist()) == set(range(70))
    near = near_pairs_between(pa.array(["a b c d e f g h"] * 100), pa.array(["a b c d e f g i"]), threshold=0.5)
    assert near.left.tolist() == list(range(100))


def test_one_huge_row_is_no_trouble():
    rows = pa.array(["ab cd " * 200_000, "ab cd " * 200_001, "x"])
    assert as_dict(near_pairs(rows)) == {(0, 1): 1.0}


@pytest.mark.parametrize(
    "options", [{"threshold": 0}, {"threshold": 1.2}, {"recall": 1.0}, {"shingle": "x5"}, {"shingle": "c12"}]
)
def test_what_cannot_be_meant_is_a_usage_error(options):
    with pytest.raises(UsageError):
        near_pairs(pa.array(["a"]), **options)


def test_rows_in_few_crowds_take_linear_work():
    """Counted, not timed: 100k rows that all resemble each other, all at once or 500 at a time."""
    prompt = "you are a careful assistant and you answer every question in one short sentence "
    n = 100_000
    for rows in (
        [f"{prompt}{'abcdefghij'[i % 10] * 8} {i:x}" for i in range(n)],
        [
            f"template {i // 500 * 7919:09d} of words about {i // 500 * 104729:x} to the end {i % 500:x}"
            for i in range(n)
        ],
    ):
        found = find_pairs(pa.array(rows))
        assert found.meetings < 2_000 * n
        assert 0 < found.crowd < 512
        assert len(found.pairs.left) <= most_pairs(n)


def test_equal_rows_in_many_groups_are_listed_within_bounds(monkeypatch):
    monkeypatch.setattr(pairs, "most_pairs", lambda rows: 2 * rows)
    found = find_pairs(pa.array([f"the words of row {i // 60 * 7919:x}" for i in range(6_000)]), threshold=0.95)
    assert found.star == 16
    assert len(found.pairs.left) == 5_900


@pytest.mark.soak
@pytest.mark.parametrize("groups", [1, 10])
def test_a_million_rows_in_few_groups(groups):
    prompt = "you are a careful assistant and you answer every question in one short sentence "
    n = 1_000_000
    found = find_pairs(pa.array([f"{prompt}{'abcdefghij'[i % groups] * 12}" for i in range(n)]))
    assert found.meetings < 100
    assert len(found.pairs.left) < n + 100


def test_keys_through_a_file_find_the_same_pairs(monkeypatch):
    rows = pa.array(sentences(3000))
    plain = as_dict(near_pairs(rows))
    monkeypatch.setattr(bands, "IN_MEMORY", 0)
    monkeypatch.setattr(bands, "CHUNK", 700)
    assert as_dict(near_pairs(rows)) == plain
