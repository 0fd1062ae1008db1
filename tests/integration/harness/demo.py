"""A running host that brings its own broker and feed, with http on a port of its own."""
import json
import os
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

from . import paths
from .host import environment
from .process import Process
from .waiting import PATIENCE, wait_for


class Demo(unittest.TestCase):
    """`OPTIONS` are more of `-s`, `ARGUMENTS` more arguments of `run`. One host for all tests of a
    class that leave it as it was; `start()` makes another for one that does not."""

    OPTIONS = ()
    ARGUMENTS = ()

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory(prefix="take5-")
        cls.directory = cls.temporary.name
        cls.host = cls.start("host")

    @classmethod
    def tearDownClass(cls):
        cls.host.process.kill()
        cls.temporary.cleanup()

    @classmethod
    def start(cls, name, options=(), arguments=()):
        return Running(os.path.join(cls.directory, name), [*cls.OPTIONS, *options],
                       [*cls.ARGUMENTS, *arguments])


class Running:
    def __init__(self, directory, options, arguments):
        os.makedirs(directory)
        self.run_dir = os.path.join(directory, "run")
        chosen = ["http.enabled=yes", "http.port=0", f"take5.run_dir={self.run_dir}", *options]
        self.process = Process(
            [paths.HOST, "run", "--demo", *arguments, *(f"-s{option}" for option in chosen)],
            os.path.join(directory, "log"), directory=directory,
            # The demo's own directory stays behind when it is killed: here it goes with the test's.
            environment=environment() | {"TMPDIR": directory})
        self.port = int(self.process.wait_event("http.listening", r":(\d+) event=", 120).group(1))
        self.url = f"http://127.0.0.1:{self.port}"

    def ask(self, path, method="GET", timeout_s=30):
        """(status, headers, body)"""
        request = urllib.request.Request(self.url + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=timeout_s * PATIENCE) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, error.read().decode()

    def json(self, path, status=200):
        got, headers, body = self.ask(path)
        assert got == status, f"{path}: {got}: {body}"
        assert headers["Content-Type"] == "application/json", headers
        return json.loads(body)

    def metrics(self):
        """{sample: value}"""
        lines = self.ask("/metrics")[2].splitlines()
        return {line.rsplit(" ", 1)[0]: float(line.rsplit(" ", 1)[1])
                for line in lines if not line.startswith("#")}

    def wait_json(self, what, path, probe, timeout_s=60):
        last = [None]

        def look():
            last[0] = json.loads(self.ask(path)[2])
            return probe(last[0])

        wait_for(lambda: f"{what}; {path} says {json.dumps(last[0])[:2000]}; the log ends:\n"
                 f"{self.process.log_tail()}", look, timeout_s)
        return last[0]

    def ctl(self, *arguments, timeout_s=60):
        """(exit code, stdout, stderr)"""
        done = subprocess.run(
            [paths.HOST, "ctl", f"-stake5.run_dir={self.run_dir}", *arguments],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment(),
            timeout=timeout_s * PATIENCE, check=False)
        return done.returncode, done.stdout, done.stderr
