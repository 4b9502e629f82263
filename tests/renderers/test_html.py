"""The HTML report: inert whatever the rows hold, complete, small, and the same every time."""

from __future__ import annotations

import re
import time
from dataclasses import replace

import pytest

from tests.renderers import sample
from tests.renderers.reading import Page, acting
from toolkit.renderers.html import Html

SAMPLES = {"usual": sample.usual, "empty": sample.empty, "hostile": sample.hostile, "million": sample.million}
ALLOWED = {
    "html", "head", "meta", "link", "title", "style", "body", "main", "header", "footer", "nav", "section", "div", "p",
    "h1", "h2", "h3", "ol", "ul", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td", "figure",
    "figcaption", "details", "summary", "pre", "code", "b", "i", "small", "span", "bdi", "br", "a",
    "svg", "g", "rect", "line", "path", "circle", "text", "desc",
}  # fmt: skip


@pytest.fixture(scope="module")
def pages():
    return {name: Html().render(make()) for name, make in SAMPLES.items()}


@pytest.mark.parametrize("name", SAMPLES)
def test_nothing_in_the_page_can_act(pages, name):
    page = Page(pages[name])
    assert {tag for tag, _ in page.elements} <= ALLOWED
    names = {attribute for _, attributes in page.elements for attribute in attributes}
    assert not {each for each in names if each.startswith("on") or each in ("style", "src", "srcset", "action")}
    links = [attributes["href"] for _, attributes in page.elements if "href" in attributes]
    assert all(link == "data:," or re.fullmatch(r"#[a-z-]+", link) for link in links)


@pytest.mark.parametrize("name", SAMPLES)
def test_the_page_is_well_formed(pages, name):
    page = Page(pages[name])
    assert not page.crossed
    assert not page.open
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {link["href"][1:] for link in page.all("a")} <= set(ids)
    pages[name].encode("utf-8")


@pytest.mark.parametrize("name", SAMPLES)
def test_acting_characters_are_shown_not_sent(pages, name):
    assert acting(pages[name]) == set()


def test_styles_hold_no_text_of_the_rows(pages):
    styles = {re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1] for page in pages.values()}
    assert len(styles) == 1
    assert "url(" not in styles.pop()


def test_the_policy_of_the_page_forbids_loading_and_script(pages):
    (policy,) = [
        each for each in Page(pages["hostile"]).all("meta") if each.get("http-equiv") == "Content-Security-Policy"
    ]
    rules = dict(rule.strip().split(" ", 1) for rule in policy["content"].split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["style-src"] == "'unsafe-inline'"
    assert rules["img-src"] == "data:"
    assert "script-src" not in rules


def test_hostile_text_is_read_as_it_was_written(pages):
    text = Page(pages["hostile"]).text
    for written in (
        sample.SCRIPT,
        "{{ 7 * 7 }}",
        "&lt;script&gt;alert(1)&lt;/script&gt;",
        "safe⟨U+202E⟩gnp.exe",
        "nul⟨U+0000⟩",
    ):
        assert written in text
    assert "[10,000 characters]" in text
    assert "N" * 1_100 not in text


def test_right_to_left_text_is_isolated(pages):
    page = pages["hostile"]
    assert re.search(r"<bdi>[^<]*עברית", page)
    assert not re.search(r"<(?!bdi|pre|title|text|desc|code)\w+[^>]*>[^<]*עברית", page)


def test_charts_and_tables_can_be_heard(pages):
    page = Page(pages["usual"])
    assert page.all("html")[0]["lang"] == "en"
    charts = [each for each in page.all("svg") if each.get("role") == "img"]
    ids = {attributes.get("id") for _, attributes in page.elements}
    assert len(charts) == 8
    assert all(set(chart["aria-labelledby"].split()) <= ids for chart in charts)
    assert all(each.get("scope") in ("col", "row") for each in page.all("th"))
    regions = [each for each in page.all("div") if each.get("role") == "region"]
    assert all(each["tabindex"] == "0" and each["aria-label"] for each in regions)


def test_the_numbers_of_the_usual_report_are_there(pages):
    text = Page(pages["usual"]).text
    assert "812 records = 738 kept + 74 quarantined" in text
    assert "A gain under 11.8 points cannot be told from chance" in text.replace("\u00a0", " ")
    assert "0 of 18 (at least 30 held-out rows)" in text
    assert "469 for 5 points" in text.replace("\u00a0", " ")
    for line in sample.usual().checks:
        assert line.check in text
    assert "3f5a" * 16 in text
    assert "a1b2" * 16 in text


def test_heavier_reasons_come_first(pages):
    text = Page(pages["usual"]).text
    assert text.index("19 labels look wrong") < text.index("738 rows: enough to try")
    assert "3 warnings, 1 note" in text


def test_what_was_not_looked_at_is_said(pages):
    text = Page(pages["usual"]).text
    assert "Not looked at is not clean" in text
    assert "no file to compare with" in text
    assert "personal data (P02)" in text
    assert "Not looked at is not clean" in Page(pages["empty"]).text


def test_an_empty_report_invents_nothing(pages):
    text = Page(pages["empty"]).text
    assert "There is no held-out set" in text
    assert "not recorded" in text
    assert "points" not in text
    assert "No row repeats another" not in text, "nobody looked"


def test_duplicates_that_were_looked_for_and_not_found_are_none():
    lines = [replace(line, flagged=0, kinds={}) for line in sample.CHECKS]
    assert "No row repeats another" in Page(Html().render(replace(sample.usual(), checks=lines))).text


def test_sums_that_do_not_add_up_are_called_a_fault(pages):
    assert "do not add up" not in Page(pages["usual"]).text
    assert "do not add up" in Page(Html().render(replace(sample.usual(), kept=700))).text


def test_a_held_out_set_too_small_for_any_gain_says_so():
    few = replace(sample.usual().heldout, rows=20, smallest_gain=None)
    text = Page(Html().render(replace(sample.usual(), heldout=few))).text.replace("\u00a0", " ")
    assert "20 rows can show no gain at all" in text


@pytest.mark.parametrize(
    ("verdict", "mood"),
    [("READY", "ready"), ("READY WITH RISKS", "risks"), ("CANNOT TELL", "unknown"), ("NOT READY", "not")],
)
def test_every_verdict_has_its_sign(verdict, mood):
    page = Html().render(replace(sample.usual(), verdict=verdict))
    assert f'<body class="{mood}">' in page
    assert verdict in Page(page).text


def test_a_million_rows_stay_small_and_say_what_is_left_out(pages):
    assert len(pages["million"].encode()) < 2_000_000
    text = Page(pages["million"]).text
    assert "… and 9,970 more classes" in text
    assert "1,010,000 records = 1,000,000 kept + 10,000 quarantined" in text
    assert "… and 440 more reasons" in text


def test_rendering_a_million_rows_is_quick():
    report = sample.million()
    start = time.process_time()
    Html().render(report)
    assert time.process_time() - start < 2.0


def test_equal_reports_are_equal_pages(pages):
    report = sample.usual()
    turned = replace(
        report, split=dict(reversed(report.split.items())), checks=[_turned(line) for line in report.checks]
    )
    assert turned == report
    assert Html().render(turned) == pages["usual"]


def _turned(line):
    return replace(line, kinds=dict(reversed(line.kinds.items())))
