"""Without Kafka: decoding, and replay from a file."""
import json
import os
import shutil
import subprocess

from . import decode
from .figures import at_least
from .site import paths, strategy, tool


def measure_decode(site, plan, figures):
    site.progress.say("decoding alone, against cJSON and simdjson")
    done = subprocess.run([tool("decode_bench"), str(plan.decode_rounds),
                           str(plan.decode_round_ms)],
                          check=True, stdout=subprocess.PIPE, text=True, timeout=600)
    kinds = {entry["name"]: entry for entry in map(json.loads, done.stdout.splitlines())}
    decode.add(figures, kinds)
    return kinds[decode.TYPICAL]["decode_ns"]["median"]


# ---- replay ----

def make_file(site, count, name, *options):
    path = site.path(name)
    with open(path, "wb") as file:
        subprocess.run([paths.HOST, "feed", "-q", "--envelope", "production", "--symbols", "100",
                        "--count", str(count), *options], check=True, stdout=file, timeout=300)
    return path


def replay(site, path, plugins):
    """Messages a second."""
    folder = site.path("replay-" + "-".join(plugins))
    ini = os.path.join(folder, "take5.ini")
    if not os.path.exists(folder):
        os.makedirs(os.path.join(folder, "strategies"))
        for name in plugins:
            shutil.copy(strategy(name), os.path.join(folder, "strategies"))
        with open(ini, "w", encoding="utf-8") as file:
            file.write(f"[take5]\nstrategy_dir = {folder}/strategies\n")
    done = subprocess.run([paths.HOST, "replay", "-c", ini, "--json", "-o", "/dev/null", path],
                          check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          timeout=300)
    return json.loads(done.stdout)["messages_per_s"]


FORMS = {"plain lines": ["--plain"], "the form of kcat -J": []}
# Plugins by what they are called.
PLUGINS = {"1 strategy of 8 fields": ("eight",), "trend and cross": ("trend", "cross")}


def measure_replay(site, plan, figures, decode_ns):
    runs = [(form, plugins) for plugins in PLUGINS for form in FORMS]
    rates = {run: [] for run in runs}
    files = {}
    for form, options in FORMS.items():
        site.progress.say(f"writing a recording of {plan.replay_messages:,} messages: {form}")
        files[form] = make_file(site, plan.replay_messages, f"{form[:5]}.jsonl", *options)
    for number in range(plan.replay_rounds):
        for form, plugins in runs:
            site.progress.say(f"replay, round {number + 1} of {plan.replay_rounds}: {form}, "
                              f"{plugins}")
            rates[form, plugins].append(replay(site, files[form], PLUGINS[plugins]))
    for path in files.values():
        os.unlink(path)
    targets = {
        ("plain lines", "1 strategy of 8 fields"):
            at_least(round(min(1_500_000, 0.7 / decode_ns * 1e9))),
        ("the form of kcat -J", "1 strategy of 8 fields"): at_least(800_000),
        ("plain lines", "trend and cross"): at_least(800_000),
    }
    for (form, plugins), values in rates.items():
        figures.add(f"replay of {form}, {plugins}, one lane", "messages/s", values,
                    targets.get((form, plugins)))
