"""Whether those that are compared do the same work: the same messages give the same signals."""
import json
import math


def signals_of(records):
    """{(name, symbol, event time): value}. Silence is left out: one peer has no timers, the other
    looks for it from time to time."""
    signals = (json.loads(record["payload"]) for record in records)
    return {(signal["name"], signal["symbol"], signal["event_time_ns"]): signal["value"]
            for signal in signals if signal["name"] != "momentum_quiet"}


def require(records, peers):
    """`peers` are records by name; raises when one of them says other things than `records`."""
    ours = signals_of(records)
    if not ours:
        raise RuntimeError("take5's momentum gave no signals: there is nothing to compare")
    for name, theirs in peers.items():
        theirs = signals_of(theirs)
        wrong = sorted(ours.keys() ^ theirs.keys()) or [
            key for key, value in ours.items()
            if not math.isclose(value, theirs[key], rel_tol=1e-9, abs_tol=1e-9)]
        if wrong:
            raise RuntimeError(
                f"{name} computes something else than take5's momentum: {len(ours)} signals here, "
                f"{len(theirs)} there, {len(wrong)} differ, the first: {wrong[0]}: "
                f"{ours.get(wrong[0])} here, {theirs.get(wrong[0])} there")
