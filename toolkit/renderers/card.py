"""The report as a dataset card of the Hub: YAML that its search reads, then what a user of the rows must know."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.report import Reason, Report
from toolkit.renderers.markdown import code, escaped
from toolkit.renderers.sections import sections
from toolkit.renderers.words import plural, shown, visible

TASKS = {"text-label": "text-classification", "text": "text-generation"}
PARTS = {"train": "train", "dev": "validation", "heldout": "test"}
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10**7, "1M<n<10M"))
SYNTHETIC = ("llm", "grammar", "procedural", "augment")


@dataclass(frozen=True, slots=True)
class Card:
    """README.md for a repository of the Hub: sizes, task, licence where it is known, splits with their files.

    What the report does not know is left out, never filled: a licence that nobody gave is `unknown`.
    """

    id: ClassVar[str] = "card"
    suffix: ClassVar[str] = "md"
    version: ClassVar[int] = 1

    def render(self, report: Report) -> str:
        return f"---\n{_yaml(_front(report))}---\n\n{_text(report)}"


def _front(report: Report) -> dict[str, Any]:
    total = sum(part.rows for part in report.parts) or report.kept
    size = next((name for under, name in SIZES if total < under), "n>10M")
    front: dict[str, Any] = {
        "pretty_name": shown(report.name, 100),
        "license": licence(report) or "unknown",
        "size_categories": [size],
        "task_categories": [TASKS.get(report.format, "text-generation")],
        "tags": ["fine-tuning", *(["synthetic"] if set(report.source_kinds) & set(SYNTHETIC) else [])],
    }
    files = [{"split": PARTS[part.name], "path": part.file} for part in report.parts if part.name in PARTS]
    return {**front, "configs": [{"config_name": "default", "data_files": files}]} if files else front


def licence(report: Report) -> str:
    """The licences or terms that the user gave for the file or rows carry; empty where none was."""
    found = {each.group for each in report.numbers if each.name == "rows under licence" and each.group}
    found |= {str(report.extra["licence"])} if report.extra.get("licence") else set()
    return visible(", ".join(sorted(found)))[:200]


def _yaml(front: dict[str, Any]) -> str:
    from ruamel.yaml import YAML

    out = io.StringIO()
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.dump(front, out)
    return out.getvalue()


def _text(report: Report) -> str:
    lines = [f"# {escaped(shown(report.name, 100))}", ""]
    lines += [
        f"Readiness: **{report.verdict}** (toolkit {escaped(report.toolkit)}, policy {escaped(report.policy)}).",
        "",
    ]
    lines += [
        f"{report.records:,} records were read, {report.kept:,} are kept, {report.quarantined:,} were left out.",
        "",
    ]
    lines += ["| split | rows | file | sha256 |", "|---|--:|---|---|"]
    lines += [
        f"| {escaped(part.name)} | {part.rows:,} | {code(part.file)} | {code(part.sha256)} |" for part in report.parts
    ]
    lines += ["", "## Where the rows come from", ""]
    lines += [f"* {escaped(kind)}: {plural(rows, 'row')}" for kind, rows in sorted(report.source_kinds.items())]
    lines += ["", "## Known limits", ""]
    lines += [f"* {escaped(shown(reason.title))}. {escaped(shown(reason.detail))}" for reason in report.reasons[:40]]
    lines += [
        f"* not looked at: {escaped(name)} ({escaped(shown(why, 200))})" for name, _, why in report.not_looked[:60]
    ]
    for each in sections(report):
        if each.id in ("learning", "leaked", "personal", "mix"):
            lines += ["", f"## {escaped(each.title)}", "", *(escaped(shown(line, 600)) for line in each.lines)]
    return "\n".join(lines) + "\n"


def _limit(reason: Reason) -> str:
    detail = f": {shown(reason.detail)}" if reason.detail else ""
    return f"* {escaped(shown(reason.title) + detail)}"
