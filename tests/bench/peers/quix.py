#!/usr/bin/python3
"""The strategy momentum (plugins/momentum) as an application of Quix Streams: the three topics
decoded, an average for each symbol in its state with a changelog, signals into a topic.
    quix.py -b BROKERS -g GROUP -t BARS,STATS,TRENDS -n COUNT -o REPORT -s SIGNALS -d STATE_DIRECTORY
            [-X NAME=VALUE]...
It has no timers by event time, so nothing says that a symbol is quiet. Measures as meter.h does,
and writes its report."""
import argparse
import datetime
import json
import math
import os
import time

from quixstreams import Application

WINDOW_MS = 300_000
THRESHOLD = 0.25


def time_of(value, _headers, kafka_ms, _type):
    stamp = value.get("publishTime") or value.get("PublishTime")
    return stamp["take5Time"] if stamp else kafka_ms


def say(s, symbol, time_ms, percent):
    stamp = datetime.datetime.fromtimestamp(time_ms / 1e3, datetime.timezone.utc)
    return {"deployment": "momentum",
            "name": "momentum_up" if s["direction"] > 0 else "momentum_down",
            "symbol": symbol, "event_time": stamp.isoformat(timespec="milliseconds"),
            "event_time_ns": time_ms * 1_000_000, "value": percent,
            "confidence": min(abs(percent) / (2 * THRESHOLD), 1),
            "data": {"price": s["price"], "average": s["average"]}}


def judge(s, symbol):
    """The signal, if there is one to be said."""
    if s["last_ms"] - s["first_ms"] < WINDOW_MS or s["average"] == 0:
        return None
    percent = (s["price"] / s["average"] - 1) * 100
    direction = 1 if percent > 0 else -1
    if abs(percent) >= THRESHOLD and s["direction"] != direction:
        s["direction"] = direction
        return say(s, symbol, s["last_ms"], percent)
    if abs(percent) < THRESHOLD / 2:
        s["direction"] = 0
    return None


def on_bar(value, _key, time_ms, _headers, state):
    price = value.get("barData", {}).get("close")
    if not isinstance(price, (int, float)) or not math.isfinite(price):
        return None
    s = state.get("symbol")
    if s is None:
        s = {"average": price, "first_ms": time_ms, "last_ms": time_ms, "messages": 0,
             "direction": 0}
    elif time_ms < s["last_ms"]:
        return None
    else:
        dt = time_ms - s["last_ms"]
        s["average"] += (price - s["average"]) * (dt / (WINDOW_MS + dt))
    s["price"] = price
    s["last_ms"] = time_ms
    s["messages"] += 1
    signal = judge(s, value["symbol"])
    state.set("symbol", s)
    return signal


class Meter:
    """Told of each message once it is processed; ends the application after the last one."""

    def __init__(self, count):
        self.count, self.seen = count, 0
        self.first = self.last = self.app = None

    @staticmethod
    def read():
        return time.monotonic_ns(), time.process_time_ns(), time.thread_time_ns()

    def begin(self, value):
        if self.first is None:
            self.first = self.read()
        return value

    def end(self, _topic, _partition, _offset):
        self.seen += 1
        if self.seen == self.count:
            self.last = self.read()
            self.app.stop()

    def report(self, path):
        peak = -1
        with open("/proc/self/status", encoding="utf-8") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    peak = int(line.split()[1])
        with open(f"{path}.new", "w", encoding="utf-8") as file:
            json.dump({"messages": self.count, "first_ns": self.first[0],
                       "last_ns": self.last[0], "cpu_ns": self.last[1] - self.first[1],
                       "thread_cpu_ns": self.last[2] - self.first[2], "peak_kib": peak,
                       "latencies": []}, file)
        os.rename(f"{path}.new", path)


def run(options):
    meter = Meter(options.n)
    app = Application(broker_address=options.b, consumer_group=options.g,
                      auto_offset_reset="earliest", state_dir=options.d, loglevel="WARNING",
                      consumer_extra_config=dict(pair.split("=", 1) for pair in options.X),
                      on_message_processed=meter.end)
    meter.app = app
    bars, stats, trends = (app.topic(name, key_deserializer="str", timestamp_extractor=time_of)
                           for name in options.t.split(","))
    signals = app.topic(options.s, key_serializer="str")
    frame = app.dataframe(bars).apply(meter.begin)
    frame = frame.apply(on_bar, stateful=True, metadata=True)
    frame[frame.apply(lambda signal: signal is not None)].to_topic(signals)
    for topic in (stats, trends):
        app.dataframe(topic).apply(meter.begin)
    app.run()
    if meter.last is None:
        raise SystemExit(f"quix.py: ended after {meter.seen} of {options.n} messages")
    meter.report(options.o)


def main():
    parser = argparse.ArgumentParser()
    for letter in "bgtosd":
        parser.add_argument(f"-{letter}", required=True)
    parser.add_argument("-n", type=int, required=True)
    parser.add_argument("-X", action="append", default=[])
    run(parser.parse_args())


main()
