"""Signals into PostgreSQL: a signal of eight numbers for each message, as rows of a table."""
import os
import time

from .site import measuring, wait_for

from harness.postgres import Postgres  # noqa: E402 (found by .site)

TICK_US = 1e6 / os.sysconf("SC_CLK_TCK")
PREFIX = "database-"


def stat_of(pid):
    """(parent, CPU in µs of the process and of those of its children that it has waited for)."""
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        fields = file.read().rpartition(")")[2].split()
    return int(fields[1]), sum(map(int, fields[11:15])) * TICK_US


def cpu_of_server(postmaster):
    """Of the server's processes, also of those that are gone."""
    total = stat_of(postmaster)[1]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            parent, cpu = stat_of(pid)
        except OSError:
            continue
        total += cpu if parent == postmaster else 0
    return total


def run(site, database, tally, count):
    """(signals/s, CPU of take5 and of PostgreSQL in µs a signal) of all of them, until all are
    acknowledged."""
    table = site.unique("signals_")
    host = site.new_host(PREFIX, sections={
        "signals": {"sinks": "postgres"},
        "sink:postgres": database.section(site.directory, table=table)})
    report = measuring(host, tally["partitions"], signals="yes")
    before = cpu_of_server(database.process.pid)
    host.start()

    def is_done():
        site.require_kafka()
        status = host.status()
        return status is not None and status["sinks"][0]["confirmed"] >= count

    host.wait_event("reload.summary")
    wait_for(lambda: f"all signals; the log ends:\n{host.log_tail()}", is_done, 600, 0.02)
    end = time.monotonic_ns()
    cpu = stat_of(host.process.pid)[1]
    server = cpu_of_server(database.process.pid) - before
    first = site.finish_host(host, report)["first_ns"]
    rows = database.count(table)
    if rows != count:
        raise RuntimeError(f"{count} signals are {rows} rows")
    database.ask(f"DROP TABLE {table}")
    return count / ((end - first) / 1e9), cpu / count, server / count


def measure(site, plan, figures):
    count = plan.database_messages
    site.progress.say(f"filling {count:,} messages for PostgreSQL")
    tally = site.fill(PREFIX, count)
    database = Postgres()
    try:
        results = []
        for number in range(plan.database_rounds):
            site.progress.say(f"signals into PostgreSQL, round {number + 1} of "
                              f"{plan.database_rounds}")
            results.append(run(site, database, tally, count))
    finally:
        database.close()
        site.delete(PREFIX)
    rates, cpus, servers = zip(*results, strict=True)
    name = "a signal of 8 numbers for every message, into PostgreSQL"
    figures.add(f"throughput: {name}", "signals/s", rates)
    figures.add(f"CPU of take5: {name}", "µs a signal", cpus)
    figures.add(f"CPU of PostgreSQL: {name}", "µs a signal", servers)
