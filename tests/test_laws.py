"""Laws that hold for every part of a shelf, whoever wrote it."""

from __future__ import annotations

import dataclasses
import inspect
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.looking import NotApplicable, Skip, freeze, look
from toolkit.core import parts
from toolkit.core.types import Fact, Finding, Findings, Parsed, Turn

ASKED = ("providers", "recipes")  # what they need has no default
CHECKS = sorted(parts.parts("checks"))
ROWS: list[dict[str, Any]] = [
    {"id": f"r{at}", "text": f"{verb} {noun} number {at % 7} {'please' if at % 3 else ''}".strip(), "label": label}
    for at, (verb, noun, label) in enumerate(
        [
            (verb, noun, noun)
            for verb in ("cancel", "track", "refund", "change")
            for noun in ("order", "ticket", "invoice")
        ]
        * 8
    )
]
CHATS: list[dict[str, Any]] = [
    {
        "id": f"c{at}",
        "messages": [{"role": "user", "content": f"question {at % 11}?"}, {"role": "assistant", "content": answer}],
    }
    for at, answer in enumerate(["yes", "no", "", "I cannot help with that.", "TODO", "<|im_end|>", "maybe so"] * 6)
]


@pytest.mark.parametrize("shelf", list(parts.SHELVES))
def test_parts_are_frozen_documented_and_inherit_nothing(shelf: str) -> None:
    for name, part in parts.parts(shelf).items():
        assert part.__dataclass_params__.frozen, f"{name} is not frozen"
        assert hasattr(part, "__slots__"), f"{name} has no slots"
        assert part.__bases__ == (object,), f"{name} inherits"
        assert all(hasattr(part, each) for each in parts.DECLARED.get(shelf, "").split()), f"{name} lacks something"
        assert len(inspect.cleandoc(part.__doc__ or "")) > 40, f"{name} is not documented"
        assert all(field.default is not dataclasses.MISSING for field in dataclasses.fields(part)) or shelf in ASKED


@pytest.mark.parametrize("check", CHECKS)
def test_checks_declare_what_they_are(check: str) -> None:
    part = parts.part("checks", check)
    assert part.scope in ("input", "references", "kept", "split")
    assert isinstance(part.version, int)
    assert part.reads and part.code


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("rows", [ROWS, CHATS], ids=["labelled", "chat"])
def test_shuffled_rows_give_the_same_findings(check: str, rows: list[Any], tmp_path: Path, encoder: Any) -> None:
    mixed = random.Random(7).sample(rows, len(rows))
    one, other = freeze(rows, tmp_path / "one"), freeze(mixed, tmp_path / "other")
    assert _by_content(check, one, rows, encoder) == _by_content(check, other, mixed, encoder)


def _by_content(check: str, data: Any, rows: Sequence[dict[str, Any]], encoder: Any) -> Any:
    """How many findings of each kind touch rows of each content; which copy is named may depend on the order."""
    try:
        results = look(check, data, encode=encoder, references=[("other", data, None)])
    except (Skip, NotApplicable) as reason:
        return str(reason)
    counted: dict[Any, int] = {}
    for each in results:
        for row, kind in _rows(each):
            content = "" if row is None else str({key: value for key, value in rows[row].items() if key != "id"})
            counted[content, kind] = counted.get((content, kind), 0) + 1
    return counted


def _rows(each: Any) -> list[tuple[int | None, str]]:
    if isinstance(each, Finding):
        return [(each.row, each.kind)]
    return [(int(row), each.kind) for row in each.row] if isinstance(each, Findings) else []


@pytest.mark.parametrize("check", CHECKS)
def test_an_empty_data_set_is_silent(check: str, tmp_path: Path, encoder: Any) -> None:
    data = freeze([], tmp_path / "empty")
    try:
        results = look(check, data, encode=encoder)
    except (Skip, NotApplicable):
        return
    assert [each for each in results if not isinstance(each, Fact) and getattr(each, "row", 0) is not None] == []


@pytest.mark.parametrize("check", CHECKS)
def test_scores_lie_between_0_and_1(check: str, tmp_path: Path, encoder: Any) -> None:
    data = freeze([*ROWS, *CHATS, "{'broken'", ""], tmp_path / "mixed")
    try:
        results = look(check, data, encode=encoder, references=[("other", data, None)])
    except (Skip, NotApplicable):
        return
    for each in results:
        if isinstance(each, Finding | Findings):
            assert np.all((np.asarray(each.score) >= 0) & (np.asarray(each.score) <= 1))


@pytest.mark.parametrize("check", CHECKS)
def test_only_declared_columns_are_read(check: str, tmp_path: Path) -> None:
    """The view refuses what was not declared, and the check gets by with what it declared (see the other laws)."""
    view = parts.build("checks", check)
    data = freeze(ROWS, tmp_path / "rows")
    from toolkit.store.columns import NAMES
    from toolkit.store.view import View

    hidden = [name for name in NAMES if name not in view.reads and name != "row"]
    with pytest.raises(LookupError, match=hidden[0]):
        next(View(data, view.reads).batches(hidden[0]))


TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)
TURNS = st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=3)


@pytest.mark.parametrize("name", sorted(set(parts.parts("formats")) - {"unknown"}))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pairs=TURNS, system=st.none() | TEXT, other=TEXT, label=TEXT)
def test_writing_then_parsing_is_the_identity(name: str, pairs: Any, system: Any, other: str, label: str) -> None:
    form = parts.build("formats", name)
    parsed = _example(name, pairs, system, other, label)
    row = form.write(parsed)
    assert form.claims(row) > 0 or name == "messages-column"
    assert form.parse(row)._replace(turns=list(form.parse(row).turns)) == parsed._replace(turns=list(parsed.turns))


def _example(name: str, pairs: Any, system: str | None, other: str, label: str) -> Parsed:
    """A row that the format can hold."""
    if name == "text":
        return Parsed([Turn("text", other)])
    if name == "text-label":
        return Parsed([Turn("user", other)], label=label)
    head = [Turn("system", system)] if system is not None and name not in ("unpaired-preference",) else []
    chat = [turn for question, answer in pairs for turn in (Turn("user", question), Turn("assistant", answer))]
    if name == "preference":
        return Parsed([*head, *chat], rejected=[Turn("assistant", other)])
    if name == "stepwise":
        steps = [Turn("assistant", each) for pair in pairs for each in pair]
        return Parsed([Turn("user", other), *steps], label=json.dumps([True] * len(steps), separators=(",", ":")))
    if name == "unpaired-preference":
        return Parsed(chat, label="true" if len(label) % 2 else "false")
    return Parsed([*head, *chat])


def test_an_unknown_option_lists_the_known_ones() -> None:
    from toolkit.core.errors import UsageError

    with pytest.raises(UsageError, match="unknown option 'treshold'") as said:
        parts.build("checks", "near-duplicate", {"treshold": 1})
    assert "threshold" in said.value.fix


def test_a_part_of_a_local_file_is_found(tmp_path: Path) -> None:
    file = tmp_path / "my_check.py"
    file.write_text(
        "from dataclasses import dataclass\nfrom typing import ClassVar\n"
        "from toolkit.core.types import Finding\n\n"
        "@dataclass(frozen=True, slots=True)\nclass Shouting:\n"
        "    '''Rows that are written in capitals alone, which few users do.'''\n"
        "    id: ClassVar[str] = 'shouting'\n    code: ClassVar[str] = 'X01'\n    version: ClassVar[int] = 1\n"
        "    scope: ClassVar[str] = 'input'\n    reads: ClassVar[tuple[str, ...]] = ('text',)\n\n"
        "    def look(self, batch, view):\n"
        "        for row, text in zip(batch.column('row').to_pylist(), batch.column('text').to_pylist()):\n"
        "            if text.isupper():\n                yield Finding(row, 1.0, 'all capitals', kind='capitals')\n"
    )
    assert parts.load_local(file) == ["shouting"]
    data = freeze([{"text": "HELP", "label": "a"}, {"text": "help", "label": "a"}], tmp_path / "rows")
    assert [each.row for each in look("shouting", data) if isinstance(each, Finding)] == [0]


def test_a_part_of_another_package_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "their_checks.py").write_text(
        "from dataclasses import dataclass\nfrom typing import ClassVar\n\n"
        "@dataclass(frozen=True, slots=True)\nclass Theirs:\n"
        "    id: ClassVar[str] = 'theirs'\n    code: ClassVar[str] = 'X02'\n    version: ClassVar[int] = 1\n"
        "    scope: ClassVar[str] = 'input'\n    reads: ClassVar[tuple[str, ...]] = ('text',)\n\n"
        "    def run(self, view):\n        return []\n"
    )
    info = tmp_path / "their_checks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-checks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[toolkit.checks]\ntheirs = their_checks:Theirs\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    parts._installed.cache_clear()
    try:
        assert parts.part("checks", "X02").id == "theirs"
    finally:
        parts._installed.cache_clear()
