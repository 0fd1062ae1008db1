"""Compares what trend and cross say with what they must say.
    python3 expectations.py RUN_STRATEGY STRATEGY_DIR

Over a generated feed of 24 000 messages; every signal must be there, in order, with every number
equal to 1e-12 relative, and byte for byte the same when the instance is thrown away and loaded from
its state on the way.
"""

import collections
import json
import os
import subprocess
import sys

import formulas
import market

COUNT = 24000
RELATIVE = 1e-12


def is_equal(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(is_equal(a[key], b[key]) for key in a)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b or abs(a - b) <= RELATIVE * max(abs(a), abs(b))
    return type(a) is type(b) and a == b


def run(program, strategy, lines, *arguments):
    done = subprocess.run([program, strategy, *arguments], input=lines, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        sys.exit("%s: exit %d\n%s" % (strategy, done.returncode,
                                      done.stderr.decode(errors="replace")[:4000]))
    return done.stdout


def compare(what, expected, output):
    actual = [json.loads(line) for line in output.splitlines()]
    for number, (e, a) in enumerate(zip(expected, actual)):
        if not is_equal(e, a):
            sys.exit("%s: signal %d differs\nexpected %s\nsaid     %s" %
                     (what, number, json.dumps(e, sort_keys=True), json.dumps(a, sort_keys=True)))
    if len(expected) != len(actual):
        sys.exit("%s: %d signals expected, %d said" % (what, len(expected), len(actual)))
    print("%s: %d signals agree" % (what, len(expected)))


def want(what, counts, *names):
    """A feed that leaves a case out would prove nothing of it."""
    print("  %s" % ", ".join("%s %d" % item for item in sorted(counts.items())))
    missing = [name for name in names if counts[name] == 0]
    if missing:
        sys.exit("%s: the feed gives no case of %s" % (what, ", ".join(missing)))


def main():
    program, directory = sys.argv[1:]
    records = market.feed(seed=5, count=COUNT)
    lines = "".join(json.dumps(record) + "\n" for record in records).encode()

    strategy = os.path.join(directory, "trend.so")
    cases = {
        "trend": ({}, []),
        "trend, other parameters": (
            {"window": 20 * 60 * 10**9, "interval": 10 * 10**9, "span": 5 * 60 * 10**9,
             "min_points": 3, "flat_share": 0.01, "flat_strength": 0.25, "strength_scale": 20,
             "volatile_ratio": 1.5, "volatile_factor": 0.75},
            ["window=20m", "interval=10s", "span=5m", "min_points=3", "flat_share=0.01",
             "flat_strength=0.25", "strength_scale=20", "volatile_ratio=1.5",
             "volatile_factor=0.75"]),
    }
    for what, (changes, arguments) in cases.items():
        expected = formulas.trend(records, **changes)
        output = run(program, strategy, lines, *arguments)
        compare(what, expected, output)
        counts = collections.Counter(signal["data"]["direction"] for signal in expected)
        counts["fewer prices than points"] = sum(
            signal["data"]["prices"] < signal["data"]["points"] for signal in expected)
        counts["too old"] = sum(signal["data"]["ignored"] > 0 for signal in expected)
        want(what, counts, "UP", "DOWN", "FLAT", "VOLATILE", "fewer prices than points", "too old")
        if run(program, strategy, lines, *arguments, "--reload", "1000") != output:
            sys.exit("%s: says something else when it is reloaded" % what)

    strategy = os.path.join(directory, "cross.so")
    cases = {
        "cross": ({"report_none": False}, []),
        "cross, none reported": ({}, ["report_none=yes"]),
        "cross, same time": ({"require_same_time": True},
                             ["report_none=yes", "require_same_time=yes"]),
        "cross, other parameters": (
            {"min_t": 3, "parallel": 0.01, "max_ahead": 600, "min_angle": 0.1,
             "confidence_scale": 20},
            ["report_none=yes", "min_t=3", "parallel=0.01", "max_ahead=10m", "min_angle=0.1",
             "confidence_scale=20"]),
    }
    # No "death": of lines that cross ahead the rule of host/doc/messages.md makes a golden one always.
    reasons = ["not_significant", "parallel", "past", "too_far", "shallow"]
    wanted = {
        "cross": ["golden"],
        "cross, same time": ["golden", "not_same_time"],
    }
    for what, (changes, arguments) in cases.items():
        expected = formulas.cross(records, **changes)
        output = run(program, strategy, lines, *arguments)
        compare(what, expected, output)
        counts = collections.Counter(signal["data"].get("reason", signal["data"]["type"])
                                     for signal in expected)
        want(what, counts, *wanted.get(what, ["golden"] + reasons))
        if run(program, strategy, lines, *arguments, "--reload", "1000") != output:
            sys.exit("%s: says something else when it is reloaded" % what)


if __name__ == "__main__":
    main()
