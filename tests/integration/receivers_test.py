#!/usr/bin/python3
"""Signals into a real PostgreSQL and to HTTP servers that fail in every way; alerts of the host."""
import collections
import json
import os
import shutil
import socket

from harness.ports import free_ports
from harness.postgres import Postgres
from harness.receiver import Receiver, make_certificate
from harness.scenario import Scenario, main

TOPICS = ("bar_trends", "historic_stats", "asset_trends")


def ids_of(deployment, partitions, ordinals=1):
    """Of a strategy that says one signal, or so many, of each message of a tally."""
    return {f"{deployment}/{topic}/{partition}/{offset}/{ordinal}"
            for topic, numbers in partitions.items() for partition, end in numbers.items()
            for offset in range(end) for ordinal in range(ordinals)}


class Receivers(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.database = Postgres(needs_tls=True)

    @classmethod
    def tearDownClass(cls):
        cls.database.close()
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        self.name = self.id().rsplit(".", 1)[-1].removeprefix("test_")
        self.table = "t_" + self.name[:40]
        self.topics = {role: f"{self.name}.{role}" for role in TOPICS}
        self.kafka.create(*(f"{topic}:2" for topic in self.topics.values()))

    def produce(self, count, **options):
        return self.kafka.produce(count, topics=",".join(self.topics.values()), partitions=2,
                                  **options)

    def host_with(self, sinks, strategy="good", group=None, name="host", **sections):
        sections.update({f"topic:{role}": {"topic": topic}
                         for role, topic in self.topics.items()})
        sections.setdefault("signals", {})["sinks"] = sinks
        host = self.new_host(name=name, group=group, sections=sections)
        if strategy == "good":
            host.drop("good_v1", "good.so")
            host.deploy("good", every=1)
        elif strategy is not None:
            host.drop(strategy)
        return host

    def postgres(self, **more):
        authority = self.path("authority")  # theirs lies in a folder of another user
        shutil.copyfile(self.database.certificate, authority)
        return self.database.section(self.directory, table=self.table, sslmode="verify-full",
                                     sslrootcert=authority, **more)

    def receiver(self, **options):
        receiver = Receiver(**options)
        self.addCleanup(receiver.close)
        return receiver

    def webhook(self, receiver, **more):
        token = self.path("token")
        with open(token, "w", encoding="utf-8") as file:
            file.write("Bearer very-secret\n")
        os.chmod(token, 0o600)
        url = self.path("url")
        with open(url, "w", encoding="utf-8") as file:
            file.write(receiver.url + "\n")
        os.chmod(url, 0o600)
        return {"url.file": url, "header.Authorization.file": token, "retry_max": "300ms", **more}

    def nothing_is_committed(self, host, tally):
        for topic, partitions in self.kafka.committed(host.group, tally["partitions"]).items():
            for partition, offset in partitions.items():
                self.assertIn(offset, (None, 0), f"{topic} [{partition}]")

    # ---- PostgreSQL ----

    def test_rows_are_typed_and_stand_there_once(self):
        tally = self.produce(30, symbols=3)
        for name in ("first", "second"):  # the second repeats all that the first has said
            host = self.host_with("postgres", "carries", group=f"{self.name}-{name}", name=name,
                                  **{"sink:postgres": self.postgres()}).start()
            self.kafka.wait_committed(host.group, tally["partitions"])
            host.wait_status("acknowledgements", lambda status: status["sinks"][0]["confirmed"] == 30)
            host.stop()
        self.assertEqual(self.database.count(self.table), 30)
        types = dict(self.database.ask(
            "SELECT column_name, data_type FROM information_schema.columns "
            f"WHERE table_name = '{self.table}'"))
        self.assertEqual(types["id"], "text")
        self.assertEqual(types["event_time"], "timestamp with time zone")
        for column in ("value", "confidence", "price"):
            self.assertEqual(types[column], "double precision")
        for column in ("event_time_ns", "time_frame", "offset"):
            self.assertEqual(types[column], "bigint")
        self.assertEqual(types["data"], "jsonb")
        rows = self.database.ask(
            "SELECT price IS NULL, time_frame IS NULL, data->>'n', data->>'why', "
            "jsonb_typeof(data->'is_up'), (extract(epoch from event_time) * 1000000)::bigint "
            f"= event_time_ns / 1000 FROM {self.table} WHERE name = 'alone'")
        self.assertEqual(len(rows), 10)
        self.assertEqual(rows[0], ["f", "f", "9007199254740993", 'say "so"', "boolean", "t"])
        rows = self.database.ask(f"SELECT price, time_frame, data FROM {self.table} "
                                 "WHERE name = 'beside'")
        self.assertEqual({tuple(row) for row in rows}, {("7.5", "300", '{"a": 1, "z": 0.1}')})
        log = host.log_text()
        self.assertNotIn("only-for-this-test", log)

    def test_a_hundred_thousand_outlive_kills_of_both(self):
        host = self.host_with("postgres", **{"sink:postgres": self.postgres(batch=500)}).start()
        producing = self.kafka.start_produce(100_000, topics=",".join(self.topics.values()),
                                             partitions=2, symbols=50)
        lows = []

        def reaches(count):
            self.wait_for(f"{count} rows", lambda: self.database.count(self.table) >= count)
            lows.append(self.database.count(self.table))

        reaches(1_000)
        self.database.kill()
        host.wait_event("sink.failing")
        self.database.start()
        host.wait_event("sink.recovered")
        reaches(lows[-1] + 1_000)
        host.kill()
        host.start()
        reaches(lows[-1] + 1_000)
        self.database.kill()  # both at once
        host.kill()
        self.database.start()
        host.start()
        tally = producing.finish()
        self.kafka.wait_committed(host.group, tally["partitions"], 120)
        host.stop()
        expected = ids_of("good", tally["partitions"])
        self.assertEqual(len(expected), 100_000)
        (count, distinct), = self.database.ask(
            f"SELECT count(*), count(DISTINCT id) FROM {self.table}")
        self.assertEqual((int(count), int(distinct)), (100_000, 100_000))
        self.assertEqual({row[0] for row in self.database.ask(f"SELECT id FROM {self.table}")},
                         expected)
        # The faults came while there was work.
        self.assertLess(lows[-1], 100_000)
        self.assertEqual(self.database.process.log().count("automatic recovery in progress"), 2)

    def test_what_the_table_refuses_goes_to_the_letters(self):
        host = self.host_with("postgres", **{"sink:postgres": self.postgres(batch=100)})
        host.start()
        self.wait_for("the table", lambda: self.database.ask(
            f"SELECT to_regclass('{self.table}')") != [[""]])
        self.database.ask(f"ALTER TABLE {self.table} ADD CHECK (symbol <> 'S00003')")
        symbols = {f"S{n:05}" for n in range(10)} | {"A\0B"}
        for topic in (self.topics["bar_trends"],):
            for symbol in sorted(symbols):
                self.kafka.send(topic, json.dumps({"symbol": symbol, "price": 1,
                                                   "barData": {"barTimeFrame": 60}}),
                                key="any", partition=0)
        self.kafka.wait_committed(host.group, {self.topics["bar_trends"]: {"0": len(symbols)}})
        status = host.status()["sinks"][0]
        self.assertEqual((status["confirmed"], status["refused"]), (len(symbols), 2))
        host.wait_event("sink.record_refused")
        host.stop()
        there = {row[0] for row in self.database.ask(f"SELECT symbol FROM {self.table}")}
        self.assertEqual(there, symbols - {"S00003", "A\0B"})
        letters = {json.loads(letter["payload"])["symbol"]: letter
                   for letter in host.read_letters()}
        self.assertEqual(set(letters), {"S00003", "A\0B"})
        self.assertIn("SQLSTATE 23514", letters["S00003"]["message"])
        self.assertIn("NUL", letters["A\0B"]["message"])
        for letter in letters.values():
            self.assertEqual((letter["reason"], letter["topic"]), ("sink-refused", "sink:postgres"))

    def test_offsets_wait_for_a_database_that_is_away(self):
        silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(silent.close)
        wrong = self.path("wrong")
        with open(wrong, "w", encoding="utf-8") as file:
            file.write("*:*:*:*:wrong\n")
        os.chmod(wrong, 0o600)
        tally = self.produce(300)
        faults = ({"port": free_ports(1)[0]}, {"port": silent.getsockname()[1]},
                  {"passfile": wrong}, {"table": "nowhere.signals"})
        said = (r"refused", r"does not answer in time", r"password authentication failed",
                r"SQLSTATE 3F000")
        host = None
        for fault, words in zip(faults, said, strict=True):
            keys = {**self.postgres(timeout="500ms"), **fault}
            if host is None:
                host = self.host_with("postgres", **{"sink:postgres": keys})
            host.sections["sink:postgres"] = keys
            host.write_ini()
            start = host.log_size()
            host.start()
            host.wait_event("sink.failing", words, start=start)
            host.wait_status("the queue", lambda status: status["sinks"][0]["queued"] > 0 and
                             not status["sinks"][0]["ok"])
            self.nothing_is_committed(host, tally)
            host.kill()
        host.sections["sink:postgres"] = self.postgres()
        host.write_ini()
        host.start()
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()
        self.assertEqual(self.database.count(self.table), 300)

    def test_beside_exactly_once_each_row_stands_there_once(self):
        topics = [f"{self.name}.{word}" for word in ("signals", "letters")]
        self.kafka.create(*(f"{topic}:1" for topic in topics))
        host = self.host_with(
            "kafka, postgres", signals={"delivery": "exactly_once"},
            dead_letters={"to": "kafka", "topic": topics[1]},
            **{"sink:kafka": {"topic": topics[0]}, "sink:postgres": self.postgres()})
        host.start()
        self.wait_for("the table", lambda: self.database.ask(
            f"SELECT to_regclass('{self.table}')") != [[""]])
        self.database.ask(f"ALTER TABLE {self.table} ADD CHECK (symbol <> 'S0')")
        messages = [f"S{number % 4}" for number in range(40)]
        for symbol in messages[:4]:
            self.kafka.send(self.topics["bar_trends"], json.dumps({"symbol": symbol, "price": 1}),
                            key=symbol, partition=0)
        self.kafka.wait_committed(host.group, {self.topics["bar_trends"]: {"0": 4}})
        host.kill()
        host.start()
        for symbol in messages[4:]:
            self.kafka.send(self.topics["bar_trends"], json.dumps({"symbol": symbol, "price": 1}),
                            key=symbol, partition=0)
        self.kafka.wait_committed(host.group, {self.topics["bar_trends"]: {"0": 40}})
        sinks = {(sink["name"], sink["for"]): sink["delivery"] for sink in host.status()["sinks"]}
        host.stop()
        self.assertEqual(sinks[("kafka", "signals")], "exactly_once")
        self.assertEqual(sinks[("postgres", "signals")], "at_least_once")
        rows = [row[0] for row in self.database.ask(f"SELECT symbol FROM {self.table}")]
        self.assertEqual(collections.Counter(rows), {"S1": 10, "S2": 10, "S3": 10})
        letters = [json.loads(letter["payload"])["id"] for letter in self.kafka.read(topics[1])]
        self.assertEqual(len(set(letters)), 10)

    # ---- HTTP ----

    def test_a_server_that_fails_in_every_way_gets_all(self):
        receiver = self.receiver()
        host = self.host_with("webhook", **{
            "sink:webhook": self.webhook(receiver, timeout="700ms", batch=10)}).start()
        tally = self.produce(200, symbols=5)
        host.wait_event("sink.failing")  # refused: nobody listens yet
        self.nothing_is_committed(host, tally)
        faults = ["hang", "reset", "cut", 500, (429, {"Retry-After": 1}), 503, 401, 404,
                  (302, {"Location": "http://127.0.0.1:1/"})]
        receiver.fail(*faults)
        receiver.start()
        self.kafka.wait_committed(host.group, tally["partitions"])
        seen = receiver.seen()
        self.assertEqual([request.fault for request in seen if request.fault is not None], faults)
        ids = [signal["id"] for request in receiver.taken() for signal in request.json()]
        self.assertEqual(set(ids), ids_of("good", tally["partitions"]))
        self.assertEqual(len(ids), 200)
        # All tries of a request are one to who looks at the key.
        keys = [request.headers["Idempotency-Key"] for request in seen]
        self.assertEqual(len(set(keys[:len(faults) + 1])), 1)
        self.assertEqual(len(set(keys)), len(receiver.taken()))
        self.assertEqual({r.headers["Authorization"] for r in seen}, {"Bearer very-secret"})
        self.assertEqual({r.headers["Content-Type"] for r in seen}, {"application/json"})
        code, out, err = host.take5("check", "-c", host.ini)
        self.assertEqual(code, 0, err)
        for text in (host.log_text(), json.dumps(host.status()), out, err):
            self.assertNotIn("secret", text.replace(self.path(""), ""))
        host.wait_event("sink.recovered")
        host.stop()

    def test_what_a_server_refuses_for_good_goes_to_the_letters(self):
        receiver = self.receiver().start()
        poison = f"good/{self.topics['bar_trends']}/0/7/0"
        receiver.judge = lambda request: 400 if poison in request.body.decode() else None
        host = self.host_with("webhook", **{
            "sink:webhook": self.webhook(receiver, batch=50)}).start()
        tally = self.produce(300)
        self.kafka.wait_committed(host.group, tally["partitions"])
        status = host.status()["sinks"][0]
        # The letter is no message: no strategy gets it as one.
        code, out, err = host.take5("dlq", "redrive", "-c", host.ini, "--through", "good",
                                    "--strategy", "good")
        self.assertIn('does not read topic "sink:webhook"', out + err)
        host.stop()
        ids = [signal["id"] for request in receiver.taken() for signal in request.json()]
        self.assertEqual(set(ids), ids_of("good", tally["partitions"]) - {poison})
        self.assertEqual(len(ids), 299)
        letter, = host.read_letters()
        self.assertEqual(json.loads(letter["payload"])["id"], poison)
        self.assertEqual((letter["reason"], letter["topic"]), ("sink-refused", "sink:webhook"))
        self.assertIn("HTTP 400", letter["message"])
        self.assertEqual(status["refused"], 1)
        self.assertTrue(status["ok"])
        code, out, err = host.take5("dlq", "list", "-c", host.ini)
        self.assertEqual(code, 0, err)
        self.assertIn("sink-refused", out)

    def test_one_by_one_and_as_chats_want_it(self):
        receiver = self.receiver().start()
        host = self.host_with("webhook", **{"sink:webhook": self.webhook(receiver)}).start()
        tally = self.produce(5)
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()
        self.assertEqual({request.json()["id"] for request in receiver.taken()},
                         ids_of("good", tally["partitions"]))
        for name, keys in (("slack", {"format": "slack"}),
                           ("telegram", {"format": "telegram", "chat": "@market"})):
            chat = self.receiver().start()
            host = self.host_with("webhook", name=name, group=f"{self.name}-{name}", **{
                "sink:webhook": self.webhook(chat, batch=10, **keys)}).start()
            self.kafka.wait_committed(host.group, tally["partitions"])
            host.stop()
            bodies = [request.json() for request in chat.taken()]
            lines = [line for body in bodies for line in body["text"].split("\n")]
            self.assertEqual(len(lines), 5)
            self.assertRegex(lines[0], r"^count \S+ 1 \(confidence 1\.00\) by good, id good/")
            self.assertEqual({frozenset(body) for body in bodies},
                             {frozenset({"text"} if name == "slack" else {"text", "chat_id"})})
            self.assertEqual({body.get("chat_id") for body in bodies},
                             {None if name == "slack" else "@market"})

    def test_a_certificate_that_nobody_vouches_for_is_refused(self):
        certificate = make_certificate(self.directory)
        receiver = self.receiver(certificate=certificate).start()
        host = self.host_with("webhook", **{"sink:webhook": self.webhook(receiver)}).start()
        tally = self.produce(20)
        host.wait_event("sink.failing", "certificate")
        self.nothing_is_committed(host, tally)
        host.kill()
        self.assertEqual(receiver.seen(), [])
        host.sections["sink:webhook"]["ca_file"] = certificate[0]
        host.write_ini()
        host.start()
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()
        self.assertEqual(len(receiver.taken()), 20)

    def test_a_stop_does_not_wait_for_a_server_that_hangs(self):
        receiver = self.receiver()
        receiver.judge = lambda request: "hang"
        receiver.start()
        host = self.host_with("webhook", take5={"shutdown_timeout": "4s"}, **{
            "sink:webhook": self.webhook(receiver, timeout="60s")}).start()
        self.produce(20)
        self.wait_for("a request", receiver.seen)
        host.process.signal(15)
        self.assertEqual(host.process.wait(), 1)
        self.assertEqual(len(host.events("stop.left_behind")), 1)

    # ---- alerts ----

    def test_alerts_are_told_once_each(self):
        receiver = self.receiver().start()
        signals = self.receiver()
        host = self.host_with(
            "webhook", "error_message", take5={"error_run": 3, "suspend": "1h", "suspend_max": "2h"},
            alerts={"to": "webhook, postgres", "after": "1s", "table": self.table,
                    "url": receiver.url},
            **{"sink:webhook": self.webhook(signals), "sink:postgres": self.postgres()})
        host.drop("good_v1", "good.so")
        host.deploy("good", every=1)
        host.start()
        tally = self.produce(60)

        def told():
            return collections.Counter((alert["alert"], alert["subject"], alert["state"])
                                       for alert in (r.json() for r in receiver.taken()))

        sink = ("sink_failing", "webhook for signals")
        strategy = ("strategy_suspended", "error_message")
        self.wait_for(lambda: f"both alerts; there are {told()}",
                      lambda: told()[(*sink, "firing")] and told()[(*strategy, "firing")])
        signals.start()
        self.wait_for(lambda: f"the end of one; there are {told()}",
                      lambda: told()[(*sink, "resolved")])
        signals.wait_taken(60)
        self.assertEqual(host.ctl("resume", "error_message")[0], 0)
        self.kafka.wait_committed(host.group, tally["partitions"])
        expected = {(*sink, "firing"): 1, (*sink, "resolved"): 1, (*strategy, "firing"): 1}
        alerts = told()
        self.assertEqual({key: alerts[key] for key in expected}, expected)
        self.assertLessEqual(set(alerts.values()), {1}, alerts)
        self.assertEqual(len(host.events("alert.begun")), len(
            [key for key in alerts if key[2] == "firing"]))
        sinks = {(sink["name"], sink["for"]) for sink in host.status()["sinks"]}
        self.assertLessEqual({("webhook", "alerts"), ("postgres", "alerts")}, sinks)
        host.stop()
        rows = self.database.ask(f"SELECT alert, subject, state FROM {self.table}")
        self.assertLessEqual(set(expected), {tuple(row) for row in rows})
        first = receiver.taken()[0]
        self.assertNotIn("Authorization", first.headers)  # that of another server
        self.assertEqual(first.json()["host"], "host")

    def test_alerts_of_what_does_not_move(self):
        receiver = self.receiver().start()
        host = self.host_with(
            "log", "hang_message", take5={"on_stuck": "report", "stuck_ms": 500},
            alerts={"to": "webhook", "after": "0s", "max_lag": 5},
            **{"sink:webhook": self.webhook(receiver)}).start()
        host.wait_event("reload.summary")
        self.produce(100)

        def told():
            return collections.Counter((alert["alert"], alert["subject"], alert["state"])
                                       for alert in (r.json() for r in receiver.taken()))

        expected = {("host_stuck", "", "firing"), ("lag", "", "firing"),
                    ("lane_stuck", "lane 0", "firing")}
        self.wait_for(lambda: f"{expected}; there are {told()}", lambda: expected <= set(told()))
        host.kill()
        self.assertEqual(told(), dict.fromkeys(expected, 1))

    def test_alerts_of_what_is_not_loaded(self):
        receiver = self.receiver().start()
        host = self.host_with("log", "crash_message", alerts={"to": "webhook", "after": "0s"},
                              **{"sink:webhook": self.webhook(receiver)}).start()
        host.wait_event("reload.summary")
        self.produce(10)
        self.assertNotEqual(host.process.wait(), 0)
        host.start()
        quarantined, = receiver.wait_taken(1)
        self.assertEqual(quarantined.json()["alert"], "strategy_quarantined")
        with open(os.path.join(host.strategies, "none.so"), "wb") as file:
            file.write(b"no strategy")
        self.assertEqual(host.reload()[0], 1)
        alerts = {(a["alert"], a["subject"], a["state"])
                  for a in (r.json() for r in receiver.wait_taken(2))}
        self.assertEqual(alerts, {("strategy_quarantined", "crash_message", "firing"),
                                  ("reload_rejected", "", "firing")})
        host.stop()


if __name__ == "__main__":
    main()
