#!/usr/bin/python3
"""What a live host said, a replay of what it read says again."""
import json
import os
import subprocess

from harness import paths
from harness.host import environment, read_json_lines
from harness.scenario import Scenario, main
from harness.waiting import PATIENCE

PARTITIONS = 4
COUNT = 20_000


def by_id(signals):
    return {signal["id"]: signal for signal in signals}


class LiveEqualsReplay(Scenario):
    feeds = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kafka.create_roles(PARTITIONS)

    def setUp(self):
        super().setUp()
        self.journal = self.path("journal")
        self.recording = self.path("recording")

    def take5(self, *arguments):
        done = subprocess.run([paths.HOST, *map(str, arguments)], stdin=subprocess.DEVNULL,
                              capture_output=True, env=environment(), cwd=self.directory,
                              timeout=300 * PATIENCE)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        return done

    def feed(self, count):
        """Each feed goes on, in the market's time, about where the one before it ended."""
        LiveEqualsReplay.feeds += 1
        self.take5("feed", "-q", "--brokers", self.kafka.servers, "--count", count, "--rate",
                   "20000", "--seed", self.feeds, "--symbols", 30, "--bad", "1%", "--late", "2%",
                   "--start", f"2024-06-17T{self.feeds:02}:00:00Z")

    def live(self, lanes, *names):
        """A host that has read all that there is; stopped. The feed comes while it runs and
        before."""
        host = self.new_host(sections={"take5": {"lanes": lanes},
                                       "journal": {"enabled": "yes", "path": self.journal}})
        for name in names:
            host.drop(name)
            host.deploy(name)
        self.feed(COUNT // 2)
        host.start()
        host.wait_status("the backlog", lambda status: status["totals"]["messages"] > 1000)
        self.feed(COUNT // 2)
        total = self.total()
        host.wait_status("all messages", lambda status: status["totals"]["messages"] == total
                         and status["totals"]["unconfirmed"] == 0)
        host.stop()
        return host

    def total(self):
        """How many messages there are."""
        return self.take5("record", "-q", "--brokers", self.kafka.servers).stdout.count(b"\n")

    def replay(self, host, *arguments):
        out = self.path("replayed")
        done = self.take5("replay", "-c", host.ini, "--json", "-o", out, *arguments,
                          self.recording)
        return json.loads(done.stdout), read_json_lines(out)

    def compare(self, live, replayed, names):
        self.assertEqual(len(by_id(live)), len(live), "an id was given twice")
        for name in names:
            self.assertGreater(sum(signal["deployment"] == name for signal in live), 30, name)
        self.assertEqual(set(by_id(replayed)), set(by_id(live)))
        self.assertEqual(by_id(replayed), by_id(live))

    def test_with_the_journal_joins_and_timers_agree_too(self):
        names = ("cross", "joiner", "momentum", "trend")
        host = self.live(2, *names)
        self.take5("record", "-q", "--brokers", self.kafka.servers, "-o", self.recording)
        summary, replayed = self.replay(host, "--journal", self.journal)
        self.assertEqual(summary["messages"], self.total())
        live = host.read_signals()
        self.compare(live, replayed, names)
        # On any number of lanes; and the journal is what makes it so.
        again = self.replay(host, "--journal", self.journal, "--lanes", 3)[1]
        self.assertEqual(again, replayed)
        without = self.replay(host)[1]
        self.assertEqual(
            {i: s for i, s in by_id(without).items() if s["deployment"] != "joiner"}.keys(),
            {i: s for i, s in by_id(live).items() if s["deployment"] != "joiner"}.keys())
        self.assertNotEqual(by_id(without), by_id(live), "topics came in the order of their times: "
                            "this test shows nothing")

    def test_without_it_what_hangs_on_one_topic_agrees(self):
        names = ("cross", "momentum", "trend")
        host = self.live(1, *names)
        os.unlink(self.journal)
        self.take5("record", "-q", "--brokers", self.kafka.servers, "-o", self.recording)
        self.compare(host.read_signals(), self.replay(host)[1], names)


if __name__ == "__main__":
    main()
