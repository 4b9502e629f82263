"""Articles by sound, capitals where sentences begin."""

from __future__ import annotations

import pytest

from toolkit.providers.letters import article, cap, sentences

AN = """office chair|umbrella|unusual case|unimportant thing|urgent case|hour|honest man|8 kg box|18th|11th|80|SQL query
MRI|X-ray|HTML page|FAQ|MP3 player|A-level|iPad|upset|uninstall|ugly rug|M|Android|L-shaped sofa|LED lamp|heirloom"""
A = """unit|uniform|user|utility|usual|union|university|house|European|one-time code|once|1 kg|180 kg|118|USB stick|UFO
URL|ewe|urologist|unicorn|Ukrainian|Honda|UK plug|EU|uterus|unanimous|Sofa|Lamp|Nokia|xylophone|désert|¿que?"""


@pytest.mark.parametrize("word", AN.replace("\n", "|").split("|"))
def test_an_before_the_sound_of_a_vowel(word: str) -> None:
    assert article(word) == f"an {word}"


@pytest.mark.parametrize("word", A.replace("\n", "|").split("|"))
def test_a_before_the_sound_of_a_consonant(word: str) -> None:
    assert article(word) == f"a {word}"


def test_nothing_has_no_article_and_blanks_are_not_doubled() -> None:
    assert article("") == article(" ") == ""
    assert article("  apple") == "an apple"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("¿dónde?", "¿Dónde?"),
        ("'so' it goes", "'So' it goes"),
        ("42 is it", "42 is it"),
        ("", ""),
        ("'", "'"),
        (" , so", " , So"),
    ],
)
def test_a_capital_comes_first_after_an_opening_mark(text: str, said: str) -> None:
    assert cap(text) == said


def test_each_sentence_begins_with_a_capital_and_abbreviations_begin_none() -> None:
    said = sentences("hi there. how?! fine!\nand you. see e.g. this, by Ann B. of 3.5 kg.  then")
    assert said == "Hi there. How?! Fine!\nAnd you. See e.g. this, by Ann B. of 3.5 kg.  Then"
