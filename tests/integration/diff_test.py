#!/usr/bin/python3
"""`take5 diff`: exactly what differs between the signals of two builds or two configurations, worked
out here from the messages alone, without the strategies."""
import collections
import csv
import io
import json
import math
import os
import shutil
import subprocess
import unittest

from offline import BUILD, PATIENCE, TAKE5, VARIANT, Offline, json_lines

COUNT = 20_000 if VARIANT == "plain" else 2_000
MANY = 1_000_000 if VARIANT == "plain" else COUNT
KINDS = ("same", "changed", "only_old", "only_new")


def plugin(name):
    return os.path.join(BUILD, "tests", "plugins", f"{name}.so")


def cents_of(message):
    """Of its price, in either envelope."""
    price = message.get("barData", {}).get("close", message.get("price"))
    return math.floor(price * 100 + 0.5)


def sided(shift=0, tilt=0.0, is_wider=False, has_data=False):
    """What `sided` (tests/plugins/sided.c) says of a message: (name, what else), or None."""

    def say(message):
        cents = cents_of(message)
        if cents % 5 == 0 and not (is_wider and cents % 10 == 0):
            return None
        side = (cents + (shift if cents % 11 == 0 else 0)) % 3 - 1
        name = {1: "up", -1: "down", 0: "flat"}[side]
        data = {1: {"side": -1}, -1: {"side": 0.5}, 0: {"x": 1}}[side] if has_data else {
            "side": -side}
        return name, (side * 1.5 * (1 + tilt), cents % 13 / 12, data)

    return say


def swept(modulus):
    """The same of `swept` (tests/plugins/swept.c)."""

    def say(message):
        value = {0: 1, 1: -1}.get(cents_of(message) % modulus)
        return None if value is None else ("rest", value)

    return say


SAYS = {"sided": sided(), "sided_named": sided(), "sided_shifted": sided(shift=1),
        "sided_tilted": sided(tilt=1e-7), "sided_wider": sided(is_wider=True),
        "sided_data": sided(has_data=True)}


def kinds_of(old, new):
    """Of one message: what became of the signals of the two, by their names."""
    if old is not None and new is not None and old[0] == new[0]:
        return ["same" if old[1] == new[1] else "changed"]
    return ["only_old"] * (old is not None) + ["only_new"] * (new is not None)


class Diff(Offline):
    def setUp(self):
        super().setUp()
        self.feed("day.jsonl", COUNT)

    def feed(self, name, count):
        with open(self.path(name), "wb") as file:
            subprocess.run([TAKE5, "feed", "-q", "--symbols", "5", "--count", str(count)],
                           stdout=file, check=True, timeout=120 * PATIENCE)

    def diff(self, *arguments, code, file="day.jsonl"):
        return json.loads(self.take5("diff", "-q", "--json", *arguments, file, code=code).stdout)

    def listed(self, *arguments, code=1):
        done = self.take5("diff", "-q", "--list", *arguments, "day.jsonl", code=code)
        return json_lines(done.stdout)

    def expected(self, older, newer):
        """({symbol: counts by kind}, {(topic, partition, offset, kind)} of the differences)."""
        counts = collections.defaultdict(collections.Counter)
        differences = set()
        with open(self.path("day.jsonl"), encoding="utf-8") as file:
            for line in map(json.loads, file):
                message = json.loads(line["payload"])
                if line["topic"] != "bar_trends":
                    continue
                for kind in kinds_of(older(message), newer(message)):
                    counts[message["symbol"]][kind] += 1
                    if kind != "same":
                        differences.add((line["topic"], line["partition"], line["offset"], kind))
        return counts, differences

    def check(self, older, newer, *sides):
        """The differences are the expected ones, each of them; gives the counts."""
        found = self.diff(*sides, code=1)
        counts, differences = self.expected(older, newer)
        self.assertEqual({symbol["symbol"]: [symbol[kind] for kind in KINDS]
                          for symbol in found["symbols"]},
                         {symbol: [counts[symbol][kind] for kind in KINDS] for symbol in counts})
        for kind in KINDS:
            self.assertEqual(found[kind], sum(each[kind] for each in counts.values()))
        listed = self.listed(*sides)
        causes = []
        for line in listed:
            either = line["old"] or line["new"]
            self.assertEqual((line["old"] is None, line["new"] is None),
                             (line["kind"] == "only_new", line["kind"] == "only_old"))
            causes.append((either["topic"], either["partition"], either["offset"], line["kind"]))
        self.assertEqual(len(causes), len(set(causes)))
        self.assertEqual(set(causes), differences)
        self.assertEqual(found["first"]["old"] or found["first"]["new"],
                         listed[0]["old"] or listed[0]["new"])
        return found

    def check_builds(self, older, newer):
        return self.check(SAYS[older], SAYS[newer], plugin(older), plugin(newer))

    def test_the_same_build_has_no_difference(self):
        """In a million messages."""
        self.feed("many.jsonl", MANY)
        found = self.diff(plugin("sided"), plugin("sided"), code=0, file="many.jsonl")
        self.assertGreater(found["same"], MANY // 5)
        self.assertEqual((found["changed"], found["only_old"], found["only_new"]), (0, 0, 0))
        self.assertNotIn("first", found)
        self.assertEqual(self.listed(plugin("sided"), plugin("sided"), code=0), [])

    def test_one_changed_constant_gives_exactly_what_it_changes(self):
        found = self.check_builds("sided", "sided_shifted")
        self.assertGreater(found["only_old"], COUNT // 200)
        old, new = found["first"]["old"], found["first"]["new"]
        self.assertEqual((old["topic"], old["partition"], old["offset"], old["symbol"]),
                         (new["topic"], new["partition"], new["offset"], new["symbol"]))
        self.assertNotEqual(old["name"], new["name"])
        wider = self.check_builds("sided", "sided_wider")
        self.assertEqual((wider["only_old"], wider["first"]["old"]), (0, None))
        self.assertGreater(wider["only_new"], COUNT // 200)

    def test_one_changed_parameter_gives_exactly_what_it_changes(self):
        os.mkdir(self.path("strategies"))
        shutil.copy(plugin("swept"), self.path("strategies"))
        for modulus in (5, 7):
            self.write(f"{modulus}.ini", "[take5]\nstrategy_dir = strategies\n"
                       f"[strategy:swept]\nmodulus = {modulus}\n")
        found = self.check(swept(5), swept(7), "5.ini", "7.ini")
        self.assertGreater(min(found[kind] for kind in KINDS), 0, "each kind was there")
        self.assertEqual(found["changed_value"], found["changed"])

    def test_what_changed_is_told(self):
        tilted = self.check_builds("sided", "sided_tilted")
        self.assertGreater(tilted["changed"], 100)
        self.assertEqual((tilted["changed_value"], tilted["changed_confidence"],
                          tilted["changed_data"]), (tilted["changed"], 0, 0))
        self.assertEqual(self.diff("--eps", "1e-6", plugin("sided"), plugin("sided_tilted"),
                                   code=0)["changed"], 0)
        self.diff("--eps", "1e-8", plugin("sided"), plugin("sided_tilted"), code=1)
        data = self.check_builds("sided_named", "sided_data")
        self.assertEqual((data["changed_value"], data["changed_data"]), (0, data["changed"]))

    def test_the_table_as_csv(self):
        sides = plugin("sided"), plugin("sided_shifted")
        done = self.take5("diff", "-q", "--csv", *sides, "day.jsonl", code=1)
        rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
        self.assertEqual([{"symbol": row["symbol"], **{kind: int(row[kind]) for kind in KINDS}}
                          for row in rows], self.diff(*sides, code=1)["symbols"])
        self.assertEqual(len(rows), 5)

    def test_two_builds_of_one_name(self):
        for name, build in (("old", "sided"), ("new", "sided_wider")):
            os.mkdir(self.path(name))
            shutil.copy(plugin(build), self.path(f"{name}/sided.so"))
        by_file = self.diff("old/sided.so", "new/sided.so", code=1)
        self.assertEqual(by_file, self.diff("old", "new", code=1))
        self.assertEqual(by_file, self.diff(plugin("sided"), plugin("sided_wider"), code=1))

    def test_two_configurations(self):
        shutil.copytree(os.path.dirname(plugin("good_v1")), self.path("strategies"),
                        ignore=lambda folder, names: [n for n in names if n != "good_v1.so"])
        os.rename(self.path("strategies/good_v1.so"), self.path("strategies/good.so"))
        for name, every in (("old", 2), ("new", 6)):
            self.write(f"{name}.ini", "[take5]\nstrategy_dir = strategies\n[strategy:good]\n"
                       f"every = {every}\n")
        found = self.diff("--lanes", 3, "old.ini", "new.ini", code=1)
        self.assertEqual((found["changed"], found["only_new"]), (0, 0))
        self.assertGreater(found["only_old"], found["same"])
        self.diff("--symbols", "NONE", "old.ini", "new.ini", code=0)
        self.take5("diff", "-c", "old.ini", "old.ini", "new.ini", "day.jsonl", code=2)

    def test_for_people(self):
        said = self.take5("diff", "-q", plugin("sided"), plugin("sided_shifted"), "day.jsonl",
                          code=1).stdout.decode()
        for word in (" same, ", "the first difference:\n  old {", "\n  new {", "symbol  "):
            self.assertIn(word, said)

    def test_a_terminal_sees_progress(self):
        """Beside one that takes its time, so that there is some to show."""
        os.mkdir(self.path("strategies"))
        for build, name in (("good_v1", "good"), ("slow_message", "slow_message")):
            shutil.copy(plugin(build), self.path(f"strategies/{name}.so"))
        for name, every in (("old", 1), ("new", 2)):
            self.write(f"{name}.ini", "[take5]\nstrategy_dir = strategies\n[strategy:good]\n"
                       f"every = {every}\n[strategy:slow_message]\ntakes = 2ms\n")
        self.feed("day.jsonl", 600)
        process, terminal = self.on_terminal("diff", "old.ini", "new.ini", "day.jsonl")
        self.assertRegex(terminal.read(), r"comparing [\d ]+ signals, [\d ]+/s")
        self.assertEqual(self.wait(process), 1)

    def test_what_cannot_be_decided(self):
        good = plugin("sided")
        for arguments, word in (([good, plugin("crash_message"), "day.jsonl"], "failed (signal"),
                                ([good, plugin("no_descriptor"), "day.jsonl"], "exit code"),
                                ([good, good, "absent.jsonl"], "absent.jsonl"),
                                ([good, "day.ini", "day.jsonl"], "two strategies, or two"),
                                ([good, good, "-"], "the standard input"),
                                ([good, good, good], "give recordings"),
                                (["--eps", "-1", good, good, "day.jsonl"], "--eps"),
                                (["--csv", "--list", good, good, "day.jsonl"], "one of them"),
                                ([good, good], "usage")):
            with self.subTest(arguments=arguments):
                done = self.take5("diff", "-q", *arguments, code=2)
                self.assertIn(word, done.stderr.decode())
                self.assertEqual(done.stdout, b"")


if __name__ == "__main__":
    unittest.main(verbosity=2)
