"""OpenPipe: exported request logs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from toolkit.core.imported import Item, Taken, day, opened, talked
from toolkit.core.talk import Odd, Talk
from toolkit.importers._pairs import fidelity, pair


@dataclass(frozen=True, slots=True)
class OpenPipe:
    """OpenPipe's request logs: `reqPayload` and `respPayload`, exact, or put together by it where streamed."""

    id: ClassVar[str] = "openpipe"

    def claims(self, record: Mapping[str, Any]) -> int:
        return 9 if "reqPayload" in record else 0

    def take(self, items: Iterable[Item]) -> Iterator[Taken]:
        for position, value in items:
            request = opened(value.get("reqPayload"))
            talk, why = talked(_talk, value)
            made = fidelity(request if isinstance(request, Mapping) else {})
            yield Taken([position], talk, made, "", day(value.get("requestedAt")), str(value.get("id") or ""), why)


def _talk(told: Mapping[str, Any]) -> Talk:
    status = told.get("statusCode")
    if status is not None and not 200 <= int(status) < 300:
        raise Odd(f"status {status}")
    return pair(opened(told["reqPayload"]), opened(told.get("respPayload")))
