#!/usr/bin/python3
"""What a running host answers over HTTP, to friendly and to hostile clients."""
import contextlib
import http.client
import json
import os
import re
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from harness import paths
from harness.demo import Demo
from harness.host import Host
from harness.waiting import PATIENCE, wait_for

PATHS = ("/health", "/health/live", "/health/ready", "/metrics", "/stats", "/strategies",
         "/strategies/momentum", "/asset_trends", "/asset_trends/QQQ", "/algorithm-results",
         "/algorithm-results/QQQ", "/openapi.json")

sys.path.insert(0, os.path.join(os.environ["TAKE5_SOURCE_DIR"], "tests", "monitoring"))
import queries  # noqa: E402


def series_of(body):
    """{name: labels} of what /metrics says."""
    labels = {name: set() for name in re.findall(r"^# TYPE (\w+) ", body, re.M)}
    for sample, text in re.findall(r"^(\w+)(?:\{(.*)\})? ", body, re.M):
        name = re.sub(r"_(bucket|sum|count)$", "", sample)
        labels[name if name in labels else sample] |= set(re.findall(r'(\w+)="', text))
    return {name: those - {"le"} for name, those in labels.items()}


class OptionalMetrics(unittest.TestCase):
    """Those of hosts that are set up for them; without a broker: nobody answers at the address."""

    def check_listed(self, group, **sections):
        with tempfile.TemporaryDirectory(prefix="take5-") as directory:
            host = Host(directory, "127.0.0.1:1",
                        sections={"http": {"enabled": "yes", "port": 0}, **sections})
            self.addCleanup(host.close)
            host.drop("good_v1")
            host.deploy("good")
            host.start()
            port = int(host.wait_event("http.listening", r":(\d+) event=").group(1))
            host.wait_status("good", lambda status: status["strategies"])
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30 * PATIENCE)
            with contextlib.closing(connection):
                connection.request("GET", "/metrics")
                shown = series_of(connection.getresponse().read().decode())
            host.close()
        usual = queries.listed_metrics(queries.OPTIONAL)
        self.assertEqual({name: labels for name, labels in shown.items() if name not in usual},
                         queries.groups_of_metrics().get(group))

    def test_of_exactly_once_are_listed(self):
        self.check_listed("Exactly once",
                          signals={"sinks": "kafka", "delivery": "exactly_once"})

    def test_of_shadows_are_listed(self):
        self.check_listed("Shadows", **{"strategy:twin": {"plugin": "good", "shadow_of": "good"}})

    def test_of_workers_are_listed(self):
        self.check_listed("Workers", take5={"isolate": "each"})


class Answers(Demo):
    # With all that has metrics.
    OPTIONS = ("take5.keep_state=yes", "checkpoint.interval=1s", "dead_letters.to=jsonl")

    def test_every_path_answers_get_and_head(self):
        self.host.wait_json("it is ready", "/health/ready", lambda a: a["status"] == "ready")
        for path in PATHS:
            with self.subTest(path=path):
                status, headers, body = self.host.ask(path)
                self.assertEqual(status, 200, body)
                self.assertEqual(int(headers["Content-Length"]), len(body.encode()))
                status, _, body = self.host.ask(path, "HEAD")
                self.assertEqual((status, body), (200, ""))

    def test_the_description_lists_every_path_that_there_is(self):
        described = set(self.host.json("/openapi.json")["paths"])
        asked = {path.replace("/strategies/momentum", "/strategies/{name}")
                 .replace("/QQQ", "/{symbol}") for path in PATHS}
        self.assertEqual(described, asked)

    def test_other_methods_and_paths_are_refused(self):
        for path in PATHS:
            for method in ("POST", "PUT", "DELETE", "PATCH"):
                status, headers, body = self.host.ask(path, method)
                self.assertEqual((status, headers["Allow"]), (405, "GET, HEAD"), path)
                self.assertEqual(json.loads(body)["status"], "error")
        for path in ("/healthy", "/index.html", "/strategies/none", "/metrics/", "/../etc/passwd"):
            self.assertEqual(self.host.json(path, 404)["status"], "error")

    def test_health_is_as_the_old_service_had_it(self):
        answer = self.host.json("/health")
        self.assertEqual(answer["status"], "healthy")
        self.assertEqual(answer["service"], "take5")
        self.assertAlmostEqual(answer["timestamp"] / 1000, time.time(), delta=600)

    def test_ready_lists_what_is_ok(self):
        answer = self.host.wait_json("it is ready", "/health/ready",
                                     lambda a: a["status"] == "ready")
        checks = {check["name"]: check["status"] for check in answer["checks"]}
        for name in ("running", "lanes", "broker", "assigned", "descriptors", "lag", "sink log",
                     "last reload"):
            self.assertEqual(checks.get(name), "ok", checks)

    def test_metrics_pass_promtool(self):
        self.host.wait_json("statistics have come", "/stats", lambda a: any(part["lag"] >= 0 for part in a["lag"]))
        status, headers, body = self.host.ask("/metrics")
        self.assertEqual(status, 200)
        self.assertTrue(headers["Content-Type"].startswith("text/plain; version=0.0.4"))
        done = subprocess.run(["promtool", "check", "metrics"], input=body, text=True,
                              capture_output=True, check=False)
        self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))
        self.assertNotIn("symbol=", body)

    def series(self):
        """Of all metrics, once all of them are there."""
        last = ("take5_commit_age_seconds", "take5_dead_letters_not_redriven",
                "take5_checkpoint_age_seconds{", "take5_consumer_lag_messages{",
                "take5_kafka_round_trip_seconds{", "take5_broker_answer_age_seconds")
        body = ""

        def has_all():
            nonlocal body
            body = self.host.ask("/metrics")[2]
            return all(f"\n{name}" in body for name in last)

        wait_for(lambda: f"all of {last} in:\n{body}", has_all)
        return series_of(body)

    def test_metrics_are_those_that_the_readme_lists(self):
        self.assertEqual(self.series(), queries.listed_metrics(queries.OPTIONAL))

    def test_alerts_and_dashboard_ask_for_what_there_is(self):
        series = self.series()
        asked = queries.selectors(queries.rule_queries() + queries.dashboard_queries())
        self.assertTrue(asked)
        for name, labels in asked:
            self.assertIn(name, series)
            self.assertLessEqual(labels, series[name], name)

    def test_partitions_are_counted_by_topic(self):
        def by_topic(samples, name):
            return {topic: sum(value for sample, value in samples.items()
                               if re.match(rf'{name}{{topic="{topic}"', sample))
                    for topic in ("bar_trends", "historic_stats", "asset_trends")}

        self.host.wait_json("it is ready", "/health/ready", lambda a: a["status"] == "ready")
        before = self.host.metrics()
        middle = self.host.metrics()
        after = self.host.metrics()
        for topic, held in by_topic(middle, "take5_partitions_held").items():
            self.assertEqual(held, 4, topic)
        messages = by_topic(middle, "take5_partition_messages_total")
        self.assertGreater(min(messages.values()), 0)
        self.assertGreaterEqual(sum(messages.values()), before["take5_messages_total"])
        self.assertLessEqual(sum(messages.values()), after["take5_messages_total"])

    def test_the_start_is_that_of_the_process(self):
        with open("/proc/stat", encoding="ascii") as file:
            booted = int(re.search(r"^btime (\d+)$", file.read(), re.M).group(1))
        with open(f"/proc/{self.host.process.pid}/stat", encoding="ascii") as file:
            ticks = int(file.read().rsplit(")", 1)[1].split()[19])
        began = booted + ticks / os.sysconf("SC_CLK_TCK")
        self.assertAlmostEqual(self.host.metrics()["process_start_time_seconds"], began, delta=120)

    def test_bad_messages_are_logged_with_reason_and_coordinates(self):
        self.host.process.wait_event("message.invalid", r"\w+/\d+/\d+: invalid message \([\w-]+\): ", 60)
        self.assertGreater(self.host.metrics()['take5_log_lines_total{level="WARNING"}'], 0)

    def test_metrics_agree_with_the_status(self):
        before = self.host.metrics()
        stats = self.host.json("/stats")
        after = self.host.metrics()
        for name, path in (("take5_messages_total", ("totals", "messages")),
                           ("take5_signals_total", ("totals", "signals")),
                           ("take5_dead_letters_total", ("totals", "dead_letters"))):
            self.assertLessEqual(before[name], stats[path[0]][path[1]])
            self.assertGreaterEqual(after[name], stats[path[0]][path[1]])
        self.assertGreater(after["take5_messages_total"], 0)
        count = 'take5_strategy_callback_seconds_count{strategy="trend"}'
        self.assertGreaterEqual(after[count], before[count])
        self.assertGreater(after[count], 0)

    def test_strategies_one_by_one_and_all(self):
        everyone = {s["name"]: s for s in self.host.json("/strategies")["strategies"]}
        self.assertEqual(set(everyone), {"cross", "momentum", "trend"})
        one = self.host.json("/strategies/trend")
        self.assertEqual(one["hash"], everyone["trend"]["hash"])
        self.assertEqual(one["state"], "running")

    def test_asset_trends_as_the_old_service_had_them(self):
        answer = self.host.wait_json("points", "/asset_trends", lambda a: a["totalRecords"] > 5)
        self.assertEqual(answer["status"], "success")
        data = answer["data"]
        self.assertEqual(len(data), answer["totalRecords"])
        self.assertEqual(data, sorted(data, key=lambda e: (e["asset"], e["barTimeFrame"])))
        for entry in data:
            self.assertEqual(set(entry), {"asset", "barTimeFrame", "lastUpdateTime", "numRecords"})
            self.assertGreater(entry["numRecords"], 0)
            self.assertGreater(entry["lastUpdateTime"], 10**12)
        symbol = data[0]["asset"]
        for spelt in (symbol, symbol.lower()):
            mine = self.host.json(f"/asset_trends/{spelt}")["data"]
            self.assertEqual({entry["asset"] for entry in mine}, {symbol})
            self.assertEqual([e["barTimeFrame"] for e in mine][:1], [data[0]["barTimeFrame"]])
        def keys(answer):
            return [(e["asset"], e["barTimeFrame"]) for e in answer["data"]]

        after = answer
        while True:  # until no series comes in between; there are only so many
            before, page = after, self.host.json("/asset_trends?limit=2&offset=1")
            after = self.host.json("/asset_trends")
            if keys(before) == keys(after):
                break
        self.assertEqual(keys(page), keys(after)[1:3])
        self.assertGreaterEqual(page["totalRecords"], answer["totalRecords"])
        self.assertEqual(self.host.json("/asset_trends?limit=0", 400)["status"], "error")
        self.assertEqual(self.host.json("/asset_trends/none")["data"], [])

    def test_results_are_the_latest_signals(self):
        answer = self.host.wait_json("a signal", "/algorithm-results",
                                     lambda a: a["totalRecords"] > 0)
        signal = answer["data"][0]
        self.assertEqual(signal["id"].split("/")[0], signal["deployment"])
        mine = self.host.json(f"/algorithm-results/{signal['symbol'].lower()}")["data"]
        self.assertTrue(mine)
        self.assertEqual({s["symbol"] for s in mine}, {signal["symbol"]})


class Condition(Demo):
    OPTIONS = ("take5.stats_interval=1s",)

    def test_draining_is_not_ready_and_reads_nothing(self):
        host = self.host
        host.wait_json("it is ready", "/health/ready", lambda a: a["status"] == "ready")
        code, out, err = host.ctl("drain")
        self.assertEqual(code, 0, out + err)
        self.assertIn("drained", out)
        answer = host.json("/health/ready", 503)
        self.assertEqual(answer["checks"][0]["status"], "fail")
        self.assertIn("draining", answer["checks"][0]["detail"])
        self.assertEqual(host.json("/health/live")["status"], "live")
        before = host.json("/stats")["totals"]["messages"]
        produced = host.json("/stats")["lag"]
        wait_for("the feed to go on without us", lambda: sum(
            part["end"] for part in host.json("/stats")["lag"]) >
            sum(part["end"] for part in produced))
        self.assertEqual(host.json("/stats")["totals"]["messages"], before)
        self.assertEqual(host.metrics()["take5_ready"], 0)
        host.process.wait_log(r"messages \d+ \(0/s\), .*; drained$", 60)
        host.process.wait_event("control.requested",
                                rf'"drain" requested by user {os.getuid()} \(process \d+\)', 60)
        self.assertEqual(host.ctl("drain", "off")[0], 0)
        host.wait_json("it reads again", "/stats", lambda a: a["totals"]["messages"] > before)
        host.wait_json("it is ready", "/health/ready", lambda a: a["status"] == "ready")

    def test_no_descriptor_left_is_not_ready_and_passes(self):
        host = self.host
        host.wait_json("it is ready", "/health/ready", lambda a: a["status"] == "ready")
        pid = host.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        self.addCleanup(resource.prlimit, pid, resource.RLIMIT_NOFILE, limits)
        used = {int(fd) for fd in os.listdir(f"/proc/{pid}/fd")}
        least = next(fd for fd in range(len(used) + 1) if fd not in used)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (least, limits[1]))
        # Several at once: those that say nothing do not keep the others out.
        silent = [socket.create_connection(("127.0.0.1", host.port)) for _ in range(3)]
        answer = host.json("/health/ready", 503)
        failing = {check["name"] for check in answer["checks"] if check["status"] == "fail"}
        self.assertIn("descriptors", failing)
        self.assertEqual(host.ctl("status", "--json")[0], 0)
        self.assertEqual(host.json("/health/live")["status"], "live")
        failures = 'take5_accept_failures_total{listener="%s"}'
        metrics = host.metrics()
        self.assertGreater(metrics[failures % "http"], 0)
        self.assertGreater(metrics[failures % "control"], 0)
        for connection in silent:
            connection.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        host.wait_json("it is ready", "/health/ready", lambda a: a["status"] == "ready")

    def test_a_suspended_strategy_is_a_warning(self):
        self.host.wait_json("it works", "/strategies/cross", lambda a: a["messages"] > 0)
        self.assertEqual(self.host.ctl("suspend", "cross")[0], 0)
        answer = self.host.wait_json("it is ready", "/health/ready",
                                     lambda a: a["status"] == "ready")
        self.assertIn("strategy cross", [check["name"] for check in answer["checks"]])
        metrics = self.host.metrics()
        name = 'take5_strategy_instances{strategy="cross",state="running"}'
        self.assertEqual(metrics[name], 0)
        self.assertGreater(metrics['take5_strategy_suspensions_total{strategy="cross"}'], 0)
        states = {sample: value for sample, value in metrics.items()
                  if sample.startswith('take5_strategy_state{strategy="cross"')}
        self.assertEqual([sample for sample, value in states.items() if value == 1],
                         ['take5_strategy_state{strategy="cross",state="suspended_by_operator"}'])
        self.assertGreater(len(states), 5)
        lines = [line for line in self.host.process.log().splitlines()
                 if line.endswith("event=strategy.suspended")]
        self.assertEqual(len(lines), 1, "one line for all partitions")
        self.assertEqual(self.host.ctl("resume", "cross")[0], 0)


class Stuck(Demo):
    """A callback that hangs: everything but its lane goes on."""

    OPTIONS = ("take5.on_stuck=report", "take5.stuck_ms=1000", "take5.shutdown_timeout=1s")

    @classmethod
    def setUpClass(cls):
        # Nothing but the one that hangs.
        cls.strategies = f"/tmp/take5-stuck-{os.getpid()}"
        os.makedirs(cls.strategies, mode=0o755)
        shutil.copy(paths.strategy("hang_message"), f"{cls.strategies}/hang_message.so")
        cls.OPTIONS = (*cls.OPTIONS, f"take5.strategy_dir={cls.strategies}",
                       "take5.rehearsal_messages=0")
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.strategies)

    def test_live_names_the_strategy_and_everything_answers(self):
        answer = self.host.wait_json("it is stuck", "/health/live",
                                     lambda a: a["status"] == "stuck")
        self.assertIn("hang_message", answer["detail"])
        self.assertEqual(self.host.json("/health", 503)["status"], "unhealthy")
        ready = self.host.json("/health/ready", 503)
        self.assertIn("hang_message", json.dumps(ready))
        for path in ("/metrics", "/stats", "/strategies", "/asset_trends", "/algorithm-results"):
            self.assertEqual(self.host.ask(path)[0], 200, path)
        self.assertEqual(self.host.metrics()["take5_live"], 0)


class Hostile(Demo):
    def figures(self):
        metrics = self.host.metrics()
        return (metrics["take5_messages_total"], metrics["process_resident_memory_bytes"],
                metrics["process_threads"])

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.host.port), timeout=30 * PATIENCE)
        self.addCleanup(connection.close)
        return connection

    def check_unmoved(self, before):
        """It answers at once, messages flow, and neither memory nor threads have grown."""
        messages, memory, threads = before
        self.assertEqual(self.host.json("/health/live")["status"], "live")
        wait_for("more messages", lambda: self.figures()[0] > messages)
        _, memory_now, threads_now = self.figures()
        self.assertEqual(threads_now, threads)
        if os.environ.get("TAKE5_VARIANT", "plain") == "plain":
            self.assertLess(memory_now - memory, 64 << 20)

    def test_slow_clients_lock_nobody_out(self):
        before = self.figures()
        slow = [self.connect() for _ in range(400)]
        stop = threading.Event()

        def trickle():
            while not stop.wait(0.2):
                for connection in slow:
                    with contextlib.suppress(OSError):
                        connection.send(b"G")

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            for _ in range(20):
                self.assertEqual(self.host.ask("/health/live")[0], 200)
            self.check_unmoved(before)
        finally:
            stop.set()
            thread.join()

    def test_a_slow_request_is_cut_off(self):
        connection = self.connect()

        def is_cut():
            try:
                connection.send(b"GET /health HTTP/1.1\r\nX: y\r\n"[:1])
                connection.setblocking(False)
                return connection.recv(1) == b""
            except BlockingIOError:
                return False
            except OSError:
                return True

        wait_for("the slow request to be cut off", is_cut, 60, step_s=1)

    def test_two_thousand_connections(self):
        before = self.figures()
        connections = []
        for i in range(2000):
            connection = socket.create_connection(("127.0.0.1", self.host.port),
                                                  timeout=30 * PATIENCE)
            connections.append(connection)
            if len(connections) > 500:  # our own limit of open files
                connections.pop(0).close()
            if i % 200 == 0:
                self.assertEqual(self.host.ask("/health/live")[0], 200)
        self.check_unmoved(before)
        for connection in connections:
            connection.close()

    def test_huge_headers_are_refused(self):
        before = self.figures()
        for _ in range(20):
            connection = self.connect()
            with contextlib.suppress(OSError):
                connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n")
                for _ in range(1000):
                    connection.sendall(b"X-Large: " + b"x" * 1000 + b"\r\n")
            answer = b""
            with contextlib.suppress(OSError):
                answer = connection.recv(100)
            self.assertTrue(answer == b"" or b" 431 " in answer, answer)
        status, _, _ = self.host.ask("/" + "x" * 30_000)
        self.assertIn(status, (404, 414, 431))
        self.check_unmoved(before)

    def test_nonsense(self):
        before = self.figures()
        for nonsense in (b"\r\n" * 1000, b"\0" * 5000, b"GET / HTTP/1.1\r\n\r\n" * 50,
                         b"\x16\x03\x01\x00\xa5" * 100, b"GET http://[::1 HTTP/1.1\r\nHost:\r\n\r\n",
                         b"POST /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
                         b"ffffffffffffffff\r\n", b"GET /%zz%00%ff HTTP/1.1\r\nHost: x\r\n\r\n"):
            connection = self.connect()
            with contextlib.suppress(OSError):
                connection.sendall(nonsense)
                connection.settimeout(0.5)
                self.assertNotIn(b" 200 ", connection.recv(1000))
        self.check_unmoved(before)

    def test_answers_that_nobody_takes(self):
        before = self.figures()
        for _ in range(300):
            connection = self.connect()
            with contextlib.suppress(OSError):
                connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
        self.check_unmoved(before)

    def test_a_connection_serves_many_requests(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.host.port, timeout=30 * PATIENCE)
        for _ in range(50):
            connection.request("GET", "/health")
            answer = connection.getresponse()
            self.assertEqual((answer.status, answer.will_close), (200, False))
            answer.read()
        connection.close()


if __name__ == "__main__":
    unittest.main(verbosity=2)
