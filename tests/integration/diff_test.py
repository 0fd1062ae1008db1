#!/usr/bin/python3
"""`take5 diff`: exactly what differs between the signals of two builds or two configurations."""
import collections
import json
import os
import shutil
import subprocess
import unittest

from offline import BUILD, PATIENCE, TAKE5, VARIANT, Offline, json_lines

COUNT = 20_000 if VARIANT == "plain" else 2_000
KEY = ("deployment", "name", "symbol", "event_time_ns", "time_frame", "topic", "partition", "offset")


def plugin(name):
    return os.path.join(BUILD, "tests", "plugins", f"{name}.so")


class Diff(Offline):
    def setUp(self):
        super().setUp()
        with open(self.path("day.jsonl"), "wb") as file:
            subprocess.run([TAKE5, "feed", "-q", "--symbols", "5", "--count", str(COUNT)],
                           stdout=file, check=True, timeout=120 * PATIENCE)

    def diff(self, *arguments, code):
        return json.loads(self.take5("diff", "-q", "--json", *arguments, "day.jsonl",
                                     code=code).stdout)

    def expected(self, older, newer):
        """Counts by symbol, from the lines that each writes by itself."""
        signals = [collections.Counter() for _ in range(2)]
        said = [{}, {}]
        for side, name in enumerate((older, newer)):
            for line in json_lines(self.take5("replay", "-q", plugin(name), "day.jsonl").stdout):
                key = tuple(line.get(member) for member in KEY)
                signals[side][key] += 1
                said[side][key, signals[side][key]] = (line["value"], line["confidence"],
                                                       line["data"], line.get("price"))
        counts = collections.defaultdict(collections.Counter)
        for key in said[0].keys() | said[1].keys():
            kind = "only_new" if key not in said[0] else "only_old" if key not in said[1] else \
                "same" if said[0][key] == said[1][key] else "changed"
            counts[key[0][2]][kind] += 1
        return counts

    def check(self, older, newer):
        """The difference is the expected one; gives it."""
        found = self.diff(plugin(older), plugin(newer), code=1)
        expected = self.expected(older, newer)
        kinds = ("same", "changed", "only_old", "only_new")
        self.assertEqual({symbol["symbol"]: [symbol[kind] for kind in kinds]
                          for symbol in found["symbols"]},
                         {symbol: [counts[kind] for kind in kinds]
                          for symbol, counts in expected.items()})
        for kind in kinds:
            self.assertEqual(found[kind], sum(counts[kind] for counts in expected.values()))
        return found

    def test_the_same_build_has_no_difference(self):
        found = self.diff(plugin("sided"), plugin("sided"), code=0)
        self.assertGreater(found["same"], COUNT // 5)
        self.assertEqual((found["changed"], found["only_old"], found["only_new"]), (0, 0, 0))
        self.assertNotIn("first", found)

    def test_one_changed_constant_gives_exactly_what_it_changes(self):
        found = self.check("sided", "sided_shifted")
        self.assertGreater(found["only_old"], COUNT // 200)
        old, new = found["first"]["old"], found["first"]["new"]
        self.assertEqual((old["topic"], old["partition"], old["offset"], old["symbol"]),
                         (new["topic"], new["partition"], new["offset"], new["symbol"]))
        self.assertNotEqual(old["name"], new["name"])
        wider = self.check("sided", "sided_wider")
        self.assertEqual((wider["only_old"], wider["first"]["old"]), (0, None))
        self.assertGreater(wider["only_new"], COUNT // 200)

    def test_what_changed_is_told(self):
        tilted = self.check("sided", "sided_tilted")
        self.assertGreater(tilted["changed"], 100)
        self.assertEqual((tilted["changed_value"], tilted["changed_confidence"],
                          tilted["changed_data"]), (tilted["changed"], 0, 0))
        self.assertEqual(self.diff("--eps", "1e-6", plugin("sided"), plugin("sided_tilted"),
                                   code=0)["changed"], 0)
        self.diff("--eps", "1e-8", plugin("sided"), plugin("sided_tilted"), code=1)
        data = self.check("sided_named", "sided_data")
        self.assertEqual((data["changed_value"], data["changed_data"]), (0, data["changed"]))

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

    def test_what_cannot_be_decided(self):
        good = plugin("sided")
        for arguments, word in (([good, plugin("crash_message"), "day.jsonl"], "failed (signal"),
                                ([good, plugin("no_descriptor"), "day.jsonl"], "exit code"),
                                ([good, good, "absent.jsonl"], "absent.jsonl"),
                                ([good, "day.ini", "day.jsonl"], "two strategies, or two"),
                                ([good, good, "-"], "the standard input"),
                                ([good, good, good], "give recordings"),
                                (["--eps", "-1", good, good, "day.jsonl"], "--eps"),
                                ([good, good], "usage")):
            with self.subTest(arguments=arguments):
                done = self.take5("diff", "-q", *arguments, code=2)
                self.assertIn(word, done.stderr.decode())
                self.assertEqual(done.stdout, b"")


if __name__ == "__main__":
    unittest.main(verbosity=2)
