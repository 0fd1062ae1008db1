"""A scenario whose hosts run `chain` with [signals] delivery = exactly_once, and a reader of
committed records beside them from the beginning.

In what it is given, each signal follows the one before it in its partition number, so none is
missing, doubled, in another place, or by an instance that had forgotten or known something twice. A
replay that nothing interrupts says the same, byte by byte.
"""
import json
import os
import random
import signal

from . import chain
from .process import Process
from .scenario import Scenario

ROLES = ("bar_trends", "historic_stats", "asset_trends")
PARTITIONS = 2
RATE = 3_000


class Reader:
    """What kcat is given of a topic with isolation.level=read_committed, as it comes."""

    def __init__(self, directory, servers, topic):
        self.path = os.path.join(directory, f"{topic}.read")
        self.servers = servers
        self.topic = topic
        self._start(0)

    def _start(self, offset):
        self._process = Process(
            ["kcat", "-b", self.servers, "-C", "-t", self.topic, "-o", str(offset), "-q", "-u",
             "-X", "isolation.level=read_committed", "-J"], self.path + ".log", stdout=self.path)

    def resume(self):
        """After the broker was away: kcat ends with it."""
        self._process.kill()
        with open(self.path, "r+b") as file:
            lines = file.read().splitlines(keepends=True)
            if lines and not lines[-1].endswith(b"\n"):
                file.truncate(sum(len(line) for line in lines[:-1]))
                lines.pop()
        self._start(json.loads(lines[-1])["offset"] + 1 if lines else 0)

    def payloads(self):
        """The signals so far; a last line that is not whole yet is none."""
        with open(self.path, encoding="utf-8") as file:
            return [json.loads(line)["payload"] for line in file if line.endswith("\n")]

    def said(self):
        """Those of `chain`."""
        return [chain.Said(payload + "\n") for payload in self.payloads()]

    def count(self):
        with open(self.path, "rb") as file:
            return file.read().count(b"\n")

    def close(self):
        self._process.kill()


class ExactScenario(Scenario):
    def setUp(self):
        super().setUp()
        self.name = self.id().rsplit(".", 1)[-1]
        self.random = random.Random(self.name)
        self.topics = {role: f"{self.name}.{role}" for role in ROLES}
        self.signals = f"{self.name}.signals"
        self.is_joined = True
        self.producer = None
        self.kafka.create(*(f"{topic}:{PARTITIONS}" for topic in self.topics.values()),
                          f"{self.signals}:1")
        self.reader = Reader(self.directory, self.kafka.servers, self.signals)
        self.addCleanup(self.reader.close)

    def exact_host(self, name="host", servers=None, **sections):
        given = {f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}
        given["take5"] = {"host_id": name, "lanes": 2, "revoke_timeout": "5s", "on_crash": "run"}
        given["checkpoint"] = {"interval": "1s"}
        given["signals"] = {"sinks": "kafka", "delivery": "exactly_once"}
        given["sink:kafka"] = {"topic": self.signals}
        given["kafka"] = {"session.timeout.ms": 2000, "reconnect.backoff.max.ms": 500}
        for section, keys in sections.items():
            given.setdefault(section, {}).update(keys)
        host = self.new_host(name, group=self.name, servers=servers, sections=given)
        self.drop_build(host, 1)
        host.deploy("chain")
        return host

    def drop_build(self, host, number):
        host.drop(f"chain_{'' if self.is_joined else 'one_'}{number}", "chain.so")

    def fed_topics(self):
        return [self.topics[role] for role in (ROLES if self.is_joined else ROLES[:1])]

    def start_stream(self):
        self.producer = self.kafka.start_produce(
            10_000_000, rate=RATE, topics=",".join(self.fed_topics()), partitions=PARTITIONS,
            symbols=40)

    def kill(self, host):
        host.process.signal(signal.SIGKILL)
        self.assertEqual(host.process.wait(60), -signal.SIGKILL)

    def wait_owned(self, host, count):
        host.wait_status(f"{count} partition numbers", lambda status: len(
            {part["partition"] for part in status["assignment"]}) == count)

    def wait_read(self, more, *hosts):
        goal = self.reader.count() + more
        self.wait_for(lambda: f"{goal} signals to be read; they are {self.reader.count()}; the log "
                      f"ends:\n{hosts[0].log_tail()}",
                      lambda: self.reader.count() >= goal or
                      not all(host.process.is_running() for host in hosts), 120)
        for host in hosts:
            self.assertTrue(host.process.is_running(), host.log_tail())

    def end_stream(self, group):
        tally = self.producer.stop()
        self.kafka.wait_committed(group, tally["partitions"], 120)
        return tally

    # ---- judgement ----

    def counts(self, tally, partition):
        return [int(tally["partitions"][name].get(str(partition), 0)) for name in self.fed_topics()]

    def judge(self, host, tally):
        """What was read is the whole of it, once, in order, and what a replay says."""
        self.wait_for("the last signals to be read", lambda: self.has_all(tally))
        said = self.reader.said()
        ends = {number: chain.START for number in range(PARTITIONS)}
        for item in said:
            self.assertEqual(item.data["before"], ends[item.partition], item.line)
            ends[item.partition] = item.data["after"]
        gaps = []
        orders = {number: chain.order_of([item for item in said if item.partition == number],
                                         number, self.counts(tally, number), gaps)
                  for number in range(PARTITIONS)}
        self.assertEqual(gaps, [])
        replayed = chain.read_said(
            chain.replay(host, self.directory, self.fed_topics(), orders))
        self.assertEqual(len(said), len(replayed))
        expected = {item.id: item.line for item in replayed}
        for item in said:
            self.assertEqual(item.line, expected.pop(item.id, "it was said before, or never"))
        print(f"{self.name}: {len(said)} signals")

    def has_all(self, tally):
        """Every message whose offset is a multiple of five makes one."""
        every = chain.EVERY
        goal = sum((int(count) + every - 1) // every for name in self.fed_topics()
                   for count in tally["partitions"][name].values())
        return self.reader.count() >= goal
