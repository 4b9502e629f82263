"""Turns without content, in the wrong order, or with template machinery left in them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.jsontext import written
from toolkit.core.planting import Around, Row, Spoiled, Way, message_list

RESIDUE = ("<|im_end|>", "<|eot_id|>", "<end_of_turn>", "[/INST]")
VARIABLES = ("{{customer_name}}", "{{ product }}", "{% if user %}", "<<NAME>>")


@dataclass(frozen=True, slots=True)
class Emptied:
    """An answer, or the text of a row without answers, that is empty, blank or a placeholder."""

    id: ClassVar[str] = "emptied"
    tests: ClassVar[str] = "empty-answer"

    def ways(self) -> Mapping[str, Way]:
        return {
            "empty": _said("text", ""),
            "blank": _said("text", " \n\t"),
            "todo": _said("answer", "TODO"),
            "placeholder": _said("answer", "{{answer}}"),
            "no-label": _no_label,
        }


def _said(part: str, words: str) -> Way:
    def way(row: Row, around: Around) -> Spoiled | None:
        return row.edit(part, lambda _: words)

    return way


def _no_label(row: Row, around: Around) -> Spoiled | None:
    return row.with_value(**{row.label_key: ""}) if row.label_key else None


@dataclass(frozen=True, slots=True)
class Residue:
    """A control token of a chat template at the end of a text, or a variable that nobody filled in."""

    id: ClassVar[str] = "residue"
    tests: ClassVar[str] = "template-residue"

    def ways(self) -> Mapping[str, Way]:
        return {"token": _token, "variable": _variable, "half-think": _half_think}


def _token(row: Row, around: Around) -> Spoiled | None:
    if "`" in (row.answer or row.prompt):  # inside code a token is quoted, not left over
        return None
    return row.edit("text", lambda text: f"{text}{around.rng.choice(RESIDUE)}")


def _variable(row: Row, around: Around) -> Spoiled | None:
    return row.edit("text", lambda text: f"{around.rng.choice(VARIABLES)}, {text}")


def _half_think(row: Row, around: Around) -> Spoiled | None:
    return row.edit("answer", lambda text: f"<think>Let me see. {text}") if "<think>" not in row.answer else None


@dataclass(frozen=True, slots=True)
class Disorder:
    """A conversation that lost its answer, speaks twice in a row, or has a role that nobody knows."""

    id: ClassVar[str] = "disorder"
    tests: ClassVar[str] = "roles"

    def ways(self) -> Mapping[str, Way]:
        return {
            "answer-lost": _changed(_answer_lost),
            "said-twice": _changed(_said_twice),
            "unknown-role": _changed(_unknown_role),
            "system-late": _changed(_system_late),
        }


Messages = list[dict[str, Any]]


def _changed(change: Callable[[Messages, str, Row], bool]) -> Way:
    """A way that changes the list of messages; the change answers whether it could."""

    def way(row: Row, around: Around) -> Spoiled | None:
        draft = row.draft()
        found = message_list(draft)
        if not found or len(found) < 2:
            return None
        role = "role" if "role" in found[0] else "from"
        return Spoiled(written(draft)) if change(found, role, row) else None

    return way


def _answer_lost(found: Messages, role: str, row: Row) -> bool:
    if not row.answer:
        return False
    found.pop()
    return True


def _said_twice(found: Messages, role: str, row: Row) -> bool:
    at = next((at for at, each in enumerate(found) if each.get(role) in ("user", "human")), None)
    if at is None:
        return False
    found.insert(at, dict(found[at]))
    return True


def _unknown_role(found: Messages, role: str, row: Row) -> bool:
    found[-1][role] = "narrator"
    return bool(row.answer)


def _system_late(found: Messages, role: str, row: Row) -> bool:
    text = "content" if "content" in found[0] else "value"
    found.insert(len(found) - 1, {role: "system", text: "Be kind."})
    return found[-3].get(role) != "system" if len(found) > 2 else False
