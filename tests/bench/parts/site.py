"""Where it is measured: a folder, a broker, the programs, and how a row runs."""
import json
import os
import shutil
import sys
import tempfile
import time

SOURCE = os.environ["TAKE5_SOURCE_DIR"]
BUILD = os.environ["TAKE5_BUILD_DIR"]
HERE = os.path.join(SOURCE, "tests", "bench")
sys.path.insert(0, os.path.join(SOURCE, "tests", "integration"))

from harness import paths  # noqa: E402
from harness.host import Host  # noqa: E402
from harness.kafka import Kafka, ROLES  # noqa: E402
from harness.process import Process, end_all  # noqa: E402
from harness.waiting import wait_for  # noqa: E402

from .rows import PARTITIONS  # noqa: E402

# Peers that are optional: what tests/bench/peers/setup.sh says of them; empty without them.
STREAMS = os.environ.get("TAKE5_BENCH_STREAMS", "")
QUIX = os.environ.get("TAKE5_BENCH_QUIX", "")
PEER_WHY = {"streams": None if STREAMS else "Kafka Streams is not installed",
            "quix": None if QUIX else "Quix Streams is not installed"}

# How every row fetches: take5's own defaults (tests/bench/README.md says why these).
FETCH = {
    "queued.min.messages": 100_000,
    "queued.max.messages.kbytes": 49_152,
    "socket.nagle.disable": "true",
}
# ... and what wakes a client that stopped at those limits, by what its version knows.
WAKE_OLD = {"topic.metadata.refresh.interval.ms": 100, "metadata.max.age.ms": 900_000}
WAKE_NEW = {"fetch.queue.backoff.ms": 10}


def tool(name):
    return os.path.join(BUILD, "tests", "bench", name)


def strategy(name):
    for folder in ("tests/bench/strategies", "strategies"):
        path = os.path.join(BUILD, folder, f"{name}.so")
        if os.path.exists(path):
            return path
    raise FileNotFoundError(f"{name}.so was not built")


def topics(prefix):
    return [prefix + role for role in ROLES]


class Site:
    def __init__(self, progress):
        self.progress = progress
        self._count = 0
        self.collected = None  # a list: signals are read into it before their topic is deleted
        self.directory = tempfile.mkdtemp(prefix="take5-bench-")
        try:
            self.kafka = Kafka(self.directory)
        except BaseException:
            self.close()
            raise

    def close(self):
        end_all()
        shutil.rmtree(self.directory, ignore_errors=True)

    # ---- waiting ----

    def require_kafka(self):
        """Without it consumers and hosts wait for ever, which is what they are for."""
        if not self.kafka.process.is_running():
            raise RuntimeError("Kafka ended")

    def finish(self, process, timeout_s):
        """Waits for its end, which is to be a good one."""
        def probe():
            self.require_kafka()
            return not process.is_running()

        wait_for(lambda: f"{process.arguments[0]} to end; its log ends:\n{process.log_tail()}",
                 probe, timeout_s)
        code = process.wait()
        if code != 0:
            raise RuntimeError(f"{process.arguments} ended with {code}:\n{process.log_tail()}")

    def path(self, name):
        return os.path.join(self.directory, name)

    def unique(self, word):
        self._count += 1
        return f"{word}{self._count}"

    # ---- filling ----

    def create(self, prefix, partitions=PARTITIONS):
        self.kafka.create(*(f"{name}:{partitions}" for name in topics(prefix)))

    def fill(self, prefix, count, *arguments, partitions=PARTITIONS):
        """The tally of tools/fill.c."""
        self.create(prefix, partitions)
        tally = self.path(f"{self.unique('tally-')}.json")
        self.finish(self.start_fill(prefix, count, *arguments, stdout=tally), 600)
        with open(tally, encoding="utf-8") as file:
            return json.load(file)

    def start_fill(self, prefix, count, *arguments, stdout=None):
        return Process([tool("bench_fill"), "-b", self.kafka.servers, "-t", prefix,
                        "-n", str(count), *arguments], self.path("fill.log"), stdout=stdout)

    def delete(self, prefix):
        self.kafka.delete(*topics(prefix))

    # ---- consumers in C and Python ----

    def start_consumer(self, kind, mode, prefix, count):
        """`kind` is c or python. Gives the process and where its report will be."""
        return self._start_reader(kind, mode, topics(prefix), count, {})

    def start_reader(self, topic, count, isolation):
        """One in C that notes how old signals are. Likewise."""
        return self._start_reader("c", "signals", [topic], count, {"isolation.level": isolation})

    def _start_reader(self, kind, mode, names, count, others):
        group = self.unique("group-")
        report = self.path(f"{group}.json")
        common = ["-b", self.kafka.servers, "-g", group, "-t", ",".join(names),
                  "-n", str(count), "-o", report, "-m", mode]
        if kind == "c":
            command = [tool("bench_consume"), *common]
            properties = FETCH | WAKE_OLD
        else:
            command = [os.environ["TAKE5_BENCH_PYTHON"], "-B", os.path.join(HERE, "service.py"),
                       *common]
            properties = FETCH | WAKE_NEW
        for name, value in (properties | others).items():
            command += ["-X", f"{name}={value}"]
        return Process(command, self.path(f"{group}.log")), report

    def run_consumer(self, kind, mode, prefix, count):
        process, report = self.start_consumer(kind, mode, prefix, count)
        self.finish(process, 600)
        return read_report(report)

    # ---- other stream processors ----

    def create_signals(self):
        """A topic for signals; what is deleted of it must not lie on the disk for long."""
        name = self.unique("signals-")
        self.kafka.create(f"{name}:{PARTITIONS}:file.delete.delay.ms=0")
        return name

    def delete_signals(self, name):
        if self.collected is not None:
            self.collected.append(self.kafka.read(name))
        self.kafka.delete(name)

    def _run_peer(self, command, prefix, count, *options):
        name, signals = self.unique("peer-"), self.create_signals()
        report, state = self.path(f"{name}.json"), self.path(name)
        process = Process([*command, "-b", self.kafka.servers, "-g", name,
                           "-t", ",".join(topics(prefix)), "-n", str(count), "-o", report,
                           "-s", signals, "-d", state, *options], self.path(f"{name}.log"))
        self.finish(process, 600)
        self.delete_signals(signals)
        shutil.rmtree(state, ignore_errors=True)
        return read_report(report)

    def run_streams(self, store, guarantee, prefix, count, warm):
        java = ["java", "-Xms1g", "-Xmx1g", "-XX:+UseParallelGC",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp", STREAMS, "Streams"]
        return self._run_peer(java, prefix, count, "-m", store, "-e", guarantee, "-w", str(warm))

    def run_quix(self, prefix, count):
        properties = [word for name, value in (FETCH | WAKE_NEW).items()
                      for word in ("-X", f"{name}={value}")]
        return self._run_peer([QUIX, "-B", os.path.join(HERE, "peers", "quix.py")], prefix, count,
                              *properties)

    # ---- take5 ----

    def new_host(self, prefix, lanes=1, sections=None):
        name = self.unique("host-")
        roles = {f"topic:{role}": {"topic": prefix + role} for role in ROLES}
        ours = {
            "take5": {"lanes": lanes, "stats_interval": "10s"},
            "kafka": FETCH | WAKE_OLD | {"session.timeout.ms": 45_000,
                                         "heartbeat.interval.ms": 3_000,
                                         "auto.commit.interval.ms": 1_000},
            **roles,
        }
        for section, keys in (sections or {}).items():
            ours.setdefault(section, {}).update(keys)
        return Host(self.directory, self.kafka.servers, name=name, group=name, sections=ours)

    def wait_reports(self, host, reports, timeout_s):
        host.wait_event("reload.summary")
        if host.events("strategy.rejected"):
            raise RuntimeError(f"take5 does not take its strategies; its log:\n{host.log_text()}")

        def probe():
            self.require_kafka()
            if not host.process.is_running():
                raise RuntimeError(f"take5 ended; its log ends:\n{host.log_tail()}")
            return all(map(os.path.exists, reports))

        wait_for(lambda: f"take5's reports; its log ends:\n{host.log_tail()}", probe, timeout_s,
                 0.02)

    def finish_host(self, host, report, timeout_s=600):
        """Waits for the report of the strategy that measures, ends the host, gives the report, and
        how many signals went to a file."""
        self.wait_reports(host, [report], timeout_s)
        checkpoints = checkpoints_of(host)
        host.stop()
        signals = count_lines(host.signals)
        shutil.rmtree(host.directory, ignore_errors=True)
        return read_report(report) | {"signals": signals, "checkpoints": checkpoints}


def measuring(host, totals, **parameters):
    """Deploys the strategy that measures, as the last one to be called; gives its report's path."""
    report = f"{host.directory}.json"
    host.drop(strategy("eight"))
    host.deploy("zz", plugin="eight", report=report,
                totals=", ".join(str(total) for total in totals), **parameters)
    return report


def checkpoints_of(host):
    """How many it has written while it ran."""
    status = host.status()
    if status is None:
        raise RuntimeError(f"take5 does not answer; its log ends:\n{host.log_tail()}")
    return status["checkpoints"]["written"]


def read_report(path):
    with open(path, encoding="utf-8") as file:
        report = json.load(file)
    report["seconds"] = (report["last_ns"] - report["first_ns"]) / 1e9
    return report


def count_lines(path):
    if not os.path.exists(path):
        return 0
    with open(path, "rb") as file:
        return sum(block.count(b"\n") for block in iter(lambda: file.read(1 << 20), b""))


class Progress:
    """What is being done, on standard error: one line that is overwritten, on a terminal."""

    def __init__(self):
        self.start = time.monotonic()
        self.is_terminal = sys.stderr.isatty()

    def say(self, text):
        seconds = time.monotonic() - self.start
        line = f"[{seconds // 60:2.0f}:{seconds % 60:02.0f}] {text}"
        if self.is_terminal:
            print(f"\r\033[K{line}", end="", file=sys.stderr, flush=True)
        else:
            print(line, file=sys.stderr, flush=True)

    def end(self):
        if self.is_terminal:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


__all__ = ["FETCH", "HERE", "Host", "PARTITIONS", "PEER_WHY", "Process", "Progress", "ROLES",
           "Site", "measuring", "paths", "read_report", "strategy", "tool", "topics", "wait_for"]
