"""Roles under other names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.turns import ROLES

ALIASES = {"human": "user", "gpt": "assistant", "bot": "assistant", "model": "assistant", "chatgpt": "assistant"}


@dataclass(frozen=True, slots=True)
class RoleAliases:
    """`human`, `gpt`, `bot` and the like in the role of a message become `user` and `assistant`, `User` becomes `user`.

    Messages of the ShareGPT form (`from` and `value`) are left: there `human` and `gpt` are right.
    """

    id: ClassVar[str] = "role-aliases"
    on: ClassVar[str] = "row"
    order: ClassVar[int] = 80

    def mend(self, row: Mapping[str, Any]) -> dict[str, Any] | None:
        found = {name: new for name, value in row.items() if (new := _list(value)) is not None}
        return {**row, **found} if found else None


def _list(value: Any) -> list[Any] | None:
    if not isinstance(value, list) or not all(isinstance(each, dict) and "content" in each for each in value):
        return None
    named = [_role(each.get("role")) for each in value]
    if all(each is None for each in named):
        return None
    return [{**old, "role": new} if new else old for old, new in zip(value, named, strict=True)]


def _role(role: Any) -> str | None:
    """The usual name of a role; None where it has it already, or is not known."""
    if not isinstance(role, str) or role in ROLES:
        return None
    plain = role.strip().lower()
    return ALIASES.get(plain) or (plain if plain in ROLES else None)
