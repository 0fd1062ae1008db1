"""Without Kafka: what is done with recordings. Sweeps, and recordings that are packed."""
import json
import os
import subprocess
import time

from . import alone
from .figures import at_least, at_most
from .site import paths, strategy

DEPLOYMENT = "momentum"
# Windows by thresholds: as many points as the plan wants.
WINDOWS = 20


def timed(*arguments):
    """(seconds, what it printed)"""
    began = time.monotonic()
    done = subprocess.run([paths.HOST, *arguments], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, timeout=3600)
    return time.monotonic() - began, done.stdout


def sweep(path, points):
    """Seconds for all of them; each has its evaluation."""
    thresholds = points // WINDOWS
    seconds, said = timed("sweep", "-q", "--json",
                          "-p", f"{DEPLOYMENT}.window=1m:{WINDOWS}m:1m",
                          "-p", f"{DEPLOYMENT}.threshold=0.05:{0.05 * thresholds:g}:0.05",
                          strategy(DEPLOYMENT), path)
    found = json.loads(said)["points"]
    if len(found) != points or not all(point["parts"] for point in found):
        raise ValueError(f"{len(found)} points of {points}")
    return seconds


def evaluate(path):
    return timed("evaluate", "-q", "--json", strategy(DEPLOYMENT), path)[0]


def measure_sweep(site, plan, figures):
    site.progress.say(f"writing a recording of {plan.sweep_messages:,} messages to sweep over")
    path = alone.make_file(site, plan.sweep_messages, "sweep.jsonl", "--plain")
    cores = len(os.sched_getaffinity(0))
    seconds, ratios = [], []
    for number in range(plan.sweep_rounds):
        site.progress.say(f"sweep, round {number + 1} of {plan.sweep_rounds}: "
                          f"{plan.sweep_points:,} points")
        single = evaluate(path)
        seconds.append(sweep(path, plan.sweep_points))
        ratios.append(single * plan.sweep_points / cores / seconds[-1])
    os.unlink(path)
    what = f"sweep of {plan.sweep_points:,} points over {plan.sweep_messages:,} messages"
    evaluated = plan.sweep_points * plan.sweep_messages / 1e6
    figures.add(what, "s", seconds)
    figures.add(f"{what}: rate", "million messages evaluated/s",
                [evaluated / each for each in seconds])
    # What it consists of: that many evaluations, one after the other on each core.
    figures.add(f"{what}: faster than single evaluations on {cores} cores", "times", ratios,
                at_least(1))


def pack(path):
    packed = f"{path}.zst"
    subprocess.run(["zstd", "-q", "-f", "-3", path, "-o", packed], check=True, timeout=600)
    return packed


def measure_packed(site, plan, figures):
    site.progress.say(f"writing a recording of {plan.replay_messages:,} messages to pack")
    plain = alone.make_file(site, plan.replay_messages, "pack.jsonl", "--plain")
    packed = pack(plain)
    share = os.path.getsize(packed) / os.path.getsize(plain)
    rates = {plain: [], packed: []}
    for number in range(plan.replay_rounds):
        for path, values in rates.items():
            site.progress.say(f"replay, round {number + 1} of {plan.replay_rounds}: "
                              f"{os.path.basename(path)}")
            values.append(alone.replay(site, path, ("eight",)))
    for path in rates:
        os.unlink(path)
    what = "replay of plain lines packed with zstd, 1 strategy of 8 fields, one lane"
    figures.add(what, "messages/s", rates[packed])
    figures.add(f"{what}: throughput against the same lines unpacked", "times",
                [zst / raw for zst, raw in zip(rates[packed], rates[plain])])
    figures.add("size of plain lines packed with zstd (level 3), of the unpacked", "share", [share])


def replays(path, count):
    """Seconds of so many replays that run at once."""
    began = time.monotonic()
    running = [subprocess.Popen([paths.HOST, "replay", "-q", "-o", "/dev/null",
                                 strategy(DEPLOYMENT), path], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL) for _ in range(count)]
    if any([process.wait(300) for process in running]):
        raise ValueError("a replay failed")
    return time.monotonic() - began


# What each command consists of: replays. And how much longer than these it may take: evaluate and
# report also gather and sort all prices.
REPLAYS = {"evaluate": 1, "report": 1, "diff": 2}
MOST = {"evaluate": 1.5, "report": 1.5, "diff": 1.25}


def command(site, name, path):
    one = strategy(DEPLOYMENT)
    arguments = {"evaluate": ("--json", one), "report": ("-o", site.path("report.html"), one),
                 "diff": ("--json", one, one)}[name]
    return timed(name, "-q", *arguments, path)[0]


def measure_commands(site, plan, figures):
    site.progress.say(f"writing a recording of {plan.replay_messages:,} messages")
    path = alone.make_file(site, plan.replay_messages, "research.jsonl", "--plain")
    ratios = {name: [] for name in REPLAYS}
    for number in range(plan.replay_rounds):
        for name, values in ratios.items():
            site.progress.say(f"{name}, round {number + 1} of {plan.replay_rounds}")
            values.append(command(site, name, path) / replays(path, REPLAYS[name]))
    os.unlink(path)
    for name, values in ratios.items():
        count = REPLAYS[name]
        figures.add(f"{name}: time against {'a replay' if count == 1 else 'two replays at once'} "
                    "of the same messages", "times", values, at_most(MOST[name]))


def measure(site, plan, figures):
    measure_commands(site, plan, figures)
    measure_packed(site, plan, figures)
    measure_sweep(site, plan, figures)
