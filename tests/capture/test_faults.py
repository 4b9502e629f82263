"""Disks that fail while traffic passes: full, broken, read-only. Replies are whole, the gap is recorded and shown."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.capture.running import Proxy, ask, start
from tests.capture.server import Piece, Request, Upstream, chunked, message_events, reply, stream_head
from toolkit.capture.transport import record
from toolkit.cli import main
from toolkit.store.calls import Tally, calls

BODY = json.dumps({"id": "msg_1", "filler": "a word " * 700}).encode()
EVENTS = message_events("Where ", "the parcel ", "is, nobody knows.")
Mount = Callable[..., Path]
Begin = Callable[..., Proxy]


def _answer(request: Request) -> Sequence[Piece]:
    if request.target.endswith("s"):
        return [stream_head(), *[chunked(each) for each in EVENTS], b"0\r\n\r\n"]
    return [reply(BODY)]


@pytest.fixture
def begin() -> Iterator[Begin]:
    """Proxies that a failing test leaves are stopped."""
    made: list[Proxy] = []

    def started(*told: Any) -> Proxy:
        made.append(start(*told))
        return made[-1]

    yield started
    for each in made:
        if each.process.poll() is None:
            each.process.kill()
            each.process.communicate()


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Mount]:
    """A disk of its own, of so many bytes; only who may mount one can run the test."""
    made: list[Path] = []

    def mount(options: str) -> Path:
        folder = tmp_path / "disk"
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", options, "none", str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"no disk can be mounted here: {done.stderr.strip()}")
        made.append(folder)
        return folder

    yield mount
    for each in made:
        subprocess.run(["umount", "-l", str(each)], check=True)


def _remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", str(folder)], check=True)


def _traffic(proxy: Proxy, n: int = 6) -> None:
    """Calls of both kinds; each client has every byte."""
    for at in range(n):
        status, _, body = ask(proxy.url, "/v1/s" if at % 2 else "/v1/n", body=b"x" * 3_000)
        assert status == 200
        assert hashlib.sha256(body).digest() == hashlib.sha256(b"".join(EVENTS) if at % 2 else BODY).digest()


def _until_recorded(proxy: Proxy) -> None:
    end = time.monotonic() + 10
    while not proxy.health()[1]["writable"]:
        assert time.monotonic() < end, proxy.health()
        time.sleep(0.05)
        assert ask(proxy.url, "/v1/n")[0] == 200


def _shown(proxy: Proxy, *reasons: str) -> None:
    """The gap is in the log with its reason, on the terminal, and in the exit code of `status`."""
    code, said = proxy.stop()
    assert code == 0 and "calls pass unrecorded" in said and "recorded again" in said
    found = list(calls(proxy.log, tally := Tally()))
    assert [gap["reason"] for gap in tally.gaps] == list(reasons)
    assert found[-1].whole and any(gap["frames"] for gap in tally.gaps)
    assert not tally.torn
    assert main(["capture", "status", str(proxy.log)]) == 1
    assert main(["capture", "compact", str(proxy.log), "--out", "out.jsonl"]) == 0


@pytest.mark.parametrize("fsync", ["interval", "final"])
def test_a_disk_that_fills_up_and_is_made_larger(fsync: str, disk: Mount, begin: Begin) -> None:
    folder = disk("size=64k")
    with Upstream(_answer) as upstream:
        proxy = begin(upstream.url, folder / "log", "--fsync", fsync)
        _traffic(proxy, 16)
        status, told = proxy.health()
        assert status == 503 and told["writable"] is False and told["last_error"] == "No space left on device"
        _remount(folder, "size=4m")
        _until_recorded(proxy)
        _traffic(proxy)
        time.sleep(1.1)  # the terminal is told once a second
        _shown(proxy, "No space left on device")


def test_a_read_only_disk_that_becomes_writable(disk: Mount, begin: Begin) -> None:
    folder = disk("size=4m")
    _remount(folder, "ro")
    with Upstream(_answer) as upstream:
        proxy = begin(upstream.url, folder / "log")
        _traffic(proxy)
        assert proxy.health()[1]["last_error"] == "Read-only file system"
        time.sleep(1.1)
        _remount(folder, "rw")
        _until_recorded(proxy)
        _traffic(proxy)
        time.sleep(1.1)
        _shown(proxy, "Read-only file system")


BREAKS = """
import os, signal, sys
from toolkit.cli import main

def broken(*_):
    # A write to this file at the address 0 is an input/output error of the kernel's own.
    bad = os.open("/proc/self/mem", os.O_RDWR)
    for each in os.listdir("/proc/self/fd"):
        try:
            if os.readlink(f"/proc/self/fd/{each}").endswith(".frames"):
                os.dup2(bad, int(each))
        except OSError:
            pass

signal.signal(signal.SIGUSR1, broken)
sys.exit(main(sys.argv[1:]))
"""
needs_proc = pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no /proc/self/mem to get an EIO from")


@needs_proc
@pytest.mark.parametrize("options", [(), ("--on-error", "refuse"), ("--fsync", "final")])
def test_a_disk_that_breaks(options: tuple[str, ...], tmp_path: Path) -> None:
    with Upstream(_answer) as upstream:
        command = [
            sys.executable,
            "-c",
            BREAKS,
            "capture",
            "proxy",
            "--upstream",
            upstream.url,
            "--port",
            "0",
            "--json",
        ]
        process = subprocess.Popen(
            [*command, "--log", str(tmp_path / "log"), *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stdout is not None
        proxy = Proxy(process, json.loads(process.stdout.readline())["url"], tmp_path / "log")
        _traffic(proxy)
        os.kill(process.pid, signal.SIGUSR1)
        time.sleep(0.1)
        status, _, body = ask(proxy.url, "/v1/n")
        assert (status, body) == (200, BODY) if "refuse" not in options else status == 503
        assert proxy.health()[1]["last_error"] in ("Input/output error", "Invalid argument")  # of a write, of a sync
        time.sleep(1.1)
        _until_recorded(proxy)
        _traffic(proxy)
        proxy.stop()
    found = list(calls(proxy.log, tally := Tally()))
    assert tally.gaps and tally.segments >= 2
    assert sum(each.whole for each in found) >= 12


@needs_proc
def test_a_disk_that_breaks_under_an_application(tmp_path: Path) -> None:
    recorder = record(tmp_path / "log")
    with Upstream(_answer) as upstream, httpx2.Client(transport=recorder) as client:
        assert client.post(f"{upstream.url}/v1/n", json={}).content == BODY
        bad = os.open("/proc/self/mem", os.O_RDWR)
        os.dup2(bad, recorder._log._file)
        os.close(bad)
        for path, wanted in (("n", BODY), ("s", b"".join(EVENTS))):
            assert client.post(f"{upstream.url}/v1/{path}", json={}).content == wanted
        assert recorder.lost >= 1 and recorder.trouble
        time.sleep(0.25)
        assert client.post(f"{upstream.url}/v1/n", json={}).content == BODY
    found = list(calls(tmp_path / "log", tally := Tally()))
    assert tally.gaps[0]["reason"] in ("Input/output error", "Invalid argument")
    assert found[-1].whole and found[0].whole


NOBODY = """
import os, sys, time
from pathlib import Path
from toolkit.store.frames import FrameLog, Kind

folder = Path(sys.argv[1])
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
log = FrameLog(folder, sync="off", segment_bytes=400)
os.chmod(folder, 0o500)
written = [log.write(Kind.NOTE, 1, {}, b"x" * 200) for _ in range(4)]
os.chmod(folder, 0o700)
time.sleep(0.25)
print(written, log.write(Kind.NOTE, 1, {}, b"y"), log.trouble)
log.close()
"""


def test_a_folder_that_nobody_may_write() -> None:
    """As another user than root, who may write anywhere; the segment at hand is full, so a new one is needed."""
    with tempfile.TemporaryDirectory() as name:
        if os.getuid() == 0:
            os.chown(name, 65534, 65534)
        told = subprocess.run([sys.executable, "-c", NOBODY, name], capture_output=True, text=True, check=False)
        assert told.stdout.strip() == "[True, True, False, False] True Permission denied", told.stderr
        list(calls(Path(name), tally := Tally()))
    assert [gap["reason"] for gap in tally.gaps] == ["Permission denied"]
