"""Connections to the server that the calls are for: one call at a time on each, kept open between calls."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlsplit

from toolkit.core.errors import InputError, UsageError

if TYPE_CHECKING:
    from toolkit.capture.exchange import Exchange

CONNECT_S, IDLE_S, MOST_IDLE = 10.0, 50.0, 128


class Target(NamedTuple):
    """Where the calls go. prefix: the path of the URL, without a slash at its end."""

    scheme: str
    host: str
    port: int
    prefix: bytes
    authority: bytes

    @property
    def origin(self) -> str:
        return f"{self.scheme}://{self.authority.decode()}"


def target(url: str) -> Target:
    """The parts of an upstream URL. Raises UsageError."""
    hint = "for instance --upstream https://api.anthropic.com"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as failure:
        raise UsageError(f"--upstream {url} cannot be read: {failure}", hint) from failure
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(f"--upstream {url} is not a URL with http or https and a host", hint)
    if parts.username is not None or parts.query or parts.fragment:
        raise UsageError("--upstream takes no user, query or fragment", "the client sends its own credentials")
    default = 443 if parts.scheme == "https" else 80
    authority = parts.netloc if port != default else parts.netloc.rpartition(":")[0]
    try:
        named = (parts.path.rstrip("/").encode("ascii"), authority.encode("ascii"))
    except UnicodeEncodeError as failure:
        raise UsageError(f"--upstream {url} has letters that a URL must spell in ASCII", hint) from failure
    return Target(parts.scheme, parts.hostname, port or default, *named)


def trust(where: Target, ca: Path | None) -> ssl.SSLContext | None:
    """What certificates are believed: the machine's, or those of a file. Raises InputError for the file."""
    if where.scheme == "http":
        return None
    try:
        context = ssl.create_default_context(cafile=str(ca) if ca else None)
    except (OSError, ssl.SSLError) as failure:
        what = f"--upstream-ca {ca} cannot be read: {failure}"
        raise InputError(what, "name a file of PEM certificates") from failure
    context.set_alpn_protocols(["http/1.1"])
    return context


class Upstream(asyncio.Protocol):
    """One connection upstream; `exchange` is the call that it serves, None between calls."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.transport: asyncio.Transport = None  # type: ignore[assignment]  # set before any use
        self.exchange: Exchange | None = None
        self.used = 0
        self.idle_since = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - what create_connection gives a Protocol
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        if self.exchange is None:
            self.transport.abort()  # nobody asked: what comes now cannot be told from an answer to the next call
        else:
            self.exchange.answered(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.forget(self)
        if self.exchange is not None:
            self.exchange.upstream_lost(exc)

    def pause_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.client.hold("upstream")

    def resume_writing(self) -> None:
        if self.exchange is not None:
            self.exchange.client.release("upstream")


class Pool:
    """Open connections to one upstream."""

    def __init__(self, where: Target, context: ssl.SSLContext | None) -> None:
        self.target, self._context = where, context
        self._idle: list[Upstream] = []

    def take(self) -> Upstream | None:
        """An open connection that serves nobody; the one used last, as the likeliest to be alive."""
        while self._idle:
            found = self._idle.pop()
            if not found.transport.is_closing():
                return found
        return None

    async def connect(self) -> Upstream:
        """A new connection. Raises OSError (ssl.SSLError among them) or TimeoutError."""
        loop, where = asyncio.get_running_loop(), self.target
        name = where.host if self._context else None
        async with asyncio.timeout(CONNECT_S):
            _, made = await loop.create_connection(
                lambda: Upstream(self),
                where.host,
                where.port,
                ssl=self._context,
                server_hostname=name,
                happy_eyeballs_delay=0.25,
            )
        return made

    def give(self, connection: Upstream) -> None:
        """Take a connection back after a call."""
        connection.exchange = None
        if connection.transport.is_closing() or len(self._idle) >= MOST_IDLE:
            connection.transport.close()
            return
        connection.used += 1
        connection.idle_since = time.monotonic()
        connection.transport.resume_reading()
        self._idle.append(connection)

    def forget(self, connection: Upstream) -> None:
        if connection in self._idle:
            self._idle.remove(connection)

    def sweep(self, *, all_of_them: bool = False) -> None:
        """Close what has been idle for long."""
        before = time.monotonic() - IDLE_S
        for each in [each for each in self._idle if all_of_them or each.idle_since < before]:
            self._idle.remove(each)
            each.transport.close()


def reason(failure: Exception) -> str:
    """Why there is no connection, in words."""
    if isinstance(failure, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {failure.verify_message}; --upstream-ca names a file of your own CA"
    if isinstance(failure, ssl.SSLError):
        return f"TLS failed: {failure.reason or failure}"
    if isinstance(failure, TimeoutError):
        return f"no connection within {CONNECT_S:.0f} s"
    if isinstance(failure, socket.gaierror):
        return f"its name is not known: {failure.strerror}"
    # asyncio puts the errno of a failed connect in words of its own
    return os.strerror(failure.errno) if isinstance(failure, OSError) and failure.errno else str(failure)
