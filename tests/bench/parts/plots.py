"""The plots: throughput as bars, latency as curves, cost against strategies and symbols."""
import math
import os
import statistics
import time

from . import latency
from .figures import format_number
from .results import machine
from .rows import FLOOR, cpu, lane_ns, paired, speed, take5_name
from .svg import FAINT, GRID, INK, Drawing, Linear, Log, short, ticks_of

OURS, PLAIN, OTHER = "#2364aa", "#7b8794", "#d9822b"
THIRD, FOURTH = "#3a7d44", "#8e5aa8"


def draw(folder, drawn):
    """Of what was measured."""
    if "rows" in drawn:
        draw_throughput(os.path.join(folder, "throughput.svg"), drawn["rows"])
    if "latency" in drawn:
        draw_latency(os.path.join(folder, "latency.svg"), drawn["latency"])
    if "rows" in drawn and "symbols" in drawn:
        draw_cost(os.path.join(folder, "cost.svg"), drawn["rows"], drawn["symbols"])


def footer(drawing):
    drawing.text(20, drawing.height - 14,
                 f"{machine()}, {time.strftime('%Y-%m-%d')}, sh tests/bench/run.sh", 11, FAINT)


# ---- throughput ----

def colour_of(name):
    if name.startswith("take5"):
        return OURS
    return PLAIN if name == FLOOR else OTHER


def draw_throughput(path, rows):
    rows = [row for row in rows if row.results]
    step, top, left, right = 34, 76, 400, 230
    drawing = Drawing(980, top + step * len(rows) + 56, "Throughput")
    drawing.text(20, 32, "Messages a second, from Kafka to the code that wants them", 17,
                 weight="600")
    drawing.text(20, 54, "median; the thin line spans minimum to maximum; × is to the floor, within "
                 "a round; CPU is of the whole process, a message", 12, FAINT)
    high = max(max(row.values(speed)) for row in rows)
    scale = Linear(0, high, left, drawing.width - right)
    bottom = top + step * len(rows)
    for tick in ticks_of(high):
        if tick <= high * 1.02:
            drawing.line(scale(tick), top - 6, scale(tick), bottom)
            drawing.text(scale(tick), bottom + 16, short(tick), 11, FAINT, "middle")
    for i, row in enumerate(rows):
        y = top + step * i
        speeds = row.values(speed)
        median = statistics.median(speeds)
        drawing.text(left - 10, y + 18, row.name, 12.5, INK, "end")
        drawing.rect(left, y + 4, scale(median) - left, step - 12, colour_of(row.name))
        drawing.line(scale(min(speeds)), y + step / 2 - 2, scale(max(speeds)), y + step / 2 - 2,
                     INK, 1.2)
        cost = statistics.median(row.values(cpu))
        ratio = statistics.median(paired(row, rows[0], speed))
        drawing.text(scale(max(*speeds, median)) + 8, y + 18,
                     f"{short(median)}/s · {ratio:.2f} × · "
                     f"{cost:.{2 if cost < 10 else 0}f} µs CPU", 12)
    footer(drawing)
    drawing.write(path)


# ---- latency ----

LATENCY_COLOURS = {latency.FLOOR: PLAIN, latency.TAKE5: OURS,
                   latency.SCRIPT: FOURTH, latency.PYTHON: OTHER, latency.BATCH: THIRD}
LATENCY_SHARES = (0.1, 0.5, 0.9, 0.99, 0.999)


def draw_latency(path, curves):
    panel, top, bottom = 400, 108, 354
    drawing = Drawing(20 + panel * len(curves) + 60, 434, "Latency")
    drawing.text(20, 32, "From produce to callback", 17, weight="600")
    drawing.text(20, 54, "milliseconds that the share of the messages stayed within; median over "
                 "rounds, shaded: minimum to maximum", 12, FAINT)
    values = [ms for by_what in curves.values() for rounds in by_what.values()
              for shares in rounds for share, ms in shares.items() if 0.1 <= share <= 0.999]
    low = 10 ** math.floor(math.log10(max(min(values), 1e-3)))
    high = 10 ** math.ceil(math.log10(max(values)))
    for i, (rate, by_what) in enumerate(curves.items()):
        left = 66 + panel * i
        draw_latency_panel(drawing, rate, by_what, Log(low, high, bottom, top),
                           Linear(tail(0.1), tail(0.999), left, left + panel - 80))
    x = 66
    for what, colour in LATENCY_COLOURS.items():
        drawing.rect(x, 390, 14, 6, colour)
        drawing.text(x + 20, 397, what, 12)
        x += 150
    footer(drawing)
    drawing.write(path)


def tail(share):
    """Equal steps for 90 %, 99 %, 99.9 %."""
    return -math.log10(1 - share)


def draw_latency_panel(drawing, rate, by_what, y, x):
    drawing.text(x(tail(0.1)), 94, f"at {rate:,} messages/s".replace(",", " "), 13, weight="600")
    power = y.low
    while power <= y.high + 1e-9:
        at = y(10 ** power)
        drawing.line(x(tail(0.1)), at, x(tail(0.999)), at)
        drawing.text(x(tail(0.1)) - 8, at + 4, f"{format_number(10 ** power)} ms", 11, FAINT, "end")
        power += 1
    for share in LATENCY_SHARES:
        drawing.text(x(tail(share)), y(10 ** y.low) + 18, f"p{share * 100:g}", 11, FAINT, "middle")
    for what, rounds in by_what.items():
        shares = [share for share in rounds[0] if 0.1 <= share <= 0.999]

        def line(of, shares=shares, rounds=rounds):
            return [(x(tail(share)), y(of(shares_[share] for shares_ in rounds)))
                    for share in shares]

        drawing.band(line(min) + line(max)[::-1], LATENCY_COLOURS[what])
        drawing.path(line(lambda ms: statistics.median(list(ms))), LATENCY_COLOURS[what])


# ---- cost ----

def draw_cost(path, rows, symbols):
    drawing = Drawing(900, 400, "Cost a message")
    drawing.text(20, 32, "What more strategies, and more symbols, cost", 17, weight="600")
    drawing.text(20, 54, "CPU time of the lane, ns a message: client, decoding, dispatch and the "
                 "strategies; shaded: minimum to maximum", 12, FAINT)
    by_name = {row.name: row for row in rows}
    strategies = {count: by_name[take5_name(count)].values(lane_ns)
                  for count in (1, 10, 100)}
    draw_cost_panel(drawing, 70, "strategies, each reading 8 fields", {"8 fields": strategies},
                    Linear)
    draw_cost_panel(drawing, 520, "symbols", symbols, Log)
    footer(drawing)
    drawing.write(path)


def draw_cost_panel(drawing, left, what, by_strategy, scale):
    top, bottom, width = 84, 316, 290
    counts = list(next(iter(by_strategy.values())))
    ticks = ticks_of(max(max(values) for by_count in by_strategy.values()
                         for values in by_count.values()))
    y = Linear(0, ticks[-1], bottom, top)
    x = scale(counts[0] if scale is Log else 0, counts[-1], left, left + width)
    for tick in ticks:
        drawing.line(left, y(tick), left + width, y(tick), GRID)
        drawing.text(left - 8, y(tick) + 4, f"{short(tick)}", 11, FAINT, "end")
    for count in counts:
        drawing.text(x(count), bottom + 18, f"{count:,}".replace(",", " "), 11, FAINT, "middle")
    drawing.text(left + width / 2, bottom + 38, what, 12, INK, "middle")
    labels = []  # of the curves, beside their ends
    for (name, by_count), colour in zip(by_strategy.items(), (OURS, THIRD), strict=False):
        drawing.band([(x(count), y(min(values))) for count, values in by_count.items()] +
                     [(x(count), y(max(values))) for count, values in reversed(by_count.items())],
                     colour)
        points = [(x(count), y(statistics.median(values))) for count, values in by_count.items()]
        drawing.path(points, colour)
        for px, py in points:
            drawing.circle(px, py, 3.5, colour)
        labels.append((points[-1][1], name, colour))
    lowest = top
    for at, name, colour in sorted(labels):
        at = max(at, lowest)
        drawing.text(left + width + 9, at + 4, name, 12, colour, "start", "600")
        lowest = at + 16
