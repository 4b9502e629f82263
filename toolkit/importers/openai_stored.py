"""OpenAI: stored chat completions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, day, talked
from toolkit.core.talk import Odd, Talk
from toolkit.importers._pairs import pair


@dataclass(frozen=True, slots=True)
class OpenAIStored:
    """Completions that were asked for with `store`, as the API gives them.

    What was asked is at another address (`.../chat/completions/ID/messages`): put it into each completion
    as `messages`, a list or the API's own page. A completion without it makes no row. Reconstructed.
    """

    id: ClassVar[str] = "openai-stored"

    def claims(self, record: Mapping[str, Any]) -> int:
        return 8 if record.get("object") == "chat.completion" and "choices" in record else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        for position, value in items:
            talk, why = talked(_talk, value)
            made = str(value.get("id") or "")
            yield Taken([position], talk, "reconstructed", "openai", day(value.get("created")), made, why)


def _talk(told: Mapping[str, Any]) -> Talk:
    asked = told.get("messages")
    if isinstance(asked, Mapping):
        if asked.get("has_more"):
            raise Odd("not all pages of its messages")
        asked = asked["data"]
    if not asked:
        raise Odd("its messages are at another address of the API")
    return pair({"messages": asked, "tools": told.get("tools")}, told)
