#!/usr/bin/python3
"""Strategies that have far to go until they are level with the stream (harness/chain_scenario.py):
what they say on the way and behind it is what one says that was never away."""
import os
import signal

from harness.chain import read_said
from harness.chain_scenario import PARTITIONS, RATE, ChainScenario
from harness.host import read_json_lines
from harness.scenario import main

STEP_MS = 200
WINDOW_MESSAGES = 120 * 60 * 1000 // STEP_MS


def add(tallies):
    """Of producers that sent one after the other."""
    total = {}
    for tally in tallies:
        for name, parts in tally["partitions"].items():
            ours = total.setdefault(name, {})
            for number, count in parts.items():
                ours[number] = ours.get(number, 0) + count
    return {"partitions": total}


class CatchUp(ChainScenario):
    def ctl(self, host, *arguments):
        code, out, error = host.ctl(*arguments)
        self.assertEqual(code, 0, out + error)

    def produce(self, host, sent, count, **options):
        """Goes on behind what was sent; until the group has come so far."""
        first = sum(tally["delivered"] for tally in sent)
        sent.append(self.kafka.produce(count, first=first, **self.options(), **options))
        self.kafka.wait_committed(host.group, add(sent)["partitions"], 120)

    def test_suspended_for_100_000_messages(self):
        """Mended and reloaded meanwhile: all its signals are there, once."""
        host = self.chain_host()
        sent = []
        host.start()
        self.produce(host, sent, 2_000)
        self.ctl(host, "suspend", "chain")
        self.produce(host, sent, 100_000)
        mark = host.log_size()
        self.drop_build(host, 2)
        self.ctl(host, "reload")
        host.wait_event("reload.summary", "1 replaced", start=mark)
        self.ctl(host, "resume", "chain")
        for number in range(PARTITIONS):
            host.wait_event("strategy.caught_up", rf"partition {number}: .*\bchain\b", start=mark)
        self.produce(host, sent, 1_000)
        host.stop()
        self.assertEqual(self.judge(host, add(sent)), 0, "none was said again")

    def test_rebalanced_during_a_recovery(self):
        """A host that comes takes partitions from one that is still being fed its history."""
        first, second = (self.chain_host(name, is_joined=False, kafka={"session.timeout.ms": 2000},
                                         checkpoint={"interval": "1h", "store": "kafka",
                                                     "topic": f"{self.name}.state"})
                         for name in ("first", "second"))
        for host in (first, second):
            host.drop("chain_one_slow", "chain.so")
        sent = []
        first.start()
        self.produce(first, sent, 20_000)
        self.kill(first)
        mark = first.log_size()
        first.start()
        first.wait_event("catch_up.begun", start=mark)
        second.start()
        first.wait_event("partitions.revoked", start=mark)
        self.assertEqual(first.events("strategy.caught_up", mark), [], "it was not disturbed")
        second.wait_event("strategy.caught_up")
        first.wait_event("strategy.caught_up", start=mark)
        self.produce(first, sent, 2_000)
        for host in (second, first):
            host.stop()
        said = read_said(first.signals) + read_said(second.signals)
        chains, orders, gaps = self.chains_of(said, add(sent))
        self.assertEqual(gaps, [])
        expected = self.replay(first, orders)
        self.assert_same({item.id: item.line for items in chains.values() for item in items},
                         expected)
        self.assertEqual([item.line for item in said if item.line != expected.get(item.id)][:1], [])

    def undisturbed(self, host, deployment, *others):
        """What it says in a replay, {id without its name: what it says}."""
        for other in others:
            host.withdraw(other)
        out = self.path("undisturbed")
        for command in (("record", "-q", "-c", host.ini, "-o", self.path("recording")),
                        ("replay", "-q", "-c", host.ini, "-o", out, self.path("recording"))):
            code, _, error = host.take5(*command, timeout_s=600)
            self.assertEqual(code, 0, error)
        return self.said_by(read_json_lines(out), deployment)

    @staticmethod
    def said_by(lines, deployment):
        return {line["id"].split("/", 1)[1]: f"{line['name']} {line['value']} {line['symbol']}\n"
                for line in lines if line["deployment"] == deployment}

    def since(self, said, undisturbed):
        """Of the undisturbed ones those from the first that was said on, of each partition."""
        begins = {}
        for key in said:
            _, partition, offset, _ = key.rsplit("/", 3)
            begins[partition] = min(int(offset), begins.get(partition, int(offset)))
        self.assertEqual(len(begins), PARTITIONS, "it was not live")
        return {key: its for key, its in undisturbed.items()
                if int(key.rsplit("/", 2)[1]) >= begins[key.rsplit("/", 3)[1]]}

    def test_warmed_up_over_120_minutes(self):
        """One that is dropped into a running host, or into one that starts, while messages come, says
        from its first message on what one says that ran all along; and without a warm-up it does
        not."""
        host = self.chain_host(is_joined=False)
        host.withdraw("chain")
        host.drop("looks_back_120", "looks_back_120.so")
        host.deploy("always", plugin="looks_back_120")
        os.remove(os.path.join(host.strategies, "chain.so"))
        sent = []
        host.start()
        self.produce(host, sent, 2 * WINDOW_MESSAGES, step_ms=STEP_MS)
        stream = self.kafka.start_produce(10_000_000, first=2 * WINDOW_MESSAGES, rate=RATE,
                                          step_ms=STEP_MS, **self.options())
        self.wait_lines(host, 100)
        mark = host.log_size()
        host.deploy("late", plugin="looks_back_120")
        host.deploy("cold", plugin="looks_back_120", warm_up=0)
        host.process.signal(signal.SIGHUP)
        host.wait_event("reload.summary", "2 loaded", start=mark)
        for number in range(PARTITIONS):
            host.wait_event("strategy.caught_up", rf"partition {number}: .*\blate\b", start=mark)
        self.wait_lines(host, 1_000)
        host.stop()
        mark = host.log_size()
        host.deploy("later", plugin="looks_back_120")
        host.start()
        for number in range(PARTITIONS):
            host.wait_event("strategy.caught_up", rf"partition {number}: .*\blater\b", start=mark)
        self.wait_lines(host, 1_000)
        sent.append(stream.stop())
        self.kafka.wait_committed(host.group, add(sent)["partitions"], 120)
        host.stop()
        undisturbed = self.undisturbed(host, "always", "late", "cold", "later")
        said = {name: self.said_by(host.read_signals(), name)
                for name in ("always", "late", "cold", "later")}
        for name in ("always", "late", "later"):
            self.assertGreater(len(said[name]), 100)
            self.assert_same(said[name], self.since(said[name], undisturbed))
        self.assertNotEqual(said["cold"], self.since(said["cold"], undisturbed),
                            "nothing hangs on what was before")


if __name__ == "__main__":
    main()
