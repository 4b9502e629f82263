"""OpenAI: files of batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, day, talked
from toolkit.core.talk import Odd, Talk
from toolkit.importers._pairs import batched, pair


@dataclass(frozen=True, slots=True)
class OpenAIBatches:
    """The output and error files of a batch, with the requests that they answer; also of servers like OpenAI. Exact.

    requests: the file that was handed in, lines of `{"custom_id", "method", "url", "body"}`. Requests may as
    well stand in the same file as the results. A result without its request makes no row.
    """

    id: ClassVar[str] = "openai-batches"

    requests: str = ""

    def claims(self, record: Mapping[str, Any]) -> int:
        return 9 if "custom_id" in record and ("body" in record or "response" in record) else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        asked, results = batched(items, "body", self.requests)
        for position, value in results:
            talk, why = talked(_talk, value, asked)
            reply = value.get("response")
            body = reply.get("body") if isinstance(reply, Mapping) else None
            made = body.get("created", body.get("created_at")) if isinstance(body, Mapping) else None
            yield Taken([position], talk, "exact", "openai", day(made), talk.id or str(value.get("custom_id", "")), why)


def _talk(told: Mapping[str, Any], asked: Mapping[str, Any]) -> Talk:
    if error := told.get("error"):
        raise Odd(f"result: {error.get('code') or 'error'}")
    reply = told["response"]
    if not 200 <= int(reply.get("status_code") or 0) < 300:
        raise Odd(f"result: status {reply.get('status_code')}")
    if str(told["custom_id"]) not in asked:
        raise Odd("its request is not there; name it with --requests")
    return pair(asked[str(told["custom_id"])], reply["body"])
