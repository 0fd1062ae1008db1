#!/usr/bin/python3
"""`take5 run --demo` brings its own broker and feed, and sums up at its end."""
import contextlib
import os
import re
import shlex
import signal
import socket
import subprocess
import tempfile
import unittest
import urllib.request

from harness import paths
from harness.host import environment
from harness.process import Process
from harness.waiting import PATIENCE, wait_for

SUMMARY = (r"(\d+) messages in, (\d+) decoded, (\d+) bad, (\d+) signals?, "
           r"\d+ messages/s")


class Demo(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory(prefix="take5-")
        self.addCleanup(self.directory.cleanup)

    def check_summary(self, text):
        match = re.search(SUMMARY, text)
        self.assertIsNotNone(match, text)
        messages, decoded, bad, signals = map(int, match.groups())
        self.assertEqual(messages, decoded + bad)
        self.assertGreater(messages, 0)
        self.assertGreater(signals, 0)

    def test_it_ends_by_itself_with_a_summary(self):
        done = subprocess.run([paths.HOST, "run", "--demo", "--for", f"{int(4 * PATIENCE)}s"],
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, env=environment(),
                              cwd=self.directory.name, timeout=120 * PATIENCE, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.check_summary(done.stdout)
        for strategy in ("momentum", "trend", "cross"):
            self.assertIn(f"{strategy}: loaded", done.stdout)

    def test_ctrl_c_ends_it_as_well(self):
        log = f"{self.directory.name}/log"
        demo = Process([paths.HOST, "run", "--demo"], log, environment=environment(),
                       directory=self.directory.name)
        demo.wait_log(r"by trend", 60)
        demo.signal(signal.SIGINT)
        self.assertEqual(demo.wait(30), 0)
        self.check_summary(demo.log())

    def start(self, *arguments):
        return Process([paths.HOST, "run", "--demo", *arguments], f"{self.directory.name}/log",
                       environment=environment() | {"TMPDIR": self.directory.name},
                       directory=self.directory.name)

    def end(self, demo, code=0):
        demo.signal(signal.SIGINT)
        self.assertEqual(demo.wait(30), code, demo.log())

    def ctl(self, *arguments):
        done = subprocess.run([paths.HOST, "ctl", *arguments], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=environment(), cwd=self.directory.name, timeout=60 * PATIENCE,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_its_first_line_is_the_address_of_its_page(self):
        with socket.socket() as taken:
            with contextlib.suppress(OSError):  # whoever has it already
                taken.bind(("127.0.0.1", 8080))
                taken.listen()
            demo = self.start()
            demo.wait_event("http.listening")
            first = demo.log().splitlines()[0]
            match = re.fullmatch(r"take5: demo: the live page: (http://127\.0\.0\.1:(\d+)/) "
                                 r"\(port 8080 is taken\)", first)
            self.assertIsNotNone(match, first)
            self.assertNotEqual(match.group(2), "8080")
            with urllib.request.urlopen(match.group(1), timeout=30 * PATIENCE) as answer:
                self.assertIn("<title>take5", answer.read().decode())
        demo.wait_event("partitions.assigned")
        demo.wait_log(r"by trend", 60)
        self.end(demo)

    def test_the_directories_and_sinks_of_a_file_count(self):
        directory = self.directory.name
        ini = f"{directory}/take5.ini"
        with open(ini, "w", encoding="utf-8") as file:
            file.write("[take5]\nrun_dir = run\nstate_dir = state\ncache_dir = cache\n"
                       "[signals]\nsinks = jsonl\n[sink:jsonl]\npath = signals.jsonl\n"
                       "[http]\nport = 0\n[dead_letters]\npath = letters.jsonl\n")
        demo = self.start("-c", ini)
        demo.wait_event("http.listening")
        self.ctl("-c", ini, "status")
        demo.wait_event("partitions.assigned")
        self.wait_for_bytes(demo, f"{directory}/signals.jsonl")
        self.end(demo)
        for name in ("run", "state", "cache", "letters.jsonl"):
            self.assertTrue(os.path.exists(f"{directory}/{name}"), name)
        self.assertNotIn("is temporary", demo.log())
        self.assertGreater(os.path.getsize(f"{directory}/signals.jsonl"), 0)

    def wait_for_bytes(self, demo, path):
        wait_for(lambda: f"nothing in {path}; the log: {demo.log_tail()}",
                 lambda: os.path.exists(path) and os.path.getsize(path) > 0, 60)

    def test_what_is_temporary_is_said_and_how_to_ask_it(self):
        demo = self.start("-s", "signals.sinks=jsonl")
        demo.wait_event("partitions.assigned")
        said = demo.log()
        command = shlex.split(re.search(r"`\S*take5 ctl ([^`]*)`", said)[1])
        self.ctl(*command)
        temporary = re.search(r"demo: (\S+) is temporary", said)[1]
        signals = re.search(r"signals are written to (\S+), which is removed", said)[1]
        self.assertTrue(signals.startswith(temporary))
        self.wait_for_bytes(demo, signals)
        self.end(demo)
        self.assertFalse(os.path.exists(temporary))

    def test_one_without_a_message_says_why_and_fails(self):
        demo = self.start("-s", "kafka.bootstrap.servers=127.0.0.1:1")
        demo.wait_event("broker.unreachable")
        self.end(demo, code=1)
        self.assertIn("no message received: cannot reach 127.0.0.1:1", demo.log())

    def test_its_time_counts_from_the_first_message_and_nothing_makes_it_join_twice(self):
        """The group takes three seconds to be joined. A second join the mock broker answers only
        after the session's timeout, and what makes the client join again is an answer about its
        topics at the wrong moment: so it asks seldom."""
        demo = self.start("--for", "1s", "-s", "kafka.debug=metadata", "-s", "log.level=DEBUG")
        self.assertEqual(demo.wait(60), 0, demo.log_tail())
        self.assertGreater(int(re.search(r"(\d+) messages in", demo.log())[1]), 0)
        self.assertIn("Received metadata", demo.log())
        self.assertNotIn("periodic topic and broker list refresh", demo.log())

    def write(self, text):
        path = f"{self.directory.name}/take5.ini"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_a_strategy_directory_that_the_file_names_is_not_replaced(self):
        missing = f"{self.directory.name}/misspelt"
        demo = self.start("-c", self.write(f"[take5]\nstrategy_dir = {missing}\n"))
        self.assertNotEqual(demo.wait(60), 0)
        self.assertIn(missing, demo.log())
        self.assertNotIn("loaded", demo.log())

    def test_what_it_replaces_of_a_file_is_named_and_the_rest_counts(self):
        """The file's own broker would be another one; its state is kept as it says."""
        ini = self.write("[take5]\nstate_dir = state\nkeep_state = yes\n[kafka]\n"
                         "bootstrap.servers = 127.0.0.1:1\ngroup.id = theirs\n"
                         "session.timeout.ms = 20000\n")
        demo = self.start("-c", ini, "-s", "kafka.fetch.wait.max.ms=20")
        demo.wait_log(r"by trend", 60)
        self.end(demo)
        said = re.findall(r"demo: these settings override the configuration's: (.*)", demo.log())
        self.assertEqual(said, ["kafka.bootstrap.servers, kafka.group.id"])
        self.assertTrue(os.listdir(f"{self.directory.name}/state/checkpoints"))

    def test_a_configurations_strategies_are_used(self):
        ini = f"{self.directory.name}/take5.ini"
        with open(ini, "w", encoding="utf-8") as file:
            file.write(f"[take5]\nstrategy_dir = {paths.BUILD}/strategies\n"
                       "[strategy:momentum]\nenabled = no\n[strategy:mine]\nplugin = momentum\n"
                       "window = 1s\nthreshold = 0.001\n")
        done = subprocess.run([paths.HOST, "run", "--demo", "-c", ini, "--for",
                               f"{int(3 * PATIENCE)}s"], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              env=environment(), cwd=self.directory.name, timeout=120 * PATIENCE,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("mine: loaded", done.stdout)
        self.assertNotIn("momentum: loaded", done.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
