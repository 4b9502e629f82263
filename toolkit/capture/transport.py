"""The door inside an application: a transport for httpx2 that writes each call into the frame log.

    client = anthropic.Anthropic(http_client=anthropic.DefaultHttpxClient(transport=record("capture")))

It takes clients of both kinds, `anthropic.AsyncAnthropic` and those of `openai` as well, and sees every
attempt. Trouble with the log never reaches the application: calls go on, and `Recorder.trouble` says why
they are not recorded.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx2

from toolkit.capture.privacy import Keys
from toolkit.capture.record import Answered, Asked, LastEvent, Recording
from toolkit.store.frames import FrameLog, Sync

_TOLD = logging.getLogger("toolkit.capture")


def record(
    log: str | Path = "capture", *, transport: httpx2.BaseTransport | None = None,
    async_transport: httpx2.AsyncBaseTransport | None = None, fsync: Sync = "interval",
) -> Recorder:  # fmt: skip
    """A transport that records into the folder `log`. transport, async_transport: what sends; httpx2's own if None."""
    return Recorder(FrameLog(Path(log), sync=fsync, must_open=False), transport, async_transport)


class Recorder(httpx2.BaseTransport, httpx2.AsyncBaseTransport):
    """Sends by another transport and records what passes: requests before they go out, replies as they are read.

    lost: calls that are not recorded whole. trouble: the last reason, empty while there is none.
    """

    def __init__(
        self, log: FrameLog, inner: httpx2.BaseTransport | None, async_inner: httpx2.AsyncBaseTransport | None
    ) -> None:
        self._log, self._keys, self._lock = log, Keys(), threading.Lock()
        self._inner, self._async_inner = inner, async_inner
        self.lost, self._failed = 0, ""

    @property
    def trouble(self) -> str:
        return self._failed or self._log.trouble

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._inner is None:
            self._inner = httpx2.HTTPTransport()
        tape = _Tape(self, request)
        try:
            response = self._inner.handle_request(request)
        except BaseException as failure:
            tape.fail(failure)
            raise
        return tape.hear(response)

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        if self._async_inner is None:
            self._async_inner = httpx2.AsyncHTTPTransport()
        tape = _Tape(self, request)
        try:
            response = await self._async_inner.handle_async_request(request)
        except BaseException as failure:
            tape.fail(failure)
            raise
        return tape.hear(response)

    def close(self) -> None:
        if self._inner is not None:
            self._inner.close()
        self._log.close()

    async def aclose(self) -> None:
        if self._async_inner is not None:
            await self._async_inner.aclose()
        self._log.close()

    def begin(self, request: httpx2.Request, body: bytes | None) -> Recording:
        """The recording of a call; body: None where it is yet to be read."""
        headers = [(name.lower(), value) for name, value in request.headers.raw]
        url = request.url
        asked = Asked(request.method, url.raw_path, headers, f"{url.scheme}://{url.netloc.decode()}", "transport")
        with self._lock:
            recording = Recording(self._log, self._keys)
            recording.begin(asked, body or b"", last=body is not None)
        return recording

    def forget(self, failure: Exception) -> None:
        """Count a call that cannot be recorded; the first of its kind is said in the application's own log."""
        why = f"{type(failure).__name__}: {failure}"
        self.lost += 1
        if why != self._failed:
            _TOLD.warning("a call is not recorded: %s", why)
        self._failed = why


class _Tape:
    """One call. Nothing that fails in here reaches the application; a call that failed has no end in the log."""

    def __init__(self, recorder: Recorder, request: httpx2.Request) -> None:
        self._recorder = recorder
        self._recording: Recording | None = None
        self._head: Answered | None = None
        self._last, self._left, self._ended, self._done = LastEvent(), -1, False, False
        try:
            body = request.stream
            whole = b"".join(body) if isinstance(body, httpx2.ByteStream) else None
            self._recording = recorder.begin(request, whole)
            for name in [each for each in request.headers if each.startswith("x-toolkit-tag-")]:
                del request.headers[name]
            if whole is None:
                request.stream = _Said(body, self)
        except Exception as failure:
            recorder.forget(failure)

    def _write(self, method: str, *told: Any, **more: Any) -> None:
        if self._recording is None:
            return
        try:
            getattr(self._recording, method)(*told, **more)
        except Exception as failure:
            self._recording = None
            self._recorder.forget(failure)

    def hear(self, response: httpx2.Response) -> httpx2.Response:
        """The reply, its body recorded as it is read."""
        headers = [(name.lower(), value) for name, value in response.headers.raw]
        self._head = Answered(response.status_code, headers)
        length = next((value for name, value in headers if name == b"content-length"), b"")
        self._left = int(length) if length.isdigit() else -1
        stream = _Heard(response.stream, self)
        return httpx2.Response(
            response.status_code, headers=response.headers, stream=stream, extensions=response.extensions
        )

    def asked(self, data: bytes, *, last: bool = False) -> None:
        self._write("request", data, last=last)

    def heard(self, data: bytes) -> None:
        head, self._head = self._head, None
        self._ended = self._ended or self._last.in_(data)
        if self._left >= 0:
            self._left -= len(data)
            self._ended = self._ended or self._left == 0
        self._write("response", data, head)

    def fail(self, failure: BaseException) -> None:
        """The call came to no end; an interrupt or a cancelled task is the application's own doing."""
        outcome = "unreachable" if isinstance(failure, httpx2.ConnectError | httpx2.ConnectTimeout) else "upstream-lost"
        self._end(outcome if isinstance(failure, Exception) else "client-gone", error=type(failure).__name__)

    def close(self, *, whole: bool = False) -> None:
        """The application is done with the reply, having read it to its end or not."""
        self._end("complete" if whole or self._ended else "client-gone")

    def _end(self, outcome: str, **told: Any) -> None:
        if self._done:
            return
        self._done = True
        self._write("end", outcome, b"", self._head, **told)
        if self._recording is not None and not self._recording.whole:
            self._recorder.lost += 1


class _Said(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A request's body that is read while it is sent."""

    def __init__(self, stream: Any, tape: _Tape) -> None:
        self._stream, self._tape = stream, tape

    def __iter__(self) -> Iterator[bytes]:
        for data in self._stream:
            self._tape.asked(data)
            yield data
        self._tape.asked(b"", last=True)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for data in self._stream:
            self._tape.asked(data)
            yield data
        self._tape.asked(b"", last=True)

    def close(self) -> None:
        self._stream.close()

    async def aclose(self) -> None:
        await self._stream.aclose()


class _Heard(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A reply's body: each piece is in the log before the application has it."""

    def __init__(self, stream: Any, tape: _Tape) -> None:
        self._stream, self._tape = stream, tape

    def __iter__(self) -> Iterator[bytes]:
        try:
            for data in self._stream:
                self._tape.heard(data)
                yield data
        except Exception as failure:
            self._tape.fail(failure)
            raise
        self._tape.close(whole=True)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            async for data in self._stream:
                self._tape.heard(data)
                yield data
        except Exception as failure:
            self._tape.fail(failure)
            raise
        self._tape.close(whole=True)

    def close(self) -> None:
        self._tape.close()
        self._stream.close()

    async def aclose(self) -> None:
        self._tape.close()
        await self._stream.aclose()
