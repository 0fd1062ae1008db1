"""What more symbols cost: the lane's CPU time a message, symbols all alike."""
from . import throughput
from .figures import at_most
from .rows import lane_ns
from .site import measuring, strategy

WARM = 60  # percent of the messages that go by first: by then every symbol has come


def prefix_of(count):
    return f"symbols-{count}."


def fill(site, plan):
    tallies = {}
    for count, messages in plan.symbol_messages.items():
        site.progress.say(f"filling topics with {messages:,} messages of {count:,} symbols")
        tallies[count] = site.fill(prefix_of(count), messages, "-y", str(count), "-u")
    return tallies


def run_eight(site, count, totals, **options):
    """Without state: the host's own cost, and that of reading fields."""
    return throughput.take5(site, prefix_of(count), totals, warm=WARM, **options)


def run_momentum(site, count, totals):
    """With state for each symbol, and nothing to say."""
    host = site.new_host(prefix_of(count))
    host.drop(strategy("momentum"))
    host.deploy("momentum", plugin="momentum", threshold=100, quiet="7d")
    report = measuring(host, totals, fields="no", warm=WARM)
    host.start()
    return site.finish_host(host, report)


def measure_files(site, plan, figures, totals):
    """What a further plugin costs whose code is its own, which deployments of one plugin share."""
    files, values = 100, []
    for number in range(plan.symbol_rounds):
        site.progress.say(f"cost of {files} plugins, round {number + 1} of {plan.symbol_rounds}")
        one = run_eight(site, 10, totals)
        many = run_eight(site, 10, totals, strategies=files, own_files=True)
        values.append((lane_ns(many) - lane_ns(one)) / (files - 1))
    figures.add("each further plugin that reads 8 fields, in a file of its own: lane's CPU, from 1 "
                f"to {files}", "ns/message", values)


def measure(site, plan, figures, tallies):
    """Gives ns a message, for the plots: {strategy: {symbols: [ns, ...]}}."""
    runs = {"momentum": run_momentum, "8 fields": run_eight}
    costs = {name: {count: [] for count in tallies} for name in runs}
    for number in range(plan.symbol_rounds):
        for count, tally in tallies.items():
            for name, run in runs.items():
                site.progress.say(f"cost by symbols, round {number + 1} of {plan.symbol_rounds}: "
                                  f"{name}, {count:,} symbols")
                result = run(site, count, tally["partitions"])
                costs[name][count].append(lane_ns(result))
    few, many = min(tallies), max(tallies)
    for name, by_count in costs.items():
        figures.add(f"cost with {many} symbols against {few}: {name}", "ratio",
                    [b / a for a, b in zip(by_count[few], by_count[many], strict=True)],
                    at_most(1.3) if name == "momentum" else None)
        for count, values in by_count.items():
            figures.add(f"lane's CPU with {count} symbols: {name}", "ns/message", values)
    return costs
