"""The labelling page as a process of its own, which can be killed."""

from __future__ import annotations

import json
import subprocess
import sys


class Page:
    """`toolkit label ... --serve` as a process of its own. url: as it was printed."""

    def __init__(self, *arguments: str) -> None:
        self.arguments = arguments
        self.start("0")

    def start(self, port: str) -> None:
        command = [sys.executable, "-m", "toolkit", "label", *self.arguments, "--serve", "--json", "--no-open"]
        self.process = subprocess.Popen(
            [*command, "--port", port], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.process.communicate()[1]
        self.url = json.loads(line)["url"]
        self.port = self.url.split(":")[2].split("/")[0]

    def stop(self) -> str:
        """End it as Ctrl-C does; returns what it printed last."""
        self.process.terminate()
        out, err = self.process.communicate(timeout=20)
        assert self.process.returncode == 0, err
        assert "Traceback" not in err
        return out

    def kill(self) -> None:
        self.process.kill()
        if not self.process.stdout.closed:
            self.process.communicate(timeout=20)
