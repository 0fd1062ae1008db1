#!/usr/bin/python3
"""What the benchmark makes of its measurements: figures, headlines, rows in groups, the table."""
import io
import json
import os
import tempfile
import unittest

import table
from parts import decode, results, rows, same
from parts.figures import Figures, at_least, at_most
from parts.rows import Row


def result(speed, **others):
    """A run of a million messages at that speed."""
    return {"messages": 1_000_000, "seconds": 1_000_000 / speed, "cpu_ns": 1_000_000_000,
            "thread_cpu_ns": 500_000_000, "peak_kib": 1_000, **others}


def row(name, group, *speeds, why=None, **others):
    return Row(name, group, None, why, [result(speed, **others) for speed in speeds])


def written(figures, earlier=None):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "results.json")
        results.write(path, figures.as_json(), earlier)
        return results.read(path)


def by_name(figures):
    return {figure["name"]: figure for figure in written(figures)["figures"]}


class WhatWasNotMeasured(unittest.TestCase):
    def setUp(self):
        self.figures = Figures()
        self.figures.add("decode: faster than simdjson", "times", (), at_least(1.5),
                         "simdjson is not installed")

    def test_it_is_null_in_the_results_and_says_why(self):
        (figure,) = self.figures.as_json()
        self.assertEqual(
            figure, {"name": "decode: faster than simdjson", "unit": "times", "median": None,
                     "min": None, "max": None, "target": 1.5, "met": None,
                     "why": "simdjson is not installed"})

    def test_it_is_said_on_the_screen(self):
        screen = io.StringIO()
        self.figures.print_table(screen)
        self.assertIn("simdjson is not installed", screen.getvalue())

    def test_it_is_no_miss_in_the_readme(self):
        text = table.table(written(self.figures))
        self.assertIn("| decode: faster than simdjson | times |  |  | ≥ 1.5 | not measured |",
                      text)

    def test_what_was_measured_bears_no_reason(self):
        self.figures.add("latency", "ms", (1, 2, 3))
        self.assertNotIn("why", by_name(self.figures)["latency"])

    def test_no_values_and_no_reason_is_a_mistake(self):
        with self.assertRaises(ValueError):
            self.figures.add("latency", "ms", ())


class SomePartsOnly(unittest.TestCase):
    """A run that renews figures of an earlier one."""

    def setUp(self):
        figures = Figures()
        for name in ("a", "b", "c"):
            figures.add(name, "ms", (1,))
        self.earlier = written(figures)
        self.earlier["date"] = "2026-01-02"
        for figure in self.earlier["figures"]:
            figure |= {"date": "2026-01-02", "commit": "abc"}
        self.later = Figures()

    def merge(self):
        return written(self.later, self.earlier)["figures"]

    def test_what_was_not_measured_stays_with_its_day_and_commit(self):
        self.later.add("b", "ms", (2,))
        self.assertEqual(self.merge()[0], self.earlier["figures"][0])

    def test_what_was_measured_takes_its_place_with_the_day_of_today(self):
        self.later.add("b", "ms", (2,))
        self.later.add("d", "ms", (3,))
        found = self.merge()
        self.assertEqual([(f["name"], f["median"]) for f in found],
                         [("a", 1), ("b", 2), ("c", 1), ("d", 3)])
        self.assertEqual([f["date"] == "2026-01-02" for f in found], [True, False, True, False])
        self.assertEqual(found[1]["commit"], results.commit())

    def test_the_same_figure_in_another_unit_is_another_one(self):
        self.later.add("b", "MB/s", (2,))
        self.assertEqual([(f["name"], f["unit"]) for f in self.merge()],
                         [("a", "ms"), ("b", "ms"), ("c", "ms"), ("b", "MB/s")])

    def test_figures_from_before_they_had_a_day_have_that_of_their_run(self):
        for figure in self.earlier["figures"]:
            del figure["date"], figure["commit"]
        self.later.add("b", "ms", (2,))
        found = self.merge()
        self.assertEqual((found[0]["date"], found[0]["commit"]), ("2026-01-02", None))

    def test_the_readme_says_from_when_to_when(self):
        self.later.add("b", "ms", (2,))
        self.assertIn(", 2026-01-02 to ", table.table(written(self.later, self.earlier)))
        self.assertIn(", 2026-01-02, by", table.table(self.earlier))

    def test_another_machine_s_figures_are_not_mixed_with_these(self):
        self.earlier["machine"] = "another one"
        self.later.add("b", "ms", (2,))
        with self.assertRaises(results.OtherMachine):
            self.merge()


class Targets(unittest.TestCase):
    def test_the_readme_shows_on_which_side_of_the_target_a_median_lies(self):
        figures = Figures()
        figures.add("a: throughput against the floor", "ratio", (0.4, 0.5, 0.6), at_least(0.45))
        figures.add("a: CPU a message against the floor", "ratio", (1.2, 1.4, 1.6), at_most(1.3))
        text = table.table(written(figures))
        self.assertIn("| **0.5** | 0.4 to 0.6 | ≥ 0.45 | yes |", text)
        self.assertIn("| **1.4** | 1.2 to 1.6 | ≤ 1.3 | **no** |", text)

    def test_a_target_on_the_side_that_the_name_does_not_say_is_a_mistake(self):
        with self.assertRaises(ValueError):
            Figures().add("a: CPU a message against the floor", "ratio", (1,), at_least(1))


class Decoding(unittest.TestCase):
    def add(self, ondemand):
        """Of two kinds that take 100 ns here."""
        spread = {"median": 100, "min": 90, "max": 120}
        ratio = {"median": 8, "min": 7, "max": 9}
        entry = {"bytes": 460, "decode_ns": spread, "cjson_ns": spread, "cjson_ratio": ratio,
                 "ondemand_ns": ondemand and spread, "ondemand_ratio": ondemand,
                 "dom_ns": None, "dom_ratio": None}
        figures = Figures()
        decode.add(figures, {"three_topics": entry, "bar_trends_64k": entry})
        return by_name(figures)

    def test_against_simdjson_where_it_is(self):
        found = self.add({"median": 1.2, "min": 1.1, "max": 1.3})
        three = found["decode, the three topics in turn: faster than simdjson on-demand"]
        large = found["decode, a message of 64 KB: faster than simdjson on-demand"]
        self.assertEqual((three["median"], three["target"], three["met"]), (1.2, 1.5, False))
        self.assertEqual((large["median"], large["target"], large["met"]), (1.2, 1, True))

    def test_without_simdjson_its_figures_are_null(self):
        found = self.add(None)
        three = found["decode, the three topics in turn: faster than simdjson on-demand"]
        self.assertEqual((three["median"], three["why"]), (None, "simdjson is not installed"))
        self.assertEqual(found["decode, the three topics in turn: per 460 bytes"]["median"], 0.1)


class Headlines(unittest.TestCase):
    def test_ratios_are_taken_within_a_round(self):
        figures = Figures()
        rows.add_headlines(figures, [row(rows.FLOOR, None, 100, 200, 400),
                                     row(rows.TREND_CROSS, "bundled", 50, 150, 160)])
        figure = by_name(figures)["trend and cross: throughput against the floor"]
        self.assertEqual((figure["min"], figure["median"], figure["max"], figure["met"]),
                         (0.4, 0.5, 0.75, True))

    def test_those_of_rows_that_were_not_chosen_are_left_out(self):
        figures = Figures()
        rows.add_headlines(figures, [row(rows.FLOOR, None, 100),
                                     row(rows.TREND_CROSS, "bundled", 50)])
        self.assertEqual(list(by_name(figures)), ["trend and cross: throughput against the floor"])

    def test_those_of_a_peer_that_is_missing_say_so(self):
        why = "Kafka Streams is not installed"
        figures = Figures()
        rows.add_headlines(figures, [row(rows.FLOOR, None, 100),
                                     row(rows.MOMENTUM_KAFKA, "peers", 50),
                                     row(rows.STREAMS, "peers", why=why)])
        found = by_name(figures)
        self.assertEqual(len(found), 2)
        for figure in found.values():
            self.assertIsNone(figure["median"])
            self.assertEqual(figure["why"], why)

    def test_a_call_is_what_was_timed_by_the_number_of_calls(self):
        figures = Figures()
        rows.add_headlines(figures, [row(rows.FLOOR, None, 100),
                                     row(rows.SIGNALS_FILE, "signals", 50, calls=1_000,
                                         call_cpu_ns=150_000)])
        figure = by_name(figures)["a signal of 8 numbers: lane's CPU from emit to return"]
        self.assertEqual((figure["median"], figure["met"]), (150, True))

    def test_a_message_signalled_bears_the_lane_of_those_that_are_not(self):
        figures = Figures()
        rows.add_headlines(figures, [row(rows.FLOOR, None, 100),
                                     row(rows.TREND, "bundled", 50, signals=500_000)])
        figure = by_name(figures)["trend: lane's CPU a message analysed and signalled"]
        self.assertEqual((figure["median"], figure["met"]), (1, True))

    def test_with_all_rows_each_target_is_on_the_side_that_its_name_says(self):
        names = [rows.FLOOR, *map(rows.take5_name, (0, 1, 10, 100)), rows.TWO_LANES, rows.TREND,
                 rows.TREND_CROSS, rows.SIGNALS_FILE, rows.SIGNALS_KAFKA, rows.POLL,
                 rows.CHECKPOINTS, rows.NO_CHECKPOINTS, rows.SELDOM_ONCE,
                 *rows.OURS.values(), *(rows.streams_name(store, guarantee)
                                        for store in rows.STORES for guarantee in rows.OURS)]
        figures = Figures()
        rows.add_headlines(figures, [row(name, None, 100, signals=1, calls=1, call_cpu_ns=1,
                                         checkpoints=8) for name in names])
        self.assertEqual(sum(figure["target"] is not None
                             for figure in by_name(figures).values()), 20)

    def test_a_run_that_was_too_short_for_a_checkpoint_says_nothing_of_its_cost(self):
        figures = Figures()
        rows.add_headlines(figures, [
            row(rows.NO_CHECKPOINTS, "durable", 100, checkpoints=0),
            row(rows.CHECKPOINTS, "durable", 100, checkpoints=rows.PARTITIONS)])
        (figure,) = by_name(figures).values()
        self.assertEqual((figure["median"], figure["why"]), (None, "too short for a checkpoint"))

    def test_each_way_of_delivering_is_held_against_the_same_of_kafka_streams(self):
        names = [*rows.OURS.values(), *(rows.streams_name(store, guarantee)
                                        for store in rows.STORES for guarantee in rows.OURS)]
        figures = Figures()
        rows.add_headlines(figures, [row(name, "peers", 10 + i) for i, name in enumerate(names)])
        found = by_name(figures)
        once = found["momentum with signals to Kafka: throughput against Kafka Streams with RocksDB,"
                     " exactly once"]
        self.assertEqual((once["median"], once["target"]), (0.7333, 10))
        self.assertEqual(len(found), 8)


class SameWork(unittest.TestCase):
    def record(self, value, name="momentum_up", symbol="QQQ"):
        return {"payload": json.dumps({"name": name, "symbol": symbol, "event_time_ns": 1,
                                       "value": value})}

    def test_in_any_order_and_without_silence(self):
        a, b = self.record(1.5), self.record(2.5, symbol="SPY")
        same.require([a, b], {"a peer": [b, a, self.record(600, "momentum_quiet")]})

    def test_another_value_a_missing_or_a_further_signal_is_named(self):
        a, b = self.record(1.5), self.record(2.5, symbol="SPY")
        for theirs in ([a, self.record(2.6, symbol="SPY")], [a]):
            with self.assertRaisesRegex(RuntimeError, "a peer.*SPY"):
                same.require([a, b], {"a peer": theirs})
        with self.assertRaisesRegex(RuntimeError, "SPY"):
            same.require([a], {"a peer": [a, b]})

    def test_no_signals_at_all_prove_nothing(self):
        with self.assertRaisesRegex(RuntimeError, "nothing to compare"):
            same.require([], {"a peer": []})


class Rows(unittest.TestCase):
    def setUp(self):
        self.rows = [row(rows.FLOOR, None, 100), row("a", "bundled", 50),
                     row("b", "peers", why="b is not installed"), row("c", "peers", 25)]

    def names(self, chosen):
        return [row.name for row in chosen]

    def test_the_floor_runs_with_each_group(self):
        self.assertEqual(self.names(rows.choose(self.rows, ["peers"])), [rows.FLOOR, "b", "c"])

    def test_each_round_begins_with_another_row_and_leaves_out_who_cannot_run(self):
        self.assertEqual([self.names(rows.in_turn(self.rows, number, 3)) for number in range(3)],
                         [[rows.FLOOR, "a", "c"], ["a", "c", rows.FLOOR], ["c", rows.FLOOR, "a"]])

    def test_a_row_that_cannot_run_has_its_figures_all_the_same(self):
        figures = Figures()
        rows.add_rows(figures, self.rows)
        found = by_name(figures)
        self.assertEqual(found["throughput against the floor: c"]["median"], 0.25)
        self.assertIsNone(found["throughput against the floor: b"]["median"])
        self.assertEqual(found["memory: b"]["why"], "b is not installed")

    def test_signals_are_counted_where_there_are_any(self):
        figures = Figures()
        rows.add_rows(figures, [row(rows.FLOOR, None, 100, 100),
                                row("a", "bundled", 50, 50, signals=250_000)])
        found = by_name(figures)
        self.assertEqual(found["signals a message: a"]["median"], 0.25)
        self.assertNotIn(f"signals a message: {rows.FLOOR}", found)


if __name__ == "__main__":
    unittest.main()
