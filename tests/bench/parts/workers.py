"""Workers: what a supervisor and a second process cost, how soon one that died works again, and what
others notice of one that is slow."""
import json
import os
import random
import shutil
import signal
import time

from . import rows
from .durable import Tail
from .figures import at_least, at_most
from .latency import SHARES, produce, ratios
from .site import PARTITIONS, read_report, strategy, wait_for

PREFIX = "workers."


def eight(host, name, worker, **parameters):
    """A deployment of 8 fields; `worker` None: there is no other."""
    host.drop(strategy("eight"))
    host.deploy(name, plugin="eight", **({} if worker is None else {"worker": worker}),
                **parameters)


def measuring(host, name, worker, totals, **parameters):
    """One that measures its process; gives its report's path."""
    report = f"{host.directory}.{name}.json"
    eight(host, name, worker, report=report, totals=", ".join(map(str, totals)), **parameters)
    return report


def finish(site, host, reports, timeout_s=600):
    site.wait_reports(host, reports, timeout_s)
    host.stop()
    shutil.rmtree(host.directory, ignore_errors=True)
    return [read_report(report) for report in reports]


# ---- throughput, and what a second process costs ----

ONE, UNDER, BOTH, TWO = ("one process", "one worker under a supervisor",
                         "one process of two deployments", "two workers of one each")


def run(site, what, totals):
    """The reports of all processes that were measured."""
    host = site.new_host(PREFIX)
    places = {ONE: [("zz", None)], UNDER: [("zz", "one")], TWO: [("zy", "one"), ("zz", "two")],
              BOTH: [("zz", None)]}[what]
    if what == BOTH:
        eight(host, "zy", None)
    reports = [measuring(host, name, worker, totals) for name, worker in places]
    host.start()
    return finish(site, host, reports)


def cpu_us(reports):
    return sum(rows.cpu(report) for report in reports)


def measure_costs(site, plan, figures):
    totals = site.fill(PREFIX, plan.worker_messages)["partitions"]
    rounds = {what: [] for what in (ONE, UNDER, BOTH, TWO)}
    for number in range(plan.worker_rounds):
        turn = number % len(rounds)
        for what in [*rounds][turn:] + [*rounds][:turn]:
            site.progress.say(f"workers, round {number + 1} of {plan.worker_rounds}: {what}")
            rounds[what].append(run(site, what, totals))
    site.delete(PREFIX)
    for what in (ONE, UNDER):
        figures.add(f"workers: throughput, {what}", "messages/s",
                    [rows.speed(reports[0]) for reports in rounds[what]])
    figures.add(f"workers: throughput against {ONE}, {UNDER}", "ratio",
                [rows.speed(under[0]) / rows.speed(one[0])
                 for one, under in zip(rounds[ONE], rounds[UNDER], strict=True)], at_least(0.95))
    for what in (BOTH, TWO):
        figures.add(f"workers: CPU a message, {what}", "µs", map(cpu_us, rounds[what]))
    figures.add(f"workers: CPU a message, {TWO} against {BOTH}", "ratio",
                [cpu_us(two) / cpu_us(both)
                 for both, two in zip(rounds[BOTH], rounds[TWO], strict=True)], at_most(2))


# ---- the supervisor ----

RATE = 20_000


def cpu_of(process):
    """CPU seconds of another process, all its threads: its clock (clock_getcpuclockid(3))."""
    return time.clock_gettime(~process << 3 | 2)


def measure_supervisor(site, plan, figures):
    """Its CPU in so many seconds without messages, and in as many with."""
    quiet, busy = [], []
    for number in range(plan.worker_rounds):
        site.progress.say(f"the supervisor's CPU, round {number + 1} of {plan.worker_rounds}")
        prefix = site.unique("supervisor-") + "."
        site.create(prefix)
        host = site.new_host(prefix)
        report = measuring(host, "zz", "one", [RATE * plan.supervisor_seconds], stamped="yes")
        host.start()
        host.wait_event("partitions.assigned", rf" {3 * PARTITIONS} ")
        before = cpu_of(host.process.pid)
        time.sleep(plan.supervisor_seconds)
        between = cpu_of(host.process.pid)
        start = time.monotonic()
        produce(site, prefix, RATE, RATE * plan.supervisor_seconds)
        site.wait_reports(host, [report], 60)
        seconds = time.monotonic() - start
        quiet.append((between - before) / plan.supervisor_seconds)
        busy.append((cpu_of(host.process.pid) - between) / seconds)
        finish(site, host, [report])
        site.delete(prefix)
    figures.add("supervisor: CPU a second without messages", "ms", [own * 1e3 for own in quiet])
    figures.add(f"supervisor: CPU a second at {RATE} messages/s", "ms",
                [own * 1e3 for own in busy])
    figures.add("supervisor: CPU a message beyond what it takes without", "µs",
                [max(0, with_ - without) / RATE * 1e6
                 for without, with_ in zip(quiet, busy, strict=True)], at_most(0.02))


# ---- death to back at work ----

SYMBOLS = 1_000


def process_of(host, worker):
    """Its process number, when it is at work; None: it is not."""
    status = host.status() or {"workers": []}
    return next((its["process"] for its in status["workers"]
                 if its["name"] == worker and its["state"] == "running"), None)


def run_death(site, chance):
    """Seconds from the kill to the first signal of a message that had none. One death a host: the
    next ones would be waited with."""
    prefix = site.unique("death-") + "."
    site.create(prefix)
    host = site.new_host(prefix, sections={"take5": {"on_crash": "run"}})
    host.drop(strategy("momentum"))
    host.deploy("momentum", plugin="momentum", worker="one", window="1s", threshold=0.01,
                quiet="7d")
    host.start()
    host.wait_event("partitions.assigned", rf" {3 * PARTITIONS} ")
    stream = site.start_fill(prefix, 1_000_000_000, "-y", str(SYMBOLS), "-r", str(RATE),
                             "-X", "linger.ms=5")
    tail = Tail(f"{host.signals}.one")

    def has_new():
        site.require_kafka()
        return tail.read() != []

    def wait_signal():
        wait_for(lambda: f"a new signal; the log ends:\n{host.log_tail()}", has_new, 120, 0.005)

    wait_signal()
    time.sleep(2 + chance.random())  # offsets are committed every second
    process = process_of(host, "one")
    tail.read()
    start = time.monotonic()
    os.kill(process, signal.SIGKILL)
    tail.end()
    wait_signal()
    seconds = time.monotonic() - start
    stream.signal(15)
    stream.wait(60)
    host.stop()
    shutil.rmtree(host.directory, ignore_errors=True)
    site.delete(prefix)
    return seconds


def measure_deaths(site, plan, figures):
    chance, seconds = random.Random(12), []
    for number in range(plan.worker_deaths):
        site.progress.say(f"kill -9 of a worker, {number + 1} of {plan.worker_deaths}")
        seconds.append(run_death(site, chance))
    figures.add(f"kill -9 of a worker to its first new signal, momentum with {SYMBOLS} symbols at "
                f"{RATE} messages/s", "s", seconds, at_most(3))


# ---- a slow neighbour ----

LATENCY_RATE = 1_000
SLOW_MS = 50
# What the other worker's strategy takes of each message, in ns.
BESIDE = {"an idle one": 0, f"one of {SLOW_MS} ms a message": SLOW_MS * 1_000_000}


def run_beside(site, pause_ns, count):
    """Milliseconds by share, from before a message is sent to the callback."""
    prefix = site.unique("beside-") + "."
    site.create(prefix)
    host = site.new_host(prefix)
    eight(host, "aa", "other", burn=pause_ns, sleeps="yes")
    report = measuring(host, "zz", "one", [count], stamped="yes")
    host.start()
    for worker in ("one", "other"):
        host.wait_event("partitions.assigned", rf"\[{worker}\].* {3 * PARTITIONS} ")
    produce(site, prefix, LATENCY_RATE, count)
    site.wait_reports(host, [report], 60)
    if pause_ns > 0:
        require_lag(host)
    measured, = finish(site, host, [report])
    site.delete(prefix)
    return {share: ns / 1e6 for share, ns in measured["latencies"]}


def require_lag(host):
    """Otherwise there was no slow neighbour."""
    status = host.status()
    if not any(lag["worker"] == "other" and lag["lag"] > 0 for lag in status["lag"]):
        raise RuntimeError(f"the slow worker does not lag: {json.dumps(status['lag'])}")


def measure_neighbours(site, plan, figures):
    count = LATENCY_RATE * plan.seen_seconds
    rounds = {what: [] for what in BESIDE}
    for number in range(plan.seen_rounds):
        for what, pause_ns in BESIDE.items():
            site.progress.say(f"latency beside a worker, round {number + 1} of "
                              f"{plan.seen_rounds}: {what}")
            rounds[what].append(run_beside(site, pause_ns, count))
    idle, slow = rounds.values()
    for name in ("p50", "p99"):
        for what, its in rounds.items():
            figures.add(f"latency {name} at {LATENCY_RATE} messages/s in a worker beside {what}",
                        "ms", [shares[SHARES[name]] for shares in its])
    figures.add(f"latency p99 at {LATENCY_RATE} messages/s in a worker: beside one of {SLOW_MS} ms "
                "a message against beside an idle one", "ratio",
                ratios([shares[SHARES["p99"]] for shares in slow],
                       [shares[SHARES["p99"]] for shares in idle]), at_most(1.2, True))


def measure(site, plan, figures):
    measure_costs(site, plan, figures)
    measure_supervisor(site, plan, figures)
    measure_deaths(site, plan, figures)
    measure_neighbours(site, plan, figures)
