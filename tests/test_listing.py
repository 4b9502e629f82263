"""Findings for machines: SARIF by its published structure, JUnit that parses, and what is new since an older run."""

from __future__ import annotations

import csv
import json
import random
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tests.renderers.sample import HOSTILE
from toolkit.cli import main
from toolkit.core.listing import Checked, Line, Listing, key_of
from toolkit.core.types import Level
from toolkit.renderers.findings_csv import FindingTable
from toolkit.renderers.junit import JUnit
from toolkit.renderers.sarif import Sarif

# What SARIF 2.1.0 (OASIS, 2020) asks of the properties that are written: names, types, required ones, enumerations.
TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
PLACE = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "id": {"type": "integer", "minimum": -1},
        "physicalLocation": {
            "type": "object",
            "additionalProperties": False,
            "required": ["artifactLocation"],
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "uri": {"type": "string", "pattern": r"^[A-Za-z0-9%._~/-]*$"},
                        "index": {"type": "integer", "minimum": 0},
                    },
                },
                "region": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {"startLine": {"type": "integer", "minimum": 1}},
                },
            },
        },
        "logicalLocations": {
            "type": "array",
            "items": {
                "type": "object",
                "additionalProperties": False,
                "properties": {"name": {"type": "string"}, "kind": {"type": "string"}},
            },
        },
    },
}
RULE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["id"],
    "properties": {
        "id": {"type": "string"},
        "name": {"type": "string"},
        "shortDescription": TEXT,
        "fullDescription": TEXT,
        "help": TEXT,
        "defaultConfiguration": {"type": "object", "properties": {"level": LEVEL}, "additionalProperties": False},
        "properties": {"type": "object"},
    },
}
RESULT = {
    "type": "object",
    "additionalProperties": False,
    "required": ["message"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": 0},
        "level": LEVEL,
        "message": TEXT,
        "locations": {"type": "array", "minItems": 1, "items": PLACE},
        "relatedLocations": {"type": "array", "uniqueItems": True, "items": PLACE},
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
        "properties": {"type": "object"},
    },
}
RUN = {
    "type": "object",
    "additionalProperties": False,
    "required": ["tool"],
    "properties": {
        "tool": {
            "type": "object",
            "additionalProperties": False,
            "required": ["driver"],
            "properties": {
                "driver": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["name"],
                    "properties": {
                        "name": {"type": "string"},
                        "semanticVersion": {"type": "string"},
                        "rules": {"type": "array", "uniqueItems": True, "items": RULE},
                    },
                }
            },
        },
        "automationDetails": {
            "type": "object",
            "properties": {"id": {"type": "string"}},
            "additionalProperties": False,
        },
        "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
        "artifacts": {"type": "array", "uniqueItems": True, "items": {"type": "object"}},
        "invocations": {
            "type": "array",
            "items": {"type": "object", "required": ["executionSuccessful"]},
        },
        "results": {"type": "array", "items": RESULT},
        "properties": {"type": "object"},
    },
}
SARIF = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "items": RUN},
    },
}


def _sarif(text: str) -> Any:
    found = json.loads(text)
    Draft202012Validator.check_schema(SARIF)
    Draft202012Validator(SARIF).validate(found)
    (run,) = found["runs"]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(rules)
    assert all(rules[each["ruleIndex"]] == each["ruleId"] for each in run["results"])
    keys = [each["partialFingerprints"]["toolkitFinding/v1"] for each in run["results"]]
    assert len(set(keys)) == len(keys)
    return run


def _chat(question: str, answer: str) -> str:
    return json.dumps({"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]})


GOOD = [_chat(f"what is the meaning of {w * 3}?", f"{w} means {w[::-1]}") for w in ["alpha", "beta", "gamma", "delta"]]
BAD = [_chat("and of this?", ""), _chat("or of that?", "TODO"), '{"messages": [],}', GOOD[0]]
QUIET = ["--no-embeddings", "--check", "empty-answer", "--check", "exact-duplicate", "--check", "row-format"]


def _verify(rows: list[str], *more: str, name: str = "data/rows.jsonl") -> int:
    Path(name).parent.mkdir(exist_ok=True)
    Path(name).write_text("".join(row + "\n" for row in rows), encoding="utf-8")
    return main(["verify", name, *QUIET, *more])


def test_sarif_holds_rules_places_levels_and_prints(capsys: Any) -> None:
    assert _verify(GOOD + BAD, "--write", "sarif:out/rows.sarif") == 1
    run = _sarif(Path("out/rows.sarif").read_text())
    by_rule = {each["ruleId"]: each for each in run["results"]}
    parsed = by_rule["parse"]
    place = parsed["locations"][0]["physicalLocation"]
    assert (place["artifactLocation"]["uri"], place["region"]) == ("data/rows.jsonl", {"startLine": 7})
    assert (parsed["level"], by_rule["exact-duplicate"]["level"]) == ("error", "error")
    copy = by_rule["exact-duplicate"]["relatedLocations"][0]["physicalLocation"]
    assert copy["region"] == {"startLine": 1}
    rule = next(each for each in run["tool"]["driver"]["rules"] if each["id"] == "empty-answer")
    assert "try: " in rule["help"]["text"]
    assert run["invocations"][0]["executionSuccessful"] is True


def test_fingerprints_outlive_moved_rows_and_tell_new_from_old(capsys: Any) -> None:
    _verify(GOOD + BAD, "--write", "sarif:one.sarif", "--write", "jsonl:one.jsonl")
    mixed = random.Random(3).sample(GOOD + BAD, 8)
    _verify(mixed, "--run", "runs/two", "--write", "sarif:two.sarif")
    one, two = (_sarif(Path(f"{name}.sarif").read_text()) for name in ("one", "two"))
    prints = [sorted(x["partialFingerprints"]["primaryLocationLineHash"] for x in run["results"]) for run in (one, two)]
    assert prints[0] == prints[1]
    rows = [*BAD[1:], *GOOD, _chat("a new one", "")]
    for older in ("runs/rows", "one.sarif", "one.jsonl"):
        capsys.readouterr()
        assert _verify(rows, "--run", "runs/three", "--baseline", older, "--json") == 1
        told = json.loads(capsys.readouterr().out)
        assert (told["new"], told["same"], told["fixed"]) == (1, 3, 1), older
        assert told["checks"] == {"empty-answer": {"empty-answer": 1}}
        assert main(["findings", "three", "--baseline", older]) == 1
        (line,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        assert line["id"] == "line-8"


def test_only_new_findings_count_for_the_exit_code(capsys: Any) -> None:
    assert _verify(GOOD + BAD) == 1
    assert _verify(GOOD + BAD, "--baseline", "runs/rows") == 0, "the run that is compared with may be the one written"
    assert _verify(GOOD, "--baseline", "runs/rows") == 0
    assert "0 new, 0 as before, 4 fixed" in capsys.readouterr().out


def test_readiness_too_counts_only_what_is_new(capsys: Any) -> None:
    Path("data").mkdir()
    rows = Path("data/rows.jsonl")
    rows.write_text("".join(row + "\n" for row in GOOD + BAD), encoding="utf-8")
    asked = ["readiness", str(rows), "--no-embeddings", "--exact", "--keep", "last"]
    assert main(asked) == 1
    capsys.readouterr()
    assert main([*asked, "--baseline", "runs/rows"]) == 0
    told = capsys.readouterr()
    assert told.out.startswith("NOT READY")
    assert "against runs/rows: 0 new" in told.err
    rows.write_text("".join(row + "\n" for row in [*GOOD, *BAD, _chat("a new one", "")]), encoding="utf-8")
    assert main([*asked, "--run", "runs/three", "--baseline", "runs/rows"]) == 1
    assert main(["readiness", "runs/rows", "--exact"]) == 2
    assert "verified already" in capsys.readouterr().err


def test_a_line_separator_in_an_id_does_not_cut_a_line_of_the_older_findings() -> None:
    rows = [*GOOD, json.dumps({"id": "one\u2028two", **json.loads(BAD[0])})]
    assert _verify(rows, "--write", "jsonl:one.jsonl") == 1
    assert _verify(rows, "--baseline", "one.jsonl") == 0


def test_what_was_not_looked_at_is_not_called_fixed(capsys: Any) -> None:
    _verify(GOOD + BAD)
    code = main(
        [
            "verify",
            "data/rows.jsonl",
            "--run",
            "runs/less",
            "--check",
            "row-format",
            "--baseline",
            "runs/rows",
            "--json",
        ]
    )
    told = json.loads(capsys.readouterr().out[len("") :].split("runs/rows\n")[-1])
    assert (code, told["fixed"], told["unseen"]) == (0, 0, 3)


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["--write", "sarif"], "names no file"),
        (["--write", "sariff:x"], "did you mean 'sarif'"),
        (["--baseline", "none"], "neither a run nor a file"),
        (["--baseline", "data/rows.jsonl"], "holds no findings"),
    ],
)
def test_mistakes_are_told_before_the_work(argv: list[str], words: str, capsys: Any) -> None:
    assert _verify(GOOD, *argv) == 2
    assert words in capsys.readouterr().err
    assert not Path("runs").exists()


def test_junit_says_of_each_check_what_it_came_to(capsys: Any) -> None:
    Path("bad_check.py").write_text(BROKEN_CHECK)
    assert (
        _verify(GOOD + BAD, "--with", "bad_check.py", "--check", "breaks", "--check", "leak", "--write", "junit:j.xml")
        == 1
    )
    suite = ET.parse("j.xml").getroot()[0]  # noqa: S314
    cases = {case.get("name"): case for case in suite}
    assert cases["X99 breaks"][0].tag == "error"
    assert "ValueError" in cases["X99 breaks"][0].get("message", "")
    assert cases["L01 leak"][0].tag == "skipped"
    assert cases["S04 empty-answer"][0].tag == "failure"
    assert "line-5" in (cases["S04 empty-answer"][0].text or "")
    assert (suite.get("tests"), suite.get("errors")) == (str(len(cases)), "1")
    assert "8 records = 4 kept" in capsys.readouterr().out, "the other checks went on"


BROKEN_CHECK = '''
from dataclasses import dataclass
from typing import ClassVar

@dataclass(frozen=True, slots=True)
class Breaks:
    """A check that raises on every batch, as a check of a user's own may do."""
    id: ClassVar[str] = "breaks"
    code: ClassVar[str] = "X99"
    version: ClassVar[int] = 1
    scope: ClassVar[str] = "input"
    reads: ClassVar[tuple] = ("text",)

    def look(self, batch, view):
        raise ValueError("a fault of its own\\x00\\x1b[31m")
        yield
'''


def _hostile() -> Listing:
    def lines() -> Any:
        for at, text in enumerate(HOSTILE):
            key = key_of(str(at), "evil", text)
            yield Line(
                key, "evil", text, "input", Level.ERROR, 0.5, True, text or "x", text, str(at), at + 1, text, None, {}
            )

    examples = tuple(lines())
    checks = tuple(
        Checked(
            "evil", "E01", "input", 1, text or "x", text or "x", text, status, text, 1, 1, 0.1, 3, Level.ERROR,
            {text: 3}, {text: Level.ERROR}, examples,
        )
        for text in HOSTILE
        for status in ("ran", "failed", "skipped")
    )  # fmt: skip
    return Listing(HOSTILE[0], HOSTILE[3], "", "0", HOSTILE[8], 1, checks, lines)


def test_hostile_texts_stay_texts() -> None:
    listing = _hostile()
    root = ET.fromstring("".join(JUnit().render(listing)))  # noqa: S314
    assert {each.tag for each in root.iter()} <= {
        "testsuites",
        "testsuite",
        "testcase",
        "failure",
        "error",
        "skipped",
        "system-out",
    }
    _sarif("".join(Sarif().render(listing)))
    table = list(csv.reader("".join(FindingTable().render(listing)).splitlines()))
    assert {len(row) for row in table} == {9}
    assert not [cell for row in table[1:] for cell in row if cell.startswith(("=", "+", "-", "@"))]


def test_sarif_is_capped_and_says_so() -> None:
    run = _sarif("".join(Sarif(limit=2).render(_hostile())))
    assert len(run["results"]) == 2
    assert f"{len(HOSTILE) - 2:,} further results" in json.dumps(run["invocations"])


def test_no_personal_data_in_any_of_the_files(capsys: Any) -> None:
    rows = [_chat("mail jane.roe@acme-corp.de or call 467-3395", "card 4242 4242 4242 4242"), *BAD]
    Path("rows.jsonl").write_text("\n".join(rows))
    targets = [f"--write={name}:out.{name}" for name in ("sarif", "junit", "csv", "jsonl")]
    main(["verify", "rows.jsonl", "--no-embeddings", "--check", "pii", "--check", "secret", *targets])
    main(["why", "1", "--run", "rows"])
    main(["why", "line-1", "--run", "rows", "--json"])
    said = capsys.readouterr().out + "".join(path.read_text() for path in Path().glob("out.*"))
    assert "email" in said
    assert not [value for value in ("jane.roe", "467-3395", "4242 4242") if value in said]
