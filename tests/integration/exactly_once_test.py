#!/usr/bin/python3
"""Nothing lost and nothing repeated when the host is stopped cleanly; nothing lost when it is
killed."""
import os

from harness import records
from harness.scenario import Scenario, main

MESSAGES = 300_000
STOPS = 10
RATE = 25_000 if os.environ.get("TAKE5_VARIANT", "plain") == "plain" else 6_000


class StopsDuringAStream(Scenario):
    def run_stream(self, end):
        """A host that `end` ends ten times while the messages arrive, and that then reads what is
        left. Gives the producer's tally and the records."""
        topics = {role: f"{self.id().rsplit('.', 1)[-1]}.{role}" for role in
                  ("bar_trends", "historic_stats", "asset_trends")}
        self.kafka.create(*(f"{name}:4" for name in topics.values()))
        # A kill from outside may come twice at one message, which is not the strategy's doing.
        host = self.new_host(sections={"take5": {"on_crash": "run"},
                                       **{f"topic:{role}": {"topic": name}
                                          for role, name in topics.items()}})
        seen = self.path("seen")
        host.drop("recorder")
        host.deploy("recorder", file=seen)

        producer = self.kafka.start_produce(MESSAGES, topics=",".join(topics.values()),
                                            partitions=4, symbols=500, envelope="both", rate=RATE)
        for turn in range(1, STOPS + 1):
            host.start()
            enough = turn * MESSAGES // (STOPS + 2)
            self.wait_for(lambda: f"{enough} lines; there are {records.count_lines(seen)}",
                          lambda: records.count_lines(seen) >= enough, 120)
            end(host)
        tally = producer.finish()
        self.assertEqual(tally["delivered"], MESSAGES)

        host.start()
        expected = tally["partitions"]
        self.kafka.wait_committed(host.group, expected, 120)
        host.stop()
        return tally, records.read(seen)

    def test_clean_stops_lose_and_repeat_nothing(self):
        tally, seen = self.run_stream(lambda host: host.stop())
        records.check_exactly_once(self, seen, tally)
        # The state went through every stop as well.
        records.check_counts_run_on(self, seen, tally)

    def test_kills_lose_nothing(self):
        tally, seen = self.run_stream(lambda host: host.kill())
        records.check_all_seen(self, seen, tally)


if __name__ == "__main__":
    main()
