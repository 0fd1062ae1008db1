#!/usr/bin/python3
"""`take5 feed`: the same seed gives the same market, onto stdout and into Kafka."""
import collections
import json
import os
import signal
import subprocess
import time

from harness import kafka, paths, ports
from harness.host import environment
from harness.scenario import Scenario, main
from harness.waiting import PATIENCE, SMALLEST_PIPE, is_full

PARTITIONS = 3


class Feed(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kafka.create_roles(PARTITIONS, "bars:1", "paced:1", "stopped:1")

    def feed(self, *arguments, code=0):
        done = subprocess.run([paths.HOST, "feed", *map(str, arguments)], capture_output=True,
                              stdin=subprocess.DEVNULL, env=environment(), cwd=self.directory,
                              timeout=120 * PATIENCE)
        self.assertEqual(done.returncode, code, done.stderr.decode())
        return done

    def lines(self, *arguments):
        return [json.loads(line) for line in self.feed(*arguments).stdout.splitlines()]

    # ---- onto stdout ----

    def test_the_same_options_give_the_same_bytes(self):
        options = ("--count", 3000, "--bad", "3%", "--late", "3%", "--seed", 5)
        first = self.feed(*options).stdout
        self.assertEqual(first.count(b"\n"), 3000)
        self.assertEqual(self.feed(*options).stdout, first)
        self.assertNotEqual(self.feed(*options[:-1], 6).stdout, first)

    def test_lines_are_those_of_a_recording(self):
        lines = self.lines("--count", 3000, "--partitions", PARTITIONS)
        nexts = collections.Counter()
        for line in lines:
            part = line["topic"], line["partition"]
            self.assertIn(line["topic"], kafka.ROLES)
            self.assertLess(line["partition"], PARTITIONS)
            self.assertEqual(line["offset"], nexts[part])
            nexts[part] += 1
        self.assertEqual(len(nexts), 3 * PARTITIONS)
        times = [line["ts"] for line in lines]
        self.assertEqual(times, sorted(times))

    def test_envelopes(self):
        for line in self.lines("--plain", "--count", 500, "--envelope", "production"):
            self.assertIn("barData", line)
            self.assertTrue("publishTime" in line or "PublishTime" in line)
        for line in self.lines("--plain", "--count", 500, "--envelope", "documented"):
            self.assertIn("timestamp", line)
            self.assertNotIn("barData", line)
        mixed = self.lines("--plain", "--count", 2000)
        share = sum("barData" in line for line in mixed) / len(mixed)
        self.assertTrue(0.5 < share < 0.95, share)

    def test_symbols_and_frames(self):
        lines = self.lines("--plain", "--count", 900, "--envelope", "production", "--symbols",
                           "ABC,DEF", "--time-frames", "60,300")
        self.assertEqual({line["symbol"] for line in lines}, {"ABC", "DEF"})
        self.assertEqual({line["barData"]["barTimeFrame"] for line in lines}, {60, 300})

    def test_bars_add_up_and_slopes_fit_the_closes(self):
        lines = self.lines("--plain", "--count", 4000, "--envelope", "production", "--symbols", 1,
                           "--time-frames", "60")
        closes, slopes = [], 0
        for line in lines:
            bar = line["barData"]
            self.assertLessEqual(bar["low"], min(bar["open"], bar["close"]))
            self.assertGreaterEqual(bar["high"], max(bar["open"], bar["close"]))
            if "lastSampleStats" in line:
                closes.append(bar["close"])
            slope = line.get("trendData", {}).get("wSma_slope")
            if slope is not None and len(closes) >= 20:
                self.assertAlmostEqual(slope, fit(closes[-20:], 60.0), delta=1e-9 + abs(slope) / 1e6)
                slopes += 1
        self.assertGreater(slopes, 100)

    def test_shares_of_bad_and_late(self):
        lines = self.lines("--count", 20_000, "--bad", "0.05", "--late", "0.1", "--envelope",
                           "production")
        bad = late = 0
        newest = collections.Counter()
        for line in lines:
            try:
                value = json.loads(line["payload"])
                event = (value.get("publishTime") or value["PublishTime"])["take5Time"]
                key = value["symbol"], value["barData"]["barTimeFrame"], line["topic"]
            except (TypeError, KeyError, ValueError, AttributeError):
                bad += 1
                continue
            late += event < newest[key]
            newest[key] = max(newest[key], event)
        self.assertTrue(0.03 < bad / len(lines) < 0.07, bad)
        self.assertGreater(late / len(lines), 0.02)

    def test_a_pace_is_kept_and_a_time_ends_it(self):
        began = time.monotonic()
        lines = self.lines("--rate", 200, "--for", "1500ms")
        self.assertGreaterEqual(time.monotonic() - began, 1.4)
        self.assertTrue(1 <= len(lines) <= 320, len(lines))

    def test_a_reader_that_has_enough_ends_it(self):
        process = subprocess.Popen([paths.HOST, "feed", "-q"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=environment())
        process.stdout.read(100)
        process.stdout.close()
        self.assertEqual(process.wait(60 * PATIENCE), 0)
        self.assertEqual(process.stderr.read(), b"")
        process.stderr.close()

    def test_one_interrupt_is_enough_also_when_nobody_reads(self):
        process = subprocess.Popen([paths.HOST, "feed", "-q"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=environment(),
                                   pipesize=SMALLEST_PIPE)
        self.wait_for("a full pipe", lambda: is_full(process.stdout))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60 * PATIENCE), 0)
        self.assertEqual(process.communicate()[1], b"")

    def test_told_to_stop_it_ends_with_whole_lines_and_a_summary(self):
        with open(self.path("out"), "wb") as out:
            process = subprocess.Popen([paths.HOST, "feed", "--rate", "500"], stdout=out,
                                       stderr=subprocess.PIPE, env=environment())
            self.wait_for("lines", lambda: os.path.getsize(self.path("out")) > 10_000)
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(60 * PATIENCE), 0)
        self.assertRegex(process.stderr.read().decode(), r"fed [\d ]+ messages")
        process.stderr.close()
        with open(self.path("out"), "rb") as out:
            data = out.read()
        self.assertTrue(data.endswith(b"}\n"))
        for line in data.splitlines():
            json.loads(line)

    # ---- into a broker ----

    def test_a_broker_gets_what_stdout_shows(self):
        options = ("--count", 3000, "--seed", 9, "--start", "2024-06-17T13:30:00Z")
        self.feed("--brokers", self.kafka.servers, "--rate", 20_000, *options)
        shown = collections.defaultdict(list)
        for line in self.lines("--partitions", PARTITIONS, *options):
            shown[line["topic"], line["partition"]].append((line["key"], line["payload"]))
        held = collections.defaultdict(list)
        for role in kafka.ROLES:
            for line in self.kafka.read(role):
                held[role, line["partition"]].append((line["key"], line["payload"]))
        self.assertEqual(sorted(held), sorted(shown))
        for part, messages in shown.items():
            self.assertEqual(held[part], messages, part)

    def test_topics_and_properties(self):
        self.feed("--brokers", self.kafka.servers, "--count", 30, "--topic", "bar_trends=bars",
                  "--topic", "historic_stats=bars", "--topic", "asset_trends=bars",
                  "-X", "compression.codec=gzip")
        self.assertEqual(len(self.kafka.read("bars")), 30)

    def test_told_to_stop_all_that_it_counts_is_delivered(self):
        process = subprocess.Popen(
            [paths.HOST, "feed", "--brokers", self.kafka.servers, "--rate", "300",
             *(word for role in kafka.ROLES for word in ("--topic", f"{role}=stopped"))],
            stderr=subprocess.PIPE, env=environment())
        self.addCleanup(process.kill)
        # So many and no more: a topic that grows has no end to be read to.
        subprocess.run(["kcat", "-q", "-b", self.kafka.servers, "-C", "-t", "stopped",
                        "-o", "beginning", "-c", "51"], check=True, stdout=subprocess.DEVNULL,
                       timeout=60 * PATIENCE)
        process.send_signal(signal.SIGTERM)
        self.assertEqual(process.wait(60 * PATIENCE), 0)
        text = process.stderr.read().decode()
        process.stderr.close()
        fed = int(text.split("fed ")[1].split(" messages")[0].replace(" ", ""))
        self.assertEqual(len(self.kafka.read("stopped")), fed)

    def test_a_broker_that_is_not_there_is_said(self):
        (port,) = ports.free_ports(1)
        done = self.feed("--brokers", f"127.0.0.1:{port}", "--count", 10, code=1)
        self.assertIn(b"not acknowledged", done.stderr)

    def test_wrong_use_is_told(self):
        for arguments in (["--bad", "2"], ["--late", "x"], ["--envelope", "paper"], ["--rate", "0"],
                          ["--count", "0"], ["--for", "5"], ["--symbols", "0"], ["--topic", "x=y"],
                          ["--start", "now"], ["stray"], ["-X", "novalue"]):
            self.feed(*arguments, code=2)
        self.feed("--symbols", "A B", "--count", 1, code=1)
        self.feed("--brokers", "127.0.0.1:1", "-X", "no.such=1", code=1)


def fit(closes, seconds):
    """The slope of the least squares line through closes that lie so many seconds apart."""
    n = len(closes)
    mean_x, mean_y = (n - 1) / 2, sum(closes) / n
    top = sum((x - mean_x) * (y - mean_y) for x, y in enumerate(closes))
    return top / sum((x - mean_x) ** 2 for x in range(n)) / seconds


if __name__ == "__main__":
    main()
