#!/usr/bin/python3
"""How the host ends."""
import json
import os
import re
import signal
import urllib.request

from harness import paths, records
from harness.host import environment, ready
from harness.kafka import ROLES
from harness.ports import free_ports
from harness.process import Process
from harness.scenario import Scenario, main


class Stopping(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kafka.create_roles(2)
        cls.tally = cls.kafka.produce(20_000, partitions=2)

    def test_sigterm_and_sigint_finish_what_is_in_progress(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(signal=number):
                seen = self.path(f"seen-{number}")
                host = self.new_host(f"host-{number}", group=f"stop-{number}")
                host.drop("recorder")
                host.deploy("recorder", file=seen)
                host.start()
                self.wait_for("lines", lambda: records.count_lines(seen) > 100)
                host.stop(number)
                # What was committed is what was seen: neither more nor less.
                lines = records.read(seen)
                committed = self.kafka.committed(host.group, self.tally["partitions"])
                for (topic, partition), offsets in records.offsets(lines).items():
                    self.assertEqual(committed[topic][str(partition)], offsets[-1] + 1)

    def test_a_stop_that_leaves_keeps_nobody_waiting(self):
        """The next host does not have to wait for a session to end."""
        for turn in (1, 2):
            host = self.new_host(f"host-{turn}", sections={
                "take5": {"on_stop": "leave"},
                "kafka": {"session.timeout.ms": 45000, "heartbeat.interval.ms": 3000}})
            host.drop("recorder")
            host.deploy("recorder", file=self.path(f"seen-{turn}"))
            host.start()
            # Well under the session's 45 s, which a member that did not leave would cost.
            host.wait_status("an assignment", lambda status: len(status["assignment"]) == 6, 30)
            host.stop()

    def hanging_host(self, **take5):
        # A rehearsal with the topics' messages would refuse the strategy.
        host = self.new_host(sections={"take5": {"stuck_ms": 600000, "rehearsal_messages": 0,
                                                 **take5}})
        host.drop("hang_message")
        host.start()
        self.wait_for("the strategy to hang", lambda: self.is_stuck(host))
        return host

    def test_only_a_second_interrupt_after_a_second_forces(self):
        """`timeout` and some supervisors send SIGTERM twice within milliseconds."""
        host = self.hanging_host(shutdown_timeout="10m")
        mark = host.log_size()
        host.process.signal(signal.SIGTERM)
        host.wait_event("stop.begun", "", 30, mark)
        for number in 3 * (signal.SIGTERM,) + 2 * (signal.SIGINT,):
            host.process.signal(number)
        self.assertTrue(self.is_stuck(host), "it still answers")

        def is_over():
            host.process.signal(signal.SIGINT)
            return not host.process.is_running()

        self.wait_for("an end by SIGINT", is_over, 30, step_s=0.3)
        self.assertEqual(host.process.wait(30), 1)

    def test_signals_before_the_host_is_up_stop_it(self):
        host = self.new_host(sections={"take5": {"rehearsal_timeout": "10m"}})
        host.drop("hang_constructor")
        host.start()
        host.wait_event("start.begun")
        for number in 3 * (signal.SIGTERM,) + (signal.SIGINT,):
            host.process.signal(number)
        self.assertEqual(host.process.wait(30), 0)

    def test_a_stop_during_a_reload_keeps_what_ran(self):
        host = self.new_host(sections={"take5": {"rehearsal_timeout": "10m",
                                                 "reload_timeout": "4m"}})
        host.drop("good_v1", "good.so")
        host.start()
        host.wait_status("an assignment", lambda status: len(status["assignment"]) == 6)
        host.drop("hang_constructor")
        host.process.signal(signal.SIGHUP)
        host.wait_event("reload.begun")
        host.stop()
        code, said, error = host.take5("checkpoint", "show", "-c", host.ini, "0")
        self.assertEqual(code, 0, error)
        self.assertRegex(said, r"\bgood\b")

    def test_one_time_bounds_the_whole_stop(self):
        """Sinks that take nothing, and a time for each partition that is longer than all of it."""
        os.symlink("/dev/full", self.path("full"))
        host = self.new_host(sections={
            "take5": {"shutdown_timeout": "4s", "revoke_timeout": "4m", "stuck_ms": 1500,
                      "on_stuck": "report"},
            "sink:jsonl": {"path": self.path("full")}})
        host.drop("good_v1", "good.so")
        host.deploy("good", every=1)
        host.start()
        host.wait_event("sink.failing", "No space left on device")
        host.process.signal(signal.SIGTERM)
        self.assertEqual(host.process.wait(60), 1)
        self.assertRegex(host.events("stop.left_behind")[0], r": [1-9]\d* records ")
        self.assertEqual(len(host.events("stop.incomplete")), 1)
        self.assertEqual(host.events("lane.stuck"), [])

    def test_a_lane_that_hangs_does_not_outlast_the_time(self):
        host = self.hanging_host(shutdown_timeout="2s")
        host.process.signal(signal.SIGTERM)
        self.assertEqual(host.process.wait(60), 1)
        self.assertRegex(host.log_text(), r"lane 0 .* current callback: hang_message")

    def test_a_frozen_broker_does_not_outlast_the_time(self):
        host = self.new_host(sections={"take5": {"shutdown_timeout": "4s"}})
        host.drop("good_v1", "good.so")
        host.deploy("good", every=1)
        host.start()
        self.wait_for("signals", lambda: records.count_lines(host.signals) > 0)
        self.kafka.process.signal(signal.SIGSTOP)
        try:
            host.process.signal(signal.SIGTERM)
            self.assertEqual(host.process.wait(60), 1)
        finally:
            self.kafka.process.signal(signal.SIGCONT)
        self.assertIn("last offsets", host.events("stop.left_behind")[0])

    def latest_host(self, name, seen, topics, **kafka):
        host = self.new_host(name, sections={
            "kafka": {"auto.offset.reset": "latest", **kafka},
            **{f"topic:{role}": {"topic": topic} for role, topic in topics.items()}})
        host.drop("recorder")
        host.deploy("recorder", file=seen)
        return host

    def own_topics(self):
        """With messages that were there before anybody looked."""
        topics = {role: f"{self.id().rsplit('.', 1)[-1]}.{role}" for role in ROLES}
        self.kafka.create(*(f"{topic}:2" for topic in topics.values()))
        names = ",".join(topics.values())
        return topics, self.kafka.produce(60, topics=names, partitions=2)["partitions"], names

    def test_latest_is_decided_once(self):
        """What comes after a stop, or a crash, is given to the next start, though nothing had been
        read and nothing done before."""
        topics, before, names = self.own_topics()
        seen = self.path("seen")
        # No commit in the background: what is committed is committed at the assignment.
        host = self.latest_host("host", seen, topics, **{"auto.commit.interval.ms": 3600000})
        host.start()
        host.wait_status("an assignment", lambda status: len(status["assignment"]) == 6)
        self.kafka.wait_committed(host.group, before)
        host.stop()
        second = self.kafka.produce(60, topics=names, partitions=2, first=60)
        host.start()
        self.wait_for("the second part", lambda: records.count_lines(seen) == 60)
        host.kill()
        # Nothing of that was committed.
        host.start()
        self.wait_for("the second part again", lambda: records.count_lines(seen) == 120)
        host.stop()
        tally = {"partitions": {
            topic: {number: count + second["partitions"][topic][number]
                    for number, count in numbers.items()} for topic, numbers in before.items()}}
        self.kafka.wait_committed(host.group, tally["partitions"])
        for record in records.read(seen):
            self.assertGreaterEqual(record.offset, before[record.topic][str(record.partition)])

    def test_partitions_that_are_added_are_read_from_their_beginning(self):
        topics, before, names = self.own_topics()
        seen = self.path("seen")
        host = self.latest_host("host", seen, topics,
                                **{"topic.metadata.refresh.interval.ms": 1000})
        host.start()
        host.wait_status("an assignment", lambda status: len(status["assignment"]) == 6)
        self.kafka.wait_committed(host.group, before)
        self.kafka.grow(*(f"{topic}:3" for topic in topics.values()))
        # They have messages before the group hears of them.
        for topic in topics.values():
            for number in range(3):
                self.kafka.send(topic, f'{{"symbol":"NEW","price":{number}}}', key="NEW",
                                partition=2)
        host.wait_status("the new ones", lambda status: len(status["assignment"]) == 9)
        self.wait_for("their messages", lambda: records.count_lines(seen) == 9)
        host.stop()
        self.assertEqual(records.offsets(records.read(seen)),
                         {(topic, 2): [0, 1, 2] for topic in topics.values()})

    def test_partitions_that_are_added_to_a_group_at_rest_are_read_from_their_beginning(self):
        topics, before, names = self.own_topics()
        seen = self.path("seen")
        host = self.latest_host("host", seen, topics)
        host.start()
        host.wait_status("an assignment", lambda status: len(status["assignment"]) == 6)
        self.kafka.wait_committed(host.group, before)
        host.stop()
        self.kafka.grow(*(f"{topic}:3" for topic in topics.values()))
        for topic in topics.values():
            for number in range(3):
                self.kafka.send(topic, f'{{"symbol":"NEW","price":{number}}}', key="NEW",
                                partition=2)
        host.start()
        host.wait_status("all of them", lambda status: len(status["assignment"]) == 9)
        added = {topic: {"2": 3} for topic in topics.values()}
        self.kafka.wait_committed(host.group, added)
        host.stop()
        self.assertEqual(records.offsets(records.read(seen)),
                         {(topic, 2): [0, 1, 2] for topic in topics.values()})

    def test_latest_begins_where_the_first_look_ended(self):
        """The host looks, has nobody to read for, and begins after a reload."""
        topics, before, names = self.own_topics()
        topics["asset_trends"] = "comes_never"
        seen = self.path("seen")
        host = self.latest_host("host", seen, topics)
        host.deploy("recorder", file=seen, nonsense="x")
        host.start()
        # The first look knows about the others what it needs.
        host.wait_event("topics.waiting", " comes_never ")
        self.assertIs(host.status()["attended"], False)
        second = self.kafka.produce(60, topics=names, partitions=2, first=60)["partitions"]
        host.deploy("recorder", file=seen)
        code, said = host.reload()
        self.assertEqual(code, 0, said)
        del before["%s.asset_trends" % self.id().rsplit(".", 1)[-1]]
        everything = {topic: {number: count + second[topic][number]
                              for number, count in numbers.items()}
                      for topic, numbers in before.items()}
        self.kafka.wait_committed(host.group, everything)
        host.stop()
        self.assertEqual(records.offsets(records.read(seen)), {
            (topic, int(number)): list(range(count, everything[topic][number]))
            for topic, numbers in before.items() for number, count in numbers.items()})

    def test_topics_that_are_made_anew_are_read_from_their_beginning(self):
        """As soon as the client knows that they are gone, and whether they end below where the old
        ones were left or above. (Made anew within one fetch they cannot be told from the old ones:
        the protocol of this client names topics by name.)"""
        for policy in ("latest", "earliest"):
            with self.subTest(policy=policy):
                topics = {role: f"anew.{policy}.{role}" for role in ROLES}
                self.kafka.create(*(f"{topic}:2" for topic in topics.values()))
                old = self.kafka.produce(60, topics=",".join(topics.values()),
                                         partitions=2)["partitions"]
                seen = self.path(f"seen-{policy}")
                host = self.latest_host(f"host-{policy}", seen, topics,
                                        **{"auto.offset.reset": policy})
                host.start()
                host.wait_status("an assignment", lambda status: len(status["assignment"]) == 6)
                self.kafka.wait_committed(host.group, old)
                first = len(records.read(seen))
                few, many, _ = topics.values()
                ids = {topic: self.kafka.topic_id(topic) for topic in (few, many)}
                self.kafka.delete(few, many)
                for topic in (few, many):
                    host.wait_event("topic.deleted", f" {topic}: ")
                self.assertNotIn("desired partition", host.log_text(), "a line for the topic alone")
                self.kafka.create(f"{few}:2", f"{many}:2")
                new = self.kafka.produce(6, topics=few, partitions=2)["partitions"]
                new |= self.kafka.produce(400, topics=many, partitions=2)["partitions"]
                for topic, number in ids.items():
                    self.assertNotEqual(self.kafka.topic_id(topic), number, "it was made anew")
                self.assertLess(new[few]["0"], old[few]["0"])
                self.assertGreater(new[many]["0"], old[many]["0"])
                self.wait_for("all of the new", lambda seen=seen, first=first:
                              records.count_lines(seen) >= first + 406)
                self.kafka.wait_committed(host.group, new)
                # What it was is off the client's mind as well: it ends, and the code is 0.
                host.stop()
                # Of the topic that stayed some may be given once more: the state begins anew too.
                offsets = records.offsets(record for record in records.read(seen)[first:]
                                          if record.topic in new)
                self.assertEqual(offsets, {
                    (topic, int(number)): list(range(count))
                    for topic, numbers in new.items() for number, count in numbers.items()})
                self.assertNotIn("-1001", host.log_text())

    def test_a_client_that_does_not_end_is_no_clean_stop(self):
        host = self.new_host()
        host.drop("good_v1", "good.so")
        host.process = Process(
            [paths.HOST, "run", "-c", host.ini], host.log, directory=host.directory,
            environment={**environment(), "LD_PRELOAD": os.path.join(
                paths.BUILD, "tests", "integration", "libhang_destroy.so")})
        host.wait_status("an assignment", lambda status: len(status["assignment"]) == 6)
        host.process.signal(signal.SIGTERM)
        self.assertEqual(host.process.wait(60), 1)
        self.assertEqual(len(host.events("stop.client_abandoned")), 2)  # the part, and the end

    def test_a_start_without_a_fit_strategy_reads_nothing(self):
        host = self.new_host(sections={"http": {"enabled": "yes", "port": 0}})
        host.drop("good_v1", "good.so")
        host.deploy("good", every="a lot")
        host.start()
        port = host.wait_event("http.listening", r":(\d+) event=").group(1)
        status = host.wait_status("a broker", lambda status: status["source"]["connected"])
        self.assertIs(status["attended"], False)
        code, checks = ready(port)
        self.assertEqual((code, checks["strategies"]["status"]), (503, "fail"), checks)
        self.assertRegex(host.ctl("status")[1], r"NOT READING")
        self.assertIsNone(self.kafka.committed(host.group, {"bar_trends": {"0": 0}})
                          ["bar_trends"]["0"])
        host.deploy("good", every=1)
        code, said = host.reload()
        self.assertEqual(code, 0, said)
        self.kafka.wait_committed(host.group, self.tally["partitions"])
        self.assertEqual(len(host.read_signals()), 20_000)
        self.wait_for("readiness", lambda: ready(port)[0] == 200)
        host.stop()

    @staticmethod
    def is_stuck(host):
        status = host.status()
        return status is not None and status["lanes"][0]["in_callback"] is not None


class StderrTakesNothing(Scenario):
    """A full pipe that nobody reads, or a terminal after Ctrl-S."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kafka.create_roles(1)
        cls.tally = cls.kafka.produce(2_000, partitions=1)

    def start(self, host):
        """Its stderr is full before it writes its first line."""
        fifo = self.path("stderr")
        os.mkfifo(fifo)
        self.reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, self.reader)
        filler = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(filler, 4096 * b"\n")
        os.close(filler)
        host.process = Process(
            ["sh", "-c", 'exec "$0" run -c "$1" 2>"$2"', paths.HOST, host.ini, fifo], host.log,
            environment=environment(), directory=host.directory)

    def test_the_stream_goes_on(self):
        port, = free_ports(1)
        host = self.new_host(sections={
            "http": {"enabled": "yes", "port": port}, "log": {"level": "DEBUG"},
            "signals": {"sinks": "jsonl, log"}})
        host.drop("good_v1", "good.so")
        host.deploy("good", every=1)
        self.start(host)
        self.kafka.wait_committed(host.group, self.tally["partitions"])
        code, out = host.reload()
        self.assertEqual(code, 0, out)
        self.wait_for("readiness to tell of the log", lambda: "warn" in [
            check["status"] for check in json.loads(self.ask(port, "/health/ready"))["checks"]
            if check["name"] == "log"])
        self.assertEqual(json.loads(self.ask(port, "/health/live"))["status"], "live")
        self.assertRegex(self.ask(port, "/metrics"), r"(?m)^take5_log_dropped_lines_total \d+$")
        host.stop()
        self.assertEqual(len(host.read_signals()), 2_000)
        self.assertLess(0, len(os.read(self.reader, 4096).strip(b"x")), "the pipe was full")

    @staticmethod
    def ask(port, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
            return answer.read().decode()

    def test_a_hang_is_named_and_ends_the_host(self):
        # A rehearsal with the topics' messages would refuse the strategy.
        host = self.new_host(sections={"take5": {"stuck_ms": 500, "rehearsal_messages": 0}})
        host.drop("hang_message")
        self.start(host)
        self.assertEqual(host.process.wait(60), 1)
        crashes = os.listdir(os.path.join(host.directory, "state", "crash"))
        self.assertEqual(len(crashes), 1, crashes)
        with open(os.path.join(host.directory, "state", "crash", crashes[0]),
                  encoding="utf-8") as file:
            self.assertIn("deployment = hang_message", file.read())



if __name__ == "__main__":
    main()
