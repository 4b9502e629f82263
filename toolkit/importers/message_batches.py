"""Anthropic: results of message batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, talked
from toolkit.core.talk import Odd, Talk
from toolkit.importers._pairs import pair, requests


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
        asked = requests(Path(self.requests), "params") if self.requests else {}
        results = []
        for item in items:
            if "params" in item.value and "custom_id" in item.value:
                asked[str(item.value["custom_id"])] = item.value["params"]
            else:
                results.append(item)
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
