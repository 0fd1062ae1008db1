#!/usr/bin/python3
"""Python strategies over real topics: a script of the replaced service there and here, scripts that
misbehave, a reload of each kind, and deaths."""
import contextlib
import os
import re
import shutil
import signal
import unittest

from harness import paths
from harness.host import read_json_lines
from harness.process import Process
from harness.scenario import Scenario, main
from harness.waiting import wait_for
from packages import PACKAGES, needs_packages

PARTITIONS = 2
RELOADS = 50
OLD = os.path.join(paths.SOURCE, "tests", "integration", "tools", "old_service")

COUNTING = '''
import take5

__version__ = "1.0.{number}"
counts = {{}}
one = 1


@take5.on("bar_trends")
def on_bar(message):
    counts[message.symbol] = counts.get(message.symbol, 0) + one
    take5.emit("count", value=counts[message.symbol])


@take5.save
def save():
    return {{symbol: str(count).encode() for symbol, count in counts.items()}}


@take5.load
def load(records):
    counts.update({{symbol: int(data) for symbol, data in records.items()}})
'''

# Each message puts off the timer of its symbol, which is due 20 s of event time after the last.
ARMING = COUNTING.format(number=0) + '''

@take5.on("bar_trends")
def arm(message):
    take5.arm_timer(7, message.event_time_ns + 20_000_000_000, message.symbol)
'''

# The next version: of another form of state, and it arms nothing.
GOING_ON = COUNTING.format(number=1) + '''
@take5.on_timer
def on_timer(timer):
    take5.emit("timer", timer.symbol, value=timer.key)


@take5.save(version=2)
def save():
    return {symbol: f"#{count}".encode() for symbol, count in counts.items()}


@take5.load
def load(records, version):
    print(f"loaded {len(records)} of version {version}")
    counts.update({symbol: int(data[version - 1:]) for symbol, data in records.items()})
'''

# The same counts, by numpy and pandas.
BY_PACKAGES = '''
import numpy
import pandas
one = numpy.int64(pandas.DataFrame({"one": [0.25, 0.75]}).one.sum())
'''

# With the client of the script's own environment, beside the one that the host has.
MAKES = '''
    from confluent_kafka import Message, Producer
    assert isinstance(message, Message)
    if message.offset() == 0:
        producer = Producer({{"bootstrap.servers": "{servers}"}})
        producer.produce("made", message.value(), message.key())
        assert producer.flush(30) == 0
'''

# What the old service says of messages that take5 calls no handler with.
UNUSABLE = ("Error processing message: Expecting value: line 1 column 1 (char 0)",
            "Error processing message: 'NoneType' object has no attribute 'decode'")  # its key

REJECTING = '''
import take5

is_repaired = take5.parameter("is_repaired", False)


@take5.on("bar_trends")
def on_bar(message):
    if message.offset < 2 and not is_repaired:
        raise take5.Reject("too early")
    if message.is_redrive:
        take5.emit("redriven", data={"offset": message.offset})
'''

OLD_FORM = '''
import json
from kafka.consumer import Take5KafkaConsumer

def handle(message):
    data = json.loads(message.value().decode('utf-8'))
{body}

consumer = Take5KafkaConsumer()
consumer.set_message_handler('bar_trends', handle)
consumer.set_message_handler('historic_stats', lambda message: None)
consumer.set_message_handler('asset_trends', lambda message: None)
consumer.start()
'''

# A callback that does not return within this ends its process.
STUCK_MS = 6000
# What a handler does that its script does not go on from.
BAD = {
    "raises": "    raise KeyError('close')",
    "exits": "    import sys; sys.exit(3)",
    "dies": "    import os\n    if message.offset() == 20: os._exit(4)",
    "crashes": "    import ctypes\n    if message.offset() == 20: ctypes.string_at(0)",
    "loops": "    while message.offset() == 20: pass",
}
GOOD = {
    # Longer than the group's session.
    "sleeps": "    import time\n"
              "    if message.partition() == message.offset() == 0: time.sleep(3.5)\n"
              "    print('slept', message.partition(), message.offset())",
    "keeps": "    kept = globals().setdefault('kept', [])\n    kept.append(message)\n"
             "    first = kept[0]\n"
             "    print('kept', first.partition(), first.offset(), first.key(), "
             "json.loads(first.value())['symbol'], len(kept))",
    "threads": "    import threading\n"
               "    def work(offset=message.offset(), value=message.value()):\n"
               "        print('thread', offset, json.loads(value)['symbol'])\n"
               "    if message.offset() < 10: threading.Thread(target=work).start()",
}


def worker_of(status, name):
    return next((worker for worker in (status or {}).get("workers", [])
                 if worker["name"] == name), {})


def strategy_of(status, name):
    return next((strategy for strategy in (status or {}).get("strategies", [])
                 if strategy["name"] == name), {})


def strategy_versions(host):
    """In the order in which they spoke."""
    path = os.path.join(host.directory, "signals.jsonl.count")
    return list(dict.fromkeys(line["version"] for line in read_json_lines(path)))


def resident_kb(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1))


def count_children(pid):
    """Those that have ended and were not waited for are among them."""
    count = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended
            with open(f"/proc/{pid}/task/{task}/children", encoding="utf-8") as file:
                count += len(file.read().split())
    return count


def holds_of(supervisor, worker):
    """What a reload could leave behind."""
    return {"resident kB of the supervisor": resident_kb(supervisor),
            "resident kB of the worker": resident_kb(worker),
            "files of the supervisor": len(os.listdir(f"/proc/{supervisor}/fd")),
            "children of the supervisor": count_children(supervisor)}


class Python(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kafka.create_roles(PARTITIONS)
        cls.tally = cls.kafka.produce(600, partitions=PARTITIONS, symbols=6)
        # Behind the others: one with a header, and two that no handler of take5's is called with.
        parts = cls.tally["partitions"]["bar_trends"]
        cls.unusable = [(parts["0"] + 1, "not-json"), (parts["0"] + 2, "no-symbol")]
        cls.kafka.send("bar_trends", '{"symbol": "QQQ"}', "QQQ", 0, [("trace", "abc")])
        cls.kafka.send("bar_trends", "no JSON", "K", 0)
        cls.kafka.send("bar_trends", '{"price": 1}', None, 0)
        parts["0"] += 3
        cls.bars = sum(parts.values()) - len(cls.unusable)

    def host(self, **sections):
        given = {"take5": {"error_run": 5, "rehearsal_messages": 20},
                 "checkpoint": {"interval": "1s"}}
        for section, keys in sections.items():
            given.setdefault(section, {}).update(keys)
        host = self.new_host(sections=given)
        host.drop("python")
        return host

    def counting_host(self, script=None):
        """With a topic of its own; gives its name as well. Without a script: COUNTING."""
        topic = f"{self.id().rsplit('.', 1)[-1]}.bar_trends"
        self.kafka.create(f"{topic}:{PARTITIONS}")
        host = self.host(**{f"topic:{role}": {"topic": topic if role == "bar_trends" else ""}
                            for role in ("bar_trends", "historic_stats", "asset_trends")})
        if script is None:
            self.deploy_counting(host, 0)
        else:
            self.deploy_with_packages(host, script)
        return host.start(), topic

    def script(self, host, name, text):
        """By rename, as an editor saves it."""
        path = os.path.join(host.deployments, f"{name}.py")
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)
        return f"{name}.py"

    def lines(self, host, name, start=0):
        """What the script printed, and what was logged for it."""
        return re.findall(rf"(?m)^\S+ \S+ \w+ +strategy (?:\[{name}\] )?{name}: (.*)$",
                          host.log_text(start))

    def wait_read(self, host, name):
        self.kafka.wait_committed(f"{host.group}.{name}", self.tally["partitions"])

    # ---- the old form ----

    def old_service(self, servers, group):
        """Its output, until it has handled everything."""
        output = self.path("old")
        process = Process(
            [os.path.join(PACKAGES, "bin", "python"), "-u", os.path.join(OLD, "handlers.py")],
            output + ".log", stdout=output,
            environment={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": servers, "PYTHONPATH": OLD,
                         "KAFKA_GROUP_ID": group})

        def lines():
            with open(output, encoding="utf-8") as file:
                return file.read().splitlines()

        total = sum(sum(parts.values()) for parts in self.tally["partitions"].values())
        ends = ("BAR", "STATS", "TRENDS", *UNUSABLE)
        wait_for("the old service to handle all",
                 lambda: sum(line.startswith(ends) for line in lines()) >= total, 90)
        offsets = re.findall(r"(?m)^BAR \S+/(\d+) ", "\n".join(lines()))
        raised = sum(int(offset) % 50 == 7 for offset in offsets)
        wait_for("its last error", lambda: sum(
            line.startswith("Error processing message: no luck") for line in lines()) == raised)
        process.kill()
        return lines()

    @staticmethod
    def by_partition(lines):
        """What was printed while each partition's messages were handled, in order."""
        printed, part = {}, None
        for line in lines:
            match = re.match(r"(?:BAR|STATS|TRENDS) (\S+)/\d+ ", line)
            if match:
                part = match.group(1)
            elif not line.startswith(("  z_score", "  ---", "  a third")):
                continue
            printed.setdefault(part, []).append(line)
        return printed

    @needs_packages
    def test_a_script_of_the_old_service_says_here_what_it_said_there(self):
        host = self.host(take5={"error_run": 1000})
        shutil.copy(os.path.join(OLD, "handlers.py"), host.deployments)
        host.deploy("mine", plugin="python", file="handlers.py")
        self.kafka.create("made:1")
        file = self.script(host, "makes", OLD_FORM.format(body=MAKES.format(
            servers=self.kafka.servers)))
        host.deploy("makes", plugin="python", file=file, venv=PACKAGES)
        host.start(KAFKA_BOOTSTRAP_SERVERS=self.kafka.servers)
        self.wait_read(host, "mine")
        old = self.old_service(self.kafka.servers, f"{host.group}.old")
        # The differences that the guide tells of.
        self.assertEqual(sorted(line for line in old if line in UNUSABLE), sorted(UNUSABLE))
        letters = read_json_lines(f"{host.letters}.mine")
        self.assertEqual([(letter["topic"], letter["partition"], letter["offset"], letter["reason"])
                          for letter in letters],
                         [("bar_trends", 0, *unusable) for unusable in self.unusable])
        with_headers = "[('trace', b'abc')]"
        self.assertEqual(sum(with_headers in line for line in old), 1)
        old = [line.replace(with_headers, "None") for line in old if line not in UNUSABLE]
        errors = [line for line in old if line.startswith("Error processing message: ")]
        host.wait_status("as many errors", lambda status:
                         strategy_of(status, "mine").get("errors") == len(errors))
        self.wait_read(host, "makes")
        host.stop()
        firsts = [message["payload"] for message in self.kafka.read("bar_trends")
                  if message["offset"] == 0]
        self.assertEqual(sorted(message["payload"] for message in self.kafka.read("made")),
                         sorted(firsts))
        new = self.lines(host, "mine")
        self.assertIn(errors[0], errors)
        self.assertGreater(len(errors), 3)
        logged = [line for line in new if line.startswith("Error processing message: ")]
        self.assertEqual(len(logged), 1)  # with its traceback; the others are counted
        self.assertIn(logged[0], errors)
        self.assertIn("ValueError: " + logged[0].split(": ", 1)[1], new)
        was, now = self.by_partition(old), self.by_partition(new)
        self.assertEqual(now, was)
        self.assertEqual(len(was), 3 * PARTITIONS)
        four = [line for line in old if line[0] in "🚀📡🏃⏹"]
        self.assertEqual([line for line in new if line[0] in "🚀📡🏃⏹"], four)
        self.assertEqual(len(four), 4)

    # ---- reload ----

    def deploy_counting(self, host, number):
        file = self.script(host, "count", COUNTING.format(number=number))
        host.deploy("count", plugin="python", file=file)

    def counts(self, host):
        """By symbol, how often each count was said, in the order of the signals."""
        said = {}
        path = os.path.join(host.directory, "signals.jsonl.count")
        for line in read_json_lines(path):
            if line["name"] == "count":
                said.setdefault(line["symbol"], []).append(int(line["value"]))
        return said

    def test_a_reload_is_a_new_process_that_goes_on_with_the_state(self):
        host, topic = self.counting_host()
        producer = self.kafka.start_produce(100000, topics=topic, partitions=PARTITIONS, symbols=6,
                                            rate=300)
        host.wait_status("its first signals", lambda _: len(self.counts(host)) == 6)
        supervisor = host.process.pid
        process = worker_of(host.status(), "count")["process"]
        for text, place in (("import take5\nx = (\n", r"count\.py:2: SyntaxError: "),
                            ("import take5\nimport no_such\n",
                             r"count\.py:2: ModuleNotFoundError: No module named 'no_such'"),
                            ("import take5\n", r"count\.py: it has no handler")):
            self.script(host, "count", text)
            code, report = host.reload()
            self.assertEqual(code, 1, report)
            self.assertRegex(report, rf"count: rejected: .*{place}")
            self.assertIn("1.0.0 keeps running", report)
        self.assertEqual(worker_of(host.status(), "count")["process"], process)
        holds, seen = [], {process}
        for number in range(1, RELOADS + 1):
            self.deploy_counting(host, number)
            code, report = host.reload()
            self.assertEqual(code, 0, report)
            self.assertIn(f"count: replaced 1.0.{number - 1} \u2192 1.0.{number} "
                          "(in a new process, state kept)", report)
            process = worker_of(host.status(), "count")["process"]
            holds.append(holds_of(supervisor, process))
            seen.add(process)
        self.assertEqual(len(seen), RELOADS + 1)
        tally = producer.stop()
        self.kafka.wait_committed(f"{host.group}.count", tally["partitions"], 90)
        host.stop()
        for what, early in holds[4].items():
            late, some = holds[-1][what], 2048 if "kB" in what else RELOADS // 5
            self.assertLess(late, early + some, what)
        spoke = strategy_versions(host)  # one may be replaced before its first message
        self.assertEqual(spoke, [version for version in (f"1.0.{n}" for n in range(RELOADS + 1))
                                 if version in spoke])
        self.assertEqual((spoke[0], spoke[-1]), ("1.0.0", f"1.0.{RELOADS}"))
        counts = self.counts(host)
        for symbol, said in counts.items():
            self.assertEqual(said, list(range(1, len(said) + 1)), symbol)
        self.assertEqual({symbol: len(said) for symbol, said in counts.items()}, tally["symbols"])

    def kill_worker(self, host, name):
        deaths = worker_of(host.status(), name)["deaths"]
        os.kill(worker_of(host.status(), name)["process"], signal.SIGKILL)
        host.wait_status("its death", lambda status: (
            worker_of(status, name).get("deaths") == deaths + 1 and
            worker_of(status, name).get("state") == "running"))

    def deploy_with_packages(self, host, script):
        """The same without them, if they could not be fetched."""
        more = BY_PACKAGES if PACKAGES else ""
        file = self.script(host, "count", script.replace("one = 1\n", more or "one = 1\n"))
        host.deploy("count", plugin="python", file=file, **({"venv": PACKAGES} if more else {}))

    def timers(self, host):
        """The symbols whose timer was said."""
        path = os.path.join(host.directory, "signals.jsonl.count")
        return {line["symbol"] for line in read_json_lines(path) if line["name"] == "timer"}

    def test_kill_9_loses_no_state(self):
        host, topic = self.counting_host(ARMING)
        producer = self.kafka.start_produce(100000, topics=topic, partitions=PARTITIONS, symbols=6,
                                            rate=500)
        host.wait_status("its first signals", lambda _: len(self.counts(host)) == 6)
        self.deploy_with_packages(host, GOING_ON)
        code, report = host.reload()
        self.assertEqual(code, 0, report)
        self.assertIn("count: replaced 1.0.0 \u2192 1.0.1 (in a new process, state kept)", report)
        self.kill_worker(host, "count")  # before the timers that came along are due
        host.wait_status("all timers", lambda _: len(self.timers(host)) == 6)
        for who in ("worker", "worker", "host"):
            said = sum(map(len, self.counts(host).values()))
            host.wait_status("more messages", lambda status, said=said: sum(
                map(len, self.counts(host).values())) > said + 300)
            if who == "worker":
                self.kill_worker(host, "count")
            else:
                host.kill()
                host.start()
        tally = producer.stop()
        self.kafka.wait_committed(f"{host.group}.count", tally["partitions"], 90)
        host.stop()
        loaded = [line for line in self.lines(host, "count") if line.startswith("loaded")]
        self.assertEqual((loaded[0], loaded[-1]),
                         ("loaded 6 of version 1", "loaded 6 of version 2"))
        counts = self.counts(host)
        for symbol, said in counts.items():
            # At least once: what was said again is what was said before.
            self.assertEqual(sorted(set(said)), list(range(1, max(said) + 1)), symbol)
        self.assertEqual({symbol: max(said) for symbol, said in counts.items()}, tally["symbols"])

    # ---- scripts that misbehave ----

    def redrive_what_was_rejected(self, host):
        self.wait_read(host, "rejects")
        early = [(partition, offset) for partition in range(PARTITIONS) for offset in range(2)]
        letters = [letter for letter in read_json_lines(f"{host.letters}.rejects")
                   if letter["reason"] == "rejected"]
        places = [(letter["partition"], letter["offset"]) for letter in letters]
        self.assertEqual(sorted(places), early)
        self.assertEqual({(letter["strategy"], letter["message"]) for letter in letters},
                         {("rejects", "too early")})
        self.assertEqual(strategy_of(host.status(), "rejects")["errors"], 0)
        host.deploy("rejects", plugin="python", file="rejects.py", is_repaired="yes")
        code, report = host.reload()
        self.assertIn("rejects: ", report)
        host.wait_status("its partitions", lambda status: {
            part["partition"] for part in status["assignment"]
            if (part["worker"], part["topic"]) == ("rejects", "bar_trends")} == {0, 1})
        code, out, err = host.take5("dlq", "-c", host.ini, "redrive", "--through", "rejects",
                                    "--reason", "rejected")
        self.assertEqual(code, 0, out + err)
        self.assertIn("4 dead letters redriven to rejects", out)
        signals = [line for line in read_json_lines(f"{host.signals}.rejects")
                   if line["name"] == "redriven"]
        self.assertEqual(sorted((line["partition"], line["offset"]) for line in signals), early)

    def test_what_a_handler_does_is_its_own_trouble(self):
        host = self.host(take5={"error_run": 5, "stuck_ms": STUCK_MS})
        for name, body in {**BAD, **GOOD}.items():
            file = self.script(host, name, OLD_FORM.format(body=body))
            host.deploy(name, plugin="python", file=file)
        self.script(host, "rejects", REJECTING)
        host.deploy("rejects", plugin="python", file="rejects.py")
        host.start()
        for name in GOOD:
            self.wait_read(host, name)
        for name in ("raises", "exits"):
            status = host.wait_status(f"{name} to be suspended", lambda status, name=name: (
                strategy_of(status, name).get("why") == "errors"))
            self.assertEqual(worker_of(status, name)["deaths"], 0)
        for name in ("dies", "crashes", "loops"):
            status = host.wait_status(f"{name} to be held back", lambda status, name=name: (
                strategy_of(status, name).get("why") == "quarantine"))
            self.assertGreaterEqual(worker_of(status, name)["deaths"], 1)
        self.redrive_what_was_rejected(host)
        host.stop()
        self.assertIn("Error processing message: 'close'", self.lines(host, "raises"))
        self.assertIn("SystemExit: 3", self.lines(host, "exits"))
        self.assertEqual(sum("slept" in line for line in self.lines(host, "sleeps")), self.bars)
        kept = [line for line in self.lines(host, "keeps") if line.startswith("kept")]
        self.assertEqual(len(kept), self.bars)
        self.assertEqual(len({line.rsplit(" ", 1)[0] for line in kept}), 1)
        threads = {line for line in self.lines(host, "threads") if line.startswith("thread")}
        self.assertGreaterEqual(len(threads), 10)


main()
