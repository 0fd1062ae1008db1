"""A generated feed for the expectations: JSON lines as `kcat -J` writes them.

Both envelopes, mixed ones, missing and wrong fields, late points, gaps, equal event times, suspect
ones, and times and numbers that lie exactly on a bound of a formula. The same seed gives the same
feed. `offset` is the line's number, unique over all topics.
"""

import datetime
import json
import random

START_MS = 1718659000000
HOUR_MS = 3600 * 1000
FRAMES = [60, 180, 300, 420, 720, 1560]
SYMBOLS = ["QQQ", "SPY", "AAPL", "TSLA", "BRK.B", "Ünï-Ço", 'Q"uote\\d', "X" * 64, "ZERO", "BELOW",
           "STILL", "HUGE"]
TOPICS = ["bar_trends", "historic_stats", "asset_trends"]


class Walk:
    """The price of one symbol: regimes of drift, rest and to and fro."""

    def __init__(self, rng, symbol):
        self.rng = rng
        self.symbol = symbol
        self.price = 480.0
        self.left = 0

    def next(self):
        rng = self.rng
        if self.symbol == "STILL":
            return 12.5
        if self.symbol == "HUGE":
            return rng.choice([1e308, -1e308, 1.5e308, 3.0])
        if self.symbol == "ZERO":
            return float(rng.choice([0, 0, 0, 1, -1]))
        if self.left == 0:
            self.left = rng.randrange(5, 400)
            self.drift = rng.choice([0.0, 0.0, 0.02, -0.02, 0.3, -0.3])
            self.noise = rng.choice([0.0, 0.001, 0.05, 0.6])
            self.is_round = rng.random() < 0.3
        self.left -= 1
        self.price += self.drift + rng.uniform(-self.noise, self.noise)
        if not 20 < self.price < 2000:
            self.price = 480.0
        price = round(self.price, 2) if self.is_round else self.price
        return price - 1000 if self.symbol == "BELOW" else price


def line_of(rng, symbol):
    """Slope, intercept, standard error: such that every outcome of `cross` comes up."""
    kind = rng.random()
    if symbol == "STILL":  # hardly a slope, hardly a distance: shallow
        slope = rng.uniform(-0.008, 0.008)
        return slope, 480 + rng.uniform(-5, 5), abs(slope) / rng.uniform(2, 9)
    if kind < (0.8 if symbol == "SPY" else 0.1):
        slope = rng.choice([0.5, 0.25, -0.25])  # exact: parallels, x of 3600, t of 2
        intercept = rng.choice([480.0, 480.0 + 900.0, 480.0 - 900.0, 480.0 + 450.0])
        error = abs(slope) / rng.choice([2.0, 1.0, 4.0])
        return slope, intercept, error
    if kind < 0.3:
        slope = rng.uniform(-0.02, 0.02)
    else:
        slope = rng.uniform(-0.6, 0.6)
    t = rng.choice([0.5, 1.99, 2.01, 3.0, 9.0, 40.0]) * rng.uniform(0.95, 1.05)
    return slope, 480 + rng.uniform(-400, 400), abs(slope) / t


class Market:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.now_ms = START_MS
        self.walks = {symbol: Walk(self.rng, symbol) for symbol in SYMBOLS}
        self.newest_ms = {}  # by series
        self.burst = []      # (topic, symbol, frame, event time) to come

    # ---- times ----

    def event_ms(self, series):
        """The event time of the next message of the series."""
        rng = self.rng
        newest = self.newest_ms.get(series)
        kind = rng.random()
        time = self.now_ms
        if newest is not None:
            if kind < 0.05:
                time = newest
            elif kind < 0.10:
                time = newest + rng.choice([59999, 60000, 60001])
            elif kind < 0.12:
                time = newest + 30 * 60000
            elif kind < 0.18:
                time = newest - rng.randrange(0, 30 * 60000)
            elif kind < 0.20:
                time = newest - rng.randrange(0, 130 * 60000)
            elif kind < 0.21:
                time = newest - 120 * 60000 + rng.choice([-1, 0, 1])
        if time <= self.now_ms + HOUR_MS:
            self.newest_ms[series] = max(time, newest if newest is not None else time)
        return time

    def pass_time(self):
        rng = self.rng
        self.now_ms += rng.randrange(0, 900)
        if rng.random() < 0.0002:
            self.now_ms += rng.randrange(20, 200) * 60000

    def put_time(self, message, event_ms):
        """Writes the event time in one of the forms in which it comes."""
        rng = self.rng
        kind = rng.random()
        if kind < 0.6:
            value = event_ms
            form = rng.random()
            if form < 0.03:
                value = str(event_ms)
            elif form < 0.05:
                value = float(event_ms)
            parent = rng.choice(["publishTime", "publishTime", "publishTime", "PublishTime"])
            message[parent] = {"take5Time": value, "take5TimeStr": "at %d" % event_ms}
            if rng.random() < 0.1:
                message["timestamp"] = "2020-01-01T00:00:00Z"  # second choice
        elif kind < 0.62:
            message["publishTime"] = {"take5Time": None}
            message["timestamp"] = event_ms
        elif kind < 0.64:
            message["publishTime"] = {"take5TimeStr": "no number"}
            message["timestamp"] = self.iso(event_ms)
        elif kind < 0.7:
            message["timestamp"] = event_ms
        else:
            message["timestamp"] = self.iso(event_ms)

    def iso(self, event_ms):
        offset_minutes, suffix = self.rng.choice([(0, "Z"), (0, "+00:00"), (120, "+02:00"),
                                                  (-330, "-05:30")])
        seconds, ms = divmod(event_ms, 1000)
        time = datetime.datetime(1970, 1, 1) + datetime.timedelta(seconds=seconds,
                                                                  minutes=offset_minutes)
        return time.strftime("%Y-%m-%dT%H:%M:%S") + ".%03d" % ms + suffix

    # ---- contents ----

    def bar(self, frame, close):
        rng = self.rng
        value = frame
        kind = rng.random()
        if kind < 0.03:
            value = str(frame)
        elif kind < 0.05:
            value = float(frame)
        elif kind < 0.08:
            value = rng.choice([None, 0, -60, frame + 0.5, "soon", True])
        bar = {"barTimeFrame": value, "open": close, "high": close, "low": close, "volume": 1000}
        if kind > 0.98:
            del bar["barTimeFrame"]
        kind = rng.random()
        if kind < 0.94:
            bar["close"] = close
        elif kind < 0.96:
            bar["close"] = rng.choice([None, "480.5", True, {}])
        return bar

    def trend(self, symbol):
        """An object with a line, by new names, old names, or both; now and then not whole."""
        rng = self.rng
        slope, intercept, error = line_of(rng, symbol)
        old = {"smaSlope": slope, "smaIntercept": intercept, "smaSlopeStdErr": error}
        new = {"wSma_slope": slope, "wSma_intercept": intercept, "wSma_slope_std_err": error}
        kind = rng.random()
        if kind < 0.2:
            trend = old
        elif kind < 0.3:
            trend = {key: value + 1 for key, value in old.items()}
            trend.update(new)
        else:
            trend = new
        kind = rng.random()
        if kind < 0.03:
            del trend[rng.choice(sorted(trend))]
        elif kind < 0.06:
            trend[rng.choice(sorted(trend))] = rng.choice([None, "0.5", True])
        elif kind < 0.09:
            trend[[key for key in trend if key.endswith(("rr", "err"))][-1]] = 0
        elif kind < 0.1:
            trend["wSma_slope"] = rng.choice([0, 1, -1])
        return trend

    def put_contents(self, message, topic, symbol):
        rng = self.rng
        if topic == "bar_trends":
            message["lastSampleStats"] = {"mean": rng.random(), "count": rng.randrange(100)}
        elif topic == "historic_stats":
            message["stats"] = {"mean": rng.random()}
            message["z_score"] = rng.uniform(-3, 3)
        else:
            kind = rng.random()
            if kind < 0.7:
                message["trendData"] = self.trend(symbol)
            if kind > 0.6:
                message["trendVector"] = {"trendData": self.trend(symbol), "length": 3}

    def subject(self):
        """Topic, symbol, time frame and event time; now and then all frames at one time."""
        rng = self.rng
        if self.burst:
            return self.burst.pop()
        topic = rng.choice(TOPICS)
        symbol = rng.choice(SYMBOLS)
        if rng.random() < 0.01:
            frames = rng.sample(FRAMES, len(FRAMES))
            self.burst = [("asset_trends", symbol, frame, self.now_ms) for frame in frames]
            return self.burst.pop()
        frame = rng.choice(FRAMES) if rng.random() < 0.98 else 7
        return topic, symbol, frame, self.event_ms((topic, symbol, frame))

    def next(self, number):
        rng = self.rng
        self.pass_time()
        topic, symbol, frame, event_ms = self.subject()
        close = self.walks[symbol].next()
        message = {"symbol": symbol}
        kafka_ms = max(self.now_ms, event_ms - HOUR_MS)
        if rng.random() < 0.01:
            event_ms = kafka_ms + HOUR_MS + rng.choice([0, 1, 7200000])
        if rng.random() < 0.02:
            kafka_ms = event_ms  # and nothing in the payload
        else:
            self.put_time(message, event_ms)
        if rng.random() < 0.85:
            message["barData"] = self.bar(frame, close)
        if rng.random() < 0.2:
            message["price"] = close + 1
            message["volume"] = 500
        self.put_contents(message, topic, symbol)
        kind = rng.random()
        if kind < 0.01:
            del message["symbol"]
        elif kind < 0.02:
            message["symbol"] = rng.choice([None, "", 5])
        items = list(message.items())
        rng.shuffle(items)
        payload = json.dumps(dict(items), ensure_ascii=rng.random() < 0.5,
                             separators=rng.choice([(",", ":"), (", ", ": ")]))
        kind = rng.random()
        if kind < 0.01:
            payload = '{"barData":{"close":1,"barTimeFrame":60},' + payload[1:]
        elif kind < 0.02 and '"z_score"' not in payload:
            payload = payload[:-1] + ',"z_score":NaN}'
        elif kind < 0.03:
            payload = payload[:-1] + ',"barData":{"close":NaN,"barTimeFrame":%d}}' % frame
        return {"topic": topic, "partition": 0, "offset": number, "ts": kafka_ms, "key": symbol,
                "payload": payload}


def feed(seed, count):
    market = Market(seed)
    return [market.next(number) for number in range(count)]
