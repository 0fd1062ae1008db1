#!/usr/bin/python3
"""[signals] delivery = exactly_once, as a reader of committed records sees it, whatever happens to
the host, its network or its broker (harness/exact_scenario.py)."""
import os
import signal
import subprocess

from harness import chain, paths
from harness.exact_scenario import PARTITIONS, RATE, ExactScenario
from harness.proxy import END_TRANSACTION
from harness.scenario import main


KILLS = 8


class Transactions(ExactScenario):
    WITH_PROXY = True

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
        for turn in range(KILLS):
            self.wait_read(self.random.randrange(20, 400), host)
            self.kill(host)
            mark = host.log_size()
            host.start()
            if turn % 8 == 2:  # and once more, while it recovers
                host.wait_event("partitions.assigned", start=mark)
                self.kill(host)
                host.start()
            self.wait_read(1, host)
            self.assertEqual(host.events("state.discarded", mark), [])
        tally = self.end_stream(host.group)
        host.stop()
        self.judge(host, tally)

    def test_killed_at_awkward_moments(self):
        """Between the journal and the offsets, between these and the end of the transaction, and
        between the end and its answer."""
        host = self.exact_host()
        host.start()
        self.start_stream()
        self.wait_read(200, host)
        self.kill(host)
        parts = {name: {str(number): 0 for number in range(PARTITIONS)}
                 for name in self.fed_topics()}
        for moment in ("sync:1", "offsets:1", "end:1", "offsets:3", "end:3"):
            before = self.kafka.committed(host.group, parts)
            host.start(LD_PRELOAD=paths.tool("libfault.so"), TAKE5_KILL_AT=moment)
            self.assertEqual(host.process.wait(60), -signal.SIGKILL, moment)
            if moment == "offsets:1":  # nothing of it counts
                self.assertEqual(self.kafka.committed(host.group, parts), before)
            elif moment.startswith("end"):  # all of it does
                self.wait_for("offsets that moved", lambda seen=before: self.kafka.committed(
                    host.group, parts) != seen)
        host.start()
        self.wait_read(200, host)
        tally = self.end_stream(host.group)
        host.stop()
        self.assertEqual(host.events("state.discarded"), [])
        self.judge(host, tally)

    def test_broker_killed_and_back(self):
        # The session outlasts it: without its partitions the host would have nothing to commit.
        host = self.exact_host(kafka={"session.timeout.ms": 45_000})
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
        """Stopped in the middle of its work until another host has gone on with it: what it has in
        hand then, and has not committed, is not its own to commit."""
        first, second = (self.exact_host(name, checkpoint={
            "store": "kafka", "topic": f"{self.name}.state"}, signals={"commit_interval": interval})
                         for name, interval in (("first", "1s"), ("second", "100ms")))
        first.start()
        self.start_stream()
        self.wait_read(200, first)
        before = first.wait_status("an answer", bool)["transactions"]
        os.kill(first.process.pid, signal.SIGSTOP)
        second.start()
        try:
            self.wait_owned(second, PARTITIONS)
            self.wait_read(200, second)
        finally:
            mark = first.log_size()
            os.kill(first.process.pid, signal.SIGCONT)
        first.wait_event("partitions.lost", start=mark)
        first.wait_status("what it had in progress to be dropped", lambda status: sum(
            status["transactions"][what] - before[what] for what in ("dropped", "fenced")) > 0)
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
        self.proxy.repair()
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
        self.proxy.repair()
        host, _ = self.cut_commit(does_pass=True)
        self.end_cut(host)

    def test_a_commit_is_lost(self):
        self.proxy.repair()
        host, _ = self.cut_commit(does_pass=False)
        self.end_cut(host)

    def test_the_answer_to_a_commit_is_lost_with_the_producer(self):
        self.proxy.repair()
        host, mark = self.cut_commit(does_pass=True)
        self.fence(host)
        self.proxy.repair()
        host.wait_event("transaction.resolved", r" had gone through", start=mark)
        self.end_cut(host)

    def test_a_commit_is_lost_with_the_producer(self):
        self.proxy.repair()
        host, mark = self.cut_commit(does_pass=False)
        self.fence(host)
        self.proxy.repair()
        host.wait_event("transaction.resolved", r"had not gone through", start=mark)
        self.end_cut(host)


if __name__ == "__main__":
    main()
