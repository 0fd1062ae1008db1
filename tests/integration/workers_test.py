#!/usr/bin/python3
"""Strategies in workers: what one of them does is nobody else's trouble, and the host is one host.

Worker `main` runs the strategy `chain`, whose signals tell what it was handed; the other workers run
every plugin that dies, hangs, spins, leaks, floods or is slow. What `chain` says is compared, line
by line, with what it says in a host without them.
"""
import collections
import contextlib
import itertools
import json
import os
import re
import shlex
import signal
import urllib.error
import urllib.request

from harness import paths
from harness.host import read_json_lines, ready
from harness.process import children, is_alive
from harness.receiver import Receiver
from harness.scenario import Scenario, main
from harness.screen import Screen, strategies

ROLES = "bar_trends", "historic_stats", "asset_trends"
ROLE = ROLES[0]
MESSAGES = 3000
PARTITIONS = 2

# Worker by its plugin: the plugin's parameters.
BAD = {
    "crash_message": {"offset": 200},
    "ends_exit": {"offset": 200},
    "ends_signal_kill": {"offset": 200},
    "hang_message": {"offset": 200},
    "spins": {"offset": 200},
    "leaks": {},
    "flood_signals": {"symbols": "S00001"},
    "slow_message": {"takes": "50ms"},
}
# The same of all others that die, hang, spin, leak, flood or end what they share, by what becomes of
# them; each in a worker of its own.
AT = {"offset": 200}
HELD_BACK = {  # the crash file names them
    "crash_count": {"after": 100},
    **{f"crash_deep_{how}": AT for how in
       ("library", "loop", "stop", "store", "stripped", "symbols")},
    "crash_global": AT,
    "crash_load": {},  # at its second start
    "crash_message": AT,
    "crash_timer": {},
    **{f"ends_{how}": AT for how in
       ("exit", "handlers", "kill", "library_crash", "library_exit", "pthread_exit", "quick_exit",
        "signal_kill", "signal_sys", "signal_trap", "thread", "two", "underscore_exit")},
    "ends_save": {},
    "hang_message": AT,
    "spins": AT,
}
REFUSED = {  # by the rehearsal: nothing of it works here
    "crash_constructor": {}, "crash_create": {}, "crash_exit": {}, "crash_maximum": {"depth": 10},
    "crash_save": {}, "exit_create": {}, "hang_constructor": {}, "hang_create": {},
    "meddles_stuck": {}, "prints": {"scribble": "yes"},
}
STUCK = {"hang_constructor", "hang_create", "meddles_stuck"}  # until their rehearsal's time is up
SUSPENDED = {"error_message": {}, "leaks": {}}
FLOODS = {"bad_signals": {}, "flood_signals": {}}  # with signals that are refused
CRAWLS = {"slow_message": {"takes": "50ms"}}
RESTARTED = {"ends_raw_exit": AT, "ends_raw_kill": AT}  # no crash file tells of their end
DOWN = {"ends_raw_exit": {"offset": -1}}  # since that comes again and again
RUNS = {  # what they do ends nobody, or only when they go
    "crash_event": {},
    **{f"ends_{how}": AT for how in ("alarm", "cancel", "children", "destructor", "fork",
                                     "session", "unblocked")},
    **{f"leaves_{what}": {} for what in
       ("file", "handler", "mapping", "mask", "memory", "refused", "thread")},
    "meddles": {"what": "fork", "live": "yes", "once": "yes"},
    "meddles_constructor": {},
    "pools": {},
    "thread_in_create": {},
    "wakes": {},
}
HANGS = {"crash_deep_loop", "hang_message", "spins"}  # of those that are held back
LIMITS = {"ends_two": {"lanes": 2}, "leaks": {"memory_max": "700MiB"}}
AT_ONCE = 6
GOOD = "main", "anchor"  # beside whom they are
RATE = 300  # of the stream then, messages a second
MOST_SIGNALS = 10  # a callback
QUARANTINED = {"crash_message", "ends_exit", "ends_signal_kill", "hang_message", "spins"}


def workers(status):
    return {worker["name"]: worker for worker in status.get("workers", [])}


def states(status):
    return {worker["name"]: worker["state"] for worker in status.get("workers", [])}


def are_running(*names):
    return lambda status: all(states(status).get(name) == "running" for name in names)


def is_held_back(name, worker=None):
    """A deployment in that worker, which runs again; by default in one of its own name."""
    worker = worker or name
    return lambda status: (
        are_running(worker)(status) and workers(status)[worker]["deaths"] > 0 and any(
            (strategy["name"], strategy["worker"], strategy["why"]) == (name, worker, "quarantine")
            for strategy in status["strategies"]))


def is_refused(plugin):
    """Its worker runs, without it."""
    return lambda status: are_running(plugin)(status) and not any(
        strategy["name"] == plugin and strategy["state"] == "running"
        for strategy in status["strategies"])


def is_at_work(plugin):
    return lambda status: are_running(plugin)(status) and any(
        strategy["name"] == plugin and strategy["messages"] > AT["offset"]
        for strategy in status["strategies"])


def read_by(status, name):
    """How many messages a worker has read."""
    return sum(lane["messages"] for lane in status["lanes"] if lane["worker"] == name)


def lag_of(status, name):
    """-1: not known of all its partitions."""
    lags = [lag["lag"] for lag in status["lag"] if lag["worker"] == name]
    return sum(lags) if lags and min(lags) >= 0 else -1


def is_level(status, name):
    """It lags by less than comes in a second."""
    return 0 <= lag_of(status, name) < RATE


def is_reading(*names):
    """The workers have read all of the topic."""
    return lambda status: are_running(*names)(status) and all(
        read_by(status, name) >= MESSAGES for name in names)


class Workers(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.topic = f"workers.{ROLE}"
        cls.kafka.create(f"{cls.topic}:{PARTITIONS}")
        cls.tally = cls.kafka.produce(MESSAGES, topics=cls.topic, partitions=PARTITIONS, symbols=40)

    def host(self, name="host", **sections):
        given = {f"topic:{role}": {"topic": self.topic if role == ROLE else ""} for role in ROLES}
        given["take5"] = {"stuck_ms": 1000, "reload_timeout": "2s", "error_run": 5,
                          "rehearsal_messages": 20}
        given["kafka"] = {"session.timeout.ms": 2000}
        for section, keys in sections.items():
            given.setdefault(section.replace("__", ":"), {}).update(keys)
        host = self.new_host(name, group=f"{self.id().rsplit('.', 1)[-1]}.{name}", sections=given)
        host.drop("chain_one_1", "chain.so")
        host.deploy("chain")
        return host

    def two(self, name="host", **sections):
        """Beside `chain` in main, the same as `copy` in the worker `other`."""
        host = self.host(name, **sections)
        host.deploy("copy", plugin="chain", worker="other")
        return host.start()

    def said(self, host):
        """By partition, in order."""
        by_partition = {}
        for line in host.read_signals():
            if line["deployment"] == "chain":
                by_partition.setdefault(line["partition"], []).append(json.dumps(line))
        return by_partition

    def wait_read(self, host, group=None):
        self.kafka.wait_committed(group or host.group, self.tally["partitions"])

    def test_a_bad_neighbour_costs_nothing(self):
        alone = self.host("alone").start()
        self.wait_read(alone)
        alone.stop()
        host = self.host("beside", http={"enabled": "yes", "port": 0},
                         worker__leaks={"memory_max": "700MiB"}, worker__spins={"nice": 19})
        for plugin, keys in BAD.items():
            host.drop(plugin)
            host.deploy(plugin, worker=plugin, **keys)
        host.start()
        self.wait_read(host)
        host.wait_status("the slow one to lag, alone", lambda status: any(
            lag["worker"] == "slow_message" and lag["lag"] > 0 for lag in status["lag"]) and all(
                lag["lag"] == 0 for lag in status["lag"] if lag["worker"] == "main"))
        for plugin in sorted(QUARANTINED):
            status = host.wait_status(f"{plugin} to be held back in its worker", lambda status: (
                states(status).get(plugin) == "running" and any(
                    strategy["worker"] == plugin and strategy.get("why") == "quarantine"
                    for strategy in status["strategies"])))
            self.assertGreaterEqual(workers(status)[plugin]["deaths"], 1)
        self.assertGreaterEqual(workers(status)["ends_signal_kill"]["deaths"], 2)
        self.assertEqual(workers(status)["main"]["deaths"], 0)
        host.wait_log(r"\[leaks\] .*(no memory|out of memory|Cannot allocate memory)")
        slow = next(strategy for strategy in status["strategies"]
                    if strategy["name"] == "slow_message")
        self.assertGreater(slow["slow"] + slow["messages"], 0)
        self.assertLess(slow["messages"], MESSAGES)
        _, checks = ready(self.port(host))
        self.assertIn("strategy crash_message", checks)
        host.stop()
        self.assertEqual(self.said(host), self.said(alone))
        self.assertEqual(sum(map(len, self.said(alone).values())), len(alone.read_signals()))
        self.assertGreater(len(alone.read_signals()), 100)

    def wait_findings(self, host, **expected):
        """Until the deployments have findings of just these kinds; gives the findings."""
        def kinds(status, name):
            return {finding["kind"] for finding in status["findings"]
                    if finding["deployment"] == name}
        return host.wait_status("the findings", lambda status: all(
            kinds(status, name) == set(wanted) for name, wanted in expected.items()))["findings"]

    def test_why_no_signal(self):
        """Live, of each worker: in the status for programs, and below the strategy for people."""
        topics = {role: f"{self.topic}.why.{role}" for role in (ROLE, "historic_stats")}
        self.kafka.create(*(f"{topic}:{PARTITIONS}" for topic in topics.values()))
        # Each partition number has one symbol.
        self.kafka.produce(1000, topics=topics[ROLE], partitions=PARTITIONS, symbols=PARTITIONS)
        host = self.host(**{f"topic__{role}": {"topic": topic} for role, topic in topics.items()})
        host.drop("mute")
        host.deploy("mute")
        host.deploy("filtered", plugin="mute", time_frames=77, worker="other")
        host.start()
        wants = "parameter_unknown", "parameter_unread", "topic_absent"
        found = self.wait_findings(host, chain=[], mute=[*wants, "field_absent", "silent"],
                                   filtered=[*wants, "filtered"])
        self.assertEqual({(item["deployment"], item["worker"]) for item in found},
                         {("mute", "main"), ("filtered", "other")})

        # The symbol of one partition number comes on the other one of the other topic; so often
        # that one of them is looked at.
        symbol = next(record["key"] for record in self.kafka.read(topics[ROLE])
                      if record["partition"] == 0)
        line = json.dumps({"symbol": symbol, "timestamp": "2024-06-17T21:15:30Z",
                           "stats": {"stdDev": 5}})
        self.kafka.send(topics["historic_stats"], f"\x01{symbol}\x02".join([line] * 64), key=symbol,
                        partition=1)
        found = self.wait_findings(
            host, mute=[*wants[:2], "field_absent", "silent", "join_apart"],
            filtered=[*wants[:2], "filtered"])
        code, said, _ = host.ctl("status")
        self.assertEqual(code, 0)
        said = " ".join(said.split())
        for finding in found:
            self.assertIn(finding["text"], said)
        host.stop()

    def test_every_way_to_die_in_turn_under_load(self):
        topic = f"{self.topic}.load"
        self.stats = f"{topic}.stats"
        self.kafka.create(f"{topic}:{PARTITIONS}", f"{self.stats}:{PARTITIONS}")
        given = {f"topic__{ROLE}": {"topic": topic}, "topic__historic_stats": {"topic": self.stats},
                 "take5": {"max_signals_per_callback": MOST_SIGNALS},
                 "checkpoint": {"interval": "1s"}}
        stream = self.kafka.start_produce(10_000_000, rate=RATE, topics=topic,
                                          partitions=PARTITIONS, symbols=40)
        host = self.host("beside", http={"enabled": "yes", "port": 0}, **given)
        host.deploy("anchor", plugin="chain", worker="anchor")
        host.start()
        self.wait_for("messages behind those that some die at", lambda: sum(
            lane["messages"] for lane in (host.status() or {"lanes": []})["lanes"]) > 4 * 200)
        self.wait_level(host, topic)
        for fate, plugins in ((self.assert_held_back, HELD_BACK),
                              (self.assert_refused, REFUSED), (self.assert_runs, RUNS),
                              (self.assert_suspended, SUSPENDED), (self.assert_floods, FLOODS),
                              (self.assert_crawls, CRAWLS), (self.assert_restarted, RESTARTED),
                              (self.assert_down, DOWN)):
            names = sorted(plugins)
            for first in range(0, len(names), AT_ONCE):
                self.run_beside(host, {name: plugins[name]
                                       for name in names[first:first + AT_ONCE]}, fate, topic)
        self.assertEqual({name: worker["deaths"] for name, worker in
                          workers(host.status()).items()}, {"main": 0, "anchor": 0})
        tally = stream.stop()
        self.kafka.wait_committed(host.group, tally["partitions"])
        host.stop()
        alone = self.host("alone", **given).start()
        self.kafka.wait_committed(alone.group, tally["partitions"])
        alone.stop()
        self.assertEqual(self.said(host), self.said(alone))
        self.assertGreater(len(alone.read_signals()), 100)
        flood = collections.Counter(
            (line["partition"], line["offset"])
            for line in read_json_lines(f"{host.signals}.flood_signals"))
        self.assertEqual(set(flood.values()), {MOST_SIGNALS})

    def run_beside(self, host, plugins, assert_fate, topic):
        """They come, meet their fate, and go. What they do to others is looked at while they are
        where it led them."""
        mark = host.log_size()
        for plugin, keys in plugins.items():
            library = os.path.join(os.path.dirname(paths.strategy(plugin)), "libraries",
                                   f"libt5{plugin.replace('_library', '')}.so")
            if "_library_" in plugin:
                host.drop(library)
            host.drop(plugin)
            host.deploy(plugin, worker=plugin, **keys)
            if plugin in LIMITS:
                host.sections[f"worker:{plugin}"] = LIMITS[plugin]
        if STUCK & plugins.keys():
            host.sections["take5"]["rehearsal_timeout"] = "2s"
        host.write_ini()
        code, said = host.reload(120)
        for plugin in plugins:
            with self.subTest(plugin=plugin):
                assert_fate(host, plugin, mark)
        self.wait_level(host, topic)
        # A worker that dies while it is asked, or is between two lives, is said, and fails the
        # reload too; one that ends by itself may still say so.
        if assert_fate == self.assert_refused or not re.search(
                r"(?m)^worker \S+: |^reload aborted, .*: the host is stopping$", said):
            self.assertEqual(code != 0, assert_fate == self.assert_refused, said)
        for plugin in plugins:
            host.withdraw(plugin)
            os.unlink(os.path.join(host.strategies, f"{plugin}.so"))
            library = os.path.join(host.strategies, f"libt5{plugin.replace('_library', '')}.so")
            if os.path.exists(library):
                os.unlink(library)
            host.sections.pop(f"worker:{plugin}", None)
        host.sections["take5"].pop("rehearsal_timeout", None)
        host.write_ini()
        code, said = host.reload(120)
        self.assertEqual(code, 0, said)
        host.wait_status("their workers to be gone", lambda status: not any(
            plugin in states(status) for plugin in plugins))

    def wait_level(self, host, topic):
        """The good ones have read what comes in the next second too, and lag by no more than when
        they are alone, which is what came since they last committed."""
        goal = RATE + sum(self.kafka.end(topic, number) for number in range(PARTITIONS))
        host.wait_status(f"{' and '.join(GOOD)} to be level", lambda status: all(
            read_by(status, name) >= goal and is_level(status, name) for name in GOOD))
        for name in GOOD:
            checks = ready(self.port(host), name)[1]
            self.assertEqual([check for check in checks.values() if check["status"] == "fail"], [])

    def check(self, host, worker, name):
        """What readiness says of it."""
        check = ready(self.port(host), worker)[1][name]
        return f"{check['status']}: {check['detail']}"

    def assert_held_back(self, host, plugin, mark):
        if plugin in ("crash_count", "crash_load"):
            host.wait_status("it to work", is_at_work(plugin))
        if plugin == "crash_count":
            self.kafka.produce(PARTITIONS, topics=self.stats, partitions=PARTITIONS,
                               symbols=PARTITIONS)
        if plugin == "crash_load":  # it has something to load then
            code, out, err = host.ctl("--worker", plugin, "checkpoint")
            self.assertEqual(code, 0, out + err)
            os.kill(workers(host.status())[plugin]["process"], signal.SIGKILL)
        host.wait_status(f"{plugin} to be held back", is_held_back(plugin))
        host.wait_event("worker.died", f"worker {plugin}:", start=mark)
        host.wait_event("strategy.quarantined", plugin, start=mark)
        said = self.check(host, plugin, f"strategy {plugin}")
        self.assertIn("warn: not loaded (quarantine): ", said)
        if plugin in HANGS:  # of others it may be said too, where a crash takes its time to end
            self.assertIn("hang in on_message at ", said)

    def assert_refused(self, host, plugin, mark):
        status = host.wait_status(f"{plugin} to be refused", is_refused(plugin))
        host.wait_event("strategy.rejected", plugin, start=mark)
        self.assertEqual(workers(status)[plugin]["deaths"], 0)
        self.assertIn("warn: something was rejected", self.check(host, plugin, "last reload"))
        self.assertIn("fail: none is running", self.check(host, plugin, "strategies"))

    def assert_runs(self, host, plugin, mark):
        status = host.wait_status(f"{plugin} to work", is_at_work(plugin))
        self.assertEqual(workers(status)[plugin]["deaths"], 0)

    def assert_suspended(self, host, plugin, mark):
        host.wait_status(f"{plugin} to be suspended", lambda status: any(
            strategy["name"] == plugin and (strategy["state"], strategy["suspended"]) ==
            ("suspended", PARTITIONS) for strategy in status["strategies"]))
        host.wait_event("strategy.suspended", plugin, start=mark)
        self.assertEqual(self.check(host, plugin, f"strategy {plugin}"),
                         "warn: 2 of 2 instances suspended (errors)")

    def assert_floods(self, host, plugin, mark):
        status = host.wait_status(f"{plugin} to work", is_at_work(plugin))
        self.assertEqual(workers(status)[plugin]["deaths"], 0)
        strategy, = (item for item in status["strategies"] if item["name"] == plugin)
        self.assertGreater(strategy["refused_signals"], strategy["signals"])
        host.wait_event("signal.rejected", f"{plugin}: signal", start=mark)

    def assert_crawls(self, host, plugin, mark):
        host.wait_status(f"{plugin} to lag alone", lambda status: (
            lag_of(status, plugin) > RATE and all(is_level(status, name) for name in GOOD)))

    def assert_restarted(self, host, plugin, mark):
        host.wait_event("worker.died", f"worker {plugin}:", start=mark)
        status = host.wait_status(f"{plugin} to be back", is_at_work(plugin))
        self.assertGreater(workers(status)[plugin]["starts"], 1)

    def assert_down(self, host, plugin, mark):
        status = host.wait_status(f"{plugin} to be down", lambda status: (
            states(status).get(plugin) == "down"))
        host.wait_event("worker.down", f"worker {plugin} ", start=mark)
        self.assertEqual(workers(status)[plugin]["deaths"], 5)
        self.assertIn("fail: down: it died 5 times", self.check(host, plugin, "worker"))

    def test_it_is_one_host(self):
        # As little memory as is accepted: it starts with that.
        host = self.two(http={"enabled": "yes", "port": 0}, worker__other={"memory_max": "208MiB"})
        status = host.wait_status("both to read all", is_reading("main", "other"))
        self.assertEqual({strategy["name"]: strategy["worker"] for strategy in
                          status["strategies"]}, {"chain": "main", "copy": "other"})
        self.assertEqual(status["totals"]["messages"], 2 * MESSAGES)
        self.assertEqual(workers(status)["other"]["group"], f"{host.group}.other")
        for worker in status["workers"]:
            with open(f"/proc/{worker['process']}/comm", encoding="utf-8") as file:
                self.assertEqual(file.read(), "take5\n", "as ps and pgrep know it")
        code, out, _ = host.ctl("--worker", "other", "status", "--json")
        self.assertEqual((code, [s["name"] for s in json.loads(out)["strategies"]]), (0, ["copy"]))
        code, out, err = host.ctl("suspend", "copy")
        self.assertEqual(code, 0, out + err)
        self.assertIn("copy: suspended", out)
        asked, = (line for line in host.events("control.requested") if '"suspend copy"' in line)
        who = int(re.search(r"by user \d+ \(process (\d+)\)", asked).group(1))
        ours = {worker["process"] for worker in status["workers"]} | {host.process.pid}
        self.assertNotIn(who, ours, "who asked the host, and not the supervisor who asked a worker")
        code, out, _ = host.ctl("checkpoint")
        self.assertEqual(sorted(line.split(":")[0] for line in out.splitlines()),
                         ["main", "other"])
        code, out, err = host.take5("check", "-c", host.ini)
        self.assertIn(f"worker other (group {host.group}.other, 1 lane): copy\n", out, err)
        lines = self.wait_top(host, "the deployments of both", lambda lines: (
            strategies(lines) == ["chain", "copy"]))
        self.assertEqual([line for line in lines if line.startswith("worker ")], [])
        port = self.port(host)
        code, checks = ready(port)
        self.assertEqual(code, 200, checks)
        text = self.get(port, "/metrics")
        self.assertRegex(text, r'(?m)^take5_messages_total\{worker="main".*\} 3000$')
        self.assertRegex(text, r'(?m)^take5_messages_total\{worker="other".*\} 3000$')
        self.assertEqual(len(re.findall("(?m)^# TYPE take5_messages_total ", text)), 1)
        self.assertIn('take5_worker_up{worker="other"} 1\n', text)
        self.assertEqual(json.loads(self.get(port, "/strategies/copy"))["name"], "copy")
        results = json.loads(self.get(port, "/algorithm-results?limit=1000"))
        self.assertEqual(results["totalRecords"], len(results["data"]))
        self.assertEqual({item["deployment"] for item in results["data"]}, {"chain", "copy"})
        host.stop()
        lines = [line for line in host.log_text().splitlines() if " event=stop.ended" in line]
        self.assertEqual(sorted(re.search(r"\[(\w+)\]", line).group(1) for line in lines),
                         ["main", "other"])

    def wait_top(self, host, what, probe):
        """Until `take5 top` shows that; gives the lines of its screen."""
        command = shlex.join([paths.HOST, "top", "-c", host.ini, "--interval=300ms"])
        with contextlib.closing(Screen(self, command)) as screen:
            return screen.wait(what, probe)

    def test_a_main_worker_that_nothing_names_is_no_fault(self):
        host = self.host(take5={"isolate": "each"}).start()
        host.wait_status("both", are_running("main", "chain"))
        host.wait_event("strategies.none_here", r"\[main\]")
        self.assertEqual(host.events("strategies.none_running"), [])
        host.stop()

    def held_by(self, pid):
        """What a process has: (descriptors, threads, kB of memory)."""
        with open(f"/proc/{pid}/status", encoding="utf-8") as file:
            of = dict(line.split(":", 1) for line in file)
        return (len(os.listdir(f"/proc/{pid}/fd")), int(of["Threads"]),
                int(of["RssAnon"].split()[0]))

    def port(self, host):
        return int(host.wait_event("http.listening", r"listening on 127\.0\.0\.1:(\d+)").group(1))

    def get(self, port, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.read().decode()

    def test_a_reload_is_judged_whole_and_reported_once(self):
        host = self.two()
        host.wait_status("both", are_running("main", "other"))
        before = {name: worker["process"] for name, worker in workers(host.status()).items()}
        host.drop("chain_one_2", "chain.so")
        host.deploy("third", plugin="chain", worker="third")
        code, text = host.reload()
        self.assertEqual(code, 0, text)
        self.assertIn("chain: replaced", text)
        self.assertIn("copy: replaced", text)
        self.assertIn("third: ", text)
        after = workers(host.status())
        self.assertEqual({name: after[name]["process"] for name in before}, before)
        host.withdraw("third")
        code, text = host.reload()
        self.assertEqual(code, 0, text)
        host.wait_status("the worker to be gone", lambda status: "third" not in states(status))
        for _ in range(20):
            host.process.signal(signal.SIGHUP)
        host.wait_event("reload.begun")
        host.process.signal(signal.SIGTERM)
        self.assertEqual(host.process.wait(), 0, host.log_tail())

    def test_the_last_of_many_reloads_is_in_force(self):
        """Parameters that change with each SIGHUP: in the end those of the last one are in force in
        each worker, and on the way it has forgotten nothing."""
        topics = {role: f"{self.topic}.storm.{role}" for role in ROLES}
        self.kafka.create(*(f"{topic}:1" for topic in topics.values()))
        host = self.host(**{f"topic__{role}": {"topic": topic} for role, topic in topics.items()})
        host.drop("good_v1", "good.so")

        def deploy(number, every):
            for name, worker in (("good", "main"), ("good_too", "other")):
                host.deploy(name, plugin="good", worker=worker, every=every,
                            symbols=f"S00000, STORM{number}")

        def produce(first):
            tally = self.kafka.produce(100, first=first, topics=topics[ROLE], symbols=1)
            for group in (host.group, f"{host.group}.other"):
                self.kafka.wait_committed(group, {topics[ROLE]: {"0": first + tally["delivered"]}})

        def is_in_force(number):
            return lambda status: [
                strategy["symbols_unmet"].split(", ")[-1] for strategy in status["strategies"]
                if strategy["strategy"] == "good"] == 2 * [f"STORM{number}"]

        numbers = itertools.count(1)

        def change():
            number = next(numbers)
            deploy(number, every=2 + number % 2)
            host.process.signal(signal.SIGHUP)
            return len(host.events("reload.begun")) >= 5

        deploy(0, every=1000)
        host.start()
        produce(0)
        self.wait_for("some of many reloads", change, step_s=0)
        last = next(numbers)
        deploy(last, every=7)  # while one goes on
        host.process.signal(signal.SIGHUP)
        status = host.wait_status("the last of them", is_in_force(last))
        self.assertEqual([worker["starts"] for worker in status["workers"]], [1, 1])
        produce(100)
        host.stop()
        self.assertEqual(host.events("reload.failed"), [])
        for worker, path in (("main", host.signals), ("other", f"{host.signals}.other")):
            self.assertEqual([signal["value"] for signal in read_json_lines(path)
                              if signal["strategy"] == "good"], list(range(105, 201, 7)), worker)

    def test_a_worker_that_dies_in_a_reload(self):
        """The report says so, the other one has reloaded, and the host is whole again, but for who
        did it."""
        host = self.two(http={"enabled": "yes", "port": 0})
        host.drop("ends_reload")
        host.deploy("ends_reload", worker="other")
        host.wait_status("both", are_running("main", "other"))
        code, said = host.reload()
        self.assertEqual(code, 0, said)
        host.drop("chain_one_2", "chain.so")
        host.deploy("ends_reload", worker="other", offset=1)
        code, said = host.reload()
        self.assertEqual(code, 1, said)
        self.assertRegex(said, r"(?m)^worker other: .*: the host exited before it responded$")
        self.assertRegex(said, r"(?m)^chain: replaced ")
        host.wait_event("worker.died", r"worker other: .*; its crash file names a strategy")
        status = host.wait_status("it to be back", is_held_back("ends_reload", "other"))
        self.assertEqual([(worker["name"], worker["deaths"]) for worker in status["workers"]],
                         [("main", 0), ("other", 1)])
        files = {strategy["name"]: strategy["hash"] for strategy in status["strategies"]}
        self.assertEqual(files["copy"], files["chain"], "it has the new one too")
        self.wait_for("it to be ready", lambda: ready(self.port(host))[0] == 200)
        self.assertIn("warn: not loaded (quarantine): ",
                      self.check(host, "other", "strategy ends_reload"))
        code, said = host.reload()
        self.assertEqual(code, 0, said)
        for group in (host.group, f"{host.group}.other"):
            self.wait_read(host, group)
        host.stop()

    def places(self, status):
        """Which deployment runs in which worker, and with what parameter."""
        return sorted((strategy["name"], strategy["worker"]) for strategy in status["strategies"]
                      if strategy["state"] == "running")

    def test_what_was_edited_and_not_reloaded_is_not_in_force(self):
        """Whoever dies meanwhile continues with what the others have: no deployment runs twice."""
        host = self.two()
        before = [("chain", "main"), ("copy", "other")]
        status = host.wait_status("both", are_running("main", "other"))
        self.assertEqual(self.places(status), before)
        host.deploy("copy", plugin="chain")
        host.deploy("third", plugin="chain")
        with open(host.ini, encoding="utf-8") as file:
            good = file.read()
        with open(host.ini, "a", encoding="utf-8") as file:
            file.write("\nwhat an editor left half written\n")
        for name in ("main", "other"):
            os.kill(workers(status)[name]["process"], signal.SIGKILL)
        status = host.wait_status("both again", lambda status: (
            are_running("main", "other")(status) and
            all(workers(status)[name]["deaths"] == 1 for name in ("main", "other"))))
        self.assertEqual(self.places(status), before)
        code, text = host.reload()
        self.assertEqual(code, 1, text)
        self.assertIn("take5.ini", text)
        with open(host.ini, "w", encoding="utf-8") as file:
            file.write(good)
        # A reload that cannot be handed to the workers changes nothing.
        in_the_way = os.path.join(host.directory, "run", "workers", ".configuration.new")
        os.mkdir(in_the_way)
        code, text = host.reload()
        self.assertEqual(code, 1, text)
        self.assertIn(in_the_way, text)
        self.assertEqual(self.places(host.status()), before)
        os.rmdir(in_the_way)
        code, text = host.reload()
        self.assertEqual(code, 0, text)
        host.wait_status("all in main", lambda status: self.places(status) == [
            (name, "main") for name in ("chain", "copy", "third")])
        # Somebody may clean the directory.
        os.unlink(in_the_way[:-len(".new")])
        self.assertEqual(host.ctl("restart", "main")[0], 0)
        host.wait_status("it to be back", lambda status: are_running("main")(status) and
                         self.places(status)[0] == ("chain", "main"))
        # What a worker has to say before it has a configuration is a line of the log with its name.
        with open(in_the_way[:-len(".new")], "w", encoding="utf-8") as file:
            file.write("damaged")
        self.assertEqual(host.ctl("restart", "main")[0], 0)
        host.wait_event("worker.down", "worker main")
        host.wait_log(r"^\S+ \S+ ERROR +config +\[main\] .*/\.configuration")
        self.assertEqual(host.reload()[0], 0)
        host.wait_status("it to be back", are_running("main"))
        host.stop()
        self.assertFalse(os.path.exists(in_the_way[:-len(".new")]))

    def test_a_reload_tries_what_its_workers_begin_with_on_messages(self):
        """A worker that begins with a reload is asked to reload as well, before it has read any."""
        host = self.two()
        host.wait_status("both", are_running("main", "other"))
        host.drop("crash_message")
        host.deploy("bad", plugin="crash_message", worker="third")
        code, text = host.reload()
        self.assertEqual(code, 1, text)
        self.assertIn("bad: rejected", text)
        status = host.wait_status("the third one", are_running("main", "other", "third"))
        self.assertEqual(workers(status)["third"]["deaths"], 0)
        self.assertEqual(self.places(status), [("chain", "main"), ("copy", "other")])
        host.stop()

    def test_a_move_keeps_what_was_good(self):
        """The worker that it comes to has no copy of its own, and the file is broken."""
        host = self.two()
        host.drop("crash_message")
        host.deploy("mover", plugin="crash_message", offset=10**9, worker="other")
        host.wait_status("both", are_running("main", "other"))
        self.assertEqual(host.reload()[0], 0)
        with open(os.path.join(host.strategies, "crash_message.so"), "r+b") as file:
            file.truncate(1000)
        host.deploy("mover", plugin="crash_message", offset=10**9, worker="third")
        code, text = host.reload()
        self.assertIn("crash_message.so", text)
        host.wait_event("strategy.last_good", r"\[third\] mover: ")
        self.assertEqual(self.places(host.wait_status("all", are_running("main", "other", "third"))),
                         [("chain", "main"), ("copy", "other"), ("mover", "third")])
        self.assertEqual(code, 1, text)
        host.stop()

    def test_what_an_operator_ordered_outlives_a_worker(self):
        host = self.two()
        host.wait_status("all read", is_reading("main", "other"))
        for order in (("suspend", "copy"), ("drain",)):
            code, out, err = host.ctl(*order)
            self.assertEqual(code, 0, out + err)
        before = workers(host.status())
        mark = host.log_size()
        for name in ("main", "other"):
            os.kill(before[name]["process"], signal.SIGKILL)
        for name in ("main", "other"):
            host.wait_event("partitions.assigned", rf"\[{name}\]", start=mark)
        code, out, err = host.ctl("drain")  # it waits for what was read
        self.assertEqual(code, 0, out + err)
        status = host.status()
        self.assertEqual([status["draining"], status["totals"]["messages"]], [True, 0])
        copy = next(one for one in status["strategies"] if one["name"] == "copy")
        self.assertEqual(copy["why"], "operator", copy)
        self.assertNotIn("is not running", host.log_text(mark))  # main has no such deployment
        self.assertEqual(host.ctl("resume", "copy")[0], 0)
        self.assertEqual(host.ctl("drain", "off")[0], 0)
        os.kill(workers(status)["other"]["process"], signal.SIGKILL)
        status = host.wait_status("it again, as it was before the orders", lambda status: (
            workers(status)["other"]["deaths"] == 2 and self.places(status) ==
            [("chain", "main"), ("copy", "other")]))
        self.assertFalse(status["draining"])
        host.stop()

    def test_what_is_promoted_over_a_suspended_one_runs_on(self):
        host = self.two()
        host.deploy("next", plugin="chain", shadow_of="copy")
        host.wait_status("all read", is_reading("main", "other"))
        self.assertEqual(host.reload()[0], 0)
        for order in (("suspend", "copy"), ("promote", "next")):
            code, out, err = host.ctl(*order)
            self.assertEqual(code, 0, out + err)
        os.kill(workers(host.status())["other"]["process"], signal.SIGKILL)
        host.wait_status("what was promoted, at work", lambda status: (
            workers(status)["other"]["deaths"] == 1 and
            [(one["name"], one["instances"], one["suspended"]) for one in status["strategies"]
             if one["worker"] == "other"] == [("copy", PARTITIONS, 0)]))
        host.stop()

    def test_another_host_in_its_run_directory_is_refused(self):
        host = self.two()
        host.wait_status("both", are_running("main", "other"))
        code, out, err = host.take5(
            "run", "-c", host.ini, *(f"-s{key}" for key in (
                f"control.socket={host.directory}/other.sock", "kafka.group.id=another",
                f"take5.state_dir={host.directory}/s", f"take5.cache_dir={host.directory}/c")))
        self.assertEqual(code, 1, out + err)
        self.assertIn(str(host.process.pid), out + err)
        self.assertEqual(host.ctl("restart", "other")[0], 0)
        host.wait_status("it to be back", lambda status: are_running("main", "other")(status) and
                         workers(status)["other"]["starts"] == 2)
        host.stop()

    def test_a_worker_that_dies_or_stands_still_is_begun_again(self):
        receiver = Receiver().start()
        self.addCleanup(receiver.close)
        host = self.two(alerts={"to": "webhook", "after": "0s"},
                        **{"sink:webhook": {"url": receiver.url}})
        status = host.wait_status("both", are_running("main", "other"))
        main_process = workers(status)["main"]["process"]
        os.kill(workers(status)["other"]["process"], signal.SIGSTOP)
        host.wait_event("worker.hangs", "worker other")
        status = host.wait_status("it to be back", lambda status: (
            states(status).get("other") == "running" and workers(status)["other"]["deaths"] == 1))
        for death in range(2, 6):
            os.kill(workers(status)["other"]["process"], signal.SIGKILL)
            status = host.wait_status("it to be back, or down", lambda status: (
                workers(status)["other"]["deaths"] == death and
                states(status)["other"] in ("running", "down")))
        status = host.wait_status("it to be down", lambda status: (
            states(status)["other"] == "down"))
        host.wait_event("worker.down", "worker other")
        self.assertEqual(workers(status)["main"]["process"], main_process)
        lines = self.wait_top(host, "who is down", lambda lines: any(
            line.startswith("worker  other down: it died 5 times") for line in lines))
        self.assertEqual(strategies(lines), ["chain"])
        alert = receiver.wait_taken(1)[0].json()
        self.assertEqual([alert[key] for key in ("alert", "subject", "state", "worker")],
                         ["worker_down", "other", "firing", "main"])
        code, out, err = host.ctl("restart", "other")
        self.assertEqual(code, 0, out + err)
        host.wait_status("it to be back", are_running("main", "other"))
        self.assertEqual(receiver.wait_taken(2)[1].json()["state"], "resolved")
        self.wait_read(host)
        self.wait_read(host, f"{host.group}.other")
        host.stop()

    def test_two_hundred_deaths_leave_nothing(self):
        """Of workers that run; the supervisor has no more in the end than after the first twenty.
        Five that nothing explains leave a worker down; a reload begins it again."""
        host = self.host()
        victims = [f"victim_{number}" for number in range(4)]
        for name in victims:
            host.deploy(name, plugin="chain", worker=name)
        host.start()
        status = host.wait_status("all to read all", is_reading("main", *victims))
        main_process = workers(status)["main"]["process"]
        after_twenty = None
        for death in range(1, 200 // len(victims) + 1):
            for name in victims:
                os.kill(workers(status)[name]["process"], signal.SIGKILL)
            state = "down" if death % 5 == 0 else "running"
            status = host.wait_status(f"all to be {state} again", lambda status: all(
                (workers(status)[name]["deaths"], states(status)[name]) == (death, state)
                for name in victims))
            if state == "down":
                code, said = host.reload()
                self.assertEqual(code, 0, said)
                status = host.wait_status("all to be back", are_running("main", *victims))
                self.assertEqual(sorted(children(host.process.pid)), sorted(
                    worker["process"] for worker in status["workers"]), "a zombie is a child too")
                after_twenty = after_twenty or self.held_by(host.process.pid)
        descriptors, threads, kb = after_twenty
        # The client that was answered last may be about to go.
        self.wait_for(lambda: f"no more than {after_twenty}: {self.held_by(host.process.pid)}",
                      lambda: all(now <= most for now, most in zip(
                          self.held_by(host.process.pid), (descriptors, threads, kb + 128))))
        self.assertEqual(death, 50)
        self.assertEqual(workers(status)["main"]["process"], main_process)
        host.stop()

    def test_one_that_stands_still_keeps_no_probe_waiting(self):
        """Nor all that HTTP asks of it meanwhile: more than its socket's queue has room for."""
        host = self.two(take5={"stuck_ms": 60000}, http={"enabled": "yes", "port": 0})
        status = host.wait_status("both", are_running("main", "other"))
        port = self.port(host)
        process = workers(status)["other"]["process"]
        os.kill(process, signal.SIGSTOP)
        for _ in range(40):
            self.assertIn('take5_worker_up{worker="main"} 1\n', self.get(port, "/metrics"))
        self.assertIn("live", self.get(port, "/health/live"))
        code, checks = ready(port)
        self.assertEqual(code, 503, checks)
        self.assertIn("other", json.dumps(checks))
        os.kill(process, signal.SIGCONT)
        self.wait_for("it to answer again", lambda: ready(port)[0] == 200)
        self.assertEqual(workers(host.status())["other"]["deaths"], 0)
        host.stop()

    def away(self, worker):
        """The children of the worker's process in sessions of their own; of each instance one."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            with contextlib.suppress(OSError):  # it is gone
                with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                    parent, _, session = file.read().rsplit(")", 1)[1].split()[1:4]
                if int(parent) == worker["process"] and session == pid:
                    found.append(int(pid))
        return found

    def test_what_a_strategy_has_started_ends_with_its_worker(self):
        host = self.host()
        host.drop("ends_session")
        host.deploy("ends_session", worker="other")

        def wait_away(what):
            return self.wait_for(what, lambda: [pid for pids in [
                self.away(worker) for name, worker in workers(host.status() or {}).items()
                if name == "other" and worker["process"]] for pid in pids
                if len(pids) == PARTITIONS])

        def wait_gone(processes):
            self.wait_for("them to end", lambda: not any(map(is_alive, processes)))

        host.start()
        away = wait_away("what it starts")
        os.kill(workers(host.status())["other"]["process"], signal.SIGKILL)
        wait_gone(away)
        host.wait_event("worker.left_behind", r"worker other left \d+ processes behind")
        away = wait_away("what it starts again")
        code, out, err = host.ctl("restart", "other")
        self.assertEqual(code, 0, out + err)
        wait_gone(away)
        away = wait_away("what it starts once more")
        processes = children(host.process.pid)
        host.kill()
        self.wait_for("the workers to end", lambda: not any(map(is_alive, processes)))
        self.assertTrue(all(map(is_alive, away)), "nobody is there to end them")
        mark = host.log_size()
        host.start()
        wait_gone(away)
        host.wait_event("worker.left_behind", "a supervisor that has ended left", start=mark)
        away = wait_away("what the next one starts")
        host.stop()
        self.assertFalse(any(map(is_alive, away)))

    def test_no_process_outlives_the_supervisor(self):
        host = self.two()
        host.wait_status("both", are_running("main", "other"))
        processes = children(host.process.pid)
        self.assertEqual(len(processes), 2)
        host.kill()
        self.wait_for("the workers to end", lambda: not any(map(is_alive, processes)))
        host.start()
        host.wait_status("both to be back", are_running("main", "other"))
        self.wait_read(host)
        self.wait_read(host, f"{host.group}.other")
        host.stop()
        others = os.path.join(host.directory, "signals.jsonl.other")
        with open(others, encoding="utf-8") as file:
            copied = {json.loads(line)["data"]["after"] for line in file}
        self.assertEqual(copied, {json.loads(line)["data"]["after"]
                                  for lines in self.said(host).values() for line in lines})


if __name__ == "__main__":
    main()
