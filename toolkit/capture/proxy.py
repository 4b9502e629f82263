"""The proxy: applications on one side, a model's API on the other, the frame log in between."""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from toolkit.capture.client import Client
from toolkit.capture.door import Door, Settings
from toolkit.capture.upstream import Pool, target, trust
from toolkit.core.errors import MachineError, UsageError
from toolkit.store.frames import FrameLog

GRACE_S = 10.0
LOOPBACK = ("127.0.0.1", "::1", "localhost")
Told = dict[str, Any]
"""What `Door.health` says."""


def proxy(settings: Settings, *, ready: Callable[[str], None], tick: Callable[[Told], None] | None = None) -> Told:
    """Serve until SIGINT or SIGTERM; returns the counters. ready: called with the address once it listens.

    A signal lets the calls at hand end for ten seconds, a second one does not. tick: called each second.
    Raises UsageError, InputError, and MachineError where the port is taken or, with `refuse`, the log
    cannot be written.
    """
    where = target(settings.upstream)
    if settings.host not in LOOPBACK and not settings.token:
        what = f"--host {settings.host} lets others reach the proxy, and with it your traffic"
        raise UsageError(what, "add --token, or set TOOLKIT_CAPTURE_TOKEN")
    context = trust(where, settings.ca)
    _many_files(settings.most)
    return asyncio.run(_serve(settings, Pool(where, context), ready, tick))


async def _serve(
    settings: Settings, pool: Pool, ready: Callable[[str], None], tick: Callable[[Told], None] | None
) -> Told:
    listening = _listen(settings.host, settings.port)
    log = FrameLog(settings.folder, sync=settings.sync, must_open=settings.refuse)
    try:
        door = Door(settings, log, pool, asyncio.get_running_loop())
        server = await door.loop.create_server(lambda: Client(door), sock=listening, backlog=1024)
        now = asyncio.Event()
        await _until_stopped(door, now, lambda: ready(_address(listening)), tick)
        server.close()
        await _let_end(door, now)
        return door.health()
    finally:
        log.close()


def _listen(host: str, port: int) -> socket.socket:
    try:
        named = host.encode() if host.isascii() else host  # a str costs 0.6 MB of tables for names in other letters
        family = socket.getaddrinfo(named, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family, backlog=1024)
    except OSError as failure:
        what = f"{host}:{port} cannot be listened on: {os.strerror(failure.errno or 0)}"
        if isinstance(failure, socket.gaierror):
            what = f"--host {host} is no address of this machine: {failure.strerror}"
        raise MachineError(what, "name another port with --port, or stop what uses it") from failure


def _address(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


async def _until_stopped(
    door: Door, now: asyncio.Event, ready: Callable[[], None], tick: Callable[[Told], None] | None
) -> None:
    """Serve until the first signal; a second one sets `now`."""
    stop = asyncio.Event()
    for each in (signal.SIGINT, signal.SIGTERM):
        door.loop.add_signal_handler(each, lambda: now.set() if stop.is_set() else stop.set())
    gc.collect()
    gc.freeze()
    ready()
    while not stop.is_set():
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), 1.0)
        door.sweep()
        if tick is not None:
            tick(door.health())


async def _let_end(door: Door, now: asyncio.Event) -> None:
    """No new calls; those at hand may end, for a while."""
    door.stopping = True
    for client in list(door.idle):
        client.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(GRACE_S):
            while door.counters.open and not now.is_set():
                await asyncio.sleep(0.02)
    for exchange in list(door.draining):
        exchange.stop("stopped")
    for client in list(door.clients):
        if client.call is not None:
            client.call.stop("stopped")
        client.transport.close()
    door.pool.sweep(all_of_them=True)
    await asyncio.sleep(0)


def _many_files(most: int) -> None:
    """Two descriptors a connection, which is more than many shells allow by default."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * most + 256
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(
                resource.RLIMIT_NOFILE, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard)
            )
