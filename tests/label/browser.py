"""A headless Chromium under a test's hands, over its own DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import aiohttp

BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-default-apps", "--mute-audio",
    "--disable-extensions", "--remote-debugging-port=0",
)  # fmt: skip
WAIT_S = 15.0
CODES = {"Enter": 13, "Escape": 27, "ArrowDown": 40, "ArrowUp": 38}


class Chromium:
    """One browser process; `tab` opens a page that shares nothing with the others."""

    def __init__(self, folder: Path) -> None:
        command = [str(BROWSER), *FLAGS, f"--user-data-dir={folder / 'profile'}", "about:blank"]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.runner = asyncio.Runner()
        self.numbers = itertools.count(1)
        self.events: list[dict[str, Any]] = []
        self.runner.run(self._connect())

    async def _connect(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if found := re.search(r"ws://\S+", line):
                break
        self.session = aiohttp.ClientSession()
        self.socket = await self.session.ws_connect(found.group(), max_msg_size=0)

    def send(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        return self.runner.run(self._send(method, session, params))

    async def _send(self, method: str, session: str, params: dict[str, Any]) -> dict[str, Any]:
        number = next(self.numbers)
        asked = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        await self.socket.send_json(asked)
        while True:
            told = json.loads((await self.socket.receive(WAIT_S)).data)
            if told.get("id") == number:
                assert "error" not in told, told["error"]
                return told["result"]
            self.events.append(told)

    def tab(self, url: str, *, width: int = 1280, height: int = 800) -> Tab:
        context = self.send("Target.createBrowserContext")["browserContextId"]
        target = self.send("Target.createTarget", url="about:blank", browserContextId=context)["targetId"]
        session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        tab = Tab(self, session)
        tab.send("Page.enable")
        tab.send("Runtime.enable")
        tab.send("Log.enable")
        tab.send("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        tab.send("Page.navigate", url=url)
        return tab

    def close(self) -> None:
        self.runner.run(self._close())
        self.runner.close()
        assert self.process.stderr is not None
        self.process.stderr.close()
        self.process.wait(10)

    async def _close(self) -> None:
        await self._send("Browser.close", "", {})
        await self.socket.close()
        await self.session.close()


class Tab:
    """One page: keys pressed in it, and what it then shows."""

    def __init__(self, browser: Chromium, session: str) -> None:
        self.browser, self.session = browser, session

    def send(self, method: str, **params: Any) -> dict[str, Any]:
        return self.browser.send(method, self.session, **params)

    def js(self, code: str) -> Any:
        told = self.send("Runtime.evaluate", expression=code, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told
        return told["result"].get("value")

    def until(self, code: str) -> Any:
        """The first value of `code` that is true."""
        end = time.monotonic() + WAIT_S
        while not (value := self.js(code)):
            assert time.monotonic() < end, f"never: {code}; the page says {self.js('document.body.innerText')!r}"
            time.sleep(0.02)
        return value

    def press(self, *keys: str) -> None:
        for key in keys:
            text = "\r" if key == "Enter" else key if len(key) == 1 else ""
            self._key(key, text, 0)

    def press_with_control(self, key: str) -> None:
        self._key(key, "", 2)

    def _key(self, key: str, text: str, modifiers: int) -> None:
        code = CODES.get(key, 0)
        told = {"key": key, "modifiers": modifiers, "windowsVirtualKeyCode": code}
        self.send("Input.dispatchKeyEvent", type="keyDown", text=text, **told)
        self.send("Input.dispatchKeyEvent", type="keyUp", **told)

    def write(self, text: str) -> None:
        self.send("Input.insertText", text=text)

    def begin(self, name: str) -> None:
        """Give a name at the start."""
        self.until("document.querySelector('#hello') && document.querySelector('#hello').open")
        self.js(f"document.querySelector('#name').value = {json.dumps(name)}")
        self.press("Enter")
        self.until("!document.querySelector('#hello').open")

    def at(self, row: int) -> None:
        """Wait for a row of the queue, from 1."""
        self.until(f"document.querySelector('#where').textContent.startsWith('Row {row} of')")

    def text(self, id: str) -> str:
        return self.js(f"document.getElementById({json.dumps(id)}).textContent")

    def shot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.send("Page.captureScreenshot", format="png")["data"]))
