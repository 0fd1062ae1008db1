"""@NAME@: says when the price of a symbol leaves its average. Change it into what you want to say.

For each symbol and time frame it keeps an exponential average of the prices: with a new price p,
the average a becomes a + weight (p - a). The lead is how far p lies from a, in percent; beyond
`threshold` it is the signal "@NAME@_up" or "@NAME@_down", said once until the price comes back or
goes to the other side.
"""
import datetime
import math
import struct

import take5

__version__ = "0.1.0"

weight = take5.parameter("weight", 0.1, help="of a new price in the average", min=0.0001, max=1.0)
threshold = take5.parameter("threshold", 0.25, min=0.0001, max=100.0,
                            help="distance from the average that emits a signal, percent")
least = take5.parameter("least", 10, min=0, max=1000000,
                        help="prices of a symbol and time frame before a signal is emitted")

# What a script without a state is fed before its work begins: as far back as a price still weighs
# in the average. And what `take5 evaluate` makes positions of.
take5.warm_up(datetime.timedelta(minutes=30))
take5.side("value")


class Memory:
    """What is remembered of a symbol in one time frame."""

    FORM = struct.Struct("<Idqq")  # with the time frame before it

    def __init__(self, average: float = 0.0, count: int = 0, side: int = 0) -> None:
        self.average, self.count, self.side = average, count, side

    def save(self, frame: int) -> bytes:
        return self.FORM.pack(frame, self.average, self.count, self.side)


# By symbol and time frame: what is remembered by symbol alone mixes bars of a minute with others.
memories: dict[str, dict[int, Memory]] = {}


@take5.on("bar_trends")
def on_bar(message: take5.Message) -> None:
    price = message.price
    if price is None:  # absent is None, never 0
        return
    frames = memories.setdefault(message.symbol, {})
    memory = frames.setdefault(message.time_frame_s or 0, Memory())
    if memory.count > 0 and memory.count >= least and memory.average != 0:
        lead = 100 * (price / memory.average - 1)
        if math.isfinite(lead):
            judge(memory, lead)
    memory.average += weight * (price - memory.average)
    if memory.count == 0 or not math.isfinite(memory.average):
        memory.average = price
    memory.count += 1


def judge(memory: Memory, lead: float) -> None:
    side = 1 if lead > threshold else -1 if lead < -threshold else 0
    is_news = side not in (0, memory.side)
    memory.side = side
    if is_news:
        take5.emit("@NAME@_up" if side > 0 else "@NAME@_down", value=lead,
                   confidence=min(1.0, abs(lead) / (2 * threshold)),
                   data={"average": memory.average})


@take5.on_event
def on_event(event: take5.Event) -> None:
    if event.kind == "symbol_expired":
        memories.pop(event.symbol, None)


# What is remembered survives a reload and a restart. Raise the version when the form changes, and
# let load() know what older ones looked like.
@take5.save(version=1)
def save() -> dict[str, bytes]:
    return {symbol: b"".join(memory.save(frame) for frame, memory in frames.items())
            for symbol, frames in memories.items()}


@take5.load
def load(records: dict[str, bytes], version: int) -> None:
    if version != 1:
        raise ValueError(f"state of version {version}")
    for symbol, data in records.items():
        memories[symbol] = {frame: Memory(*rest)
                            for frame, *rest in Memory.FORM.iter_unpack(data)}
