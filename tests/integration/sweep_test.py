#!/usr/bin/python3
"""`take5 sweep`: each point is what `take5 evaluate` says of it, and what was chosen on one part of
the time is shown on another."""
import csv
import io
import json
import math
import os
import signal
import subprocess
import unittest

from evaluate_test import Definitions, plugin, sign
from harness.waiting import wait_for
from offline import PATIENCE, TAKE5, Offline, json_lines

COUNT = 4_000
FIGURES = ("trades", "turnover", "profit", "drawdown", "sharpe")


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:  # it is gone
        return b""


def children(pid):
    return [int(child) for child in read(f"/proc/{pid}/task/{pid}/children").split()]


def is_waiting(pid):
    """None of its threads runs."""
    states = [read(f"/proc/{pid}/task/{task}/stat").rpartition(b")")[2].split()[:1]
              for task in os.listdir(f"/proc/{pid}/task")]
    return all(state == [b"S"] for state in states)


class Sweep(Offline):
    def setUp(self):
        super().setUp()
        with open(self.path("day.jsonl"), "wb") as file:
            subprocess.run([TAKE5, "feed", "-q", "--seed", "5", "--symbols", "4", "--count",
                            str(COUNT)], stdout=file, check=True, timeout=120 * PATIENCE)
        self.day = self.path("day.jsonl")

    def sweep(self, *arguments, strategy="swept", **options):
        return json.loads(self.take5("sweep", "-q", "--json", *arguments, plugin(strategy),
                                     self.day, **options).stdout)

    def evaluate(self, *arguments):
        done = self.take5("evaluate", "-q", "--json", *arguments, plugin("swept"), self.day)
        return json.loads(done.stdout)["deployments"][0]

    def assert_is(self, part, deployment):
        """That of a sweep is that of an evaluation."""
        returns = [name["returns"][0] for name in deployment["names"]]
        self.assertEqual({name: part[name] for name in FIGURES},
                         {name: deployment["positions"][name] for name in FIGURES})
        self.assertEqual(part["signals"], deployment["signals"])
        self.assertEqual((part["mean"], part["hit_rate"]),
                         (returns[0]["mean"], returns[0]["hit_rate"]))

    def test_each_point_is_its_evaluation(self):
        found = self.sweep("-p", "swept.modulus=3,7", "-p", "swept.weight=-1:1:2", "--cost", "1e-4")
        points = [point["parameters"] for point in found["points"]]
        self.assertEqual(points, [{"modulus": m, "weight": w} for m in "37" for w in ("-1", "1")])
        for point in found["points"]:
            settings = [f"-sstrategy:swept.{name}={value}"
                        for name, value in point["parameters"].items()]
            self.assert_is(point["parts"][0], self.evaluate("--cost", "1e-4", *settings))

    def test_processes_and_passes_change_nothing(self):
        arguments = "-p", "swept.modulus=2:40:1", "-p", "swept.weight=1,2"
        self.assertEqual(self.sweep(*arguments, "--jobs", "1"), self.sweep(*arguments, "-j", "7"))

    def assert_processes(self, count, *arguments, cores):
        """So many evaluate at one time, when each of them waits for its recording."""
        os.mkfifo(self.path("fifo"))
        process = self.start("sweep", "-q", "-p", "swept.modulus=2:999:1", *arguments,
                             plugin("swept"), self.path("fifo"), stdout=subprocess.DEVNULL,
                             preexec_fn=lambda: os.sched_setaffinity(0, cores))
        wait_for(lambda: f"{count} processes; there are {len(children(process.pid))}",
                 lambda: len(children(process.pid)) == count
                 and all(map(is_waiting, [process.pid, *children(process.pid)])))
        for pid in children(process.pid):
            os.kill(pid, signal.SIGKILL)
        self.assertEqual(self.wait(process), 1)
        os.remove(self.path("fifo"))

    def test_all_cores_work(self):
        cores = os.sched_getaffinity(0)
        self.assert_processes(len(cores), cores=cores)
        self.assert_processes(1, cores={min(cores)})
        self.assert_processes(5, "--jobs", "5", cores=cores)

    def test_the_best_is_the_first(self):
        found = self.sweep("-p", "swept.modulus=2:30:1")
        profits = [point["parts"][0]["sharpe"] for point in found["points"]]
        best = max(range(len(profits)), key=lambda i: profits[i])
        self.assertEqual((found["by"], found["chosen"][0]["point"]), ("sharpe", best))
        drawdowns = [point["parts"][0]["drawdown"] for point in found["points"]]
        lowest = self.sweep("-p", "swept.modulus=2:30:1", "--best", "drawdown")
        self.assertEqual(lowest["chosen"][0]["point"], drawdowns.index(min(drawdowns)))

    def parts_by_hand(self, found, modulus):
        """The guide's definitions, of the signals and prices of each part alone."""
        with open(self.day, encoding="utf-8") as file:
            lines = json_lines(file.read())
        signals = json_lines(self.take5("replay", "-q", f"-sstrategy:swept.modulus={modulus}",
                                        plugin("swept"), self.day).stdout)
        whole = Definitions(lines)
        for part in found["parts"]:
            inside = lambda time_ns: part["from_ns"] <= time_ns < part["to_ns"]
            own = Definitions(lines)
            own.series = {key: [point for point in points if inside(point[0])]
                          for key, points in whole.series.items()}
            times = [time_ns for points in own.series.values() for time_ns, _ in points]
            own.first, own.last = min(times), max(times)
            yield own.positions([s for s in signals if inside(s["event_time_ns"])],
                                lambda signal: sign(signal["value"]))

    def test_a_split_judges_each_part_by_itself(self):
        found = self.sweep("-p", "swept.modulus=3,5,11", "--split", "0.7")
        first, second = found["parts"]
        self.assertEqual(first["to_ns"], second["from_ns"])
        self.assertAlmostEqual((first["to_ns"] - first["from_ns"]) /
                               (second["to_ns"] - first["from_ns"]), 0.7, places=6)
        for point in found["points"]:
            by_hand = self.parts_by_hand(found, point["parameters"]["modulus"])
            for part, expected in zip(point["parts"], by_hand):
                self.assertEqual(part["trades"], expected["trades"])
                for name in ("profit", "drawdown", "sharpe", "turnover"):
                    self.assertTrue(math.isclose(part[name], expected[name], rel_tol=1e-9,
                                                 abs_tol=1e-12), name)
        chosen, = found["chosen"]
        self.assertEqual((chosen["chosen_on"], chosen["shown_on"]), (0, 1))
        sharpes = [point["parts"][0]["sharpe"] for point in found["points"]]
        self.assertEqual(chosen["point"], sharpes.index(max(sharpes)))
        later = [point["parts"][1]["sharpe"] for point in found["points"]]
        self.assertEqual(chosen["place"], 1 + sum(other > later[chosen["point"]]
                                                  for other in later))

    def test_walking_forward_chooses_on_each_part_and_shows_on_the_next(self):
        found = self.sweep("-p", "swept.modulus=2:12:1", "--walk-forward", "3", "--best", "profit")
        self.assertEqual(len(found["parts"]), 4)
        self.assertEqual([(c["chosen_on"], c["shown_on"]) for c in found["chosen"]],
                         [(0, 1), (1, 2), (2, 3)])
        for chosen in found["chosen"]:
            profits = [point["parts"][chosen["chosen_on"]]["profit"] for point in found["points"]]
            self.assertEqual(chosen["point"], profits.index(max(profits)))

    def test_drawn_points_depend_on_the_seed_alone(self):
        draw = lambda *arguments: [point["parameters"] for point in self.sweep(
            "-p", "swept.weight=0.5:1.5", "-p", "swept.modulus=2:9", "--random", "12",
            *arguments)["points"]]
        first = draw("--seed", "1")
        self.assertEqual(first, draw("--seed", "1"))
        self.assertNotEqual(first, draw("--seed", "2"))
        self.assertTrue(all(0.5 <= float(point["weight"]) <= 1.5 for point in first))
        self.assertTrue(all(point["modulus"] in "23456789" for point in first))

    def test_the_configuration_is_where_a_point_begins(self):
        ini = self.write("take5.ini", "[strategy:mine]\nplugin = swept\nweight = -1\n"
                                      "[strategy:other]\nplugin = swept\n")
        found = self.sweep("-c", ini, "-p", "mine.modulus=3,7")
        for point in found["points"]:
            self.assert_is(point["parts"][0], self.evaluate(
                "-sstrategy:swept.weight=-1",
                f"-sstrategy:swept.modulus={point['parameters']['modulus']}"))

    def test_csv_has_a_line_for_each_point_and_part(self):
        arguments = "-p", "swept.modulus=3,5", "--split", "50%"
        done = self.take5("sweep", "-q", "--csv", *arguments, plugin("swept"), self.day)
        rows = list(csv.DictReader(io.StringIO(done.stdout.decode())))
        found = self.sweep(*arguments)
        self.assertEqual([(row["modulus"], row["part"]) for row in rows],
                         [("3", "0"), ("3", "1"), ("5", "0"), ("5", "1")])
        self.assertEqual(float(rows[1]["profit"]), found["points"][0]["parts"][1]["profit"])

    def test_a_terminal_sees_progress(self):
        self.fed_on_terminal(r"sweeping 0 %, 0 points, 0/s", self.day, "sweep", "-p",
                             "swept.modulus=3,5", "-j", "1", plugin("swept"))

    def test_people_see_a_table_and_what_became_of_the_best(self):
        done = self.take5("sweep", "-q", "-p", "swept.modulus=2:30:1", "--split", "0.7",
                          plugin("swept"), self.day).stdout.decode()
        self.assertRegex(done, r"^modulus +signals +trades +profit .* later\n")
        self.assertRegex(done, r"\nbest by sharpe: modulus = \d+ [-\d.]+; on the later part, which "
                               r"it was not chosen on: [-\d.e]+ \(place \d+ of 29\)\n$")

    def test_what_cannot_be_swept_is_said(self):
        for arguments, said in (
                ((), b"nothing to sweep"),
                (("-p", "modulus=3"), b"DEPLOYMENT.PARAMETER=VALUES"),
                (("-p", "swept.modulus=3:9"), b"without a step"),
                (("-p", "swept.modulus=3:9:0"), b"a step above 0"),
                (("-p", "swept.modulus=1m:9s:1m"), b"different units"),
                (("-p", "swept.modulus=3", "-p", "other.x=1"), b"one deployment"),
                (("-p", "swept.modulus=3", "--split", "0.5", "--walk-forward", "2"), b"one of")):
            done = self.take5("sweep", *arguments, plugin("swept"), self.day, code=2)
            self.assertIn(said, done.stderr, arguments)
        done = self.take5("sweep", "-p", "swept.modulus=1", plugin("swept"), self.day, code=1)
        self.assertIn(b"modulus", done.stderr)


if __name__ == "__main__":
    unittest.main(verbosity=2)
