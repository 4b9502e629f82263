"""Batches in captured traffic: what was handed in, and each result of it as a call of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any, NamedTuple

import orjson

from toolkit.capture.understand import BROKEN, Understood, wire_of
from toolkit.core.talk import Odd, Talk

HANDED_IN, UNKNOWN = "a batch that is handed in", "a batch's result without its request"
MESSAGES = "/v1/messages"
_PATH = re.compile(r"/(messages/batches|batches|files)(?:/([\w.-]+)(?:/(results|content|cancel))?)?\Z")
_NAMED = re.compile(rb'content-disposition:[^\r\n]*?[; ]name="?([^";\r\n]+)', re.IGNORECASE)


class Line(NamedTuple):
    """One request of a batch: the path that it is for, and its body."""

    path: str
    body: Any


class Result(NamedTuple):
    """One result of a batch: the reply, or why there is none."""

    name: str
    reply: Any
    why: str


@dataclass
class Batches:
    """Requests of the batches of a log, as they were handed in, until their results come.

    aside: an empty file to hold them in. Anthropic's are handed in with the call that makes the batch, and the
    SDK fetches the results from the address that the server names: a recording transport sees that, a proxy only
    where the server names the proxy. OpenAI's are a file that is sent before; its batch names the files of
    results and of errors.
    """

    aside: IO[bytes]
    _places: dict[str, tuple[int, int]] = field(default_factory=dict)
    _answers: dict[str, str] = field(default_factory=dict)

    def reads(self, read: Understood) -> Iterator[Understood]:
        """What a call says: itself, or each result where it fetched those of a batch."""
        about = _PATH.search(str(read.call.begin.get("url", "")).partition("?")[0])
        if about is None or not 200 <= read.call.status < 300 or not read.call.whole:
            yield read
            return
        kind, name, what = about.groups()
        asked = f"{read.call.begin.get('method')} {kind}"
        if asked == "POST messages/batches" and not name:
            self._hold(read, read.request)
            yield read._replace(excluded=HANDED_IN)
        elif asked == "GET messages/batches" and what == "results":
            yield from self._results(read, name, _anthropic, _result)
        elif asked == "POST files" and not name and (lines := _uploaded(read)) is not None:
            self._hold(read, lines)
            yield read._replace(excluded=HANDED_IN)
        elif asked == "GET files" and what == "content" and _is_results(read.response):
            yield from self._results(read, self._answers.get(name, ""), _openai, _answer)
        else:
            if kind == "batches":
                self._learn(read.response)
            yield read

    def _hold(self, read: Understood, body: bytes) -> None:
        try:
            name = str(orjson.loads(read.response)["id"])
        except (ValueError, KeyError, TypeError):
            return  # the results will say that their requests are not there
        place = self.aside.seek(0, 2)
        self._places[name] = place, self.aside.write(body)

    def _held(self, name: str) -> bytes:
        place, size = self._places.get(name, (0, 0))
        self.aside.seek(place)
        return self.aside.read(size)

    def _learn(self, reply: bytes) -> None:
        """Which file of requests the files of results answer: of one batch, or of a page of them."""
        try:
            told = orjson.loads(reply)
            for each in told["data"] if isinstance(told.get("data"), list) else [told]:
                for name in filter(None, (each.get("output_file_id"), each.get("error_file_id"))):
                    self._answers[str(name)] = str(each["input_file_id"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return

    def _results(self, read: Understood, name: str, asked: Any, told: Any) -> Iterator[Understood]:
        try:
            requests = asked(self._held(name))
            results = [told(orjson.loads(line)) for line in read.response.splitlines() if line.strip()]
        except (ValueError, KeyError, TypeError, AttributeError):
            yield read._replace(excluded=BROKEN)
            return
        if not results:
            yield read
        for each in results:
            yield _as_call(read, each, requests.get(each.name))


def _as_call(read: Understood, result: Result, asked: Line | None) -> Understood:
    """One result as if its request had been a call; the reason where it makes no row."""
    wire = wire_of(asked.path) if asked else None
    why, talk = result.why or (UNKNOWN if asked is None else "not a chat call" if wire is None else ""), Talk()
    if not why and asked is not None and wire is not None:
        try:
            talk = wire.talk(asked.body, result.reply)
        except Odd as reason:
            why = str(reason)
        except (ValueError, KeyError, TypeError, IndexError, AttributeError):
            why = BROKEN
    body = orjson.dumps(asked.body if asked else None)
    return read._replace(request=body, talk=talk, excluded=why, api=wire.id if wire else "", part=result.name)


def _anthropic(body: bytes) -> dict[str, Line]:
    listed = orjson.loads(body)["requests"] if body else []
    return {str(each["custom_id"]): Line(MESSAGES, each["params"]) for each in listed}


def _result(told: Mapping[str, Any]) -> Result:
    kind = told["result"].get("type")
    why = "" if kind == "succeeded" else f"a batch's result: {kind}"
    return Result(str(told.get("custom_id")), told["result"].get("message"), why)


def _openai(body: bytes) -> dict[str, Line]:
    listed = [orjson.loads(line) for line in body.splitlines() if line.strip()]
    return {str(each["custom_id"]): Line(str(each["url"]), each["body"]) for each in listed}


def _answer(told: Mapping[str, Any]) -> Result:
    reply, error = told.get("response") or {}, told.get("error") or {}
    status = int(reply.get("status_code") or 0)
    fault = str(error.get("code") or "error") if error else f"status {status}"
    why = "" if not error and 200 <= status < 300 else f"a batch's result: {fault}"
    return Result(str(told.get("custom_id")), reply.get("body"), why)


def _is_results(body: bytes) -> bool:
    """Whether a file that was fetched holds results of a batch."""
    try:
        first = orjson.loads(body.lstrip().partition(b"\n")[0])
    except ValueError:
        return False
    return isinstance(first, dict) and "custom_id" in first and "response" in first


def _uploaded(read: Understood) -> bytes | None:
    """The file of a form that is sent for a batch; None for any other form."""
    kind = str(read.call.begin.get("headers", {}).get("content-type", ""))
    mark = re.search(r'boundary="?([^";]+)', kind)
    if mark is None:
        return None
    told: dict[bytes, bytes] = {}
    for part in (b"\r\n" + read.request).split(b"\r\n--" + mark[1].encode())[1:]:
        head, _, content = part.partition(b"\r\n\r\n")
        if name := _NAMED.search(head):
            told[name[1]] = content
    return told.get(b"file") if told.get(b"purpose", b"").strip() == b"batch" else None
