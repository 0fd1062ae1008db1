"""What decode_bench measured, as figures."""
from .figures import at_least, at_most

NAMES = {
    "bar_trends": "bar_trends",
    "historic_stats": "historic_stats",
    "asset_trends": "asset_trends",
    "documented": "documented envelope",
    "bar_trends_64k": "a message of 64 KB",
    "three_topics": "the three topics in turn",
}
TYPICAL = "three_topics"
TYPICAL_BYTES = 460


def spread(entry):
    return [entry["min"], entry["median"], entry["max"]]


# What decode_bench calls them, and people.
OTHERS = {"cjson": "cJSON", "ondemand": "simdjson on-demand", "dom": "simdjson DOM"}
TARGETS = {(TYPICAL, "cjson"): 6, (TYPICAL, "ondemand"): 1.5, ("bar_trends_64k", "ondemand"): 1}
NO_SIMDJSON = "simdjson is not installed"


def add(figures, kinds):
    typical = kinds[TYPICAL]
    for (kind, who), factor in TARGETS.items():
        add_spread(figures, f"decode, {NAMES[kind]}: faster than {OTHERS[who]}", "times",
                   kinds[kind][f"{who}_ratio"], at_least(factor))
    figures.add(f"decode, the three topics in turn: per {TYPICAL_BYTES} bytes", "µs",
                [ns * TYPICAL_BYTES / typical["bytes"] / 1e3
                 for ns in spread(typical["decode_ns"])], at_most(0.35))
    for kind, entry in kinds.items():
        for who, name in ({"decode": "take5"} | OTHERS).items():
            ns, what = entry[f"{who}_ns"], f"decode {NAMES[kind]}: {name}"
            add_spread(figures, what, "ns/message", ns)
            add_spread(figures, what, "MB/s", ns,
                       of=lambda ns, size=entry["bytes"]: size / ns * 1e3)
        for who, name in OTHERS.items():
            add_spread(figures, f"decode {NAMES[kind]}: faster than {name}", "times",
                       entry[f"{who}_ratio"])


def add_spread(figures, name, unit, entry, target=None, of=float):
    if entry is None:
        figures.add(name, unit, (), target, NO_SIMDJSON)
    else:
        figures.add(name, unit, map(of, spread(entry)), target)
