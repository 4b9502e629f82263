"""Anthropic: results of message batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, talked
from toolkit.core.talk import Odd, Talk
from toolkit.importers._pairs import batched, pair


@dataclass(frozen=True, slots=True)
class MessageBatches:
    """The `.jsonl` of a batch's results, with the requests that it answers. Exact.

    requests: a JSON Lines file of `{"custom_id", "params"}`, as they were handed in. Requests may as well
    stand in the same file as the results. A result without its request makes no row.
    """

    id: ClassVar[str] = "message-batches"

    requests: str = ""

    def claims(self, record: Mapping[str, Any]) -> int:
        return 9 if "custom_id" in record and ("params" in record or isinstance(record.get("result"), dict)) else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        asked, results = batched(items, "params", self.requests)
        for position, value in results:
            talk, why = talked(_talk, value, asked)
            yield Taken([position], talk, "exact", "anthropic", "", talk.id, why)


def _talk(told: Mapping[str, Any], asked: Mapping[str, Any]) -> Talk:
    result = told["result"]
    if result["type"] != "succeeded":
        raise Odd(f"result: {result['type']}")
    if str(told["custom_id"]) not in asked:
        raise Odd("its request is not there; name it with --requests")
    return pair(asked[str(told["custom_id"])], result["message"])
