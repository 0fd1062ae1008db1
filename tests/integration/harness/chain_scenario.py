"""A scenario whose hosts run the strategy `chain` (tests/plugins/chain.c), and its judgement."""
import json
import os
import random
import signal

from . import chain, records
from .chain import read_said
from .scenario import Scenario

ROLES = ("bar_trends", "historic_stats", "asset_trends")
PARTITIONS = 2
RATE = 3_000 if os.environ.get("TAKE5_VARIANT", "plain") == "plain" else 600


class ChainScenario(Scenario):
    def setUp(self):
        super().setUp()
        self.name = self.id().rsplit(".", 1)[-1]
        self.topics = {role: f"{self.name}.{role}" for role in ROLES}
        self.kafka.create(*(f"{topic}:{PARTITIONS}" for topic in self.topics.values()))
        self.random = random.Random(self.name)
        self.is_joined = True
        self.producer = None

    # ---- hosts and messages ----

    def chain_host(self, name="host", is_joined=True, **sections):
        """`is_joined`: over all three topics."""
        self.is_joined = is_joined
        given = {f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}
        given["checkpoint"] = {"interval": "1s"}
        given.update(sections)
        # Kills from outside may come twice at one message, which is not the strategy's doing.
        given["take5"] = {"on_crash": "run"} | given.get("take5", {})
        host = self.new_host(name, group=self.name, sections=given)
        self.drop_build(host, 1)
        host.deploy("chain")
        return host

    def drop_build(self, host, number):
        host.drop(f"chain_{'' if self.is_joined else 'one_'}{number}", "chain.so")

    def fed_topics(self):
        return [self.topics[role] for role in (ROLES if self.is_joined else ROLES[:1])]

    def options(self):
        return {"topics": ",".join(self.fed_topics()), "partitions": PARTITIONS, "symbols": 40}

    def start_stream(self):
        self.producer = self.kafka.start_produce(10_000_000, rate=RATE, **self.options())

    def wait_lines(self, host, more):
        """Until it has said so much more."""
        goal = records.count_lines(host.signals) + more
        host_is_up = host.process.is_running
        self.wait_for(lambda: f"{goal} signals; there are {records.count_lines(host.signals)}; "
                      f"the log ends:\n{host.log_tail()}",
                      lambda: records.count_lines(host.signals) >= goal or not host_is_up())
        self.assertTrue(host_is_up(), host.log_tail())

    def end_stream(self, host):
        """Gives the tally, when the group has come to its end."""
        tally = self.producer.stop()
        self.kafka.wait_committed(host.group, tally["partitions"], 120)
        return tally

    def kill(self, host):
        host.process.signal(signal.SIGKILL)
        self.assertEqual(host.process.wait(60), -signal.SIGKILL)

    def checkpoints(self, host, partition=0):
        """Its numbers, the newest last."""
        folder = os.path.join(host.directory, "state", "checkpoints", str(partition))
        names = os.listdir(folder) if os.path.isdir(folder) else []
        return sorted(int(name.split(".")[0]) for name in names if name.endswith(".checkpoint"))

    def wait_checkpoint(self, host):
        """A newer one of each partition number."""
        before = [max(self.checkpoints(host, number), default=0) for number in range(PARTITIONS)]
        self.wait_for("a checkpoint of each partition number", lambda: all(
            max(self.checkpoints(host, number), default=0) > before[number]
            for number in range(PARTITIONS)))

    # ---- judgement ----

    def replay(self, host, orders, deployment="chain"):
        """{id: line} of an uninterrupted run in that order."""
        out = chain.replay(host, self.directory, self.fed_topics(), orders)
        return {item.id: item.line for item in read_said(out, deployment)}

    def chains_of(self, said, tally):
        """({partition: chain}, {partition: order}, the gaps in them)."""
        gaps = []
        chains = {number: chain.final_chain(said, number) for number in range(PARTITIONS)}
        orders = {number: chain.order_of(chains[number], number, self.counts(tally, number), gaps)
                  for number in chains}
        return chains, orders, gaps

    def counts(self, tally, partition):
        return [int(tally["partitions"][name].get(str(partition), 0)) for name in self.fed_topics()]

    def assert_same(self, found, expected):
        """Of {id: line}; unittest's own account of the difference takes minutes."""
        self.assertEqual(sorted(found.keys() - expected.keys())[:3], [], "not expected")
        self.assertEqual(sorted(expected.keys() - found.keys())[:3], [], "missing")
        differ = [key for key in expected if found[key] != expected[key]]
        for key in differ[:1]:
            self.fail(f"{len(differ)} of {len(expected)} differ; the first one:\n"
                      f"{found[key]}{expected[key]}")

    def judge(self, host, tally, deployment="chain"):
        """Nothing is missing, nothing was forgotten or known twice, and what was said again was said
        with the same content. Gives how many lines were."""
        said = read_said(host.signals, deployment)
        chains, orders, gaps = self.chains_of(said, tally)
        self.assertEqual(gaps, [])
        final = {item.id: item.line for items in chains.values() for item in items}
        self.assert_same(final, self.replay(host, orders, deployment))
        others = [item.line for item in said if item.line != final.get(item.id)]
        self.assertEqual(others[:1], [], f"{len(others)} ids were said again with other content")
        again = len(said) - len({item.id for item in said})
        print(f"{self.name}: {len(final)} signals of {deployment}, {again} again")
        return again

    def judge_counts(self, host, tally):
        """The same of `good` with every = 1 and scope GLOBAL, which says with each message how many
        of its symbol it has counted over all topics: where it is handed them in another order, what
        it says again differs. Gives how many lines were said again."""
        with open(host.signals, encoding="utf-8") as file:
            said = [json.loads(line) for line in file
                    if line.endswith("}\n") and '"deployment":"good"' in line]
        signals = {item["id"]: item for item in said}
        self.assertEqual([item for item in said if signals[item["id"]] != item], [])
        values = {}
        for item in signals.values():
            values.setdefault(item["symbol"], []).append(item["value"])
        self.assertEqual(len(signals), sum(self.counts(tally, 0)) + sum(self.counts(tally, 1)))
        for symbol, its in values.items():
            self.assertEqual(sorted(its), list(range(1, len(its) + 1)), symbol)
        return len(said) - len(signals)

    def judge_gaps(self, host, tally):
        """Gives {(topic, partition): (from, to)}: one of each. All else was handed over, once."""
        _, _, gaps = self.chains_of(read_said(host.signals), tally)
        found = {(topic, number): (first, to) for topic, number, first, to in gaps}
        self.assertEqual(len(found), len(gaps), gaps)
        self.assertEqual(len(found), PARTITIONS * len(self.fed_topics()), gaps)
        return found
