"""The Markdown report, read by a Markdown parser that the renderer does not know."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.renderers import sample
from tests.renderers.reading import Page, acting, golden
from toolkit.core.types import Level
from toolkit.decide import Decision, Outcome
from toolkit.renderers.markdown import Markdown, code, escaped, outcomes, sentence

READER = MarkdownIt("commonmark").enable("table").enable("strikethrough")


def page(text: str) -> Page:
    return Page(READER.render(text))


@pytest.mark.parametrize("name", ["usual", "empty"])
def test_the_text_is_as_it_was(name):
    golden(f"{name}.md", Markdown().render(getattr(sample, name)()))


def test_hostile_text_makes_no_element_of_its_own():
    kinds = {"h1", "h2", "p", "strong", "ol", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "code"}
    found = page(Markdown().render(sample.hostile()))
    assert {tag for tag, _ in found.elements} <= kinds
    assert len(found.all("h1")) == 1
    assert sample.SCRIPT in found.text
    assert not acting(Markdown().render(sample.hostile()))


@pytest.mark.parametrize("make", [sample.usual, sample.hostile, sample.million])
def test_every_row_of_a_table_has_its_cells(make):
    html = READER.render(Markdown().render(make()))
    for table in re.findall("<table>.*?</table>", html, re.DOTALL):
        cells = {len(re.findall("<t[hd]", row)) for row in re.findall("<tr>.*?</tr>", table, re.DOTALL)}
        assert len(cells) == 1
    assert html.count("<table>") >= 4


def test_headings_are_those_of_the_report():
    titles = [line for line in Markdown().render(sample.hostile()).splitlines() if line.startswith("#")]
    usual = [line for line in Markdown().render(sample.usual()).splitlines() if line.startswith("#")]
    assert len(titles) == len(usual)


@given(st.text(alphabet=st.sampled_from("a1_*`~[]()<>!|\\#+-=.:&@\n \t\"'/w$"), max_size=40))
def test_any_text_reads_as_it_was_written(text):
    html = READER.render(f"{escaped(text)}\n")
    found = Page(html)
    assert {tag for tag, _ in found.elements} <= {"p"}
    read = found.text.replace("\u200b", "")
    assert read == " ".join(text.strip().replace("\n", " ⏎ ").split())


@given(st.text(alphabet="a`| \\<", min_size=1, max_size=20).filter(str.strip))
def test_any_text_reads_as_code(text):
    found = page(f"x {code(text)} y")
    assert [tag for tag, _ in found.elements] == ["p", "code"]
    assert " ".join(text.split()) in found.text


def test_addresses_and_names_are_not_linked():
    text = escaped("see https://evil.test or www.evil.test, @team, a@b.test, #12")
    assert "://" not in text
    assert "www." not in text
    assert not re.search(r"@\w|(?<!&)#\w", text)


def test_commands_in_a_sentence_are_code():
    assert (
        sentence("run toolkit split RUN --heldout 0.2, then read *it*")
        == r"run `toolkit split RUN --heldout 0.2`, then read \*it\*"
    )


def test_a_decision_is_a_table():
    plain = Outcome("parse", "S01", "input", "ran", "", 9, 9, 7, 0.1, 2, 0, 2, Level.OK, Level.BLOCKER, (), "")
    skipped = replace(plain, check="leak", code="L01", status="skipped", reason="no | file")
    text = outcomes(Decision(9, 7, np.array([3, 8]), (plain, skipped)))
    assert "9 records = 7 kept + 2 quarantined" in text
    found = READER.render(text)
    assert "<td>S01 parse</td>" in found
    assert "<td>no | file</td>" in found
    assert found.count("<tr>") == 3


def test_equal_reports_are_equal_texts():
    assert Markdown().render(sample.usual()) == Markdown().render(sample.usual())
