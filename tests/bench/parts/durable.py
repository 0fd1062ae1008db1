"""Durable strategies: when a reader sees a signal, what a checkpoint holds up, and how soon one goes on
that was killed. Their throughput is among the rows."""
import contextlib
import json
import os
import random
import time

from .figures import at_most
from .latency import SHARES, produce
from .rows import PARTITIONS
from .site import ROLES, measuring, read_report, strategy, wait_for

# ---- what a reader sees ----

RATE = 1_000
ONCE = {"delivery": "exactly_once"}
# Settings, what its reader accepts, and the target of the median in ms.
SEEN = {
    "at least once": ({}, "read_uncommitted", None),
    "exactly once": (ONCE, "read_committed", 80),
    "exactly once, commit_interval = 10ms": (ONCE | {"commit_interval": "10ms"}, "read_committed",
                                             30),
}


def run_seen(site, settings, isolation, count):
    """Milliseconds by share, from before the message is sent to its signal in a reader's hand."""
    prefix, signals = site.unique("seen-") + ".", site.create_signals()
    site.create(prefix)
    host = site.new_host(prefix, sections={"signals": {"sinks": "kafka", **settings},
                                           "sink:kafka": {"topic": signals}})
    report = measuring(host, [count], stamped="yes", signals="yes")
    host.start()
    host.wait_event("partitions.assigned", rf" {3 * PARTITIONS} ")
    reader, seen = site.start_reader(signals, count, isolation)
    reader.wait_log(rf"assigned {PARTITIONS}\b", 60)
    produce(site, prefix, RATE, count)
    site.finish(reader, 60)
    site.finish_host(host, report, 60)
    site.delete(prefix)
    site.delete_signals(signals)
    return {share: ns / 1e6 for share, ns in read_report(seen)["latencies"]}


def measure_seen(site, plan, figures):
    count = RATE * plan.seen_seconds
    rounds = {what: [] for what in SEEN}
    for number in range(plan.seen_rounds):
        for what, (settings, isolation, _) in SEEN.items():
            site.progress.say(f"when a signal is seen, round {number + 1} of {plan.seen_rounds}: "
                              f"{what}")
            rounds[what].append(run_seen(site, settings, isolation, count))
    for name, share in SHARES.items():
        for what, (_, _, most) in SEEN.items():
            figures.add(f"latency {name} at {RATE} messages/s until a signal is seen: {what}", "ms",
                        [shares[share] for shares in rounds[what]],
                        at_most(most) if most is not None and name == "p50" else None)


# ---- a checkpoint's pause ----

PAUSES_MS = {1_000: 1, 100_000: 25}
STREAM_RATE = 20_000


def take_checkpoint(host):
    """How long the lane stood for it, in milliseconds."""
    before = host.status()["checkpoints"]["written"]
    code, out, err = host.ctl("checkpoint")
    kept = host.status()["checkpoints"]
    if code != 0 or kept["written"] != before + 1:
        raise RuntimeError(f"no checkpoint: {out}{err}\n{host.log_tail()}")
    return kept["pause_ms"]


def run_pauses(site, symbols, count):
    """All symbols are of one partition number, which is saved at once."""
    prefix = site.unique("pauses-") + "."
    tally = site.fill(prefix, 3 * symbols, "-y", str(symbols), "-u", partitions=1)
    host = site.new_host(prefix, sections={"checkpoint": {"interval": "1h"}})
    host.drop(strategy("momentum"))
    host.deploy("momentum", plugin="momentum", threshold=100, quiet="7d")
    host.start()
    host.wait_status("all messages to be read",
                     lambda status: status["totals"]["messages"] >= tally["messages"], 120)
    stream = site.start_fill(prefix, 1_000_000_000, "-y", str(symbols), "-u",
                             "-r", str(STREAM_RATE))
    pauses = []
    for _ in range(count):
        time.sleep(0.2)  # the stream between two of them
        pauses.append(take_checkpoint(host))
    stream.signal(15)
    stream.wait(60)
    host.stop()
    site.delete(prefix)
    return pauses


def measure_pauses(site, plan, figures):
    for symbols, most in PAUSES_MS.items():
        site.progress.say(f"checkpoints of momentum with {symbols:,} symbols")
        figures.add(f"pause of a checkpoint, momentum with {symbols} symbols", "ms",
                    run_pauses(site, symbols, plan.pause_rounds), at_most(most))


# ---- kill -9 ----

SYMBOLS, KILL_RATE = 100_000, 50_000
INTERVAL_S = 10  # the default one of checkpoints


class Tail:
    """Reads a growing file of signals."""

    def __init__(self, path):
        self.path, self.at, self.rest = path, 0, b""
        self.newest = {}  # offset by topic and partition

    def read(self):
        """The new signals of messages beyond those that had one."""
        with contextlib.suppress(FileNotFoundError), open(self.path, "rb") as file:
            file.seek(self.at)
            data = self.rest + file.read()
            self.at = file.tell()
            *lines, self.rest = data.split(b"\n")
            return [signal for signal in map(json.loads, lines) if self._is_new(signal)]
        return []

    def end(self):
        """Nobody writes: a half line is cut off by the next who does."""
        self.read()
        self.at -= len(self.rest)
        self.rest = b""

    def _is_new(self, signal):
        place = signal["topic"], signal["partition"]
        if signal["offset"] <= self.newest.get(place, -1):
            return False
        self.newest[place] = signal["offset"]
        return True


def run_kill(site, host, tail):
    """Seconds from the kill to the first signal of a message that had none."""
    tail.read()
    start = time.monotonic()
    host.kill()
    tail.end()
    host.start()

    def has_new():
        site.require_kafka()
        return tail.read() != []

    wait_for(lambda: f"a new signal; the log ends:\n{host.log_tail()}", has_new, 120, 0.005)
    return time.monotonic() - start


def states_of(host):
    """Symbols whose states are in a checkpoint, by the size that one of momentum's has at least."""
    status = host.status()
    return 0 if status is None else status["checkpoints"]["bytes"] // 56


def measure_kills(site, plan, figures):
    prefix, chance = "kill.", random.Random(11)
    site.create(prefix)
    host = site.new_host(prefix)
    host.drop(strategy("momentum"))
    host.deploy("momentum", plugin="momentum", window="1s", threshold=50, quiet="7d")
    site.progress.say(f"kill -9: states of {SYMBOLS:,} symbols are to be there")
    host.start()
    host.wait_event("partitions.assigned")
    stream = site.start_fill(prefix, 1_000_000_000, "-y", str(SYMBOLS), "-u", "-r", str(KILL_RATE),
                             "-X", "linger.ms=5")
    host.wait_status("all symbols in checkpoints",
                     lambda status: status["totals"]["messages"] > 4 * SYMBOLS and
                     states_of(host) >= SYMBOLS, 120)
    tail, seconds = Tail(host.signals), []
    for number in range(plan.kills):
        site.progress.say(f"kill -9, {number + 1} of {plan.kills}")
        time.sleep(INTERVAL_S * (0.5 + chance.random()))
        seconds.append(run_kill(site, host, tail))
    stream.signal(15)
    stream.wait(60)
    host.stop()
    site.delete(prefix)
    figures.add(f"kill -9 to the first new signal, momentum with {SYMBOLS} symbols at {KILL_RATE} "
                "messages/s", "s", seconds, at_most(3))


def measure(site, plan, figures):
    measure_seen(site, plan, figures)
    measure_pauses(site, plan, figures)
    measure_kills(site, plan, figures)
