"""The JSON report: valid by its schema, the same values back, safe to print."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from jsonschema import Draft202012Validator

from tests.renderers import sample
from tests.renderers.reading import acting
from toolkit.core.report import Report
from toolkit.core.share import shipped
from toolkit.renderers.json_report import JsonReport


@pytest.fixture(scope="module")
def schema():
    return json.loads((shipped("schemas") / "report.schema.json").read_text())


@pytest.mark.parametrize("make", [sample.usual, sample.empty])
def test_a_report_is_valid_by_the_schema(schema, make):
    Draft202012Validator.check_schema(schema)
    Draft202012Validator(schema).validate(json.loads(JsonReport().render(make())))


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("verdict", "MAYBE"),
        ("records", -1),
        ("version", 2),
        ("heldout", {}),
        ("quarantine", [["a", "b"]]),
        ("surplus", 1),
    ],
)
def test_the_schema_refuses_what_is_no_report(schema, name, wrong):
    found = json.loads(JsonReport().render(sample.usual()))
    assert not Draft202012Validator(schema).is_valid({**found, name: wrong})


def test_the_schema_names_every_field_of_a_report(schema):
    assert set(schema["properties"]) == {each.name for each in fields(Report)}
    assert set(schema["required"]) == set(schema["properties"])


def test_hostile_values_come_back_as_they_were():
    report = sample.hostile()
    text = JsonReport().render(report)
    text.encode("utf-8")
    assert not acting(text)
    found = json.loads(text)
    assert found["name"] == report.name
    assert [each["excerpt"] for each in found["examples"]] == [each.excerpt for each in report.examples]
    assert found["missing"] == report.missing


def test_a_number_that_is_none_becomes_null():
    bad = replace(sample.usual().numbers[0], value=float("nan"), low=float("-inf"))
    (found,) = json.loads(JsonReport().render(replace(sample.usual(), numbers=[bad])))["numbers"]
    assert found["value"] is None
    assert found["low"] is None


def test_the_order_is_the_same_every_time():
    report = sample.usual()
    turned = replace(report, split=dict(reversed(report.split.items())))
    assert JsonReport().render(turned) == JsonReport().render(report)
    assert list(json.loads(JsonReport().render(report)))[:2] == ["version", "verdict"]
