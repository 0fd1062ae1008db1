#!/usr/bin/python3
"""Instructions a message, as callgrind counts them: they do not depend on who else uses the machine,
so a test can hold them.
    instructions.py TAKE5 STRATEGY COMPILER [--update]
Replays the synthetic feed through one strategy of 8 fields. Fails when a count has grown by more
than 5 % over the baseline in instructions.json, which is kept for each compiler and libc; where
there is none, it says so and is skipped (exit code 77). --update writes the baseline."""
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


def prepare(folder, take5, strategy):
    recording, ini = os.path.join(folder, "feed.jsonl"), os.path.join(folder, "take5.ini")
    os.makedirs(os.path.join(folder, "strategies"))
    shutil.copy(strategy, os.path.join(folder, "strategies"))
    with open(ini, "w", encoding="utf-8") as file:
        file.write(f"[take5]\nstrategy_dir = {folder}/strategies\n")
    with open(recording, "wb") as file:
        subprocess.run([take5, "feed", "-q", "--plain", "--envelope", "production", "--symbols",
                        "100", "--count", str(MESSAGES)], check=True, stdout=file)
    return recording, ini


def count(take5, ini, recording, function):
    """Instructions a message in `function` and all that it calls. By its very name: what a compiler
    splits it into would be counted in part, and must rather not be found."""
    done = subprocess.run(
        ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
         f"--toggle-collect={function}", take5, "replay", "-c", ini, "--json", "-o", "/dev/null",
         recording], capture_output=True, text=True, check=False)
    collected = re.search(r"Collected : (\d+)", done.stderr)
    if done.returncode != 0 or collected is None or int(collected.group(1)) == 0:
        sys.exit(f"callgrind did not count {function} (exit code {done.returncode}):\n"
                 f"{done.stderr}")
    messages = json.loads(done.stdout)["messages"]
    if messages != MESSAGES:
        sys.exit(f"{messages} messages were replayed, not {MESSAGES}")
    return int(collected.group(1)) / messages


def judge(found, baseline):
    """Gives whether nothing has grown too much."""
    is_good = True
    for what, now in found.items():
        before = baseline[what]
        growth = now / before - 1
        print(f"{now:.0f} instructions a message {what}, the baseline is {before:.0f}: "
              f"{growth:+.1%}")
        if growth > ALLOWED_GROWTH:
            print(f"FAILED: more than {ALLOWED_GROWTH:.0%} more instructions a message {what}: "
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
    take5, strategy, compiler = sys.argv[1:4]
    if shutil.which("valgrind") is None:
        print("valgrind is not installed: nothing is counted")
        return SKIPPED
    key = f"{platform.machine()}, {compiler}, {os.confstr('CS_GNU_LIBC_VERSION')}"
    with tempfile.TemporaryDirectory(prefix="take5-") as folder:
        recording, ini = prepare(folder, take5, strategy)
        decoded = count(take5, ini, recording, DECODE)
        # Routing, the clock, the strategy: small beside decoding, so held apart from it.
        dispatched = count(take5, ini, recording, DISPATCH) - decoded
        found = {"decoded": decoded, "dispatched": dispatched}
    if "--update" in sys.argv[4:]:
        update(key, found)
        return 0
    with open(BASELINE, encoding="utf-8") as file:
        baselines = json.load(file)
    if key not in baselines:
        print(f"no baseline for {key}; found: "
              + ", ".join(f"{now:.0f} instructions a message {what}"
                          for what, now in found.items()))
        return SKIPPED
    return 0 if judge(found, baselines[key]) else 1


sys.exit(main())
