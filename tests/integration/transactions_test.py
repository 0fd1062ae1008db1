#!/usr/bin/python3
"""[signals] delivery = exactly_once, as a reader of committed records sees it.

The strategy `chain` (tests/plugins/chain.c) says with every signal what it knew before and after.
The reader runs beside the hosts from the beginning: in what it is given, each signal follows the
one before it in its partition number, so none is missing, doubled, in another place, or by an
instance that had forgotten or known something twice. A replay that nothing interrupts says the
same, byte by byte.
"""
import json
import os
import shutil
import signal
import subprocess

from harness import chain, paths
from harness.process import Process
from harness.proxy import END_TRANSACTION
from harness.scenario import Scenario, main

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

    def said(self):
        """The signals so far; a last line that is not whole yet is none."""
        with open(self.path, encoding="utf-8") as file:
            lines = [line for line in file if line.endswith("\n")]
        return [chain.Said(json.loads(line)["payload"] + "\n") for line in lines]

    def count(self):
        with open(self.path, "rb") as file:
            return file.read().count(b"\n")

    def close(self):
        self._process.kill()


class Transactions(Scenario):
    WITH_PROXY = True

    def setUp(self):
        super().setUp()
        self.name = self.id().rsplit(".", 1)[-1]
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

    # ---- scenarios ----

    def test_undisturbed_with_a_file_beside(self):
        host = self.exact_host(signals={"sinks": "kafka, jsonl"})
        host.start()
        self.start_stream()
        self.wait_read(RATE // 2, host)
        status = host.status()
        self.assertEqual({sink["name"]: sink["delivery"] for sink in status["sinks"]
                          if sink["for"] == "signals"},
                         {"jsonl": "at_least_once", "kafka": "exactly_once"})
        self.assertGreater(status["transactions"]["committed"], 0)
        self.assertEqual(status["transactions"]["unknown"], 0)
        tally = self.end_stream(host.group)
        host.stop()
        self.judge(host, tally)
        self.assertEqual(sorted(item.line for item in chain.read_said(host.signals)),
                         sorted(item.line for item in self.reader.said()))

    def test_dead_letters_too(self):
        letters = f"{self.name}.letters"
        self.kafka.create(f"{letters}:1")
        host = self.exact_host(dead_letters={"to": "kafka", "topic": letters})
        topic = self.topics["bar_trends"]
        for number in range(3):
            self.kafka.send(topic, f"{{{number}", partition=0)
        host.start()
        self.kafka.wait_committed(host.group, {topic: {"0": 3}})
        self.assertEqual([letter["payload"] for letter in self.kafka.read(letters)],
                         ["{0", "{1", "{2"])
        host.stop()
        self.assertEqual(len(self.kafka.read(letters)), 3)

    def test_killed_under_load(self):
        host = self.exact_host()
        host.start()
        self.start_stream()
        for turn in range(5):
            self.wait_read(150 + 170 * turn, host)
            self.kill(host)
            mark = host.log_size()
            host.start()
            if turn == 2:  # and once more, while it recovers
                host.wait_event("partitions.assigned", start=mark)
                self.kill(host)
                host.start()
            self.wait_read(1, host)
            self.assertEqual(host.events("state.discarded", mark), [])
        tally = self.end_stream(host.group)
        host.stop()
        self.judge(host, tally)

    def test_broker_killed_and_back(self):
        host = self.exact_host()
        host.start()
        self.start_stream()
        self.wait_read(300, host)
        self.kafka.kill()
        host.wait_event("transaction.failing")
        self.kafka.start()
        self.reader.resume()
        self.wait_read(300, host)
        tally = self.end_stream(host.group)
        host.stop()
        self.judge(host, tally)

    def test_a_zombie_is_fenced(self):
        """Stopped in the middle of its work until another host has gone on with it."""
        self.is_joined = False  # what the other does, the first one's journal does not tell
        first, second = self.exact_host("first"), self.exact_host("second")
        first.start()
        self.start_stream()
        self.wait_read(200, first)
        os.kill(first.process.pid, signal.SIGSTOP)
        shutil.copytree(os.path.join(first.directory, "state"),
                        os.path.join(second.directory, "state"))
        second.start()
        try:
            self.wait_owned(second, PARTITIONS)
            self.wait_read(200, second)
        finally:
            mark = first.log_size()
            os.kill(first.process.pid, signal.SIGCONT)
        first.wait_event("partitions.lost", start=mark)
        self.wait_owned(first, 1)
        self.wait_read(200, first, second)
        second.stop()
        self.wait_owned(first, PARTITIONS)
        self.wait_read(200, first)
        tally = self.end_stream(first.group)
        first.stop()
        self.judge(first, tally)

    def cut_commit(self, does_pass):
        """A host whose network goes at a commit: before the broker has it, or with the answer."""
        host = self.exact_host(servers=self.kafka.proxy_servers,
                               kafka={"session.timeout.ms": 45_000})
        host.start()
        self.start_stream()
        self.wait_read(200, host)
        mark = host.log_size()
        self.proxy.cut_at(END_TRANSACTION, does_pass)
        self.assertTrue(self.proxy.has_cut.wait(60))
        return host, mark

    def end_cut(self, host):
        self.proxy.mend()
        self.wait_read(300, host)
        tally = self.end_stream(host.group)
        host.stop()
        self.judge(host, tally)

    def fence(self, host):
        """Another producer with the id of each lane."""
        self.kafka.create(f"{self.name}.other:1")
        for lane in range(2):
            environment = {**os.environ, "TRANSACTIONAL_ID": f"{host.group}-host-{lane}"}
            subprocess.run([paths.tool("transaction"), self.kafka.servers, f"{self.name}.other",
                            "0", "x"], env=environment, stdin=subprocess.DEVNULL, check=True,
                           stdout=subprocess.DEVNULL, timeout=120)

    def test_the_answer_to_a_commit_is_lost(self):
        self.proxy.mend()
        host, _ = self.cut_commit(does_pass=True)
        self.end_cut(host)

    def test_a_commit_is_lost(self):
        self.proxy.mend()
        host, _ = self.cut_commit(does_pass=False)
        self.end_cut(host)

    def test_the_answer_to_a_commit_is_lost_with_the_producer(self):
        self.proxy.mend()
        host, mark = self.cut_commit(does_pass=True)
        self.fence(host)
        self.proxy.mend()
        host.wait_event("transaction.resolved", r" had gone through", start=mark)
        self.end_cut(host)

    def test_a_commit_is_lost_with_the_producer(self):
        self.proxy.mend()
        host, mark = self.cut_commit(does_pass=False)
        self.fence(host)
        self.proxy.mend()
        host.wait_event("transaction.resolved", r"had not gone through", start=mark)
        self.end_cut(host)


if __name__ == "__main__":
    main()
