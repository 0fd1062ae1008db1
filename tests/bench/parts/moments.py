"""What takes a moment: a reload's pause, the start, and a lane slower than its client."""
import json
import time

from . import rows, symbols, throughput
from .figures import at_most
from .site import measuring, strategy

TARGETS_MS = {1_000: 0.5, 100_000: 25}
STREAM_RATE = 20_000
BURN_NS = 5_000


# ---- reload ----

def drop_build(host, plugin, number):
    """Two builds of momentum differ in their hash alone; of others the file is changed."""
    if plugin == "momentum":
        host.drop(strategy(f"momentum_build_{1 + number % 2}"), "momentum.so")
        return
    target = host.drop(strategy(plugin))
    with open(target, "ab") as file:  # behind the ELF's own end
        file.write(bytes(1 + number % 2))


def run_reloads(site, plugin, count, rounds, tally, **parameters):
    """Pauses in milliseconds: the lanes' own, and with what the rehearsals' saves took."""
    prefix = symbols.prefix_of(count)
    host = site.new_host(prefix, sections={"signals": {"sinks": "jsonl"}})
    drop_build(host, plugin, 0)
    host.deploy(plugin, plugin=plugin, **parameters)
    host.start()
    host.wait_status("all messages to be read",
                     lambda status: status["totals"]["messages"] >= tally["messages"], 120)
    stream = site.start_fill(prefix, 1_000_000_000, "-y", str(count), "-u",
                             "-r", str(STREAM_RATE))
    pauses, with_saves = [], []
    for number in range(1, rounds + 1):
        drop_build(host, plugin, number)
        time.sleep(0.2)  # the stream between two reloads
        code, out, err = host.ctl("reload", "--json")
        said = json.loads(out) if code == 0 else None
        if said is None or said["deployments"][0]["outcome"] != "replaced":
            raise RuntimeError(f"the reload went wrong: {out}{err}\n{host.log_tail()}")
        pauses.append(said["pause_ms"])
        with_saves.append(said["pause_ms"] + said["save_ms"])
    stream.signal(15)
    stream.wait(60)
    host.stop()
    return pauses, with_saves


def measure_reload(site, plan, figures, tallies):
    for count, target_ms in TARGETS_MS.items():
        site.progress.say(f"reloads of momentum with {count:,} symbols of state")
        pauses, with_saves = run_reloads(site, "momentum", count, plan.reload_rounds,
                                         tallies[count], threshold=100, quiet="7d")
        figures.add(f"reload's pause, momentum with {count} symbols, the rehearsal's save "
                    "included", "ms", with_saves, at_most(target_ms))
        figures.add(f"reload's pause, momentum with {count} symbols, lanes held", "ms", pauses)
    for count in TARGETS_MS:
        site.progress.say(f"reloads of trend with {count:,} symbols of state")
        _, with_saves = run_reloads(site, "trend", count, max(3, plan.reload_rounds // 3),
                                    tallies[count])
        figures.add(f"reload's pause, trend with {count} symbols, the rehearsal's save included",
                    "ms", with_saves)


# ---- start ----

def measure_start(site, plan, figures, tally):
    """From the program's start to the first message in on_message: the group's join included."""
    values = {"take5": [], "floor": []}
    for number in range(plan.symbol_rounds):
        site.progress.say(f"start to first message, round {number + 1} of {plan.symbol_rounds}")
        host = site.new_host(symbols.prefix_of(10))
        report = measuring(host, tally["partitions"])
        start = time.monotonic_ns()
        host.start()
        values["take5"].append((site.finish_host(host, report)["first_ns"] - start) / 1e6)
        start = time.monotonic_ns()
        result = site.run_consumer("c", "count", symbols.prefix_of(10), 1_000)
        values["floor"].append((result["first_ns"] - start) / 1e6)
    for name, milliseconds in values.items():
        figures.add(f"start to first message: {name}", "ms", milliseconds)


# ---- a lane slower than its client ----

def measure_slow_lane(site, plan, figures, tally):
    results = []
    for number in range(plan.slow_lane_rounds):
        site.progress.say(f"a strategy of {BURN_NS / 1000:g} µs a message, round {number + 1} of "
                          f"{plan.slow_lane_rounds}: what waits is bounded")
        results.append(throughput.take5(site, symbols.prefix_of(1_000), tally["partitions"],
                                        burn=BURN_NS))
    figures.add(f"a strategy of {BURN_NS / 1000:g} µs a message: throughput", "messages/s",
                [rows.speed(result) for result in results])
    figures.add(f"a strategy of {BURN_NS / 1000:g} µs a message: memory", "MB",
                [rows.megabytes(result) for result in results])
