#!/usr/bin/python3
"""Signals and dead letters arrive, and nothing is passed while they cannot."""
import glob
import gzip
import json
import os
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from harness import paths, records
from harness.kafka import MockCluster
from harness.scenario import Scenario, main

TOPICS = ("bar_trends", "historic_stats", "asset_trends")


class Sinks(Scenario):
    def setUp(self):
        super().setUp()
        name = self.id().rsplit(".", 1)[-1]
        self.topics = {role: f"{name}.{role}" for role in TOPICS}
        self.kafka.create(*(f"{topic}:2" for topic in self.topics.values()))

    def produce(self, count, **options):
        return self.kafka.produce(count, topics=",".join(self.topics.values()), partitions=2,
                                  **options)

    def signalling_host(self, **sections):
        sections.update({f"topic:{role}": {"topic": topic}
                         for role, topic in self.topics.items()})
        host = self.new_host(sections=sections)
        host.drop("good_v1", "good.so")
        host.deploy("good", every=1)
        return host

    def stays_uncommitted(self, host, tally):
        """For a while that a background commit would not take."""
        deadline = time.monotonic() + 3
        while time.monotonic() < deadline:
            committed = self.kafka.committed(host.group, tally["partitions"])
            for topic, partitions in committed.items():
                for partition, offset in partitions.items():
                    self.assertIn(offset, (None, 0), f"{topic} [{partition}]")
            time.sleep(0.3)

    def test_signals_go_to_kafka_with_key_and_id(self):
        self.kafka.create("signals_kafka:3")
        host = self.signalling_host(**{"signals": {"sinks": "kafka, jsonl"},
                                       "sink:kafka": {"topic": "signals_kafka"}}).start()
        tally = self.produce(3_000, symbols=30)
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()
        in_kafka = self.kafka.read("signals_kafka")
        self.assertEqual(len(in_kafka), 3_000)
        ids = set()
        for message in in_kafka:
            value = json.loads(message["payload"])
            self.assertEqual(message["key"], value["symbol"])
            headers = dict(zip(message["headers"][::2], message["headers"][1::2]))
            ids.add(headers["take5-signal-id"])
        self.assertEqual(len(ids), 3_000)
        by_symbol = lambda values: sorted((v["symbol"], v["value"]) for v in values)
        self.assertEqual(by_symbol(json.loads(m["payload"]) for m in in_kafka),
                         by_symbol(host.read_signals()))

    def rotation(self, host):
        """The package's, for this host's files."""
        with open(os.path.join(paths.SOURCE, "packaging/systemd/logrotate"), encoding="utf-8") as file:
            text = file.read()
        for there, here in (("/var/lib/take5/signals.jsonl", host.signals),
                            ("/var/lib/take5/dead_letters.jsonl", host.letters),
                            ("/var/lib/take5/series.jsonl", self.path("series.jsonl")),
                            ("/var/lib/take5/workers/", self.path("workers/")),
                            ("/var/log/take5/", self.path("logs/")),
                            ("    su take5 take5\n", ""),
                            ("systemctl kill --kill-who=main --signal=USR1 take5.service",
                             f"kill -USR1 {host.process.pid}")):
            self.assertIn(there, text)
            text = text.replace(there, here)
        self.assertNotIn("/var/", text.replace(self.directory, ""))
        path = self.path("logrotate.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, 0o600)
        return path

    def test_rotation_as_packaged_loses_no_line(self):
        host = self.signalling_host().start()
        producer = self.kafka.start_produce(10_000_000, topics=",".join(self.topics.values()),
                                            partitions=2, rate=1_000)
        rotation = self.rotation(host)
        for number in range(3):
            self.kafka.send(self.topics["bar_trends"], f"no message {number}", partition=0)
            for path in (host.signals, host.letters):
                self.wait_for(f"lines in {path}", lambda path=path: os.path.exists(path) and
                              os.path.getsize(path) > 0)
            mark = host.log_size()
            done = subprocess.run(["logrotate", "--force", "--state", self.path("rotated"), rotation],
                                  capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
            host.wait_event("files.reopened", start=mark)
        tally = producer.stop()
        tally["partitions"][self.topics["bar_trends"]]["0"] += 3  # those that are no messages
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()
        letters = [json.loads(line) for line in self.rotated(host.letters)]
        self.assertEqual(sorted(letter["payload"] for letter in letters),
                         [f"no message {number}" for number in range(3)])
        expected = {f"good/{topic}/{partition}/{offset}/0"
                    for topic, ends in tally["partitions"].items()
                    for partition, end in ends.items() for offset in range(end)}
        expected -= {f"good/{letter['topic']}/{letter['partition']}/{letter['offset']}/0"
                     for letter in letters}
        ids = [json.loads(line)["id"] for line in self.rotated(host.signals)]
        self.assertEqual((len(ids), set(ids)), (len(expected), expected))
        self.assertEqual({name for name in os.listdir(host.directory) if name.startswith("signals")},
                         {"signals.jsonl", "signals.jsonl.1", "signals.jsonl.2.gz",
                          "signals.jsonl.3.gz"})
        self.assertEqual(host.take5("dlq", "list", "-c", host.ini, "--file", host.letters + ".1")[0], 0)

    def rotated(self, path):
        """The lines of a file and of all that it was."""
        lines = []
        for name in sorted(glob.glob(path + "*")):
            with (gzip.open if name.endswith(".gz") else open)(name, "rt", encoding="utf-8") as file:
                lines += file
        return lines

    def test_points_of_series_go_to_kafka_and_hold_no_offset(self):
        self.kafka.create("points:2")
        host = self.new_host(sections={
            "signals": {"sinks": "jsonl"}, "series": {"to": "kafka", "topic": "points"},
            **{f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}})
        host.drop("publishes")
        host.deploy("publishes")
        host.start()
        tally = self.produce(300, symbols=30)
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()
        seen = [(json.loads(message["payload"]), message) for message in self.kafka.read("points")]
        bars = sum(tally["partitions"][self.topics["bar_trends"]].values())
        self.assertEqual(len(seen), 2 * bars)
        self.assertTrue(all(message["key"] == point["symbol"] for point, message in seen))
        self.assertEqual({(point["deployment"], point["series"]) for point, _ in seen},
                         {("publishes", "close"), ("publishes", "gap")})
        self.assertEqual({signal["value"] for signal in host.read_signals()}, {1})

    def test_points_that_the_page_cannot_show_are_counted(self):
        host = self.new_host(sections={
            "signals": {"sinks": "jsonl"}, "decode": {"max_symbol": 100},
            "http": {"enabled": "yes", "port": 0},
            **{f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}})
        host.drop("publishes")
        host.deploy("publishes")
        host.start()
        port = host.wait_event("http.listening", r":(\d+) event=").group(1)
        for symbol in ("SPY", "X" * 65):
            value = json.dumps({"symbol": symbol, "price": 1, "barData": {"barTimeFrame": 60}})
            self.kafka.send(self.topics["bar_trends"], value, key="any", partition=0)
        self.kafka.wait_committed(host.group, {self.topics["bar_trends"]: {"0": 2}})
        self.assertEqual(host.status()["totals"]["missed_points"], 2)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
            metrics = answer.read().decode()
        self.assertIn('take5_points_dropped_total{reason="page"} 2\n', metrics)
        self.assertIn('take5_points_dropped_total{reason="sink"} 0\n', metrics)

    def test_any_symbol_can_be_asked_for_over_http(self):
        host = self.signalling_host(signals={"sinks": "jsonl, log"},
                                    http={"enabled": "yes", "port": 0}).start()
        port = host.wait_event("http.listening", r":(\d+) event=").group(1)
        symbols = ("BTC/USDT", "A\0B", "A", "\u202ex")
        for symbol in symbols:
            value = json.dumps({"symbol": symbol, "price": 1, "barData": {"barTimeFrame": 60}})
            self.kafka.send(self.topics["bar_trends"], value, key="any", partition=0)
        self.kafka.wait_committed(host.group, {self.topics["bar_trends"]: {"0": len(symbols)}})

        def ask(path, name="127.0.0.1"):
            request = urllib.request.Request(f"http://127.0.0.1:{port}{path}",
                                             headers={"Host": name})
            with urllib.request.urlopen(request, timeout=30) as answer:
                return json.load(answer)

        for symbol in symbols:
            name = urllib.parse.quote(symbol, safe="")
            self.assertEqual([e["asset"] for e in ask(f"/asset_trends/{name}")["data"]], [symbol])
            self.assertEqual([e["symbol"] for e in ask(f"/algorithm-results/{name}")["data"]],
                             [symbol])
        host.wait_log(r"A\\x00B 1 ")
        host.wait_log(r"\\u202ex 1 ")
        for path, name, code in (("/algorithm-results", "evil.example", 421),
                                 ("/metrics", f"evil.example:{port}", 421),
                                 ("/health/live%00", "localhost", 404)):
            with self.assertRaises(urllib.error.HTTPError) as caught:
                ask(path, name)
            with caught.exception as error:
                self.assertEqual(error.code, code)
        host.sections["http"]["allowed_hosts"] = "take5.example"
        host.write_ini()
        self.assertEqual(host.ctl("reload")[0], 0)
        self.assertEqual(ask("/health/live", f"take5.example:{port}")["status"], "live")
        host.stop()
    def test_signals_and_letters_go_to_the_producers_own_cluster(self):
        other = MockCluster(self.directory, "own_signals:1", "own_letters:1")
        self.addCleanup(other.close)
        self.kafka.create("own_signals:1", "own_letters:1")
        host = self.signalling_host(**{
            "signals": {"sinks": "kafka"},
            "sink:kafka": {"topic": "own_signals", "bootstrap.servers": other.servers},
            "dead_letters": {"to": "kafka", "topic": "own_letters"}}).start()
        tally = self.produce(300, bad_every=100)
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()
        self.assertEqual(len(other.read("own_signals")), 297)
        self.assertEqual(len(other.read("own_letters")), 3)
        self.assertEqual(self.kafka.read("own_signals") + self.kafka.read("own_letters"), [])
        # Letters are looked for where they were sent.
        code, out, err = host.take5("dlq", "list", "-c", host.ini)
        self.assertEqual(code, 0, err)
        self.assertEqual(out.count("bar_trends") + out.count("historic_stats") +
                         out.count("asset_trends"), 3, out)

    def test_a_full_disk_holds_the_offsets_until_there_is_room(self):
        path = self.path("signals")
        os.symlink("/dev/full", path)
        host = self.signalling_host(**{"sink:jsonl": {"path": path}}).start()
        tally = self.produce(2_000)
        host.wait_event("sink.failing", "No space left on device")
        self.stays_uncommitted(host, tally)
        self.assertEqual(len(host.events("sink.failing")), 1)

        room = self.path("room")
        os.unlink(path)
        os.symlink(room, path)
        code, out, err = host.ctl("reopen")
        self.assertEqual(code, 0, out + err)
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()
        with open(room, encoding="utf-8") as file:
            self.assertEqual(len([json.loads(line) for line in file]), 2_000)

    def test_a_missing_signal_topic_holds_the_offsets_until_it_is_made(self):
        host = self.signalling_host(**{"signals": {"sinks": "kafka"},
                                       "sink:kafka": {"topic": "signals_late"}}).start()
        tally = self.produce(500)
        host.wait_event("sink.failing", r"signals_late")
        self.stays_uncommitted(host, tally)
        self.kafka.create("signals_late:1")
        self.kafka.wait_committed(host.group, tally["partitions"], 90)
        host.stop()
        self.assertEqual(len(self.kafka.read("signals_late")), 500)

    def test_bad_messages_become_letters_with_all_that_they_were(self):
        self.kafka.create("letters:1")
        host = self.signalling_host(
            dead_letters={"to": "kafka", "topic": "letters"}).start()
        topic = self.topics["bar_trends"]
        tally = self.produce(900, bad_every=90)
        at = int(tally["partitions"][topic]["1"])
        self.kafka.send(topic, "not JSON", key="K1", partition=1, headers=[("trace", "abc")])
        tally["partitions"][topic]["1"] += 1
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()

        letters = self.kafka.read("letters")
        self.assertEqual(len(letters), 11)
        original = next(m for m in self.kafka.read(topic)
                        if m["partition"] == 1 and m["offset"] == at)
        letter = next(m for m in letters if m["payload"] == "not JSON")
        self.assertEqual(letter["key"], "K1")
        self.assertEqual(letter["ts"], original["ts"])
        headers = dict(zip(letter["headers"][::2], letter["headers"][1::2]))
        self.assertEqual(headers["trace"], "abc")
        self.assertEqual(headers["__take5.errors.topic"], topic)
        self.assertEqual(headers["__take5.errors.partition"], "1")
        self.assertEqual(headers["__take5.errors.offset"], str(at))
        self.assertTrue(headers["__take5.errors.reason"])
        self.assertTrue(headers["__take5.errors.message"])
        # The good ones were worked on.
        self.assertEqual(len(host.read_signals()), 890)

    def test_a_letter_that_cannot_be_written_holds_its_offset(self):
        path = self.path("letters")
        os.symlink("/dev/full", path)
        host = self.signalling_host(dead_letters={"to": "jsonl", "path": path}).start()
        topic = self.topics["bar_trends"]
        for text in ("bad", '{"symbol":"A","price":1}', '{"symbol":"A","price":2}'):
            self.kafka.send(topic, text, key="A", partition=0)
        tally = {"partitions": {topic: {"0": 3}}}
        host.wait_event("sink.failing", "No space left on device")
        self.stays_uncommitted(host, tally)
        room = self.path("room")
        os.unlink(path)
        os.symlink(room, path)
        self.assertEqual(host.ctl("reopen")[0], 0)
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()
        with open(room, encoding="utf-8") as file:
            [letter] = [json.loads(line) for line in file]
        self.assertEqual((letter["topic"], letter["partition"], letter["offset"]), (topic, 0, 0))
        self.assertEqual(letter["payload"], "bad")

    def test_a_strategy_that_rejects_makes_a_letter(self):
        host = self.new_host(sections={f"topic:{role}": {"topic": topic}
                                       for role, topic in self.topics.items()})
        host.drop("reject_message")
        host.start()
        topic = self.topics["bar_trends"]
        self.kafka.send(topic, '{"symbol":"A","price":1}', key="A", partition=0)
        self.kafka.wait_committed(host.group, {topic: {"0": 1}})
        host.stop()
        [letter] = host.read_letters()
        self.assertEqual(letter["strategy"], "reject_message")
        self.assertEqual(letter["offset"], 0)


if __name__ == "__main__":
    main()
