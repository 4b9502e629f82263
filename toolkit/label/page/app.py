"""The server of the page: static files, five calls, and the checks that keep strangers out.

Every call carries a token that only the printed address holds, so no other page, user or name that was
bent to this address can read a row or write an answer. What is asked and what is kept is the desk's.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import re
import secrets
import signal
import socket
import sys
import webbrowser
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import orjson
from aiohttp import web

from toolkit.core.errors import MachineError, ToolkitError, UsageError
from toolkit.label.answers import Answer, now
from toolkit.label.page.desk import Desk
from toolkit.label.page.tasks import Board

LOOPBACK = ("127.0.0.1", "::1", "localhost")
STATIC = Path(__file__).parent / "static"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
MOST_BYTES = 32 << 20
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Settings:
    """How the page is served. by: the name that the page proposes. token: a random one where none is given."""

    by: str = ""
    host: str = "127.0.0.1"
    port: int = 8788
    token: str = ""
    browser: bool = False


def serve(board: Board, answers: Path, settings: Settings, *, ready: Callable[[str], None]) -> Desk:
    """Serve until SIGINT or SIGTERM; returns the desk. ready: called with the address, token in it, once it listens.

    Raises UsageError for an address that others reach without a token, MachineError where the port is
    taken, InputError where the answers are none.
    """
    if settings.host not in LOOPBACK and not settings.token:
        what = f"--host {settings.host} lets others reach the page, and with it your rows"
        raise UsageError(what, "add --token, or set TOOLKIT_LABEL_TOKEN")
    desk = Desk(board, answers)
    desk.counts()
    asyncio.run(_serve(desk, settings, ready))
    return desk


async def _serve(desk: Desk, settings: Settings, ready: Callable[[str], None]) -> None:
    listening = _listen(settings.host, settings.port)
    token = settings.token or secrets.token_urlsafe(24)
    port = listening.getsockname()[1]
    quiet = logging.getLogger(__name__)  # what is no HTTP gets its 400; the terminal is for people
    quiet.propagate = False
    quiet.addHandler(logging.NullHandler())
    app = application(desk, token, hosts(settings.host, port))
    runner = web.AppRunner(app, access_log=None, logger=quiet, shutdown_timeout=2.0)
    await runner.setup()
    try:
        await web.SockSite(runner, listening).start()
        stop = asyncio.Event()
        for each in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(each, stop.set)
        shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
        url = f"http://{f'[{shown}]' if ':' in shown else shown}:{port}/#token={quote(token)}"
        url += f"&by={quote(settings.by)}" if settings.by else ""
        ready(url)
        if settings.browser and _has_screen():
            webbrowser.open(url)
        await stop.wait()
    finally:
        await runner.cleanup()


def _has_screen() -> bool:
    """Whether a browser would be a window; one of text would take the terminal."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as failure:
        what = f"{host}:{port} cannot be listened on: {os.strerror(failure.errno or 0)}"
        if isinstance(failure, socket.gaierror):
            what = f"--host {host} is no address of this machine: {failure.strerror}"
        raise MachineError(what, "name another port with --port, or stop what uses it") from failure


def hosts(host: str, port: int) -> Callable[[str], bool]:
    """Whether a Host header is this server's own; a name that was bent to its address (DNS rebinding) is not."""
    names = {"127.0.0.1", "[::1]", "localhost"}
    if host not in LOOPBACK:
        names |= {host, f"[{host}]", socket.gethostname().lower()}

    def own(header: str) -> bool:
        name, _, number = header.lower().rpartition(":") if re.search(r":\d+\Z", header) else (header.lower(), "", "80")
        return number == str(port) and (name in names or (host not in LOOPBACK and _is_address(name)))

    return own


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def application(desk: Desk, token: str, own: Callable[[str], bool]) -> web.Application:
    """The web application around a desk. own: whether a Host header is its own."""
    app = web.Application(middlewares=[_guard(token, own)], client_max_size=MOST_BYTES)
    for path in sorted(STATIC.iterdir()):
        if path.suffix in TYPES:
            app.router.add_get("/" if path.name == "index.html" else f"/{path.name}", _file(path))
    for name, call in CALLS.items():
        app.router.add_post(f"/api/{name}", _call(desk, call))
    return app


def _file(path: Path) -> Handler:
    content, kind = path.read_bytes(), TYPES[path.suffix]

    async def send(request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=kind, charset="utf-8")

    return send


def _guard(token: str, own: Callable[[str], bool]) -> Any:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        reply = _refused(request, token, own) or await _handled(request, handler)
        reply.headers.update(HEADERS)
        return reply

    return guard


def _refused(request: web.Request, token: str, own: Callable[[str], bool]) -> web.Response | None:
    """The reply to who may not come in, None to who may."""
    if not own(request.headers.get("Host", "")):
        return _error(403, "this name is not that of the server", "open the address that the command printed")
    origin = request.headers.get("Origin")
    if origin is not None and origin != f"http://{request.headers['Host']}":
        return _error(403, "another page may not ask here", "open the address that the command printed")
    if not request.path.startswith("/api/"):
        return None
    given = request.headers.get("X-Toolkit-Token", "")
    if not secrets.compare_digest(given.encode("utf-8", "replace"), token.encode()):
        what = "this page's token is not that of the server"
        return _error(403, what, "open the address that the command printed, its # and all")
    return None


async def _handled(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except ToolkitError as failure:
        return _error(500 if failure.exit_code == 3 else 400, failure.what, failure.fix)
    except web.HTTPRequestEntityTooLarge:
        return _error(413, "the answer is too long", f"at most {MOST_BYTES >> 20} MiB")
    except web.HTTPException as failure:
        return _error(failure.status, failure.reason, "open the address that the command printed")
    except Exception as failure:
        what = f"the page failed: {type(failure).__name__}: {failure}"
        return _error(500, what, "start the command again; this is a fault of the toolkit")


def _error(status: int, what: str, fix: str) -> web.Response:
    return web.Response(status=status, body=orjson.dumps({"error": what, "try": fix}), content_type="application/json")


def _call(desk: Desk, call: Call) -> Handler:
    async def reply(request: web.Request) -> web.Response:
        body = _body(await request.read(), call, len(desk.board.tasks))
        return web.Response(body=orjson.dumps(call.act(desk, body)), content_type="application/json")

    return reply


class Call(NamedTuple):
    """What a call needs to be told, and what it does."""

    needs: tuple[str, ...]
    act: Callable[[Desk, dict[str, Any]], dict[str, Any]]


TYPES_OF: dict[str, Any] = {"at": int | None, "value": str | int | None}
"""The types of fields that are not text. at: the place of a row, from 0."""


def _body(content: bytes, call: Call, rows: int) -> dict[str, Any]:
    try:
        body = orjson.loads(content)
    except ValueError as failure:
        raise _garbled() from failure
    if not isinstance(body, dict):
        raise _garbled()
    told = {name: body.get(name) for name in call.needs}
    if not all(isinstance(value, TYPES_OF.get(name, str)) for name, value in told.items()):
        raise _garbled()
    if not 0 <= (told.get("at") or 0) < rows:
        raise _garbled()
    return told


def _garbled() -> UsageError:
    return UsageError("the call cannot be read", "load the page again")


def _answer(desk: Desk, body: dict[str, Any]) -> dict[str, Any]:
    kind = desk.board.tasks[body["at"] or 0].kind
    return desk.answer(Answer(body["id"], body["hash"], kind, body["value"], body["by"], now(), body["status"]))


CALLS = {
    "start": Call(("by",), lambda desk, body: desk.start(body["by"])),
    "open": Call(("by", "at", "to"), lambda desk, body: desk.open(body["by"], body["at"], body["to"])),
    "answer": Call(("by", "at", "id", "hash", "value", "status"), _answer),
    "undo": Call(("by",), lambda desk, body: desk.undo(body["by"])),
    "whole": Call(("at",), lambda desk, body: {"text": desk.whole(body["at"] or 0)}),
}
