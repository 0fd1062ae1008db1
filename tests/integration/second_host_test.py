#!/usr/bin/python3
"""A second host joins and leaves the group."""
from harness import records
from harness.scenario import Scenario, main

TOPICS = ("bar_trends", "historic_stats", "asset_trends")
ROUNDS = 5
KILLED_ROUND = 3


class SecondHost(Scenario):
    def topics(self):
        """The test's own topics, so that tests do not see each other's messages."""
        return {role: f"{self.id().rsplit('.', 1)[-1]}.{role}" for role in TOPICS}

    def recording_host(self, name, seen, **take5):
        sections = {f"topic:{role}": {"topic": topic} for role, topic in self.topics().items()}
        sections["take5"] = take5
        host = self.new_host(name, sections=sections)
        host.drop("recorder")
        host.deploy("recorder", file=seen)
        return host

    def setUp(self):
        super().setUp()
        self.kafka.create(*(f"{topic}:4" for topic in self.topics().values()))

    def test_joins_and_leaves_during_a_stream(self):
        first_seen = self.path("seen-first")
        first = self.recording_host("first", first_seen).start()
        producer = self.kafka.start_produce(10_000_000, topics=",".join(self.topics().values()),
                                            partitions=4, symbols=200, rate=5_000)
        second = self.recording_host("second", "to be set", on_stop="leave")
        lives = []
        for turn in range(1, ROUNDS + 1):
            lives.append(self.path(f"seen-second-{turn}"))
            second.deploy("recorder", file=lives[-1])
            second.start()
            self.wait_for(f"the second host to work in round {turn}",
                          lambda: records.count_lines(lives[-1]) > 2_000, 120)
            if turn == KILLED_ROUND:
                second.kill()
            else:
                second.stop()
            # The first one has all of it again.
            before = self.seen_partitions(first_seen, 0)
            mark = records.count_lines(first_seen)
            self.wait_for(lambda: f"the first host to take all back in round {turn}; "
                          f"{self.seen_partitions(first_seen, mark)} of {before}",
                          lambda: self.seen_partitions(first_seen, mark) >= 12, 120)
        tally = producer.stop()
        self.kafka.wait_committed(first.group, tally["partitions"], 120)
        first.stop()

        all_lives = [records.read(path) for path in [first_seen, *lives]]
        records.check_all_seen(self, [r for life in all_lives for r in life], tally)
        for life in all_lives:
            records.check_in_order(self, life)

    @staticmethod
    def seen_partitions(path, mark):
        """How many (topic, partition)s have lines behind line number `mark`."""
        return len({(r.topic, r.partition) for r in records.read(path)[mark:]})

    def produce(self, count):
        return self.kafka.produce(count, topics=",".join(self.topics().values()), partitions=4,
                                  symbols=100, first=self.sent)

    def produce_and_wait(self, count):
        """One batch more, until the group has committed it."""
        tally = self.produce(count)
        self.sent += count
        self.tally = records.add_tallies(self.tally, tally)
        self.kafka.wait_committed(self.first.group, self.tally["partitions"])
        return tally

    def test_state_stays_with_what_came_back(self):
        self.sent = 0
        self.tally = records.add_tallies()
        first_seen, second_seen = self.path("seen-first"), self.path("seen-second")
        self.first = self.recording_host("first", first_seen).start()
        self.produce_and_wait(6_000)

        # Partitions go to the second host and come back, and nothing happened to them meanwhile.
        second = self.recording_host("second", second_seen, on_stop="leave").start()
        self.wait_shared(self.first, second)
        second.stop()
        self.wait_owned(self.first, 4)
        self.produce_and_wait(6_000)
        records.check_exactly_once(self, records.read(first_seen), self.tally)
        records.check_counts_run_on(self, records.read(first_seen), self.tally)

        # The second host works on some; what comes back catches up with it, from Kafka.
        second.start()
        self.wait_shared(self.first, second)
        self.produce_and_wait(6_000)
        second.stop()
        moved = {record.partition for record in records.read(second_seen)}
        self.assertEqual(len(moved), 2)
        self.wait_owned(self.first, 4)
        self.produce_and_wait(6_000)
        self.first.stop()
        records.check_exactly_once(self, records.read(first_seen), self.tally)
        records.check_counts_run_on(self, records.read(first_seen), self.tally)

    def wait_owned(self, host, count):
        host.wait_status(f"{count} partition numbers",
                         lambda status: owned(status) == count)

    def wait_shared(self, first, second):
        self.wait_owned(first, 2)
        self.wait_owned(second, 2)


def owned(status):
    """How many partition numbers the host has by its status."""
    return len({part["partition"] for part in status["assignment"]})


if __name__ == "__main__":
    main()
