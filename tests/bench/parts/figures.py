"""What was measured: figures with their spread, targets, the table."""
import dataclasses
import statistics


@dataclasses.dataclass(frozen=True)
class Target:
    """`is_least`: the median must not be below `value`, else not above. With `may_overlap` a ratio
    is good as well when the ranges of its two sides overlap: when its lowest is not above 1."""
    value: float
    is_least: bool
    may_overlap: bool = False

    def is_met(self, low, median):
        if self.may_overlap and low <= 1:
            return True
        return median >= self.value if self.is_least else median <= self.value

    def __str__(self):
        return f"{'≥' if self.is_least else '≤'} {format_number(self.value)}"


def at_least(value):
    return Target(value, True)


def at_most(value, may_overlap=False):
    return Target(value, False, may_overlap)


def is_at_least(name):
    """Which side of its target is good for the figure of this name; results.json does not say."""
    return ("throughput against" in name or "faster than" in name or name.startswith("replay"))


@dataclasses.dataclass(frozen=True)
class Figure:
    """`why`: why nothing was measured, and then there are no values."""
    name: str
    unit: str
    values: tuple
    target: Target = None
    why: str = None

    @property
    def median(self):
        return statistics.median(self.values) if self.values else None

    @property
    def low(self):
        return min(self.values, default=None)

    @property
    def high(self):
        return max(self.values, default=None)

    @property
    def is_met(self):
        if self.target is None or not self.values:
            return None
        return self.target.is_met(self.low, self.median)

    def as_json(self):
        document = {"name": self.name, "unit": self.unit, "median": rounded(self.median),
                    "min": rounded(self.low), "max": rounded(self.high),
                    "target": None if self.target is None else self.target.value,
                    "met": self.is_met}
        return document if self.why is None else document | {"why": self.why}


def rounded(value):
    """Four digits that mean something; whole where that is more."""
    if value is None:
        return None
    return float(f"{value:.4g}") if abs(value) < 1000 else round(value)


def format_number(value):
    if value is None:
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.3g}"


class Figures:
    def __init__(self):
        self.figures = []

    def add(self, name, unit, values, target=None, why=None):
        """With `why`, which says why nothing could be measured, values are not looked at."""
        values = () if why is not None else tuple(values)
        if not values and why is None:
            raise ValueError(f"{name}: nothing was measured")
        if target is not None and target.is_least != is_at_least(name):
            raise ValueError(f"{name}: is_at_least takes its target for the other kind")
        self.figures.append(Figure(name, unit, values, target, why))

    # ---- for people ----

    def print_table(self, file):
        rows = [("figure", "unit", "median", "min", "max", "target", "")]
        ordered = ([f for f in self.figures if f.target is not None] +
                   [f for f in self.figures if f.target is None])
        for figure in ordered:
            met = figure.why or {None: "", True: "met", False: "NOT MET"}[figure.is_met]
            rows.append((figure.name, figure.unit, format_number(figure.median),
                         format_number(figure.low), format_number(figure.high),
                         str(figure.target or ""), met))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for i, row in enumerate(rows):
            cells = [cell.ljust(width) if at < 2 or at > 4 else cell.rjust(width)
                     for at, (cell, width) in enumerate(zip(row, widths, strict=True))]
            print("  ".join(cells).rstrip(), file=file)
            if i == 0:
                print("  ".join("-" * width for width in widths), file=file)

    # ---- for programs ----

    def as_json(self):
        return [figure.as_json() for figure in self.figures]
