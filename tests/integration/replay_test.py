#!/usr/bin/python3
"""`take5 replay`: the same signals, however often, on however many lanes; and its manners."""
import json
import os
import re
import shutil
import signal
import subprocess
import time
import unittest

from harness.crash_sites import SITES, place
from harness.waiting import SMALLEST_PIPE, is_full
from offline import BUILD, INSTALLED, PATIENCE, TAKE5, VARIANT, Offline, json_lines

COUNT = 60_000 if VARIANT == "plain" else 10_000
RUNS = 3 if VARIANT == "plain" else 2

# ThreadSanitizer looks for what lanes, readers, interrupts and the end of a run do to each other.
one_lane = unittest.skipIf(VARIANT == "tsan", "the same threads as in others, and one lane")


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

    def summary(self, *arguments, code=0):
        """The JSON summary; signals go to a file."""
        return json.loads(self.replay("--json", "-o", self.path("signals"), *arguments,
                                      code=code).stdout)

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


@one_lane
class Carried(Replay):
    def test_a_signal_says_its_price_and_time_frame_and_what_it_carries(self):
        payload = json.dumps({"symbol": "A", "timestamp": "2024-06-17T21:15:30Z",
                              "barData": {"close": 12.25, "barTimeFrame": 60}})
        file = self.write("file", json.dumps({"topic": "bar_trends", "partition": 0, "offset": 0,
                                              "ts": 1718658931000, "key": "A",
                                              "payload": payload}) + "\n")
        alone, beside, empty = json_lines(self.signals(plugin("carries"), file))
        self.assertEqual((alone["price"], alone["time_frame"]), (12.25, 60))
        self.assertEqual(alone["data"], {"z": 0.1, "n": 9007199254740993, "is_up": True,
                                         "why": 'say "so"', "gone": None})
        self.assertEqual((beside["price"], beside["time_frame"]), (7.5, 300))
        self.assertEqual(beside["data"], {"a": 1, "z": 0.1})
        self.assertEqual(empty["data"], {"z": 0.1})


class Series(Replay):
    """What a strategy publishes beside its signals."""

    def message(self, number, partition, symbol, close):
        payload = {"symbol": symbol, "timestamp": f"2024-06-17T21:15:{number:02}Z",
                   "barData": {"close": close, "barTimeFrame": 60}}
        return json.dumps({"topic": "bar_trends", "partition": partition, "offset": number,
                           "ts": 1718658930000 + 1000 * number, "key": symbol,
                           "payload": json.dumps(payload)})

    def recording(self):
        lines = [self.message(i, i % 4, "ABCD"[i % 4], 10 + i / 4) for i in range(40)]
        return self.write("file", "\n".join(lines) + "\n")

    def points(self, *arguments):
        series = self.path("series.jsonl")
        signals = self.signals("--series", series, *arguments)
        with open(series, encoding="utf-8") as file:
            return signals, json_lines(file.read())

    def test_points_are_written_in_the_order_of_the_input_on_any_number_of_lanes(self):
        file = self.recording()
        signals, one = self.points(plugin("publishes"), file)
        self.assertEqual(len(one), 80)
        first, gap = one[:2]
        self.assertEqual(first, {
            "deployment": "publishes", "series": "close", "symbol": "A", "time_frame": 60,
            "event_time": "2024-06-17T21:15:00.000Z", "event_time_ns": 1718658900_000000000,
            "value": 10})
        self.assertEqual((gap["series"], gap["value"]), ("gap", None))
        self.assertEqual([p["value"] for p in one if p["series"] == "close"],
                         [10 + i / 4 for i in range(40)])
        self.assertEqual(self.points("--lanes", "4", plugin("publishes"), file), (signals, one))

    @one_lane
    def test_nobody_who_looks_is_told_to_the_strategy(self):
        """Its signal says what publish answered: T5_OK or T5_UNSUPPORTED."""
        file = self.recording()
        alone = {signal["value"] for signal in json_lines(self.signals(plugin("publishes"), file))}
        looked_at = {signal["value"] for signal in json_lines(self.points(plugin("publishes"),
                                                                          file)[0])}
        self.assertEqual((alone, looked_at), ({7}, {1}))

    @one_lane
    def test_no_point_leaves_an_empty_file(self):
        self.write("series.jsonl", "of yesterday\n")
        self.assertEqual(self.points(plugin("carries"), self.recording())[1], [])

    @one_lane
    def test_points_do_not_go_over_the_recording(self):
        file = self.recording()
        done = self.replay("--series", file, plugin("publishes"), file, code=2)
        self.assertIn(b"--series", done.stderr)


@one_lane
class WhyNoSignal(Replay):
    """What a strategy that says nothing wants and does not get."""

    def line(self, topic, partition, number, payload):
        payload = {"symbol": "QQQ", "timestamp": f"2024-06-17T21:15:{number:02}Z", **payload}
        return json.dumps({"topic": topic, "partition": partition, "offset": number,
                           "ts": 1718658930000, "key": "QQQ", "payload": json.dumps(payload)})

    def bars(self, count, partition=0):
        return [self.line("bar_trends", partition, i,
                          {"barData": {"close": 10, "wap": 1, "barTimeFrame": 60},
                           "lastSampleStats": {"mean": 5}}) for i in range(count)]

    def statistics(self, count, partition=0):
        return [self.line("historic_stats", partition, i, {"stats": {"mean": 5}})
                for i in range(count)]

    def findings(self, lines, *arguments):
        file = self.write("file", "\n".join(lines) + "\n")
        summary = self.summary(*arguments, file)
        return {(finding["kind"], finding["text"]) for finding in summary["findings"]}

    def test_everything_that_is_amiss_is_said(self):
        found = self.findings(self.bars(10), plugin("mute"))
        self.assertEqual(found, {
            ("parameter_unknown", 'asks for the parameter "thresholds", which it does not declare; '
                                  'it declares "threshold"'),
            ("topic_absent", "no message of the topic historic_stats came"),
            ("field_absent", 'the field "lastSampleStats.maen" was in none of 2 messages that '
                             'were looked at; the nearest that was there is '
                             '"lastSampleStats.mean"'),
            ("field_absent", 'the field "barData.closs|mean" was in none of 2 messages that were '
                             'looked at; the nearest that was there is "barData.close"'),
            ("parameter_unread", 'never reads its parameter "threshold"'),
            ("silent", "on_message was given 10 messages and emitted none (0 errors, 0 rejected, "
                       "0 signals refused)")})

    def test_topics_of_a_symbol_on_other_partition_numbers_never_meet(self):
        apart = self.findings(self.bars(5, 1) + self.statistics(5, 2), plugin("mute"))
        told = [text for kind, text in apart if kind == "join_apart"]
        self.assertEqual(len(told), 1)
        self.assertIn("QQQ is on partition 1 of bar_trends and on partition 2 of historic_stats",
                      told[0])
        together = self.findings(self.bars(5, 1) + self.statistics(5, 1), plugin("mute"))
        self.assertNotIn("join_apart", {kind for kind, _ in together})

    def test_a_filter_that_lets_nothing_pass_is_said(self):
        found = self.findings(self.bars(5) + self.statistics(5), *self.deploy("mute"),
                              "-s", "strategy:mute.time_frames=77")
        self.assertIn(("filtered", "time_frames let none of 10 messages pass"), found)

    def test_who_emits_is_asked_nothing_but_for_wrong_names(self):
        self.assertEqual(self.findings(self.bars(5), plugin("carries")), set())

    def test_people_read_the_same(self):
        file = self.write("file", "\n".join(self.bars(5)) + "\n")
        said = self.replay(plugin("mute"), file).stderr.decode()
        self.assertIn("  mute: no message of the topic historic_stats came\n", said)


class WarmUp(Replay):
    """--from: those that look back are fed what lies before."""

    TREND = os.path.join(BUILD, "strategies", "trend.so")

    def recording(self, *arguments):
        """Some five hours of four symbols, and a moment after three."""
        file = self.feed("file", "--symbols", 4, "--count", 7000, *arguments)
        with open(file, encoding="utf-8") as lines:
            times = [json.loads(line)["ts"] for line in lines]
        begin = min(times) + 3 * 3600 * 1000
        self.assertGreater(max(times), begin + 3600 * 1000)
        return file, begin

    def from_then_on(self, begin, *arguments):
        """Of a replay of the whole."""
        return [line for line in self.signals(*arguments).splitlines()
                if json.loads(line)["event_time_ns"] >= begin * 10**6]

    def test_signals_are_those_of_the_whole(self):
        """A window of two hours, late messages, and any number of lanes."""
        file, begin = self.recording("--late", "2%")
        whole = self.from_then_on(begin, self.TREND, file)
        self.assertGreater(len(whole), 500)
        for lanes in (1, 3):
            self.assertEqual(self.signals("--lanes", lanes, "--from", begin, self.TREND,
                                          file).splitlines(), whole)
        cold = self.signals("--cold", "--from", begin, self.TREND, file).splitlines()
        self.assertNotEqual(cold, whole)

    @one_lane
    def test_a_window_of_half_an_hour_and_one_that_sees_all(self):
        file, begin = self.recording()
        for name in ("looks_back_declared", "looks_back_global"):
            whole = self.from_then_on(begin, "--lanes", 1, plugin(name), file)
            warm = self.signals("--lanes", 1, "--from", begin, plugin(name), file).splitlines()
            self.assertEqual(warm, whole, name)
            self.assertNotEqual(self.signals("--lanes", 1, "--cold", "--from", begin, plugin(name),
                                             file).splitlines(), whole, name)

    def test_each_deployment_is_fed_its_own_past(self):
        file, begin = self.recording()
        folder = self.path("strategies")
        os.makedirs(folder)
        shutil.copy(self.TREND, folder)
        ini = self.write("take5.ini", f"[take5]\nstrategy_dir = {folder}\n[strategy:trend]\n"
                                      "[strategy:fresh]\nplugin = trend\nwarm_up = 0\n")

        def of(deployment, lines):
            return [line for line in lines if json.loads(line)["deployment"] == deployment]

        whole = self.from_then_on(begin, "-c", ini, file)
        warm = self.signals("-c", ini, "--from", begin, file).splitlines()
        cold = self.signals("-c", ini, "--cold", "--from", begin, file).splitlines()
        self.assertEqual(of("trend", warm), of("trend", whole))
        self.assertEqual(of("fresh", warm), of("fresh", cold))
        self.assertNotEqual(of("fresh", warm), of("fresh", whole))

    @one_lane
    def test_what_is_fed_is_counted_by_itself(self):
        file, begin = self.recording()
        with open(file, encoding="utf-8") as lines:
            times = [json.loads(line)["ts"] for line in lines]
        fed = sum(begin - 2 * 3600 * 1000 <= time < begin for time in times)
        summary = self.summary("--from", begin, self.TREND, file)
        self.assertEqual(summary["warm_up_messages"], fed)
        self.assertEqual(summary["messages"], sum(time >= begin for time in times))
        self.assertEqual(summary["left_out"], len(times) - fed - summary["messages"])
        self.assertEqual(summary["strategies"][0]["signals"], summary["signals"])
        said = self.replay("--from", begin, "-o", self.path("signals"), self.TREND, file).stderr
        self.assertRegex(said.decode(), r"(?m)^  warm-up: [0-9 ]+ messages before --from, without")
        self.assertEqual(self.summary("--cold", "--from", begin, self.TREND,
                                      file)["warm_up_messages"], 0)

    @one_lane
    def test_a_moment_behind_the_end_replays_nothing(self):
        file, _ = self.recording()
        with open(file, encoding="utf-8") as lines:
            last = max(json.loads(line)["ts"] for line in lines)
        done = self.replay("--from", last + 60_000, self.TREND, file)
        self.assertEqual(done.stdout, b"")
        self.assertIn(b"nothing was replayed: --from excluded every message, 7000 in all",
                      done.stderr)


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

    @one_lane
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

    @one_lane
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

    @one_lane
    def test_filters(self):
        file = self.feed("file", "--count", 6000, "--envelope", "production")
        with open(file, encoding="utf-8") as lines:
            values = [json.loads(json.loads(line)["payload"]) for line in lines]
        times = [(value.get("publishTime") or value["PublishTime"])["take5Time"]
                 for value in values]
        low, high = sorted(times)[2000], sorted(times)[4000]
        summary = self.summary("--from", low, "--until", high, file)
        self.assertEqual(summary["messages"], sum(low <= t < high for t in times))
        self.assertEqual(summary["left_out"],
                         6000 - summary["messages"] - summary["warm_up_messages"])
        summary = self.summary("--symbols", "QQQ,SPY", file)
        self.assertEqual(summary["messages"],
                         sum(value["symbol"] in ("QQQ", "SPY") for value in values))
        with open(self.path("signals"), encoding="utf-8") as signals:
            self.assertEqual({json.loads(line)["symbol"] for line in signals}, {"QQQ", "SPY"})

    @one_lane
    def test_moments_that_cannot_be_meant_are_refused(self):
        file = self.feed("file", "--count", 10)
        for moment in ("2024-06-17T21:15:30", "2024-06-17", "20240617", "0", "12345",
                       "2024-02-30T00:00:00Z"):
            error = self.replay("--from", moment, file, code=2).stderr.decode()
            self.assertIn(f"--from {moment}: ", error)
        for moment, meant in (("202406172115", "2024-06-17T21:15:00Z"),
                              ("20240617", "2024-06-17T00:00:00Z"),
                              ("20240617211530", "2024-06-17T21:15:30Z"),
                              ("2024061721", "2024-06-17T21:00:00Z"),
                              ("-1718658930", " 1718658930"), ("200000000000", "1976-05-03")):
            self.assertIn(meant, self.replay("--from", moment, file, code=2).stderr.decode())
        self.replay("--from", "2024-06-18T00:00:00Z", "--until", "2024-06-17T00:00:00Z", file,
                    code=2)

    @one_lane
    def test_epoch_times_of_every_unit_are_one_time(self):
        units = ("1718658930", "1718658930000", "1718658930000000", "1718658930000000000",
                 '"2024-06-17 21:15:30Z"', '"2024-06-18T02:45:30+0530"')
        file = self.write("file", "".join(
            f'{{"symbol":"A","timestamp":{unit},"price":1,"trend_data":{{}}}}\n'
            for unit in units))
        self.assertEqual(self.summary("--from", 1718658930, "--until", 1718658931, file)["messages"],
                         len(units))

    @one_lane
    def test_times_without_a_zone_are_read_when_one_is_given(self):
        file = self.write("file", '{"symbol":"A","timestamp":"2024-06-17 21:15:30","price":1,'
                                  '"trend_data":{}}\n')
        self.assertEqual(self.summary(file, code=1)["bad"], 1)  # a line has no time of Kafka's
        self.assertEqual(self.summary("-s", "decode.time_zone=UTC", "--from", 1718658930, "--until",
                                      1718658931, file)["messages"], 1)
        record = '{"topic":"bar_trends","partition":0,"offset":0,"ts":1718658931000,"key":"A",' \
                 '"payload":"{\\"timestamp\\":\\"2024-06-17 21:15:30\\"}"}\n'
        error = self.replay("-q", self.write("file", record)).stderr.decode()
        self.assertIn("2024-06-17 21:15:30", error)
        self.assertIn("time_zone", error)

    @one_lane
    def test_times_that_are_not_the_messages_own_are_counted(self):
        record = '{{"topic":"bar_trends","partition":0,"offset":{},"ts":1718658931000,"key":"A",' \
                 '"payload":"{{\\"timestamp\\":{}}}"}}\n'
        times = ('\\"\\"', "null", "true", '\\"2024-06-17T21:15:30Z\\"', "4102444800", "1e308")
        file = self.write("file", "".join(record.format(i, t) for i, t in enumerate(times)))
        summary = self.summary(file)
        self.assertEqual((summary["messages"], summary["unreadable_time"],
                          summary["suspect_time"]), (len(times), 3, 1))
        said = self.replay("-o", self.path("signals"), file).stderr.decode()
        self.assertIn("3 unreadable", said)
        self.write("file", record.format(0, "1718658930"))
        self.assertNotIn("unreadable", self.replay("-o", self.path("signals"), file)
                         .stderr.decode())

    @one_lane
    def test_a_symbol_filter_that_nothing_passes_is_said(self):
        file = self.write("file", '{"symbol":"QQQ","timestamp":1718658930,"trend_data":{}}\n')
        for symbols, is_said in (("QQX, SPX", True), ("QQQ, SPX", False)):
            error = self.replay("-s", f"strategy:trend.symbols={symbols}", file).stderr.decode()
            self.assertEqual("[strategy:trend] symbols: no message" in error, is_said, error)

    @one_lane
    def test_a_topic_for_lines_that_tell_none(self):
        file = self.write("file", '{"symbol":"A","timestamp":"2024-06-17T21:15:30Z"}\n' * 3)
        said = self.replay(file, code=1).stderr
        self.assertEqual(said.count(b"name one with --topic"), 3)
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

    @one_lane
    def test_each_is_told_with_file_and_line_and_passed(self):
        file = self.write("lines", self.LINES)
        done = self.replay(file)
        told = [int(n) for n in re.findall(r"lines:(\d+): ", done.stderr.decode())]
        self.assertEqual(sorted(told), [2, 3, 5])
        self.assertIn(b"3 bad", done.stderr)
        self.assertEqual(self.summary(file)["bad"], 3)

    @one_lane
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
            corrupt = self.write("corrupt", b"".join([*lines[:5000], fault, *lines[5000:]]))
            for lanes in (1, 3):
                done = self.replay("--strict", "--lanes", lanes, corrupt, code=1)
                self.assertIn(b"corrupt:5001: ", done.stderr)
                self.assertEqual(done.stdout, expected)

    @one_lane
    def test_many_are_counted_and_told_on_demand(self):
        file = self.write("lines", "no json\n" * 300)
        self.assertIn(b"200 more bad lines", self.replay(file, code=1).stderr)
        self.assertEqual(self.replay("-v", file, code=1).stderr.count(b": line is not a JSON object"),
                         300)

    @one_lane
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

    @one_lane
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

    @one_lane
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

    @one_lane
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
        done = self.replay(*self.deploy("crash_message"), file, code=-signal.SIGSEGV,
                           **self.with_temporary())
        self.assertRegex(done.stderr.decode(), r"crash_message(.|\n)*bar_trends")

    def with_temporary(self):
        """A directory for what it makes of the moment."""
        self.temporary = self.path("tmp")
        os.makedirs(self.temporary, exist_ok=True)
        return {"variables": {"TMPDIR": self.temporary}}

    def take_crash_file(self, said):
        """The file whose path was said is all that is left; gives what is in it."""
        path = re.search(r"^crash file: (.*)$", said, re.MULTILINE).group(1)
        self.assertEqual(os.listdir(self.temporary), [os.path.basename(path)])
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        with open(path, encoding="utf-8") as file:
            text = file.read()
        os.unlink(path)
        return text

    def test_a_crash_names_function_and_line_and_leaves_its_file_alone(self):
        if VARIANT != "plain":
            self.skipTest("a sanitizer tells of crashes")
        file = self.feed("file", "--count", 300)
        for name, site in SITES.items():
            with self.subTest(name):
                number = signal.SIGILL if name == "crash_deep_stop" else signal.SIGSEGV
                done = self.replay(plugin(name), file, code=-number, **self.with_temporary())
                for text in (done.stderr.decode(), self.take_crash_file(done.stderr.decode())):
                    self.assertRegex(text, rf"(?m)^deployment = {name}$")
                    self.assertRegex(text, rf"(?m)^at = {site}$")
                    self.assertRegex(text, rf"(?m)^stack:\n(  .*\n)?  {site}\n")

    def test_a_crash_file_lies_in_the_state_directory_that_is_given(self):
        if VARIANT != "plain":
            self.skipTest("a sanitizer tells of crashes")
        file = self.feed("file", "--count", 300)
        done = self.replay("-s", f"take5.state_dir={self.path('state')}",
                           plugin("crash_deep_store"), file, code=-signal.SIGSEGV,
                           **self.with_temporary())
        path = re.search(r"(?m)^crash file: (.*)$", done.stderr.decode()).group(1)
        self.assertEqual(os.path.dirname(path), self.path("state/crash"))
        self.assertEqual(os.listdir(self.temporary), [])

    def test_a_loop_ends_and_is_told_with_its_line(self):
        if VARIANT != "plain":
            self.skipTest("a sanitizer's handlers stand in the place of the host's")
        file = self.feed("file", "--count", 300)
        done = self.replay("-s", "take5.stuck_ms=300", plugin("crash_deep_loop"), file, code=1,
                           **self.with_temporary())
        said = done.stderr.decode()
        self.assertIn("event=lane.stuck_exit", said)
        for text in (said, self.take_crash_file(said)):
            self.assertRegex(text, r"(?m)^what = hang$")
            self.assertRegex(text, rf"(?m)^at = {re.escape(place('loop'))}$")

    def test_the_first_interrupt_ends_a_loop_and_leaves_nothing(self):
        file = self.feed("file", "--count", 300)
        for name, callback in (("crash_deep_loop", "on_message"), ("hang_create", "create")):
            with self.subTest(name):
                options = self.with_temporary()
                replay = self.start("replay", "-q", "-s", "take5.slow_callback_ms=1", "-v",
                                    plugin(name), file, stdout=subprocess.DEVNULL,
                                    stderr=subprocess.PIPE, **options)
                for line in replay.stderr:
                    if b"event=callback.slow" in line:
                        break
                replay.send_signal(signal.SIGINT)
                self.assertEqual(self.wait(replay), 1)
                if VARIANT == "plain":
                    self.assertIn(f"{name} in {callback} does not return".encode(),
                                  replay.stderr.read())
                self.assertEqual(os.listdir(self.temporary), [])

    @one_lane
    def test_a_strategy_that_cannot_run_ends_it(self):
        file = self.feed("file", "--count", 10)
        for name in ("refuse_create", "newer_minor"):
            options = self.deploy(name)
            self.assertIn(name.encode(), self.replay(*options, file, code=1).stderr)
            shutil.rmtree(self.path("strategies"))
        done = self.replay("-s", "strategy:trend.interval=soon", file, code=1)
        self.assertIn(b"interval", done.stderr)

    @one_lane
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

    @one_lane
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
        process, terminal = self.on_terminal("replay", "--speed", 3600, file)
        seen = terminal.read()
        self.assertEqual(self.wait(process), 0)
        self.assertRegex(seen, r"replaying \d+ %, [\d ]+ messages, [\d ]+/s")
        self.assertIn("replayed 60 messages", seen)


@one_lane
class Chosen(Replay):
    """Strategies that the command line names run alone, whatever the system's configuration has."""

    def setUp(self):
        super().setUp()
        self.file = self.feed("file", "--count", 500)
        self.deploy("good_v1", "joiner", "no_descriptor")
        os.rename(self.path("strategies"), self.path("mine"))

    def run_installed(self, *arguments, code=0):
        return self.take5(*arguments, code=code, program=INSTALLED)

    def names(self, *arguments):
        done = self.run_installed("replay", "--json", "-o", "/dev/null", *arguments, self.file)
        return [strategy["name"] for strategy in json.loads(done.stdout)["strategies"]]

    def test_the_systems_configuration_has_strategies_of_its_own(self):
        said = self.run_installed("replay", self.file, code=1).stderr
        self.assertIn(b"theirs", said)
        self.assertIn(b"others", said)

    def test_a_file_runs_alone(self):
        self.assertEqual(self.names("mine/good_v1.so"), ["good"])
        self.assertEqual(self.names("./mine/good_v1.so", "./mine/joiner.so"),
                         ["good", "joiner"])
        # Beside it lies what says that it is the same strategy.
        shutil.copy(self.path("mine/good_v1.so"), self.path("mine/older.so"))
        self.assertEqual(self.names("mine/good_v1.so"), ["good"])
        done = self.run_installed("replay", "-q", "-s", "strategy:good.every=1", "mine/good_v1.so",
                                  self.file)
        self.assertEqual(done.stdout.count(b"\n"), 500)

    def test_a_directory_runs_alone(self):
        os.remove(self.path("mine/no_descriptor.so"))
        self.assertEqual(self.names("mine"), ["good", "joiner"])
        self.assertEqual(self.names("-s", "take5.strategy_dir=elsewhere", "mine"),
                         ["good", "joiner"])

    def test_with_a_configuration_its_parameters_count_and_the_rest_is_left_out(self):
        ini = self.write("some.ini", "[take5]\nstrategy_dir = elsewhere\n[strategy:often]\n"
                         "plugin = good\nevery = 1\n[strategy:theirs]\n")
        done = self.run_installed("replay", "-q", "-c", ini, "mine/good_v1.so", self.file)
        self.assertEqual(done.stdout.count(b"\n"), 500)
        self.assertRegex(done.stderr.decode(), r"(?m)^take5: skipped.*: theirs$")

    def test_another_strategy_directory_leaves_out_what_is_not_there(self):
        os.remove(self.path("mine/no_descriptor.so"))
        directory = ("-s", "take5.strategy_dir=mine", "-s", "take5.strict_modes=no",
                     "-s", "http.enabled=no")  # the port may be somebody's
        self.assertEqual(self.names(*directory), ["good", "joiner"])
        for command in ("replay", "check", "list"):
            more = [self.file] if command == "replay" else []
            said = self.run_installed(command, *directory, *more).stderr.decode()
            self.assertEqual(said.count("skipped, because"), 1, said)
            self.assertIn("others, theirs", said)
        # One of the command line's own is no oversight.
        said = self.run_installed("replay", *directory, "-s", "strategy:nix.every=1", self.file,
                                  code=1).stderr
        self.assertIn(b"nix", said)

    def test_through_renewals_too(self):
        done = self.run_installed("replay", "-q", "--reload-every", "100", "-s",
                                  "strategy:good.every=1", "mine/good_v1.so", self.file)
        self.assertEqual(done.stdout.count(b"\n"), 500)

    def test_what_cannot_be_chosen_is_said(self):
        self.run_installed("replay", "mine/absent.so", self.file, code=2)
        self.run_installed("replay", "mine/good_v1.so", code=2)
        self.run_installed("replay", "mine/good_v1.so", "mine", self.file, code=2)
        self.run_installed("list", self.file, code=2)
        said = self.run_installed("replay", "mine/no_descriptor.so", self.file, code=1).stderr
        self.assertIn(b"no take5 note", said)

    def test_check_and_list_know_them_too(self):
        os.remove(self.path("mine/no_descriptor.so"))
        said = self.run_installed("list", "mine/good_v1.so").stdout.decode()
        self.assertRegex(said, r"\Agood ")
        self.assertNotIn("joiner", said)
        found = json.loads(self.run_installed("list", "--json", "mine").stdout)
        self.assertEqual([strategy["name"] for strategy in found], ["good", "joiner"])
        checked = json.loads(self.run_installed("check", "--json", "--case", "descriptor",
                                                "mine").stdout)
        self.assertEqual([file["name"] for file in checked["files"]], ["good", "joiner"])
        self.run_installed("check", "--case", "descriptor", "mine/good_v1.so")


if __name__ == "__main__":
    unittest.main(verbosity=2)
