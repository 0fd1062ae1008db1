#!/usr/bin/python3
"""`take5 replay`: the same signals, however often, on however many lanes; and its manners."""
import json
import os
import pty
import re
import select
import shutil
import signal
import subprocess
import time
import unittest

from harness.waiting import SMALLEST_PIPE, is_full
from offline import BUILD, PATIENCE, TAKE5, VARIANT, Offline, json_lines

COUNT = 200_000 if VARIANT == "plain" else 10_000
RUNS = 5 if VARIANT == "plain" else 2


def plugin(name):
    return os.path.join(BUILD, "tests", "plugins", f"{name}.so")


class Replay(Offline):
    def feed(self, name, *arguments):
        with open(self.path(name), "wb") as file:
            subprocess.run([TAKE5, "feed", "-q", *map(str, arguments)], stdout=file, check=True,
                           timeout=120 * PATIENCE)
        return self.path(name)

    def replay(self, *arguments, **options):
        return self.take5("replay", *arguments, **options)

    def signals(self, *arguments, **options):
        return self.replay("-q", *arguments, **options).stdout

    def summary(self, *arguments):
        """The JSON summary; signals go to a file."""
        return json.loads(self.replay("--json", "-o", self.path("signals"), *arguments).stdout)

    def deploy(self, *names, folder="strategies"):
        """A folder with these strategies of the tests', and the option that names it."""
        folder = self.path(folder)
        os.makedirs(folder, exist_ok=True)
        for name in names:
            shutil.copy(plugin(name), folder)
            os.chmod(os.path.join(folder, f"{name}.so"), 0o755)
        return "-s", f"take5.strategy_dir={folder}"

    def until(self, what, probe):
        deadline = time.monotonic() + 60 * PATIENCE
        while not probe():
            self.assertLess(time.monotonic(), deadline, f"waited for {what}")
            time.sleep(0.02)


class Determinism(Replay):
    def test_the_same_file_gives_the_same_bytes(self):
        """Runs, lanes, and all state through save and load after every 1 000 messages."""
        for envelope in ("mixed", "production"):
            with self.subTest(envelope=envelope):
                file = self.feed(envelope, "--seed", 7, "--count", COUNT, "--bad", "1%", "--late",
                                 "2%", "--symbols", 40, "--envelope", envelope)
                first = self.signals(file)
                deployments = [line["deployment"] for line in json_lines(first)]
                for name in ("trend", "cross", "momentum"):
                    self.assertGreater(deployments.count(name), COUNT // 2000, name)
                for _ in range(RUNS - 1):
                    self.assertEqual(self.signals(file), first)
                for lanes in (2, 4):
                    self.assertEqual(self.signals("--lanes", lanes, file), first, lanes)
                for lanes in (1, 4):
                    self.assertEqual(self.renewed(file, lanes), first, lanes)

    def renewed(self, file, lanes):
        summary = self.summary("--lanes", lanes, "--reload-every", 1000, file)
        self.assertEqual(summary["reloads"], (COUNT - 1) // 1000)
        with open(self.path("signals"), "rb") as signals:
            return signals.read()

    def test_plain_lines_too(self):
        file = self.feed("plain", "--plain", "--count", COUNT // 4, "--bad", "1%")
        first = self.signals(file)
        self.assertGreater(first.count(b"\n"), 100)
        for lanes in (2, 4, 7):
            self.assertEqual(self.signals("--lanes", lanes, file), first, lanes)

    def test_a_strategy_that_forgets_is_seen_to(self):
        """The forced save and load is real: who has no save begins anew."""
        file = self.feed("file", "--count", 4000)
        keeps, forgets = self.deploy("joiner"), self.deploy("forgetful", folder="others")
        first = self.signals(*keeps, file)
        self.assertGreater(first.count(b"\n"), 500)
        self.assertEqual(self.signals(*keeps, "--reload-every", 1000, file), first)
        forgotten = self.signals(*forgets, "--reload-every", 1000, file)
        self.assertNotEqual(forgotten, self.signals(*forgets, file))

    def test_signals_come_in_the_order_of_the_input(self):
        file = self.feed("file", "--count", 20_000, "--symbols", 50)
        place = {}
        with open(file, encoding="utf-8") as lines:
            for number, line in enumerate(map(json.loads, lines)):
                place[line["topic"], line["partition"], line["offset"]] = number
        places = [place[line["topic"], line["partition"], line["offset"]]
                  for line in json_lines(self.signals("--lanes", 4, file))]
        self.assertEqual(places, sorted(places))
        self.assertGreater(len(places), 1000)


class Input(Replay):
    def test_a_pipe_is_as_good_as_a_file(self):
        file = self.feed("file", "--count", 5000)
        with open(file, "rb") as data:
            self.assertEqual(self.signals("-", data=data.read()), self.signals(file))

    def test_several_files_are_merged_by_event_time(self):
        file = self.feed("file", "--count", 9000)
        with open(file, encoding="utf-8") as lines:
            for line in lines:
                with open(self.path(json.loads(line)["topic"]), "a", encoding="utf-8") as part:
                    part.write(line)
        parts = [self.path(role) for role in ("bar_trends", "historic_stats", "asset_trends")]
        merged = self.signals(*parts)
        self.assertEqual(sorted(merged.splitlines()), sorted(self.signals(file).splitlines()))
        times = [line["event_time_ns"] for line in json_lines(merged)
                 if line["deployment"] != "momentum"]  # whose timers look back
        self.assertEqual(times, sorted(times))

    def test_kcats_form_with_what_else_it_has(self):
        file = self.feed("file", "--count", 5000)
        with open(file, encoding="utf-8") as lines, \
                open(self.path("kcat"), "w", encoding="utf-8") as kcat:
            for line in map(json.loads, lines):
                kcat.write(json.dumps({
                    "topic": line["topic"], "partition": line["partition"],
                    "offset": line["offset"], "tstype": "create", "ts": line["ts"], "broker": 1,
                    "headers": ["a", "b"], "key": line["key"], "payload": line["payload"]}) + "\n")
        self.assertEqual(self.signals(self.path("kcat")), self.signals(file))

    def test_filters(self):
        file = self.feed("file", "--count", 6000, "--envelope", "production")
        with open(file, encoding="utf-8") as lines:
            values = [json.loads(json.loads(line)["payload"]) for line in lines]
        times = [(value.get("publishTime") or value["PublishTime"])["take5Time"]
                 for value in values]
        low, high = sorted(times)[2000], sorted(times)[4000]
        summary = self.summary("--from", low, "--until", high, file)
        self.assertEqual(summary["messages"], sum(low <= t < high for t in times))
        self.assertEqual(summary["left_out"], 6000 - summary["messages"])
        summary = self.summary("--symbols", "QQQ,SPY", file)
        self.assertEqual(summary["messages"],
                         sum(value["symbol"] in ("QQQ", "SPY") for value in values))
        with open(self.path("signals"), encoding="utf-8") as signals:
            self.assertEqual({json.loads(line)["symbol"] for line in signals}, {"QQQ", "SPY"})

    def test_a_topic_for_lines_that_tell_none(self):
        file = self.write("file", '{"symbol":"A","price":1}\n' * 3)
        self.assertEqual(self.summary(file)["bad"], 3)
        self.assertEqual(self.summary("--topic", "bar_trends", file)["messages"], 3)

    def test_it_is_paced_when_asked(self):
        file = self.write("file", "".join(
            '{"symbol":"A","timestamp":"2024-06-17T21:%02d:00Z","trend_data":{}}\n' % minute
            for minute in range(0, 30, 10)))
        began = time.monotonic()
        self.assertEqual(self.summary("--speed", 1000, file)["messages"], 3)
        self.assertGreaterEqual(time.monotonic() - began, 1.2)


class BadLines(Replay):
    GOOD = '{"symbol":"A","timestamp":"2024-06-17T21:15:30Z","trend_data":{}}\n'
    LINES = (GOOD + 'no json\n' + GOOD.replace('{}', 'tru') + '\n' +
             GOOD.replace('"A"', '""') + GOOD)

    def test_each_is_told_with_file_and_line_and_passed(self):
        file = self.write("lines", self.LINES)
        done = self.replay(file)
        told = [int(n) for n in re.findall(r"lines:(\d+): ", done.stderr.decode())]
        self.assertEqual(sorted(told), [2, 3, 5])
        self.assertIn(b"3 bad", done.stderr)
        self.assertEqual(self.summary(file)["bad"], 3)

    def test_strict_ends_at_the_first(self):
        file = self.write("lines", self.LINES)
        done = self.replay("--strict", file, code=1)
        told = [int(n) for n in re.findall(r"lines:(\d+): ", done.stderr.decode())]
        self.assertEqual(told, [2])

    def test_strict_gives_what_came_before(self):
        """Whatever the kind of the fault and the number of lanes."""
        file = self.feed("file", "--count", 8000)
        with open(file, "rb") as data:
            lines = data.readlines()
        before = self.write("before", b"".join(lines[:5000]))
        expected = self.signals(before)
        self.assertGreater(expected.count(b"\n"), 100)
        whole = json.loads(lines[4990])
        undecodable = json.dumps({**whole, "offset": whole["offset"] + 1_000_000,
                                  "payload": '{"symbol":"A","x":tru}'}).encode() + b"\n"
        for fault in (b"no json\n", undecodable):
            spoilt = self.write("spoilt", b"".join([*lines[:5000], fault, *lines[5000:]]))
            for lanes in (1, 3):
                done = self.replay("--strict", "--lanes", lanes, spoilt, code=1)
                self.assertIn(b"spoilt:5001: ", done.stderr)
                self.assertEqual(done.stdout, expected)

    def test_many_are_counted_and_told_on_demand(self):
        file = self.write("lines", "no json\n" * 300)
        self.assertIn(b"200 more bad lines", self.replay(file).stderr)
        self.assertEqual(self.replay("-v", file).stderr.count(b"lines:"), 300)

    def test_what_a_strategy_rejects_is_told_and_is_no_bad_line(self):
        file = self.feed("file", "--count", 90)
        done = self.replay("--strict", *self.deploy("reject_message"), file)
        self.assertIn(b"rejected by reject_message: not a bar that I know", done.stderr)
        self.assertIn(b" 0 bad", done.stderr)


class Manners(Replay):
    def test_memory_stays_flat(self):
        """A file of some 300 MB takes what a small one takes."""
        if VARIANT != "plain":
            self.skipTest("sanitizers keep what was freed")
        peaks = []
        for count in (50_000, 600_000):
            feed = self.start("feed", "-q", "--symbols", 50, "--count", count,
                              stdout=subprocess.PIPE)
            replay = self.start("replay", "-q", "--lanes", 2, "-", stdin=feed.stdout,
                                stdout=subprocess.DEVNULL)
            feed.stdout.close()
            feed.stdout = None
            peaks.append(self.peak_kb(replay))
            self.assertEqual(self.wait(feed), 0)
        self.assertLess(peaks[1], peaks[0] + 32 * 1024, peaks)

    def test_a_reader_that_has_enough_ends_it_without_a_word(self):
        file = self.feed("file", "--count", 50_000)
        replay = self.start("replay", "-q", file, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.assertTrue(replay.stdout.readline().startswith(b'{"id":'))
        replay.stdout.close()
        replay.stdout = None
        self.assertEqual(self.wait(replay), 0)
        self.assertEqual(replay.stderr.read(), b"")

    def test_one_interrupt_is_enough_also_when_nobody_reads(self):
        file = self.feed("file", "--count", 50_000)
        replay = self.start("replay", "-q", file, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                            pipesize=SMALLEST_PIPE)
        self.until("a full pipe", lambda: is_full(replay.stdout))
        replay.send_signal(signal.SIGINT)
        self.assertEqual(self.wait(replay), 1)
        self.assertEqual(replay.stderr.read(), b"take5: interrupted\n")

    def test_interrupted_it_leaves_the_beginning(self):
        file = self.feed("file", "--count", COUNT)
        whole = self.signals(file)
        # Slow enough to be interrupted: 40 minutes of the market a second.
        with open(self.path("part"), "wb") as part:
            replay = self.start("replay", "--lanes", 3, "--speed", 2400, file, stdout=part,
                                stderr=subprocess.PIPE)
            self.until("signals", lambda: os.path.getsize(self.path("part")) > 2000)
            replay.send_signal(signal.SIGINT)
            self.assertEqual(self.wait(replay), 1)
        self.assertIn(b"interrupted", replay.stderr.read())
        with open(self.path("part"), "rb") as part:
            data = part.read()
        self.assertTrue(data.endswith(b"\n"))
        self.assertTrue(whole.startswith(data))
        self.assertLess(len(data), len(whole))

    def test_nothing_that_is_configured_is_opened(self):
        """Sinks, directories, log: those are a live host's."""
        home = self.path("home")
        ini = self.write("take5.ini", f"""
[take5]
strategy_dir = {os.path.join(BUILD, "strategies")}
strict_modes = no
cache_dir = {home}/cache
run_dir = {home}/run
state_dir = {home}/state
[log]
path = {home}/log
[signals]
sinks = jsonl
[sink:jsonl]
path = {home}/signals
[dead_letters]
to = jsonl
path = {home}/letters
[strategy:console]
enabled = no
""")
        file = self.feed("file", "--count", 2000, "--bad", "5%")
        self.assertGreater(len(self.signals("-c", ini, file)), 0)
        self.assertFalse(os.path.exists(home))

    def test_deployments_are_those_of_the_configuration(self):
        os.mkdir(self.path("strategies.d"))
        ini = self.write("take5.ini", f"[take5]\nstrategy_dir = {BUILD}/strategies\n"
                                      "strict_modes = no\n")
        self.write("strategies.d/a.ini", "[strategy:slow]\nplugin = trend\ninterval = 1h\n"
                   "[strategy:trend]\n[strategy:console]\nenabled = no\n"
                   "[strategy:cross]\nenabled = no\n[strategy:momentum]\nenabled = no\n")
        file = self.feed("file", "--count", 20_000)
        counts = {}
        for line in json_lines(self.signals("-c", ini, file)):
            counts[line["deployment"]] = counts.get(line["deployment"], 0) + 1
        self.assertEqual(set(counts), {"slow", "trend"})
        self.assertLess(counts["slow"], counts["trend"] / 2)
        again = self.signals("-c", ini, "-s", "strategy:trend.interval=1h", file)
        self.assertEqual(sum(line["deployment"] == "trend" for line in json_lines(again)),
                         counts["slow"])

    def test_a_global_strategy_runs_on_one_lane(self):
        file = self.feed("file", "--count", 3000)
        options = [*self.deploy("good_global"), "-s", "strategy:good.every=10"]
        self.assertGreater(self.signals(*options, file).count(b"\n"), 100)
        done = self.replay("--lanes", 2, *options, file, code=1)
        self.assertIn(b"GLOBAL", done.stderr)

    def test_a_crash_names_strategy_and_message(self):
        if VARIANT != "plain":
            self.skipTest("a sanitizer tells of crashes")
        file = self.feed("file", "--count", 300)
        done = self.replay(*self.deploy("crash_message"), file, code=-signal.SIGSEGV)
        self.assertRegex(done.stderr.decode(), r"crash_message(.|\n)*bar_trends")
        self.addCleanup(self.remove_scratch, done.stderr.decode())

    @staticmethod
    def remove_scratch(text):
        for folder in set(re.findall(r"(/\S*/take5-\w{6})/", text)):
            shutil.rmtree(folder, ignore_errors=True)

    def test_a_strategy_that_cannot_run_ends_it(self):
        file = self.feed("file", "--count", 10)
        for name in ("refuse_create", "newer_minor"):
            options = self.deploy(name)
            self.assertIn(name.encode(), self.replay(*options, file, code=1).stderr)
            shutil.rmtree(self.path("strategies"))
        done = self.replay("-s", "strategy:trend.interval=soon", file, code=1)
        self.assertIn(b"interval", done.stderr)

    def test_exit_codes(self):
        self.replay(code=2)
        self.replay("--speed", "fast", "x", code=2)
        self.replay("--from", "noon", "x", code=2)
        self.replay("--nope", code=2)
        self.replay("no/such/file", code=1)
        self.replay("-s", "take5.lanes=many", "x", code=78)
        file = self.feed("file", "--count", 10)
        self.replay("-o", "/no/such/folder/out", file, code=1)
        self.assertIn(b"usage", self.replay("--help").stdout)

    def test_every_command_has_help(self):
        names = re.findall(r"^  (\w+) ", self.take5("help").stdout.decode(), flags=re.M)
        self.assertIn("check", names)
        for name in names:
            for option in ("--help", "-h"):
                done = self.take5(name, option)
                self.assertTrue(done.stdout.startswith(f"usage: take5 {name}".encode()), name)
                self.assertEqual(done.stderr, b"")

    def test_the_summary_adds_up(self):
        file = self.feed("file", "--count", 10_000, "--bad", "2%")
        summary = self.summary(file)
        with open(self.path("signals"), "rb") as signals:
            self.assertEqual(summary["signals"], len(signals.readlines()))
        self.assertEqual(summary["signals"], sum(s["signals"] for s in summary["strategies"]))
        self.assertEqual(summary["lines"], 10_000)
        trend = next(s for s in summary["strategies"] if s["name"] == "trend")
        self.assertEqual(trend["messages"], 10_000 - summary["bad"])
        self.assertGreater(trend["busy_s"], 0)
        self.assertLessEqual(trend["busy_s"], summary["wall_s"])

    def test_a_terminal_sees_progress(self):
        file = self.write("file", "".join(
            '{"symbol":"A","timestamp":"2024-06-17T21:%02d:00Z","trend_data":{}}\n' % minute
            for minute in range(60)))
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        replay = self.start("replay", "--speed", 3600, file, stdout=subprocess.DEVNULL,
                            stderr=theirs)
        os.close(theirs)
        seen = b""
        deadline = time.monotonic() + 30 * PATIENCE
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 1)[0]:
                continue
            try:
                data = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            seen += data
        self.assertEqual(self.wait(replay), 0)
        self.assertRegex(seen.decode(), r"replaying \d+ %, [\d ]+ messages, [\d ]+/s")
        self.assertIn(b"replayed 60 messages", seen)


if __name__ == "__main__":
    unittest.main(verbosity=2)
