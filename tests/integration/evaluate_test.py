#!/usr/bin/python3
"""`take5 evaluate`: the figures are those of the definitions in the guide, worked out here once more
and otherwise: from the recording and from the lines that `take5 replay` writes."""
import bisect
import collections
import csv
import datetime
import gzip
import io
import json
import math
import os
import statistics
import subprocess
import unittest

from offline import BUILD, PATIENCE, TAKE5, VARIANT, Offline, json_lines

COUNT = 6_000 if VARIANT == "plain" else 3_000
YEAR_S = 365.25 * 86400
HORIZONS = {"1m": 60, "5m": 300, "30m": 1800}


def plugin(name):
    return os.path.join(BUILD, "tests", "plugins", f"{name}.so")


def iso_ns(text):
    return round(datetime.datetime.fromisoformat(text).timestamp() * 1000) * 10**6


def sign(number):
    return (number > 0) - (number < 0)


class Definitions:
    """The guide's, in the order in which it has them."""

    def __init__(self, recording, cost=0.0, period_s=3600):
        self.cost, self.period_ns = cost, int(period_s * 10**9)
        self.series = collections.defaultdict(list)
        for line in recording:
            message = json.loads(line["payload"])
            bar = message.get("barData", {})
            price = bar.get("close", message.get("price"))
            if price is None or not price > 0:
                continue
            published = message.get("publishTime") or message.get("PublishTime")
            time_ns = published["take5Time"] * 10**6 if published else iso_ns(message["timestamp"])
            self.series[message["symbol"], bar.get("barTimeFrame", 0)].append((time_ns, price))
        for points in self.series.values():
            points.sort(key=lambda point: point[0])  # stable
        times = [time_ns for points in self.series.values() for time_ns, _ in points]
        self.first, self.last, self.count = min(times), max(times), len(times)

    def key(self, signal):
        symbol = signal["symbol"]
        return symbol, signal.get("time_frame") or min(
            frame for of, frame in self.series if of == symbol)

    def forward(self, signal, side, horizon_s):
        points = self.series[self.key(signal)]
        wanted = signal["event_time_ns"] + horizon_s * 10**9
        at = bisect.bisect_left(points, wanted, key=lambda point: point[0])
        return None if at == len(points) else side * (points[at][1] / signal["price"] - 1)

    def returns(self, signals, side_of, horizon_s):
        found = [(self.forward(signal, side_of(signal), horizon_s), signal["confidence"])
                 for signal in signals if side_of(signal)]
        found = [(value, confidence) for value, confidence in found if value is not None]
        values = [value for value, _ in found]
        bins = [[] for _ in range(10)]
        for value, confidence in found:
            bins[min(9, int(confidence * 10))].append((value, confidence))
        return {"horizon_s": horizon_s, "count": len(values),
                "hit_rate": sum(value > 0 for value in values) / len(values),
                "mean": statistics.fmean(values), "median": statistics.median(values),
                "worst": min(values),
                "calibration": [
                    {"count": len(inside),
                     "confidence": statistics.fmean(c for _, c in inside) if inside else None,
                     "hit_rate": sum(v > 0 for v, _ in inside) / len(inside) if inside else None}
                    for inside in bins]}

    def positions(self, signals, side_of):
        changes, trades, turnover, held = collections.Counter(), 0, 0, set()
        by_series = collections.defaultdict(list)
        for signal in signals:
            if side_of(signal) is not None:
                by_series[self.key(signal)].append(signal)
        for key, ours in by_series.items():
            ours.sort(key=lambda signal: signal["event_time_ns"])
            # Prices come before the signals of their time.
            steps = sorted([(t, 0, i, p, None) for i, (t, p) in enumerate(self.series[key])] +
                           [(s["event_time_ns"], 1, i, s["price"], side_of(s))
                            for i, s in enumerate(ours)])
            side, marked = 0, 1
            for time_ns, _, _, price, wanted in steps:
                if wanted == side:
                    continue
                if side:
                    changes[time_ns] += side * (price / marked - 1)
                marked = price
                if wanted is not None:
                    changes[time_ns] -= self.cost * abs(wanted - side)
                    trades, turnover, side = trades + 1, turnover + abs(wanted - side), wanted
                    held.add(key)
        equity, peak, drawdown = 1, 1, 0
        periods = collections.Counter()
        for time_ns in sorted(changes):
            change = changes[time_ns] / len(held)
            equity += change
            peak = max(peak, equity)
            drawdown = max(drawdown, (peak - equity) / peak)
            periods[time_ns // self.period_ns] += change
        whole = self.last // self.period_ns - self.first // self.period_ns + 1
        every = [periods[self.first // self.period_ns + i] for i in range(whole)]
        spread = statistics.stdev(every) if whole > 1 else 0
        return {"series": len(held), "trades": trades, "turnover": turnover,
                "turnover_per_day": turnover / ((self.last - self.first) / 86400e9),
                "profit": equity - 1, "drawdown": drawdown,
                "sharpe": statistics.fmean(every) / spread *
                math.sqrt(YEAR_S * 10**9 / self.period_ns) if spread else None}


class Evaluate(Offline):
    def feed(self, *arguments):
        with open(self.path("day.jsonl"), "wb") as file:
            subprocess.run([TAKE5, "feed", "-q", *map(str, arguments)], stdout=file, check=True,
                           timeout=120 * PATIENCE)
        return self.path("day.jsonl")

    def evaluate(self, *arguments, **options):
        return json.loads(self.take5("evaluate", "-q", "--json", *arguments, **options).stdout)

    def assert_same(self, found, expected, where=""):
        if isinstance(expected, dict):
            self.assertEqual(set(found), set(expected), where)
            for name, value in expected.items():
                self.assert_same(found[name], value, f"{where}.{name}")
        elif isinstance(expected, list):
            self.assertEqual(len(found), len(expected), where)
            for i, value in enumerate(expected):
                self.assert_same(found[i], value, f"{where}[{i}]")
        elif isinstance(expected, float):
            self.assertTrue(found is not None and
                            math.isclose(found, expected, rel_tol=1e-9, abs_tol=1e-12),
                            f"{where}: {found}, expected {expected}")
        else:
            self.assertEqual(found, expected, where)

    def check(self, file, side_of, *arguments, cost=0.0, period_s=3600, strategy="sided"):
        with open(file, encoding="utf-8") as lines:
            definitions = Definitions([json.loads(line) for line in lines], cost, period_s)
        signals = json_lines(self.take5("replay", "-q", plugin(strategy), file).stdout)
        found = self.evaluate(*arguments, plugin(strategy), file)
        self.assertEqual((found["prices"], found["first_price_ns"], found["last_price_ns"]),
                         (definitions.count, definitions.first, definitions.last))
        deployment, = found["deployments"]
        self.assertEqual(deployment["signals"], len(signals))
        has_sides = side_of is not None
        read = side_of or (lambda signal: 1)
        for group in deployment["names"]:
            ours = [signal for signal in signals if signal["name"] == group["name"]]
            sides = collections.Counter(map(read, ours) if has_sides else ())
            self.assertEqual((group["signals"], group["longs"], group["shorts"], group["flats"]),
                             (len(ours), sides[1], sides[-1], sides[0]))
            returns = [definitions.returns(ours, read, seconds)
                       for seconds in HORIZONS.values() if sides[1] + sides[-1] or not has_sides]
            if returns:
                self.assert_same(group["returns"], returns, group["name"])
            else:
                self.assertEqual({item["count"] for item in group["returns"]}, {0})
        self.assertEqual(sum(group["signals"] for group in deployment["names"]), len(signals))
        if has_sides:
            self.assert_same(deployment["positions"], definitions.positions(signals, read))
            self.assertGreater(deployment["positions"]["trades"], 100)
        return deployment

    def test_figures_are_those_of_the_definitions(self):
        file = self.feed("--symbols", 3, "--count", COUNT, "--late", "2%")
        by_value = self.check(file, lambda signal: sign(signal["value"]), strategy="sided_value")
        self.assertEqual([group["name"] for group in by_value["names"]], ["down", "flat", "up"])
        self.check(file, lambda signal: sign(signal["data"]["side"]), "--cost", "0.02%",
                   "--period", "30m", cost=0.0002, period_s=1800, strategy="sided_named")
        self.check(file, lambda signal: sign(signal["data"]["side"])
                   if "side" in signal["data"] else None, strategy="sided_data")
        self.assertEqual(self.check(file, None)["side"], "none")

    def test_lanes_packing_and_order_of_files_change_nothing(self):
        file = self.feed("--symbols", 4, "--count", COUNT // 4)
        arguments = ["--cost", "0.001", "--horizons", "90s,2h", plugin("sided_value")]
        expected = self.evaluate(*arguments, file)
        self.assertEqual([item["horizon_s"] for item in
                          expected["deployments"][0]["names"][0]["returns"]], [90, 7200])
        self.assertEqual(self.evaluate("--lanes", 4, *arguments, file), expected)
        with open(file, "rb") as lines:
            packed = self.write("day.gz", gzip.compress(lines.read()))
        self.assertEqual(self.evaluate(*arguments, packed), expected)

    def test_prices_that_warm_it_up_are_prices_too(self):
        file = self.feed("--symbols", 4, "--count", 7000)
        trend = os.path.join(BUILD, "strategies", "trend.so")
        begin = self.evaluate(trend, file)["first_price_ns"] + 3 * 3600 * 10**9
        late, cold = (self.evaluate(*arguments, "--from", begin // 10**6, trend, file)
                      for arguments in ((), ("--cold",)))
        self.assertLess(late["first_price_ns"], begin)
        self.assertGreaterEqual(cold["first_price_ns"], begin)
        self.assertEqual(self.evaluate("--lanes", 4, "--from", begin // 10**6, trend, file), late)

    def test_deployments_are_told_apart(self):
        file = self.feed("--symbols", 2, "--count", 2000)
        alone = self.evaluate(plugin("sided_value"), file)["deployments"][0]
        ini = self.write("two.ini", f"[take5]\nstrategy_dir = {self.path('strategies')}\n"
                         "[strategy:one]\nplugin = sided\n[strategy:two]\nplugin = sided\n"
                         "symbols = NONE\n")
        os.mkdir(self.path("strategies"))
        os.symlink(plugin("sided_value"), self.path("strategies/sided.so"))
        one, two = self.evaluate("-c", ini, file)["deployments"]
        self.assertEqual((one.pop("name"), two["name"], two["signals"], two["names"]),
                         ("one", "two", 0, []))
        alone.pop("name")
        self.assertEqual(one, alone)

    def test_tables_for_people(self):
        file = self.feed("--symbols", 2, "--count", 2000)
        said = self.take5("evaluate", "-q", plugin("sided_value"), file).stdout.decode()
        for word in ("sided\n", "positions by the sign of the value", "Sharpe ratio", "  up: ",
                     "    30m ", "0.9 to 1.0"):
            self.assertIn(word, said)
        said = self.take5("evaluate", "-q", plugin("sided"), file).stdout.decode()
        self.assertIn("no positions: the strategy declares no side", said)

    def table(self, name, *arguments):
        """The rows of --csv, empty cells as None and numbers as such."""
        done = self.take5("evaluate", "-q", "--csv", name, *arguments)
        return [{key: None if value == "" else value if key in ("deployment", "name")
                 else float(value) for key, value in row.items()}
                for row in csv.DictReader(io.StringIO(done.stdout.decode()))]

    def test_each_table_as_csv(self):
        """The same numbers as --json has."""
        arguments = "--cost", "0.02%", plugin("sided_value"), self.feed("--symbols", 2, "--count",
                                                                        2000)
        deployment, = self.evaluate(*arguments)["deployments"]
        returns, bins = [], []
        for group in deployment["names"]:
            counts = {key: group[key] for key in ("signals", "longs", "shorts", "flats",
                                                  "unpriced")}
            for item in group["returns"]:
                head = {"deployment": deployment["name"], "name": group["name"],
                        "horizon_s": item["horizon_s"]}
                calibration = item.pop("calibration")
                returns.append(head | counts | item)
                bins += [head | {"from": i / 10, "to": (i + 1) / 10} | one
                         for i, one in enumerate(calibration)]
        self.assertEqual(self.table("returns", *arguments), returns)
        self.assertEqual(self.table("calibration", *arguments), bins)
        self.assertEqual(len(bins), 3 * 3 * 10)
        self.assertEqual(self.table("positions", *arguments), [
            {"deployment": deployment["name"], "signals": deployment["signals"],
             **deployment["positions"]}])
        self.take5("evaluate", "--json", "--csv", "returns", *arguments, code=2)

    def test_a_terminal_sees_progress(self):
        self.fed_on_terminal(r"replaying [\d ]+ messages, [\d ]+/s",
                             self.feed("--symbols", 2, "--count", 2000), "evaluate",
                             plugin("sided_value"))

    def test_what_there_is_nothing_to_say_of(self):
        priceless = self.write("file", b'{"symbol":"A","timestamp":"2024-06-17T21:15:30Z",'
                                       b'"trend_data":{}}\n')
        said = self.take5("evaluate", plugin("sided"), priceless, code=1).stderr.decode()
        self.assertIn("no signal was emitted", said)
        said = self.take5("evaluate", "-s", "strategy:good.every=1", plugin("good_v1"),
                          priceless, code=1).stderr.decode()
        self.assertIn("no message of the recording has a price", said)
        for arguments in (["--horizons", "5"], ["--horizons", "0"], ["--cost", "x"],
                          ["--horizons", ",".join(["1m"] * 9)], ["--period", "0"]):
            with self.subTest(arguments=arguments):
                self.take5("evaluate", *arguments, plugin("sided"), priceless, code=2)
        self.take5("evaluate", plugin("sided"), code=2)
        self.take5("evaluate", plugin("sided"), self.path("nothing"), code=1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
