"""The rows of the throughput, what each of them measures, and what they say together."""
import dataclasses
from typing import Callable

from .figures import at_least, at_most

FLOOR = "floor: C consumer that only counts"
ONE = "take5, 1 strategy of 8 fields"
TWO_LANES = "take5, 1 strategy of 8 fields, 2 lanes"
CONSOLE, MOMENTUM, TREND, CROSS = (f"take5, {name}"
                                   for name in ("console", "momentum", "trend", "cross"))
TREND_CROSS = "take5, trend and cross"
SIGNALS_FILE = "take5, a signal of 8 numbers for every message, to a file"
SIGNALS_KAFKA = "take5, a signal of 8 numbers for every message, to Kafka"
CJSON = "C consumer, cJSON, 8 fields"
POLL = "Python service: poll, json.loads, handler"
BATCH = "Python service with consume(1000)"
PYTHON_OLD = "take5, the Python service's handlers as they are"
PYTHON_NATIVE = "take5, the same handlers with declared fields"
CHECKPOINTS = "take5, momentum, a checkpoint every second"
NO_CHECKPOINTS = "take5, momentum, no checkpoints"
SELDOM_LEAST = "take5, 1 strategy of 8 fields, a signal in 200 messages, at least once"
SELDOM_ONCE = "take5, 1 strategy of 8 fields, a signal in 200 messages, exactly once"
MOMENTUM_KAFKA = "take5, momentum, signals to Kafka"
MOMENTUM_ONCE = "take5, momentum, signals to Kafka, exactly once"
QUIX = "Quix Streams, momentum, at least once"

PARTITIONS = 4  # of each topic

GUARANTEES = {"at_least_once": "at least once", "exactly_once_v2": "exactly once"}
STORES = {"memory": "in memory", "rocksdb": "RocksDB"}

# What `--only` takes beside whole parts: rows by what they tell. The floor runs with each.
GROUPS = ("strategies", "bundled", "signals", "durable", "services", "peers")


def take5_name(count):
    if count == 0:
        return "take5, a strategy that wants no fields"
    return ONE if count == 1 else f"take5, {count} strategies of 8 fields"


def streams_name(store, guarantee):
    return f"Kafka Streams, momentum, {STORES[store]}, {GUARANTEES[guarantee]}"


STREAMS = streams_name("memory", "at_least_once")
# What take5 does the same work with, in each of the two.
OURS = {"at_least_once": MOMENTUM_KAFKA, "exactly_once_v2": MOMENTUM_ONCE}


@dataclasses.dataclass
class Row:
    """`run` measures it once. `group` None: it runs with every group. `why`: it cannot run."""
    name: str
    group: str
    run: Callable
    why: str = None
    results: list = dataclasses.field(default_factory=list)

    def values(self, of):
        return [of(result) for result in self.results]


def choose(rows, groups):
    return [row for row in rows if row.group is None or row.group in groups]


def in_turn(rows, number, rounds):
    """Those that can run, in the order of a round: whatever follows what, not always the same."""
    able = [row for row in rows if row.why is None]
    first = number * len(able) // rounds
    return able[first:] + able[:first]


# ---- of one result ----

def speed(result):
    return result["messages"] / result["seconds"]


def cpu(result):
    """Seconds per million messages, which is also microseconds a message."""
    return result["cpu_ns"] / 1e3 / result["messages"]


def lane_ns(result):
    return result["thread_cpu_ns"] / result["messages"]


def megabytes(result):
    return result["peak_kib"] * 1024 / 1e6


def lane_us_a_signal(result):
    return result["thread_cpu_ns"] / 1e3 / result["signals"]


def signals_a_message(result):
    return result["signals"] / result["messages"]


def call_ns(result):
    return result["call_cpu_ns"] / result["calls"]


def has_no_checkpoint(result):
    """But for those that each partition number begins with."""
    return result["checkpoints"] <= PARTITIONS


def outside_own_ns(result):
    """The lane's CPU a message whose values the script reads and leaves alone."""
    return result["outside_ns"]


def paired(left, right, of):
    """Ratios of the two within each round, so that what slows a round slows both."""
    return [of(a) / of(b) for a, b in zip(left.results, right.results, strict=True)]


def further_ns(few, many, count):
    """The lane's CPU that each of `count` more strategies takes of a message."""
    return [(lane_ns(b) - lane_ns(a)) / count
            for a, b in zip(few.results, many.results, strict=True)]


def beyond_any(left, right, any_strategy):
    """Ratios of what two scripts take more of the lane than a strategy in C that wants no fields,
    their own lines aside: fetching, checking and dispatching a message are the same for all."""
    return [(outside_own_ns(a) - lane_ns(base)) / (outside_own_ns(b) - lane_ns(base))
            for a, b, base in zip(left.results, right.results, any_strategy.results, strict=True)]


# ---- figures ----

class Headlines:
    """Figures of several rows: added when all of these were to run."""

    def __init__(self, figures, rows):
        self.figures, self.rows = figures, {row.name: row for row in rows}

    def add(self, name, unit, names, values, target=None):
        """`values` is called with the rows of these names."""
        if not all(of in self.rows for of in names):
            return
        rows = [self.rows[of] for of in names]
        why = next((row.why for row in rows if row.why is not None), None)
        self.figures.add(name, unit, () if why is not None else values(*rows), target, why)

    def ratio(self, name, left, right, of, target=None):
        self.add(name, "ratio", (left, right), lambda a, b: paired(a, b, of), target)

    def add_checkpoints(self):
        """What they cost, if there were any."""
        name = "momentum with a checkpoint every second: throughput against none"
        row = self.rows.get(CHECKPOINTS)
        if row is not None and any(has_no_checkpoint(result) for result in row.results):
            self.figures.add(name, "ratio", (), at_least(0.97), "too short for a checkpoint")
        else:
            self.ratio(name, CHECKPOINTS, NO_CHECKPOINTS, speed, at_least(0.97))


def add_against_streams(lines):
    for guarantee, ours in OURS.items():
        for store in STORES:
            theirs = streams_name(store, guarantee)
            least = 12 if theirs == STREAMS else 10
            most = 1 / 14 if theirs == STREAMS else 1 / 10
            against = ("momentum with signals to Kafka: {} against Kafka Streams "
                       f"{'in memory' if store == 'memory' else 'with RocksDB'}, "
                       f"{GUARANTEES[guarantee]}")
            lines.ratio(against.format("throughput"), ours, theirs, speed, at_least(least))
            lines.ratio(against.format("CPU a message"), ours, theirs, cpu, at_most(most))


def add_headlines(figures, rows):
    lines = Headlines(figures, rows)
    ten, hundred = take5_name(10), take5_name(100)
    lines.ratio("1 strategy of 8 fields: throughput against the floor", ONE, FLOOR, speed,
                at_least(0.85))
    lines.ratio("1 strategy of 8 fields: CPU a message against the floor", ONE, FLOOR, cpu,
                at_most(1.3))
    lines.ratio("1 strategy of 8 fields: throughput against the Python service", ONE, POLL, speed,
                at_least(12))
    lines.ratio("1 strategy of 8 fields: CPU a message against the Python service", ONE, POLL, cpu,
                at_most(1 / 8))
    lines.ratio("the Python service's handlers under take5: throughput against the Python service",
                PYTHON_OLD, POLL, speed, at_least(1))
    lines.ratio("declared fields in them against json.loads: lane's CPU beside their own lines",
                PYTHON_NATIVE, PYTHON_OLD, outside_own_ns, at_most(1 / 10))
    lines.add("declared fields in them against json.loads: beside their own lines and what the "
              "lane does for any strategy", "ratio", (PYTHON_NATIVE, PYTHON_OLD, take5_name(0)),
              beyond_any)
    lines.ratio("100 strategies of 8 fields: throughput against the floor", hundred, FLOOR, speed,
                at_least(0.35))
    further = "each further deployment of a plugin that reads 8 fields: lane's CPU"
    lines.add(f"{further}, from 10 to 100", "ns/message", (ten, hundred),
              lambda a, b: further_ns(a, b, 90), at_most(25))
    lines.add(f"{further}, from 1 to 10", "ns/message", (ONE, ten),
              lambda a, b: further_ns(a, b, 9))
    lines.ratio("trend and cross: throughput against the floor", TREND_CROSS, FLOOR, speed,
                at_least(0.45))
    lines.add("trend: lane's CPU a message analysed and signalled", "µs", (TREND,),
              lambda row: row.values(lane_us_a_signal), at_most(1.2))
    lines.add("a signal of 8 numbers: lane's CPU from emit to return", "ns", (SIGNALS_FILE,),
              lambda row: row.values(call_ns), at_most(200))
    lines.add("a signal of 8 numbers to Kafka: lane's CPU from emit to return", "ns",
              (SIGNALS_KAFKA,), lambda row: row.values(call_ns))
    lines.add_checkpoints()
    lines.ratio("a signal in 200 messages, exactly once: throughput against the floor", SELDOM_ONCE,
                FLOOR, speed, at_least(0.85))
    add_against_streams(lines)
    bounded = (take5_name(0), ONE, ten, TREND_CROSS, TWO_LANES)
    lines.add("memory at full speed, up to 10 strategies: the largest row", "MB", bounded,
              lambda *rows: [max(map(megabytes, round_)) for round_ in
                             zip(*(row.results for row in rows), strict=True)], at_most(200))


def add_rows(figures, rows):
    floor = next(row for row in rows if row.name == FLOOR)
    kinds = (("throughput", "messages/s", speed), ("CPU", "s per million messages", cpu),
             ("memory", "MB", megabytes))
    for row in rows:
        for what, unit, of in kinds:
            figures.add(f"{what}: {row.name}", unit, row.values(of), why=row.why)
            figures.add(f"{what} against the floor: {row.name}", "ratio",
                        () if row.why is not None else paired(row, floor, of), why=row.why)
        if any(result.get("signals") for result in row.results):
            figures.add(f"signals a message: {row.name}", "ratio", row.values(signals_a_message))
