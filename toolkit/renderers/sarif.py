"""Findings as SARIF 2.1.0, for code scanning pages that follow a finding from run to run."""

from __future__ import annotations

import heapq
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from urllib.parse import quote

from toolkit.core.listing import Checked, Line, Listing
from toolkit.core.types import Level
from toolkit.renderers.words import escaped_json, shown

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
OTHERS = 10
WORDS = {Level.OK: "note", Level.INFO: "note", Level.WARNING: "warning", Level.DOUBT: "warning"}


@dataclass(frozen=True, slots=True)
class Sarif:
    """One run with a rule for each check and one result for each row, check and kind.

    A fingerprint is made of the row's content, the check and the kind, so it outlives rows that move.
    Blockers and errors are `error`, warnings and open questions `warning`, the rest `note`. The
    `limit` heaviest results are written, as more are refused by code scanning; how many were left out
    is said. Checks that failed or were skipped are notifications of the run.
    """

    id: ClassVar[str] = "sarif"
    suffix: ClassVar[str] = "sarif"
    of: ClassVar[str] = "findings"
    version: ClassVar[int] = 1

    limit: int = 25_000

    def render(self, found: Listing) -> Iterator[str]:
        lines, left_out = _heaviest(found.lines(), self.limit)
        rules = list({each.check: each for each in found.checks}.values())
        index = {each.check: at for at, each in enumerate(rules)}
        run: dict[str, Any] = {
            "tool": {"driver": {"name": "toolkit", "semanticVersion": found.toolkit, "rules": list(map(_rule, rules))}},
            "automationDetails": {"id": f"toolkit/{shown(found.name)}/"},
            "columnKind": "unicodeCodePoints",
            "artifacts": [_artifact(found)],
            "invocations": [_invocation(found, left_out)],
            "results": [_result(same, index, found.uri) for same in lines],
            "properties": {"policy": found.policy, "records": found.records},
        }
        told = {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}
        yield escaped_json(json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False)) + "\n"


def _heaviest(lines: Iterator[Line], limit: int) -> tuple[list[list[Line]], int]:
    """Findings of one key together, the heaviest keys first, and how many keys were left out."""
    by_key: dict[str, list[Line]] = {}
    left_out = 0
    for line in lines:
        same = by_key.setdefault(line.key, [])
        if len(same) < OTHERS:
            same.append(line)
        if len(by_key) > 4 * limit + OTHERS:  # so that a million findings need no memory for all of them
            left_out += len(by_key) - limit
            by_key = {same[0].key: same for same in heapq.nsmallest(limit, by_key.values(), key=_weight)}
    return heapq.nsmallest(limit, by_key.values(), key=_weight), left_out + max(0, len(by_key) - limit)


def _weight(same: Sequence[Line]) -> tuple[float, float, int, str]:
    return -same[0].level, -same[0].score, same[0].line or 0, same[0].key


def _rule(each: Checked) -> dict[str, Any]:
    help_text = f"{each.help}\n\ntry: {each.remedy}" if each.remedy else each.help
    return {
        "id": each.check,
        "name": "".join(word.capitalize() for word in each.check.split("-")),
        "shortDescription": {"text": shown(each.summary)},
        "fullDescription": {"text": shown(each.summary, 1000)},
        "help": {"text": help_text},
        "defaultConfiguration": {"level": _word(each.level)},
        "properties": {"code": each.code, "version": each.version, "tags": ["data", each.code]},
    }


def _word(level: Level) -> str:
    return WORDS.get(level, "error")


def _uri(path: str) -> str:
    return quote(path.replace("\\", "/"), safe="/-._~")


def _artifact(found: Listing) -> dict[str, Any]:
    told: dict[str, Any] = {"location": {"uri": _uri(found.uri)}}
    return {**told, "hashes": {"sha-256": found.sha256}} if found.sha256 else told


def _invocation(found: Listing, left_out: int) -> dict[str, Any]:
    told = [
        {
            "level": "error" if each.status == "failed" else "note",
            "message": {"text": shown(f"{each.check} {each.status}: {each.reason}", 600)},
            "associatedRule": {"id": each.check},
        }
        for each in found.checks
        if each.status != "ran"
    ]
    if left_out:
        told.append({"level": "warning", "message": {"text": f"{left_out:,} further results were left out"}})
    failed = any(each.status == "failed" for each in found.checks)
    return {"executionSuccessful": not failed, "toolExecutionNotifications": told}


def _result(same: Sequence[Line], index: dict[str, int], uri: str) -> dict[str, Any]:
    line = same[0]
    message = f"{line.ref}: {line.message}" if line.ref else line.message
    told: dict[str, Any] = {
        "ruleId": line.check,
        "ruleIndex": index[line.check],
        "level": _word(line.level),
        "message": {"text": shown(message, 1000)},
        "locations": [_location(line.ref, line.line, uri)],
        "partialFingerprints": {"toolkitFinding/v1": line.key, "primaryLocationLineHash": f"{line.key}:1"},
        "properties": {"kind": line.kind, "score": line.score, "scope": line.scope, "row": line.row},
    }
    others = [
        {**_location(each.other, each.other_line, uri), "id": at}
        for at, each in enumerate(same)
        if each.other is not None and each.other_line is not None
    ]
    return {**told, "relatedLocations": others} if others else told


def _location(ref: str | None, line: int | None, uri: str) -> dict[str, Any]:
    """A place in the source; a row of a table has no line, only its name."""
    place: dict[str, Any] = {"artifactLocation": {"uri": _uri(uri), "index": 0}}
    if line is not None:
        place["region"] = {"startLine": line}
    named = {} if ref is None else {"logicalLocations": [{"name": shown(ref), "kind": "element"}]}
    return {"physicalLocation": place, **named}
