"""Headless Chromium, asked by its DevTools protocol: what a page shows, and whether anything in it ran."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from tornado.ioloop import IOLoop
from tornado.websocket import WebSocketClientConnection, websocket_connect

PROGRAM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
MISSING = "needs Chromium, to look at pages as a reader does"
_OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-port=0"),
    "--disable-dev-shm-usage",
    *("--no-first-run", "--disable-background-networking", "--window-size=1200,800"),
)
_SECONDS = 60


class Page:
    """A page in a tab.

    ``events`` are what the browser reported: dialogs that were opened, exceptions, breaches of the policy.
    """

    def __init__(self, loop: IOLoop, socket: WebSocketClientConnection) -> None:
        self._loop, self._socket = loop, socket
        self._number = 0
        self.events: list[str] = []

    def ask(self, method: str, **params: Any) -> Any:
        """The browser's answer to a command."""
        self._number += 1
        text = json.dumps({"id": self._number, "method": method, "params": params})
        self._loop.run_sync(lambda: self._socket.write_message(text), timeout=_SECONDS)
        while True:
            text = self._loop.run_sync(self._socket.read_message, timeout=_SECONDS)
            assert text is not None, "the browser has gone"
            message = json.loads(text)
            if message.get("id") == self._number:
                assert "error" not in message, message
                return message["result"]
            self._note(message)

    def _note(self, message: dict[str, Any]) -> None:
        method, params = message.get("method"), message.get("params", {})
        if method == "Page.javascriptDialogOpening":
            self.events.append(f"dialog {params['message']}")
        elif method == "Runtime.exceptionThrown":
            self.events.append(f"exception {params['exceptionDetails']}")
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.events.append(f"error {params['entry']['text']}")

    def value(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + _SECONDS
        while not self.value(expression):
            assert time.monotonic() < end, (expression, self.events)
            time.sleep(0.05)

    def point_at(self, x: float, y: float) -> None:
        """Move the pointer, to pixels of the window."""
        for shift in (3, 0):
            self.ask("Input.dispatchMouseEvent", type="mouseMoved", x=x + shift, y=y)

    def text(self) -> str:
        """All text that the page shows, in shadow roots too."""
        return str(self.value(f"({TEXT})(document.body)"))


_READY = """(() => {
  try { return Bokeh.documents[0].get_model_by_name("hover 0").tooltips != null } catch { return false }
})()"""
"""The page's script has done its work; before, there is no document or half of one."""
TEXT = """function text(node) {
  if (["SCRIPT", "STYLE"].includes(node.nodeName)) return ""
  if (node.nodeType === Node.TEXT_NODE) return node.data
  return [...(node.shadowRoot ? node.shadowRoot.childNodes : []), ...node.childNodes].map(text).join(" ")
}"""


@contextmanager
def page(content: str | bytes, folder: Path) -> Iterator[Page]:
    """Open a page, kept in a folder, in a browser of its own; it is there when Bokeh has drawn it."""
    file = folder / "page.html"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    profile = folder / "profile"
    process = subprocess.Popen(
        [str(PROGRAM), *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    loop = IOLoop(make_current=False)
    try:
        address = _address(profile / "DevToolsActivePort")
        connect = lambda: websocket_connect(address, max_message_size=2**28)  # noqa: E731
        tab = Page(loop, loop.run_sync(connect, timeout=_SECONDS))
        for domain in ("Page", "Runtime", "Log"):
            tab.ask(f"{domain}.enable")
        tab.ask("Page.navigate", url=file.as_uri())
        tab.wait(_READY)
        yield tab
    finally:
        process.terminate()
        process.wait()
        loop.close()


def _address(port_file: Path) -> str:
    """The address of the tab of a browser that is starting."""
    end = time.monotonic() + _SECONDS
    while time.monotonic() < end:
        if port_file.exists() and port_file.read_text().strip():
            port = port_file.read_text().splitlines()[0]
            with urlopen(f"http://127.0.0.1:{port}/json") as answer:
                tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
            if tabs:
                return str(tabs[0]["webSocketDebuggerUrl"])
        time.sleep(0.05)
    raise AssertionError("the browser has not started")
