"""What tests of commands share that need no broker."""
import json
import os
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest

BUILD = os.environ["TAKE5_BUILD_DIR"]
TAKE5 = os.path.join(BUILD, "host", "take5")
# On a machine whose system has a configuration with strategies of its own.
INSTALLED = os.path.join(BUILD, "tests", "installed", "bin", "take5")
VARIANT = os.environ.get("TAKE5_VARIANT", "plain")
PATIENCE = float(os.environ.get("TAKE5_PATIENCE", "1")) * (1 if VARIANT == "plain" else 6)


def environment(variables=None):
    """Ours without what would reconfigure the host, and with these."""
    names = ("RUN_MODE", "LOG_LEVEL", "ENABLE_COLOR_LOGS")
    return {**{name: value for name, value in os.environ.items()
               if not name.startswith("KAFKA_") and name not in names}, **(variables or {})}


def json_lines(data):
    return [json.loads(line) for line in data.splitlines()]


class Terminal:
    """What a program writes to a terminal."""

    def __init__(self):
        self.ours, self.theirs = pty.openpty()
        self.seen = ""

    def close(self):
        os.close(self.ours)

    def read(self, until=None):
        """Until it shows the pattern; without one to its end. Gives all that it ever showed."""
        deadline = time.monotonic() + 60 * PATIENCE
        while until is None or not re.search(until, self.seen):
            if time.monotonic() > deadline:
                raise AssertionError(f"no {until or 'end'} in {self.seen}")
            if not select.select([self.ours], [], [], 1)[0]:
                continue
            try:
                self.seen += os.read(self.ours, 4096).decode()
            except OSError as error:  # the other end is closed
                if until is not None:
                    raise AssertionError(f"no {until} in {self.seen}") from error
                break
        return self.seen


class Offline(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="take5-")
        self.addCleanup(shutil.rmtree, self.directory, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.directory, name)

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data if isinstance(data, bytes) else data.encode())
        return self.path(name)

    def take5(self, *arguments, code=0, data=None, timeout_s=120, program=TAKE5, variables=None):
        """Runs a command to its end, which must be `code`."""
        done = subprocess.run(
            [program, *map(str, arguments)], capture_output=True, env=environment(variables),
            cwd=self.directory, timeout=timeout_s * PATIENCE, check=False,
            **({"input": data} if data is not None else {"stdin": subprocess.DEVNULL}))
        self.assertEqual(done.returncode, code, (done.stdout + done.stderr).decode()[-4000:])
        return done

    def start(self, *arguments, variables=None, **options):
        """Runs on; killed at the test's end if it is still there."""
        process = subprocess.Popen([TAKE5, *map(str, arguments)], env=environment(variables),
                                   cwd=self.directory, **options)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

        self.addCleanup(end)
        return process

    def on_terminal(self, *arguments, **options):
        """(process, terminal): runs on, with a terminal for its stderr."""
        terminal = Terminal()
        self.addCleanup(terminal.close)
        process = self.start(*arguments, stdout=subprocess.DEVNULL, stderr=terminal.theirs,
                             **options)
        os.close(terminal.theirs)
        return process, terminal

    def fed_on_terminal(self, shows, recording, *arguments):
        """A command whose last argument is a FIFO: what comes behind the recording's first line
        comes when the terminal has shown that. Gives all that it showed, and expects 0."""
        with open(recording, "rb") as file:
            first, rest = file.readline(), file.read()
        os.mkfifo(self.path("fifo"))
        process, terminal = self.on_terminal(*arguments, self.path("fifo"))
        with open(self.path("fifo"), "wb") as file:
            file.write(first)
            file.flush()
            terminal.read(shows)
            file.write(rest)
        seen = terminal.read()
        self.assertEqual(self.wait(process), 0, seen)
        os.unlink(self.path("fifo"))
        return seen

    def wait(self, process, timeout_s=60):
        return process.wait(timeout_s * PATIENCE)

    def peak_kb(self, process):
        """Waits for its end, which must be good; gives its largest resident size."""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        self.assertEqual(process.returncode, 0)
        return usage.ru_maxrss


