#!/usr/bin/python3
"""Brokers that are not there, go away, come back, and lack the topics."""
import os
import re
import signal
import subprocess
import sys
import time

from harness import paths, records
from harness.host import ready
from harness.ports import free_ports
from harness.scenario import Scenario, main

CUT_S = 15

# A static member whose session ends while the broker is away may have to be started again: that is
# failover_test's. Here the host lives on.
DYNAMIC = {"group.instance.id": ""}


class BrokerTrouble(Scenario):
    WITH_PROXY = True

    def setUp(self):
        super().setUp()
        name = self.id().rsplit(".", 1)[-1]
        self.topics = {role: f"{name}.{role}" for role in
                       ("bar_trends", "historic_stats", "asset_trends")}
        self.seen = self.path("seen")

    def create(self, partitions=4):
        self.kafka.create(*(f"{topic}:{partitions}" for topic in self.topics.values()))

    def produce(self, count, **options):
        return self.kafka.produce(count, topics=",".join(self.topics.values()), partitions=4,
                                  **options)

    def recording_host(self, servers):
        host = self.new_host(servers=servers, sections={
            "kafka": DYNAMIC,
            **{f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}})
        host.drop("recorder")
        host.deploy("recorder", file=self.seen)
        return host.start()

    def test_a_network_that_is_lost_is_said_once_and_survived(self):
        self.create()
        host = self.recording_host(self.kafka.proxy_servers)
        producer = self.kafka.start_produce(10_000_000, topics=",".join(self.topics.values()),
                                            partitions=4, symbols=200, rate=3_000)
        self.wait_for("the first lines", lambda: records.count_lines(self.seen) > 3_000)

        mark = host.log_size()
        self.proxy.cut()
        try:
            host.wait_event("broker.lost", "", 30, mark)
            time.sleep(CUT_S)  # the length of the outage, not a wait for something
        finally:
            self.proxy.repair()
        tally = producer.stop()
        self.kafka.wait_committed(host.group, tally["partitions"], 120)
        lost = re.findall(r"^.*\b(?:WARNING|ERROR)\b.*kafka.*$", host.log_text(mark), re.M)
        self.assertLessEqual(len(lost), 6, "an outage is said, not repeated:\n" + "\n".join(lost))
        host.stop()
        self.check_nothing_lost(host, tally)

    def test_a_broker_that_comes_late_is_waited_for(self):
        self.create()
        tally = self.produce(3_000)
        self.proxy.cut()
        try:
            host = self.recording_host(self.kafka.proxy_servers)
            host.wait_event("broker.unreachable", rf"127\.0\.0\.1:{self.kafka.proxy_port}", 30)
            time.sleep(2)  # the host has to stay, not to come
            self.assertTrue(host.process.is_running())
        finally:
            self.proxy.repair()
        self.kafka.wait_committed(host.group, tally["partitions"], 120)
        host.stop()
        records.check_exactly_once(self, records.read(self.seen), tally)

    def test_a_host_without_a_broker_stops_at_once(self):
        [port] = free_ports(1)
        host = self.recording_host(f"127.0.0.1:{port}")
        host.wait_event("broker.unreachable", rf"127\.0\.0\.1:{port}", 30)
        host.stop()

    def test_topics_that_do_not_exist_yet_are_named_and_waited_for(self):
        host = self.recording_host(self.kafka.servers)
        missing = sorted(self.topics.values())
        host.wait_event("topics.waiting", re.escape(missing[0]))
        line = host.events("topics.waiting")[0]
        for topic in missing:
            self.assertIn(topic, line)
        self.kafka.create(f"{missing[0]}:4", f"{missing[1]}:4")
        # What is there is read meanwhile.
        status = host.wait_status("the topics that are there",
                                  lambda status: len(status["assignment"]) == 8)
        self.assertEqual(status["source"]["missing_topics"], missing[2])
        # Only what is still missing, in a line that names nothing behind it.
        host.wait_event("topics.waiting", ": " + re.escape(missing[2]) + " event=")
        self.kafka.create(f"{missing[2]}:4")
        tally = self.produce(3_000)
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()
        records.check_exactly_once(self, records.read(self.seen), tally)

    def http_host(self, **kafka):
        """A host that works on all, and the port of its http."""
        host = self.new_host(sections={
            "http": {"enabled": "yes", "port": 0},
            "kafka": {**DYNAMIC, **kafka},
            **{f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}})
        host.drop("recorder")
        host.deploy("recorder", file=self.seen)
        host.start()
        port = host.wait_event("http.listening", r":(\d+) event=").group(1)
        self.wait_for("readiness", lambda: ready(port)[0] == 200)
        return host, port

    def test_a_broker_that_says_nothing_is_away(self):
        self.create()
        host, port = self.http_host()
        os.kill(self.kafka.process.pid, signal.SIGSTOP)
        try:
            # It keeps its connections, and the group has thrown nobody out.
            host.wait_status("the silence", lambda status: not status["source"]["connected"])
            code, checks = ready(port)
            self.assertEqual((code, checks["broker"]["status"]), (503, "fail"), checks)
            host.wait_status("the end of the session",
                             lambda status: not status["source"]["assigned"])
            self.assertEqual(host.status()["assignment"], [])
            self.assertEqual(host.status()["lag"], [])
            self.assertEqual(len(host.events("group.session_lost")), 1)
            for misleading in ("REQTMOUT", "broker version", "last error was Success"):
                self.assertNotIn(misleading, host.log_text())
        finally:
            os.kill(self.kafka.process.pid, signal.SIGCONT)
        tally = self.produce(300)
        self.kafka.wait_committed(host.group, tally["partitions"])
        self.wait_for("readiness", lambda: ready(port)[0] == 200)
        host.stop()

    def follows(self, port, what, code):
        """Says how long readiness took; how long it may is not for a busy machine to judge."""
        began = time.monotonic()
        self.wait_for(f"readiness to be {code}, {what}", lambda: ready(port)[0] == code)
        print(f"{what}: {code} after {time.monotonic() - began:.2f} s", file=sys.stderr)

    def test_readiness_follows_a_broker_that_is_frozen_killed_and_back(self):
        self.create()
        host, port = self.http_host(**{"session.timeout.ms": 45_000})
        for _ in range(2):
            os.kill(self.kafka.process.pid, signal.SIGSTOP)
            self.follows(port, "frozen", 503)
            os.kill(self.kafka.process.pid, signal.SIGCONT)
            self.follows(port, "thawed", 200)
        self.kafka.kill()
        self.follows(port, "killed", 503)
        self.kafka.start()
        self.follows(port, "back", 200)
        self.assertEqual(host.events("partitions.lost"), [])
        tally = self.produce(300)
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()

    def test_a_topic_that_is_deleted_is_named_and_the_others_go_on(self):
        self.create(2)
        names = list(self.topics.values())
        host, port = self.http_host()
        self.kafka.delete(names[1])
        host.wait_status("the loss", lambda status: status["source"]["missing_topics"] == names[1]
                         and len(status["assignment"]) == 4)
        self.assertEqual(len(host.events("topic.deleted")), 1)
        told = re.findall(rf"WARNING +kafka +.*{re.escape(names[1])}.*", host.log_text())
        self.assertLessEqual(len(told), 2, "that it was deleted, and is waited for")
        code, checks = ready(port)
        self.assertEqual((code, checks["topics"]["status"]), (503, "fail"), checks)
        self.assertIn(names[1], checks["topics"]["detail"])
        for name in (names[0], names[2]):
            self.kafka.send(name, '{"symbol":"A","price":1}', key="A", partition=0)
        self.wait_for("the others", lambda: records.count_lines(self.seen) == 2)
        self.kafka.create(f"{names[1]}:2")
        self.kafka.send(names[1], '{"symbol":"A","price":1}', key="A", partition=0)
        self.wait_for("the one that is back", lambda: records.count_lines(self.seen) == 3)
        self.wait_for("readiness", lambda: ready(port)[0] == 200)
        host.stop()

    def test_lag_counts_to_the_end_and_names_an_open_transaction(self):
        self.create(1)
        host, port = self.http_host()
        topic = self.topics["bar_trends"]

        def lag():
            return next(lag for lag in host.status()["lag"] if lag["topic"] == topic)

        # On topics without a message it is known as well.
        self.wait_for("all lags", lambda: [lag["lag"] for lag in host.status()["lag"]] == [0] * 3)
        values = [f'{{"symbol":"A","price":{number}}}' for number in range(3)]
        with subprocess.Popen([paths.tool("transaction"), self.kafka.servers, topic, "0", *values],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE) as producer:
            try:
                self.assertEqual(producer.stdout.readline(), b"open\n")
                self.wait_for(lambda: f"the open transaction; {lag()}",
                              lambda: lag()["held_back_since"] > 0 and lag()["lag"] == 3)
                self.assertIn("open transaction", ready(port)[1]["lag"]["detail"])
                self.assertRegex(host.ctl("status")[1], r"HELD BACK +" + re.escape(topic))
                producer.stdin.close()
                self.assertEqual(producer.wait(60), 0)
            finally:
                producer.kill()
        self.wait_for(lambda: f"no lag; {lag()}",
                      lambda: (lag()["lag"], lag()["held_back_since"]) == (0, 0))
        # The mark of the commit is the last in the log, and no message.
        self.assertEqual((lag()["committed"], lag()["end"]), (3, 4))
        host.stop()
        self.assertEqual(records.count_lines(self.seen), 3)

    def test_a_partition_that_stands_at_a_damaged_batch_is_named(self):
        self.create(1)
        host, _ = self.http_host()
        topic = self.topics["asset_trends"]
        for number in range(2):
            self.kafka.send(topic, f'{{"symbol":"A","price":{number}}}', key="A", partition=0)
        self.wait_for("the first ones", lambda: records.count_lines(self.seen) == 2)
        self.kafka.wait_committed(host.group, {topic: {"0": 2}})
        host.stop()
        text = '{"symbol":"A","price":1,"padding":"' + "x" * 500 + '"}'
        subprocess.run(["kcat", "-b", self.kafka.servers, "-P", "-t", topic, "-p", "0", "-k", "A",
                        "-z", "gzip"], input=text.encode(), check=True)
        self.kafka.stop()
        self.damage(f"{topic}-0")
        self.kafka.start()
        mark = host.log_size()
        host.start()
        port = host.wait_event("http.listening", r":(\d+) event=", start=mark).group(1)
        status = host.wait_status("the damage", lambda status: status["source"]["standing"])
        self.assertRegex(status["source"]["standing"], re.escape(topic) + r" \[0\].* offset 2\b")
        code, checks = ready(port)
        self.assertEqual((code, checks["partitions"]["status"]), (503, "fail"), checks)
        self.assertIn("reset-offsets", checks["partitions"]["detail"])
        # The others are worked on, and it counts as behind.
        self.kafka.send(self.topics["bar_trends"], '{"symbol":"A","price":1}', key="A", partition=0)
        self.wait_for("another topic", lambda: records.count_lines(self.seen) == 3)
        host.wait_status("its lag", lambda status: [
            lag["lag"] for lag in status["lag"] if lag["topic"] == topic] == [1])
        self.assertEqual(len(host.events("partition.stuck")), 1)
        host.stop()

    def damage(self, partition):
        """The last batch's compressed records, on the disk of a broker that is down."""
        [folder] = [os.path.join(root, name)
                    for root, names, _ in os.walk(os.path.join(self.kafka.directory, "data"))
                    for name in names if name == partition]
        path = os.path.join(folder, "0" * 20 + ".log")
        with open(path, "r+b") as file:
            data = file.read()
            magic = data.rindex(b"\x1f\x8b\x08")
            file.seek(magic)
            file.write(b"\0" * 8)

    def test_a_broker_that_restarts_loses_nothing(self):
        self.create()
        host = self.recording_host(self.kafka.servers)
        first = self.produce(30_000)
        self.wait_for("some lines", lambda: records.count_lines(self.seen) > 5_000)
        self.kafka.stop()
        self.kafka.start()
        second = self.produce(3_000, first=30_000)
        tally = records.add_tallies(first, second)
        self.kafka.wait_committed(host.group, tally["partitions"], 120)
        host.stop()
        self.check_nothing_lost(host, tally)

    def check_nothing_lost(self, host, tally):
        """Every message was seen. Where the session ended before the last commit, the host may go
        back to that commit, with fresh instances, if it says so; else nothing came twice."""
        seen = records.read(self.seen)
        records.check_all_seen(self, seen, tally)
        if not host.events("state.discarded"):
            records.check_exactly_once(self, seen, tally)
            records.check_counts_run_on(self, seen, tally)

    def test_differing_partition_counts_are_warned_of(self):
        names = list(self.topics.values())
        self.kafka.create(f"{names[0]}:4", f"{names[1]}:4", f"{names[2]}:2")
        host = self.recording_host(self.kafka.servers)
        host.wait_event("topics.uneven")
        line = host.events("topics.uneven")[0]
        self.assertIn(names[2], line)
        host.stop()


if __name__ == "__main__":
    main()
