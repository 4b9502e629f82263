"""The charts: lengths are in proportion, and the point of a set lies on the curve."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from tests.renderers import sample
from toolkit.core.report import ClassLine, Lengths
from toolkit.renderers import charts, page
from toolkit.stats.power import detectable_gain, rows_needed


def parsed(chart) -> ElementTree.Element:
    return ElementTree.fromstring(str(chart))  # noqa: S314 - our own text


def widths(chart, kind: str) -> list[float]:
    return [float(each.get("width")[:-1]) for each in parsed(chart).iter("rect") if each.get("class") == kind]


def test_bars_of_classes_are_in_proportion():
    chart = charts.class_bars([ClassLine("one", 100, 80, 20), ClassLine("two", 50, 40, 5)])
    assert widths(chart, "a") == pytest.approx([0.8 * charts.BARS, 0.4 * charts.BARS], abs=0.01)
    assert widths(chart, "b") == pytest.approx([0.2 * charts.BARS, 0.05 * charts.BARS], abs=0.01)
    assert widths(chart, "c") == pytest.approx([0, 0.05 * charts.BARS], abs=0.01), "the dev rows"


def test_the_flow_fills_the_width_and_shows_the_smallest():
    report = sample.usual()
    chart = charts.flow_bar(report.kept, report.quarantined, page.flow(report))
    sizes = [float(each.get("width")[:-1]) for each in parsed(chart).iter("rect")]
    assert sum(sizes) == pytest.approx(100, abs=0.1)
    assert min(sizes) > 0.1
    assert len(sizes) == 1 + page.SEGMENTS + 1
    told = "".join(parsed(chart).itertext())
    assert "other reasons: 2 of 812" in told


def test_reasons_that_overlap_are_not_stacked():
    report = replace(sample.usual(), quarantine=[["a", "x", 50], ["b", "y", 50]])
    assert not page.flow(report).disjoint
    chart = charts.flow_bar(report.kept, report.quarantined, page.flow(report))
    assert len(list(parsed(chart).iter("rect"))) == 2


@pytest.mark.parametrize("rows", [60, 82, 500, 10_000, 250_000])
def test_the_set_lies_on_the_curve(rows):
    held = replace(sample.usual().heldout, rows=rows, smallest_gain=100 * detectable_gain(rows))
    chart = parsed(charts.gain_curve(held))
    (dot,) = chart.iter("circle")
    (path,) = chart.iter("path")
    at = [tuple(map(float, place.split())) for place in re.split("[ML] ?", path.get("d")) if place.strip()]
    x, y = float(dot.get("cx")[:-1]), float(dot.get("cy"))
    near = min(at, key=lambda place: abs(place[0] - x))
    assert abs(near[0] - x) < 1.5
    assert abs(near[1] - y) < 7
    assert [place[1] for place in at] == sorted(place[1] for place in at), "more rows never show less"


@pytest.mark.parametrize(("rows", "discordance"), [(0, 0.15), (1, 0.15), (30, 0.02), (3_000_000, 0.9), (100, 1.0)])
def test_the_curve_survives_odd_sets(rows, discordance):
    held = replace(sample.usual().heldout, rows=rows, discordance=discordance, smallest_gain=None)
    chart = parsed(charts.gain_curve(held))
    assert not list(chart.iter("circle"))
    assert "nan" not in charts.gain_curve(held)
    assert "can show no gain" in "".join(chart.itertext())


def test_rows_for_gains_are_those_of_the_power_calculation():
    assert page.rows_for_gains(sample.usual().heldout)[1] == (5, rows_needed(0.05))
    assert [gain for gain, _ in page.rows_for_gains(replace(sample.usual().heldout, discordance=0.04))] == [3, 2, 1]


def test_lengths_with_few_percentiles_and_zeros_are_drawn():
    found = [Lengths("x", ((50, 0.0),)), Lengths("y", ((25, 1.0), (75, 9e6)))]
    chart = parsed(charts.length_strips(found))
    assert len([each for each in chart.iter("line") if each.get("class") == "median"]) == 1
    assert len([each for each in chart.iter("rect") if each.get("class") == "box"]) == 1


@pytest.mark.parametrize("make", [sample.usual, sample.hostile, sample.million])
def test_every_chart_is_xml_with_a_title(make):
    report = make()
    drawn = [
        charts.class_bars(page.classes(report)[:30], more=3),
        charts.flow_bar(report.kept, report.quarantined, page.flow(report)),
        charts.duplicate_bars(page.duplicates(report)[:20]),
        charts.length_strips(page.lengths(report)),
        charts.gain_curve(report.heldout),
    ]
    for chart in map(parsed, drawn):
        assert chart.find("title").text
        assert chart.find("desc").text
        assert {each.tag for each in chart.iter()} <= {
            "svg",
            "g",
            "rect",
            "line",
            "path",
            "circle",
            "text",
            "title",
            "desc",
        }
