"""The inside of the plugin `python`: runs scripts, and calls what they registered.

The C side calls the functions of this module and the methods of Script. A script runs in a thread
of its own, since the old service's `consumer.start()` does not return: the instance is ready when
start() was called or the script has ended. Handlers are called by the host, on its thread.
"""
import ast
import contextvars
import datetime
import decimal
import importlib.abc
import importlib.machinery
import importlib.util
import json
import numbers
import os
import queue
import signal
import struct
import sys
import threading
import time
import traceback
import types

import _take5

LIVE, REPLAY, CHECK, SHADOW = 1, 2, 3, 4
MODES = {LIVE: "live", REPLAY: "replay", CHECK: "check", SHADOW: "shadow"}
DESCRIBING = 0
EVENTS = {1: "fresh", 2: "resumed", 3: "assigned", 4: "partial", 5: "gap", 6: "parked", 7: "woken",
          8: "symbol_expired", 9: "mode_changed"}
SYMBOL_EXPIRED = 8
TOPICS = ["bar_trends", "historic_stats", "asset_trends"]
OWN = ("file", "venv", "path", "python")
NO_TOPIC = NO_SYMBOL = 0xFFFFFFFF

# Between two tracebacks of the same error, and how many different ones there may be in that time.
TRACEBACK_EVERY_S = 60
TRACEBACKS_MOST = 16
# For the script's own thread, once it was told to stop; and for what is called at the end.
STOP_S = 2
EXIT_S = 5

loads = json.loads


def dumps(value):
    return json.dumps(value, allow_nan=False, default=_plain)


def number(value):
    """The same as a bool, int or float; None: it is none."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    elif isinstance(value, numbers.Integral):
        value = int(value)
    elif isinstance(value, numbers.Real | decimal.Decimal):
        value = float(value)
    return value if isinstance(value, bool | int | float) else None


def _plain(value):
    """What json does not know: arrays and numbers of numpy's among it."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")


# ---- the plugin's own modules, before all others ----

class Finder(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    def find_spec(self, name, path, target=None):
        found = _take5.source(name)
        if found is None:
            return None
        return importlib.util.spec_from_loader(name, self, origin=self._file(name, found[1]),
                                               is_package=found[1])

    @staticmethod
    def _file(name, is_package):
        return f"<take5>/{name.replace('.', '/')}{'/__init__' if is_package else ''}.py"

    def get_source(self, fullname):
        return _take5.source(fullname)[0]

    def is_package(self, fullname):
        return _take5.source(fullname)[1]

    def get_code(self, fullname):
        text, is_package = _take5.source(fullname)
        return compile(text, self._file(fullname, is_package), "exec", dont_inherit=True)

    def exec_module(self, module):
        exec(self.get_code(module.__name__), module.__dict__)


class Patcher(importlib.abc.MetaPathFinder):
    """What modules of Python's have to do otherwise here, from when they are imported."""

    patches = {}  # name: function of the module

    def find_spec(self, name, path, target=None):
        patch = self.patches.get(name)
        spec = importlib.machinery.PathFinder.find_spec(name, path) if patch is not None else None
        if spec is not None:
            execute = spec.loader.exec_module

            def exec_module(module):
                execute(module)
                patch(module)
            spec.loader.exec_module = exec_module
        return spec

    @classmethod
    def add(cls, name, patch):
        cls.patches[name] = patch
        if name in sys.modules:
            patch(sys.modules[name])


# What the plugin's own modules hide, and what is left to do.
HIDDEN = {
    "kafka": "under take5 the module kafka is that of the replaced service, and hides the package "
             "kafka-python; to produce, use confluent_kafka, with confluent-kafka in the script's "
             "venv",
    "confluent_kafka": "take5 has stand-ins; for the real one install confluent-kafka in the "
                       "script's venv",
}


class Hint(importlib.abc.MetaPathFinder):
    """The last: says why a part of such a package is not there."""

    def find_spec(self, name, path, target=None):
        hint = HIDDEN.get(name.partition(".")[0])
        if hint is not None and not path:
            raise ModuleNotFoundError(f"No module named {name!r}: {hint}", name=name)


sys.meta_path[:] = [Finder(), Patcher(), *sys.meta_path, Hint()]

from _take5_output import (ERROR, STREAMS, WARNING, LogStream,  # noqa: E402: by these finders
                           patch_logging, printable)
import _take5_process as process  # noqa: E402

sys.stdout, sys.stderr = STREAMS
Patcher.add("subprocess", process.patch_subprocess)


# ---- errors ----

class Reject(Exception):
    """Raised by a handler: this message is bad, put it into the dead letters."""


class Described(BaseException):
    """Ends a script that was run for its description, where it would wait for messages."""


def _frame(error, folder):
    """(file, line) in the script, or else where it was raised."""
    if isinstance(error, SyntaxError) and error.filename:
        return error.filename, error.lineno or 0
    frames = traceback.extract_tb(error.__traceback__)
    mine = [frame for frame in frames if folder and frame.filename.startswith(folder + os.sep)]
    mine = mine or [frame for frame in frames if not frame.filename.startswith("<")]
    return (mine[-1].filename, mine[-1].lineno) if mine else (None, 0)


def _text(error):
    try:
        return str(error)
    except BaseException as another:  # of the script, as what it raised
        return f"(its text raises {type(another).__name__})"


def _say(error):
    text = error.msg if isinstance(error, SyntaxError) else _text(error)
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def why(error, folder=None):
    """One line: FILE:LINE: TYPE: text. The folder is the script's."""
    if isinstance(error, Refused):
        return printable(str(error))
    if Script.refused is not None and Script.refused[0] is error:
        (_, folder), Script.refused = Script.refused, None
    file, line = _frame(error, folder)
    return printable(f"{file}:{line}: {_say(error)}" if file else _say(error))


def _traceback_of(error):
    try:
        parts = traceback.format_exception(error)
    except BaseException:  # it will not be looked into: where from, at least
        parts = ["Traceback (most recent call last):\n",
                 *traceback.format_tb(error.__traceback__), _say(error)]
    return "".join(parts).splitlines()


class Refused(Exception):
    """A script that will not do; the text says why."""


# ---- parameters ----

INTEGER, NUMBER, BOOLEAN, TEXT, DURATION, FILE = 1, 2, 3, 4, 5, 6
UNITS = {"d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
WORDS = {"yes": True, "true": True, "on": True, "1": True,
         "no": False, "false": False, "off": False, "0": False}


def _duration(text):
    number = text.rstrip("dhmsun")
    return datetime.timedelta(seconds=float(number) * UNITS[text[len(number):]])


READ = {INTEGER: int, NUMBER: float, BOOLEAN: lambda text: WORDS[text.lower()], TEXT: str,
        DURATION: _duration, FILE: str}


class File(str):
    """The default of a parameter that is a file: its content counts as part of it."""


def kind_of(default):
    for kind, of in ((BOOLEAN, bool), (INTEGER, int), (NUMBER, float),
                     (DURATION, datetime.timedelta), (FILE, File), (TEXT, str)):
        if isinstance(default, of):
            return kind
    raise TypeError(f"a parameter is a bool, int, float, str, timedelta or take5.File, not "
                    f"{type(default).__name__}")


def _ini(value):
    """As an ini file has it."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime.timedelta):
        return f"{round(value.total_seconds() * 1e9)}ns"
    return repr(value) if isinstance(value, float) else str(value)


# ---- the record without a symbol ----

# Begins one that has several in it: the script's own, and those of symbols that never came, which
# the host knows no number of. One of the script's own that begins like this is packed as well.
PACKED = b"take5.python packed records 1\0"
PACKED_HEAD = struct.Struct("<iQ")  # sizes of the symbol's text, -1 for none, and of the data


def _packed(records):
    if records.keys() == {None} and not records[None].startswith(PACKED):
        return records[None]
    parts = [PACKED]
    for symbol, data in records.items():
        name = symbol.encode("utf-8", "surrogatepass") if symbol is not None else b""
        parts += PACKED_HEAD.pack(len(name) if symbol is not None else -1, len(data)), name, data
    return b"".join(parts)


def _unpacked(packed):
    records, at = {}, len(PACKED)
    while at < len(packed):
        name_size, size = PACKED_HEAD.unpack_from(packed, at)
        name_at = at + PACKED_HEAD.size
        data_at = name_at + max(name_size, 0)
        at = data_at + size
        name = packed[name_at:data_at].decode("utf-8", "surrogatepass")
        records[name if name_size >= 0 else None] = packed[data_at:at]
    return records


# ---- scripts ----

def _is_within(file, folders):
    """It is a module of the script's own, which these are the folders of."""
    return any(os.path.dirname(file) == folder or
               (file.startswith(folder + os.sep) and "site-packages" not in file)
               for folder in folders)


class Script:
    newest = None
    alive = []
    refused = None  # (what one raised that could not begin, its folder): see why()

    def __init__(self, settings, mode, deployment, seen_from=None):
        self.settings, self.mode, self.deployment = settings, mode, deployment
        self.seen_from = seen_from  # while it is described: see _described()
        self.folders = []  # of modules of its own
        self.file = settings["file"]
        self.folder = os.path.dirname(self.file)
        self.handlers = []    # (topic, function, {attribute: path})
        self.parameters = {}  # name: (kind, help, default, min, max)
        self.series = {}      # name: number
        self.values = {}
        self.consumers = []
        self.timer = self.event = self.saver = self.loader = None
        self.state_version, self.warm_up_ns, self.side_of = 1, 0, 0
        self.exits = []  # what it gave atexit
        self.log_handlers = []  # (logger, handler) that it added
        self.has_left = False
        self.late = {}  # topic: handler, of consumers that begin when it is at work already
        self.module = None
        self.thread = None
        self.is_stopping = threading.Event()
        self._context = self._numpy_modes = None  # of the thread that waits for messages
        self._contexts = {}  # by thread on which there are callbacks: what became of it
        self._asked = queue.SimpleQueue()
        self._tracebacks = {}
        self._expired = set()
        self._is_ready = False
        self._is_native = True

    # ---- to run it ----

    def read(self):
        try:
            with open(self.file, "rb") as file:
                text = file.read()
        except OSError as error:
            raise Refused(f"cannot read {self.file}: {error.strerror}") from None
        try:
            return text, compile(text, self.file, "exec", dont_inherit=True)
        except ValueError as error:
            raise Refused(f"{self.file}: {error}") from None

    def begin(self):
        """Runs it until it is ready. Raises what it raises until then."""
        text, code = self.read()
        self._is_native = _imports_take5(text)
        self._prepare()
        Script.alive.append(self)
        Script.newest = self
        self.thread = threading.Thread(target=self._run, args=(code,), name="script", daemon=True)
        self.thread.take5_script = self
        self.thread.start()
        try:
            self._serve()
        except BaseException as error:
            self.end()
            Script.refused = error, self.folder
            raise
        self._is_ready = True

    def _prepare(self):
        """sys.path as the interpreter would have it, and no module of an earlier run, or of another
        script in this process, which keeps those that it has imported."""
        extra = [os.path.normpath(os.path.join(self.folder, part))
                 for part in self.settings.get("path", "").split(":") if part]
        self.folders = folders = [self.folder, *extra]
        cleared = {folder for script in (self, *Script.alive) for folder in script.folders}
        sys.argv = [self.file]
        sys.stdout, sys.stderr = STREAMS  # whatever an earlier run put there
        sys.path[:] = folders + [part for part in sys.path if part not in folders]
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None) or ""
            if _is_within(file, cleared):
                del sys.modules[name]
        importlib.invalidate_caches()
        self.module = types.ModuleType("__main__")
        self.module.__file__ = self.file
        sys.modules["__main__"] = MAIN  # whatever an earlier run put there

    def _run(self, code):
        try:
            exec(code, self.module.__dict__)
        except Described:
            pass
        except SystemExit as error:
            if not self._is_ready and not self.consumers:
                self._asked.put(Refused(f"{self.file}: it ended with exit code {error.code}"))
        except BaseException as error:  # whatever it is, the host has to hear of it
            self._failed_outside(error)
        self._keep_thread_settings()
        self._asked.put(None)

    def _failed_outside(self, error):
        """In the script's own thread."""
        if not self._is_ready:
            self._asked.put(error)
        else:
            self._log_traceback(error, "the script's own thread ended with")

    def _serve(self):
        """Answers the script's thread, which cannot ask the host, until the script is ready."""
        while True:
            asked = self._asked.get()
            if asked is None:
                return
            if isinstance(asked, BaseException):
                raise asked
            name, answer = asked
            try:
                answer.put(_take5.parameter(name))
            except BaseException as error:
                answer.put(error)

    def _ask(self, name):
        answer = queue.SimpleQueue()
        self._asked.put((name, answer))
        value = answer.get()
        if isinstance(value, BaseException):
            raise value
        return value

    def ready(self):
        """It waits for messages from here on."""
        self._keep_thread_settings()
        self._asked.put(None)
        if self.mode == DESCRIBING:
            raise Described

    def _keep_thread_settings(self):
        if self._context is None:
            self._context = contextvars.copy_context()
            # Before numpy 2 they are no contextvar.
            get = getattr(sys.modules.get("numpy"), "geterrobj", None)
            self._numpy_modes = get() if get is not None else None

    def take_thread_settings(self):
        """For this thread, on which a callback begins: the context to enter."""
        put = getattr(sys.modules.get("numpy"), "seterrobj", None)
        if put is not None and self._numpy_modes is not None:
            put(list(self._numpy_modes))
        if self._context is None:
            return None
        return self._contexts.setdefault(threading.get_ident(), self._context.copy())

    # ---- what it registers ----

    def register(self, topics, function, fields):
        if self._is_ready:
            raise RuntimeError("handlers are registered while the script is loaded")
        if not self._is_native:
            raise RuntimeError(f"the host looks for take5 in the script itself: import it in "
                               f"{self.file} as well")
        for topic in topics:
            self.handlers.append((topic, function, fields))

    def declare_series(self, names):
        if self._is_ready:
            raise RuntimeError("series are declared while the script is loaded")
        for name in names:
            self.series.setdefault(name, len(self.series))

    def start(self, consumer):
        """Of a consumer of the old form: blocks, as it did, until the host or the script stops."""
        if not self._is_ready:
            self.consumers.append(consumer)
        else:
            for topic in consumer.topics:
                self.late[topic] = lambda message, topic=topic: (
                    consumer.message_handlers[topic](message)
                    if consumer.running and topic in consumer.message_handlers else None)
            self.consumers.append(consumer)
        self.ready()

    def parameter(self, name, default, help_text, least, most):
        if name in OWN:
            raise ValueError(f"parameter {name} is the plugin's own")
        if default is not None and name not in self.parameters and not self._is_ready:
            self.parameters[name] = (kind_of(default), help_text, default, least, most)
        if name in self.values:
            return self.values[name]
        kind = self.parameters[name][0] if name in self.parameters else None
        if self.mode == DESCRIBING:
            value = self._described(name, kind)
        elif threading.current_thread() is self.thread and not self._is_ready:
            value = self._ask(name)
        else:
            value = _take5.parameter(name)
        if kind == DURATION and isinstance(value, int):
            value = datetime.timedelta(microseconds=value / 1000)
        self.values[name] = value
        return value

    def _described(self, name, kind):
        """The host judges the text; until then what cannot be read is the default."""
        if kind is None:
            raise KeyError(f"there is no parameter {name}: give it a default to declare it")
        folder = self.seen_from.get(name)
        try:
            value = READ[kind](self.settings[name])
        except (KeyError, ValueError, AttributeError):
            value, folder = self.parameters[name][2], self.seen_from[None]
        # The host learns by this run that it is a path, and cannot have made it absolute.
        return os.path.join(folder, value) if kind == FILE and value else value

    # ---- for the host ----

    @property
    def topics(self):
        if not self._is_native and self.consumers:
            return TOPICS  # whatever its consumers want: it was not run to be described
        topics = list(dict.fromkeys(topic for topic, _, _ in self.handlers))
        for consumer in self.consumers:
            topics += [topic for topic in consumer.topics if topic not in topics]
        if not topics:
            raise Refused(f"{self.file}: it has no handler: use @take5.on(\"bar_trends\"), or "
                          "Take5KafkaConsumer().start()")
        return topics

    def fields(self):
        return list(dict.fromkeys(path for _, _, fields in self.handlers
                                  for path in fields.values()))

    def routes(self):
        """(topic, callable, consumer, key, fields): see routes.c."""
        topics = self.topics
        routes = [(topics.index(topic), function, None, None, list(fields.items()))
                  for topic, function, fields in self.handlers]
        if self.mode == CHECK:
            return routes  # a handler of the old form cannot know that it must do nothing outside
        for consumer in self.consumers:
            routes += [(number, None, consumer, topic, None) for number, topic in enumerate(topics)
                       if topic in consumer.topics]
            unknown = [topic for topic in consumer.topics if topic not in topics]
            if unknown:
                print(f"no message comes of {', '.join(unknown)}: for other topics than the three, "
                      f"import take5 in {self.file}", file=sys.stderr)
        if self.consumers:
            routes += [(number, None, self.late, topic, None)
                       for number, topic in enumerate(topics)]
        return routes

    def activate(self, mode):
        self.mode = mode

    def deactivate(self):
        self.is_stopping.set()
        handler = process.handlers.get(signal.SIGTERM) if self.mode == LIVE else None
        if callable(handler) and self._call_outside(handler, signal.SIGTERM, None):
            _take5.raise_in(self.thread.ident, SystemExit)
        for consumer in list(self.consumers):
            consumer.stop()
        self.thread.join(STOP_S)
        if self.thread.is_alive():
            self._say_left(self.thread, "the script's own thread", STOP_S)
        self.leave()
        for stream in (sys.stdout, sys.stderr):
            if stream is not None and stream not in STREAMS:
                self._call_outside(stream.flush)
        for stream in STREAMS:
            stream.finish()

    def leave(self):
        """Calls what is to be called at the end of a program: of the process by its last script."""
        if self.has_left:
            return
        self.has_left = True
        calls, self.exits = self.exits[::-1], []
        is_last = all(other.has_left for other in Script.alive)
        if is_last:
            calls = process.thread_exits() + calls + process.exits[::-1]
        if not calls:
            return
        thread = threading.Thread(target=self._call_all, args=(calls,), name="exit", daemon=True)
        thread.take5_script = self
        thread.start()
        thread.join(EXIT_S)
        if thread.is_alive():
            self._say_left(thread, "what atexit and pools call at the end", EXIT_S)
            process.kill_children()
        if is_last:
            process.begin_again()

    def _call_all(self, calls):
        for function, arguments, named in calls:
            self._call_outside(function, *arguments, **named)

    def _say_left(self, thread, what, seconds):
        frame = sys._current_frames().get(thread.ident)
        frames = [one for one, _ in traceback.walk_stack(frame)] if frame is not None else []
        mine = [one for one in frames if _is_within(one.f_code.co_filename, self.folders)]
        place = f", at {mine[0].f_code.co_filename}:{mine[0].f_lineno}" if mine else ""
        _take5.log(WARNING, printable(f"{what} did not end within {seconds} s of the stop{place}: "
                                      "it was left behind, and ends with the process"))

    def _call_outside(self, function, *arguments, **named):
        """Whether it wants the program to end."""
        try:
            function(*arguments, **named)
        except SystemExit:
            return True
        except BaseException as error:  # whatever it is, it is told
            self._log_traceback(error, "when it stopped:")
        return False

    def end(self):
        self.is_stopping.set()
        for consumer in list(self.consumers):
            consumer.running = False
        for logger, handler in self.log_handlers:
            logger.removeHandler(handler)
        if self in Script.alive:
            Script.alive.remove(self)
        Script.newest = Script.alive[-1] if Script.alive else None

    def destroy(self):
        self.leave()
        self.end()
        self.handlers, self.module = [], None

    # ---- state ----

    def save_state(self, symbols):
        if self.saver is None:
            return
        records = self.saver()
        if not isinstance(records, dict):
            raise TypeError("save must give a dict: symbol (or None) -> bytes")
        self._expired &= records.keys()
        apart = {}  # what the host has no symbol for
        for symbol, data in records.items():
            if not isinstance(symbol, str | None):
                raise TypeError(f"save gives a record for {symbol!r}, which is no text")
            number = symbols.get(symbol)
            if number is not None:
                _take5.write_record(number, data)
            elif symbol not in self._expired:  # the script forgets these by and by, or never
                apart[symbol] = memoryview(data).tobytes()
        if apart:
            _take5.write_record(NO_SYMBOL, _packed(apart))

    def load_state(self, version):
        records = {}
        while (record := _take5.read_record()) is not None:
            symbol, data = record
            if symbol is None and data.startswith(PACKED):
                records.update(_unpacked(data))
            else:
                records[symbol] = data
        if self.loader is not None:
            self.loader(records, version)

    # ---- timers and events ----

    def on_timer(self, key, symbol, due_ns, now_ns, is_wall):
        if self.timer is not None:
            self.timer(Timer(key, symbol, due_ns, now_ns, is_wall))

    def on_event(self, kind, topic, symbol, from_offset, to_offset):
        if kind == SYMBOL_EXPIRED:
            self._expired.add(symbol)
        if self.event is not None and kind in EVENTS:
            self.event(Event(EVENTS[kind], self.topics[topic] if topic != NO_TOPIC else None,
                             symbol, from_offset, to_offset))

    # ---- errors ----

    def failed(self, error, what, may_reject, is_mute):
        """(is a reject, why): for the host, which is not told when the callback is mute."""
        if may_reject and isinstance(error, Reject):
            return True, printable(_text(error)) or "rejected"
        if self.mode != CHECK or is_mute:
            self._log_traceback(error, what)
        return False, why(error, self.folder)

    def _log_traceback(self, error, what):
        """The same one at most once a minute, with how often it came meanwhile."""
        now = time.monotonic()
        key = (type(error), *_frame(error, self.folder))
        at, count = self._tracebacks.get(key, (None, 0))
        if at is not None and now - at < TRACEBACK_EVERY_S:
            self._tracebacks[key] = (at, count + 1)
            return
        if at is None and len(self._tracebacks) >= TRACEBACKS_MOST:
            self._tracebacks = {key: value for key, value in self._tracebacks.items()
                                if now - value[0] < TRACEBACK_EVERY_S}
            if len(self._tracebacks) >= TRACEBACKS_MOST:
                return
        self._tracebacks[key] = (now, 0)
        again = f" ({count} more of it since the last time)" if count else ""
        _take5.log(ERROR, printable(f"{what} {_text(error)}{again}"))
        for line in _traceback_of(error):
            if "<take5>" not in line:
                _take5.log(ERROR, printable(line))


class Timer:
    """A timer that is due."""

    __slots__ = ("key", "symbol", "due_ns", "now_ns", "is_wall")

    def __init__(self, key, symbol, due_ns, now_ns, is_wall):
        self.key, self.symbol, self.is_wall = key, symbol, is_wall
        self.due_ns, self.now_ns = due_ns, now_ns


class Event:
    """Something that happened to the script, and is no message."""

    __slots__ = ("kind", "topic", "symbol", "from_offset", "to_offset")

    def __init__(self, kind, topic, symbol, from_offset, to_offset):
        self.kind, self.topic, self.symbol = kind, topic, symbol
        self.from_offset, self.to_offset = from_offset, to_offset


def _is_quiet():
    """It is run to be described, or checked: what it prints is of interest to few."""
    return Script.newest is not None and Script.newest.mode in (DESCRIBING, CHECK)


LogStream.is_quiet = staticmethod(_is_quiet)


# ---- what the C side calls ----

def find_current():
    """The script whose callback or thread this is; elsewhere the newest, if there is one."""
    return (_take5.current() or getattr(threading.current_thread(), "take5_script", None)
            or Script.newest)


def current():
    script = find_current()
    if script is None:
        raise RuntimeError("no script runs: `take5 replay` runs one on a recording")
    return script


def _start(self, start=threading.Thread.start):
    """Of a thread: it is of the script that starts it."""
    if not hasattr(self, "take5_script"):
        self.take5_script = find_current()
    start(self)


threading.Thread.start = _start


def _owner(names):
    """The script whose code has these global names; None: it is a package's."""
    for script in Script.alive:
        if script.module is not None and names is script.module.__dict__:
            return script
    script = find_current()
    is_own = script is not None and _is_within(names.get("__file__") or "", script.folders)
    return script if is_own else None


def _exits_of(names):
    script = _owner(names)
    return script.exits if script is not None else process.exits


process.exits_of = _exits_of


def _patch_logging(logging):
    patch_logging(logging)
    add = logging.Logger.addHandler

    def add_handler(self, hdlr):
        """A logger lasts, and what the script adds goes with it: each run of it adds it again."""
        script = _owner(sys._getframe(1).f_globals)
        if script is not None:
            script.log_handlers.append((self, hdlr))
        add(self, hdlr)

    logging.Logger.addHandler = add_handler


Patcher.add("logging", _patch_logging)


class Main(types.ModuleType):
    """`__main__`, which pickle and others look up: the module of the current script."""

    def __getattribute__(self, name):
        return getattr(_current_module(), name)

    def __setattr__(self, name, value):
        setattr(_current_module(), name, value)

    def __delattr__(self, name):
        delattr(_current_module(), name)

    def __dir__(self):
        return dir(_current_module())


def _current_module():
    return getattr(find_current(), "module", None) or NO_MODULE


NO_MODULE = types.ModuleType("__main__")
MAIN = sys.modules["__main__"] = Main("__main__")


def _imports_take5(text):
    return any(
        isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "take5"
                                             for alias in node.names)
        or isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "take5"
        for node in ast.walk(ast.parse(text)))


def _version_of(module):
    version = module.__dict__.get("__version__") if module is not None else None
    return version if isinstance(version, str) and version else "1.0.0"


def describe(settings, folders):
    script = Script(settings, DESCRIBING, "", folders)
    try:
        text, _ = script.read()
        if not _imports_take5(text):
            return {"topics": TOPICS, "fields": [], "series": [], "parameters": [],
                    "version": "1.0.0", "numbers": (1, 0, 0)}
        script.begin()
        answer = {
            "topics": script.topics,
            "fields": script.fields(),
            "series": list(script.series),
            "parameters": [(kind, name, help_text, _ini(default), _ini(least), _ini(most))
                           for name, (kind, help_text, default, least, most)
                           in script.parameters.items()],
            "version": _version_of(script.module),
            "numbers": (script.state_version, script.side_of, script.warm_up_ns),
        }
    finally:
        script.end()
    return answer


def create(settings, mode, deployment):
    script = Script(settings, mode, deployment)
    script.begin()
    return script
