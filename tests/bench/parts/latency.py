"""From produce to callback: how old a message is when the code that wants it has it."""
import statistics

from .figures import at_most
from .site import PARTITIONS, measuring, read_report
from .throughput import start_python

FLOOR = "floor"
TAKE5 = "take5"
SCRIPT = "take5, Python handlers"
PYTHON = "Python service"
BATCH = "Python service with consume(1000)"
# As start_consumer wants them.
CONSUMERS = {FLOOR: ("c", "latency"), PYTHON: ("python", "latency"),
             BATCH: ("python", "batch-latency")}
SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
# What the producer waits to fill a batch: nothing, and the client's default. Each message by itself
# at the higher rate is more requests than a broker on two cores takes, and the figure then that of
# its queue.
LINGER_MS = {1_000: 0, 20_000: 5}


def run_consumer(site, kind, mode, prefix, rate, count):
    process, report = site.start_consumer(kind, mode, prefix, count)
    process.wait_log(rf"assigned {3 * PARTITIONS}\b", 60)
    produce(site, prefix, rate, count)
    site.finish(process, 60)
    return read_report(report)


def run_take5(site, prefix, rate, count):
    host = site.new_host(prefix)
    report = measuring(host, [count], stamped="yes")
    host.start()
    host.wait_event("partitions.assigned", rf" {3 * PARTITIONS} ")
    produce(site, prefix, rate, count)
    return site.finish_host(host, report, 60)


def run_script(site, prefix, rate, count):
    """The Python service's handlers, as they are."""
    host, report = start_python(site, prefix, "python_old.py", count, TAKE5_BENCH_LATENCY="yes")
    host.wait_event("partitions.assigned", rf" {3 * PARTITIONS} ")
    produce(site, prefix, rate, count)
    return site.finish_host(host, report, 60)


def produce(site, prefix, rate, count):
    process = site.start_fill(prefix, count, "-r", str(rate), "-s", "-X",
                              f"linger.ms={LINGER_MS[rate]}")
    site.finish(process, count / rate * 2 + 60)


def run(site, what, rate, count):
    """Latencies in milliseconds, by share: from the topic's emptiness, so that nothing waits."""
    prefix = site.unique("latency-") + "."
    site.create(prefix)
    if what == TAKE5:
        report = run_take5(site, prefix, rate, count)
    elif what == SCRIPT:
        report = run_script(site, prefix, rate, count)
    else:
        report = run_consumer(site, *CONSUMERS[what], prefix, rate, count)
    site.delete(prefix)
    return {share: ns / 1e6 for share, ns in report["latencies"]}


def measure(site, plan, figures):
    """Gives the curves, for the plots: {rate: {what: [{share: ms}, ...]}}."""
    curves = {}
    for rate, seconds in plan.latency_seconds.items():
        curves[rate] = {what: [] for what in (FLOOR, TAKE5, SCRIPT, PYTHON, BATCH)}
        site.progress.say(f"latency at {rate:,} messages/s: warming the broker")
        run(site, FLOOR, rate, 2 * rate)
        for number in range(plan.latency_rounds):
            for what, rounds in curves[rate].items():
                site.progress.say(f"latency at {rate:,} messages/s, round {number + 1} of "
                                  f"{plan.latency_rounds}: {what}")
                rounds.append(run(site, what, rate, rate * seconds))
        add(figures, rate, curves[rate])
    return curves


def add(figures, rate, curves):
    # Ranges that overlap count as equal.
    targets = {"p50": at_most(1.1, True), "p99": at_most(1.2, True)} if rate == 1_000 else {}
    for name, share in SHARES.items():
        for what, rounds in curves.items():
            figures.add(f"latency {name} at {rate} messages/s: {what}", "ms",
                        [shares[share] for shares in rounds])
        floor = [shares[share] for shares in curves[FLOOR]]
        ours = [shares[share] for shares in curves[TAKE5]]
        figures.add(f"latency {name} at {rate} messages/s against the floor", "ratio",
                    ratios(ours, floor), targets.get(name))
        figures.add(f"latency {name} at {rate} messages/s: the Python service's handlers under "
                    "take5 against the Python service", "ratio",
                    ratios([shares[share] for shares in curves[SCRIPT]],
                           [shares[share] for shares in curves[PYTHON]]),
                    at_most(1, True) if name in targets else None)


def ratios(ours, floor):
    """The ratio of the medians, between the smallest and the largest that the ranges allow."""
    return [min(ours) / max(floor), statistics.median(ours) / statistics.median(floor),
            max(ours) / min(floor)]
