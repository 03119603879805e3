"""A headless Chromium driven over its DevTools pipe: nothing but the standard library and Debian's chromium."""

import base64
import fcntl
import json
import os
import select
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import unittest
from urllib.parse import urlsplit

BASE = os.environ.get("PARLEY_TEST_BASE", "")
SCREENSHOTS = pathlib.Path(os.environ.get("PARLEY_BUILD") or tempfile.gettempdir()) / "screenshots"
SKIPPED = 77

COMMAND_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
POLL_S = 0.05


class Browser:
    """One browser with one page. Keeps what the page complained of, and which hosts it asked."""

    def __init__(self):
        self._profile = tempfile.mkdtemp(prefix="parley-page-")
        to_browser, from_browser = self._start()
        self._write, self._read = to_browser, from_browser
        self._buffer, self._next, self._session = b"", 0, None
        self.complaints, self.requests = [], []
        target = self.command("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.command(f"{domain}.enable")

    def _start(self):
        browser_reads, we_write = os.pipe()
        we_read, browser_writes = os.pipe()
        # Chromium takes its commands on descriptor 3 and answers on 4.
        ends = [fcntl.fcntl(fd, fcntl.F_DUPFD, 10) for fd in (browser_reads, browser_writes)]

        def place():
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self._process = subprocess.Popen(
            ["chromium", "--headless=new", "--remote-debugging-pipe", f"--user-data-dir={self._profile}", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--hide-scrollbars", "--force-color-profile=srgb",
             *(["--no-sandbox"] if os.geteuid() == 0 else []), "about:blank"],
            preexec_fn=place, pass_fds=(3, 4), start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for fd in (browser_reads, browser_writes, *ends):
            os.close(fd)
        return we_write, we_read

    def command(self, method, **params):
        self._next += 1
        number = self._next
        message = {"id": number, "method": method, "params": params, **({"sessionId": self._session} if self._session else {})}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + COMMAND_TIMEOUT_S
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']['message']}")
                return answer["result"]

    def _receive(self, deadline):
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise TimeoutError("the browser does not answer")
            piece = os.read(self._read, 1 << 20)
            if not piece:
                raise RuntimeError("the browser ended")
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        message = json.loads(message)
        match message.get("method"):
            case "Runtime.exceptionThrown":
                details = message["params"]["exceptionDetails"]
                self.complaints.append(details.get("exception", {}).get("description", details["text"]))
            case "Log.entryAdded" if message["params"]["entry"]["level"] == "error":
                entry = message["params"]["entry"]
                self.complaints.append(f"{entry['text']} {entry.get('url', '')}")
            case "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
        return message

    def screen(self, width, height, phone=False, dark=False, language="en"):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=2 if phone else 1, mobile=phone)
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        agent = self.command("Runtime.evaluate", expression="navigator.userAgent")["result"]["value"]
        self.command("Network.setUserAgentOverride", userAgent=agent, acceptLanguage=language)

    def open(self, url):
        self.command("Page.navigate", url=url)

    def value(self, expression):
        answer = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(answer["exceptionDetails"].get("exception", {}).get("description", expression))
        return answer["result"].get("value")

    def wait(self, expression, timeout_s):
        """Waits until the expression is true in the page; says which one was not."""
        deadline = time.monotonic() + timeout_s
        while not self.value(expression):
            if time.monotonic() > deadline:
                raise TimeoutError(f"still not: {expression}; the page complained of {self.complaints}")
            time.sleep(POLL_S)

    def type_into(self, element_id, text):
        self.value(f"document.getElementById({json.dumps(element_id)}).focus()")
        self.command("Input.insertText", text=text)
        for kind in ("keyDown", "keyUp"):
            self.command("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")

    def screenshot(self, path, whole=False):
        data = self.command("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def close(self):
        os.close(self._write)  # the browser ends with its pipe
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._read)
        shutil.rmtree(self._profile, ignore_errors=True)


class PageTest(unittest.TestCase):
    """A page of the system at BASE, which complains of nothing and asks no other host."""

    def setUp(self):
        self.browser = Browser()
        self.addCleanup(self.browser.close)

    def tearDown(self):
        self.assertEqual(self.browser.complaints, [])
        self.assertEqual({urlsplit(url).netloc for url in self.browser.requests if url.startswith("http")}, {urlsplit(BASE).netloc})


def main():
    if not BASE:
        print("PARLEY_TEST_BASE is not set: skipped")
        sys.exit(SKIPPED)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    unittest.main(verbosity=2)
