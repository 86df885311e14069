"""Chromium without a window, driven over its own debugging protocol: no node, no driver, no port.

`--remote-debugging-pipe` reads JSON messages, each ended by a zero byte, from descriptor 3 and answers on 4.
See https://chromedevtools.github.io/devtools-protocol.
"""

from __future__ import annotations

import base64
import json
import os
import selectors
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

PATIENCE_S = 120.0
_FLAGS = (
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",  # as root there is none
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    # Proves that nothing outside this machine is needed.
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)
# The pipes have to be descriptors 3 and 4, which this process uses for something else.
_START = (
    "import fcntl, os, sys\n"
    "ends = [fcntl.fcntl(int(one), fcntl.F_DUPFD, 10) for one in sys.argv[1:3]]\n"
    "[os.dup2(end, at) for at, end in enumerate(ends, 3)]\n"
    "os.execv(sys.argv[3], sys.argv[3:])\n"
)


def chromium() -> str:
    """The program; "" if there is none."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return os.environ.get("DATAPIPE_CHROMIUM") or next(filter(None, found), "")


class Refused(Exception):
    """The browser could not do what it was asked."""


class Browser:
    """One page. Waits are bounded and name what did not come."""

    def __init__(self, profile: Path, wh: tuple[int, int] = (1400, 900)) -> None:
        """Start it with an empty profile, and a page of this size in px."""
        profile.mkdir(parents=True, exist_ok=True)
        read, their_write = os.pipe()
        their_read, write = os.pipe()
        command = [chromium(), *_FLAGS, f"--user-data-dir={profile}", f"--window-size={wh[0]},{wh[1]}"]
        command = [sys.executable, "-c", _START, str(their_read), str(their_write), *command, "about:blank"]
        self._process = subprocess.Popen(
            command, pass_fds=(their_read, their_write), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(their_read)
        os.close(their_write)
        self._read, self._write = read, write
        self._number, self._rest, self._session = 0, b"", ""
        self.hosts: set[str] = set()
        self._answered: set[str] = set()
        targets = self._call("Target.getTargets")["targetInfos"]
        page = next(one["targetId"] for one in targets if one["type"] == "page")
        self._session = self._call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        self._call("Network.enable")
        self._call("Page.enable")
        size = {"width": wh[0], "height": wh[1], "deviceScaleFactor": 1, "mobile": False}
        self._call("Emulation.setDeviceMetricsOverride", **size)
        self.always("localStorage.setItem('fiftyone-enterprise-tooltip-seen', 'true')")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._write)  # it ends when the pipe does
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)

    def always(self, script: str) -> None:
        """Run a script on every page before its own."""
        self._call("Page.addScriptToEvaluateOnNewDocument", source=script)

    def open(self, url: str) -> None:
        """Go to an address."""
        self._call("Page.navigate", url=url)

    def ask(self, expression: str) -> Any:
        """The value of an expression on the page."""
        found = self._call("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, f"{expression}: {found['exceptionDetails']}"
        return found["result"].get("value")

    def wait(self, expression: str, seconds: float = PATIENCE_S) -> Any:
        """Wait until an expression is true on the page, and give its value."""
        end = time.monotonic() + seconds
        while True:
            with suppress(Refused):  # between two pages there is none to ask
                if value := self.ask(expression):
                    return value
            assert time.monotonic() < end, f"not in {seconds:.0f} s: {expression}"
            time.sleep(0.1)

    def answered(self, path: str, seconds: float = PATIENCE_S) -> None:
        """Wait until the server has answered a request for a path."""
        end = time.monotonic() + seconds
        while path not in self._answered:
            assert time.monotonic() < end, f"no answer in {seconds:.0f} s: {path}"
            time.sleep(0.1)
            self._call("Target.getTargetInfo")  # events come with answers

    def box(self, css: str, text: str = "", seconds: float = PATIENCE_S) -> list[float]:
        """Left, top, width, height in px of the first visible element, its trimmed text being `text`."""
        found = (
            "[...document.querySelectorAll(%s)].filter(one => !%s || one.innerText?.trim() === %s)"
            ".map(one => one.getBoundingClientRect()).filter(box => box.width && box.height)"
            ".map(box => [box.left, box.top, box.width, box.height])[0]"
        )
        words = json.dumps(text)
        return list(self.wait(found % (json.dumps(css), words, words), seconds))

    def still(self, css: str, text: str = "") -> list[float]:
        """The same once it has stopped moving."""
        before, box = [], self.box(css, text)
        while box != before:
            time.sleep(0.2)
            before, box = box, self.box(css, text)
        return box

    def click(self, css: str, text: str = "") -> None:
        """Click into the middle of an element."""
        left, top, width, height = self.still(css, text)
        self.click_at(left + width / 2, top + height / 2)

    def move(self, x: float, y: float) -> None:
        """Move the mouse."""
        self._call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click_at(self, x: float, y: float) -> None:
        """Click at a place of the page, in px."""
        self.move(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Type a text where the cursor is."""
        self._call("Input.insertText", text=text)

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key, by its name and its Windows code: ("Enter", 13, "\\r"), ("Escape", 27)."""
        for kind in ("keyDown", "keyUp"):
            more = {"text": text} if text and kind == "keyDown" else {}
            self._call(
                "Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **more
            )

    def shot(self, path: Path) -> Path:
        """Write what is on screen as a PNG."""
        path.write_bytes(base64.b64decode(self._call("Page.captureScreenshot", format="png")["data"]))
        return path

    def _call(self, method: str, **values: Any) -> dict[str, Any]:
        self._number += 1
        message: dict[str, Any] = {"id": self._number, "method": method, "params": values}
        if self._session:
            message["sessionId"] = self._session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self._write, data) :]
        end = time.monotonic() + PATIENCE_S
        while True:
            answer = self._next(end)
            if answer.get("method") == "Network.requestWillBeSent":
                self.hosts.add(urlsplit(answer["params"]["request"]["url"]).hostname or "")
            if answer.get("method") == "Network.responseReceived":
                self._answered.add(urlsplit(answer["params"]["response"]["url"]).path)
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise Refused(f"{method}: {answer['error']}")
                return dict(answer["result"])

    def _next(self, end: float) -> dict[str, Any]:
        with selectors.DefaultSelector() as waiting:
            waiting.register(self._read, selectors.EVENT_READ)
            while b"\0" not in self._rest:
                assert waiting.select(max(0.0, end - time.monotonic())), "the browser does not answer"
                data = os.read(self._read, 1 << 20)
                assert data, "the browser has ended"
                self._rest += data
        one, _, self._rest = self._rest.partition(b"\0")
        return dict(json.loads(one))
