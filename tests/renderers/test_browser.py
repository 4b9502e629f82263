"""The HTML report in a real browser: nothing is asked of any host, nothing runs, and it paints."""

from __future__ import annotations

import re
import shutil
import socketserver
import subprocess
import threading
from pathlib import Path

import pytest

from tests.renderers import sample
from toolkit.renderers.html import Html

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")

FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--mute-audio",
)  # fmt: skip


class Wire(socketserver.ThreadingTCPServer):
    """A proxy that answers nobody and remembers the first line of every request."""

    daemon_threads = True

    def __init__(self) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), Listener)


class Listener(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        self.server.asked.append(self.rfile.readline().decode("latin-1").strip())
        self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.fixture
def wire():
    with Wire() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def browse(page: Path, wire: Wire, *flags: str) -> str:
    """The document after scripts had two seconds, as text."""
    proxy = (f"--proxy-server=127.0.0.1:{wire.server_address[1]}", "--proxy-bypass-list=<-loopback>")
    profile = f"--user-data-dir={page.parent / 'profile'}"
    command = [BROWSER, *FLAGS, profile, *proxy, "--virtual-time-budget=2000", *flags, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return done.stdout


def asked(wire: Wire) -> list[str]:
    """What was asked, but for what the browser asks of its maker on its own account; no page here names that host."""
    own = re.compile(r"\w+ (?:https?://)?[\w.-]*\b(?:google|googleapis|gstatic)\.com\b")
    return [line for line in wire.asked if not own.match(line)]


def test_the_browser_would_show_an_attack(tmp_path, wire):
    """The control: the same attacks, unescaped and without a policy, do run and do ask."""
    page = tmp_path / "naive.html"
    page.write_text(
        f"<!doctype html><title>x</title>{sample.HOSTILE[1]}<img src=http://evil.test/p.png>{sample.HOSTILE[2]}"
    )
    assert "owned" in browse(page, wire, "--dump-dom").split("</title>")[0]
    assert any("evil.test" in line for line in asked(wire))


def test_a_hostile_report_runs_and_asks_nothing(tmp_path, wire):
    page = tmp_path / "readiness.html"
    page.write_text(Html().render(sample.hostile()), encoding="utf-8")
    found = browse(page, wire, "--dump-dom")
    assert asked(wire) == []
    head = found.split("</title>")[0]
    assert "<title>READY WITH RISKS: " in head
    assert "data-owned" not in found.split("<body")[0]
    assert "<script" not in found


def test_the_report_paints(tmp_path, wire):
    page, shot = tmp_path / "readiness.html", tmp_path / "shot.png"
    page.write_text(Html().render(sample.usual()), encoding="utf-8")
    browse(page, wire, f"--screenshot={shot}", "--window-size=1200,3000")
    assert asked(wire) == []
    assert shot.read_bytes().startswith(b"\x89PNG")
    assert shot.stat().st_size > 50_000, "a blank page of this size compresses to less"
