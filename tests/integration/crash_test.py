#!/usr/bin/python3
"""A strategy that takes the host with it, and what the next start makes of it."""
import glob
import os
import re
import signal

from harness import paths
from harness.crash_sites import SITES, place
from harness.scenario import Scenario, main


def states(status):
    return {strategy["name"]: strategy["state"] for strategy in status["strategies"]}


def quarantined(name):
    """Whether it alone is held back."""
    return lambda status: states(status) == {name: "suspended", "good": "running"} and all(
        strategy["why"] == "quarantine" and strategy["instances"] == 0
        for strategy in status["strategies"] if strategy["name"] == name)


class Crash(Scenario):
    def setUp(self):
        super().setUp()
        self.name = self.id().rsplit(".", 1)[-1]
        self.sent = 0

    def create_topics(self, partitions=1):
        self.topics = {role: f"{self.name}.{role}" for role in
                       ("bar_trends", "historic_stats", "asset_trends")}
        self.kafka.create(*(f"{topic}:{partitions}" for topic in self.topics.values()))

    def crashing_host(self, plugin, lanes=1, sections=None, hangs=False, **keys):
        """`hangs`: it is soon given up. A host that only crashes, on a slow disk, is not."""
        self.create_topics(partitions=lanes)
        host = self.new_host(group=self.name, sections={
            "take5": {"error_run": 5, "lanes": lanes, **({"stuck_ms": 2000} if hangs else {})},
            **(sections or {}),
            **{f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}})
        host.drop(plugin)
        host.deploy(plugin, **keys)
        host.drop("good_v1", "good.so")
        host.deploy("good", every=1)
        return host.start()

    def send(self, count, partition=0):
        for _ in range(count):
            self.kafka.send(self.topics["bar_trends"], '{"symbol":"X","price":1}', key="X",
                            partition=partition)
        self.sent += count

    def crash_file(self, host):
        files = glob.glob(os.path.join(host.directory, "state", "crash", "*"))
        self.assertEqual(len(files), 1, files)
        with open(files[0], encoding="utf-8") as file:
            return file.read()

    def crash_text(self, host):
        text = ""
        for path in glob.glob(os.path.join(host.directory, "state", "crash", "*.crash")):
            with open(path, encoding="utf-8") as file:
                text += file.read()
        return text

    def assert_others_complete(self, host, committed):
        """The one that is held back costs the others nothing: each message had its signal."""
        self.send(2)
        self.kafka.wait_committed(host.group, {self.topics["bar_trends"]: committed})
        host.stop()
        self.assertEqual(len({signal["id"] for signal in host.read_signals()}), self.sent)

    def ends_once(self, way, code, what, offset=3, callback="on_message"):
        """Named by itself at the first end."""
        plugin = f"ends_{way}"
        host = self.crashing_host(plugin, offset=offset)
        self.send(4)
        self.assertEqual(host.process.wait(60), code)
        text = self.crash_file(host)
        for expected in (f"what = {what}\n", f"deployment = {plugin}\n",
                         f"callback = {callback}\n"):
            self.assertIn(expected, text)
        if callback == "on_message":
            self.assertRegex(text, r"offset = 3\n")
        host.start()
        host.wait_status("the culprit alone to be held back", quarantined(plugin))
        self.assert_others_complete(host, {"0": 6})

    def ends_without_a_word(self, way, code):
        """Nobody can note it: what is in progress tells at the next start, and twice is enough."""
        plugin = f"ends_{way}"
        host = self.crashing_host(plugin)
        self.send(4)
        self.assertEqual(host.process.wait(60), code)
        mark = host.log_size()
        host.start()
        self.assertEqual(host.process.wait(60), code)
        self.assertRegex(host.events("crash.found", mark)[0], rf" {plugin} in "
                         rf"on_message at {self.topics['bar_trends']}/0/3")
        host.start()
        host.wait_status("the culprit alone to be held back", quarantined(plugin))
        self.assert_others_complete(host, {"0": 6})

    def survives(self, way):
        plugin = f"ends_{way}"
        host = self.crashing_host(plugin, offset=1)
        self.send(4)
        self.assert_others_complete(host, {"0": 6})

    def test_exit_in_a_callback_is_named(self):
        self.ends_once("exit", 1, "exit")

    def test_quick_exit_in_a_callback_is_named(self):
        self.ends_once("quick_exit", 1, "exit")

    def test_an_end_of_the_lanes_thread_is_named(self):
        self.ends_once("pthread_exit", 1, "thread ended")

    def test_sigtrap_is_named(self):
        self.ends_once("signal_trap", -signal.SIGTRAP, "SIGTRAP")

    def test_sigsys_is_named(self):
        self.ends_once("signal_sys", -signal.SIGSYS, "SIGSYS")

    def test_a_thread_of_its_own_that_crashes_is_named(self):
        self.ends_once("thread", -signal.SIGSEGV, "SIGSEGV", callback="a thread of its own")

    def test_underscore_exit_in_a_callback_is_named(self):
        self.ends_once("underscore_exit", 1, "exit")

    def test_a_kill_of_the_host_in_a_callback_is_named(self):
        self.ends_once("kill", 1, "kill")

    def test_a_kill_by_the_system_call_is_no_clean_end(self):
        host = self.crashing_host("ends_raw_kill", offset=3)
        self.send(4)
        self.assertEqual(host.process.wait(60), 1)
        self.assertTrue(host.events("process.self_signalled"))

    def in_a_library(self, way, code, what):
        """By a thread in its private library, while nothing is in progress."""
        plugin = f"ends_library_{way}"
        library = f"libt5ends_{way}.so"
        self.create_topics()
        host = self.new_host(group=self.name, sections={
            **{f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}})
        host.drop(os.path.join(os.path.dirname(paths.strategy(plugin)), "libraries", library))
        host.drop(plugin)
        host.deploy(plugin, offset=3)
        host.drop("good_v1", "good.so")
        host.deploy("good", every=1)
        host.start()
        self.send(4)
        self.assertEqual(host.process.wait(60), code)
        text = self.crash_file(host)
        for expected in (f"what = {what}\n", f"deployment = {plugin}\n", "partition = -1\n",
                         "callback = a thread of its own\n"):
            self.assertIn(expected, text)
        mark = host.log_size()
        host.start()
        host.wait_status("the culprit alone to be held back", quarantined(plugin))
        self.assertNotIn("on partition", host.log_text(mark))
        self.assert_others_complete(host, {"0": 6})

    def test_a_thread_of_a_private_library_that_crashes_is_named(self):
        self.in_a_library("crash", -signal.SIGSEGV, "SIGSEGV")

    def test_a_thread_of_a_private_library_that_exits_is_named(self):
        self.in_a_library("exit", 1, "exit")

    def test_an_end_with_nothing_in_progress_is_told_and_accuses_nobody(self):
        host = self.crashing_host("ends_raw_exit", offset=3)
        self.send(4)
        self.assertEqual(host.process.wait(60), 0)
        mark = host.log_size()
        pid = host.process.pid
        host.deploy("ends_raw_exit", offset=99)
        host.start()
        host.wait_event("crash.unexplained", rf"\({pid}\) .*"
                        r"(ends_raw_exit, good|good, ends_raw_exit)", start=mark)
        host.wait_status("both to run", lambda status: states(status) == {
            "ends_raw_exit": "running", "good": "running"})
        mark = host.log_size()
        host.stop()
        host.start()
        host.wait_status("both again", lambda status: states(status) == {
            "ends_raw_exit": "running", "good": "running"})
        self.assertEqual(host.events("crash.found", mark), [])
        self.assertEqual(host.events("crash.unexplained", mark), [])
        host.stop()

    def test_a_burst_of_sigterm_kills_nobody_whose_thread_takes_signals(self):
        host = self.crashing_host("ends_unblocked", offset=1)
        self.send(4)
        self.kafka.wait_committed(host.group, {self.topics["bar_trends"]: {"0": 4}})
        for _ in range(200):
            if not host.process.is_running():
                break
            host.process.signal(signal.SIGTERM)
        self.assertEqual(host.process.wait(60), 0)
        self.assertTrue(host.events("stop.ended"))

    def test_what_signals_do_is_put_back(self):
        host = self.crashing_host("ends_children", offset=1)
        self.send(2)
        host.wait_event("handler.restored", r"SIGTERM.*SIGCHLD.*SIGPIPE")
        host.drop("divides")
        got, said = host.reload()
        self.assertEqual(got, 0, said)
        self.assertRegex(said, r"divides: loaded")
        host.stop()

    def test_a_hang_in_a_destructor_holds_up_no_stop(self):
        host = self.crashing_host("ends_destructor", hangs=True, offset=99)
        self.send(2)
        self.kafka.wait_committed(host.group, {self.topics["bar_trends"]: {"0": 2}})
        host.stop()

    def test_a_kill_is_named_at_the_next_start(self):
        self.ends_without_a_word("signal_kill", -signal.SIGKILL)

    def test_an_alarm_kills_nobody(self):
        self.survives("alarm")

    def test_a_child_that_crashes_is_not_the_host(self):
        self.survives("fork")

    def test_a_lane_cannot_be_cancelled(self):
        self.survives("cancel")

    def test_handlers_stack_and_mask_are_put_back(self):
        host = self.crashing_host("ends_handlers", offset=1)
        self.send(2)
        # Whichever thread looks first puts the handler back, for all.
        host.wait_event("handler.restored", r"SIGSEGV")
        host.wait_event("handler.restored", r"ends_handlers, good .*stack")
        host.wait_event("strategy.meddled", r"signal mask")
        self.send(1)
        self.assertEqual(host.process.wait(60), -signal.SIGSEGV)
        self.assertIn("deployment = ends_handlers\n", self.crash_file(host))
        host.start()
        host.wait_status("the culprit alone to be held back", quarantined("ends_handlers"))
        self.assert_others_complete(host, {"0": 5})

    def test_two_lanes_that_crash_at_once_are_both_named(self):
        host = self.crashing_host("ends_two", lanes=2, offset=0)
        self.send(1, partition=0)
        self.send(1, partition=1)
        self.assertEqual(host.process.wait(60), -signal.SIGSEGV)
        host.start()
        host.wait_status("the culprit alone to be held back", quarantined("ends_two"))
        for partition in (0, 1):
            self.assertRegex(self.crash_text(host), rf"partition = {partition}\noffset = 0\n")
        self.assert_others_complete(host, {"0": 3, "1": 1})

    def test_a_full_pipe_on_stderr_keeps_no_crash_from_its_file(self):
        self.create_topics()
        host = self.new_host(group=self.name, sections={
            "take5": {"stats_interval": "1h"},
            **{f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}})
        os.mkfifo(host.log)
        reader = os.open(host.log, os.O_RDONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, reader)
        host.drop("crash_message")
        host.deploy("crash_message", offset=3)
        host.start()
        host.wait_status("its partition", lambda status: len(status["assignment"]) == 3)
        writer = os.open(host.log, os.O_WRONLY | os.O_NONBLOCK)
        self.addCleanup(os.close, writer)
        with self.assertRaises(BlockingIOError):
            while True:
                os.write(writer, b"x")
        self.send(4)
        self.assertEqual(host.process.wait(60), -signal.SIGSEGV)
        self.assertIn("deployment = crash_message\n", self.crash_file(host))

    def test_a_crash_in_the_save_of_a_stop_is_named(self):
        # Saved at the stop alone.
        host = self.crashing_host("ends_save", sections={"checkpoint": {"interval": 0}})
        self.send(4)
        self.kafka.wait_committed(host.group, {self.topics["bar_trends"]: {"0": 4}})
        host.process.signal(signal.SIGTERM)
        self.assertEqual(host.process.wait(60), -signal.SIGSEGV)
        self.assertRegex(self.crash_file(host), r"deployment = ends_save\n(.*\n)*callback = save\n")
        host.start()
        host.wait_status("the culprit alone to be held back", quarantined("ends_save"))
        self.assert_others_complete(host, {"0": 6})  # and this stop is clean

    def test_a_crash_is_told_with_function_and_line(self):
        name, site = "crash_deep_store", SITES["crash_deep_store"]
        host = self.crashing_host(name, offset=3)
        self.send(4)
        self.assertEqual(host.process.wait(60), -signal.SIGSEGV)
        for text in (self.crash_file(host), host.log_text()):
            self.assertRegex(text, rf"(?m)^at = {site}$")
            self.assertIn("\nstack:\n  " + place("store") + "\n  " + place("call", "deep") + "\n",
                          text)
        mark = host.log_size()
        host.start()
        host.wait_status("the culprit alone to be held back", quarantined(name))
        self.assertRegex(host.events("strategy.quarantined", mark)[0],
                         rf"SIGSEGV in on_message at \S+/0/3, in {site}")
        code, said, error = host.take5("list", "-c", host.ini)
        self.assertEqual(code, 0, error)
        self.assertRegex(said, rf"quarantined as {name}: .*, in {site}")
        # The rehearsal has the message too.
        code, said, error = host.ctl("resume", name)
        self.assertNotEqual(code, 0)
        self.assertRegex(said + error, rf"crashed in on_message \S+/0/3: SIGSEGV in {site}")
        self.assert_others_complete(host, {"0": 6})

    def test_a_loop_is_told_with_function_and_line(self):
        name = "crash_deep_loop"
        host = self.crashing_host(name, hangs=True, offset=3)
        self.send(4)
        self.assertEqual(host.process.wait(60), 1)
        self.assertIn(f"at = {place('loop')}\n", self.crash_file(host))
        mark = host.log_size()
        host.start()
        host.wait_status("the culprit alone to be held back", quarantined(name))
        self.assertIn(f"hang in on_message at {self.topics['bar_trends']}/0/3, in {place('loop')}",
                      host.events("strategy.quarantined", mark)[0])
        self.assert_others_complete(host, {"0": 6})

    def test_a_crash_is_named_and_the_culprit_is_held_back_until_resumed(self):
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
        host.wait_status("the culprit alone to be held back", quarantined("crash_message"))
        self.assertRegex(host.events("strategy.quarantined", mark)[0], "crash_message.*crashed")
        # The others are not held up, and the message that killed it is passed.
        self.send(2)
        self.kafka.wait_committed(host.group, {self.topics["bar_trends"]: {"0": 6}})
        # A reload of the same file changes nothing, and does not fail for it.
        code, said = host.reload()
        self.assertEqual(code, 0, said)
        self.assertTrue(quarantined("crash_message")(host.status()))
        code, said, error = host.take5("list", "-c", host.ini)
        self.assertEqual(code, 0, error)
        self.assertRegex(said, r"quarantined as crash_message: .*SIGSEGV")
        # It is let in through a rehearsal, and the last messages have the one that killed it.
        code, said, error = host.ctl("resume", "crash_message")
        self.assertNotEqual(code, 0)
        self.assertRegex(said + error, r"crashed in on_message .*bar_trends/0/3")
        self.assertTrue(quarantined("crash_message")(host.status()))
        host.deploy("crash_message", offset=99)
        self.assertEqual(host.reload()[0], 0)
        code, said, error = host.ctl("resume", "crash_message")
        self.assertEqual(code, 0, said + error)
        host.wait_status("both to run", lambda status: states(status) == {
            "crash_message": "running", "good": "running"})
        self.send(1)
        self.kafka.wait_committed(host.group, {self.topics["bar_trends"]: {"0": 7}})
        host.stop()
        # What an operator has let in stays in.
        host.start()
        host.wait_status("both to run", lambda status: states(status) == {
            "crash_message": "running", "good": "running"})
        host.stop()

    def test_a_hang_ends_the_host_and_is_remembered(self):
        host = self.crashing_host("hang_message", hangs=True, offset=3)
        self.send(4)
        code = host.process.wait(60)
        self.assertNotEqual(code, 0)
        self.assertRegex(host.log_text(), r"hang_message.*on_message|on_message.*hang_message")
        self.assertIn("hang_message", self.crash_file(host))
        host.start()
        host.wait_status("the culprit alone to be held back", quarantined("hang_message"))
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
        self.assertRegex(host.events("strategy.suspended")[0], "error_message")

    def test_a_first_start_rehearses_with_what_the_topics_have(self):
        self.create_topics(partitions=2)
        self.send(5)
        host = self.new_host(group=self.name, sections={
            **{f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}})
        host.drop("crash_message")
        host.deploy("crash_message", offset=3)
        host.drop("good_v1", "good.so")
        host.deploy("good", every=1)
        host.start()
        host.wait_status("the good one alone to run",
                         lambda status: states(status) == {"good": "running"})
        self.assertRegex(host.events("strategy.rejected")[0],
                         r"crash_message: .*crashed in on_message "
                         rf"{self.topics['bar_trends']}/0/3")
        self.assert_others_complete(host, {"0": 7})

    def test_a_partition_that_is_refused_is_not_said_to_run(self):
        self.create_topics(partitions=2)
        host = self.new_host(group=self.name, sections={
            **{f"topic:{role}": {"topic": topic} for role, topic in self.topics.items()}})
        host.drop("few_create")
        host.deploy("few_create")
        host.start()
        status = host.wait_status("one of two partitions", lambda status: states(status) == {
            "few_create": "partial"})
        strategy = status["strategies"][0]
        self.assertEqual((strategy["instances"], strategy["missing"]), (1, 1))
        self.assertIn("partition 1", strategy["missing_why"])
        self.assertIn("beyond me", strategy["missing_why"])
        code, said, _ = host.ctl("status")
        self.assertEqual(code, 0)
        self.assertRegex(said, r"no instance on 1 of 2 partitions: .*beyond me")
        host.stop()


if __name__ == "__main__":
    main()
