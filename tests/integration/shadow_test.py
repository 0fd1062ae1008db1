#!/usr/bin/python3
"""Shadow deployments: beside their originals on the same messages, and in their place."""
import collections
import json
import math
import os
import re
import sys

from harness import paths, records
from harness.scenario import Scenario, main

sys.path.insert(0, os.path.join(paths.SOURCE, "tests", "unit", "sdk"))
from guide_test import Guide, blocks_of  # noqa: E402

IS_PLAIN = os.environ.get("TAKE5_VARIANT", "plain") == "plain"
MESSAGES = int(os.environ.get("TAKE5_SHADOW_MESSAGES", 100_000 if IS_PLAIN else 10_000))
RATE = 10_000 if IS_PLAIN else 1_000
PARTITIONS = 4
DIFFERENT = ("changed", "only_original", "only_shadow", "uncompared")


def rest_of(message, modulus):
    """What `swept` (tests/plugins/swept.c) says of a message, worked out without it."""
    cents = math.floor(message["barData"]["close"] * 100 + 0.5)
    return {0: 1.0, 1: -1.0}.get(cents % modulus)


class Shadows(Scenario):
    def setUp(self):
        super().setUp()
        self.name = self.id().rsplit(".", 1)[-1]
        self.topic = f"{self.name}.bar_trends"
        roles = ("bar_trends", "historic_stats", "asset_trends")
        self.topics = {role: f"{self.name}.{role}" for role in roles}
        self.kafka.create(*(f"{topic}:{PARTITIONS}" for topic in self.topics.values()))

    def shadow_host(self, **sections):
        given = {f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}
        given.update(sections)
        host = self.new_host(group=self.name, sections=given)
        host.drop("good_v1", "good.so")
        host.deploy("good", every=1)
        return host

    def produce(self, count, first=0):
        return self.kafka.produce(count, topics=self.topic, partitions=PARTITIONS, symbols=100,
                                  first=first)

    def stream(self):
        return self.kafka.start_produce(1_000_000_000, topics=self.topic, partitions=PARTITIONS,
                                        symbols=100, rate=RATE)

    def shadows(self, host):
        code, out, err = host.ctl("shadow", "--json")
        self.assertEqual(code, 0, out + err)
        return {shadow["name"]: shadow for shadow in json.loads(out)}

    def messages(self):
        """{(partition, offset): (symbol, message)} of all that the topic holds."""
        return {(record["partition"], record["offset"]): (record["key"],
                                                          json.loads(record["payload"]))
                for record in self.kafka.read(self.topic)}

    def check_same(self, shadow, count):
        self.assertEqual({what: shadow[what] for what in DIFFERENT}, dict.fromkeys(DIFFERENT, 0))
        self.assertEqual(shadow["same"], count)
        self.assertEqual(shadow["differences"], [])

    # ---- beside ----

    def test_same_build_and_one_changed_constant(self):
        host = self.shadow_host(take5={"lanes": 2})
        host.deploy("twin", plugin="good", shadow_of="good", every=1)
        host.drop("swept")
        host.deploy("swept", modulus=5)
        host.deploy("swept7", plugin="swept", shadow_of="swept", modulus=7)
        host.start()
        tally = self.produce(MESSAGES)
        self.kafka.wait_committed(host.group, tally["partitions"])
        shadows = self.shadows(host)
        self.check_same(shadows["twin"], MESSAGES)

        counts, differing = collections.Counter(), {}
        for at, (_, message) in self.messages().items():
            pair = rest_of(message, 5), rest_of(message, 7)
            if pair == (None, None):
                continue
            what = ("only_shadow" if pair[0] is None else "only_original" if pair[1] is None
                    else "same" if pair[0] == pair[1] else "changed")
            counts[what] += 1
            if what != "same":
                differing[at] = pair
        swept = shadows["swept7"]
        said = {what: swept[what] for what in ("same", *DIFFERENT)}
        self.assertEqual(said, {what: counts[what] for what in ("same", *DIFFERENT)})
        self.assertEqual(swept["changed_value"], counts["changed"])
        self.assertGreater(min(counts.values()), 0, "each kind was there")
        self.check_samples(swept["differences"], differing)
        self.assertEqual(collections.Counter(s["deployment"] for s in host.read_signals()),
                         {"good": MESSAGES, "swept": counts["same"] + counts["changed"]
                          + counts["only_original"]})
        code, out, _ = host.ctl("shadow")
        self.assertEqual(code, 0)
        self.assertIn(f"{counts['changed']} changed", out)
        host.stop()

    def check_samples(self, samples, differing):
        """The last ones: of each partition none but its last few."""
        last = set()
        for partition in range(PARTITIONS):
            last.update(sorted(at for at in differing if at[0] == partition)[-len(samples):])
        self.assertGreater(len(samples), 0)
        for sample in samples:
            either = sample["original"] or sample["shadow"]
            at = either["partition"], either["offset"]
            self.assertIn(at, last)
            values = tuple(side and side["value"]
                           for side in (sample["original"], sample["shadow"]))
            self.assertEqual(values, differing[at])

    def test_too_slow(self):
        host = self.shadow_host(http={"enabled": "yes", "port": 0})
        host.drop("slow_message")
        host.deploy("slow_message", takes="0s")
        host.deploy("slower", plugin="slow_message", shadow_of="slow_message", takes="20ms")
        host.start()
        tally = self.produce(5_000)
        host.wait_event("shadow.too_slow", "slower: stopped")
        self.kafka.wait_committed(host.group, tally["partitions"])
        status = {s["name"]: s for s in host.status()["strategies"]}
        self.assertEqual(status["slow_message"]["messages"], 5_000)
        self.assertLess(status["slower"]["messages"], 5_000)
        self.assertTrue(status["slower"]["shadow"]["stopped"])
        self.assertEqual(status["slower"]["why"], "too slow")
        self.assertEqual(status["good"]["state"], "running")
        host.stop()

    def test_killed_with_a_shadow(self):
        host = self.shadow_host(take5={"on_crash": "run"}, checkpoint={"interval": "1s"})
        host.deploy("twin", plugin="good", shadow_of="good", every=1)
        host.start()
        stream = self.stream()
        for _ in range(3):
            self.wait_for("a checkpoint and messages behind it", lambda: self.has_saved(host))
            host.kill()
            mark = host.log_size()
            host.start()
            host.wait_event("partitions.assigned", start=mark)
        self.wait_for("a comparison", lambda: self.shadows(host)["twin"]["same"] > RATE)
        tally = stream.stop()
        self.kafka.wait_committed(host.group, tally["partitions"])
        twin = self.shadows(host)["twin"]
        self.assertEqual({what: twin[what] for what in DIFFERENT[:-1]},
                         dict.fromkeys(DIFFERENT[:-1], 0))
        host.stop()
        values = {}
        for signal in host.read_signals():
            self.assertEqual(signal["deployment"], "good")
            values.setdefault((signal["partition"], signal["offset"]), set()).add(signal["value"])
        self.assertEqual(len(values), tally["delivered"], "each message gave its signal")
        self.assertEqual({len(said) for said in values.values()}, {1}, "and no other one again")

    @staticmethod
    def has_saved(host):
        status = host.status()
        return status is not None and status["checkpoints"]["written"] >= PARTITIONS

    # ---- in its place ----

    def check_promoted(self, signals, messages):
        """One boundary a partition: before it the original, that says every count, behind it the
        shadow, that says even ones."""
        said = {(s["partition"], s["offset"]): s for s in signals}
        self.assertEqual(len(said), len(signals), "none twice")
        counts, kinds = collections.Counter(), collections.defaultdict(list)
        for at in sorted(messages):
            symbol = messages[at][0]
            counts[symbol] += 1
            signal = said.pop(at, None)
            if signal is not None:
                self.assertEqual(signal["value"], counts[symbol])
                self.assertEqual(signal["id"], f"good/{self.topic}/{at[0]}/{at[1]}/0")
            elif counts[symbol] % 2 == 0:
                self.fail(f"{at}: count {counts[symbol]} is even, and both would say it")
            kinds[at[0]].append((counts[symbol] % 2, signal is not None))
        self.assertEqual(said, {})
        for partition, odd in kinds.items():
            odd = [has_signal for is_odd, has_signal in odd if is_odd]
            self.assertEqual(odd, sorted(odd, reverse=True), f"partition {partition}: one boundary")
            self.assertIn(True, odd)
            self.assertIn(False, odd)

    def test_promoted_under_load(self):
        host = self.shadow_host(take5={"lanes": 2}, checkpoint={"interval": "1s"})
        host.start()
        first = self.produce(1_000)
        self.kafka.wait_committed(host.group, first["partitions"])
        host.deploy("twin", plugin="good", shadow_of="good", every=2)
        code, said = host.reload()
        self.assertEqual(code, 0, said)
        self.assertIn("twin: loaded 1.0.0, shadow of good (from its state)", said)
        stream = self.stream()
        self.wait_for("a comparison", lambda: self.shadows(host)["twin"]["same"] > RATE // 4)
        code, said, _ = host.ctl("promote", "twin")
        self.assertEqual(code, 0, said)
        self.assertIn("plugin = good\nevery = 2\n", said)
        host.wait_event("shadow.promoted", "twin: promoted, it runs as good")
        self.assertEqual([s["name"] for s in host.status()["strategies"]], ["good"])

        # A restart and a reload with the files as they are leave it so.
        host.stop()
        host.start()
        self.wait_for("a restart", lambda: host.status() is not None)
        self.assertEqual([s["name"] for s in host.status()["strategies"]], ["good"])
        code, said = host.reload()
        self.assertEqual((code, "good: kept 1.0.0" in said), (0, True), said)
        self.assertNotIn("twin", said)
        # Half an edit is refused with what is to be written; the whole one changes nothing.
        host.withdraw("twin")
        code, said = host.reload()
        self.assertEqual(code, 1, said)
        self.assertRegex(said, r"good\.ini:1: \[strategy:good\] runs what was promoted from twin")
        host.deploy("good", every=2)
        code, said = host.reload()
        self.assertEqual((code, "good: kept 1.0.0" in said), (0, True), said)
        tally = stream.stop()
        expected = {topic: {partition: count + first["partitions"][topic][partition]
                            for partition, count in partitions.items()}
                    for topic, partitions in tally["partitions"].items()}
        self.kafka.wait_committed(host.group, expected)
        host.stop()
        self.check_promoted(host.read_signals(), self.messages())

    # ---- the guide ----

    def walk_host(self, folder):
        """Of the configuration that the walk wrote, with what a machine of one's own has besides."""
        host = self.new_host(group=self.name)
        host.directory, host.ini = folder, os.path.join(folder, "take5.ini")
        host.signals = os.path.join(folder, "signals.jsonl")
        ours = {name: keys for name, keys in host.sections.items()
                if name not in ("take5", "signals", "sink:jsonl")}
        ours["checkpoint"] = {"interval": "1h"}  # they are taken when the test says so
        ours.update({f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()})
        with open(host.ini, encoding="utf-8") as file:
            theirs = file.read()
        own = "".join(f"{key} = {value}\n" for key, value in host.sections["take5"].items()
                      if key != "strategy_dir")
        with open(host.ini, "w", encoding="utf-8") as file:
            file.write(theirs.replace("[take5]\n", f"[take5]\n{own}"))
            for section, keys in ours.items():
                file.write(f"\n[{section}]\n")
                file.writelines(f"{key} = {value}\n" for key, value in keys.items())
        return host.start()

    def checkpoints(self, host):
        """{partition: the numbers of those that are kept}, when there are some of each."""
        self.assertEqual(host.ctl("checkpoint")[0], 0)
        folder = os.path.join(host.sections["take5"]["state_dir"], "checkpoints")
        return {number: sorted(int(name.split(".")[0])
                               for name in os.listdir(os.path.join(folder, str(number)))
                               if name.endswith(".checkpoint")) for number in range(PARTITIONS)}

    def wait_signals(self, host, more):
        goal = records.count_lines(host.signals) + more
        self.wait_for(lambda: f"{more} more signals; the log ends:\n{host.log_tail()}",
                      lambda: records.count_lines(host.signals) >= goal
                      or not host.process.is_running())
        self.assertTrue(host.process.is_running(), host.log_tail())

    def prove(self, host):
        """(verdict, the reasons in one text)"""
        _, out, err = host.take5("prove", "-q", "-c", host.ini, "--json")
        found = json.loads(out or err)
        return found["verdict"], "; ".join(item["reason"] for item in found["reasons"])

    def end(self, host, stream, before=None):
        tally = stream.stop()
        self.kafka.wait_committed(host.group, {
            topic: {number: count + (before["partitions"][topic][number] if before else 0)
                    for number, count in numbers.items()}
            for topic, numbers in tally["partitions"].items()})
        return tally

    def test_the_walk_of_the_guide(self):
        """From an empty directory to a proven window, block by block as it stands there."""
        os.mkdir(self.path("guide"))
        path = os.path.join(paths.SOURCE, "sdk", "README.md")
        guide = Guide(path, paths.BUILD, self.path("guide"))
        guide.install()
        blocks = blocks_of(path)
        for block in blocks:
            if block.kind == "walk":
                guide.walk(block)
        add, shadow, promote, prove = (block for block in blocks if block.kind == "live")

        host = self.walk_host(guide.walked)
        stream = self.stream()
        self.wait_signals(host, 100)
        self.checkpoints(host)
        guide.walk(add)
        self.wait_for("a comparison", lambda: self.shadows(host)["alpha_next"]["same"] > 100)
        said = guide.walk(shadow)
        self.assertGreater(int(re.search(r"alpha_next, shadow of alpha: comparing\n +(\d+) same",
                                         said)[1]), 0)
        first = self.end(host, stream)
        self.assertEqual(self.prove(host), ("proven", ""))

        before = self.checkpoints(host)
        self.assertIn("threshold = 0.3", guide.walk(promote))
        stream = self.kafka.start_produce(1_000_000_000, topics=self.topic, partitions=PARTITIONS,
                                          symbols=100, rate=RATE, first=first["delivered"])
        self.wait_signals(host, 100)
        verdict, reasons = self.prove(host)
        self.assertEqual((verdict, "alpha_next took its place" in reasons), ("undecided", True),
                         reasons)
        self.wait_for("younger checkpoints alone", lambda: all(
            kept[0] > before[number][-1] for number, kept in self.checkpoints(host).items()))
        self.wait_signals(host, 100)
        self.end(host, stream, first)
        self.assertRegex(guide.walk(prove), r"^proven: [1-9]")
        host.stop()

    def test_in_a_worker(self):
        host = self.shadow_host()
        host.deploy("good", every=1, worker="risky")
        host.deploy("twin", plugin="good", shadow_of="good", every=2)
        host.start()
        self.produce(2_000)
        self.wait_for("all of it", lambda: self.has_compared(host, 2_000))
        code, said, err = host.ctl("promote", "twin")
        self.assertEqual(code, 0, said + err)
        self.assertIn("twin runs as good", said)
        self.assertEqual(self.shadows(host), {})
        code, said, _ = host.ctl("promote", "twin")
        self.assertEqual(code, 1)
        host.stop()

    def has_compared(self, host, count):
        code, out, _ = host.ctl("shadow", "--json")
        twin = {s["name"]: s for s in json.loads(out)}.get("twin") if code == 0 else None
        return twin is not None and twin["same"] + twin["only_original"] == count


if __name__ == "__main__":
    main()
