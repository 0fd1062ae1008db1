"""take5 for Python strategies: handlers for decoded messages, signals, parameters, timers, state.

    import take5

    threshold = take5.parameter("threshold", 0.5, help="slopes below it are none")

    @take5.on("asset_trends", slope="trendData.wSma_slope")
    def on_trend(message: take5.Message) -> None:
        if message.slope is not None and message.slope > threshold:
            take5.emit("rising", value=message.slope, confidence=0.7)

A script is run by the host (`[strategy:NAME] plugin = python, file = SCRIPT.py`), from top to
bottom, once; then its handlers are called, one message after the other, never two at once. It is
also run for its description: what stands at its top level only imports, declares and registers.
The guide is sdk/python.md.
"""
from __future__ import annotations

import datetime
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

import _take5
from _take5 import KafkaMessage, Message

from . import _bridge
from ._bridge import Event, File, Reject, Timer

__all__ = ["Event", "File", "KafkaMessage", "Message", "Reject", "Timer", "arm_timer",
           "cancel_timer", "deployment", "emit", "load", "log", "mode", "now", "on", "on_event",
           "on_timer", "parameter", "publish", "save", "series", "side", "warm_up"]

Function = TypeVar("Function", bound=Callable[..., Any])
Value = TypeVar("Value")


# ---- handlers ----

def on(*topics: str, **fields: str) -> Callable[[Function], Function]:
    """The function gets the messages of these topics (roles: "bar_trends", "historic_stats",
    "asset_trends", or the NAME of a [topic:NAME]). `fields` are attributes that its messages have
    beside those of `Message`, each a path: steps divided by dots; `a.b|c.d` takes the first that is
    there. They are decoded by the host; one that is not there is None."""
    if not topics or not all(isinstance(topic, str) for topic in topics):
        raise TypeError("take5.on() needs topics: @take5.on(\"bar_trends\")")
    for name, path in fields.items():
        if name.startswith("_") or hasattr(Message, name):
            raise ValueError(f"field {name}: messages have that attribute already")
        if not isinstance(path, str) or "\0" in path:
            raise TypeError(f"field {name}: {path!r} is no path into a message")

    def register(function: Function) -> Function:
        _check(function, 1)
        _bridge.current().register(topics, function, fields)
        return function
    return register


def _check(function: Callable[..., Any], arguments: int) -> None:
    """Refuses what would do nothing, or fail, when it is called with so many."""
    name = getattr(function, "__name__", repr(function))
    if not callable(function):
        raise TypeError(f"{name} is no function")
    if (inspect.iscoroutinefunction(function) or inspect.isgeneratorfunction(function)
            or inspect.isasyncgenfunction(function)):
        raise TypeError(f"{name}() would not run: a handler is a plain function; what is async in "
                        "it goes through asyncio.run()")
    if _takes(function, arguments) is False:
        raise TypeError(f"{name}() is called with {arguments} argument{'s'[:arguments != 1]}, and "
                        "cannot be")


def _takes(function: Callable[..., Any], arguments: int) -> bool | None:
    """None: not known, as of some that are built in."""
    try:
        inspect.signature(function).bind(*range(arguments))
    except ValueError:
        return None
    except TypeError:
        return False
    return True


def on_timer(function: Function) -> Function:
    """The function gets each Timer that is due."""
    _check(function, 1)
    _bridge.current().timer = function
    return function


def on_event(function: Function) -> Function:
    """The function gets each Event: `kind` is "fresh", "resumed", "gap", "symbol_expired", ..."""
    _check(function, 1)
    _bridge.current().event = function
    return function


def save(function: Function | None = None, *, version: int = 1) -> Any:
    """The function gives what the script remembers, as a dict: symbol (or None) -> bytes. It is
    called at checkpoints, at a reload and at a stop, and changes nothing. `version` is that of the
    bytes' form."""
    if not isinstance(version, int) or not 1 <= version < 2**32:
        raise ValueError(f"save: version {version!r} is none: 1, 2, ...")

    def register(saver: Function) -> Function:
        _check(saver, 0)
        script = _bridge.current()
        script.saver, script.state_version = saver, version
        return saver
    return register(function) if function is not None else register


def load(function: Function) -> Function:
    """The function takes such a dict, before the first message; with a second argument also the
    version of the form."""
    if _takes(function, 2):
        _bridge.current().loader = function
    else:
        _check(function, 1)
        _bridge.current().loader = lambda records, _: function(records)
    return function


# ---- what the script says of itself ----

def parameter(name: str, default: Value | None = None, *, help: str = "",
              min: Any = None, max: Any = None) -> Value:
    """The value of a parameter of the deployment's ini section. With a default it is declared, and
    has the default's type: bool, int, float, str, timedelta, or take5.File."""
    return _bridge.current().parameter(name, default, help, min, max)


def warm_up(time: datetime.timedelta) -> None:
    """How much of the past the script wants to be handed before its work begins, if it has no
    state: messages with `is_history`."""
    if not isinstance(time, datetime.timedelta):
        raise TypeError(f"warm_up: {time!r} is no timedelta")
    _bridge.current().warm_up_ns = round(time.total_seconds() * 1e9)


def side(how: str) -> None:
    """How its signals are read as positions by `take5 evaluate`: "value" (by its sign) or "named"
    (by the number that is called "side" in the data)."""
    _bridge.current().side_of = _choice("side", how, {"none": 1, "value": 2, "named": 3})


def series(*names: str) -> None:
    """Declares series that the script publishes: numbers by symbol and time frame beside the
    signals, for charts and files. A name is as a signal's."""
    if not all(isinstance(name, str) for name in names):
        raise TypeError("take5.series() needs names: take5.series(\"distance\")")
    _bridge.current().declare_series(names)


def _choice(what: str, word: str, words: dict[str, int]) -> int:
    if word not in words:
        raise ValueError(f"{what} {word!r} is none of {', '.join(words)}")
    return words[word]


# ---- in handlers ----

def emit(name: str, symbol: str | None = None, value: float = 0.0, confidence: float = 1.0,
         data: dict[str, Any] | None = None, *, price: float = 0.0, event_time_ns: int = 0,
         time_frame_s: int = 0) -> None:
    """Emits a signal; what is left out is the message's. `data` is carried along: numbers, texts,
    booleans and None with their types, lists and dicts as JSON. Accepted, not yet durable. Raises
    ValueError when the host refuses it, RuntimeError outside of handlers and timers."""
    _take5.emit(name, symbol, value, confidence, data, price, event_time_ns, time_frame_s)


def publish(name: str, value: float | None, symbol: str | None = None, *, event_time_ns: int = 0,
            time_frame_s: int = 0) -> bool:
    """Publishes a point of a series that was declared; what is left out is the message's. None, or
    what is not finite, is a gap. False: nobody can look at it here, so compute none. Only in
    handlers and timers."""
    declared = _bridge.current().series
    if name not in declared:
        raise ValueError(f"no series {name!r} is declared: take5.series({name!r}) at the top level")
    return _take5.publish(declared[name], float("nan") if value is None else value, symbol,
                          event_time_ns, time_frame_s)


def now(wall: bool = False) -> int:
    """The newest event time that came, ns since 1970; with `wall` the machine's time, which in
    replay is the same."""
    return _take5.now(wall)


def arm_timer(key: int, due_ns: int, symbol: str | None = None, wall: bool = False) -> None:
    """Calls @take5.on_timer when event time (or the wall clock) comes to `due_ns`. A timer is known
    by clock, symbol and key; to arm it again moves it. Timers are saved with the state."""
    _take5.arm_timer(key, due_ns, symbol, wall)


def cancel_timer(key: int, symbol: str | None = None, wall: bool = False) -> bool:
    """Whether it was armed."""
    return _take5.cancel_timer(key, 0, symbol, wall)


def log(text: str, level: str = "info") -> None:
    """A line for the log: "debug", "info", "warning" or "error". print() is one of "info"."""
    _take5.log(_choice("level", level, {"debug": 1, "info": 2, "warning": 3, "error": 4}),
               _bridge.printable(str(text)))


def mode() -> str:
    """ "live", "replay", "check" or "shadow": in the last two do nothing outside."""
    return _bridge.MODES.get(_bridge.current().mode, "check")


def deployment() -> str:
    """NAME of its [strategy:NAME]."""
    return _bridge.current().deployment
