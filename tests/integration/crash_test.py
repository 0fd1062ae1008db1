#!/usr/bin/python3
"""A strategy that takes the host with it, and what the next start makes of it."""
import glob
import os
import signal

from harness.scenario import Scenario, main


def states(status):
    return {strategy["name"]: strategy["state"] for strategy in status["strategies"]}


class Crash(Scenario):
    def setUp(self):
        super().setUp()
        name = self.id().rsplit(".", 1)[-1]
        self.topics = {role: f"{name}.{role}" for role in
                       ("bar_trends", "historic_stats", "asset_trends")}
        self.kafka.create(*(f"{topic}:1" for topic in self.topics.values()))

    def crashing_host(self, plugin, **keys):
        host = self.new_host(sections={
            "take5": {"stuck_ms": 2000, "error_run": 5},
            **{f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}})
        host.drop(plugin)
        host.deploy(plugin, **keys)
        host.drop("good_v1", "good.so")
        host.deploy("good", every=1)
        return host.start()

    def send(self, count):
        for _ in range(count):
            self.kafka.send(self.topics["bar_trends"], '{"symbol":"X","price":1}', key="X",
                            partition=0)

    def crash_file(self, host):
        files = glob.glob(os.path.join(host.directory, "state", "crash", "*"))
        self.assertEqual(len(files), 1, files)
        with open(files[0], encoding="utf-8") as file:
            return file.read()

    def test_a_crash_is_named_and_the_culprit_starts_suspended(self):
        host = self.crashing_host("crash_message", offset=3)
        self.send(4)
        self.assertEqual(host.process.wait(60), -signal.SIGSEGV)
        for text in (self.crash_file(host), host.log_text()):
            self.assertIn("crash_message", text)
            self.assertIn("on_message", text)
            self.assertIn(self.topics["bar_trends"], text)
            self.assertRegex(text, r"SIGSEGV")
            self.assertRegex(text, r"offset = 3\b")

        mark = host.log_size()
        host.start()
        host.wait_status("the culprit alone to be suspended", lambda status: states(status) == {
            "crash_message": "suspended", "good": "running"})
        self.assertRegex(host.log_text(mark), r"crash_message.*crashed")
        # The others are not held up, and the message that killed it is passed.
        self.send(2)
        self.kafka.wait_committed(host.group, {self.topics["bar_trends"]: {"0": 6}})
        host.stop()

    def test_a_hang_ends_the_host_and_is_remembered(self):
        host = self.crashing_host("hang_message", offset=3)
        self.send(4)
        code = host.process.wait(60)
        self.assertNotEqual(code, 0)
        self.assertRegex(host.log_text(), r"hang_message.*on_message|on_message.*hang_message")
        self.assertIn("hang_message", self.crash_file(host))
        host.start()
        host.wait_status("the culprit alone to be suspended", lambda status: states(status) == {
            "hang_message": "suspended", "good": "running"})
        self.kafka.wait_committed(host.group, {self.topics["bar_trends"]: {"0": 4}})
        host.stop()

    def test_errors_in_a_row_suspend_one_and_leave_the_others(self):
        host = self.crashing_host("error_message")
        self.send(12)
        host.wait_status("the suspension", lambda status: states(status) == {
            "error_message": "suspended", "good": "running"})
        self.kafka.wait_committed(host.group, {self.topics["bar_trends"]: {"0": 12}})
        host.stop()
        self.assertEqual(len(host.read_signals()), 12)
        self.assertRegex(host.log_text(), r"error_message.*suspended")


if __name__ == "__main__":
    main()
