#!/usr/bin/python3
"""The benchmark; tests/bench/run.sh sets up what it needs and starts it.
    main.py [--quick] [--only PART,...] [--results FOLDER]"""
import argparse
import os
import signal
import sys

from parts import (alone, database, durable, latency, moments, plots, research, results, symbols,
                   throughput, warm_up, workers)
from parts.figures import Figures
from parts.plan import FULL, QUICK
from parts.rows import GROUPS
from parts.site import BUILD, HERE, Progress, Site

PARTS = ("throughput", "latency", "decode", "replay", "research", "symbols", "moments",
         "database", "durable", "warm_up", "workers")
# Of `durable`, alone.
PAUSES = "pauses"


def parse():
    parser = argparse.ArgumentParser(prog="run.sh", description="Measures take5.")
    parser.add_argument("--quick", action="store_true",
                        help="fewer messages, one round; results go into build/bench/results")
    parser.add_argument("--only", default=",".join(PARTS), metavar="PART,...",
                        help=f"of {', '.join(PARTS)}; or of throughput's rows only "
                             f"{', '.join(GROUPS)}; or of durable only {PAUSES}")
    parser.add_argument("--results", metavar="FOLDER",
                        help="where results go; of some parts only, they renew those figures there")
    options = parser.parse_args()
    options.only = options.only.split(",")
    for part in options.only:
        if part not in (*PARTS, *GROUPS, PAUSES):
            parser.error(f"{part} is none of {', '.join((*PARTS, *GROUPS, PAUSES))}")
    is_whole = set(PARTS) <= set(options.only)
    options.earlier = None if is_whole else read_earlier(parser, options.results)
    if options.results is None:
        is_whole = is_whole and not options.quick
        options.results = os.path.join(HERE if is_whole else BUILD, "results")
    return options


def read_earlier(parser, folder):
    """The results that a run of some parts renews, where it was told to."""
    path = folder and os.path.join(folder, "results.json")
    if path is None or not os.path.exists(path):
        return None
    earlier = results.read(path)
    try:
        results.require_same_machine(earlier)
    except results.OtherMachine as error:
        parser.error(f"{path}: {error}")
    return earlier


def measure(site, plan, figures, only, drawn):
    groups = GROUPS if "throughput" in only else [group for group in GROUPS if group in only]
    if groups:
        rows = throughput.measure(site, plan, figures, groups)
        if set(groups) == set(GROUPS):
            drawn["rows"] = rows
    if "latency" in only:
        drawn["latency"] = latency.measure(site, plan, figures)
    if "decode" in only or "replay" in only:
        decode_ns = alone.measure_decode(site, plan, figures)
    if "replay" in only:
        alone.measure_replay(site, plan, figures, decode_ns)
    if "research" in only:
        research.measure(site, plan, figures)
    if "database" in only:
        database.measure(site, plan, figures)
    if "durable" in only:
        durable.measure(site, plan, figures)
    elif PAUSES in only:
        durable.measure_pauses(site, plan, figures)
    if "warm_up" in only:
        warm_up.measure(site, plan, figures)
    if "workers" in only:
        workers.measure(site, plan, figures)
    if "symbols" in only or "moments" in only:
        tallies = symbols.fill(site, plan)
    if "symbols" in only:
        drawn["symbols"] = symbols.measure(site, plan, figures, tallies)
        symbols.measure_files(site, plan, figures, tallies[10]["partitions"])
    if "moments" in only:
        moments.measure_start(site, plan, figures, tallies[10])
        moments.measure_slow_lane(site, plan, figures, tallies[1_000])
        moments.measure_reload(site, plan, figures, tallies)


class Interrupted(BaseException):
    def __init__(self, number):
        super().__init__(number)
        self.number = number


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def ignore_signals():
    """What follows is short, and is to be finished."""
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def interrupt(number, _frame):
    """Raises in place of what the harness does, which ends at once: here is a folder to remove."""
    ignore_signals()
    raise Interrupted(number)


def run(options, figures, drawn):
    progress = Progress()
    site = None
    try:
        progress.say("starting Apache Kafka")
        site = Site(progress)
        measure(site, QUICK if options.quick else FULL, figures, options.only, drawn)
    except Exception:
        if site is not None and not site.kafka.process.is_running():
            print(f"Kafka ended; its log ends:\n{site.kafka.process.log_tail()}", file=sys.stderr)
        raise
    finally:
        ignore_signals()
        progress.end()
        if site is not None:
            site.close()


def main():
    options = parse()
    figures, drawn = Figures(), {}
    for number in SIGNALS:
        signal.signal(number, interrupt)
    try:
        run(options, figures, drawn)
    except Interrupted as interrupted:
        print(f"run.sh: {signal.Signals(interrupted.number).name}: nothing is written",
              file=sys.stderr)
        sys.exit(128 + interrupted.number)
    figures.print_table(sys.stdout)
    os.makedirs(options.results, exist_ok=True)
    results.write(os.path.join(options.results, "results.json"), figures.as_json(),
                  options.earlier)
    plots.draw(options.results, drawn)
    print(f"\nwritten: {options.results}", file=sys.stderr)


main()
