#!/usr/bin/python3
"""`take5 capsule` of a crash of a live host: its state, its order, its reloads, and none of its secrets."""
import glob
import json
import os
import signal
import subprocess

from harness import paths
from harness.host import environment
from harness.scenario import Scenario, main
from harness.waiting import PATIENCE

SECRETS = ("of-kafka-7731", "of-a-sink-7732", "of-a-variable-7733")
ROLES = ("bar_trends", "historic_stats", "asset_trends")


class CapsuleLive(Scenario):
    def setUp(self):
        super().setUp()
        self.name = self.id().rsplit(".", 1)[-1]
        self.capsule = self.path("capsule")
        self.topics = {role: f"{self.name}.{role}" for role in ROLES}
        self.kafka.create(*(f"{topic}:1" for topic in self.topics.values()))

    # ---- hosts ----

    def crashing_host(self, plugin, variables=None, checkpoint=None, hangs=False, **keys):
        host = self.new_host(group=self.name, sections={
            "take5": {"lanes": 1, **({"stuck_ms": 2000} if hangs else {})},
            "kafka": {"sasl.password": SECRETS[0]},
            "sink:webhook": {"header.Authorization": SECRETS[1]},
            "checkpoint": {"interval": "1h", **(checkpoint or {})},
            **{f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}})
        host.drop(plugin)
        host.deploy(plugin, **keys)
        host.drop("good_v1", "good.so")
        host.deploy("good", every=1)
        host.start(**(variables or {}))
        host.wait_status("its partition", lambda status: len(status["assignment"]) == 3)
        return host

    def send(self, count, role="bar_trends"):
        for _ in range(count):
            self.kafka.send(self.topics[role], '{"symbol":"X","price":1}', key="X", partition=0)

    def wait_handled(self, host, count):
        """`good` says one signal a message of bar_trends."""
        self.wait_for(f"{count} signals", lambda: os.path.exists(host.signals) and
                      len(host.read_signals()) >= count)

    def crash_file(self, host):
        files = glob.glob(os.path.join(host.directory, "state", "crash", "*.crash"))
        self.assertEqual(len(files), 1, files)
        return files[0]

    # ---- capsules ----

    def take5(self, *arguments, code=0, **variables):
        done = subprocess.run([paths.HOST, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False,
                              env={**environment(), **variables}, cwd=self.directory,
                              timeout=120 * PATIENCE)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done

    def make(self, host, *arguments, code=0, **variables):
        return self.take5("capsule", "make", "-c", host.ini, "-o", self.capsule, *arguments,
                          self.crash_file(host), code=code, **variables)

    def verify(self, code=0, **variables):
        return json.loads(self.take5("capsule", "verify", "--json", self.capsule, code=code,
                                     **variables).stdout)

    def reproduces(self, crash, **variables):
        found = self.verify(**variables)
        self.assertEqual((found["reproduced"], found["same"]), (True, 3), found)
        self.assertRegex(found["crash"], crash)
        self.assertEqual(found["attempts"], [found["crash"]] * 3)

    def messages(self):
        with open(os.path.join(self.capsule, "messages.jsonl"), encoding="utf-8") as file:
            return [(item["topic"], item["offset"]) for item in map(json.loads, file)]

    # ---- scenarios ----

    def test_state_order_and_reload_are_those_of_the_host(self):
        """It crashes at a message of one topic behind so many of two, counted over a checkpoint and a
        reload."""
        variables = {"WORD": SECRETS[2]}
        host = self.crashing_host("crash_count", variables, word="${WORD}")
        self.send(4)
        self.wait_handled(host, 4)
        self.assertEqual(host.ctl("checkpoint")[0], 0)
        self.send(2)
        self.wait_handled(host, 6)
        host.deploy("crash_count", word="${WORD}", after=10)
        self.assertEqual(host.reload()[0], 0)
        self.send(8)
        self.wait_handled(host, 14)
        self.send(1, "historic_stats")
        self.assertEqual(host.process.wait(60), -signal.SIGSEGV)

        self.make(host, **variables)
        bars, stats = self.topics["bar_trends"], self.topics["historic_stats"]
        self.assertEqual(self.messages(), [*((bars, offset) for offset in range(4, 14)),
                                           (stats, 0)])
        self.assertTrue(os.path.exists(os.path.join(self.capsule, "1.ini")))
        for folder, _, names in os.walk(self.capsule):
            for name in names:
                with open(os.path.join(folder, name), "rb") as file:
                    data = file.read()
                for secret in SECRETS:
                    self.assertNotIn(secret.encode(), data, f"{secret} is in {name}")
        self.reproduces(rf"^SIGSEGV in on_message at {stats}/0/0, in crash \(plugin\.h:\d+\)$",
                        **variables)

        said = self.take5("capsule", "run", "--gdb", self.capsule, "--", "-batch", "-nx",
                          "-ex", "continue", "-ex", "up", "-ex", "print self->count",
                          "-ex", "print message->offset", **variables).stdout
        self.assertRegex(said, r"(?m)^\$1 = 14$")
        self.assertRegex(said, r"(?m)^\$2 = 0$")

        # Also when the host goes on without it; in which order it took what was not committed is lost.
        subprocess.run(["rm", "-r", self.capsule], check=True)
        host.start(**variables)
        host.wait_status("the culprit alone to be held back", lambda status: {
            item["name"]: item["state"] for item in status["strategies"]} == {
                "crash_count": "suspended", "good": "running"})
        self.send(2)
        self.kafka.wait_committed(host.group, {bars: {"0": 16}, stats: {"0": 1}})
        self.assertEqual(host.ctl("checkpoint")[0], 0)
        host.stop()
        self.make(host, **variables)
        self.reproduces(rf"^SIGSEGV in on_message at {stats}/0/0, in ", **variables)

    def test_state_and_order_are_those_of_the_state_topic(self):
        states = f"{self.name}.states"
        host = self.crashing_host("crash_count", after=10, checkpoint={"store": "kafka",
                                                                       "topic": states})
        self.send(8)
        self.wait_handled(host, 8)
        self.assertEqual(host.ctl("checkpoint")[0], 0)
        self.send(2)
        self.wait_handled(host, 10)
        bars, stats = self.topics["bar_trends"], self.topics["historic_stats"]
        # A checkpoint above what is committed is not what the next start goes on with.
        self.kafka.wait_committed(host.group, {bars: {"0": 10}})
        self.send(1, "historic_stats")
        self.assertEqual(host.process.wait(60), -signal.SIGSEGV)
        self.assertEqual(self.make(host).stderr.count("without a state"), 0)
        self.assertEqual(self.messages(), [(bars, 8), (bars, 9), (stats, 0)])
        self.reproduces(rf"^SIGSEGV in on_message at {stats}/0/0, in ")

        # Also when the host goes on without it.
        subprocess.run(["rm", "-r", self.capsule], check=True)
        host.start()
        host.wait_status("the culprit alone to be held back", lambda status: {
            item["name"]: item["state"] for item in status["strategies"]} == {
                "crash_count": "suspended", "good": "running"})
        self.send(2)
        self.kafka.wait_committed(host.group, {bars: {"0": 12}, stats: {"0": 1}})
        self.assertEqual(host.ctl("checkpoint")[0], 0)
        host.stop()
        self.assertEqual(self.make(host).stderr.count("without a state"), 0)
        self.assertEqual(self.messages(), [(bars, 8), (bars, 9), (stats, 0)])
        self.reproduces(rf"^SIGSEGV in on_message at {stats}/0/0, in ")

    def test_without_a_checkpoint_it_begins_with_the_first_message(self):
        host = self.crashing_host("crash_message", offset=3)
        self.send(4)
        self.assertEqual(host.process.wait(60), -signal.SIGSEGV)
        subprocess.run(["rm", "-r", os.path.join(host.directory, "state", "checkpoints")],
                       check=True)
        self.assertIn("without a state", self.make(host).stderr)
        bars = self.topics["bar_trends"]
        self.assertEqual(self.messages(), [(bars, offset) for offset in range(4)])
        self.reproduces(rf"^SIGSEGV in on_message at {bars}/0/3\b")

    def test_a_loop_comes_again(self):
        host = self.crashing_host("crash_deep_loop", hangs=True, offset=1)
        self.send(2)
        self.assertEqual(host.process.wait(60), 1)
        self.make(host)
        found = json.loads(self.take5("capsule", "verify", "--json", "--timeout", "12s",
                                      self.capsule).stdout)
        self.assertRegex(found["crash"], rf"^hang in on_message at {self.topics['bar_trends']}/0/1")

    def test_what_only_a_live_host_does_is_said_not_to_reproduce(self):
        host = self.crashing_host("ends_signal_trap", offset=2)
        self.send(3)
        self.assertEqual(host.process.wait(60), -signal.SIGTRAP)
        self.make(host)
        found = self.verify(code=1)
        self.assertEqual((found["reproduced"], found["same"]), (False, 0))
        self.assertIn("does not reproduce", self.take5("capsule", "verify", self.capsule,
                                                       code=1).stdout)

    def test_from_a_recording_where_the_topics_have_it_no_more(self):
        host = self.crashing_host("crash_message", offset=3)
        self.send(4)
        self.assertEqual(host.process.wait(60), -signal.SIGSEGV)
        day = self.path("day.jsonl")
        self.take5("record", "-q", "-c", host.ini, "-o", day)
        early = self.path("early.jsonl")
        with open(day, encoding="utf-8") as file, open(early, "w", encoding="utf-8") as out:
            out.writelines(item for item in file if json.loads(item)["offset"] < 3)
        self.assertIn(f"offset 3 of {self.topics['bar_trends']} partition 0, is not in the "
                      "recording", self.make(host, "--recording", early, code=1).stderr)
        self.assertFalse(os.path.exists(self.capsule))
        self.make(host, "--recording", day)
        self.reproduces("^SIGSEGV in on_message")

    def test_a_build_that_is_gone_is_named_by_its_hash(self):
        host = self.crashing_host("crash_message", offset=3)
        self.send(4)
        self.assertEqual(host.process.wait(60), -signal.SIGSEGV)
        for path in (*glob.glob(os.path.join(host.directory, "cache", "crash_message*")),
                     *glob.glob(os.path.join(host.directory, "state", "good", "crash_message*")),
                     os.path.join(host.strategies, "crash_message.so")):
            os.unlink(path)
        self.assertRegex(self.make(host, code=1).stderr, "has the hash [0-9a-f]{32} and is gone")
        self.make(host, "--strategies", os.path.dirname(paths.strategy("crash_message")))
        self.reproduces("^SIGSEGV in on_message")

    def test_global_is_refused(self):
        host = self.crashing_host("crash_global", offset=3)
        self.send(4)
        self.assertEqual(host.process.wait(60), -signal.SIGSEGV)
        self.assertIn("crash_global is GLOBAL", self.make(host, code=1).stderr)


if __name__ == "__main__":
    main()
