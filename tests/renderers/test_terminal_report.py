"""The report on a terminal: one hundred columns, no control characters, the main things first."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.renderers import sample
from tests.renderers.reading import acting, golden
from toolkit.renderers.terminal_report import COLUMNS, TerminalReport
from toolkit.renderers.words import width


@pytest.mark.parametrize("name", ["usual", "empty"])
def test_the_text_is_as_it_was(name):
    golden(f"{name}.txt", TerminalReport().render(getattr(sample, name)()))


@pytest.mark.parametrize("make", [sample.usual, sample.empty, sample.hostile, sample.million])
def test_lines_fit_and_nothing_is_sent_to_the_terminal(make):
    text = TerminalReport().render(make())
    assert not acting(text)
    before = text.split("\nnext:\n")[0]
    assert max(width(line) for line in before.splitlines()) <= COLUMNS
    assert all(line == line.rstrip() for line in text.splitlines())


def test_the_verdict_comes_first_and_the_commands_last():
    lines = TerminalReport().render(sample.usual()).splitlines()
    assert lines[0] == "READY WITH RISKS: support-tickets"
    assert lines[-2:] == [f"  {command}" for command in sample.usual().next[1:]]


def test_a_blocker_stands_above_a_warning():
    usual = sample.usual()
    stop = replace(usual.reasons[0], level="blocker", title="stop")
    text = TerminalReport().render(replace(usual, reasons=[*usual.reasons, stop]))
    assert text.index("BLOCKER    stop") < text.index("\nwarning ")


def test_sums_that_do_not_add_up_are_said():
    assert "DO NOT ADD UP" in TerminalReport().render(replace(sample.usual(), kept=1))


def test_a_check_that_looked_twice_says_at_what():
    usual = sample.usual()
    found = [replace(line, status="ran", flagged=1) for line in usual.checks]
    text = TerminalReport().render(replace(usual, checks=found))
    assert "L01 leak (input)" in text
    assert "L01 leak (split)" in text
    assert "S02 row-format (" not in text


def test_notes_take_a_line_and_checks_without_a_finding_are_counted():
    usual = sample.usual()
    notes = [replace(usual.reasons[0], level="info", title=f"note {at}", remedy="read") for at in range(3)]
    clean = replace(usual.checks[0], check="calm", status="ran", flagged=0, level="ok", level_input="ok", tested="")
    text = TerminalReport().render(replace(usual, reasons=notes, checks=[*usual.checks, clean]))
    at = [line for line in text.splitlines() if line.startswith("note ")]
    assert len(at) == 3 and at[0].split() == ["note", "note", "0", f"({notes[0].code})"]
    assert "calm" not in text and "more found nothing" in text
