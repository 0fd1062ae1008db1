#!/usr/bin/python3
"""Python strategies over real topics: a script of the replaced service there and here, scripts that
misbehave, a reload of each kind, and deaths."""
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

PARTITIONS = 2
RELOADS = 50
OLD = os.path.join(paths.SOURCE, "tests", "integration", "tools", "old_service")
VENV = os.path.join(os.path.dirname(paths.KAFKA_LIB), "python-packages-1")
HAS_PACKAGES = os.path.exists(os.path.join(VENV, "complete"))

COUNTING = '''
import take5

__version__ = "1.0.{number}"
counts = {{}}


@take5.on("bar_trends")
def on_bar(message):
    counts[message.symbol] = counts.get(message.symbol, 0) + 1
    take5.emit("count", value=counts[message.symbol])


@take5.save
def save():
    return {{symbol: str(count).encode() for symbol, count in counts.items()}}


@take5.load
def load(records):
    counts.update({{symbol: int(data) for symbol, data in records.items()}})
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

# What a handler does at offset 20 of its first partition, once.
BAD = {
    "raises": "    raise KeyError('close')",
    "exits": "    import sys; sys.exit(3)",
    "dies": "    import os\n    if message.offset() == 20: os._exit(4)",
    "crashes": "    import ctypes\n    if message.offset() == 20: ctypes.string_at(0)",
}
GOOD = {
    "sleeps": "    import time\n    if message.offset() < 3: time.sleep(0.3)\n"
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


class Python(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.kafka.create_roles(PARTITIONS)
        cls.tally = cls.kafka.produce(600, partitions=PARTITIONS, symbols=6)

    def host(self, **sections):
        given = {"take5": {"error_run": 5, "rehearsal_messages": 20},
                 "checkpoint": {"interval": "1s"}}
        for section, keys in sections.items():
            given.setdefault(section, {}).update(keys)
        host = self.new_host(sections=given)
        host.drop("python")
        return host

    def counting_host(self):
        """With a topic of its own; gives its name as well."""
        topic = f"{self.id().rsplit('.', 1)[-1]}.bar_trends"
        self.kafka.create(f"{topic}:{PARTITIONS}")
        host = self.host(**{f"topic:{role}": {"topic": topic if role == "bar_trends" else ""}
                            for role in ("bar_trends", "historic_stats", "asset_trends")})
        self.deploy_counting(host, 0)
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
            [os.path.join(VENV, "bin", "python"), "-u", os.path.join(OLD, "handlers.py")],
            output + ".log", stdout=output,
            environment={**os.environ, "KAFKA_BOOTSTRAP_SERVERS": servers, "PYTHONPATH": OLD,
                         "KAFKA_GROUP_ID": group})

        def lines():
            with open(output, encoding="utf-8") as file:
                return file.read().splitlines()

        total = sum(sum(parts.values()) for parts in self.tally["partitions"].values())
        wait_for("the old service to handle all", lambda: sum(
            line.startswith(("BAR", "STATS", "TRENDS")) for line in lines()) >= total, 90)
        wait_for("its last line", lambda: len(lines()) > total)
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
            elif not line.startswith("  z_score"):
                continue
            printed.setdefault(part, []).append(line)
        return printed

    @unittest.skipUnless(HAS_PACKAGES, "confluent-kafka could not be fetched")
    def test_a_script_of_the_old_service_says_here_what_it_said_there(self):
        host = self.host(take5={"error_run": 1000})
        shutil.copy(os.path.join(OLD, "handlers.py"), host.deployments)
        host.deploy("mine", plugin="python", file="handlers.py")
        host.start(KAFKA_BOOTSTRAP_SERVERS=self.kafka.servers)
        self.wait_read(host, "mine")
        old = self.old_service(self.kafka.servers, f"{host.group}.old")
        errors = [line for line in old if line.startswith("Error processing message: ")]
        host.wait_status("as many errors", lambda status:
                         strategy_of(status, "mine").get("errors") == len(errors))
        host.stop()
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
            if line["deployment"] == "count":
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
        sizes, seen = [], {process}
        for number in range(1, RELOADS + 1):
            self.deploy_counting(host, number)
            code, report = host.reload()
            self.assertEqual(code, 0, report)
            self.assertIn(f"count: replaced 1.0.{number - 1} \u2192 1.0.{number} "
                          "(in a new process, state kept)", report)
            sizes.append(resident_kb(supervisor))
            seen.add(worker_of(host.status(), "count")["process"])
        self.assertEqual(len(seen), RELOADS + 1)
        tally = producer.stop()
        self.kafka.wait_committed(f"{host.group}.count", tally["partitions"], 90)
        host.stop()
        self.assertLess(sizes[-1], sizes[4] + 2048)
        self.assertEqual(strategy_versions(host), [f"1.0.{n}" for n in range(RELOADS + 1)])
        for symbol, said in self.counts(host).items():
            self.assertEqual(said, list(range(1, len(said) + 1)), symbol)

    def test_kill_9_loses_no_state(self):
        host, topic = self.counting_host()
        producer = self.kafka.start_produce(100000, topics=topic, partitions=PARTITIONS, symbols=6,
                                            rate=500)
        host.wait_status("its first signals", lambda _: len(self.counts(host)) == 6)
        for _ in range(3):
            deaths = worker_of(host.status(), "count")["deaths"]
            said = sum(map(len, self.counts(host).values()))
            host.wait_status("more messages", lambda status, said=said: sum(
                map(len, self.counts(host).values())) > said + 300)
            os.kill(worker_of(host.status(), "count")["process"], signal.SIGKILL)
            host.wait_status("its death", lambda status, deaths=deaths: (
                worker_of(status, "count").get("deaths") == deaths + 1 and
                worker_of(status, "count").get("state") == "running"))
        tally = producer.stop()
        self.kafka.wait_committed(f"{host.group}.count", tally["partitions"], 90)
        host.stop()
        for symbol, said in self.counts(host).items():
            # At least once: what was said again is what was said before.
            self.assertEqual(sorted(set(said)), list(range(1, max(said) + 1)), symbol)

    # ---- scripts that misbehave ----

    def test_what_a_handler_does_is_its_own_trouble(self):
        host = self.host(take5={"error_run": 5})
        for name, body in {**BAD, **GOOD}.items():
            file = self.script(host, name, OLD_FORM.format(body=body))
            host.deploy(name, plugin="python", file=file)
        host.start()
        for name in GOOD:
            self.wait_read(host, name)
        for name in ("raises", "exits"):
            status = host.wait_status(f"{name} to be suspended", lambda status, name=name: (
                strategy_of(status, name).get("why") == "errors"))
            self.assertEqual(worker_of(status, name)["deaths"], 0)
        for name in ("dies", "crashes"):
            status = host.wait_status(f"{name} to be held back", lambda status, name=name: (
                strategy_of(status, name).get("why") == "quarantine"))
            self.assertGreaterEqual(worker_of(status, name)["deaths"], 1)
        host.stop()
        self.assertIn("Error processing message: 'close'", self.lines(host, "raises"))
        self.assertIn("SystemExit: 3", self.lines(host, "exits"))
        bars = sum(self.tally["partitions"]["bar_trends"].values())
        self.assertEqual(sum("slept" in line for line in self.lines(host, "sleeps")), bars)
        kept = [line for line in self.lines(host, "keeps") if line.startswith("kept")]
        self.assertEqual(len(kept), bars)
        self.assertEqual(len({line.rsplit(" ", 1)[0] for line in kept}), 1)
        threads = {line for line in self.lines(host, "threads") if line.startswith("thread")}
        self.assertGreaterEqual(len(threads), 10)


main()
