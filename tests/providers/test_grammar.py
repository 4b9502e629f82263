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
        ("I am Anna K.. Thanks..", "I am Anna K. Thanks."),
        ("really?. yes!.", "really? yes!"),
        ("late.! or not.?! wait...!", "late! or not?! wait...!"),
        (", where is it, .", "where is it."),
        ("hey again, ", "hey again"),
        ("yes, , no ,", "yes, no,"),
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
        *(
            (["{a}"], {"a": [{"text": "x", "weight": weight}]}, {}, f"an entry of weight {weight!r}")
            for weight in (0, -1, float("nan"), float("inf"), 1e300, 1e-300, True, "3", None)
        ),
        (["{a}"], {"a": [True]}, {}, "has an entry"),
        (["{a}"], {"a": [{"text": "x", "case": "capp"}]}, {}, "did you mean 'cap'"),
        ([], {}, {}, "empty list of templates"),
        (["{a0}"], {f"a{nth}": [f"{{a{nth + 1}}}"] for nth in range(2000)}, {}, "more than 100 deep: refund > a0 > a1"),
        (
            ["{a0}"],
            {**{f"a{nth}": [f"{{a{nth + 1}}}{{a{nth + 1}}}", "x"] for nth in range(60)}, "a60": ["ha", "ho"]},
            {},
            "can become 131,072 characters",
        ),
        (["half \ud800"], {}, {}, "half of a surrogate pair"),
        (["{}"], {}, {}, "the slot {} is not"),
        (["{a:cap:lower}"], {"a": ["x"]}, {}, "is not `{name}`"),
        (["{a:other}"], {"a": ["x", "y"]}, {}, "has no {a} before it"),
        (["{a} {a:other} {a:other}"], {"a": ["x", "y"]}, {}, "3 different texts of a lexicon that has 2"),
        (
            ["{a} {a:other}"],
            {"a": ["x {b}", "y"], "b": ["z", "u"]},
            {},
            "refund: {a:other} is asked of a lexicon whose entries have",
        ),
        (["{a}"], {"a": {"range": [0, 10**5000]}}, {}, "at most 15 digits"),
        (["{a}"], {"a": {"range": [0, 9], "pad": -1}}, {}, "pad of 'a'"),
        (["{a}"], {"a": {"range": [0, 9], "one": "day"}}, {}, "both `one` and `many`"),
        (["{a}"], {"a": {"digits": 4}}, {}, "'#' for each digit"),
        (["{a}"], {"a": {"dates": ["2026-02-01", "2026-01-01"]}}, {}, "the earlier first"),
        (["{a}"], {"a": {"dates": ["2026-02-30", "2026-03-01"]}}, {}, "two days such as"),
        (["{a}"], {"a": {"dates": ["2026-02-01", "2026-03-01"], "form": "day"}}, {}, "'%-d %B %Y'"),
        (["{a}"], {"a": {"once": {"rnage": [1, 2]}}}, {}, "neither a list nor"),
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


def test_a_lexicon_drawn_once_says_the_same_in_template_and_wrap() -> None:
    lexicons = {
        "item": {"once": ["lamp", "tent", "oven"]},
        "product": {"once": ["{item}", "red {item}"]},
        "more": ["my {item}.", "{item:a}!"],
    }
    provider = grammar(["the {product} ({product}):"], lexicons, wrap=["{template} {more}"])
    texts = drawn(provider, provider.capacity(REFUND).visits)
    for text in texts:
        named = {word for word in ("lamp", "tent", "oven") if word in text}
        assert len(named) == 1
        assert text.count("red") in (0, 2)
    assert provider.capacity(REFUND)[:2] == (12, 12) == (len(set(texts)),) * 2
    assert set(texts) == set(provider.cell(REFUND).all())
    assert drawn(provider, 5, first=2) == drawn(provider, 5, first=2)


def test_what_only_some_texts_name_once_does_not_count_and_every_counted_text_comes() -> None:
    lexicons = {"item": {"once": ["lamp", "tent"]}, "more": ["", "my {item} is {state}"], "state": ["old", "new"]}
    provider = grammar(["so {more}{state}"], lexicons)
    assert provider.capacity(REFUND).masked == 6
    visited = drawn(provider, 6, first=provider.cell(REFUND).drawn)
    assert len(set(visited)) == 6
    assert set(visited) < set(provider.cell(REFUND).all())


@settings(max_examples=30, deadline=None)
@given(words=st.lists(st.text("abc", min_size=1, max_size=3), min_size=3, max_size=5, unique=True), once=st.booleans())
def test_other_is_another_text_and_is_counted_as_such(words: list[str], once: bool) -> None:
    provider = grammar(["{w} {w:other} {w:other:upper}"], {"w": {"once": words} if once else words})
    texts = drawn(provider, provider.capacity(REFUND).visits)
    assert all(len(set(text.lower().split())) == 3 for text in texts)
    assert len(set(texts)) == provider.capacity(REFUND).texts == len(words) * (len(words) - 1) * (len(words) - 2)
    assert set(texts) == set(provider.cell(REFUND).all())


def test_other_of_numbers_and_of_a_word_that_outweighs_all() -> None:
    heavy = [{"text": "a", "weight": 1e9}, {"text": "b", "weight": 1e-9}]
    provider = grammar(["{w}{w:other} {n}-{n:other} {x}{x}{x}"], {"w": heavy, "n": {"range": [1, 2]}, "x": list("xyz")})
    assert {text.split()[0] for text in drawn(provider, 9)} == {"ab"}
    assert {text.split()[1] for text in drawn(provider, 40)} == {"1-2", "2-1"}


def test_what_is_counted_agrees_with_its_number() -> None:
    provider = grammar(["{n}"], {"n": {"range": [0, 3], "one": "day", "many": "days"}})
    assert set(provider.cell(REFUND).all()) == {"0 days", "1 day", "2 days", "3 days"}
    assert provider.capacity(REFUND)[:2] == (4, 2)


def test_dates_are_days_that_exist_and_numbers_have_their_zeros() -> None:
    lexicons = {"d": {"dates": ["2026-02-27", "2026-03-01"], "form": "%-d %B"}, "m": {"range": [7, 7], "pad": 2}}
    assert list(grammar(["{d}, 9:{m}"], lexicons).cell(REFUND).all()) == [
        "27 February, 9:07",
        "28 February, 9:07",
        "1 March, 9:07",
    ]


def test_an_entry_has_its_case_as_a_whole() -> None:
    entry = {"text": "{x} is here. it is {x:a}", "case": "sentences"}
    assert drawn(grammar([entry], {"x": ["apple"]}), 1) == ["Apple is here. It is an apple"]


def test_digits_beyond_what_a_float_holds_are_all_drawn() -> None:
    provider = grammar(["{d}"], {"d": {"digits": "#" * 5000}})
    text = drawn(provider, 1)[0]
    assert len(text) == 5000
    assert len(set(text[-20:])) > 3
    assert f"{provider.capacity(REFUND).texts:,}"
