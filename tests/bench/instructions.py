#!/usr/bin/python3
"""Instructions a message, as callgrind counts them: they do not depend on who else uses the machine,
so a test can hold them.
    instructions.py TAKE5 STRATEGY BUNDLED_DIR COMPILER [--update]
Replays the synthetic feed through one strategy of 8 fields, and through the bundled trend and cross.
Fails when a count has grown by more than 5 % over the baseline in instructions.json, which is kept
for each compiler and libc; where there is none, it says so and is skipped (exit code 77). --update
writes the baseline."""
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile

MESSAGES = 4_000
ALLOWED_GROWTH = 0.05
SKIPPED = 77
BASELINE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "instructions.json")

DECODE, DISPATCH = "decoder_decode", "dispatch_record"  # the second calls the first
STRATEGY, EMIT = "on_message", "service_emit"           # likewise
MANY_SYMBOLS = 100
FEW_SYMBOLS = 4  # for what needs many points of one series: some 55 each


def prepare(folder, take5, strategy, symbols, settings=""):
    """The host, the configuration for that one strategy, and a recording."""
    recording, ini = os.path.join(folder, "feed.jsonl"), os.path.join(folder, "take5.ini")
    os.makedirs(os.path.join(folder, "strategies"))
    shutil.copy(strategy, os.path.join(folder, "strategies"))
    with open(ini, "w", encoding="utf-8") as file:
        file.write(f"[take5]\nstrategy_dir = {folder}/strategies\n{settings}")
    with open(recording, "wb") as file:
        subprocess.run([take5, "feed", "-q", "--plain", "--envelope", "production", "--symbols",
                        str(symbols), "--count", str(MESSAGES)], check=True, stdout=file)
    return take5, ini, recording


def count(take5, ini, recording, function, inner=None):
    """Instructions in `function` and all that it calls, those of them in `inner`, and what the
    replay says of itself. By their very names: what a compiler splits them into would be counted in
    part, and must rather not be found."""
    profile = ini + ".callgrind"
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", f"--callgrind-out-file={profile}",
         f"--toggle-collect={function}", take5, "replay", "-c", ini, "--json", "-o", "/dev/null",
         recording], capture_output=True, text=True, check=False)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or collected is None or int(collected.group(1)) == 0:
        sys.exit(f"callgrind did not count {function} (exit code {done.returncode}):\n"
                 f"{done.stderr}")
    summary = json.loads(done.stdout)
    if summary["messages"] != MESSAGES:
        sys.exit(f"{summary['messages']} messages were replayed, not {MESSAGES}")
    return int(collected.group(1)), cost_of_calls(profile, inner) if inner else 0, summary


def cost_of_calls(profile, function):
    """What all calls of the function cost. A name is written once, and is a number from there on.
    The linker may have made it another name by lto_priv: it is the whole function all the same."""
    wanted = re.compile(rf"c?fn=(\(\d+\)) {function}(\.lto_priv\.\d+)?\n")
    cost, is_called, number = 0, False, None
    with open(profile, encoding="utf-8") as file:
        for line in file:
            name = wanted.fullmatch(line)
            if name is not None:
                number = name.group(1)
            if line.startswith("cfn="):
                is_called = line[len("cfn="):].split()[0] == number
            elif line.startswith("calls=") and is_called:
                cost += int(next(file).split()[1])
    if cost == 0:
        sys.exit(f"callgrind saw no call of {function}")
    return cost


def count_host(folder, take5, strategy):
    replay = prepare(folder, take5, strategy, MANY_SYMBOLS)
    # Routing, the clock, the strategy: small beside decoding, so held apart from it.
    dispatched, decoded, _ = count(*replay, DISPATCH, DECODE)
    return {"decoded": decoded / MESSAGES, "dispatched": (dispatched - decoded) / MESSAGES}


def count_bundled(folder, take5, bundled, name, settings=""):
    """What the strategy does with a message, without emitting; and what a signal costs the lane."""
    replay = prepare(folder, take5, os.path.join(bundled, f"{name}.so"), FEW_SYMBOLS, settings)
    spent, emitting, summary = count(*replay, STRATEGY, EMIT)
    strategy = summary["strategies"][0]
    return {name: (spent - emitting) / strategy["messages"],
            f"a signal of {name}": emitting / strategy["signals"]}


def judge(found, baseline):
    """Gives whether nothing has grown too much."""
    is_good = True
    for what, now in found.items():
        before = baseline[what]
        growth = now / before - 1
        print(f"{what}: {now:.0f} instructions, the baseline is {before:.0f}: {growth:+.1%}")
        if growth > ALLOWED_GROWTH:
            print(f"FAILED: {what}: more than {ALLOWED_GROWTH:.0%} more instructions: "
                  f"{before:.0f} before, {now:.0f} now")
            is_good = False
        elif growth < -ALLOWED_GROWTH:
            print(f"fewer: keep it by {sys.argv[0]} ... --update")
    return is_good


def update(key, found):
    baselines = {}
    if os.path.exists(BASELINE):
        with open(BASELINE, encoding="utf-8") as file:
            baselines = json.load(file)
    baselines[key] = {what: round(now) for what, now in found.items()}
    with open(BASELINE, "w", encoding="utf-8") as file:
        json.dump(baselines, file, indent=2, sort_keys=True)
        file.write("\n")


def main():
    take5, strategy, bundled, compiler = sys.argv[1:5]
    if shutil.which("valgrind") is None:
        print("valgrind is not installed: nothing is counted")
        return SKIPPED
    key = f"{platform.machine()}, {compiler}, {os.confstr('CS_GNU_LIBC_VERSION')}"
    with tempfile.TemporaryDirectory(prefix="take5-") as folder:
        found = count_host(os.path.join(folder, "host"), take5, strategy)
        found |= count_bundled(os.path.join(folder, "trend"), take5, bundled, "trend")
        found |= count_bundled(os.path.join(folder, "cross"), take5, bundled, "cross",
                               "[strategy:cross]\nreport_none = yes\n")
    if "--update" in sys.argv[5:]:
        update(key, found)
        return 0
    with open(BASELINE, encoding="utf-8") as file:
        baselines = json.load(file)
    if key not in baselines:
        print(f"no baseline for {key}; found: "
              + ", ".join(f"{what}: {now:.0f} instructions" for what, now in found.items()))
        return SKIPPED
    return 0 if judge(found, baselines[key]) else 1


sys.exit(main())
