"""The host under test: a configuration in a folder of its own, `take5 run` over it, and `ctl`."""
import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess

from . import paths
from .process import Process, event_line
from .waiting import PATIENCE, wait_for


def environment():
    """Ours without what would reconfigure the host."""
    ours = dict(os.environ)
    for name in list(ours):
        if name.startswith("KAFKA_") or name in ("RUN_MODE", "LOG_LEVEL", "ENABLE_COLOR_LOGS"):
            del ours[name]
    return ours


class Host:
    """`sections` are ini sections over the defaults that suit a test: {"take5": {"lanes": 2}}."""

    def __init__(self, directory, servers, name="host", group="take5-test", sections=None):
        self.directory = os.path.join(directory, name)
        self.group = group
        self.process = None
        self.strategies = os.path.join(self.directory, "strategies")
        self.deployments = os.path.join(self.directory, "strategies.d")
        self.ini = os.path.join(self.directory, "take5.ini")
        self.signals = os.path.join(self.directory, "signals.jsonl")
        self.letters = os.path.join(self.directory, "letters.jsonl")
        self.log = os.path.join(self.directory, "log")
        for folder in (self.strategies, self.deployments):
            os.makedirs(folder)
        self.sections = {
            "take5": {
                "host_id": name,
                "strategy_dir": self.strategies,
                "cache_dir": os.path.join(self.directory, "cache"),
                "run_dir": os.path.join(self.directory, "run"),
                "state_dir": os.path.join(self.directory, "state"),
                "stats_interval": "2s",
            },
            "kafka": {
                "bootstrap.servers": servers,
                "group.id": group,
                "auto.offset.reset": "earliest",
                "auto.commit.interval.ms": 200,
                "session.timeout.ms": 3000,
                "heartbeat.interval.ms": 500,
            },
            "signals": {"sinks": "jsonl"},
            "sink:jsonl": {"path": self.signals},
            "dead_letters": {"to": "jsonl", "path": self.letters},
            "http": {"enabled": "no"},
        }
        for section, keys in (sections or {}).items():
            self.sections.setdefault(section, {}).update(keys)
        self.write_ini()

    # ---- configuration ----

    def write_ini(self):
        with open(self.ini, "w", encoding="utf-8") as file:
            for section, keys in self.sections.items():
                file.write(f"[{section}]\n")
                file.writelines(f"{key} = {value}\n" for key, value in keys.items())

    def drop(self, source, name=None):
        """Puts a strategy's file into the directory, as a careful author does: whole, by rename.
        `source` is a path, or the name of one that was built."""
        if not os.path.sep in source:
            source = paths.strategy(source)
        target = os.path.join(self.strategies, name or os.path.basename(source))
        shutil.copy(source, target + ".new")
        os.chmod(target + ".new", 0o755)
        os.rename(target + ".new", target)
        return target

    def deploy(self, deployment, **keys):
        """Writes the ini file of a deployment, whole, by rename."""
        path = os.path.join(self.deployments, f"{deployment}.ini")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(f"[strategy:{deployment}]\n")
            file.writelines(f"{key} = {value}\n" for key, value in keys.items())
        os.rename(path + ".new", path)

    def withdraw(self, deployment):
        os.unlink(os.path.join(self.deployments, f"{deployment}.ini"))

    # ---- life ----

    def start(self, *arguments, program=paths.HOST, **variables):
        """With these variables in its environment. Does not wait for anything."""
        self.process = Process([program, "run", "-c", self.ini, *arguments], self.log,
                               stdout=os.path.join(self.directory, "stdout"),
                               environment={**environment(), **variables},
                               directory=self.directory)
        return self

    def stop(self, number=15, timeout_s=60):
        """A clean stop: anything but exit code 0 fails."""
        self.process.signal(number)
        code = self.process.wait(timeout_s)
        if code != 0:
            raise AssertionError(f"the host ended with {code}; its log ends:\n{self.log_tail()}")

    def kill(self):
        self.process.kill()

    def close(self):
        if self.process is not None:
            self.process.kill()

    # ---- what it says ----

    def log_text(self, start=0):
        if not os.path.exists(self.log):
            return ""
        with open(self.log, "rb") as file:
            file.seek(start)
            return file.read().decode("utf-8", "replace")

    def log_size(self):
        return os.path.getsize(self.log) if os.path.exists(self.log) else 0

    def log_tail(self):
        return self.log_text(max(0, self.log_size() - 4000))

    def wait_log(self, pattern, timeout_s=60, start=0):
        return self.process.wait_log(pattern, timeout_s, start)

    def wait_event(self, event, pattern="", timeout_s=60, start=0):
        return self.process.wait_event(event, pattern, timeout_s, start)

    def events(self, event, start=0):
        """The lines so far of that event."""
        return re.findall(event_line(event, ".*"), self.log_text(start), re.M)

    # ---- commands ----

    def take5(self, *arguments, timeout_s=60):
        """Any subcommand, with this configuration's ini. Gives (exit code, stdout, stderr)."""
        done = subprocess.run([paths.HOST, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, env=environment(),
                              cwd=self.directory, timeout=timeout_s * PATIENCE)
        return done.returncode, done.stdout, done.stderr

    def ctl(self, *arguments, timeout_s=60):
        return self.take5("ctl", "-c", self.ini, *arguments, timeout_s=timeout_s)

    def status(self):
        """`take5 ctl status --json`; None while nothing answers."""
        code, out, _ = self.ctl("status", "--json")
        return json.loads(out) if code == 0 else None

    def last_status(self):
        """For the report of a failure, of a host in whatever state; the text."""
        if self.process is None or not self.process.is_running():
            return "it does not run"
        try:
            return self.ctl("status", "--json", timeout_s=5)[1]
        except subprocess.SubprocessError as error:
            return str(error)

    def reload(self, timeout_s=60):
        """Waits for the outcome: (exit code, all that it says)."""
        code, out, err = self.ctl("reload", timeout_s=timeout_s)
        return code, out + err

    def wait_status(self, what, probe, timeout_s=60):
        """Until `probe` likes the status; gives that status."""
        last = [None]

        def ask():
            if not self.process.is_running():
                raise AssertionError(f"the host ended; its log ends:\n{self.log_tail()}")
            last[0] = self.status()
            return last[0] is not None and probe(last[0])

        wait_for(lambda: f"{what}; the status was {json.dumps(last[0])}; the log ends:\n"
                 f"{self.log_tail()}", ask, timeout_s)
        return last[0]

    # ---- what it wrote ----

    def read_signals(self):
        return read_json_lines(self.signals)

    def read_letters(self):
        return read_json_lines(self.letters)

    def stdout(self):
        with contextlib.suppress(FileNotFoundError):
            with open(os.path.join(self.directory, "stdout"), encoding="utf-8") as file:
                return file.read()
        return ""


def ready(port, worker=None):
    """What /health/ready says: the HTTP status, and the checks by their names; of a host with
    workers those of this one."""
    connection = http.client.HTTPConnection("127.0.0.1", int(port), timeout=30 * PATIENCE)
    with contextlib.closing(connection):
        connection.request("GET", "/health/ready")
        answer = connection.getresponse()
        checks = json.loads(answer.read())["checks"]
        return answer.status, {check["name"]: check for check in checks
                               if worker in (None, check.get("worker"))}


def read_json_lines(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]
