"""Chromium without a screen, told what to do by its own driver (WebDriver over HTTP)."""
import base64
import contextlib
import json
import os
import re
import tempfile
import urllib.error
import urllib.request

from .host import environment
from .process import Process
from .waiting import PATIENCE, wait_for

ARGUMENTS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync",
             "--disable-dev-shm-usage")


class Browser:
    """One window. `close()` it."""

    def __init__(self, width=1600, height=1000):
        self.temporary = tempfile.TemporaryDirectory(prefix="take5-browser-")
        log = os.path.join(self.temporary.name, "log")
        self.driver = Process(["/usr/bin/chromedriver", "--port=0"], log,
                              directory=self.temporary.name,
                              environment=environment() | {"TMPDIR": self.temporary.name,
                                                           "HOME": self.temporary.name})
        port = self.driver.wait_log(r"started successfully on port (\d+)", 60).group(1)
        self.url = f"http://127.0.0.1:{port}"
        arguments = [*ARGUMENTS, f"--user-data-dir={self.temporary.name}/profile",
                     f"--window-size={width},{height}"]
        session = self._ask("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.url += f"/session/{session['sessionId']}"

    def close(self):
        with contextlib.suppress(OSError):
            self._ask("DELETE", "", None)
        self.driver.kill()
        with contextlib.suppress(OSError):  # a process of its may still write there
            self.temporary.cleanup()

    def _ask(self, method, path, body):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method,
                                         headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=120 * PATIENCE) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{path}: {error.read().decode()[:2000]}") from error

    def open(self, url):
        self._ask("POST", "/url", {"url": url})

    def run(self, script, *arguments):
        """What the script returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": list(arguments)})

    def text(self, selector):
        return self.run("const e = document.querySelector(arguments[0]);"
                        "return e ? e.innerText : null", selector)

    def wait(self, what, script, timeout_s=30):
        """Until the script returns something that is true; that."""
        found = [None]

        def look():
            found[0] = self.run(script)
            return found[0]

        wait_for(lambda: f"{what}; the console says {self.console()}", look, timeout_s)
        return found[0]

    def command(self, name, **parameters):
        """Of the DevTools protocol."""
        return self._ask("POST", "/goog/cdp/execute", {"cmd": name, "params": parameters})

    def resize(self, width, height):
        self.command("Emulation.setDeviceMetricsOverride", width=width, height=height,
                     deviceScaleFactor=1, mobile=False)

    def wish(self, scheme):
        """"light" or "dark": what the system prefers."""
        self.command("Emulation.setEmulatedMedia",
                     features=[{"name": "prefers-color-scheme", "value": scheme}])

    def scripts(self, are_on):
        self.command("Emulation.setScriptExecutionDisabled", value=not are_on)

    def console(self):
        """What has come since the last call, worse than a hint."""
        return [entry["message"] for entry in self._ask("POST", "/se/log", {"type": "browser"})
                if entry["level"] in ("SEVERE", "WARNING")]

    def screenshot(self, path):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(base64.b64decode(self._ask("GET", "/screenshot", None)))

    def find(self, pattern, selector="body"):
        return re.search(pattern, self.text(selector) or "")
