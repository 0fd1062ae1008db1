"""Without Kafka: decoding, and replay from a file."""
import json
import os
import subprocess

from .figures import at_least, at_most
from .site import paths, strategy, tool

NAMES = {
    "bar_trends": "bar_trends",
    "historic_stats": "historic_stats",
    "asset_trends": "asset_trends",
    "documented": "documented envelope",
    "bar_trends_64k": "a message of 64 KB",
    "three_topics": "the three topics in turn, 23 fields",
}
TYPICAL = "three_topics"
TYPICAL_BYTES = 460


def spread(entry):
    return [entry["min"], entry["median"], entry["max"]]


def measure_decode(site, plan, figures):
    site.progress.say("decoding alone, against cJSON")
    done = subprocess.run([tool("decode_bench"), str(plan.decode_rounds),
                           str(plan.decode_round_ms)],
                          check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    kinds = {entry["name"]: entry for entry in map(json.loads, done.stdout.splitlines())}
    typical = kinds[TYPICAL]
    figures.add("decode, the three topics in turn: faster than cJSON", "times",
                spread(typical["ratio"]), at_least(6))
    figures.add(f"decode, the three topics in turn: per {TYPICAL_BYTES} bytes", "µs",
                [ns * TYPICAL_BYTES / typical["bytes"] / 1e3
                 for ns in spread(typical["decode_ns"])], at_most(0.35))
    for kind, entry in kinds.items():
        name, size = NAMES[kind], entry["bytes"]
        for who, key in (("take5", "decode_ns"), ("cJSON", "cjson_ns")):
            figures.add(f"decode {name}: {who}", "ns/message", spread(entry[key]))
            figures.add(f"decode {name}: {who}", "MB/s",
                        [size / ns * 1e3 for ns in spread(entry[key])])
        figures.add(f"decode {name}: faster than cJSON", "times", spread(entry["ratio"]))
    return typical["decode_ns"]["median"]


# ---- replay ----

def make_file(site, count, name, *options):
    path = site.path(name)
    with open(path, "wb") as file:
        subprocess.run([paths.HOST, "feed", "-q", "--envelope", "production", "--symbols", "100",
                        "--count", str(count), *options], check=True, stdout=file, timeout=300)
    return path


def replay(site, path):
    folder = site.path("replay")
    ini = os.path.join(folder, "take5.ini")
    if not os.path.exists(folder):
        os.makedirs(os.path.join(folder, "strategies"))
        target = os.path.join(folder, "strategies", "eight.so")
        with open(strategy("eight"), "rb") as source, open(target, "wb") as file:
            file.write(source.read())
        with open(ini, "w", encoding="utf-8") as file:
            file.write(f"[take5]\nstrategy_dir = {folder}/strategies\n")
    done = subprocess.run([paths.HOST, "replay", "-c", ini, "--json", "-o", "/dev/null", path],
                          check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          timeout=300)
    return json.loads(done.stdout)["messages_per_s"]


def measure_replay(site, plan, figures, decode_ns):
    forms = {"plain lines": ["--plain"], "the form of kcat -J": []}
    rates = {form: [] for form in forms}
    files = {}
    for form, options in forms.items():
        site.progress.say(f"writing a recording of {plan.replay_messages:,} messages: {form}")
        files[form] = make_file(site, plan.replay_messages, f"{form[:5]}.jsonl", *options)
    for number in range(plan.replay_rounds):
        for form, path in files.items():
            site.progress.say(f"replay, round {number + 1} of {plan.replay_rounds}: {form}")
            rates[form].append(replay(site, path))
    for path in files.values():
        os.unlink(path)
    plain, kcat = rates["plain lines"], rates["the form of kcat -J"]
    least = min(1_500_000, 0.7 / decode_ns * 1e9)
    figures.add("replay of plain lines, 1 strategy of 8 fields, one lane", "messages/s", plain,
                at_least(round(least)))
    figures.add("replay of the form of kcat -J, 1 strategy of 8 fields, one lane", "messages/s",
                kcat, at_least(800_000))
