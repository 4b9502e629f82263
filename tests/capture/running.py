"""A proxy as a user starts it, for tests."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.store.calls import Call, Tally, calls


@dataclass
class Proxy:
    """A running `toolkit capture proxy`."""

    process: subprocess.Popen[str]
    url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def health(self) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request("GET", "/-/toolkit/health")
        answer = connection.getresponse()
        told = answer.status, json.loads(answer.read())
        connection.close()
        return told

    def stop(self) -> tuple[int, str]:
        """Stop as Ctrl-C does; exit code and what it said."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        _, said = self.process.communicate(timeout=30)
        return self.process.returncode, said

    def calls(self, tally: Tally | None = None) -> list[Call]:
        return list(calls(self.log, tally))


def start(
    upstream: str, log: Path, *options: str, before: Callable[[], None] | None = None, **environment: str
) -> Proxy:
    command = [sys.executable, "-m", "toolkit", "capture", "proxy", "--upstream", upstream, "--log", str(log)]
    process = subprocess.Popen(
        [*command, "--port", "0", "--json", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
        preexec_fn=before,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise AssertionError(process.communicate()[1])
    return Proxy(process, json.loads(line)["url"], log)


def ask(
    url: str, path: str = "/v1/messages", body: bytes | None = b"{}", method: str = "POST", **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One request by the standard library's client: status, headers and the body as it came."""
    connection = http.client.HTTPConnection("127.0.0.1", int(url.rsplit(":", 1)[1]), timeout=30)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        connection.request(method, path, body=body, headers={"content-type": "application/json", **named})
        answer = connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()
    finally:
        connection.close()
