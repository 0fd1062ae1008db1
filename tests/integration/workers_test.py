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
import urllib.request

from harness import paths
from harness.host import ready
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
QUARANTINED = {"crash_message", "ends_exit", "ends_signal_kill", "hang_message", "spins"}


def children(pid):
    """Of its main thread, with their command lines."""
    with contextlib.suppress(FileNotFoundError):
        with open(f"/proc/{pid}/task/{pid}/children", encoding="utf-8") as file:
            return [int(number) for number in file.read().split()]
    return []


def is_alive(pid):
    """A zombie of somebody else's is none."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[0] != "Z"
    return False


def workers(status):
    return {worker["name"]: worker for worker in status.get("workers", [])}


def states(status):
    return {worker["name"]: worker["state"] for worker in status.get("workers", [])}


def are_running(*names):
    return lambda status: all(states(status).get(name) == "running" for name in names)


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

    def test_it_is_one_host(self):
        host = self.two(http={"enabled": "yes", "port": 0})
        status = host.wait_status("both to read all", is_reading("main", "other"))
        self.assertEqual({strategy["name"]: strategy["worker"] for strategy in
                          status["strategies"]}, {"chain": "main", "copy": "other"})
        self.assertEqual(status["totals"]["messages"], 2 * MESSAGES)
        self.assertEqual(workers(status)["other"]["group"], f"{host.group}.other")
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
        host.deploy("chain", worker="other")
        code, text = host.reload()
        self.assertEqual(code, 1)
        self.assertIn("[strategy:chain] worker is now other, was main", text)
        host.deploy("chain")
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

    def test_a_worker_that_dies_or_stands_still_is_begun_again(self):
        host = self.two()
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
        self.assertEqual(states(status)["other"], "down")
        host.wait_event("worker.down", "worker other")
        self.assertEqual(workers(status)["main"]["process"], main_process)
        code, out, err = host.ctl("restart", "other")
        self.assertEqual(code, 0, out + err)
        host.wait_status("it to be back", are_running("main", "other"))
        self.wait_read(host)
        self.wait_read(host, f"{host.group}.other")
        host.stop()

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
