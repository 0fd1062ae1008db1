#!/usr/bin/python3
"""Strategies in workers: what one of them does is nobody else's trouble, and the host is one host.

Worker `main` runs the strategy `chain`, whose signals tell what it was handed; the other workers run
every plugin that dies, hangs, spins, leaks, floods or is slow. What `chain` says is compared, line
by line, with what it says in a host without them.
"""
import contextlib
import json
import os
import re
import signal
import urllib.error
import urllib.request

from harness import paths
from harness.host import ready
from harness.process import children, is_alive
from harness.receiver import Receiver
from harness.scenario import Scenario, main

ROLE = "bar_trends"
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
    **{f"crash_deep_{how}": AT for how in
       ("library", "loop", "stop", "store", "stripped", "symbols")},
    "crash_load": {},  # at its second start
    "crash_timer": {},
    **{f"ends_{how}": AT for how in
       ("handlers", "kill", "library_crash", "library_exit", "pthread_exit", "quick_exit",
        "signal_sys", "signal_trap", "thread", "two", "underscore_exit")},
    "ends_save": {},
}
REFUSED = {  # by the rehearsal: nothing of it works here
    "crash_constructor": {}, "crash_create": {}, "crash_exit": {}, "crash_maximum": {"depth": 10},
    "crash_save": {}, "exit_create": {}, "hang_constructor": {}, "hang_create": {},
    "meddles_stuck": {},
}
ENDS_RAW = {"ends_raw_exit", "ends_raw_kill"}  # end their process, which no crash file tells of
RUNS = {  # what they do ends nobody, or only when they go
    "crash_event": {},
    **{f"ends_{how}": AT for how in ("alarm", "cancel", "children", "destructor", "fork",
                                     "session", "unblocked")},
    **{plugin: AT for plugin in sorted(ENDS_RAW)},
    **{f"leaves_{what}": {} for what in ("file", "mapping", "memory", "thread")},
    "meddles": {"what": "fork", "live": "yes", "once": "yes"},
    "pools": {},
    "wakes": {},
}
LANES = {"ends_two": 2}
AT_ONCE = 6
QUARANTINED = {"crash_message", "ends_exit", "ends_signal_kill", "hang_message", "spins"}


def workers(status):
    return {worker["name"]: worker for worker in status.get("workers", [])}


def states(status):
    return {worker["name"]: worker["state"] for worker in status.get("workers", [])}


def are_running(*names):
    return lambda status: all(states(status).get(name) == "running" for name in names)


def is_held_back(plugin):
    return lambda status: workers(status).get(plugin, {}).get("deaths", 0) > 0 and any(
        strategy["worker"] == plugin and strategy.get("why") == "quarantine"
        for strategy in status["strategies"])


def is_refused(plugin):
    """Its worker runs, without it."""
    return lambda status: are_running(plugin)(status) and not any(
        strategy["name"] == plugin and strategy["state"] == "running"
        for strategy in status["strategies"])


def is_at_work(plugin):
    return lambda status: are_running(plugin)(status) and any(
        strategy["name"] == plugin and strategy["messages"] > AT["offset"]
        for strategy in status["strategies"])


def is_reading(*names):
    """The workers have read all of the topic."""
    return lambda status: are_running(*names)(status) and all(
        sum(lane["messages"] for lane in status["lanes"] if lane["worker"] == name) >= MESSAGES
        for name in names)


class Workers(Scenario):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.topic = f"workers.{ROLE}"
        cls.kafka.create(f"{cls.topic}:{PARTITIONS}")
        cls.tally = cls.kafka.produce(MESSAGES, topics=cls.topic, partitions=PARTITIONS, symbols=40)

    def host(self, name="host", **sections):
        given = {f"topic:{role}": {"topic": self.topic if role == ROLE else ""}
                 for role in (ROLE, "historic_stats", "asset_trends")}
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
        status = host.wait_status("the slow one to be at work", lambda status: any(
            lag["worker"] == "slow_message" and lag["lag"] > 0 for lag in status["lag"]))
        self.assertEqual([lag for lag in status["lag"]
                          if lag["worker"] == "main" and lag["lag"] > 0], [], "it lags alone")
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
        self.kafka.create(f"{topic}:{PARTITIONS}")
        given = {f"topic__{ROLE}": {"topic": topic}, "checkpoint": {"interval": "1s"}}
        stream = self.kafka.start_produce(10_000_000, rate=300, topics=topic,
                                          partitions=PARTITIONS, symbols=40)
        host = self.host("beside", http={"enabled": "yes", "port": 0}, **given)
        host.deploy("anchor", plugin="chain", worker="anchor")
        host.start()
        self.wait_for("messages behind those that some die at", lambda: sum(
            lane["messages"] for lane in (host.status() or {"lanes": []})["lanes"]) > 4 * 200)
        for fate, plugins in ((self.assert_held_back, HELD_BACK),
                              (self.assert_refused, REFUSED), (self.assert_runs, RUNS)):
            names = sorted(plugins)
            for first in range(0, len(names), AT_ONCE):
                self.run_beside(host, {name: plugins[name]
                                       for name in names[first:first + AT_ONCE]}, fate)
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

    def run_beside(self, host, plugins, assert_fate):
        """They come, meet their fate, and go."""
        mark = host.log_size()
        for plugin, keys in plugins.items():
            library = os.path.join(os.path.dirname(paths.strategy(plugin)), "libraries",
                                   f"libt5{plugin.replace('_library', '')}.so")
            if "_library_" in plugin:
                host.drop(library)
            host.drop(plugin)
            host.deploy(plugin, worker=plugin, **keys)
            if plugin in LANES:
                host.sections[f"worker:{plugin}"] = {"lanes": LANES[plugin]}
        host.write_ini()
        code, said = host.reload(120)
        for plugin in plugins:
            with self.subTest(plugin=plugin):
                assert_fate(host, plugin, mark)
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
        host.write_ini()
        code, said = host.reload(120)
        self.assertEqual(code, 0, said)
        host.wait_status("their workers to be gone", lambda status: not any(
            plugin in states(status) for plugin in plugins))

    def assert_held_back(self, host, plugin, mark):
        if plugin == "crash_load":  # it has something to load then
            host.wait_status("it to work", is_at_work(plugin))
            code, out, err = host.ctl("--worker", plugin, "checkpoint")
            self.assertEqual(code, 0, out + err)
            os.kill(workers(host.status())[plugin]["process"], signal.SIGKILL)
        host.wait_status(f"{plugin} to be held back", is_held_back(plugin))
        host.wait_event("worker.died", f"worker {plugin}:", start=mark)
        host.wait_event("strategy.quarantined", plugin, start=mark)
        self.assertIn(f"strategy {plugin}", ready(self.port(host))[1])

    def assert_refused(self, host, plugin, mark):
        status = host.wait_status(f"{plugin} to be refused", is_refused(plugin))
        host.wait_event("strategy.rejected", plugin, start=mark)
        self.assertEqual(workers(status)[plugin]["deaths"], 0)

    def assert_runs(self, host, plugin, mark):
        status = host.wait_status(f"{plugin} to work", is_at_work(plugin))
        if plugin in ENDS_RAW:
            host.wait_event("worker.died", f"worker {plugin}:", start=mark)
            return
        self.assertEqual(workers(status)[plugin]["deaths"], 0)

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
                self.assertEqual(file.read(), "take5\n", worker["name"])
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

    def test_a_main_worker_that_nothing_names_is_no_fault(self):
        host = self.host(take5={"isolate": "each"}).start()
        host.wait_status("both", are_running("main", "chain"))
        host.wait_event("strategies.none_here", r"\[main\]")
        self.assertEqual(host.events("strategies.none_running"), [])
        host.stop()

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
        host.stop()
        self.assertFalse(os.path.exists(in_the_way[:-len(".new")]))

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
