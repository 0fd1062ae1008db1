"""A process with its output in a file, that never outlives the test."""
import atexit
import contextlib
import ctypes
import os
import re
import signal
import subprocess
import time

from .waiting import PATIENCE, Timeout, wait_for

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1
_RUNNING = set()
# In the environment of all that descends from this test, also by way of a host that is gone, such
# as the copies that a strategy makes by fork().
_MARK = "TAKE5_STARTED_BY"
os.environ[_MARK] = f"{os.getpid()}-{os.urandom(8).hex()}"


def _die_with_parent():
    """Also when ctest kills this test with no warning."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def end_all():
    """All that this test has started and that still runs."""
    for process in list(_RUNNING):
        process.kill()


def _find_strays():
    """{pid: arguments} of what descends from this test and still runs."""
    mark = f"{_MARK}={os.environ[_MARK]}".encode()
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError):  # it is gone, or somebody else's
            with open(f"/proc/{pid}/environ", "rb") as file:
                is_ours = mark in file.read().split(b"\0")
            if is_ours and int(pid) != os.getpid():
                with open(f"/proc/{pid}/cmdline", "rb") as file:
                    found[int(pid)] = file.read().decode("utf-8", "replace").split("\0")
    return found


def _end_strays():
    while strays := _find_strays():
        for pid in strays:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def end_everything():
    """All that this test has started, and what came of it; gives what did not end with it, as
    _find_strays() does: whoever leaves that behind is wrong."""
    end_all()
    try:  # what a killed host had started may be about to end
        wait_for("the rest to end", lambda: not _find_strays(), 10)
        return {}
    except Timeout:
        return _find_strays()
    finally:
        _end_strays()


def _end_at_once():
    end_all()
    _end_strays()


def _terminate(number, _frame):
    """In the middle of whatever was going on, maybe of waiting for one of them, with its lock: so
    they are ended without asking their objects."""
    _end_strays()
    os._exit(128 + number)


atexit.register(_end_at_once)
signal.signal(signal.SIGTERM, _terminate)
signal.signal(signal.SIGHUP, _terminate)


def children(pid):
    """Of its main thread, with their command lines."""
    with contextlib.suppress(FileNotFoundError):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            return [int(number) for number in file.read().split()]
    return []


def is_alive(pid):
    """A zombie of somebody else's is none."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def event_line(event, pattern=""):
    """Matches a line of the log with that event (host/log/log.h), and `pattern` in it."""
    return rf"^(?=.* event={re.escape(event)}$).*?(?:{pattern})"


class Process:
    """`log` gets both outputs, unless `stdout` names another file for the first one. `user`: as
    whom it runs, None: as this one."""

    def __init__(self, arguments, log, stdout=None, environment=None, directory=None, user=None):
        self.arguments = arguments
        self.log_path = log
        self._log = open(log, "ab")
        self._stdout = open(stdout, "ab") if stdout else self._log
        self._child = subprocess.Popen(
            arguments, stdin=subprocess.DEVNULL, stdout=self._stdout, stderr=self._log,
            env=environment, cwd=directory, user=user, preexec_fn=_die_with_parent)
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

    def wait_event(self, event, pattern="", timeout_s=60, start=0):
        """The first line of that event (host/log/log.h), with a match of `pattern` in it."""
        return self.wait_log(event_line(event, pattern), timeout_s, start)

    def events(self, event, start=0):
        """The lines so far of that event."""
        return re.findall(event_line(event, ".*"), self.log(start), re.M)
