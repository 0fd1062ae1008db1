"""A process with its output in a file, that never outlives the test."""
import atexit
import ctypes
import os
import re
import signal
import subprocess

from .waiting import PATIENCE, Timeout, wait_for

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
_RUNNING = set()


def _die_with_parent():
    """Also when ctest kills this test with no warning."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_all():
    """All that this test has started and that still runs."""
    for process in list(_RUNNING):
        process.kill()


def _terminate(number, _frame):
    end_all()
    os._exit(128 + number)


atexit.register(end_all)
signal.signal(signal.SIGTERM, _terminate)
signal.signal(signal.SIGHUP, _terminate)


class Process:
    """`log` gets both outputs, unless `stdout` names another file for the first one."""

    def __init__(self, arguments, log, stdout=None, environment=None, directory=None):
        self.arguments = arguments
        self.log_path = log
        self._log = open(log, "ab")
        self._stdout = open(stdout, "ab") if stdout else self._log
        self._child = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=self._stdout, stderr=self._log,
            env=environment, cwd=directory, preexec_fn=_die_with_parent)
        _RUNNING.add(self)

    @property
    def pid(self):
        return self._child.pid

    def is_running(self):
        return self._child.poll() is None

    def signal(self, number):
        self._child.send_signal(number)

    def wait(self, timeout_s=60):
        """The exit code; that of a signal is negative."""
        try:
            code = self._child.wait(timeout_s * PATIENCE)
        except subprocess.TimeoutExpired:
            raise Timeout(f"{self.arguments[0]} did not end within {timeout_s * PATIENCE:.0f} s; "
                          f"its log ends:\n{self.log_tail()}") from None
        self._release()
        return code

    def kill(self):
        if self.is_running():
            self._child.kill()
        self._child.wait()
        self._release()

    def _release(self):
        _RUNNING.discard(self)
        self._log.close()
        self._stdout.close()

    def log(self, start=0):
        with open(self.log_path, "rb") as file:
            file.seek(start)
            return file.read().decode("utf-8", "replace")

    def log_size(self):
        return os.path.getsize(self.log_path)

    def log_tail(self, size=4000):
        return self.log(max(0, self.log_size() - size))

    def wait_log(self, pattern, timeout_s=60, start=0):
        """The first match of `pattern` in the log behind `start`; fails at once when it ended."""
        compiled = re.compile(pattern, re.M)

        def probe():
            was_running = self.is_running()
            match = compiled.search(self.log(start))
            if match is None and not was_running:
                raise AssertionError(f"{self.arguments[0]} ended (exit code "
                                     f"{self._child.returncode}) before '{pattern}'; its log "
                                     f"ends:\n{self.log_tail()}")
            return match

        return wait_for(lambda: f"'{pattern}'; the log ends:\n{self.log_tail()}", probe, timeout_s)
