#!/usr/bin/python3
"""The bundled console and momentum over a real topic: the sight that operators know, and signals
equal to those of a model written from momentum's description."""
import datetime
import json

from harness.scenario import Scenario, main

WINDOW_S, THRESHOLD, QUIET_S = 1, 0.05, 2


class Momentum:
    """momentum's description in Python: one partition, in doubles as C has them."""

    def __init__(self):
        self.clock = 0
        self.order = 0
        self.symbols = {}
        self.timers = {}  # symbol: (due, order of arming)
        self.signals = []

    def arm(self, symbol, due):
        self.order += 1
        self.timers[symbol] = (due, self.order)

    def advance(self, time_ns):
        if time_ns <= self.clock:
            return
        self.clock = time_ns
        fired = {}
        while True:
            due = sorted((when, order, symbol) for symbol, (when, order) in self.timers.items()
                         if when <= time_ns and fired.get(symbol, 0) < 2)
            if not due:
                return
            when, _, symbol = due[0]
            fired[symbol] = fired.get(symbol, 0) + 1
            del self.timers[symbol]
            state = self.symbols[symbol]
            silent_from = state["last"] + QUIET_S * 10**9
            if when < silent_from:
                self.arm(symbol, silent_from)
                continue
            state["direction"] = 0
            self.signals.append(("momentum_quiet", symbol, (when - state["last"]) / 1e9, when))

    def message(self, symbol, time_ns, price):
        self.advance(time_ns)
        state = self.symbols.get(symbol)
        if state is None:
            state = self.symbols[symbol] = {"average": price, "first": time_ns, "direction": 0}
        elif time_ns < state["last"]:
            return
        else:
            step = float(time_ns - state["last"])
            state["average"] += (price - state["average"]) * (step / (WINDOW_S * 1e9 + step))
        state["last"] = time_ns
        if symbol not in self.timers:
            self.arm(symbol, time_ns + QUIET_S * 10**9)
        if time_ns - state["first"] < WINDOW_S * 10**9:
            return
        percent = (price / state["average"] - 1) * 100
        direction = 1 if percent > 0 else -1
        if abs(percent) >= THRESHOLD and state["direction"] != direction:
            state["direction"] = direction
            self.signals.append(("momentum_up" if direction > 0 else "momentum_down", symbol,
                                 percent, time_ns))
        elif abs(percent) < THRESHOLD / 2:
            state["direction"] = 0


class Bundled(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kafka.create_roles(1)
        cls.tally = cls.kafka.produce(6_000, symbols=150)

    def test_momentum_says_what_its_description_says(self):
        host = self.new_host()
        host.drop("momentum")
        host.deploy("momentum", window=f"{WINDOW_S}s", threshold=THRESHOLD, quiet=f"{QUIET_S}s")
        host.start()
        self.kafka.wait_committed(host.group, {"bar_trends": {"0": 2_000}})
        host.stop()

        model = Momentum()
        for message in self.kafka.read("bar_trends"):
            value = json.loads(message["payload"])
            model.message(value["symbol"], value["publishTime"]["take5Time"] * 10**6,
                          value["barData"]["close"])
        got = host.read_signals()
        self.assertEqual([(s["name"], s["symbol"], s["event_time_ns"]) for s in got],
                         [(name, symbol, when) for name, symbol, _, when in model.signals])
        for signal, (_, _, value, _) in zip(got, model.signals):
            self.assertAlmostEqual(signal["value"], value, delta=abs(value) * 1e-9 + 1e-15)
        said = {name for name, _, _, _ in model.signals}
        self.assertEqual(said, {"momentum_up", "momentum_down", "momentum_quiet"})

    def test_times_that_cannot_be_read_and_symbols_that_never_come_are_in_the_status(self):
        topics = {role: f"odd.{role}" for role in ("bar_trends", "historic_stats", "asset_trends")}
        self.kafka.create(*(f"{topic}:1" for topic in topics.values()))
        host = self.new_host(sections={f"topic:{role}": {"topic": topic}
                                       for role, topic in topics.items()})
        host.drop("trend")
        host.deploy("trend", symbols="QQX, SPX")
        host.start()
        for time in ('"2024-06-17T21:15:30"', "1718658930", '"2024-06-17 21:15:30"', "true"):
            self.kafka.send(topics["bar_trends"], f'{{"symbol":"QQQ","timestamp":{time}}}')
        status = host.wait_status("4 messages", lambda status: status["totals"]["decoded"] == 4)
        self.assertEqual(status["totals"]["unreadable_time"], 3)
        trend = status["strategies"][0]
        self.assertEqual((trend["symbols"], trend["symbols_met"]), (2, 0))
        self.assertEqual(trend["symbols_unmet"], "QQX, SPX")
        _, said, _ = host.ctl("status")
        self.assertRegex(said, r"times .*3 UNREADABLE")
        self.assertRegex(said, r"symbols: .*QQX, SPX")
        self.assertEqual(len(host.events("message.time_unreadable")), 2, "each form once")
        self.kafka.send(topics["bar_trends"], '{"symbol":"QQX","timestamp":1718658930}')
        host.wait_status("QQX", lambda status: status["strategies"][0]["symbols_met"] == 1)
        host.stop()

    def test_console_shows_the_sight_of_the_old_service(self):
        host = self.new_host()
        host.drop("console")
        host.start()
        self.kafka.wait_committed(host.group, self.tally["partitions"])
        host.stop()
        shown = host.stdout()
        signs = {"bar_trends": "📊 [BAR_TRENDS]", "historic_stats": "📈 [HISTORIC_STATS]",
                 "asset_trends": "🔮 [ASSET_TRENDS]"}
        for topic, sign in signs.items():
            self.assertEqual(shown.count(f"{sign} Received message:\n"), 2_000)
            message = self.kafka.read(topic)[7]
            # Numbers as they came, everything else as json.dumps lays it out.
            value = json.dumps(json.loads(message["payload"], parse_float=verbatim,
                                          parse_int=verbatim), indent=2)
            value = value.replace('"\\u0001', "").replace('\\u0001"', "")
            block = (f"{sign} Received message:\n   Key: {message['key']}\n   Timestamp: "
                     f"{iso(message['ts'])}\n   Partition: 0\n   Offset: 7\n   Value: "
                     + value.replace("\n", "\n   ") + "\n")
            self.assertIn(block, shown)
        self.assertEqual(shown.count("messages 6000, processed 6000, errors 0"), 1)
        self.assertEqual(shown.count("📊 Partition 0: messages"), 60)


def verbatim(text):
    """A number that json.dumps gives back as it was: marked, and the marks taken out later."""
    return f"\x01{text}\x01"


def iso(time_ms):
    moment = datetime.datetime.fromtimestamp(time_ms // 1000, datetime.timezone.utc)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03d}Z"


if __name__ == "__main__":
    main()
