"""Hosts that run the strategy `chain` (tests/plugins/chain.c), and the judgement of what it said.

It says with every signal which messages it was handed since the last one, and digests of all
before. So what a host wrote tells the order in which it handled its messages; a replay in that
order, which nothing interrupts, has to say the same, byte by byte.
"""
import collections
import json
import os
import random
import signal

from . import records
from .scenario import Scenario

ROLES = ("bar_trends", "historic_stats", "asset_trends")
PARTITIONS = 2
EVERY = 5  # of chain.c
START = "cbf29ce484222325"
RATE = 3_000 if os.environ.get("TAKE5_VARIANT", "plain") == "plain" else 600


class Said:
    """A line of a host's signals."""

    def __init__(self, line):
        self.line = line
        self.json = json.loads(line)
        self.id = self.json["id"]
        self.data = self.json["data"]
        self.partition = self.json["partition"]

    def seen(self):
        """[(topic, from, to)], `to` None for a message."""
        for entry in self.data["seen"].split(","):
            topic, offsets = entry.split(":")
            first, _, to = offsets.partition("-")
            yield int(topic), int(first), int(to) if to else None


def read_said(path, deployment="chain"):
    with open(path, encoding="utf-8") as file:
        said = [Said(line) for line in file]
    return [item for item in said if item.json["deployment"] == deployment]


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
        given["kafka"] = {"session.timeout.ms": 2000}  # the next one waits for the dead one's end
        given.update(sections)
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

    def final_chain(self, said, partition):
        """The signals that lead to the last one, in their order."""
        mine = [item for item in said if item.partition == partition]
        after = {item.data["after"]: item for item in mine}
        chain = [mine[-1]]
        while chain[-1].data["before"] != START:
            before = after.get(chain[-1].data["before"])
            self.assertIsNotNone(before, "what this one knew nobody has said: "
                                 f"{chain[-1].line}")
            self.assertLess(len(chain), len(mine), "a ring")
            chain.append(before)
        return chain[::-1]

    def order_of(self, chain, partition, tally, gaps):
        """[(topic, offset)] of all messages, as the chain was handed them; those behind its end in
        any order. Complains of one that is missing, doubled, or in another place."""
        order = []
        expect = collections.Counter()
        for item in chain:
            for topic, first, to in item.seen():
                self.assertEqual(first, expect[topic], f"of topic {topic}, partition {partition}: "
                                 f"{item.line}")
                if to is not None:
                    gaps.append((topic, partition, first, to))
                else:
                    order.append((topic, first))
                expect[topic] = to if to is not None else first + 1
        for topic, name in enumerate(self.fed_topics()):
            count = int(tally["partitions"][name].get(str(partition), 0))
            self.assertGreater(expect[topic], count - 1 - (count - 1) % EVERY,
                               f"{name}/{partition}: signals end at {expect[topic]} of {count}")
            order += ((topic, offset) for offset in range(expect[topic], count))
        return order

    def replay(self, host, orders):
        """{id: line} of an uninterrupted run in that order."""
        journal, recording, out = (self.path(n) for n in ("order", "recording", "replayed"))
        with open(journal, "w", encoding="utf-8") as file:
            for partition, order in orders.items():
                file.writelines(f"{self.fed_topics()[topic]} {partition} {offset} 1\n"
                                for topic, offset in order)
        for command in (("record", "-q", "-c", host.ini, "-o", recording),
                        ("replay", "-q", "-c", host.ini, "--journal", journal, "-o", out,
                         recording)):
            code, _, error = host.take5(*command, timeout_s=120)
            self.assertEqual(code, 0, error)
        return {item.id: item.line for item in read_said(out)}

    def chains_of(self, said, tally):
        """({partition: chain}, {partition: order}, the gaps in them)."""
        gaps = []
        chains = {number: self.final_chain(said, number) for number in range(PARTITIONS)}
        orders = {number: self.order_of(chain, number, tally, gaps)
                  for number, chain in chains.items()}
        return chains, orders, gaps

    def assert_same(self, found, expected):
        """Of {id: line}; unittest's own account of the difference takes minutes."""
        self.assertEqual(sorted(found.keys() - expected.keys())[:3], [], "not expected")
        self.assertEqual(sorted(expected.keys() - found.keys())[:3], [], "missing")
        differ = [key for key in expected if found[key] != expected[key]]
        for key in differ[:1]:
            self.fail(f"{len(differ)} of {len(expected)} differ; the first one:\n"
                      f"{found[key]}{expected[key]}")

    def assert_only_ends_differ(self, said, final):
        """What a killed life said last may have gone out before the order of its messages was on
        the disk: then, and from there on alone, the next one says it otherwise."""
        for number in range(PARTITIONS):
            before, differs = None, False
            for item in said:
                if item.partition != number:
                    continue
                if item.data["before"] != before:  # another life
                    differs = False
                is_final = item.line == final.get(item.id)
                self.assertFalse(differs and is_final, f"not the end of a life: {item.line}")
                differs = differs or not is_final
                before = item.data["after"]

    def judge(self, host, tally):
        """Nothing is missing, and nothing was forgotten or known twice. Gives how many lines were
        said again, and how many of them otherwise: by a life whose messages came in another order,
        which the next one did not follow."""
        said = read_said(host.signals)
        chains, orders, gaps = self.chains_of(said, tally)
        self.assertEqual(gaps, [])
        final = {item.id: item.line for chain in chains.values() for item in chain}
        self.assert_same(final, self.replay(host, orders))
        others = sum(item.line != final.get(item.id) for item in said)
        if self.is_joined:
            self.assert_only_ends_differ(said, final)
        else:
            self.assertEqual(others, 0, "an id was said again with other content")
        again = len(said) - len({item.id for item in said})
        print(f"{self.name}: {len(final)} signals, {again} again, {others} otherwise")
        return again, others

    def judge_gaps(self, host, tally):
        """Gives {(topic, partition): (from, to)}: one of each. All else was handed over, once."""
        _, _, gaps = self.chains_of(read_said(host.signals), tally)
        found = {(topic, number): (first, to) for topic, number, first, to in gaps}
        self.assertEqual(len(found), len(gaps), gaps)
        self.assertEqual(len(found), PARTITIONS * len(self.fed_topics()), gaps)
        return found
