"""The rows side by side: messages a second, CPU, memory, ratio to the floor."""
import os

from . import rows, same
from .rows import GUARANTEES, STORES, Row, take5_name
from .site import HERE, PEER_WHY, measuring, strategy

# Of a peer's messages, those that go by before it is measured: by then what Java compiles at run
# time has been.
WARM = 0.25


def sections_of(site, sink, delivery, store, others):
    sections = {"signals": {"sinks": sink, "delivery": delivery},
                "checkpoint": {"store": store}, **(others or {})}
    if sink == "kafka":
        sections["sink:kafka"] = {"topic": site.create_signals()}
    if store == "kafka":
        sections["checkpoint"]["topic"] = site.unique("states-")
    return sections


def take5(site, prefix, totals, strategies=1, others=(), lanes=1, own_files=False, sink="jsonl",
          delivery="at_least_once", store="directory", settings=None, **parameters):
    """`strategies` of 8 fields; the last of them measures. 0: it wants no fields. They are
    deployments of one plugin, or each of a file of its own. `settings` are sections of the
    configuration."""
    sections = sections_of(site, sink, delivery, store, settings)
    host = site.new_host(prefix, lanes=lanes, sections=sections)
    for name in others:
        host.drop(strategy(name))
        host.deploy(name, plugin=name)
    if "console" in others:  # what it prints is many times what it reads
        os.symlink(os.devnull, os.path.join(host.directory, "stdout"))
    for i in range(1, strategies):
        name = f"e{i:04}"
        if own_files:
            drop_as(host, name)
        host.deploy(name, plugin=name if own_files else "eight")
    report = measuring(host, totals, fields="yes" if strategies > 0 else "no", **parameters)
    host.start()
    result = site.finish_host(host, report)
    if sink == "kafka":
        site.delete_signals(sections["sink:kafka"]["topic"])
    if store == "kafka":
        site.kafka.delete(sections["checkpoint"]["topic"])
    return result


def start_python(site, prefix, script, count, **variables):
    """One that measures as service.py does; in the main process, as what it is compared with. Gives
    the host and where its report will be."""
    host = site.new_host(prefix)
    report = f"{host.directory}.json"
    host.drop(strategy("python"))
    host.deploy("script", plugin="python", worker="main", path=HERE,
                file=os.path.join(HERE, "strategies", script))
    host.start(TAKE5_BENCH_COUNT=str(count), TAKE5_BENCH_REPORT=report, **variables)
    return host, report


def python(site, prefix, script, count):
    return site.finish_host(*start_python(site, prefix, script, count))


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

    def bundled(*names, **options):
        return host(strategies=0, others=names, **options)

    def streams(store, guarantee):
        return lambda: site.run_streams(store, guarantee, "", plan.peer_messages,
                                        round(WARM * plan.peer_messages))

    return [
        Row(rows.FLOOR, None, consumer("c", "count", plan.messages)),
        Row(take5_name(0), "strategies", host(strategies=0)),
        Row(take5_name(1), "strategies", host()),
        Row(take5_name(10), "strategies", host(strategies=10)),
        Row(take5_name(100), "strategies", host(strategies=100)),
        Row(rows.TWO_LANES, "strategies", host(lanes=2)),
        Row(rows.CONSOLE, "bundled", bundled("console")),
        Row(rows.MOMENTUM, "bundled", bundled("momentum")),
        Row(rows.TREND, "bundled", bundled("trend")),
        Row(rows.CROSS, "bundled", bundled("cross")),
        Row(rows.TREND_CROSS, "bundled", bundled("trend", "cross")),
        Row(rows.SIGNALS_FILE, "signals", host(signals="yes")),
        Row(rows.SIGNALS_KAFKA, "signals", host(signals="yes", sink="kafka")),
        Row(rows.NO_CHECKPOINTS, "durable",
            bundled("momentum", settings={"take5": {"keep_state": "no"}})),
        Row(rows.CHECKPOINTS, "durable",
            bundled("momentum", settings={"checkpoint": {"interval": "1s"}})),
        Row(rows.SELDOM_LEAST, "durable", host(signals="yes", every=200, sink="kafka")),
        Row(rows.SELDOM_ONCE, "durable",
            host(signals="yes", every=200, sink="kafka", delivery="exactly_once")),
        Row(rows.CJSON, "services", consumer("c", "cjson", plan.slow_messages)),
        Row(rows.POLL, "services", consumer("python", "poll", plan.slow_messages)),
        Row(rows.BATCH, "services", consumer("python", "batch", plan.slow_messages)),
        Row(rows.PYTHON_OLD, "services",
            lambda: python(site, "", "python_old.py", plan.slow_messages)),
        Row(rows.PYTHON_NATIVE, "services",
            lambda: python(site, "", "python_native.py", plan.slow_messages)),
        Row(rows.MOMENTUM_KAFKA, "peers", bundled("momentum", sink="kafka", store="kafka")),
        Row(rows.MOMENTUM_ONCE, "peers",
            bundled("momentum", sink="kafka", store="kafka", delivery="exactly_once")),
        *(Row(rows.streams_name(store, guarantee), "peers", streams(store, guarantee),
              PEER_WHY["streams"])
          for guarantee in GUARANTEES for store in STORES),
        Row(rows.QUIX, "peers", lambda: site.run_quix("", plan.slow_messages), PEER_WHY["quix"]),
    ]


DELIVERIES = {"take5": "at_least_once", "take5, exactly once": "exactly_once"}


def require_same_work(site):
    """What momentum and those peers that are here make of a few messages."""
    if all(PEER_WHY.values()):
        return
    site.progress.say("whether momentum and its peers give the same signals")
    count, prefix, names = 30_000, "same.", []
    site.collected = []
    tally = site.fill(prefix, count)
    for name, delivery in DELIVERIES.items():
        names.append(name)
        take5(site, prefix, tally["partitions"], strategies=0, others=("momentum",), sink="kafka",
              store="kafka", delivery=delivery)
    if PEER_WHY["streams"] is None:
        names.append("Kafka Streams")
        site.run_streams("memory", "at_least_once", prefix, count, 0)
    if PEER_WHY["quix"] is None:
        names.append("Quix Streams")
        site.run_quix(prefix, count)
    ours, *theirs = site.collected
    site.collected = None
    same.require(ours, dict(zip(names[1:], theirs, strict=True)))


def measure(site, plan, figures, groups):
    """Gives the rows, for the plots."""
    if "peers" in groups:
        require_same_work(site)
    site.progress.say(f"filling three topics with {plan.messages:,} messages")
    tally = site.fill("", plan.messages)
    figures.add("size of a message", "bytes", [tally["bytes"] / tally["messages"]])
    chosen = rows.choose(rows_of(site, plan, tally["partitions"]), groups)
    for row in chosen:
        if row.why is not None:
            site.progress.say(f"not measured: {row.name}: {row.why}")
    # What is first meets a broker that has served nobody yet.
    site.progress.say("throughput: warming the broker")
    chosen[0].run()
    for number in range(plan.rounds):
        for row in rows.in_turn(chosen, number, plan.rounds):
            site.progress.say(f"throughput, round {number + 1} of {plan.rounds}: {row.name}")
            row.results.append(row.run())
    rows.add_headlines(figures, chosen)
    rows.add_rows(figures, chosen)
    return chosen
