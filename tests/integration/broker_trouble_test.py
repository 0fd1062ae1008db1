#!/usr/bin/python3
"""Brokers that are not there, go away, come back, and lack the topics."""
import re
import time

from harness import records
from harness.kafka import free_ports
from harness.scenario import Scenario, main

CUT_S = 15


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
            f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()})
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
            host.wait_log(r"\b(lost|unreachable|away)\b", 30, mark)
            time.sleep(CUT_S)  # the length of the outage, not a wait for something
        finally:
            self.proxy.mend()
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
            host.wait_log(r"127\.0\.0\.1:%d" % self.kafka.proxy_port, 30)
            time.sleep(2)  # the host has to stay, not to come
            self.assertTrue(host.process.is_running())
        finally:
            self.proxy.mend()
        self.kafka.wait_committed(host.group, tally["partitions"], 120)
        host.stop()
        records.check_exactly_once(self, records.read(self.seen), tally)

    def test_a_host_without_a_broker_stops_at_once(self):
        [port] = free_ports(1)
        host = self.recording_host(f"127.0.0.1:{port}")
        host.wait_log(rf"127\.0\.0\.1:{port}", 30)
        host.stop()

    def test_topics_that_do_not_exist_yet_are_named_and_waited_for(self):
        host = self.recording_host(self.kafka.servers)
        missing = sorted(self.topics.values())
        host.wait_log(r"(?s)waiting for topics?.*" + re.escape(missing[0]))
        line = re.search(r"^.*waiting for topics?.*$", host.log_text(), re.M).group()
        for topic in missing:
            self.assertIn(topic, line)
        self.kafka.create(f"{missing[0]}:4", f"{missing[1]}:4")
        # Only what is still missing, in a line that ends with it.
        host.wait_log(r"waiting for topics?[^,\n]*: " + re.escape(missing[2]) + "$")
        self.kafka.create(f"{missing[2]}:4")
        tally = self.produce(3_000)
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()
        records.check_exactly_once(self, records.read(self.seen), tally)

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
        if "starts fresh" not in host.log_text():
            records.check_exactly_once(self, seen, tally)
            records.check_counts_run_on(self, seen, tally)

    def test_differing_partition_counts_are_warned_of(self):
        names = list(self.topics.values())
        self.kafka.create(f"{names[0]}:4", f"{names[1]}:4", f"{names[2]}:2")
        host = self.recording_host(self.kafka.servers)
        host.wait_log(r"WARN.*partition")
        line = re.search(r"^.*WARN.*partition.*$", host.log_text(), re.M).group()
        self.assertIn(names[2], line)
        host.stop()


if __name__ == "__main__":
    main()
