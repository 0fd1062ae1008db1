#!/usr/bin/python3
"""What strategies know outlives all that happens to a host.

The strategy `chain` (tests/plugins/chain.c) says with every signal which messages it was handed
since the last one, and digests of all before. So what a host wrote tells the order in which it
handled its messages; a replay in that order, which nothing interrupts, has to say the same, byte by
byte.
"""
import collections
import json
import os
import random
import shutil
import signal

from harness import records
from harness.scenario import Scenario, main

ROLES = ("bar_trends", "historic_stats", "asset_trends")
PARTITIONS = 2
EVERY = 5  # of chain.c
START = "cbf29ce484222325"
RATE = 3_000 if os.environ.get("TAKE5_VARIANT", "plain") == "plain" else 600
KILLS = 3


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


class Durable(Scenario):
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

    # ---- scenarios ----

    def killed_under_load(self, is_joined):
        host = self.chain_host(is_joined=is_joined)
        host.start()
        self.start_stream()
        self.wait_checkpoint(host)
        behind = 0
        for turn in range(KILLS):
            self.wait_lines(host, self.random.randrange(20, 2 * RATE // EVERY))
            self.kill(host)
            mark = host.log_size()
            host.start()
            if turn % 2 == 1:  # and once more, while it recovers
                host.wait_event("partitions.assigned", start=mark)
                self.kill(host)
                host.start()
            self.wait_lines(host, 1)
            behind += len(host.events("catch_up.begun", mark))
            self.assertEqual(host.events("state.discarded", mark), [])
        self.assertGreater(behind, 0, "no kill fell between two checkpoints")
        tally = self.end_stream(host)
        host.stop()
        again, _ = self.judge(host, tally)
        self.assertGreater(again, 0, "no kill had anything in hand")

    def test_killed_under_load(self):
        self.killed_under_load(is_joined=False)

    def test_killed_under_load_joined(self):
        self.killed_under_load(is_joined=True)

    def test_stopped_between(self):
        host = self.chain_host()
        host.start()
        self.start_stream()
        for _ in range(2):
            self.wait_lines(host, RATE // EVERY)
            host.stop()
            host.start()
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(self.judge(host, tally), (0, 0))

    def test_reloaded_between(self):
        host = self.chain_host()
        host.start()
        self.start_stream()
        for build in (2, 1):
            self.wait_lines(host, RATE // EVERY)
            mark = host.log_size()
            self.drop_build(host, build)
            host.process.signal(signal.SIGHUP)
            host.wait_event("reload.summary", "1 replaced", start=mark)
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(self.judge(host, tally), (0, 0))

    def test_killed_after_a_reload(self):
        host = self.chain_host(is_joined=False)
        host.start()
        self.start_stream()
        self.wait_checkpoint(host)
        mark = host.log_size()
        self.drop_build(host, 2)
        host.process.signal(signal.SIGHUP)
        host.wait_event("reload.summary", "1 replaced", start=mark)
        self.wait_lines(host, self.random.randrange(10, RATE // EVERY))
        self.kill(host)
        mark = host.log_size()
        host.start()
        self.wait_lines(host, 100)
        self.assertEqual(host.events("state.discarded", mark), [])
        tally = self.end_stream(host)
        host.stop()
        self.judge(host, tally)

    # ---- suspended ----

    def ctl(self, host, *arguments):
        code, out, error = host.ctl(*arguments)
        self.assertEqual(code, 0, out + error)

    def suspend(self, host, messages=RATE):
        """And lets so many messages pass it by."""
        self.wait_lines(host, 200)
        self.ctl(host, "suspend", "chain")
        status = host.wait_status("the suspension", lambda status: all(
            strategy["suspended"] == PARTITIONS for strategy in status["strategies"]
            if strategy["name"] == "chain"))
        goal = status["totals"]["messages"] + messages
        host.wait_status(f"{goal} messages", lambda status: status["totals"]["messages"] >= goal)

    def wait_caught_up(self, host, mark):
        for number in range(PARTITIONS):
            host.wait_event("strategy.caught_up", rf"chain on partition {number}\b", start=mark)

    def resume(self, host):
        mark = host.log_size()
        self.ctl(host, "resume", "chain")
        self.wait_caught_up(host, mark)

    def assert_says_what_its_twin_says(self, host):
        """The same code over the same messages, which was never suspended."""
        twin = {item.id.replace("twin/", "chain/", 1):
                item.line.replace('"twin', '"chain') for item in read_said(host.signals, "twin")}
        self.assertGreater(len(twin), 0)
        self.assert_same({item.id: item.line for item in read_said(host.signals)}, twin)

    def test_suspended_and_resumed(self):
        host = self.chain_host()
        host.deploy("twin", plugin="chain")
        host.start()
        self.start_stream()
        for _ in range(2):
            self.suspend(host)
            self.resume(host)
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(self.judge_one_of_two(host, tally), (0, 0))
        self.assert_says_what_its_twin_says(host)

    def judge_one_of_two(self, host, tally):
        host.withdraw("twin")
        return self.judge(host, tally)

    def test_killed_and_stopped_while_suspended(self):
        host = self.chain_host(is_joined=False)
        host.start()
        self.start_stream()
        for end in (self.kill, lambda host: host.stop()):
            self.suspend(host)
            self.wait_checkpoint(host)
            end(host)
            mark = host.log_size()
            host.start()
            self.wait_caught_up(host, mark)
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.judge(host, tally)

    def test_resumed_without_what_it_missed(self):
        host = self.chain_host()
        host.start()
        self.start_stream()
        self.suspend(host)
        self.ctl(host, "resume", "--skip", "chain")
        self.wait_lines(host, 200)
        tally = self.end_stream(host)
        host.stop()
        missed = sum(to - first for first, to in self.judge_gaps(host, tally).values())
        self.assertGreaterEqual(missed, RATE)

    def test_deleted_while_suspended(self):
        host = self.chain_host()
        host.start()
        self.start_stream()
        self.suspend(host)
        parts = {topic: {str(number): 0 for number in range(PARTITIONS)}
                 for topic in self.fed_topics()}
        # Below what is committed, so that the stream itself loses nothing.
        committed = self.kafka.committed(host.group, parts)
        begins = {(topic, number): committed[name][str(number)] - 20
                  for topic, name in enumerate(self.fed_topics()) for number in range(PARTITIONS)}
        self.kafka.truncate(*(f"{self.fed_topics()[topic]}:{number}:{offset}"
                              for (topic, number), offset in begins.items()))
        mark = host.log_size()
        self.resume(host)
        for (topic, number), offset in begins.items():
            self.assertTrue(any(f"chain on partition {number}: {self.fed_topics()[topic]} "
                                "no longer has offsets" in line and f" to {offset - 1}:" in line
                                for line in host.events("catch_up.messages_deleted", mark)),
                            host.log_text(mark))
        self.wait_lines(host, 200)
        tally = self.end_stream(host)
        host.stop()
        gaps = self.judge_gaps(host, tally)
        self.assertEqual({part: to for part, (_, to) in gaps.items()}, begins)

    def test_reloaded_and_killed_while_suspended(self):
        host = self.chain_host(is_joined=False)
        host.start()
        self.start_stream()
        self.suspend(host)
        mark = host.log_size()
        self.drop_build(host, 2)
        host.process.signal(signal.SIGHUP)
        host.wait_event("reload.summary", "1 replaced", start=mark)
        self.wait_checkpoint(host)
        self.kill(host)
        mark = host.log_size()
        host.start()
        self.wait_caught_up(host, mark)
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.judge(host, tally)

    # ---- files and hosts ----

    def test_deleted_behind_a_checkpoint(self):
        """The messages between it and the committed offsets are gone."""
        host = self.chain_host(is_joined=False, checkpoint={"interval": "0"})
        host.start()
        self.start_stream()
        self.wait_lines(host, 200)
        host.stop()
        name = self.fed_topics()[0]
        parts = {name: {str(number): 0 for number in range(PARTITIONS)}}
        stands = self.kafka.committed(host.group, parts)[name]
        host.start()
        self.wait_for("offsets above the checkpoint", lambda: all(
            offset > stands[number] + 100
            for number, offset in self.kafka.committed(host.group, parts)[name].items()))
        self.kill(host)
        begins = self.kafka.committed(host.group, parts)[name]
        self.kafka.truncate(*(f"{name}:{number}:{offset}" for number, offset in begins.items()))
        mark = host.log_size()
        host.start()
        for number, offset in begins.items():
            host.wait_event("catch_up.messages_deleted", rf"chain on partition {number}: {name} no "
                            rf"longer has offsets {stands[number]} to {offset - 1}:", start=mark)
        self.wait_lines(host, 200)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(self.judge_gaps(host, tally), {
            (0, int(number)): (stands[number], offset) for number, offset in begins.items()})

    def test_a_damaged_checkpoint(self):
        host = self.chain_host()
        host.start()
        self.start_stream()
        self.wait_checkpoint(host)
        self.wait_checkpoint(host)
        self.wait_lines(host, 100)
        host.stop()
        newest = self.checkpoints(host)[-1]
        path = os.path.join(host.directory, "state", "checkpoints", "0", f"{newest}.checkpoint")
        with open(path, "r+b") as file:
            content = bytearray(file.read())
            content[len(content) // 2] ^= 1
            file.seek(0)
            file.write(content)
        code, out, error = host.take5("checkpoint", "verify", "-c", host.ini)
        self.assertNotEqual(code, 0, out + error)
        self.assertIn(path, out + error)
        mark = host.log_size()
        host.start()
        host.wait_event("strategy.caught_up", r"chain on partition 0\b", start=mark)
        self.assertIn(path, host.log_text(mark))
        self.assertEqual(host.events("state.discarded", mark), [])
        with open(f"{path}.damaged", "rb") as file:
            self.assertEqual(file.read(), content)
        self.wait_lines(host, 100)
        tally = self.end_stream(host)
        host.stop()
        self.assertEqual(self.judge(host, tally), (0, 0))

    def wait_owned(self, host, count):
        host.wait_status(f"{count} partition numbers", lambda status: len(
            {part["partition"] for part in status["assignment"]}) == count)

    def test_a_second_host_joins_and_leaves(self):
        """Each has a state of its own: both begin with one of the first host's."""
        kafka = {"session.timeout.ms": 2000}  # the first one waits for the dead one's end
        first = self.chain_host("first", is_joined=False, kafka=kafka)
        second = self.chain_host("second", is_joined=False, kafka=kafka, take5={"on_stop": "leave"})
        first.start()
        self.start_stream()
        self.wait_lines(first, 200)
        first.stop()
        shutil.copytree(os.path.join(first.directory, "state"),
                        os.path.join(second.directory, "state"))
        first.start()
        self.wait_lines(first, 100)
        for end in (self.kill, lambda host: host.stop(), self.kill):
            second.start()
            self.wait_owned(second, 1)
            self.wait_lines(second, 200)
            end(second)
            self.wait_owned(first, PARTITIONS)
            self.wait_lines(first, 200)
        tally = self.end_stream(first)
        first.stop()
        orders = {number: [(0, offset) for offset in range(int(count))]
                  for number, count in enumerate(
                      tally["partitions"][self.fed_topics()[0]][str(n)]
                      for n in range(PARTITIONS))}
        expected = self.replay(first, orders)
        said = read_said(first.signals) + read_said(second.signals)
        for lines in (said, said[::-1]):  # the last copy of each, and the first
            self.assert_same({item.id: item.line for item in lines}, expected)
        for host in (first, second):
            self.assertEqual(host.events("state.discarded"), [])


if __name__ == "__main__":
    main()
