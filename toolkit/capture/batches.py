"""Message batches in captured traffic: what was handed in, and each result of it as a call of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from toolkit.capture.understand import Understood
from toolkit.core import parts
from toolkit.core.talk import Odd, Talk

HANDED_IN, UNKNOWN = "a batch that is handed in", "a batch's result without its request"
_PATH = re.compile(r"/messages/batches(?:/([\w-]+)/results)?\Z")


@dataclass
class Batches:
    """Requests of the batches of a log, as they were handed in, until their results come.

    The SDK of Anthropic fetches results from the address that the server names: a recording transport
    sees that, a proxy only where the server names the proxy.
    """

    _handed: dict[str, bytes] = field(default_factory=dict)

    def reads(self, read: Understood) -> Iterator[Understood]:
        """What a call says: itself, or each result where it fetched those of a batch."""
        about = _PATH.search(str(read.call.begin.get("url", "")).partition("?")[0])
        method = read.call.begin.get("method")
        if about is None or not 200 <= read.call.status < 300 or not read.call.whole:
            yield read
        elif about[1] and method == "GET":
            yield from self._results(read, about[1])
        elif not about[1] and method == "POST":
            self._hand_in(read)
            yield read._replace(excluded=HANDED_IN)
        else:
            yield read

    def _hand_in(self, read: Understood) -> None:
        try:
            self._handed[str(orjson.loads(read.response)["id"])] = read.request
        except (ValueError, KeyError, TypeError):
            return  # the results will say that their requests are not there

    def _results(self, read: Understood, batch: str) -> Iterator[Understood]:
        try:
            listed = orjson.loads(self._handed.get(batch, b'{"requests": []}'))["requests"]
            asked = {str(each["custom_id"]): each["params"] for each in listed}
            told = [orjson.loads(line) for line in read.response.splitlines() if line.strip()]
        except (ValueError, KeyError, TypeError):
            yield read._replace(excluded="a body that is not what its API says")
            return
        if not told:
            yield read
        for each in told:
            yield _result(read, each, asked)


def _result(read: Understood, told: Mapping[str, Any], asked: Mapping[str, Any]) -> Understood:
    """One result as if its request had been a call; the reason where it makes no row."""
    wire = parts.build("wires", "anthropic-messages")
    params, talk, why = asked.get(str(told.get("custom_id"))), Talk(), ""
    try:
        if told["result"]["type"] != "succeeded":
            why = f"a batch's result: {told['result']['type']}"
        elif params is None:
            why = UNKNOWN
        else:
            talk = wire.talk(params, told["result"]["message"])
    except Odd as reason:
        why = str(reason)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        why = "a body that is not what its API says"
    return read._replace(request=orjson.dumps(params), talk=talk, excluded=why, api=wire.id)
