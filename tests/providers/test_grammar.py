"""Capacity against enumeration, exhaustion, weights, and what a grammar must refuse."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.core.errors import UsageError
from toolkit.core.request import Cell, Request, Seed
from toolkit.core.text import mask_numbers
from toolkit.providers.expansion import stride
from toolkit.providers.grammar import GrammarProvider
from toolkit.providers.seams import tidy
from toolkit.providers.typos import mark

REFUND = Cell("refund")


def grammar(templates: list[Any], lexicons: dict[str, Any] | None = None, **told: Any) -> GrammarProvider:
    return GrammarProvider({"refund": templates}, lexicons or {}, **told)


def drawn(provider: GrammarProvider, count: int, first: int = 0, cell: Cell = REFUND) -> list[str]:
    return [each.text for each in provider.texts(cell, first, count)]


WORDS = st.lists(st.text("abc", min_size=1, max_size=3), min_size=1, max_size=4)


@settings(max_examples=80, deadline=None)
@given(first=WORDS, second=WORDS, digits=st.integers(0, 2), inner=st.booleans())
def test_capacity_is_what_enumeration_finds(first: list[str], second: list[str], digits: int, inner: bool) -> None:
    lexicons = {
        "first": [f"{{second}}-{word}" if inner and nth == 0 else word for nth, word in enumerate(first)],
        "second": second,
        "number": {"digits": "#" * digits + "!"},
    }
    provider = grammar(["<{first}|{second}|{number}>", "[{second}]", "[{second}]"], lexicons)
    found = list(provider.cell(REFUND).all())
    capacity = provider.capacity(REFUND)
    assert capacity.texts == len(found)
    assert len(set(found)) == len(found)
    assert capacity.masked == len({mask_numbers(text) for text in found})


@settings(max_examples=40, deadline=None)
@given(first=WORDS, second=WORDS)
def test_after_its_visits_a_grammar_has_given_every_text(first: list[str], second: list[str]) -> None:
    lexicons = {"first": first, "second": second, "number": {"range": [1, 99]}}
    provider = grammar(["<{first}|{second}>", "{number} [{second}]"], lexicons)
    every = {mask_numbers(text) for text in provider.cell(REFUND).all()}
    given_out = {mask_numbers(text) for text in drawn(provider, provider.capacity(REFUND).visits)}
    assert given_out == every


@given(st.integers(1, 10**30))
def test_a_stride_has_no_factor_in_common_with_its_size(size: int) -> None:
    import math

    assert math.gcd(stride(size), size) == 1


def test_entries_that_differ_in_numbers_alone_are_one_once_masked() -> None:
    provider = grammar(["{version} is out", "{version} is out 2"], {"version": ["v1", "v2.5", "beta 3"]})
    assert provider.capacity(REFUND)[:2] == (6, 4)


def test_equal_entries_count_once_and_weigh_as_much_as_all() -> None:
    provider = grammar(["{word} {filler}"], {"word": ["a", "b", "a", "a"], "filler": [f"x{c}" for c in "abcdefgh" * 9]})
    assert provider.capacity(REFUND).texts == 2 * 8


def test_weights_are_kept_where_capacity_is_large() -> None:
    lexicons = {"word": [{"text": "often", "weight": 9}, "seldom"], **{f"l{n}": list("abcdefgh") for n in range(5)}}
    provider = grammar(["{word} {l0}{l1}{l2}{l3}{l4}"], lexicons)
    counts = Counter(text.split()[0] for text in drawn(provider, 4000))
    assert 0.87 < counts["often"] / 4000 < 0.93


@pytest.mark.parametrize("weights", [(3, 1), (0.75, 0.25), (30_000, 10_000)])
def test_weights_are_kept_whole_or_broken_small_or_large(weights: tuple[float, float]) -> None:
    entries = [{"text": "often", "weight": weights[0]}, {"text": "seldom", "weight": weights[1]}]
    provider = grammar(["{word} {a}{a}{a}{a}"], {"word": entries, "a": list("abcdefghijkl")})
    counts = Counter(text.split()[0] for text in drawn(provider, 3000))
    assert 0.72 < counts["often"] / 3000 < 0.78


def test_the_same_request_gives_the_same_texts_and_another_seed_others() -> None:
    lexicons = {"a": list("abcdefghij"), "n": {"digits": "####"}}
    one, two, other = (grammar(["{a}{a}{a} {n}"], lexicons, seed=seed) for seed in (1, 1, 2))
    assert drawn(one, 50) == drawn(two, 50)
    assert drawn(one, 50) != drawn(other, 50)
    assert one.model == two.model
    assert one.model != other.model


@pytest.mark.parametrize("change", [{"typos": 0.1}, {"wrap": ["{template}!"]}, {"lexicons": {"a": ["x", "z"]}}])
def test_the_model_string_changes_with_whatever_changes_the_texts(change: dict[str, Any]) -> None:
    told: dict[str, Any] = {"templates": {"refund": ["{a}"]}, "lexicons": {"a": ["x", "y"]}}
    assert GrammarProvider(**told).model != GrammarProvider(**{**told, **change}).model


def test_lexicons_by_attribute_and_by_label() -> None:
    lexicons = {
        "hello": {"by": "tone", "values": {"curt": ["Hey"], "polite": ["Dear all"]}},
        "more": {"by": "label", "values": {"refund": ["money"], "track": ["parcel"]}},
    }
    templates = {"refund": ["{hello} {more}"], "track": ["{hello} {more}"]}
    provider = GrammarProvider(templates, lexicons)
    assert drawn(provider, 1, cell=Cell("refund", (("tone", "curt"),))) == ["Hey money"]
    assert drawn(provider, 1, cell=Cell("track", (("tone", "polite"),))) == ["Dear all parcel"]
    assert provider.reads("refund") == {"tone"}


def test_letters_braces_wraps_and_empty_slots() -> None:
    lexicons = {"thing": ["Desk lamp"], "none": [""]}
    provider = grammar(["the {thing:lower} {none} , {{ok}}"], lexicons, wrap=["{template:cap} ."])
    assert drawn(provider, 1) == ["The desk lamp, {ok}."]


def test_tidy_keeps_lines() -> None:
    assert tidy(" Hi ,\n\n  there   you .\n") == "Hi,\n\nthere you."


PIECES = st.lists(st.text(" .,!?\na", max_size=3), min_size=1, max_size=3)


@settings(max_examples=150, deadline=None)
@given(first=PIECES, second=PIECES, between=st.text(" .,!?\nb", max_size=3))
def test_what_the_seams_of_a_grammar_rule_out_no_text_of_it_has(
    first: list[str], second: list[str], between: str
) -> None:
    lexicons = {"first": first, "second": [*second, "{first:cap}"], "n": {"digits": ".#"}}
    provider = grammar([f"{{first}}{between}{{second}}{{n}}", "{second} {first}"], lexicons)
    for text in provider.cell(REFUND).choice.all():
        assert provider.cell(REFUND).tidy(text) == tidy(text)


@pytest.mark.parametrize(
    ("loose", "tight"),
    [
        ("wait... what?! ../up 3..5", "wait... what?! ../up 3..5"),
        ("so , the .env has a != b ('no !') .", "so, the .env has a != b ('no!')."),
    ],
)
def test_marks_that_slots_leave_are_mended_and_others_stay(loose: str, tight: str) -> None:
    assert tidy(loose) == tight


@given(st.text("019.,a é", max_size=12))
def test_the_mark_of_a_text_is_that_of_its_masked_numbers(text: str) -> None:
    assert mark(text, 5) == crc32(mask_numbers(text).encode(), 5)


def test_typos_come_at_their_rate_and_a_repeat_stays_a_repeat() -> None:
    lexicons = {name: [f"{name}word{letter}" for letter in "abcdefghijkl"] for name in ("one", "two", "three")}
    clean, slipped = (
        grammar(["{one} {two} {three} {n}"], {**lexicons, "n": {"digits": "##"}}, typos=rate) for rate in (0.0, 0.3)
    )
    pairs = list(zip(drawn(clean, 3000), drawn(slipped, 3000), strict=True))
    assert 0.25 < sum(one != other for one, other in pairs) / 3000 < 0.35
    by_text: dict[str, set[str]] = {}
    for one, other in pairs:
        by_text.setdefault(mask_numbers(one), set()).add(mask_numbers(other))
    assert all(len(each) == 1 for each in by_text.values())


def test_a_reply_is_a_json_list_with_the_template_of_each_text() -> None:
    provider = grammar(["a {n}", "b {n}"], {"n": {"range": [1, 9]}})
    reply = asyncio.run(provider.complete(Request(Seed(REFUND, 0, 20))))
    texts = json.loads(reply.text)
    assert len(texts) == len(reply.origins) == 20
    assert all(
        {"a": "refund/1", "b": "refund/2"}[text[0]] == origin for text, origin in zip(texts, reply.origins, strict=True)
    )


@pytest.mark.parametrize(
    ("templates", "lexicons", "told", "words"),
    [
        (["{prodct}"], {"product": ["x"]}, {}, "did you mean 'product'"),
        (["{a}"], {"a": ["{b}"], "b": ["{a}"]}, {}, "leads back to itself: refund > a > b > a"),
        (["{a"], {"a": ["x"]}, {}, "lone '{'"),
        (["{a:loud}"], {"a": ["x"]}, {}, "letter case"),
        (["{a}"], {"a": []}, {}, "no entry"),
        (["{a}"], {"a": "word"}, {}, "neither a list nor"),
        (["{a}"], {"a": [{"text": "x", "wieght": 2}]}, {}, "has an entry"),
        (["{a}"], {"a": [{"text": "x", "weight": 0}]}, {}, "has an entry"),
        (["{a}"], {"a": [True]}, {}, "has an entry"),
        (["{a}"], {"a": {"range": [9, 1]}}, {}, "the lower first"),
        (["{a}"], {"a": {"by": "tone", "values": {"curt": ["x"]}}}, {}, "attribute of the lexicon 'a'"),
        (["x"], {"a": ["{template}"]}, {"wrap": ["{a} {template}"]}, "slot in wrap > a"),
        (["x"], {}, {"wrap": ["hello"]}, "lacks {template}"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_name(
    templates: list[Any], lexicons: dict[str, Any], told: dict[str, Any], words: str
) -> None:
    provider = grammar(templates, lexicons, **told)
    with pytest.raises(UsageError) as caught:
        provider.reads("refund")
        provider.capacity(REFUND)
    assert words in f"{caught.value.what} {caught.value.fix}"


def test_a_label_without_templates_is_named() -> None:
    with pytest.raises(UsageError, match="'track'"):
        grammar(["x"]).capacity(Cell("track"))
