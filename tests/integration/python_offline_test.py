#!/usr/bin/python3
"""Python strategies without a broker: what a script can use, in replay, and what `check` and `new`
say of it."""
import ast
import json
import os
import re
import shutil
import signal
import subprocess
import unittest

from offline import BUILD, PATIENCE, TAKE5, VARIANT, Offline, environment, json_lines
from packages import PACKAGES, needs_packages

SOURCE = os.environ["TAKE5_SOURCE_DIR"]
needs_kit = unittest.skipUnless(VARIANT == "plain", "the test kit is built with the sanitizer")


def bar(minute, price, symbol="QQQ", **more):
    return json.dumps({"symbol": symbol, "barData": {"barTimeFrame": 60, "close": price},
                       "publishTime": {"take5Time": 1718631060000 + 60000 * minute}, **more}) + "\n"


# Does to an instance what its arguments say, and prints what came of each that was refused, the
# symbols of what it saves, and at the end what it logged and its errors.
KIT = '''
#include <stdio.h>
#include <stdlib.h>
#include <take5/testkit.h>

static void *state;
static size_t size;

static int32_t act(t5_kit *kit, const char *verb, const char *object) {
    if (strcmp(verb, "live") == 0)
        return t5_kit_set_mode(kit, T5_MODE_LIVE);
    if (strcmp(verb, "record") == 0)
        return t5_kit_add_record(kit, 1, NULL, object, strlen(object));
    if (strcmp(verb, "start") == 0)
        return state == NULL ? t5_kit_start(kit) : t5_kit_start_from(kit, state, size);
    if (strcmp(verb, "json") == 0)
        return t5_kit_json(kit, "bar_trends", object);
    if (strcmp(verb, "expire") == 0)
        return t5_kit_expire(kit, object);
    if (strcmp(verb, "advance") == 0)
        return t5_kit_advance(kit, strtoll(object, NULL, 10));
    if (strcmp(verb, "save") == 0)
        return t5_kit_save(kit, &state, &size);
    return t5_kit_stop(kit);
}

int main(int count, char **arguments) {
    t5_kit *kit = t5_kit_new();
    if (t5_kit_open(kit, arguments[1]) != T5_OK ||
        t5_kit_set(kit, "file", arguments[2]) != T5_OK)
        puts(t5_kit_problem(kit));
    for (int i = 3; i + 1 < count; i += 2) {
        const int32_t code = act(kit, arguments[i], arguments[i + 1]);
        if (code != T5_OK)
            printf("%s: %d %s\\n", arguments[i], (int)code, t5_kit_problem(kit));
        for (size_t k = 0; strcmp(arguments[i], "save") == 0 && k < t5_kit_saved_count(kit); k++) {
            const t5_str symbol = t5_kit_saved_at(kit, k).symbol;
            printf("saved [%.*s]\\n", (int)symbol.len, symbol.data);
        }
        fflush(stdout);
    }
    for (size_t i = 0; i < t5_kit_line_count(kit); i++)
        printf("line %d %s\\n", (int)t5_kit_line_at(kit, i)->level, t5_kit_line_at(kit, i)->text);
    for (size_t i = 0; i < t5_kit_error_count(kit); i++)
        printf("error %d %s\\n", (int)t5_kit_error_at(kit, i)->code,
               t5_kit_error_at(kit, i)->text);
    free(state);
    t5_kit_free(kit);
    return 0;
}
'''


OLD_FORM_OF_A_THREAD = '''
import decimal
from kafka.consumer import Take5KafkaConsumer

decimal.getcontext().prec = 8
consumer = Take5KafkaConsumer()
consumer.set_message_handler("bar_trends",
                             lambda m: print("a third is", decimal.Decimal(1) / 3))
consumer.start()
'''


class PythonOffline(Offline):
    def setUp(self):
        super().setUp()
        os.mkdir(self.path("strategies"))
        shutil.copy(os.path.join(BUILD, "strategies", "python.so"), self.path("strategies"))

    def deploy(self, script, **keys):
        """The configuration with that script as deployment `mine`."""
        self.write("mine.py", script)
        lines = "".join(f"{key} = {value}\n" for key, value in keys.items())
        return self.write("mine.ini", f"[take5]\nstrategy_dir = {self.path('strategies')}\n"
                          f"[strategy:mine]\nplugin = python\nfile = mine.py\n{lines}")

    def why_not(self, script, **keys):
        """What `check` says of one that it refuses."""
        done = self.take5("check", "-c", self.deploy(script, **keys), code=1)
        return (done.stdout + done.stderr).decode()

    def replay(self, ini, messages, *options, code=0):
        """(signals, stderr)"""
        recording = self.write("messages.jsonl", "".join(messages))
        done = self.take5("replay", "-c", ini, "--topic", "bar_trends", "-v", *options, recording,
                          code=code)
        return json_lines(done.stdout), done.stderr.decode()

    def kit(self, script, *steps):
        """What KIT prints of (verb, object) one after the other, on this script."""
        program = self.path("kit")
        subprocess.run(["cc", "-o", program, self.write("kit.c", KIT), f"-I{SOURCE}/sdk/include",
                        f"{BUILD}/sdk/testkit/libtake5-testkit.a", "-lelf", "-lxxhash",
                        "-lpthread", "-lm"], check=True)
        words = [word for verb, *rest in steps for word in (verb, *(rest or [""]))]
        done = subprocess.run([program, os.path.join(BUILD, "strategies", "python.so"),
                               self.write("mine.py", script), *words], timeout=120 * PATIENCE,
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    # ---- the native form ----

    def test_declared_fields_are_attributes_with_their_types(self):
        ini = self.deploy('''
import take5

@take5.on("bar_trends", number="stats.mean", whole="stats.n", text="name", flag="is_it",
          tree="stats", absent="no.such", either="no|name", empty="nothing")
def on_bar(m):
    values = {"number": m.number, "whole": m.whole, "text": m.text, "flag": m.flag,
              "tree": m.tree, "absent": m.absent, "either": m.either, "empty": m.empty,
              "symbol": m.symbol, "frame": m.time_frame_s, "price": m.price, "volume": m.volume,
              "time": m.event_time_ns, "json": m.json()["name"], "key": m.key}
    take5.emit("seen", value=1, data=values)
''')
        (signal,), _ = self.replay(ini, [bar(
            0, 2.5, stats={"mean": 0.1, "n": 2**53 + 1}, name="a\u00e9\n", is_it=True,
            nothing=None)])
        self.assertEqual(signal["data"], {
            "number": 0.1, "whole": 2**53 + 1, "text": "a\u00e9\n", "flag": True,
            "tree": {"mean": 0.1, "n": 2**53 + 1}, "absent": None, "either": "a\u00e9\n",
            "empty": None, "symbol": "QQQ", "frame": 60, "price": 2.5, "volume": None,
            "time": 1718631060000000000, "json": "a\u00e9\n", "key": None})
        self.assertEqual((signal["version"], signal["strategy"]), ("1.0.0", "python"))

    def test_parameters_have_types_bounds_and_file_and_line(self):
        script = '''
import datetime
import take5
__version__ = "3.2.1"
limit = take5.parameter("limit", 0.5, min=0.0, max=1.0, help="of it")
count = take5.parameter("count", 3)
is_on = take5.parameter("is_on", False)
name = take5.parameter("name", "x")
span = take5.parameter("span", datetime.timedelta(minutes=5))

@take5.on("bar_trends")
def on_bar(m):
    take5.emit("seen", data={"limit": limit, "count": count, "is_on": is_on, "name": name,
                             "span": span.total_seconds(), "again": take5.parameter("count"),
                             "deployment": take5.deployment(), "mode": take5.mode()})
'''
        (signal,), _ = self.replay(self.deploy(script, count=7, is_on="yes", span="90s"),
                                   [bar(0, 1)])
        self.assertEqual(signal["version"], "3.2.1")
        self.assertEqual(signal["data"], {
            "limit": 0.5, "count": 7, "is_on": True, "name": "x", "span": 90.0, "again": 7,
            "deployment": "mine", "mode": "replay"})
        for keys, text in (({"limit": 2}, "mine.ini:6: limit = 2: above the maximum, 1.0"),
                           ({"cuont": 2}, "mine.ini:6: strategy python has no parameter cuont; "
                                          "did you mean count?"),
                           ({"count": "many"}, "mine.ini:6: count = many: must be")):
            done = self.take5("check", "-c", self.deploy(script, **keys), code=1)
            self.assertIn(text, (done.stdout + done.stderr).decode())

    def test_timers_rejects_and_threads(self):
        ini = self.deploy('''
import threading
import take5

kept = []

def elsewhere():
    try:
        take5.emit("no")
    except RuntimeError as error:
        print("elsewhere:", error)

@take5.on("bar_trends", last="barData.close")
def on_bar(m):
    kept.append(m)
    if m.price == 13:
        raise take5.Reject("an unlucky price")
    if m.price == 7:
        take5.arm_timer(5, m.event_time_ns + 90_000_000_000, m.symbol)
        take5.arm_timer(6, m.event_time_ns + 90_000_000_000, m.symbol)
        assert take5.cancel_timer(6, m.symbol) and not take5.cancel_timer(6, m.symbol)
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
    if m.price == 9:
        take5.emit("kept", data={str(i): k.last for i, k in enumerate(kept)})
        take5.emit("bad name!")

@take5.on_timer
def on_timer(timer):
    take5.emit("late", timer.symbol, value=(timer.now_ns - timer.due_ns) / 1e9,
               data={"key": timer.key})

@take5.on_event
def on_event(event):
    print("event", event.kind)
''')
        signals, log = self.replay(ini, [bar(0, 7), bar(1, 13), bar(2, 8), bar(3, 9)])
        self.assertEqual([(s["name"], s["value"]) for s in signals], [("late", 30.0), ("kept", 0)])
        self.assertEqual(signals[0]["data"], {"key": 5})
        self.assertEqual(signals[1]["data"], {"0": 7, "1": 13, "2": 8, "3": 9})
        self.assertIn("rejected by mine: an unlucky price", log)
        self.assertIn("mine: elsewhere: only in a callback of take5's", log)
        self.assertIn("mine: event fresh", log)
        self.assertIn("ValueError: the host refused the signal", log)

    def test_a_traceback_is_logged_once_and_errors_are_counted(self):
        ini = self.deploy('''
import take5

@take5.on("bar_trends")
def on_bar(m):
    return m.price / 0
''')
        _, log = self.replay(ini, [bar(minute, 1) for minute in range(4)], "-s",
                             "take5.error_run=100")
        self.assertEqual(log.count("Traceback (most recent call last)"), 1)
        self.assertEqual(log.count("return m.price / 0"), 1)
        self.assertRegex(log, r"mine +1\.0\.0 +4 +0 +4 ")

    def test_series_are_declared_and_published(self):
        ini = self.deploy('''
import take5
take5.series("distance", "spread")

@take5.on("bar_trends")
def on_bar(m):
    took = take5.publish("distance", m.price)
    assert took == take5.publish("spread", None if m.price == 1 else 2, "SPY", event_time_ns=5,
                                 time_frame_s=7)
    try:
        take5.publish("no_such", 1)
    except ValueError as error:
        print("refused:", error)
    take5.emit("seen", data={"took": took})
''')
        signals, log = self.replay(ini, [bar(0, 1)])
        self.assertEqual([s["data"] for s in signals], [{"took": False}])  # nobody looks
        self.assertIn("refused: no series 'no_such' is declared", log)
        signals, log = self.replay(ini, [bar(0, 1), bar(1, 2)], "--series", self.path("series"))
        self.assertEqual([s["data"] for s in signals], [{"took": True}] * 2, log)
        with open(self.path("series"), "rb") as file:
            points = json_lines(file.read())
        self.assertEqual([(p["series"], p["symbol"], p["time_frame"], p["event_time_ns"],
                           p["value"]) for p in points], [
            ("distance", "QQQ", 60, 1718631060000000000, 1), ("spread", "SPY", 7, 5, None),
            ("distance", "QQQ", 60, 1718631120000000000, 2), ("spread", "SPY", 7, 5, 2)])
        self.assertIn('series "a b": a name must be', self.why_not(
            "import take5\ntake5.series('a b')\n@take5.on('bar_trends')\ndef f(m): pass\n"))

    def test_numbers_out_of_range_are_told_and_large_ones_kept(self):
        ini = self.deploy('''
import take5

def refused(function, *arguments, **names):
    try:
        function(*arguments, **names)
    except (OverflowError, TypeError) as error:
        print("refused:", type(error).__name__)
    else:
        print("accepted:", arguments, names)

@take5.on("bar_trends")
def on_bar(m):
    refused(take5.emit, "x", time_frame_s=-1)
    refused(take5.emit, "x", time_frame_s=2**32)
    refused(take5.arm_timer, -1, 0)
    refused(take5.arm_timer, 2**64, 0)
    refused(take5.emit, "x", data={1: 2})
    take5.emit("large", data={"n": 2**70, "least": -2**63, "list": [2**70]})
''')
        (signal,), log = self.replay(ini, [bar(0, 1)])
        self.assertEqual(signal["data"], {"n": 2**70, "least": -2**63, "list": [2**70]})
        self.assertNotIn("accepted", log)

    def test_data_that_another_thread_changes(self):
        ini = self.deploy('''
import sys, threading, take5
sys.setswitchinterval(1e-6)
shared = {"list": list(range(2000)), "text": "x"}
is_over = threading.Event()

def change():
    number = 0
    while not is_over.is_set():
        number += 1
        shared.pop("text", None)
        shared["text"] = str(number) * 1000

threading.Thread(target=change, daemon=True).start()

@take5.on("bar_trends")
def on_bar(m):
    for _ in range(200):
        take5.emit("x", data=shared)
    is_over.set()
''')
        signals, log = self.replay(ini, [bar(0, 1)])
        self.assertEqual(len(signals), 200, log)
        for signal in signals:
            text = signal["data"].get("text", "x")
            self.assertIn(text, ("x", text[:len(text) // 1000] * 1000))

    def test_what_a_script_prints_arrives_whatever_it_is(self):
        ini = self.deploy('''
import io, sys
import take5
sys.stdout.reconfigure(line_buffering=True)
sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8", line_buffering=True)

@take5.on("bar_trends")
def on_bar(m):
    print("wrapped \u00e9")
    print("lone \\ud800", file=sys.stderr)
    take5.log("logged \\ud800")
    sys.stderr.buffer.write("bytes \u00e9\\n".encode())
    for number in range(5000):
        sys.stderr.write(f"{number},")
    raise ValueError("raised \\ud800")
''')
        _, log = self.replay(ini, [bar(0, 1)])
        for text in ("mine: wrapped \u00e9", "mine: lone \\ud800", "mine: logged \\ud800",
                     "mine: bytes \u00e9", "ValueError: raised \\ud800"):
            self.assertIn(text, log)
        lines = re.findall(r"mine: ([0-9,]{1000,})$", log, re.MULTILINE)
        self.assertEqual("".join(lines), "".join(f"{number}," for number in range(5000)))
        self.assertEqual([len(line) for line in lines[:-1]], [8192, 8192])

    def test_what_is_printed_by_the_garbage_collection_amid_a_print(self):
        ini = self.deploy('''
import gc
import take5

class Loud:
    def __init__(self, number):
        self.me, self.number = self, number

    def __del__(self):
        print("collected", self.number)

@take5.on("bar_trends")
def on_bar(m):
    usual = gc.get_threshold()
    for number in range(20):  # allocations until it comes
        gc.collect()
        gc.disable()
        Loud(number)
        gc.set_threshold(gc.get_count()[0] + number)
        gc.enable()
        print("printed", number)
        gc.set_threshold(*usual)
    gc.collect()
''')
        _, log = self.replay(ini, [bar(0, 1)])
        lines = re.findall("mine: ((?:collected|printed).*)", log)
        self.assertEqual(sorted(lines), sorted(f"{word} {number}" for number in range(20)
                                               for word in ("collected", "printed")))

    def test_what_is_logged_has_its_own_level(self):
        ini = self.deploy('''
import logging, sys
import take5
logging.basicConfig(level=logging.DEBUG)
beside = logging.getLogger("beside")
beside.propagate = False
beside.addHandler(logging.StreamHandler(sys.stdout))

@take5.on("bar_trends")
def on_bar(m):
    for level in ("debug", "info", "warning", "error"):
        getattr(logging, level)("to %s\\nand on", level)
    beside.error("to stdout")
''')
        _, log = self.replay(ini, [bar(0, 1)], "-s", "log.level=DEBUG")
        for level in ("DEBUG", "INFO", "WARNING", "ERROR"):
            self.assertRegex(log, f"{level} +strategy mine: {level}:root:to {level.lower()}\n")
            self.assertRegex(log, f"{level} +strategy mine: and on\n")
        self.assertRegex(log, "ERROR +strategy mine: to stdout\n")

    def test_the_streams_are_what_programs_expect(self):
        ini = self.deploy('''
import codecs, faulthandler, io, subprocess, sys
import take5

@take5.on("bar_trends")
def on_bar(m):
    for stream in (sys.stdout, sys.stderr):
        assert stream.buffer is stream.buffer and not stream.isatty()
    for byte in "split \u00e9\\n".encode():
        sys.stdout.buffer.write(bytes([byte]))
    io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8").write("wrapped for a while\\n")
    codecs.getwriter("utf-8")(sys.stdout.detach()).write("detached \u00e9\\n")
    sys.stdout.close()
    print("still open", flush=True)
    subprocess.run(["echo", "of a child"], stdout=sys.stdout, check=True)
    faulthandler.dump_traceback(file=sys.stderr)
''')
        _, log = self.replay(ini, [bar(0, 1)])
        for text in ("split \u00e9", "wrapped for a while", "detached \u00e9", "still open"):
            self.assertIn(f"mine: {text}\n", log)
        self.assertIn("\nof a child\n", log)
        self.assertIn("mine.py\", line 16 in on_bar", log)

    def test_children_begin_with_signals_as_those_of_python_do(self):
        ini = self.deploy('''
import multiprocessing, os, signal, subprocess, sys
from multiprocessing import resource_tracker
import take5

PYTHON = "/usr/bin/python3"
LOOK = "print([line for line in open('/proc/self/status') if line.startswith(('SigB', 'SigI'))])"

def wait():
    signal.pause()

def catch(begun):
    def caught(*_):
        print("printed by a child")
        print("and its last words", end="", flush=True)
        os._exit(7)
    signal.signal(signal.SIGTERM, caught)
    begun.put(True)
    while True:
        signal.pause()

def end(child):
    child.terminate()
    child.join(60)
    return child.exitcode

@take5.on("bar_trends")
def on_bar(m):
    child = subprocess.Popen(["sleep", "600"])
    child.terminate()
    print("command:", child.wait(60))
    child = multiprocessing.Process(target=wait)
    child.start()
    print("process:", end(child))
    begun = multiprocessing.SimpleQueue()
    child = multiprocessing.Process(target=catch, args=(begun,))
    child.start()
    begun.get()
    print("with a handler:", end(child))
    with multiprocessing.Pool(2) as pool:
        print("pool:", pool.map(abs, [-1, -2]))
    for what in ("by_system", "by_spawn"):
        if what == "by_system":
            os.system(f'{PYTHON} -c "{LOOK}" > {what}')
        else:
            os.waitpid(os.posix_spawn(PYTHON, ["python3", "-c", LOOK], os.environ, file_actions=[
                (os.POSIX_SPAWN_OPEN, 1, what, os.O_CREAT | os.O_WRONLY, 0o600)]), 0)
        print(what, open(what).read())
    print("by_subprocess", subprocess.run([PYTHON, "-c", LOOK], capture_output=True,
                                          text=True).stdout)
    resource_tracker.ensure_running()  # as of shared memory: it blocks signals and unblocks them
''')
        _, log = self.replay(ini, [bar(0, 1)])
        for text in ("command: -15", "process: -15", "with a handler: 7", "pool: [1, 2]"):
            self.assertIn(f"mine: {text}\n", log)
        self.assertIn("\nprinted by a child\nand its last words\n", log)
        alarms = sum(1 << number - 1 for number in (signal.SIGALRM, signal.SIGVTALRM,
                                                    signal.SIGPROF))
        for what in ("by_system", "by_spawn", "by_subprocess"):
            blocked, ignored = re.search(
                rf"mine: {what} .*SigBlk:\\t(\w+).*SigIgn:\\t(\w+)", log).groups()
            self.assertEqual((int(blocked, 16), int(ignored, 16) & alarms), (0, 0), what)
        self.assertNotIn("the signal mask", log)
        self.assertNotIn("changed the handler", log)

    def test_handlers_that_would_not_run_are_refused(self):
        for text, why in (
                ("@take5.on('bar_trends')\nasync def f(m): pass\n", "TypeError: f() would not run"),
                ("@take5.on('bar_trends')\ndef f(m): yield\n", "TypeError: f() would not run"),
                ("@take5.on('bar_trends')\ndef f(): pass\n", "f() is called with 1 argument, and"),
                ("@take5.on_timer\ndef f(a, b): pass\n", "f() is called with 1 argument, and"),
                ("@take5.save\ndef f(a): pass\n", "f() is called with 0 arguments, and"),
                ("@take5.load\ndef f(a, b, c): pass\n", "f() is called with 1 argument, and"),
                ("take5.on('bar_trends')(42)\n", "mine.py:2: TypeError: 42 is no function"),
                ("@take5.on('bar_trends', x=3)\ndef f(m): pass\n",
                 "mine.py:2: TypeError: field x: 3"),
                ("take5.side('foo')\n", "mine.py:2: ValueError: side 'foo' is none of none, value"),
                ("take5.warm_up(30)\n", "mine.py:2: TypeError: warm_up: 30 is no timedelta"),
                ("take5.save(version=-1)\n", "mine.py:2: ValueError: save: version -1"),
                ("\0", "mine.py: source code string cannot contain null bytes")):
            self.assertIn(why, self.why_not("import take5\n" + text))

    def test_a_message_s_type_cannot_be_broken(self):
        ini = self.deploy('''
import gc, take5

@take5.on("bar_trends", last="barData.close")
def on_bar(m):
    try:
        del type(m)._members
    except TypeError:
        gc.collect()
        take5.emit("good", value=m.last)
''')
        (signal,), _ = self.replay(ini, [bar(0, 3)])
        self.assertEqual(signal["value"], 3)

    @needs_kit
    def test_a_symbol_that_expired_does_not_stop_saving(self):
        out = self.kit('''
import take5
seen = {}

@take5.on("bar_trends")
def on_bar(m):
    seen[m.symbol] = b"x"

@take5.save
def save():
    return seen
''', ("start",), ("json", bar(0, 1, "AAA")), ("json", bar(1, 1, "BBB")), ("expire", "AAA"),
                       ("save",))
        self.assertEqual(out, "saved [BBB]\n")

    @needs_kit
    def test_records_of_symbols_that_never_came_are_kept(self):
        out = self.kit('''
import take5
state = {}

@take5.on("bar_trends")
def on_bar(m):
    pass

@take5.save
def save():
    from take5._bridge import PACKED
    return state | {"QQQ": b"q", "\u20ac": bytearray([0]), "": b"e", None: PACKED}

@take5.load
def load(records):
    from take5._bridge import PACKED
    state.update(records)
    if state.get(None) == PACKED:
        state[None] = "as it was"
    print(sorted(map(str, state.items())))
''', ("record", "of before"), ("start",), ("save",), ("stop",), ("start",),
                       ("json", bar(0, 1, "QQQ")), ("save",), ("stop",), ("start",), ("stop",))
        again = ("line 2 [\"('', b'e')\", \"('QQQ', b'q')\", \"('€', b'\\\\x00')\", "
                 "\"(None, 'as it was')\"]")
        self.assertEqual(out.splitlines(), [
            "saved []", "saved []", "saved [QQQ]", "line 2 [\"(None, b'of before')\"]",
            again, again])

    @needs_kit
    def test_records_of_what_is_no_symbol_are_refused(self):
        out = self.kit("import take5\n@take5.on('bar_trends')\ndef f(m): pass\n"
                       "@take5.save\ndef save(): return {5: b''}\n", ("start",), ("save",))
        self.assertIn("TypeError: save gives a record for 5, which is no text", out)

    def test_type_checkers_are_told_what_there_is(self):
        stub = os.path.join(SOURCE, "plugins", "python", "modules", "_take5.pyi")
        with open(stub, encoding="utf-8") as file:
            tree = ast.parse(file.read())

        def names(body):
            return sorted(node.name for node in body if hasattr(node, "name")
                          and not node.name.startswith("__"))

        told = {node.name: names(node.body) for node in tree.body if isinstance(node, ast.ClassDef)}
        told["_take5"] = names(tree.body)
        ini = self.deploy('''
import _take5, json, take5

@take5.on("bar_trends")
def on_bar(m):
    print("there is", json.dumps({
        thing.__name__.removeprefix("take5."):
            [name for name in sorted(dir(thing)) if not name.startswith("__")]
        for thing in (_take5, take5.Message, take5.KafkaMessage)}))
''')
        _, log = self.replay(ini, [bar(0, 1)])
        self.assertEqual(told, json.loads(re.search("there is (.*)", log).group(1)))

    def test_what_does_not_load_is_refused_with_file_and_line(self):
        for script, text in (
                ("import take5\nx = (\n", "mine.py:2: SyntaxError: '(' was never closed"),
                ("x = (\n", "mine.py:1: SyntaxError: '(' was never closed"),
                ("\nimport nothing_of_that_name\n",
                 "mine.py:2: ModuleNotFoundError: No module named 'nothing_of_that_name'"),
                ("import take5\nraise KeyError(1)\n", "mine.py:2: KeyError: 1"),
                ("import take5\n", "mine.py: it has no handler"),
                ("import sys\nsys.exit(3)\n", "mine.py: it ended with exit code 3"),
                ("import take5\n@take5.on('bar_trends', price='x')\ndef f(m): pass\n",
                 "mine.py:2: ValueError: field price: messages have that attribute already"),
                ("import take5\n@take5.on('bar_trends', x='a..b')\ndef f(m): pass\n", "a..b")):
            done = self.take5("check", "-c", self.deploy(script), code=1)
            self.assertIn(text, (done.stdout + done.stderr).decode())
        done = self.take5("check", "-c", self.deploy("import take5\n", python="2.7"), code=1)
        self.assertIn("python = 2.7: this plugin has Python 3.", (done.stdout + done.stderr).decode())

    def test_two_of_one_worker_are_refused(self):
        script = "import take5\n@take5.on('bar_trends')\ndef f(m): pass\n"
        self.deploy(script, worker="w")
        with open(self.path("mine.ini"), "a", encoding="utf-8") as file:
            file.write("[strategy:other]\nplugin = python\nfile = mine.py\nworker = w\n")
        done = self.take5("check", "-c", self.path("mine.ini"), code=1)
        self.assertIn("a process can have one deployment of python: give each a worker of its own",
                      (done.stdout + done.stderr).decode())

    def test_a_module_beside_the_script_and_directories_of_path(self):
        os.mkdir(self.path("lib"))
        self.write("beside.py", "NAME = 'beside'\n")
        self.write("lib/there.py", "NAME = 'there'\n")
        ini = self.deploy('''
import beside, there, take5

@take5.on("bar_trends")
def on_bar(m):
    take5.emit(beside.NAME + "." + there.NAME)
''', path="lib")
        (signal,), _ = self.replay(ini, [bar(0, 1)])
        self.assertEqual(signal["name"], "beside.there")

    def test_the_same_recording_gives_the_same_signals(self):
        ini = self.deploy('''
import take5
counts = {}

@take5.on("bar_trends", "asset_trends")
def on_any(m):
    counts[m.symbol] = counts.get(m.symbol, 0) + 1
    take5.emit("count", value=counts[m.symbol])
''')
        day = self.write("day.jsonl", self.take5("feed", "--symbols", 5, "--count", 2000).stdout)
        first = self.take5("replay", "-c", ini, day).stdout
        self.assertEqual(first, self.take5("replay", "-c", ini, day).stdout)
        self.assertGreater(len(json_lines(first)), 1000)

    def test_a_script_is_warmed_up_with_what_came_before(self):
        ini = self.deploy('''
import datetime
import take5
take5.warm_up(datetime.timedelta(minutes=3))
past = []

@take5.on("bar_trends")
def on_bar(m):
    if m.is_history:
        past.append(m.price)
    take5.emit("seen", value=m.price, data={"past": past})  # dropped while it is history
''')
        bars = [bar(minute, minute) for minute in range(8)]
        since = "2024-06-17T13:36:00Z"  # minute 5
        signals, _ = self.replay(ini, bars, "--from", since)
        self.assertEqual([(s["value"], s["data"]["past"]) for s in signals],
                         [(price, [2, 3, 4]) for price in (5, 6, 7)])
        signals, _ = self.replay(ini, bars, "--from", since, "--cold")
        self.assertEqual([s["data"]["past"] for s in signals], [[]] * 3)

    def test_scripts_in_one_process_have_modules_of_their_own(self):
        for name in "ab":
            os.mkdir(self.path(name))
            self.write(f"{name}/helper.py", f"NAME = {name!r}\ncount = 0\n")
            self.write(f"{name}/script.py", '''
import helper
import take5

@take5.on("bar_trends")
def on_bar(m):
    helper.count += 1
    take5.emit(helper.NAME, value=helper.count)
''')
        ini = self.write("both.ini", f"[take5]\nstrategy_dir = {self.path('strategies')}\n" +
                         "".join(f"[strategy:{name}]\nplugin = python\nfile = {of}/script.py\n"
                                 for name, of in (("x", "a"), ("y", "b"), ("z", "b"))))
        signals, _ = self.replay(ini, [bar(minute, 1) for minute in (0, 1)])
        self.assertEqual(sorted((s["deployment"], s["name"], s["value"]) for s in signals),
                         [("x", "a", 1), ("x", "a", 2), ("y", "b", 1), ("y", "b", 2),
                          ("z", "b", 1), ("z", "b", 2)])

    def test_what_a_script_sets_for_its_thread_its_callbacks_find(self):
        """Of contextvars, and so of decimal; each script its own, also in one process."""
        script = '''
import contextvars
import decimal
import take5

decimal.getcontext().prec = {precision}
mine = contextvars.ContextVar("mine", default="none")
mine.set("{name}")
count = contextvars.ContextVar("count", default=0)

@take5.on("bar_trends")
def on_bar(m):
    count.set(count.get() + 1)
    take5.emit("third", data={{"value": str(decimal.Decimal(1) / 3), "mine": mine.get(),
                             "count": count.get()}})
'''
        for name, precision in (("x", 3), ("y", 6)):
            self.write(f"{name}.py", script.format(name=name, precision=precision))
        self.write("z.py", OLD_FORM_OF_A_THREAD)
        ini = self.write("all.ini", f"[take5]\nstrategy_dir = {self.path('strategies')}\n" +
                         "".join(f"[strategy:{name}]\nplugin = python\nfile = {name}.py\n"
                                 for name in "xyz"))
        signals, log = self.replay(ini, [bar(minute, 1) for minute in (0, 1)])
        self.assertEqual([(s["deployment"], s["data"]) for s in
                          sorted(signals, key=lambda s: (s["deployment"], s["data"]["count"]))],
                         [("x", {"value": "0.333", "mine": "x", "count": 1}),
                          ("x", {"value": "0.333", "mine": "x", "count": 2}),
                          ("y", {"value": "0.333333", "mine": "y", "count": 1}),
                          ("y", {"value": "0.333333", "mine": "y", "count": 2})])
        self.assertEqual(log.count("a third is 0.33333333\n"), 2, log)

    def test_scripts_in_one_process_have_a_main_module_of_their_own(self):
        self.write("script.py", '''
import __main__, concurrent.futures, multiprocessing, pickle, sys, typing
import take5

take5.side("value")
factor = take5.parameter("factor", 1.0)
threads = concurrent.futures.ThreadPoolExecutor(1)
processes = concurrent.futures.ProcessPoolExecutor(
    1, mp_context=multiprocessing.get_context("fork"))

class Point:
    price: "typing.Any"

    def __init__(self, price):
        self.price = price

    def scaled(self):
        return Point(factor * self.price)

def again(point):
    return pickle.loads(pickle.dumps(point))

@take5.on("bar_trends")
def on_bar(m):
    there = processes.submit(Point.scaled, Point(m.price)).result(60)
    here = threads.submit(again, there).result()
    assert isinstance(here, Point) and __main__.Point is Point and "factor" in dir(__main__)
    assert typing.get_type_hints(Point) == {"price": typing.Any}
    sys.modules["__main__"].count = getattr(__main__, "count", 0) + 1
    take5.emit("point", value=here.price, data={"count": count, "to": take5.deployment()})
    if m.offset == 1:
        threads.shutdown()
        processes.shutdown()
''')
        here = f"[take5]\nstrategy_dir = {self.path('strategies')}\n"
        ini = self.write("both.ini", here + "".join(
            f"[strategy:{name}]\nplugin = python\nfile = script.py\nfactor = {factor}\n"
            for name, factor in (("x", 2), ("y", 3))))
        signals, log = self.replay(ini, [bar(0, 5), bar(1, 7)])
        self.assertEqual(
            sorted((s["deployment"], s["value"], s["data"]["count"]) for s in signals),
            [("x", 10, 1), ("x", 14, 2), ("y", 15, 1), ("y", 21, 2)], log)
        self.assertEqual([s["deployment"] for s in signals], [s["data"]["to"] for s in signals])
        ini = self.write("one.ini", f"{here}[strategy:x]\nplugin = python\nfile = script.py\n")
        done = self.take5("sweep", "-q", "--json", "-c", ini, "--topic", "bar_trends", "-p",
                          "x.factor=-1,1,2", self.path("messages.jsonl"))
        points = json.loads(done.stdout)["points"]
        self.assertEqual([point["parts"][0]["signals"] for point in points], [2, 2, 2])

    # ---- errors ----

    def test_exceptions_that_resist_are_told_as_others(self):
        script = '''
import take5

class Mute(Exception):
    def __str__(self):
        raise ValueError("no words")

class Closed(Exception):
    def __setattr__(self, name, value):
        raise AttributeError(name)
    def __getattr__(self, name):
        raise KeyError(name)

class MuteReject(Mute, take5.Reject):
    pass

@take5.on("bar_trends")
def on_bar(m):
    raise %s
'''
        for error, text in (("Mute()", "Mute: (its text raises ValueError)"),
                            ("Closed('closed')", "Closed: closed")):
            _, log = self.replay(self.deploy(script % error), [bar(0, 1)])
            self.assertIn(f"bar_trends/15/0: {self.path('mine.py')}:19: {text}", log)
            self.assertIn("mine: Traceback (most recent call last)", log)
            self.assertIn(f"mine:     raise {error}", log)
        _, log = self.replay(self.deploy(script % "MuteReject()"), [bar(0, 1)])
        self.assertIn("rejected by mine: (its text raises ValueError)", log)
        self.assertIn("mine.py:8: Closed: at its top", self.why_not('''
class Closed(Exception):
    def __setattr__(self, name, value):
        raise AttributeError(name)

import take5
def raises():
    raise Closed("at its top")
raises()
'''))

    def test_each_handler_of_a_message_is_told_of_and_a_reject_is_one(self):
        for order in (1, -1):
            ini = self.deploy(f'''
import take5

def rejects(m):
    raise take5.Reject("unlucky")

def raises(m):
    raise ValueError("mistaken")

def is_content(m):
    take5.emit("content")

for function in (rejects, raises, is_content)[::{order}]:
    take5.on("bar_trends")(function)
''')
            signals, log = self.replay(ini, [bar(0, 1)])
            self.assertEqual([s["name"] for s in signals], ["content"])
            reasons = ["unlucky", f"{self.path('mine.py')}:8: ValueError: mistaken"][::order]
            self.assertIn(f"rejected by mine: {'; '.join(reasons)}", log)
            self.assertIn("Error processing message: mistaken", log)

    @needs_kit
    def test_timers_cannot_reject_and_events_cannot_answer(self):
        script = '''
import take5

@take5.on("bar_trends")
def on_bar(m):
    take5.arm_timer(1, m.event_time_ns + 1)

@take5.on_timer
def on_timer(timer):
    raise take5.Reject("too late")

@take5.on_event
def on_event(event):
    raise KeyError(event.kind)
'''
        out = self.kit(script, ("start",), ("json", bar(0, 1)), ("json", bar(1, 1)),
                       ("expire", "QQQ"))
        self.assertIn(f"error 2 {self.path('mine.py')}:10: Reject: too late\n", out)
        self.assertIn("line 4 Error in a timer: too late\n", out)
        self.assertIn("line 4 Error in an event: 'symbol_expired'\n", out)
        self.assertIn("raise KeyError(event.kind)", out)

    # ---- the end ----

    def test_what_a_program_calls_at_its_end_is_called(self):
        ini = self.deploy('''
import atexit, concurrent.futures, logging, multiprocessing, os, tempfile, threading, time
import take5

def goodbye(word):
    print("goodbye", word)

atexit.register(goodbye, word="first")
atexit.register(print, "never")
atexit.unregister(print)
log = logging.getLogger("mine")
log.addHandler(logging.StreamHandler())
processes = concurrent.futures.ProcessPoolExecutor(
    1, mp_context=multiprocessing.get_context("fork"))
threads = concurrent.futures.ThreadPoolExecutor(1)
stopping = threading.Event()

@atexit.register
def last():
    raise KeyError("of the last")

def work():
    stopping.wait()
    print("worked to the end")

@take5.on("bar_trends")
def on_bar(m):
    log.warning("with one handler")
    daemon = multiprocessing.Process(target=time.sleep, args=(1000,), daemon=True)
    daemon.start()
    with open("folder", "w") as file:
        file.write(tempfile.TemporaryDirectory().name)
    print("children", processes.submit(os.getpid).result(60), daemon.pid)
    threads.submit(work)
    threading._register_atexit(stopping.set)
''')
        _, log = self.replay(ini, [bar(0, 1)])
        said = re.findall("mine: (goodbye.*|worked.*|when it.*|never)", log)
        self.assertEqual(said, ["worked to the end", "when it stopped: 'of the last'",
                                "goodbye first"])
        self.assertEqual(log.count("with one handler"), 1)
        for pid in re.search(r"children (\d+) (\d+)", log).groups():
            self.assertRaises(ProcessLookupError, os.kill, int(pid), 0)

    def test_what_does_not_end_is_told_and_left_behind(self):
        ini = self.deploy('''
import atexit, multiprocessing, threading, time
import take5
from take5 import _bridge
_bridge.STOP_S = _bridge.EXIT_S = 0.1

@take5.on("bar_trends")
def on_bar(m):
    child = multiprocessing.Process(target=time.sleep, args=(1000,))
    child.start()
    print("child", child.pid)

@atexit.register
def at_the_end():
    threading.Event().wait()

if take5.mode() == "replay":
    _bridge.current().ready()
    while True:
        time.sleep(0.01)
''')
        _, log = self.replay(ini, [bar(0, 1)])
        for what, line in (("the script's own thread", 20),
                           ("what atexit and pools call at the end", 15)):
            self.assertRegex(log, f"WARNING +strategy mine: {what} did not end within 0.1 s of the "
                             f"stop, at .*mine.py:{line}: it was left behind")
        child = int(re.search(r"child (\d+)", log).group(1))
        self.assertRaises(ProcessLookupError, os.kill, child, 0)

    @needs_kit
    def test_a_script_can_ask_at_its_top_whether_it_is_live(self):
        script = """
import take5
with open("modes", "a") as file:
    print(take5.mode(), file=file)

@take5.on("bar_trends")
def on_bar(m):
    pass
"""
        self.kit(script.replace("modes", self.path("modes")), ("live",), ("start",), ("stop",))
        with open(self.path("modes"), encoding="utf-8") as file:
            self.assertEqual(file.read().split(), ["check", "live"])

    @needs_kit
    def test_a_handler_of_sigterm_may_exit(self):
        out = self.kit('''
import atexit, signal, sys, time
from kafka.consumer import KafkaConsumerThread

def told(*_):
    print("told")
    sys.exit(0)

signal.signal(signal.SIGTERM, told)
atexit.register(print, "at the end")
thread = KafkaConsumerThread()
try:
    thread.start()  # from here on it may be stopped
    while True:
        time.sleep(0.01)
finally:
    print("at last", thread.consumer.running)
''', ("live",), ("start",), ("stop",))
        self.assertEqual(re.findall("line 2 (told|at .*)", out), ["told", "at last False",
                                                                  "at the end"])

    @needs_kit
    def test_a_handler_of_sigterm_that_exits_ends_start(self):
        out = self.kit('''
import signal, sys
from kafka.consumer import Take5KafkaConsumer
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
try:
    Take5KafkaConsumer().start()
    print("behind")
finally:
    print("at last")
''', ("live",), ("start",), ("stop",))
        self.assertIn("line 2 at last\n", out)
        self.assertNotIn("behind", out)

    # ---- research ----

    def test_each_point_of_a_sweep_is_its_evaluation_wherever_the_ini_file_lies(self):
        # Files of the script are seen from the ini file, which sets one and leaves one as it is.
        os.makedirs(self.path("there/scripts/lib"))
        self.write("there/scripts/lib/signs.py", "UP = 1\n")
        self.write("there/limits.txt", "0.25")
        self.write("there/sign.txt", "1")
        self.write("there/scripts/mine.py", '''
import signs
import take5
sign = float(open(take5.parameter("sign", take5.File("sign.txt"))).read())
limits = take5.parameter("limits", take5.File("limits.txt"))
weight = take5.parameter("weight", 1.0)
take5.side("value")
last = {}

@take5.on("bar_trends")
def on_bar(m):
    before = last.get(m.symbol)
    last[m.symbol] = m.price
    if m.price is not None and before:
        last.setdefault("limit", float(open(limits).read()))
        if abs(m.price - before) > last["limit"] * before / 1000:
            take5.emit("move", value=signs.UP * sign * weight * (m.price - before))
''')
        self.write("there/mine.ini", f"[take5]\nstrategy_dir = {self.path('strategies')}\n"
                   "[strategy:mine]\nplugin = python\nfile = scripts/mine.py\npath = lib\n"
                   "limits = limits.txt\n")
        day = self.write("day.jsonl", self.take5("feed", "--symbols", 4, "--count", 4000).stdout)
        ini = "there/mine.ini"  # seen from elsewhere
        done = self.take5("sweep", "-q", "--json", "-c", ini, "-p", "mine.weight=-1,1", day)
        points = json.loads(done.stdout)["points"]
        self.assertEqual([point["parameters"]["weight"] for point in points], ["-1", "1"])
        for point in points:
            done = self.take5("evaluate", "-q", "--json", "-c", ini, "-s",
                              f"strategy:mine.weight={point['parameters']['weight']}", day)
            (whole,), part = json.loads(done.stdout)["deployments"], point["parts"][0]
            self.assertEqual(part["signals"], whole["signals"])
            self.assertEqual(part["profit"], whole["positions"]["profit"])
        self.assertGreater(part["signals"], 100)
        self.assertAlmostEqual(points[0]["parts"][0]["profit"], -points[1]["parts"][0]["profit"])
        # What is said on the command line is seen from where that is.
        self.write("wide.txt", "1000000")
        done = self.take5("sweep", "-q", "--json", "-c", ini, "-s", "strategy:mine.limits=wide.txt",
                          "-p", "mine.weight=1", day)
        self.assertEqual(json.loads(done.stdout)["points"][0]["parts"][0]["signals"], 0)
        for done in (self.take5("replay", "-q", "-c", ini, day),
                     self.take5("diff", "-q", ini, ini, day),
                     self.take5("report", "-q", "-c", ini, "-o", "page.html", day)):
            self.assertNotIn(b"annot", done.stderr)
        self.take5("check", "-c", ini)
        self.take5("check", "--deployment", "mine", "--case", "life", "-c", ini,
                   self.path("strategies/python.so"))

    @unittest.skipUnless(VARIANT == "plain",
                     "each case begins a Python, too slow there for the time that it may take")
    def test_check_is_content_with_a_good_script(self):
        self.write("good.py", self.guide()["native.py"])
        with open(os.path.join(SOURCE, "sdk", "README.md"), encoding="utf-8") as file:
            command = re.search(r"`take5 (check --set file=SCRIPT\.py python\.so)`", file.read())
        words = [{"file=SCRIPT.py": "file=good.py", "python.so": "strategies/python.so"}.get(
            word, word) for word in command.group(1).split()]
        done = self.take5(*words, "--json")
        cases = [json.loads(line) for line in done.stdout.splitlines()]
        self.assertTrue(cases)

    # ---- the old form ----

    def test_stop_ends_the_calls_and_the_wait(self):
        ini = self.deploy('''
import threading
from kafka.consumer import KafkaConsumerThread, Take5KafkaConsumer

other = KafkaConsumerThread()
other.consumer.set_message_handler("bar_trends", lambda m: print("other", m.offset()))
other.start()
consumer = Take5KafkaConsumer()
over = threading.Event()

def handle(message):
    print("handled", message.offset())
    if message.offset() == 1:
        consumer.stop()
        other.stop()
        over.wait()

consumer.set_message_handler("bar_trends", handle)
consumer.start()
other.join()
print("over", consumer.running, other.is_alive())
over.set()
''')
        _, log = self.replay(ini, [bar(minute, 1) for minute in range(4)])
        self.assertEqual(re.findall(r"mine: handled (\d)", log), ["0", "1"])
        self.assertEqual(re.findall(r"mine: other (\d)", log)[:1], ["0"])
        self.assertNotIn("other 2", log)
        self.assertIn("mine: over False False", log)

    def test_a_consumer_thread_and_handlers_written_into_the_dict(self):
        ini = self.deploy('''
import json, signal, time
from confluent_kafka import KafkaError, KafkaException, TIMESTAMP_NOT_AVAILABLE
from kafka.config import KafkaConfig
from kafka.consumer import KafkaConsumerThread

signal.signal(signal.SIGTERM, lambda *_: print("told to end"))
thread = KafkaConsumerThread(KafkaConfig())
thread.consumer.set_message_handler("no_such", print)

def handle(message):
    assert message.timestamp() == (TIMESTAMP_NOT_AVAILABLE, -1)
    assert len(message) == len(message.value())
    print("handled", json.loads(message.value().decode("utf-8"))["symbol"], message.key(),
          message.headers(), message.error(), message.topic(), message.offset())
    if message.offset() == 1:
        thread.consumer.message_handlers = {"bar_trends": again}

def again(message):
    print("again", message.offset())

thread.consumer.message_handlers["bar_trends"] = handle
thread.start()
while thread.consumer.running:
    time.sleep(0.01)
print("its own thread ends")
''')
        _, log = self.replay(ini, [bar(minute, 1) for minute in range(4)])
        self.assertIn("mine: Unknown topic: no_such", log)
        self.assertIn("mine: handled QQQ None None None bar_trends 0", log)
        self.assertIn("mine: handled QQQ None None None bar_trends 1", log)
        self.assertNotIn("bar_trends 2", log)
        self.assertIn("mine: again 2", log)
        self.assertIn("mine: again 3", log)

    def test_a_consumer_of_fewer_topics_gets_those(self):
        ini = self.deploy('''
from kafka.config import KafkaConfig
from kafka.consumer import Take5KafkaConsumer
config = KafkaConfig()
config.topics = ["asset_trends", "elsewhere"]
consumer = Take5KafkaConsumer(config)
consumer.set_message_handler("asset_trends", lambda m: print("trend", m.topic()))
consumer.start()
''')
        _, log = self.replay(ini, [bar(0, 1)])
        self.assertNotIn("mine: trend", log)
        self.assertIn("no message comes of elsewhere", log)
        recording = self.write("trends.jsonl", bar(0, 1))
        done = self.take5("replay", "-c", ini, "--topic", "asset_trends", "-v", recording)
        self.assertIn("mine: trend asset_trends", done.stderr.decode())

    def test_take5_in_another_module_than_the_script_is_told(self):
        self.write("beside.py", "import take5\n@take5.on('asset_trends')\ndef f(m): pass\n")
        self.assertIn("import it in", self.why_not("import beside\n"))

    @unittest.skipUnless(VARIANT == "plain", "packages are not built with the sanitizer")
    @needs_packages
    def test_confluent_kafka_of_a_virtual_environment(self):
        ini = self.deploy('''
import confluent_kafka
from confluent_kafka.admin import NewTopic
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer
from kafka.consumer import Take5KafkaConsumer

def handle(message):
    print("a message of take5's:", isinstance(message, Message))
    print("a topic:", NewTopic("made", 1).topic)
    print("versions:", confluent_kafka.version()[0], confluent_kafka.libversion()[0])
    try:
        Producer({"no.such.property": "x"})
    except KafkaException as error:
        print("caught:", error.args[0].code() == KafkaError._INVALID_ARG)
    try:
        Consumer({})
    except KafkaException as error:
        print("no consumer:", error)
    told = []
    producer = Producer({"message.timeout.ms": 1})
    producer.produce("made", b"x", on_delivery=lambda error, _: told.append(error.code()))
    print("left:", producer.flush(30), told == [KafkaError._MSG_TIMED_OUT])

consumer = Take5KafkaConsumer()
consumer.set_message_handler("bar_trends", handle)
consumer.start()
''', venv=PACKAGES)
        _, log = self.replay(ini, [bar(0, 1)])
        for text in ("a message of take5's: True", "a topic: made", "versions: 2.3.0 2.3.0",
                     "caught: True", "no consumer: under take5", "left: 0 True"):
            self.assertIn(f"mine: {text}", log)

    def test_confluent_kafka_without_one(self):
        ini = self.deploy('''
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition
from kafka.consumer import Take5KafkaConsumer

def handle(message):
    try:
        raise KafkaException(KafkaError(KafkaError._PARTITION_EOF))
    except KafkaException as error:
        print("caught", error.args[0].code(), isinstance(message, Message),
              TopicPartition("a", 1).partition)

consumer = Take5KafkaConsumer()
consumer.set_message_handler("bar_trends", handle)
consumer.start()
''')
        _, log = self.replay(ini, [bar(0, 1)])
        self.assertIn("mine: caught -191 True 1", log)

    def test_what_confluent_kafka_lacks_is_said(self):
        self.assertIn("for the real one install confluent-kafka",
                      self.why_not("from confluent_kafka import Producer\n"))

    def test_packages_that_take5_hides_are_named(self):
        for text in ("from kafka import KafkaProducer", "import kafka.errors"):
            self.assertRegex(self.why_not(text), "mine.py:1: .*kafka.*hides the package kafka-python")
        for text in ("import confluent_kafka.error", "from confluent_kafka.serialization import x"):
            self.assertRegex(self.why_not(text), r"mine.py:1: .*'confluent_kafka\.\w+': take5 has "
                             "stand-ins; for the real one install confluent-kafka")

    def test_handlers_in_another_mapping_than_a_dict(self):
        ini = self.deploy('''
from collections import ChainMap
from kafka import consumer as consumers
consumer = consumers.Take5KafkaConsumer()
own = {}
consumer.message_handlers = ChainMap(own, consumer.message_handlers)

def handle(message):
    print("handled", message.offset())
    if message.offset() == 1:
        consumer.message_handlers = None

own["bar_trends"] = handle
consumer.start()
''')
        _, log = self.replay(ini, [bar(minute, 1) for minute in range(3)])
        self.assertEqual(re.findall(r"mine: handled (\d)", log), ["0", "1"])
        self.assertIn("TypeError: 'NoneType' object is not", log)

    def test_a_topic_without_a_handler_is_printed(self):
        ini = self.deploy("from kafka.consumer import Take5KafkaConsumer\n"
                          "Take5KafkaConsumer().start()\n")
        _, log = self.replay(ini, [bar(0, 1)])
        self.assertIn("mine: \U0001f4ca [BAR_TRENDS] Received message:", log)
        self.assertIn('mine:      "symbol": "QQQ",', log)

    # ---- the guide ----

    def guide(self):
        """The guide's files and commands, by what is said above them."""
        with open(os.path.join(SOURCE, "sdk", "python.md"), encoding="utf-8") as file:
            text = file.read()
        parts = dict(re.findall(r"(?s)<!-- check: (\S+) -->\n```\w+\n(.*?)```", text))
        self.assertEqual(text.count("```") // 2, len(parts))  # each block, under names that differ
        return parts

    def run_guide(self, commands):
        """As they stand there. Gives both outputs."""
        done = subprocess.run(["sh", "-e", "-c", commands], cwd=self.directory, check=False,
                              env={**environment(),
                                   "PATH": f"{os.path.dirname(TAKE5)}:{os.environ['PATH']}"},
                              capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        return done.stdout, done.stderr

    def test_the_guide_does_what_it_says(self):
        guide = self.guide()
        guide |= {f"{name}.ini": f"[strategy:mine]\nplugin = python\nfile = {name}.py\n"
                  for name in ("before", "after")}
        here = f"[take5]\nstrategy_dir = {self.path('strategies')}\n"
        for name, text in guide.items():
            self.write(name, here + text if name.endswith(".ini") else text)
        self.take5("check", "-c", "mine.ini")
        self.run_guide(guide["research"])
        with open(self.path("signals.jsonl"), "rb") as file:
            self.assertIn("slope", {signal["name"] for signal in json_lines(file.read())})
        self.run_guide("take5 feed --symbols 4 --count 2000 > day.jsonl")  # others print much
        _, log = self.run_guide("take5 replay -v -c mine.ini day.jsonl")
        self.assertIn("mine: QQQ at offset", log)
        # The handler in the old form prints what the one in the new form emits.
        _, log = self.run_guide("take5 replay -v -c before.ini day.jsonl")
        printed = [(symbol, float(close))
                   for symbol, close in re.findall(r"mine: rising (\S+) (\S+)", log)]
        out, _ = self.run_guide("take5 replay -q -c after.ini day.jsonl")
        self.assertEqual([(s["symbol"], s["value"]) for s in json_lines(out)], printed)
        self.assertGreater(len(printed), 10)

    # ---- packages ----

    def test_a_virtual_environment_is_seen_from_the_script_s_directory(self):
        script = ("import sys, take5\n@take5.on('bar_trends')\n"
                  "def f(m): print('prefix', sys.prefix)\n")
        self.assertIn("venv = /no/such: it has no pyvenv.cfg",
                      self.why_not(script, venv="/no/such"))
        os.makedirs(self.path("env"))
        self.write("env/pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\n")
        self.assertRegex(self.why_not(script, venv="env"), r"env: it has no lib/python3\.")
        subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", self.path("env")],
                       check=True)
        ini = self.deploy(script, venv="env")
        recording = self.write("messages.jsonl", bar(0, 1))
        done = subprocess.run([TAKE5, "replay", "-v", "-c", ini, "--topic", "bar_trends",
                               recording], cwd="/", env=environment(), capture_output=True,
                              text=True, check=True)
        self.assertIn(f"prefix {self.path('env')}", done.stderr)

    @unittest.skipUnless(VARIANT == "plain", "packages are not built with the sanitizer")
    @needs_packages
    def test_numpy_and_pandas_of_a_virtual_environment(self):
        ini = self.deploy('''
import numpy as np
import pandas as pd
import take5
prices = []
np.seterr(all="raise")

@take5.on("bar_trends")
def on_bar(m):
    prices.append(m.price)
    if len(prices) == 4:
        frame = pd.DataFrame({"close": prices})
        take5.emit("band", value=np.float64(frame.close.mean()), data={
            "std": np.float32(frame.close.std()), "n": np.int64(frame.shape[0]),
            "tail": np.array(prices[-2:]), "up": np.bool_(prices[-1] > prices[0])})
        try:
            np.float64(1) / np.float64(0)
        except FloatingPointError:
            take5.emit("raised")
''', venv=PACKAGES)
        (signal, raised), _ = self.replay(ini, [bar(minute, minute) for minute in range(4)])
        self.assertEqual(raised["name"], "raised")
        self.assertEqual(signal["value"], 1.5)
        self.assertAlmostEqual(signal["data"].pop("std"), 1.2909944487, 6)
        self.assertEqual(signal["data"], {"n": 4, "tail": [2.0, 3.0], "up": True})

    # ---- what `new` writes ----

    @unittest.skipUnless(VARIANT == "plain", "C is compiled without the sanitizer")
    @needs_packages
    def test_what_new_writes_passes_its_test_and_says_what_the_c_one_says(self):
        self.take5("new", "--lang", "python", "alpha")
        self.assertEqual(sorted(os.listdir(self.path("alpha"))),
                         ["alpha.ini", "alpha.py", "sample.jsonl", "test_alpha.py"])
        program = self.write("take5", f'#!/bin/sh\ncommand=$1\nshift\nexec "{TAKE5}" "$command" '
                             f'-s take5.strategy_dir="{self.path("strategies")}" "$@"\n')
        os.chmod(program, 0o755)
        done = subprocess.run([os.path.join(PACKAGES, "bin", "pytest"), "-q", "alpha"],
                              env={**environment(), "TAKE5": program}, cwd=self.directory,
                              capture_output=True, text=True, check=False, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("3 passed", done.stdout)
        os.makedirs(self.path("c/strategies"))
        self.take5("new", "beta")
        with open(self.path("beta/beta.c"), encoding="utf-8") as file:
            self.write("c/alpha.c", file.read().replace("beta", "alpha"))
        subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-fvisibility=hidden",
                        f"-I{SOURCE}/sdk/include", self.path("c/alpha.c"), "-o",
                        self.path("c/strategies/alpha.so"), "-lm"], check=True)
        with open(self.path("alpha/alpha.ini"), encoding="utf-8") as file:
            text = file.read()
        self.write("alpha/alpha.ini", f"[take5]\nstrategy_dir = {self.path('strategies')}\n{text}")
        self.write("c/alpha.ini", "[take5]\nstrategy_dir = strategies\n[strategy:alpha]\n"
                   .replace("= strategies", f"= {self.path('c/strategies')}"))
        day = self.write("day.jsonl", self.take5("feed", "--symbols", 4, "--count", 20000).stdout)
        ours, theirs = self.path("alpha/alpha.ini"), self.path("c/alpha.ini")
        with open(ours, encoding="utf-8") as file:
            self.write("old.ini", file.read().replace("alpha.py", "alpha/alpha.py"))
        shutil.copy(theirs, self.path("new.ini"))
        self.run_guide(self.guide()["compare"])
        done = self.take5("diff", "--json", ours, theirs, day)
        self.assertGreater(json.loads(done.stdout)["same"], 100)
        # What they are worth is the same as well, by what each declares of its side.
        worth = [json.loads(self.take5("evaluate", "-q", "--json", "-c", ini, day).stdout)
                 for ini in (ours, theirs)]
        self.assertEqual(*worth)
        self.assertGreater(worth[0]["deployments"][0]["positions"]["trades"], 10)
        pages = []
        for ini in (ours, theirs):
            self.take5("report", "-q", "-c", ini, "-o", "page.html", day)
            with open(self.path("page.html"), encoding="utf-8") as file:
                pages.append(file.read())
        self.assertGreater(min(map(len, pages)), 10000)


if __name__ == "__main__":
    unittest.main(verbosity=2)
