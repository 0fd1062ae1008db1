"""What `trend` and `cross` must say, in the words of host/doc/messages.md and in the plainest way.

Nothing here was taken from the strategies' sources. Every signal is a dictionary with the line
(offset) of the message that it belongs to.
"""

import datetime
import json
import math
import re

NS_PER_MS = 1000000
NS_PER_S = 1000000000
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)


# ---- the envelope ----

def number(value):
    """The value as a finite number, else None: null, text and true are absent."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) else None


def look(message, *path):
    for step in path:
        if not isinstance(message, dict) or step not in message:
            return None
        message = message[step]
    return message


def integer(value):
    """For times and time frames: integers, integral doubles and digit strings."""
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"-?[0-9]+", value) else None
    if number(value) is None or float(value) != math.floor(value):
        return None
    return int(value)


def iso_ns(text):
    match = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)", text)
    if match is None:
        return None
    zone = "+00:00" if match[3] == "Z" else match[3]
    seconds = (datetime.datetime.fromisoformat(match[1] + zone) - EPOCH) // \
        datetime.timedelta(seconds=1)
    fraction = ((match[2] or "") + "0" * 9)[:9]
    return seconds * NS_PER_S + int(fraction)


def envelope(record):
    """Symbol, event time (ns), time frame (s or None), close, whether the time is suspect."""
    message = json.loads(record["payload"], parse_constant=lambda name: None)
    symbol = message.get("symbol")
    if not isinstance(symbol, str) or symbol == "":
        symbol = record["key"]
    time_ns = None
    for parent in ("publishTime", "PublishTime"):
        time_ms = integer(look(message, parent, "take5Time"))
        if time_ns is None and time_ms is not None:
            time_ns = time_ms * NS_PER_MS
    timestamp = message.get("timestamp")
    if time_ns is None and isinstance(timestamp, str):
        time_ns = iso_ns(timestamp)
    elif time_ns is None and number(timestamp) is not None:
        time_ns = int(timestamp) * NS_PER_MS
    kafka_ns = record["ts"] * NS_PER_MS
    if time_ns is None:
        time_ns = kafka_ns
    frame = integer(look(message, "barData", "barTimeFrame"))
    if frame is not None and frame <= 0:
        frame = None
    return {
        "message": message,
        "symbol": symbol,
        "time": time_ns,
        "frame": frame,
        "close": number(look(message, "barData", "close")),
        "suspect": time_ns > kafka_ns + 3600 * NS_PER_S,
    }


# ---- trend ----

TREND = {
    "window": 120 * 60 * NS_PER_S,
    "interval": 60 * NS_PER_S,
    "span": 30 * 60 * NS_PER_S,
    "min_points": 5,
    "flat_share": 0.001,
    "flat_strength": 0.1,
    "strength_scale": 100,
    "volatile_ratio": 3,
    "volatile_factor": 0.5,
}


class Series:
    def __init__(self):
        self.points = []  # (time, close), by time
        self.last_analysis = None
        self.ignored = 0


def analyse(closes, rules):
    p0, pn = closes[0], closes[-1]
    steps = [b - a for a, b in zip(closes, closes[1:])]
    total = pn - p0
    positive = sum(1 for d in steps if d > 0)
    negative = sum(1 for d in steps if d < 0)
    # 0 is neither UP nor DOWN; the formulas do not say what holds for p0 = 0.
    if total == 0 or abs(total) < rules["flat_share"] * p0:
        direction, strength = "FLAT", rules["flat_strength"]
    else:
        direction = "UP" if total > 0 else "DOWN"
        strength = min(1, abs(total) / p0 * rules["strength_scale"]) if p0 != 0 else 1
    along = positive if total > 0 else negative if total < 0 else 0
    confidence = along / len(steps)
    if positive and negative and sum(abs(d) for d in steps) > rules["volatile_ratio"] * abs(total):
        direction = "VOLATILE"
        confidence *= rules["volatile_factor"]
    return {
        "direction": direction,
        "strength": strength,
        "confidence": confidence,
        "totalChange": total,
        "meanStep": sum(steps) / len(steps),
        "minPrice": min(closes),
        "maxPrice": max(closes),
        "firstPrice": p0,
        "lastPrice": pn,
        "positiveSteps": positive,
        "negativeSteps": negative,
    }


def trend(records, **changes):
    rules = dict(TREND, **changes)
    book = {}
    signals = []
    for record in records:
        e = envelope(record)
        if e["frame"] is None or e["suspect"]:
            continue
        series = book.setdefault((record["topic"], e["symbol"], e["frame"]), Series())
        points, time = series.points, e["time"]
        newest = points[-1][0] if points else None
        if newest is not None and time < newest - rules["window"]:
            series.ignored += 1
            continue
        is_late = newest is not None and time < newest
        place = len(points)
        while place > 0 and points[place - 1][0] > time:
            place -= 1
        points.insert(place, (time, e["close"]))
        while points[0][0] < points[-1][0] - rules["window"]:
            points.pop(0)
        if series.last_analysis is None:
            series.last_analysis = time
            continue
        if is_late or time < series.last_analysis + rules["interval"]:
            continue
        series.last_analysis = time
        chosen = [point for point in points if point[0] >= time - rules["span"]]
        if len(chosen) < rules["min_points"]:
            chosen = points[-rules["min_points"]:]
        if len(chosen) < rules["min_points"]:
            continue
        closes = [close for _, close in chosen if close is not None]
        if len(closes) < 2:
            continue
        result = analyse(closes, rules)
        # Beyond a double: a signal cannot bear it.
        if not all(math.isfinite(result[key]) for key in ("totalChange", "meanStep", "strength")):
            continue
        confidence = result.pop("confidence")
        result.update(topic=record["topic"], timeFrame=e["frame"], points=len(chosen),
                      prices=len(closes), ignored=series.ignored)
        signals.append({"line": record["offset"], "name": "trend", "symbol": e["symbol"],
                        "time": time, "value": result["totalChange"], "confidence": confidence,
                        "data": result})
    return signals


# ---- cross ----

CROSS = {
    "min_t": 2,
    "parallel": 1e-10,
    "max_ahead": 3600,
    "min_angle": 0.01,
    "confidence_scale": 10,
    "require_same_time": False,
    "report_none": True,
}


def line_of(message):
    """Slope, intercept, error: the first number of: trendData before trendVector.trendData, and in
    each the wSma name before the old one."""
    names = {"slope": ("wSma_slope", "smaSlope"),
             "intercept": ("wSma_intercept", "smaIntercept"),
             "error": ("wSma_slope_std_err", "smaSlopeStdErr")}
    line = {}
    for member, spellings in names.items():
        line[member] = None
        for parent in (("trendData",), ("trendVector", "trendData")):
            for spelling in spellings:
                if line[member] is None:
                    line[member] = number(look(message, *parent, spelling))
    return line


def compare(a, b, rules):
    """The outcome for two lines, with whatever numbers were worked out on the way."""
    if rules["require_same_time"] and a["time"] != b["time"]:
        return {"type": "none", "reason": "not_same_time", "tA": 0, "tB": 0}
    t_a, t_b = (abs(line["slope"] / line["error"]) if line["error"] else 0 for line in (a, b))
    result = {"type": "none", "tA": t_a, "tB": t_b}
    if t_a < rules["min_t"] or t_b < rules["min_t"]:
        return dict(result, reason="not_significant")
    if abs(a["slope"] - b["slope"]) < rules["parallel"]:
        return dict(result, reason="parallel")
    result["x"] = x = (b["intercept"] - a["intercept"]) / (a["slope"] - b["slope"])
    if x <= 0:
        return dict(result, reason="past")
    if x > rules["max_ahead"]:
        return dict(result, reason="too_far")
    result["angle"] = angle = abs(math.atan(a["slope"] - b["slope"]))
    if angle < rules["min_angle"]:
        return dict(result, reason="shallow")
    if a["slope"] > b["slope"]:
        kind = "golden" if a["intercept"] < b["intercept"] else "death"
    else:
        kind = "death" if a["intercept"] < b["intercept"] else "golden"
    return dict(result, type=kind, predictedCrossTime=int(x),
                confidence=min(1, (t_a + t_b) / rules["confidence_scale"]))


def cross(records, **changes):
    rules = dict(CROSS, **changes)
    latest = {}  # symbol -> time frame -> line
    signals = []
    for record in records:
        e = envelope(record)
        if record["topic"] != "asset_trends" or e["frame"] is None or e["suspect"]:
            continue
        frames = latest.setdefault(e["symbol"], {})
        if e["frame"] not in frames or e["time"] >= frames[e["frame"]]["time"]:
            frames[e["frame"]] = dict(line_of(e["message"]), time=e["time"])
        order = sorted(frames)
        for first, second in ((0, 2), (1, 3)):
            if second >= len(order):
                continue
            a, b = frames[order[first]], frames[order[second]]
            if None in (a["slope"], a["intercept"], b["slope"], b["intercept"]):
                continue
            data = compare(a, b, rules)
            confidence = data.pop("confidence", 0)
            if data["type"] == "none" and not rules["report_none"]:
                continue
            data.update(timeFrameA=order[first], timeFrameB=order[second], slopeA=a["slope"],
                        slopeB=b["slope"], interceptA=a["intercept"], interceptB=b["intercept"])
            signals.append({"line": record["offset"], "name": "cross", "symbol": e["symbol"],
                            "time": e["time"],
                            "value": {"golden": 1, "death": -1, "none": 0}[data["type"]],
                            "confidence": confidence, "data": data})
    return signals
