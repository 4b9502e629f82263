"""Helicone: exported requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, day, opened, talked
from toolkit.core.talk import Odd, Talk
from toolkit.importers._pairs import fidelity, pair


@dataclass(frozen=True, slots=True)
class Helicone:
    """Helicone's requests with `request_body` and `response_body`, exact, or put together by it where streamed.

    What its own exporter fetched (`signed_body_content`) is read in their place. A body that is kept elsewhere
    (`signed_body_url`) is not fetched: such a record makes no row.
    """

    id: ClassVar[str] = "helicone"

    def claims(self, record: Mapping[str, Any]) -> int:
        return 9 if "request_body" in record and ("response_body" in record or "response_status" in record) else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        for position, value in items:
            request = _bodies(value)[0]
            talk, why = talked(_talk, value)
            made = fidelity(request if isinstance(request, Mapping) else {})
            provider = str(value.get("provider") or "").lower()
            when, told_id = day(value.get("request_created_at")), str(value.get("request_id") or "")
            yield Taken([position], talk, made, provider, when, told_id, why)


def _talk(told: Mapping[str, Any]) -> Talk:
    status = int(told.get("response_status") or 200)
    if not 200 <= status < 300:
        raise Odd(f"status {status}")
    request, reply = _bodies(told)
    if not request or not reply:
        raise Odd("its body is kept elsewhere" if told.get("signed_body_url") else "its messages were not logged")
    return pair(request, reply)


def _bodies(told: Mapping[str, Any]) -> tuple[Any, Any]:
    held = told.get("signed_body_content")
    if isinstance(held, Mapping):
        return opened(held.get("request")), opened(held.get("response"))
    return opened(told.get("request_body")), opened(told.get("response_body"))
