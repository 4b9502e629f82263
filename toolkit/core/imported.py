"""What an importer reads and gives: records of another tool's file, and what each says as a conversation."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from toolkit.core.talk import Odd, Talk

Fidelity = Literal["exact", "reconstructed", "lossy"]
"""exact: the provider's own request and reply. reconstructed: written anew from another form that holds all of it.
lossy: that form is known to lack something, such as the system prompt, tools, or how the answer ended."""


class Item(NamedTuple):
    """A record of the file; position counts from 1."""

    position: int
    value: Mapping[str, Any]


class Taken(NamedTuple):
    """What one or more records give. positions: those records. why: why they give no row, empty where they may.

    provider, date (`YYYY-MM-DD`), id: empty where the file does not say.
    """

    positions: Sequence[int]
    talk: Talk = Talk()
    fidelity: Fidelity = "lossy"
    provider: str = ""
    date: str = ""
    id: str = ""
    why: str = ""


def talked(build: Callable[..., Talk], *told: Any) -> tuple[Talk, str]:
    """The conversation that `build` makes of what it is told, or the reason why it cannot."""
    try:
        return build(*told), ""
    except Odd as reason:
        return Talk(), str(reason)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return Talk(), "a record that is not what its form says"


def opened(value: Any) -> Any:
    """A value that a tool may have written as JSON within JSON; a text that is none stays as it is."""
    if not isinstance(value, str) or not value.lstrip().startswith(("{", "[")):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return value


def day(told: Any) -> str:
    """The date of a time as tools write it: ISO 8601, or since 1970 in seconds, ms or ns; empty for none."""
    if isinstance(told, str) and told.isdigit():
        told = int(told)
    if isinstance(told, int | float) and not isinstance(told, bool):
        for unit in (1e17, 1e11):
            if told > unit:
                told /= 1e9 if unit == 1e17 else 1e3
                break
        return datetime.fromtimestamp(told, UTC).strftime("%Y-%m-%d") if 0 < told < 1e11 else ""
    found = str(told or "")[:10]
    return found if len(found) == 10 and found[4] == found[7] == "-" else ""
