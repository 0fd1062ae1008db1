#!/usr/bin/python3
"""The way of the Python service that take5 replaces: confluent-kafka, json.loads, a handler for
each topic.
    service.py -b BROKERS -g GROUP -t TOPIC,TOPIC,TOPIC -n COUNT -o REPORT
               [-m poll|batch|latency|batch-latency] [-X NAME=VALUE]...
`batch` is consume(1000) in the place of poll; it waits at most a tenth of a second for so many, as
a service would that must not let messages lie. `latency` notes how old each message is. Its report
is that of meter.h."""
import argparse
import json
import os
import sys
import time

from confluent_kafka import Consumer

SHARES = (0, .1, .2, .3, .4, .5, .6, .7, .8, .85, .9, .95, .98, .99, .995, .998, .999, .9995, 1)


class Service:
    """The handlers read the fields that strategies/eight.c reads."""

    def __init__(self):
        self.sum = 0.0
        self.processed = 0

    def add(self, values):
        for value in values:
            if isinstance(value, (int, float)):
                self.sum += value
            elif value is not None:
                self.sum += len(value)
        self.processed += 1

    def on_bar_trends(self, message):
        bar = message.get("barData", {})
        stats = message.get("lastSampleStats", {})
        self.add((bar.get("close"), bar.get("wap"), bar.get("tradeCount"), stats.get("mean"),
                  stats.get("std"), stats.get("change"), stats.get("slope"),
                  stats.get("sampleSize")))

    def on_historic_stats(self, message):
        stats = message.get("stats", {})
        self.add((message.get("barData", {}).get("close"), stats.get("mean"), stats.get("std"),
                  stats.get("variance"), stats.get("range"), stats.get("standardError"),
                  stats.get("sampleSize"), message.get("z_score")))

    def on_asset_trends(self, message):
        trend = message.get("trendData", {})
        self.add((trend.get("wSma_slope"), trend.get("wSma_intercept"),
                  trend.get("wSma_slope_std_err"), trend.get("predictedNext"),
                  trend.get("rSquared"), trend.get("residual"), trend.get("sampleSize"),
                  message.get("direction")))


class Leaving(Service):
    """Its handlers read the values, and nothing is done with them."""

    def add(self, values):
        self.processed += 1


class Meter:
    def __init__(self):
        self.first = self.last = None

    @staticmethod
    def read():
        return time.monotonic_ns(), time.process_time_ns(), time.thread_time_ns()

    def report(self, count, latencies, path, outside_ns=None):
        peak = -1
        with open("/proc/self/status", encoding="utf-8") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    peak = int(line.split()[1])
        latencies = sorted(latencies[len(latencies) // 10:])
        shares = [[share, latencies[int(share * (len(latencies) - 1))]] for share in SHARES
                  if latencies]
        with open(path + ".new", "w", encoding="utf-8") as file:
            json.dump({"outside_ns": outside_ns, "messages": count,
                       "first_ns": self.first[0], "last_ns": self.last[0],
                       "cpu_ns": self.last[1] - self.first[1],
                       "thread_cpu_ns": self.last[2] - self.first[2], "peak_kib": peak,
                       "latencies": shares}, file)
        os.rename(path + ".new", path)


class Stages:
    """What is measured of a script under take5, in turn: `count` messages as the service handles
    them; then, unless latencies are, as many whose values are read and left alone. The second is
    what a message takes beside the user's own lines: measured between messages, and not by what
    these lines take in a loop of their own, which has caches and branch prediction to itself."""

    def __init__(self, service, count, path, is_latency=False):
        self.service, self.count, self.path = service, count, path
        self.latencies = [] if is_latency else None
        self.meter, self.until = Meter(), count

    def measured(self, handler):
        def handle(message):
            if self.meter.first is None:
                self.meter.first = self.meter.read()
            handler(message)
            if self.service.processed == self.until:
                self._advance()
        return handle

    def _advance(self):
        if self.meter.last is not None:
            left_ns = time.thread_time_ns() - self.meter.last[2]
            self.until = None
            self._report(left_ns / self.count - self._harness_ns())
            return
        self.meter.last = self.meter.read()
        if self.latencies is not None:
            self._report(None)
            return
        self.service.__class__ = Leaving
        self.until += self.count

    def _harness_ns(self, count=100_000):
        """What measured() and Leaving.add() take, which are nobody's."""
        handle = self.measured(self.service.add)
        began_ns = time.thread_time_ns()
        for _ in range(count):
            handle(None)
        return (time.thread_time_ns() - began_ns) / count

    def _report(self, outside_ns):
        self.meter.report(self.count, self.latencies or [], self.path, outside_ns)


def polled(consumer):
    while True:
        message = consumer.poll(1.0)
        if message is not None and message.error() is None:
            yield message


def batched(consumer):
    while True:
        for message in consumer.consume(1000, 0.1):
            if message.error() is None:
                yield message


def run(options):
    properties = dict(pair.split("=", 1) for pair in options.X)
    consumer = Consumer({"bootstrap.servers": options.b, "group.id": options.g,
                         "auto.offset.reset": "earliest", **properties})
    topics = options.t.split(",")
    consumer.subscribe(topics, on_assign=lambda _, partitions: print(
        "assigned", len(partitions), file=sys.stderr, flush=True))
    service = Service()
    handlers = dict(zip(topics, (service.on_bar_trends, service.on_historic_stats,
                                 service.on_asset_trends), strict=True))
    is_latency = options.m.endswith("latency")
    meter, latencies = Meter(), []
    for message in batched(consumer) if options.m.startswith("batch") else polled(consumer):
        if meter.first is None:
            meter.first = meter.read()
        value = json.loads(message.value().decode("utf-8"))
        handlers[message.topic()](value)
        if is_latency:
            latencies.append(time.time_ns() - value["sentNs"])
        if service.processed == options.n:
            meter.last = meter.read()
            break
    meter.report(options.n, latencies, options.o)
    consumer.close()


def main():
    parser = argparse.ArgumentParser()
    for letter in "bgto":
        parser.add_argument(f"-{letter}", required=True)
    parser.add_argument("-n", type=int, required=True)
    parser.add_argument("-m", default="poll",
                        choices=("poll", "batch", "latency", "batch-latency"))
    parser.add_argument("-X", action="append", default=[])
    run(parser.parse_args())


if __name__ == "__main__":
    main()
