"""`toolkit capture proxy`: record the calls of any program that talks to a model's API."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from toolkit.cli import _options as opts

if TYPE_CHECKING:
    from collections.abc import Callable


def command(
    upstream: Annotated[str, typer.Option("--upstream", help="Where the calls go: https://api.anthropic.com.")],
    log: Annotated[Path, typer.Option("--log", help="Folder of the frame log.")] = Path("capture"),
    port: Annotated[
        int, typer.Option("--port", help="Port to listen on; 0 takes a free one.", max=65535, min=0)
    ] = 8787,
    host: Annotated[str, typer.Option("--host", help="Address to listen on; other than loopback needs --token.")] = (
        "127.0.0.1"
    ),
    token: Annotated[
        str, typer.Option("--token", help="What callers must send as x-toolkit-token.", envvar="TOOLKIT_CAPTURE_TOKEN")
    ] = "",
    fsync: Annotated[
        str, typer.Option("--fsync", help="off, interval (every 50 ms) or final (before a reply's last byte).")
    ] = "interval",
    on_error: Annotated[
        str, typer.Option("--on-error", help="When the log cannot be written: pass calls on, or refuse them.")
    ] = "pass",
    drain: Annotated[
        bool, typer.Option("--drain", help="Let a reply come to its end though the client hung up; it costs tokens.")
    ] = False,
    upstream_ca: Annotated[str, typer.Option("--upstream-ca", help="File of PEM certificates to trust.")] = "",
    connections: Annotated[
        int, typer.Option("--connections", help="Most connections at once; the longest idle one makes room.", min=1)
    ] = 2000,
    json: opts.AsJson = False,
) -> None:
    """Relay calls byte for byte and write each into the log before it goes on; stop with Ctrl-C.

    Set ANTHROPIC_BASE_URL or OPENAI_BASE_URL of the program to the address, nothing else changes. Headers
    x-toolkit-tag-NAME are kept as tags and not sent on. No key is written. GET /-/toolkit/health counts.
    """
    import json as lines

    from toolkit.capture.door import Settings
    from toolkit.capture.proxy import proxy
    from toolkit.core.errors import unknown

    if fsync not in ("off", "interval", "final"):
        raise unknown("--fsync", fsync, ("off", "interval", "final"))
    if on_error not in ("pass", "refuse"):
        raise unknown("--on-error", on_error, ("pass", "refuse"))
    settings = Settings(
        upstream, log, host, port, token, _sync(fsync), on_error == "refuse", drain,
        Path(upstream_ca) if upstream_ca else None, connections,
    )  # fmt: skip

    def ready(address: str) -> None:
        if json:
            print(lines.dumps({"url": address, "log": str(log), "health": f"{address}/-/toolkit/health"}), flush=True)
        opts.say(f"{address} -> {upstream}, into {log}/")
        opts.say(f"  ANTHROPIC_BASE_URL={address}    or    OPENAI_BASE_URL={address}/v1    (Ctrl-C stops)")

    tick = _ticker()
    told = proxy(settings, ready=ready, tick=tick)
    tick(told)
    if sys.stderr.isatty():
        opts.say()
    opts.say(_line(told))
    if json:
        print(lines.dumps(told))
    else:
        opts.say(f"try: toolkit capture compact {log} --out captured")


def _sync(word: str) -> Literal["off", "interval", "final"]:
    return "off" if word == "off" else "final" if word == "final" else "interval"


def _ticker() -> Callable[[dict[str, Any]], None]:
    """A live line on a terminal; in a pipe a line only when recording stops or goes on."""
    live, seen = sys.stderr.isatty(), {"gaps": 0, "writable": True}

    def tick(told: dict[str, Any]) -> None:
        words = []
        if told["gaps"] > seen["gaps"]:
            words.append(f"warning: calls pass unrecorded: {told['last_error']}")
        if told["writable"] and (words or not seen["writable"]):
            words.append("note: calls are recorded again")
        seen.update(gaps=told["gaps"], writable=told["writable"])
        for each in words:
            opts.say(f"\r\033[K{each}" if live else each)
        if live:
            print(f"\r\033[K{_line(told)}", end="", file=sys.stderr, flush=True)

    return tick


def _spend(told: dict[str, Any]) -> str:
    """Dollars by the table of prices; compressed replies tell no tokens, so it is the least that was spent."""
    from toolkit.capture.spend import spent

    usd, unknown = spent(told)
    return f"at least ${usd:.4f}" + (", and models without a price" if unknown else "")


def _line(told: dict[str, Any]) -> str:
    failed = told["calls"] - told["open"] - told["outcomes"].get("complete", 0)
    parts = [f"{told['calls']:,} calls", f"{told['open']:,} open", f"{failed:,} incomplete"]
    parts += [f"{told['output_tokens_seen']:,} output tokens"] if told["output_tokens_seen"] else []
    parts += [_spend(told)] if told["tokens"] else []
    parts += [f"{told['log']['bytes'] / 1e6:,.1f} MB"]
    parts += [f"{told['gaps']:,} gaps, {told['calls_with_gap']:,} calls not whole"] if told["status"] != "ok" else []
    return ", ".join(parts)
