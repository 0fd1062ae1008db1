"""The rows side by side: messages a second, CPU, memory, ratio to the floor."""
import dataclasses
import os
from typing import Callable

from .figures import at_least, at_most
from .site import measuring, strategy

FLOOR = "floor: C consumer that only counts"
ONE = "take5, 1 strategy of 8 fields"
CJSON = "C consumer, cJSON, 8 fields"
POLL = "Python service: poll, json.loads, handler"
BATCH = "Python service with consume(1000)"


def take5_name(count):
    if count == 0:
        return "take5, a strategy that wants no fields"
    return ONE if count == 1 else f"take5, {count} strategies of 8 fields"


TREND_CROSS = "take5, trend and cross"
TWO_LANES = "take5, 1 strategy of 8 fields, 2 lanes"


@dataclasses.dataclass
class Row:
    name: str
    run: Callable
    results: list = dataclasses.field(default_factory=list)

    def values(self, of):
        return [of(result) for result in self.results]


def speed(result):
    return result["messages"] / result["seconds"]


def cpu(result):
    """Seconds per million messages, which is also microseconds a message."""
    return result["cpu_ns"] / 1e3 / result["messages"]


def lane_ns(result):
    return result["thread_cpu_ns"] / result["messages"]


def megabytes(result):
    return result["peak_kib"] * 1024 / 1e6


def take5(site, prefix, totals, strategies=1, others=(), lanes=1, own_files=False, **parameters):
    """`strategies` of 8 fields; the last of them measures. 0: it wants no fields. They are
    deployments of one plugin, or each of a file of its own."""
    host = site.new_host(prefix, lanes=lanes, sections={"signals": {"sinks": "jsonl"}})
    for name in others:
        host.drop(strategy(name))
        host.deploy(name, plugin=name)
    for i in range(1, strategies):
        name = f"e{i:04}"
        if own_files:
            drop_as(host, name)
        host.deploy(name, plugin=name if own_files else "eight")
    report = measuring(host, totals, fields="yes" if strategies > 0 else "no", **parameters)
    host.start()
    return site.finish_host(host, report)


def drop_as(host, name):
    """The same plugin by another name, as long as its own, and so another file to the host."""
    with open(strategy("eight"), "rb") as file:
        code = file.read()
    own, other = b"\0eight\0", b"\0%s\0" % name.encode()
    if len(own) != len(other) or own not in code:
        raise RuntimeError(f"eight.so cannot be given the name {name}")
    target = os.path.join(host.strategies, f"{name}.so")
    with open(target, "wb") as file:
        file.write(code.replace(own, other))
    os.chmod(target, 0o755)


def rows_of(site, plan, totals):
    def consumer(kind, mode, count):
        return lambda: site.run_consumer(kind, mode, "", count)

    def host(**options):
        return lambda: take5(site, "", totals, **options)

    return [
        Row(FLOOR, consumer("c", "count", plan.messages)),
        Row(take5_name(0), host(strategies=0)),
        Row(take5_name(1), host()),
        Row(take5_name(10), host(strategies=10)),
        Row(take5_name(100), host(strategies=100)),
        Row(TREND_CROSS, host(strategies=0, others=("trend", "cross"))),
        Row(TWO_LANES, host(lanes=2)),
        Row(CJSON, consumer("c", "cjson", plan.slow_messages)),
        Row(POLL, consumer("python", "poll", plan.slow_messages)),
        Row(BATCH, consumer("python", "batch", plan.slow_messages)),
    ]


def paired(left, right, of):
    """Ratios of the two within each round, so that what slows a round slows both."""
    return [of(a) / of(b) for a, b in zip(left.results, right.results, strict=True)]


def measure(site, plan, figures):
    """Gives the rows, for the plots."""
    site.progress.say(f"filling three topics with {plan.messages:,} messages")
    tally = site.fill("", plan.messages)
    figures.add("size of a message", "bytes", [tally["bytes"] / tally["messages"]])
    rows = rows_of(site, plan, tally["partitions"])
    # What is first meets a broker that has served nobody yet.
    site.progress.say("throughput: warming the broker")
    rows[0].run()
    for number in range(plan.rounds):
        # Another order each round: whatever follows what, it is not always the same.
        first = number * len(rows) // plan.rounds
        for row in rows[first:] + rows[:first]:
            site.progress.say(f"throughput, round {number + 1} of {plan.rounds}: {row.name}")
            row.results.append(row.run())
    by_name = {row.name: row for row in rows}
    add_targets(figures, by_name)
    floor = by_name[FLOOR]
    for row in rows:
        figures.add(f"throughput: {row.name}", "messages/s", row.values(speed))
        figures.add(f"throughput against the floor: {row.name}", "ratio",
                    paired(row, floor, speed))
        figures.add(f"CPU: {row.name}", "s per million messages", row.values(cpu))
        figures.add(f"CPU against the floor: {row.name}", "ratio", paired(row, floor, cpu))
        figures.add(f"memory: {row.name}", "MB", row.values(megabytes))
        figures.add(f"memory against the floor: {row.name}", "ratio",
                    paired(row, floor, megabytes))
    return rows


def add_targets(figures, rows):
    floor, one, poll = rows[FLOOR], rows[ONE], rows[POLL]
    ten, hundred = rows[take5_name(10)], rows[take5_name(100)]
    figures.add("1 strategy of 8 fields: throughput against the floor", "ratio",
                paired(one, floor, speed), at_least(0.85))
    figures.add("1 strategy of 8 fields: throughput against the Python service", "ratio",
                paired(one, poll, speed), at_least(12))
    figures.add("1 strategy of 8 fields: CPU a message against the Python service", "ratio",
                paired(one, poll, cpu), at_most(1 / 8))
    further = "each further deployment of a plugin that reads 8 fields: lane's CPU"
    figures.add(f"{further}, from 10 to 100", "ns/message",
                [(lane_ns(b) - lane_ns(a)) / 90
                 for a, b in zip(ten.results, hundred.results, strict=True)], at_most(25))
    figures.add(f"{further}, from 1 to 10", "ns/message",
                [(lane_ns(b) - lane_ns(a)) / 9
                 for a, b in zip(one.results, ten.results, strict=True)])
    bounded = [rows[name] for name in (take5_name(0), take5_name(1), take5_name(10), TREND_CROSS,
                                       TWO_LANES)]
    figures.add("memory at full speed, up to 10 strategies: the largest row", "MB",
                [max(megabytes(row.results[i]) for row in bounded)
                 for i in range(len(one.results))], at_most(200))
